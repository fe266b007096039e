/** Wall time of a frontier's runs: by arm, from what runs and kept tables noted. */
import { expect, test } from 'vitest';
import { FRONTIERS } from '../../experiments/frontiers.js';
import { frontierTimes, readFrontier, timesHeading, timesTable } from '../../reports/page/frontier-summary.js';
import { wallTimes } from '../../reports/data/wall-times.js';
import { named, type TableRow } from '../../reports/data/rows.js';
import type { Origin } from '../../reports/data/origins.js';
import { KEPT } from './kept.js';

const frontier = FRONTIERS['resnet-hierarchy']!;
const { name } = frontier.experiment;
const origin: Origin = {
  ...{ commit: 'abc', engine: 'tensorflow, cpu', machine: 'a machine', from: '2026-11-26', to: '2026-11-26' },
  ...{ hours: 1, runs: 12, arms: [] },
};
const rowOf = (arm: string, seed: number): TableRow => ({
  ...named({ run: `${arm} ${seed}`, experiment: name, arm, scale: 'laptop', seed }),
  values: { testAccuracy: 50, gigaflops: 1, teacherGigaflops: 0 },
});
const results = ['direct x1', 'kd x1', 'kd x4', 'wide'].flatMap((arm) => [1, 2].map((seed) => rowOf(arm, seed)));

test('is a mean by arm, “not kept” where none was noted, and says on which machine', () => {
  const arms = [
    { arm: 'direct x1', runs: 2, seconds: 30 },
    { arm: 'kd x4', runs: 2, seconds: 90 },
    { arm: 'wide', runs: 2, seconds: 50 },
  ];
  const wall = wallTimes({ runs: [], origins: new Map([[`${name}.laptop`, [{ ...origin, arms }]]]) });
  const times = frontierTimes(frontier, results, wall);
  const summary = { experiment: 'resnet-hierarchy' } as Parameters<typeof timesTable>[0];
  expect(timesTable(summary, times)).toEqual([
    { training: expect.stringContaining('direct') as string, x1: '15.0 (2)', x4: '' },
    { training: expect.stringContaining('KD') as string, x1: 'not kept', x4: '45.0 (2)' },
  ]);
  expect(timesHeading(times)).toMatch(/wide net \(25\.0 seconds, 2 runs\); it depends on the machine: a machine/);
  const none = frontierTimes(frontier, results, wallTimes({ runs: [], origins: new Map() }));
  expect(timesHeading(none)).toBe('No wall time was kept of these runs.');
});

test('kept tables have the times that stand beside them', () => {
  const { wallTime } = readFrontier(frontier, 'laptop', [KEPT]);
  const of = (training: string, budget: number): { runs: number; seconds: number | null } =>
    wallTime.times.find((one) => one.training === training && one.budget === budget)!;
  // 59.3 and 205 seconds of ten runs each, in frontier-hierarchy.laptop.origin.json
  expect(of('direct', 16).seconds).toBeCloseTo(5.93, 6);
  expect(of('kd', 4)).toMatchObject({ runs: 10, seconds: 20.5 });
  expect(wallTime.machines.length).toBeGreaterThan(0);
});
