/** Wall time by arm: what runs say of it, and what they do not. */
import { expect, test } from 'vitest';
import { FRONTIERS } from '../../experiments/frontiers.js';
import { originsOfRuns, type Origin } from '../../reports/data/origins.js';
import type { Records } from '../../reports/data/records.js';
import { named } from '../../reports/data/rows.js';
import { keptRowsOf, originTables } from '../../reports/data/tables.js';
import { environmentBlock, runsBlock } from '../../reports/page/runs-block.js';
import { cellsOf, type Experiment } from '../../src/core/experiment.js';
import { cellId, type Cell } from '../../src/core/run.js';
import type { RunRecord } from '../../src/store/runs.js';

const run = (arm: string, seconds: number | undefined, result: object): RunRecord =>
  ({
    ...{ id: `${arm}-${seconds}`, seconds, result, environments: [] },
    cell: { experiment: 'x', arm, scale: 'laptop' },
  }) as unknown as RunRecord;
const of = (runs: readonly RunRecord[]): Records =>
  ({ runs, origins: new Map(), results: [], rows: [] }) as unknown as Records;
const linesOf = (runs: readonly RunRecord[]): string[] =>
  runsBlock(of(runs))
    .split('\n')
    .filter((line) => /laptop/.test(line))
    .map((line) => line.replace(/<[^>]*>/g, ''));

const WIDE = { parameters: 100, teacherGigaflops: 0 };

test('an arm’s wall time stands beside that with its wide net’s training', () => {
  const thin = { parameters: 10, teacherGigaflops: 3 };
  const runs = [
    ...[run('wide', 40, WIDE), run('wide', 60, WIDE)],
    ...[run('three-stage', 8, thin), run('three-stage', 12, thin), run('direct', 5, { teacherGigaflops: 0 })],
  ];
  expect(linesOf(runs)).toEqual([
    'x,wide,laptop,2,50,,100,wide-40',
    'x,three-stage,laptop,2,10,60,20,three-stage-8',
    'x,direct,laptop,1,5,,5,direct-5',
  ]);
});

test('nothing is said where a run noted no time, or where it is open which wide net was learned from', () => {
  const thin = run('kd', 8, { teacherGigaflops: 3 });
  expect(linesOf([run('wide', 40, WIDE), run('wide', 60, { parameters: 200 }), thin])[1]).toBe(
    'x,kd,laptop,1,8,,8,kd-8',
  );
  const ofTwoLengths = [run('wide', 40, { ...WIDE, steps: 500 }), run('wide', 1, { ...WIDE, steps: 2 }), thin];
  expect(linesOf(ofTwoLengths)[1]).toBe('x,kd,laptop,1,8,,8,kd-8');
  expect(linesOf([run('wide', undefined, WIDE), thin])).toEqual([
    'x,wide,laptop,1,,,,wide-undefined',
    'x,kd,laptop,1,8,,8,kd-8',
  ]);
});

test('arms and environments that are not shown are counted', () => {
  const engine = { name: 'tensorflow', version: '4', device: 'cpu', threads: 1 };
  const runs = Array.from({ length: 503 }, (_, i) => ({
    ...run(`arm${i}`, 1, WIDE),
    environments: [{ engine, commit: null, package: '1', node: '22', command: `gowide train ${i}` }],
  })) as unknown as RunRecord[];
  const records = of(runs);
  expect(runsBlock(records)).toContain('arm499');
  expect(runsBlock(records)).not.toContain('arm500');
  expect(runsBlock(records)).toContain('And 3 arms more');
  expect(environmentBlock(records)).toContain('And 3 environments more');
  const few = of(runs.slice(0, 500));
  expect(`${runsBlock(few)}${environmentBlock(few)}`).not.toContain('more');
});

test('kept tables whose runs noted their wall time say it as runs do', () => {
  const thin = { parameters: 10, teacherGigaflops: 3 };
  const noted = { environments: [{ engine: null, commit: 'c', package: '1', started: '2026-01-02T03:04:05Z' }] };
  const runs = [
    { ...run('wide', 40, WIDE), ...noted },
    { ...run('wide', 60.04, WIDE), ...noted },
    { ...run('kd', 8, thin), ...noted },
    { ...run('direct', undefined, { teacherGigaflops: 0 }), ...noted },
  ] as unknown as RunRecord[];
  const results = runs.map(({ id, cell, result }) => ({ run: id, ...cell, seed: 1, values: result }));
  const records = { ...of(runs), results } as unknown as Records;
  const [text] = Object.values(originTables(records, 'x.laptop'));
  const origins = JSON.parse(text!) as Origin[];
  expect(origins).toHaveLength(1);
  expect(origins[0]!.arms).toEqual([
    { arm: 'wide', runs: 2, seconds: 100 },
    { arm: 'kd', runs: 1, seconds: 8 },
  ]);
  const kept = { ...records, runs: [], origins: new Map([['x.laptop', origins]]) } as unknown as Records;
  // written again, nothing is lost
  expect(originTables(kept, 'x.laptop')).toEqual({ 'x.laptop.origin.json': text });
  const lines = runsBlock(kept)
    .split('\n')
    .filter((line) => /laptop/.test(line))
    .map((line) => line.replace(/<[^>]*>/g, ''));
  expect(lines).toEqual(['x,wide,laptop,2,50,,100,wide-40', 'x,kd,laptop,1,8,58,8,kd-8']);
});

test('a run that two experiments declare has in each table the arm that it has there', () => {
  const one = run('direct x4', 5, { teacherGigaflops: 0 });
  const row = { run: one.id, ...one.cell, seed: 1, values: one.result };
  const results = [row, { ...row, experiment: 'y', arm: '8 plain direct' }];
  const [text] = Object.values(originTables({ ...of([one]), results } as unknown as Records, 'x.laptop'));
  expect((JSON.parse(text!) as Origin[])[0]!.arms).toEqual([{ arm: 'direct x4', runs: 1, seconds: 5 }]);
});

test('a table of a frontier has the runs that it shares with another one, and counts them', () => {
  const [sixteen, thirtyTwo] = [FRONTIERS['plain-16']!.experiment, FRONTIERS['plain-32']!.experiment];
  const cellOf = (experiment: Experiment, arm: string): Cell =>
    cellsOf(experiment, 'laptop', 1, 1).find((cell) => cell.arm === arm)!;
  const cells = [cellOf(sixteen, 'deeper x1'), cellOf(thirtyTwo, 'kd x1')];
  const runs = cells.map((cell) => ({ ...run(cell.arm, 5, { teacherGigaflops: 0 }), id: cellId(cell), cell }));
  const results = runs.map(({ id, cell, result }) => ({
    ...named({ run: id, experiment: cell.experiment, arm: cell.arm, scale: cell.scale, seed: cell.seed }),
    values: result,
  }));
  const records = { ...of(runs as unknown as RunRecord[]), rows: [], results } as unknown as Records;
  const table = keptRowsOf(records).find(({ experiment }) => experiment === 'frontier-plain-32')!;
  expect(table.results.map(({ arm, run: id }) => [arm, id])).toEqual([
    ['direct x1', runs[0]!.id],
    ['kd x1', runs[1]!.id],
  ]);
  const [text] = Object.values(originTables(records, 'frontier-plain-32.laptop'));
  expect((JSON.parse(text!) as Origin[])[0]!.arms!.map(({ arm }) => arm).sort()).toEqual(['direct x1', 'kd x1']);
});

test('a run that was resumed elsewhere says both, in turn', () => {
  const at = { package: '1', dirty: false, cores: 2, platform: 'linux-x64', started: '2026-01-02T03:04:05Z' };
  const gpu = { ...at, commit: 'b', cpu: 'Xeon', engine: { name: 'tensorflow', device: 'H100' } };
  const cpu = { ...at, commit: 'c', cpu: 'EPYC', engine: { name: 'tensorflow', device: 'cpu' } };
  const runs = [
    { ...run('moved', 20, {}), environments: [gpu, gpu, cpu] },
    { ...run('stayed', 10, {}), environments: [cpu] },
  ] as unknown as RunRecord[];
  expect(originsOfRuns(runs)).toMatchObject([
    {
      runs: 1,
      commit: 'b, then c',
      engine: 'tensorflow, H100, then tensorflow, cpu',
      machine: 'Xeon, 2 cores, linux-x64, then EPYC, 2 cores, linux-x64',
    },
    { runs: 1, commit: 'c', engine: 'tensorflow, cpu', machine: 'EPYC, 2 cores, linux-x64' },
  ]);
  // times of two machines together compare with nothing
  expect(originsOfRuns(runs).map(({ arms }) => arms)).toEqual([undefined, [{ arm: 'stayed', runs: 1, seconds: 10 }]]);
  expect(linesOf(runs)).toEqual(['x,moved,laptop,1,,,,moved-20', 'x,stayed,laptop,1,10,,10,stayed-10']);
});
