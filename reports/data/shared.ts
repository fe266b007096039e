/** Runs that more than one declaration has: in a folder each is kept once, under the names with which it was made. */
import { EXPERIMENTS, wideNets } from '../../experiments/registry.js';
import { WIDE_ARM, type Experiment, type Scale } from '../../src/core/experiment.js';
import { groupBy } from '../../src/core/group.js';
import { hashOf, type Json } from '../../src/core/json.js';
import { oncePer, remembered } from '../../src/core/memo.js';
import type { Cell } from '../../src/core/run.js';
import type { RunRecord } from '../../src/store/runs.js';
import { armsAt } from './facts.js';

/** What makes two runs of one seed the same, as in their ids. */
function contentOf({ kind, spec }: Pick<Cell, 'kind' | 'spec'>): string {
  return hashOf({ kind, spec } as Json);
}

interface Declared {
  readonly arm: string;
  readonly content: string;
  /** Whether it is declared for a seed, by its number from 1. */
  readonly has: (seed: number) => boolean;
}

const declaredOf = oncePer<Experiment, Map<string, readonly Declared[]>>(() => new Map());

/** The arms of an experiment at a scale; hashing their specs takes some milliseconds. */
function declaredAt(experiment: Experiment, scale: string): readonly Declared[] {
  return remembered(declaredOf(experiment), scale, () =>
    Object.entries(armsAt(experiment, scale)).map(([arm, { spec, seeds = Infinity }]) => ({
      arm,
      content: contentOf({ kind: experiment.kind, spec }),
      has: (seed) => seed <= seeds,
    })),
  );
}

/** The wide nets that arms of an experiment require and that are no arms of it. */
const wideNetsOf = oncePer<Experiment, Map<string, readonly Pick<Declared, 'arm' | 'content'>[]>>(() => new Map());

function wideNetsAt(experiment: Experiment, scale: string): readonly Pick<Declared, 'arm' | 'content'>[] {
  return remembered(wideNetsOf(experiment), scale, () => {
    const arms = new Set(declaredAt(experiment, scale).map(({ content }) => content));
    const nets = new Set(wideNets(experiment, armsAt(experiment, scale)).map(contentOf));
    return [...nets].filter((content) => !arms.has(content)).map((content) => ({ arm: WIDE_ARM, content }));
  });
}

/** The runs of one experiment at one scale, under these names. */
interface Begun {
  readonly experiment: Experiment;
  readonly scale: string;
  readonly runs: readonly RunRecord[];
}

/** Experiments and scales that runs were made for, where these are declared. */
function begunIn(runs: readonly RunRecord[]): Begun[] {
  const groups = groupBy(runs, ({ cell }) => JSON.stringify([cell.experiment, cell.scale]));
  return [...groups.values()].flatMap((mine) => {
    const { experiment: name, scale } = mine[0]!.cell;
    const experiment = Object.hasOwn(EXPERIMENTS, name) ? EXPERIMENTS[name] : undefined;
    return experiment === undefined || !Object.hasOwn(experiment.seeds, scale)
      ? []
      : [{ experiment, scale, runs: mine }];
  });
}

/** Runs that an experiment declares at a scale and that were made under other names, by its own. */
function sharedBy(
  { experiment, scale, runs }: Begun,
  byContent: ReadonlyMap<string, readonly RunRecord[]>,
): RunRecord[] {
  const there = new Set(runs.map(({ id, cell }) => JSON.stringify([cell.arm, id])));
  const begun = new Set(runs.map(({ cell }) => cell.seed));
  const declared = declaredAt(experiment, scale);
  const count = experiment.seeds[scale as Scale] ?? 0;
  const others = [...declared, ...wideNetsAt(experiment, scale)].flatMap(({ arm, content }) =>
    (byContent.get(content) ?? [])
      .filter(({ id }) => !there.has(JSON.stringify([arm, id])))
      .map((run): RunRecord => ({ ...run, cell: { ...run.cell, experiment: experiment.name, arm, scale } })),
  );
  return [...groupBy(others, ({ cell }) => cell.seed)].flatMap(([seed, mine]) => {
    const arms = new Set(mine.map(({ cell }) => cell.arm));
    const isWhole = declared.every((one) => !one.has(seed) || arms.has(one.arm));
    return begun.has(seed) || (seed <= count && isWhole) ? mine : [];
  });
}

/**
 * The runs that experiments declare and that were made under other names, with those that they have there: for another
 * experiment or at another scale, or from a file of the user's. An experiment has them at a scale for which there are
 * other runs: of a seed of which it has some, or of a declared one of which all of its arms are there. The wide nets
 * that its arms require are among them.
 */
export function sharedRuns(runs: readonly RunRecord[]): RunRecord[] {
  const begun = begunIn(runs);
  if (begun.length === 0) return [];
  const byContent = groupBy(runs, ({ cell }) => contentOf(cell));
  return begun.flatMap((one) => sharedBy(one, byContent));
}
