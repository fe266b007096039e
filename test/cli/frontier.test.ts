/** `gowide frontier`: what it costs, before anything is run, and what kept tables say. */
import { expect, test } from 'vitest';
import { budgetCosts, checkRoom } from '../../cli/plan/frontier.js';
import { budgetsToTune, lastBudgets, waysOf } from '../../experiments/frontier.js';
import { FRONTIERS } from '../../experiments/frontiers.js';
import { cellsOf, type Scale } from '../../src/core/experiment.js';
import type { Cell } from '../../src/core/run.js';
import { parseTrainSpec } from '../../src/method/run/check-spec.js';
import { gowide, gowideHere } from '../support/program.js';

test('the plan has every budget and the wide net that its arms learn from', () => {
  const { status, stdout } = gowide(['frontier', 'resnet-hierarchy', '--scale', 'laptop', '--plan', '--json']);
  expect(status).toBe(0);
  const { budgets, minutes } = JSON.parse(stdout) as {
    budgets: { budget: string; runs: number; steps: number; minutes: number }[];
    minutes: number;
  };
  const declared = FRONTIERS['resnet-hierarchy']!.sizes.laptop!;
  const [before, last] = lastBudgets(FRONTIERS['resnet-hierarchy']!);
  expect(budgets.map(({ budget }) => budget)).toEqual(
    expect.arrayContaining([...declared.budgets.map((budget) => `x${budget}`), 'wide net']),
  );
  const runsOf = (one: number): number => budgets.find(({ budget }) => budget === `x${one}`)!.runs;
  expect(runsOf(1)).toBe(7 * declared.seeds);
  expect([before, last].map(runsOf)).toEqual([7 * declared.seeds, 7 * declared.seeds]);
  expect(minutes).toBeCloseTo(budgets.reduce((sum, row) => sum + row.minutes, 0));
});

test('the plan of many seeds is that of one, so many times, and takes no longer', () => {
  const planOf = (seeds: number): { budgets: Record<string, number | string>[]; minutes: number } =>
    JSON.parse(
      gowide(['frontier', 'resnet-hierarchy', '--scale', 'minutes', '--plan', '--json', '--seeds', String(seeds)])
        .stdout,
    ) as never;
  const [one, many] = [planOf(1), planOf(10_000)];
  const { experiment } = FRONTIERS['resnet-hierarchy']!;
  const three = budgetCosts(cellsOf(experiment, 'minutes', 1, 3), experiment.arms('minutes'));
  expect(many.minutes).toBeCloseTo(10_000 * one.minutes, 3);
  for (const [i, { budget, runs, steps, minutes, gigabytes }] of three.entries()) {
    expect(one.budgets[i]).toMatchObject({ budget, runs: runs / 3, steps: steps / 3, gigabytes });
    expect(one.budgets[i]!.minutes).toBeCloseTo(minutes / 3, 6);
    expect(many.budgets[i]).toMatchObject({ runs: (runs / 3) * 10_000 });
  }
});

const costsOf = (name: string, scale: Scale): ReturnType<typeof budgetCosts> => {
  const { experiment } = FRONTIERS[name]!;
  return budgetCosts(cellsOf(experiment, scale, 1), experiment.arms(scale));
};

test.each(Object.keys(FRONTIERS))(
  '%s: every budget has every way of training that is declared for it, and a cost',
  (name) => {
    const frontier = FRONTIERS[name]!;
    const scale = 'laptop' in frontier.sizes ? 'laptop' : 'overnight';
    const { budgets, seeds, fewer, only } = frontier.sizes[scale]!;
    const costs = costsOf(name, scale);
    const ways = Object.keys(waysOf(frontier));
    const first = fewer !== undefined && fewer.above === undefined ? fewer.seeds : seeds;
    expect(costs.find(({ budget }) => budget === `x${budgets[0]}`)!.runs).toBe(ways.length * first);
    for (const budget of budgets.filter((one) => only !== undefined && one > only.above)) {
      // the wide net that teaches has a row of its own
      const own = frontier.teacherBudget(budget) === budget ? only!.ways.length - 1 : only!.ways.length;
      expect(costs.find((row) => row.budget === `x${budget}`)!.runs).toBe(own * seeds);
    }
    for (const { minutes, gigabytes } of costs) {
      expect(minutes).toBeGreaterThan(0);
      expect(gigabytes).toBeGreaterThan(0.5);
    }
    for (const budget of budgetsToTune(frontier))
      expect(frontier.sizes.overnight?.budgets ?? budgets).toContain(budget);
  },
);

test.each(Object.keys(FRONTIERS))(
  '%s: a budget’s steps are that many times the base steps, the wide net’s too',
  (name) => {
    const { experiment, baseSteps, sizes } = FRONTIERS[name]!;
    const [scale, size] = Object.entries(sizes)[0]!;
    const budget = size.budgets[1]!;
    const { spec } = experiment.arms(scale as Scale)[`wide x${budget}`]!;
    expect(parseTrainSpec(spec).training.steps).toBe(budget * baseSteps);
  },
);

test('a frontier whose memory or time is not there is refused in one line that says what would help', () => {
  const costs = costsOf('bert-glosses', 'laptop');
  const most = Math.max(...costs.map(({ gigabytes }) => gigabytes));
  const room = { jobs: 2, memory: 1e9 * most * 3 };
  expect(() => checkRoom(costs, room)).not.toThrow();
  expect(() => checkRoom(costs, { ...room, memory: 1e9 * most * 1.5 })).toThrow(
    /^budget .*: 2 runs at once need [\d.]+ GB of memory, and this machine has [\d.]+; run at most 1 at once with --jobs 1$/,
  );
  const runs = costs.reduce((sum, cost) => sum + cost.runs, 0);
  const forAll = 1e9 * most * (runs + 0.5);
  expect(() => checkRoom(costs, { ...room, memory: forAll, jobs: 10 * runs })).not.toThrow();
  expect(() => checkRoom(costs, { ...room, memory: 1e8, jobs: 1 })).toThrow(
    /^budget .*: a run needs [\d.]+ GB of memory, /,
  );
  expect(() => checkRoom(costs, { ...room, memory: 1e8 })).toThrow(/choose smaller arms with --arm$/);
  expect(() => checkRoom(costs, { ...room, hours: 0.1 })).toThrow(
    /^[\d.]+ hours on one core, and --hours allows 0.1; budget x16 alone takes .*--seeds, or allow more with --hours [\d.]+$/,
  );
  // no advice to take less than one seed or one budget
  expect(() => checkRoom([costs[0]!], { ...room, hours: 0.001, seeds: 1 })).toThrow(
    /^[\d.]+ hours on one core, and --hours allows 0.001: allow more with --hours [\d.]+$/,
  );
});

test('what is finished takes no time and no memory any more', () => {
  const { experiment } = FRONTIERS['plain-16']!;
  const [cells, arms] = [cellsOf(experiment, 'laptop', 1), experiment.arms('laptop')];
  const isLong = ({ arm }: Cell): boolean => arm.endsWith(' x256');
  expect(budgetCosts(cells, arms, isLong).map(({ budget }) => budget)).not.toContain('x256');
  const nothing = budgetCosts(cells, arms, () => true);
  expect(nothing).toEqual([]);
  expect(() => checkRoom(nothing, { jobs: 2, memory: 1, hours: 1e-9 })).not.toThrow();
});

test.each([
  ['--tune', '--hours', '1'],
  ['--tune', '--seeds', '3'],
  ['--plan', '--hours', '1'],
  ['--show', 'results', '--arm', 'direct x1'],
])('%s with what has no effect beside it is refused: %s', async (...options) => {
  const { status, stderr } = await gowideHere(['frontier', 'plain-16', ...options]);
  expect([status, stderr]).toEqual([2, expect.stringContaining(`option '${options[0]}`)]);
  expect(stderr).toContain('cannot be used with option');
});
