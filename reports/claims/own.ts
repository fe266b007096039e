/** Verdicts on settings of a reader's own: each claim's rule, applied to runs whose constants were changed by hand. */
import { EXPERIMENTS } from '../../experiments/registry.js';
import { armSpecs, CUSTOM_SCALE, type Experiment, type Scale } from '../../src/core/experiment.js';
import { hashOf, type Json } from '../../src/core/json.js';
import type { Cell } from '../../src/core/run.js';
import { groupBy } from '../../src/core/group.js';
import type { TableRow } from '../data/rows.js';
import { decideAlone, type Claim, type UncorrectedVerdict } from './claim.js';
import { correctFamily } from './family.js';
import { CLAIMS } from './index.js';
import type { Verdict } from './verdict.js';
import { entryOf } from '../../src/core/registry.js';

/** What the rules say of settings of one's own: of one arm, or of the arms that a claim compares. */
export interface OwnVerdicts {
  readonly experiment: string;
  /** The arm, or several with commas between them. */
  readonly arm: string;
  /** What was changed, as --set takes it: "alpha=0.5, train=32"; empty where nothing was. */
  readonly changes: string;
  readonly seeds: number;
  readonly verdicts: readonly Verdict[];
}

/** Every verdict on runs of one's own. */
export interface OwnJudgement {
  readonly groups: readonly OwnVerdicts[];
  /** Experiments with several settings under one arm, whose arms cannot be compared. */
  readonly several: readonly string[];
}

/** A run of one's own: its id and its cell. */
export interface OwnRun {
  readonly id: string;
  readonly cell: Cell;
}

/** Rows by which claims are decided. */
interface OwnRows {
  readonly rows: readonly TableRow[];
  readonly results: readonly TableRow[];
}

/** Those rows by the ids of their runs: thousands of settings are each decided by a few. */
type RowsByRun = Readonly<Record<keyof OwnRows, ReadonlyMap<string, readonly TableRow[]>>>;

/** Settings in which a spec differs from the declared one, at the scale whose sizes are nearest to its own. */
function changesOf(experiment: Experiment, arm: string, spec: Cell['spec']): string {
  const found = (Object.keys(experiment.seeds) as Scale[]).flatMap((scale) => {
    const declared = entryOf(armSpecs(experiment, scale), arm);
    if (declared === undefined) return [];
    const keys = [...new Set([...Object.keys(spec), ...Object.keys(declared)])];
    return [keys.filter((key) => JSON.stringify(spec[key]) !== JSON.stringify(declared[key]))];
  });
  const fewest = found.reduce((best, keys) => (keys.length < best.length ? keys : best), found[0] ?? []);
  return fewest
    .map((key) => (spec[key] === undefined ? `no ${key}` : `${key}=${JSON.stringify(spec[key])}`))
    .join(', ');
}

/** Runs that one set of claims is decided by. */
interface Group {
  readonly experiment: Experiment;
  readonly runs: readonly OwnRun[];
  readonly claims: readonly Claim[];
}

/** The settings of each arm. */
function settingsByArm(runs: readonly OwnRun[]): OwnRun[][][] {
  const arms = groupBy(runs, ({ cell }) => cell.arm);
  return [...arms.values()].map((mine) => [...groupBy(mine, ({ cell }) => hashOf(cell.spec as Json)).values()]);
}

/**
 * A claim about one arm is decided by each of its settings apart, and so is any where only one arm was run; one that
 * compares arms is decided where each of these has one setting.
 */
function groupsOf(name: string, runs: readonly OwnRun[]): Group[] {
  const experiment = entryOf(EXPERIMENTS, name);
  if (experiment === undefined) return [];
  const claims = Object.values(CLAIMS).filter((claim) => claim.experiment.name === name);
  const arms = settingsByArm(runs);
  const apart = arms.flat().map((mine): Group => {
    const { arm } = mine[0]!.cell;
    const fits = (claim: Claim): boolean =>
      claim.arms === undefined ? arms.length === 1 : claim.arms.length === 1 && claim.arms[0] === arm;
    return { experiment, runs: mine, claims: claims.filter(fits) };
  });
  if (arms.length === 1 || arms.some((settings) => settings.length > 1)) return apart;
  return [...apart, { experiment, runs, claims: claims.filter((claim) => claim.arms?.length !== 1) }];
}

interface Undecided extends Omit<OwnVerdicts, 'verdicts'> {
  readonly kind: string;
  readonly verdicts: readonly UncorrectedVerdict[];
}

function decide({ experiment, runs, claims }: Group, { rows, results }: RowsByRun): Undecided {
  const of = (byRun: RowsByRun['rows']): TableRow[] => runs.flatMap(({ id }) => byRun.get(id) ?? []);
  const input = { scale: CUSTOM_SCALE, rows: of(rows), results: of(results) };
  const byArm = groupBy(runs, ({ cell }) => cell.arm);
  const changes = [...byArm].map(([arm, [first]]) => changesOf(experiment, arm, first!.cell.spec));
  return {
    experiment: experiment.name,
    kind: experiment.kind,
    arm: [...byArm.keys()].join(', '),
    changes: [...new Set(changes)].filter((change) => change !== '').join('; '),
    seeds: new Set(runs.map(({ cell }) => cell.seed)).size,
    verdicts: claims.map((claim) => decideAlone(claim, input)).filter(({ outcome }) => outcome !== 'not run'),
  };
}

/** Verdicts of groups with the correction for all claims of their kind that these decide. */
function corrected(groups: readonly Undecided[]): OwnVerdicts[] {
  const verdicts = new Map<string, Verdict[]>(
    [...groupBy(groups, ({ kind }) => kind)].map(([kind, mine]) => [
      kind,
      correctFamily(mine.flatMap((group) => group.verdicts)),
    ]),
  );
  return groups.map(({ kind, ...group }) => ({
    ...group,
    verdicts: verdicts.get(kind)!.splice(0, group.verdicts.length),
  }));
}

/** The runs whose settings were changed by hand. */
export function ownRuns<Run extends OwnRun>(runs: readonly Run[]): Run[] {
  return runs.filter(({ cell }) => cell.scale === CUSTOM_SCALE);
}

/**
 * Verdicts on the runs of scale "custom", by experiment, arm and settings, with the claims' own rules. As with declared
 * scales, Holm's correction counts every claim about the theory, or about trained networks, that these runs decide.
 */
export function judgeOwn(runs: readonly OwnRun[], rows: OwnRows): OwnJudgement {
  const byExperiment = [...groupBy(ownRuns(runs), ({ cell }) => cell.experiment)];
  // a run that an experiment declares, too, has rows under the names that it has there
  const byRun = (list: readonly TableRow[]): RowsByRun['rows'] =>
    groupBy(
      list.filter(({ scale }) => scale === CUSTOM_SCALE),
      ({ run }) => run,
    );
  const indexed: RowsByRun = { rows: byRun(rows.rows), results: byRun(rows.results) };
  const decided = byExperiment
    .flatMap(([name, mine]) => groupsOf(name, mine))
    .map((group) => decide(group, indexed))
    .filter(({ verdicts }) => verdicts.length > 0);
  const several = byExperiment.filter(([, mine]) => settingsByArm(mine).some((settings) => settings.length > 1));
  return { groups: corrected(decided), several: several.map(([name]) => name) };
}

/** How a group of such runs is called: "width, skip, alpha=0.5 (4 seeds)". */
export function ownTitle({ experiment, arm, changes, seeds }: OwnVerdicts): string {
  const parts = [experiment, arm, ...(changes === '' ? [] : [changes])];
  return `${parts.join(', ')} (${seeds === 1 ? '1 seed' : `${seeds} seeds`})`;
}

/** Why some of these runs are not judged, in a line; undefined where all are that a rule fits. */
export function severalText({ several }: Pick<OwnJudgement, 'several'>): string | undefined {
  return several.length === 0
    ? undefined
    : `One arm has several settings, so that arms are not compared, and no figure is drawn: ${several.join(', ')}. A ` +
        'folder for each setting (--out) lets them be.';
}
