/** Verdicts on settings of a reader's own: each claim's rule, applied to runs whose constants were changed by hand. */
import { EXPERIMENTS } from '../../experiments/registry.js';
import { armSpecs, type Experiment, type Scale } from '../../src/core/experiment.js';
import type { Cell } from '../../src/core/run.js';
import { THEORY_KIND } from '../../theory/studies/index.js';
import { groupBy, type TableRow } from '../data/rows.js';
import { decideAlone, type UncorrectedVerdict } from './claim.js';
import { CLAIMS } from './index.js';

/** What the rules say of one arm of one study with settings of one's own. */
export interface OwnVerdicts {
  readonly experiment: string;
  readonly arm: string;
  /** What was changed, as --set takes it: "alpha=0.5, train=32"; empty where nothing was. */
  readonly changes: string;
  readonly seeds: number;
  readonly verdicts: readonly UncorrectedVerdict[];
}

/** A run of one's own: its id and its cell. */
interface OwnRun {
  readonly id: string;
  readonly cell: Cell;
}

/** Settings in which a spec differs from the declared one, at the scale whose sizes are nearest to its own. */
function changesOf(experiment: Experiment, arm: string, spec: Cell['spec']): string {
  const found = (Object.keys(experiment.seeds) as Scale[]).flatMap((scale) => {
    const declared = armSpecs(experiment, scale)[arm];
    if (declared === undefined) return [];
    const keys = [...new Set([...Object.keys(spec), ...Object.keys(declared)])];
    return [keys.filter((key) => JSON.stringify(spec[key]) !== JSON.stringify(declared[key]))];
  });
  const fewest = found.reduce((best, keys) => (keys.length < best.length ? keys : best), found[0] ?? []);
  return fewest.map((key) => `${key}=${JSON.stringify(spec[key])}`).join(', ');
}

/**
 * Verdicts on the runs of scale "custom" whose arm is one of their study's, by study, arm and settings. Rules are those
 * of the claims; as such runs belong to no family of claims, nothing is corrected for their number.
 */
export function ownVerdicts(runs: readonly OwnRun[], rows: readonly TableRow[]): OwnVerdicts[] {
  const own = runs.filter(({ cell }) => cell.kind === THEORY_KIND && cell.scale === 'custom');
  const byRun = groupBy(rows, ({ run }) => run);
  const groups = groupBy(own, ({ cell }) => JSON.stringify([cell.experiment, cell.arm, cell.spec]));
  return [...groups.values()].flatMap((group): OwnVerdicts[] => {
    const { experiment: name, arm, spec } = group[0]!.cell;
    const experiment = EXPERIMENTS[name];
    const mine = group.flatMap(({ id }) => byRun.get(id) ?? []);
    const claims = Object.values(CLAIMS).filter(
      (claim) => claim.experiment.name === name && (claim.arms === undefined || claim.arms.includes(arm)),
    );
    if (experiment === undefined || claims.length === 0 || mine.length === 0) return [];
    const changes = changesOf(experiment, arm, spec);
    const verdicts = claims
      .map((claim) => decideAlone(claim, { rows: mine, results: [] }))
      .filter(({ outcome }) => outcome !== 'not run');
    const seeds = new Set(mine.map(({ seed }) => seed)).size;
    return verdicts.length === 0 ? [] : [{ experiment: name, arm, changes, seeds, verdicts }];
  });
}

/** How a group of such runs is called: "width, skip, alpha=0.5 (4 seeds)". */
export function ownTitle({ experiment, arm, changes, seeds }: OwnVerdicts): string {
  const parts = [experiment, arm, ...(changes === '' ? [] : [changes])];
  return `${parts.join(', ')} (${seeds === 1 ? '1 seed' : `${seeds} seeds`})`;
}
