import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  commandOf,
  EXPERIMENTS,
  registerExperiment,
  reproducedExperiments,
  trainExperiment,
  trainExperiments,
} from '../../experiments/registry.js';
import { pointsBeyond } from '../../src/method/run/tuning.js';
import { depthSkip } from '../../experiments/depth-skip.js';
import { resnetAblations, resnetDigits } from '../../experiments/resnet.js';
import { width } from '../../experiments/theory.js';
import { cellsOf, armSpecs, SCALES, type Arm, type Experiment, type Scale } from '../../src/core/experiment.js';
import { checkToRun, parseTrainSpec } from '../../src/method/run/check-spec.js';
import { costOf } from '../../src/method/cost/cost.js';
import type { GradientImitation, TrainSpec } from '../../src/method/spec/spec.js';

const ALL = Object.values(trainExperiments()).flat();
const CASES = ALL.flatMap((experiment) =>
  (Object.keys(experiment.seeds) as Scale[]).map((scale): [string, Scale, Experiment] => [
    experiment.name,
    scale,
    experiment,
  ]),
);

/** A note of docs/notes. */
function note(name: string): string {
  return readFileSync(join(import.meta.dirname, `../../docs/notes/${name}.md`), 'utf8');
}

/** Arms whose number of steps is what changes in them, or follows from their cost. */
const OTHER_STEPS = ['long', 'imitation x 1.5', 'layer by layer'];

describe.each(CASES)('%s at scale %s', (_, scale, experiment) => {
  const specs = armSpecs(experiment, scale);

  test('every arm is a valid spec', () => {
    for (const spec of Object.values(specs)) checkToRun(parseTrainSpec(spec));
    // scale minutes leaves some arms out
    expect(Object.keys(specs).length).toBeGreaterThan(scale === 'minutes' ? 2 : 3);
  });

  test('arms that are compared at equal steps have equal steps, imitation included', () => {
    const arms = Object.entries(experiment.arms(scale)).filter(
      ([arm, { reference }]) => reference !== true && !OTHER_STEPS.includes(arm),
    );
    const stepsAt = new Map<string, Set<number>>();
    for (const [arm, { factors }] of arms) {
      // what is compared differs in the way of training alone
      const compared = JSON.stringify({ ...factors, training: undefined });
      const steps = stepsAt.get(compared) ?? new Set();
      stepsAt.set(compared, steps.add(costOf(parseTrainSpec(specs[arm])).steps));
    }
    for (const steps of stepsAt.values()) expect(steps.size).toBe(1);
  });

  test('the long arm costs what the whole pipeline costs', () => {
    if (specs.long === undefined) return;
    const [long, pipeline] = [specs.long, specs['three-stage']].map((spec) => costOf(parseTrainSpec(spec)));
    if (parseTrainSpec(specs.long).pretrained !== undefined) return;
    expect(long!.flops / (pipeline!.flops + pipeline!.teacherFlops)).toBeCloseTo(1, 1);
  });
});

const EVERY = Object.values(EXPERIMENTS).flatMap((experiment) =>
  SCALES.filter((scale) => experiment.seeds[scale] !== undefined).map(
    (scale) => [experiment.name, scale, experiment.arms(scale), experiment] as const,
  ),
);

describe.each(EVERY)('the facts of %s at scale %s', (_, scale, arms, { baseline, order, kind, metric }) => {
  test('name a baseline that is an arm of it', () => {
    for (const named of [baseline, ...Object.values(arms).map((arm) => arm.baseline)])
      if (named !== undefined && scale !== 'minutes') expect(Object.keys(arms)).toContain(named);
  });

  test('have an order in which every arm stands, and no two arms of one label', () => {
    if (order !== undefined) expect(order).toEqual(expect.arrayContaining(Object.keys(arms)));
    const shown = Object.entries(arms).map(([name, { label, factors }]: [string, Arm]) =>
      JSON.stringify([label ?? name, factors]),
    );
    expect(new Set(shown).size).toBe(shown.length);
  });

  test('name a metric where networks are trained', () => expect(metric !== undefined).toBe(kind === 'train'));
});

/** The rates of a grid, and all that widening may add at its ends: three on each side. */
function widened(grid: readonly number[]): number[] {
  const points = grid.map((rate) => [rate] as const);
  for (let i = 0; i < 3; i++)
    for (const end of [points[0]!, points.at(-1)!]) {
      points.push(...(pointsBeyond(points, end) as typeof points));
      points.sort(([a], [b]) => a - b);
    }
  return points.flat();
}

describe('learning rates', () => {
  const peakOf = (spec: unknown): number => (spec as TrainSpec).training.schedule.peak;
  const tuned = ALL.filter(({ tuning }) => tuning !== undefined);

  test.each(tuned.map((experiment) => [experiment.name, experiment] as const))(
    '%s has a rate on its own grid, or on that grid widened, for each arm but the wide nets',
    (_, { arms, seeds, tuning }) => {
      const rates = widened(tuning!.rates);
      for (const [name, { spec, reference }] of Object.entries(
        arms(seeds.laptop === undefined ? 'overnight' : 'laptop'),
      ))
        if (reference !== true) expect(rates, name).toContain(peakOf(spec));
    },
  );

  /** The rates in bold in a table of the notes on learning rates, by the words of its first column. */
  function chosen(heading: string): [string, number][] {
    const text = note('2026-11-21-learning-rates') + note('2026-11-23-learning-rates-of-small-berts');
    const lines = text.slice(text.indexOf(heading)).split('\n');
    const start = lines.findIndex((line) => line.startsWith('| arm |'));
    const length = lines.slice(start).findIndex((line) => line === '');
    const [head, , ...rows] = lines
      .slice(start, start + length)
      .map((line) => line.split('|').map((one) => one.trim()));
    return rows.map((row) => [row[1]!, Number(head![row.findIndex((one) => one.startsWith('**'))])]);
  }

  const named = (experiment: Experiment, prefix: string, scale: Scale) => (arm: string) =>
    peakOf(experiment.arms(scale)[`${prefix}${arm}`]!.spec);
  test.each<readonly [string, (arm: string) => number]>([
    // which has every arm of scale minutes
    ['`resnet-digits`, scale minutes', named(resnetDigits, '', 'gpu')],
    ['`resnet-digits`, scale laptop', named(resnetDigits, '', 'laptop')],
    ['`resnet-hierarchy`, scale laptop', named(trainExperiment('resnet', 'resnet-hierarchy'), '', 'laptop')],
    ...[4, 8, 16, 32, 64].map(
      (depth) => [`\`depth-skip\`, ${depth} layers, scale laptop`, named(depthSkip, `${depth} `, 'laptop')] as const,
    ),
    ['`bert-glosses`, scale laptop', named(trainExperiment('bert', 'bert-glosses'), '', 'laptop')],
  ])('%s: the declared rate is the best that was measured', (heading, declared) => {
    const table = chosen(heading).filter(([arm, rate]) => !/^wide$/.test(arm) && !Number.isNaN(rate));
    expect(table.length).toBeGreaterThan(5);
    expect(table.map(([arm]) => [arm, declared(arm)])).toEqual(table);
  });
});

test('imitation on glosses has the rate and the share that were the best measured', () => {
  const text = note('2026-11-23-learning-rates-of-small-berts');
  const rows = [...text.matchAll(/^\| ([a-z-]+) \|.*\*\*[\d.]+ \(([\d.]+), ([\d.]+) %\)\*\*/gm)];
  const measured = Object.fromEntries(
    rows.map(([, arm, rate, share]): [string, number[]] => [arm!, [Number(rate), Number(share)]]),
  );
  expect(Object.keys(measured)).toEqual(['three-stage', 'projected-three-stage']);
  const arms = trainExperiment('bert', 'bert-glosses').arms('laptop');
  for (const [arm, tuned] of Object.entries(measured)) {
    const { imitation, training } = arms[arm]!.spec as unknown as TrainSpec;
    const { steps, schedule } = (imitation as GradientImitation).recipe;
    const share = steps / (steps + training.steps);
    expect([schedule.peak, Math.round(1000 * share) / 10], arm).toEqual(tuned);
  }
});

describe('the registry', () => {
  test('refuses a name twice', () => {
    expect(() => registerExperiment({ ...width, title: 'another' })).toThrow(
      'the experiment "width" is registered already',
    );
    expect(EXPERIMENTS.width).toBe(width);
  });

  test('has groups by the declarations, the main experiment first', () => {
    expect(trainExperiment('resnet', undefined)).toBe(resnetDigits);
    expect(trainExperiment('resnet', 'resnet-ablations')).toBe(resnetAblations);
    expect(() => trainExperiment('resnets', undefined)).toThrow('Did you mean "resnet"?');
    expect(() => trainExperiment('bert', 'resnet-digits')).toThrow('unknown experiment "resnet-digits"');
  });

  test('reproduces what the paper claims, not its parts', () => {
    expect(
      reproducedExperiments()
        .map(({ name }) => name)
        .filter((name) => EXPERIMENTS[name]!.kind === 'train'),
    ).toEqual(['resnet-digits', 'depth-skip', 'resnet-hierarchy', 'bert-glosses']);
  });

  test('says which command runs an experiment, or one arm of it', () => {
    expect(commandOf(width, 'laptop')).toBe('gowide theory run width --scale laptop');
    expect(commandOf(depthSkip, 'minutes', '16 plain kd')).toBe(
      "gowide train resnet --experiment depth-skip --arm '16 plain kd' --scale minutes",
    );
    expect(commandOf({ ...width, kind: 'other' }, 'laptop')).toBe('gowide sweep width --scale laptop');
  });
});

test('an arm that costs as much as several others may have fewer seeds; --seeds gives every arm as many', () => {
  const seedsOf = (count?: number): Record<string, number> =>
    Object.fromEntries(
      ['direct', 'long'].map((arm) => [
        arm,
        cellsOf(resnetDigits, 'minutes', 1, count).filter((cell) => cell.arm === arm).length,
      ]),
    );
  expect(seedsOf()).toEqual({ direct: 5, long: 3 });
  expect(seedsOf(4)).toEqual({ direct: 4, long: 4 });
});

test('titles of experiments on pictures name the net and the scale that is declared', () => {
  expect(EXPERIMENTS.cifar10!.title).toBe('CIFAR-10: ResNet-20 at a quarter of its width (overnight)');
  for (const name of ['cifar10', 'cifar10-resnet50', 'fashion-mnist'])
    for (const scale of Object.keys(EXPERIMENTS[name]!.seeds)) expect(EXPERIMENTS[name]!.title).toContain(`(${scale})`);
});
