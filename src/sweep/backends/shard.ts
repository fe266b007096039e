/** Parts of a sweep that share nothing, since cells that need the same run are always in the same part. */
import { UsageError } from '../../core/errors.js';
import { cellId, type Cell } from '../../core/run.js';
import { runnerOf, type Runner } from '../../core/experiment.js';
import { defineBackend } from './backend.js';
import { runHere } from './pool.js';

/** Parts that a sweep is divided into, at most: more than any scheduler starts tasks for. */
export const MOST_PARTS = 10_000;

/** Reads `2/8` as the second of eight parts. Throws UsageError on any other form, and on too many parts. */
export function parseShard(text: string): { readonly index: number; readonly count: number } {
  const [index, count] = (/^(\d+)\/(\d+)$/.exec(text)?.slice(1).map(Number) ?? []) as [number?, number?];
  if (index === undefined || count === undefined || index < 1 || index > count)
    throw new UsageError(`--shard ${text}: expected i/n with 1 <= i <= n, for example 2/8`);
  if (count > MOST_PARTS)
    throw new UsageError(`--shard ${text}: expected i/n with at most ${MOST_PARTS} parts, for example 2/8`);
  return { index, count };
}

/** Groups of cells that share no requirement with other groups, the most expensive group first. */
export function groupsOf(cells: readonly Cell[], runners: Readonly<Record<string, Runner>>): Cell[][] {
  const parent = new Map<string, string>();
  const rootOf = (id: string): string => {
    let root = id;
    while (parent.get(root) !== root) root = parent.get(root)!;
    for (let at = id; at !== root;) {
      const next = parent.get(at)!;
      parent.set(at, root);
      at = next;
    }
    return root;
  };
  const costs = new Map<string, number>();
  const join = (cell: Cell): string => {
    const id = cellId(cell);
    const runner = runnerOf(cell, runners);
    if (!parent.has(id)) {
      parent.set(id, id);
      costs.set(id, runner.cost(cell));
      for (const required of runner.requires(cell)) parent.set(rootOf(join(required)), rootOf(id));
    }
    return id;
  };
  const ids = cells.map(join);
  const groups = new Map<string, { cells: Cell[]; cost: number }>();
  for (const [id, cost] of costs) {
    const group = groups.get(rootOf(id)) ?? { cells: [], cost: 0 };
    group.cost += cost;
    groups.set(rootOf(id), group);
  }
  cells.forEach((cell, k) => groups.get(rootOf(ids[k]!))!.cells.push(cell));
  return [...groups.values()].sort((a, b) => b.cost - a.cost).map((group) => group.cells);
}

/** The cells of one of `count` parts of about equal cost; the same parts in every process that asks. */
export function shardOf(
  cells: readonly Cell[],
  runners: Readonly<Record<string, Runner>>,
  { index, count }: { readonly index: number; readonly count: number },
): Cell[] {
  const loads = Array.from({ length: count }, () => 0);
  const mine: Cell[] = [];
  for (const group of groupsOf(cells, runners)) {
    const lightest = loads.indexOf(Math.min(...loads));
    loads[lightest]! += group.reduce((sum, cell) => sum + runnerOf(cell, runners).cost(cell), 0);
    if (lightest === index - 1) mine.push(...group);
  }
  return mine;
}

/** One part of the cells on this machine, for schedulers of all kinds: each of their tasks runs a part of its own. */
export const SHARD = defineBackend({
  name: 'shard',
  description: 'one of n parts of the cells on this machine',
  options: {
    shard: {
      kind: 'text',
      argument: 'i/n',
      description: 'the i-th of n parts of the cells, for schedulers of all kinds; parts share nothing',
      conflicts: ['slurm'],
    },
  },
  selector: 'shard',
  run: async (sweep, { shard }) => {
    if (shard === undefined) throw new UsageError('--shard i/n is needed: which of how many parts, for example 2/8');
    const cells = shardOf(sweep.cells, sweep.runners, parseShard(shard));
    await runHere({ ...sweep, cells });
    return { state: 'finished', cells };
  },
});
