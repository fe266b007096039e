/** What is asked of a declaration before it is registered: once it is, every command meets it. */
import { parseScale, WIDE_ARM, type Arm, type Experiment, type Metric, type Scale } from '../src/core/experiment.js';
import { errorOf, naming, unknownName, UsageError } from '../src/core/errors.js';
import { checkMembers } from '../src/core/registry.js';
import { TRAIN_KIND } from '../src/method/run/required.js';
import { THEORY_KIND } from '../theory/studies/index.js';

/** Kinds of cells that an experiment can have. */
const KINDS = [THEORY_KIND, TRAIN_KIND];

function unknown(what: string, kind: string, given: string, known: readonly string[]): UsageError {
  return new UsageError(`${what}: ${unknownName(kind, given, known).message}`);
}

/** Throws UsageError where a name is none by which files, sections and words of a command can be called. */
export function checkWord(what: string, name: string): void {
  if (!/^\w[\w-]*$/.test(name))
    throw new UsageError(
      `${what}: expected letters of a to z, digits, "-" and "_", as files are called by it, got ${JSON.stringify(name)}`,
    );
}

/** Throws UsageError where a number is not whole, or less than 1. */
export function checkCount(what: string, count: unknown): void {
  if (!Number.isSafeInteger(count) || (count as number) < 1)
    throw new UsageError(`${what}: expected a whole number from 1 on, got ${JSON.stringify(count) ?? 'nothing'}`);
}

/** What is declared by scale, at one at least. Throws UsageError on the name of no scale. */
export function byScale<Declared>(what: string, declared: Readonly<Record<string, Declared>>): [Scale, Declared][] {
  const entries = Object.entries(declared);
  if (entries.length === 0) throw new UsageError(`${what}: expected a scale at least, got none`);
  return entries.map(([name, value]) => [naming(what, () => parseScale(name)), value]);
}

function checkMetric(what: string, metric: Metric): void {
  checkMembers(`${what}: metric`, metric, {
    ...{ key: 'string', label: 'string', short: 'string', unit: 'string', differenceUnit: 'string' },
    ...{ better: 'string', digits: 'number' },
  });
  if (!['higher', 'lower'].includes(metric.better))
    throw unknown(`${what}: metric`, 'value of "better"', metric.better, ['higher', 'lower']);
}

function checkArms(what: string, arms: Readonly<Record<string, Arm>>, baseline: string | undefined): void {
  const names = Object.keys(Object(arms) as object);
  if (names.length === 0) throw new UsageError(`${what}: expected an object with an arm at least, got none`);
  const known = [...names, WIDE_ARM];
  const check = (of: string, name: string | undefined): void => {
    if (name !== undefined && !known.includes(name)) throw unknown(of, 'baseline', name, known);
  };
  check(what, baseline);
  for (const [name, arm] of Object.entries(arms)) {
    checkMembers(`${what}: arm "${name}"`, arm, { spec: 'object' });
    check(`${what}: arm "${name}"`, arm.baseline);
  }
}

/**
 * Throws UsageError, which names the experiment and what was expected, where its names, kind, seeds, metric, arms or
 * baselines are none. Specs are checked where they are run.
 */
export function checkExperiment(experiment: Experiment): void {
  checkMembers('experiment', experiment, {
    ...{ name: 'string', group: 'string', title: 'string', kind: 'string' },
    ...{ seeds: 'object', arms: 'function' },
  });
  const { name, group, kind, seeds, metric, arms, baseline } = experiment;
  const what = `experiment "${name}"`;
  checkWord('experiment: name', name);
  checkWord(`${what}: group`, group);
  if (!KINDS.includes(kind)) throw unknown(what, 'kind of run', kind, KINDS);
  const declared = byScale(`${what}: seeds`, seeds);
  for (const [scale, count] of declared) checkCount(`${what}: seeds: ${scale}`, count);
  if (metric !== undefined) checkMetric(what, metric);
  for (const [scale] of declared) {
    let made: Readonly<Record<string, Arm>>;
    try {
      made = arms(scale);
    } catch (error) {
      throw errorOf(`${what}: arms at scale ${scale}`, error);
    }
    checkArms(`${what}: arms at scale ${scale}`, made, baseline);
  }
}
