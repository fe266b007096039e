/** `gowide frontier`: what it costs, before anything is run, and what kept tables say. */
import { expect, test } from 'vitest';
import { FRONTIERS } from '../../experiments/frontier.js';
import { gowide } from '../support/program.js';

test('the plan has every budget and the wide net that its arms learn from', () => {
  const { status, stdout } = gowide(['frontier', 'resnet-hierarchy', '--scale', 'laptop', '--plan', '--json']);
  expect(status).toBe(0);
  const { budgets, minutes } = JSON.parse(stdout) as {
    budgets: { budget: string; runs: number; steps: number; minutes: number }[];
    minutes: number;
  };
  const declared = FRONTIERS['resnet-hierarchy']!.sizes.laptop!;
  expect(budgets.map(({ budget }) => budget)).toEqual(
    expect.arrayContaining([...declared.budgets.map((budget) => `x${budget}`), 'wide net']),
  );
  expect(budgets.find(({ budget }) => budget === 'x1')).toMatchObject({ runs: 7 * declared.seeds });
  expect(minutes).toBeCloseTo(budgets.reduce((sum, row) => sum + row.minutes, 0));
});
