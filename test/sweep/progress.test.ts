/** The time left that a sweep shows, against what it then takes: timings of scale minutes are played again. */
import { describe, expect, test } from 'vitest';
import { cellId, type Cell } from '../../src/core/run.js';
import { cellsOf } from '../../src/core/experiment.js';
import { StartOrder } from '../../src/sweep/order.js';
import { SweepProgress, type Costs } from '../../src/sweep/progress.js';
import { withRequired } from '../../src/sweep/work.js';
import { reproducedExperiments } from '../../experiments/registry.js';
import { RUNNERS } from '../../experiments/runners.js';

/**
 * Seconds that cells took over those that were expected, by experiment (2026-11-26, two cells at work on two cores):
 * the theory in a whole run of `reproduce`, trainings on WebAssembly by the steps of some of their arms.
 */
const TAKEN: Readonly<Record<string, number>> = {
  bounds: 2.82,
  depth: 0.79,
  generic: 1.1,
  residual: 1.18,
  saddle: 1.85,
  scale: 0.72,
  stages: 0.97,
  'tanh-saddle': 1.96,
  time: 0.93,
  width: 1.06,
  'resnet-digits': 1.08,
  'resnet-hierarchy': 1.1,
  'bert-glosses': 1.05,
};

interface Played {
  readonly at: number;
  readonly left: number;
  readonly takes: number;
}

const all = withRequired(
  reproducedExperiments().flatMap((experiment) => cellsOf(experiment, 'minutes', 1)),
  RUNNERS,
);
const required = new Map([...all].map(([id, cell]) => [id, RUNNERS[cell.kind]!.requires(cell).map(cellId)]));

const costs = Object.fromEntries(
  ['tensorflow', 'wasm'].map((engine) => [
    engine,
    new Map([...all].map(([id, cell]) => [id, RUNNERS[cell.kind]!.cost(cell, engine)])),
  ]),
) as Record<'tensorflow' | 'wasm', Map<string, number>>;

/** Runs the cells of scale minutes, two at once, in a time of its own, and asks every ten seconds what is left. */
function play(engine: keyof typeof costs, seconds: (cell: Cell, cost: number) => number): Played[] {
  const jobs = 2;
  const mine = costs[engine];
  const work: Costs = { costs: mine, open: all, total: [...mine.values()].reduce((a, b) => a + b, 0), done: 0 };
  const order = new StartOrder({ open: all, required, costs: mine }, jobs);
  let now = 0;
  const progress = new SweepProgress(work, () => now * 1000);
  const active = new Map<string, { began: number; ends: number }>();
  const finished = new Set<string>();
  const asked: { at: number; left: number }[] = [];
  for (let ask = 10; order.size > 0 || active.size > 0;) {
    while (active.size < jobs) {
      const next = order.next((id) => required.get(id)!.every((other) => finished.has(other)));
      if (next === undefined) break;
      const [id, cell] = next;
      order.take(id);
      active.set(id, { began: now, ends: now + seconds(cell, mine.get(id)!) });
      progress.note(id, 0, 1);
    }
    const [first, { ends }] = [...active].reduce((a, b) => (b[1].ends < a[1].ends ? b : a));
    for (; ask < ends; ask += 10) {
      now = ask;
      for (const [id, one] of active) progress.note(id, now - one.began, one.ends - one.began);
      asked.push({ at: now, left: progress.left });
    }
    now = ends;
    active.delete(first);
    finished.add(first);
    progress.end(first, { finished: true });
  }
  expect(progress.left).toBeCloseTo(0, 9);
  expect(progress.share).toBeCloseTo(1, 9);
  return asked.map(({ at, left }) => ({ at, left, takes: now - at }));
}

/**
 * How far what was said is from what it took, in the worst moment from `from` seconds on, over what is allowed: a
 * quarter of it, or at the end, where a single cell may be left over, a thirtieth of the whole.
 */
function worst(played: readonly Played[], from: number): number {
  const whole = played[0]!.at + played[0]!.takes;
  const counted = played.filter(({ at }) => at >= from);
  expect(counted.length).toBeGreaterThan(10);
  return Math.max(...counted.map(({ left, takes }) => Math.abs(left - takes) / Math.max(takes / 4, whole / 30)));
}

describe('time left', () => {
  test.each(['tensorflow', 'wasm'] as const)('is right within a quarter from the first minute on, %s', (engine) => {
    expect(
      worst(
        play(engine, ({ experiment }, cost) => cost * (TAKEN[experiment] ?? 1)),
        60,
      ),
    ).toBeLessThan(1);
  });

  test('is so, too, on a machine that is five times as slow', () => {
    expect(
      worst(
        play('wasm', (_, cost) => 5 * cost),
        60,
      ),
    ).toBeLessThan(1);
  });

  test('learns what trainings take here from the first of them, where particles say something else', () => {
    const played = play('tensorflow', ({ kind }, cost) => cost * (kind === 'train' ? 3 : 1));
    const half = played.at(-1)!.at / 2;
    expect(worst(played, half)).toBeLessThan(1);
  });

  test('counts neither what was finished before nor what failed, and is at least what the longest cell has left', () => {
    let now = 0;
    const costs = new Map([
      ['a', 10],
      ['b', 10],
      ['c', 40],
    ]);
    const cell = { kind: 'x', experiment: 'x' };
    const open = new Map([...costs.keys()].slice(1).map((id) => [id, cell] as const));
    const progress = new SweepProgress({ costs, total: 60, done: 10, open }, () => now * 1000);
    progress.note('b', 0, 1);
    progress.note('c', 0, 1);
    expect(progress.left).toBe(40);
    now = 5;
    progress.note('b', 1, 2);
    progress.note('c', 1, 8);
    expect(progress.left).toBeCloseTo(35, 6);
    progress.end('b', { finished: false });
    expect(progress.left).toBeCloseTo(35, 6);
    progress.end('c', { finished: true });
    expect(progress.left).toBe(0);
  });
});
