import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SpawnSyncReturns } from 'node:child_process';
import { expect, test } from 'vitest';
import { gowide, newFolder } from '../support/program.js';

const folder = newFolder();
const file = (name: string, value: unknown): string => {
  writeFileSync(join(folder, name), JSON.stringify(value));
  return join(folder, name);
};
const config = { model: { depth: 2, d: 3, width: 20 }, flow: { steps: 10, dt: 0.05 }, thin: { m: 5 } };

test('list: every study with its law, rule and scales', () => {
  const list = JSON.parse(gowide(['theory', 'list', '--json']).stdout) as {
    name: string;
    law: string;
    rule: string;
    scales: string[];
  }[];
  expect(list.map(({ name }) => name)).toEqual([
    'width',
    'depth',
    'time',
    'imitation',
    'scale',
    'bounds',
    'saddle',
    'tanh-saddle',
    'generic',
    'residual',
    'stages',
  ]);
  for (const { law, rule, scales } of list)
    expect([law.length > 20, rule.length > 20, scales]).toEqual([true, true, ['minutes', 'laptop']]);
});

test('run --print-config gives specs that --config takes, with changes; those of another study are refused', () => {
  const specs = JSON.parse(gowide(['theory', 'run', 'tanh-saddle', '--print-config']).stdout) as Record<
    string,
    Record<string, unknown>
  >;
  const mine = file('study.json', { ...specs.C, depths: [2, 3], m: 64, steps: 5 });
  const { status, stdout } = gowide([
    'theory',
    'run',
    'tanh-saddle',
    '--config',
    mine,
    '--seeds',
    '2',
    '--out',
    join(folder, 'own'),
    '--json',
  ]);
  const runs = JSON.parse(stdout) as { arm: string; seed: number; rows: object[] }[];
  expect([status, runs.map(({ arm, seed, rows }) => [arm, seed, rows.length])]).toEqual([
    0,
    [
      ['custom', 1, 2],
      ['custom', 2, 2],
    ],
  ]);
  expect(gowide(['theory', 'run', 'width', '--config', mine]).stderr).toMatch(
    /"study" is "tanh-saddle", but the command runs "width"/,
  );
  expect(gowide(['theory', 'run', 'all', '--config', mine]).stderr).toMatch(/--config goes with one study/);
  expect(
    gowide(['theory', 'run', 'tanh-saddle', '--config', file('study.json', { ...specs.C, depth: 3 })]).stderr,
  ).toMatch(/invalid spec of study "tanh-saddle": .*depth/);
});

test('simulate writes particles that go on where they are put in again, the same on both kernels', () => {
  const run = (
    name: string,
    steps: number,
    particles?: string,
    env: NodeJS.ProcessEnv = {},
  ): SpawnSyncReturns<string> =>
    gowide(
      [
        'theory',
        'simulate',
        '--config',
        file('sim.json', { ...config, flow: { ...config.flow, steps } }),
        '--out',
        join(folder, name),
        '--json',
        ...(particles === undefined ? [] : ['--particles', particles]),
      ],
      env,
    );
  const whole = run('whole', 10);
  expect([whole.status, JSON.parse(whole.stdout)]).toMatchObject([0, { steps: 10, lossIncreases: 0, warnings: [] }]);
  run('half', 5);
  const summaryOf = (result: SpawnSyncReturns<string>): { loss: number } =>
    JSON.parse(result.stdout) as { loss: number };
  // the file holds thin/… and output, too, which are not particles of the net
  const rest = run('rest', 5, join(folder, 'half', 'final.safetensors'));
  expect([rest.status, rest.stderr]).toEqual([0, expect.not.stringMatching(/error|warning/)]);
  expect(summaryOf(rest).loss).toBeCloseTo(summaryOf(whole).loss, 13);
  expect(summaryOf(run('wasm', 10, undefined, { GOWIDE_KERNEL: 'wasm' })).loss).toBeCloseTo(summaryOf(whole).loss, 12);
  expect(run('none', 10, undefined, { GOWIDE_KERNEL: 'gpu' }).stderr).toMatch(
    /GOWIDE_KERNEL: unknown kernel "gpu"; known: native, wasm/,
  );
  expect(run('none', 10, undefined, { GOWIDE_THREADS: 'two' }).stderr).toMatch(
    /GOWIDE_THREADS: expected a whole number/,
  );
});

test('simulate: what explodes is named, with status 1, and nothing is written', () => {
  const { status, stderr } = gowide([
    'theory',
    'simulate',
    '--config',
    file('bad.json', { ...config, flow: { steps: 100, dt: 1e6 } }),
    '--out',
    join(folder, 'bad'),
  ]);
  expect([status, stderr.trim().split('\n').at(-1)]).toEqual([
    1,
    expect.stringMatching(/^error: training exploded at step \d+ .*a smaller dt than 1000000 is needed$/),
  ]);
  expect(existsSync(join(folder, 'bad', 'final.safetensors'))).toBe(false);
});

test('exact: an example without a config, the answer with one', () => {
  const example = JSON.parse(gowide(['theory', 'exact', 'clt', '--json']).stdout) as object;
  const answer = JSON.parse(
    gowide(['theory', 'exact', 'clt', '--config', file('clt.json', { ...example, d: 4, depth: 1 }), '--json']).stdout,
  ) as { limit: number };
  expect(answer.limit).toBeCloseTo(1.5512222869, 9);
  expect(gowide(['theory', 'exact', 'clt', '--config', file('clt.json', { ...example, depht: 1 })]).stderr).toMatch(
    /invalid config of "exact clt": .*depht/,
  );
});
