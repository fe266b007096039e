import { describe, expect, test } from 'vitest';
import { reproducedExperiments } from '../../experiments/registry.js';
import { RUNNERS } from '../../experiments/runners.js';
import { cellsOf } from '../../src/core/experiment.js';
import { cellId, type Cell } from '../../src/core/run.js';
import { StartOrder } from '../../src/sweep/order.js';
import { withRequired, type Work } from '../../src/sweep/work.js';

type Given = Pick<Work, 'open' | 'required' | 'costs'>;

/** Cells by name with what each costs and requires. */
function workOf(cells: Readonly<Record<string, readonly [cost: number, ...required: string[]]>>): Given {
  const cell: Cell = { experiment: 'x', arm: 'x', scale: 'minutes', seed: 1, kind: 'x', spec: {} };
  const entries = Object.entries(cells);
  return {
    open: new Map(entries.map(([id]) => [id, cell])),
    required: new Map(entries.map(([id, [, ...required]]) => [id, required])),
    costs: new Map(entries.map(([id, [cost]]) => [id, cost])),
  };
}

/** Order in which `jobs` processes start the cells, and when the last has ended, if each takes what it costs. */
function simulated(work: Given, jobs: number): { order: string[]; end: number } {
  const waiting = new StartOrder(work, jobs);
  const [finished, order] = [new Set<string>(), [] as string[]];
  let busy: { id: string; until: number }[] = [];
  let now = 0;
  const ready = (id: string): boolean =>
    work.required.get(id)!.every((other) => !work.open.has(other) || finished.has(other));
  for (;;) {
    while (busy.length < jobs) {
      const found = waiting.next(ready);
      if (found === undefined) break;
      waiting.take(found[0]);
      order.push(found[0]);
      busy.push({ id: found[0], until: now + work.costs.get(found[0])! });
    }
    if (busy.length === 0) return { order, end: now };
    now = Math.min(...busy.map(({ until }) => until));
    for (const { id } of busy.filter(({ until }) => until === now)) finished.add(id);
    busy = busy.filter(({ until }) => until > now);
  }
}

test('cells start as declared, and a long one at the end before the short ones that are left', () => {
  const short = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`s${i}`, [1] as const]));
  const { order, end } = simulated(workOf({ ...short, long: [4] }), 2);
  expect(order.slice(0, 4)).toEqual(['s0', 's1', 's2', 's3']);
  expect(order.indexOf('long')).toBeLessThan(14);
  expect(end).toBe(12);
});

describe('what requires other cells', () => {
  const work = workOf({ a: [1], b: [1], c: [1], d: [1], wide: [2], thin: [4, 'wide'], card: [1, 'thin'] });

  test('starts after them, and they start early where much requires them', () => {
    const { order, end } = simulated(work, 2);
    expect(order.indexOf('wide')).toBeLessThan(2);
    expect(order.filter((id) => ['wide', 'thin', 'card'].includes(id))).toEqual(['wide', 'thin', 'card']);
    expect(end).toBe(7);
  });

  test('may be left when those are finished', () => {
    const open = new Map([...work.open].filter(([id]) => id !== 'wide'));
    expect(simulated({ ...work, open }, 1).order).toHaveLength(6);
  });
});

test('nothing is next where nothing may start, and what was taken is not given again', () => {
  const order = new StartOrder(workOf({ a: [1], b: [1] }), 2);
  expect(order.next(() => false)).toBeUndefined();
  expect(order.next((id) => id === 'b')?.[0]).toBe('b');
  order.take('b');
  order.take('b');
  expect([order.size, order.has('a'), order.has('b')]).toEqual([1, true, false]);
  expect(order.next(() => true)?.[0]).toBe('a');
});

test('of 20,000 cells each start looks at a few', () => {
  const work = workOf(Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [`c${i}`, [1] as const])));
  const order = new StartOrder(work, 4);
  let asked = 0;
  for (let next = order.next(() => true); next !== undefined; next = order.next(() => ++asked > 0)) order.take(next[0]);
  expect(order.size).toBe(0);
  expect(asked).toBeLessThan(20_001);
});

test('scale minutes keeps two processes busy to its end', () => {
  const cells = reproducedExperiments().flatMap((experiment) => cellsOf(experiment, 'minutes', 1, undefined));
  const open = withRequired(cells, RUNNERS);
  const costs = new Map([...open].map(([id, cell]) => [id, RUNNERS[cell.kind]!.cost(cell)]));
  const required = new Map([...open].map(([id, cell]) => [id, RUNNERS[cell.kind]!.requires(cell).map(cellId)]));
  const total = [...costs.values()].reduce((sum, cost) => sum + cost, 0);
  expect(simulated({ open, costs, required }, 2).end).toBeLessThan(1.02 * (total / 2));
});
