import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SpawnSyncReturns } from 'node:child_process';
import { expect, test } from 'vitest';
import { EXPERIMENTS } from '../../experiments/registry.js';
import { gowide, gowideHere, newFolder } from '../support/program.js';

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
    'limit',
    'selection',
    'scale',
    'bounds',
    'saddle',
    'tanh-saddle',
    'generic',
    'residual',
    'residual-depth',
    'stages',
  ]);
  for (const { name, law, rule, scales } of list)
    expect([law.length > 20, rule.length > 20, scales]).toEqual([
      true,
      true,
      Object.keys(EXPERIMENTS[name]?.seeds ?? {}),
    ]);
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
  const called = gowide(['theory', 'run', 'tanh-saddle', '--config', mine, '--arm', 'my net_2', '--print-config']);
  expect(JSON.parse(called.stdout)).toMatchObject({ 'my net_2': { depths: [2, 3], m: 64 } });
  expect(gowide(['theory', 'run', 'width', '--config', mine]).stderr).toMatch(
    /"study" is "tanh-saddle", but the command runs "width"/,
  );
  expect(gowide(['theory', 'run', 'all', '--config', mine]).stderr).toMatch(/--config goes with one study/);
  expect(
    gowide(['theory', 'run', 'tanh-saddle', '--config', file('study.json', { ...specs.C, depth: 3 })]).stderr,
  ).toMatch(/invalid spec of study "tanh-saddle": .*depth/);
});

test('simulate --print-config prints a declaration with its defaults, which --config takes back; --out is asked for', async () => {
  const noisy = { ...config, flow: { ...config.flow, kind: 'langevin', temperature: 0.1 } };
  const print = async (value: object): Promise<object> => {
    const args = ['theory', 'simulate', '--config', file('noisy.json', value), '--print-config'];
    return JSON.parse((await gowideHere(args)).stdout) as object;
  };
  const printed = await print(noisy);
  expect(printed).toMatchObject({ ...noisy, loss: 'squared', flow: { ...noisy.flow, decay: 0 } });
  expect(await print(printed)).toEqual(printed);
  const { status, stderr } = await gowideHere(['theory', 'simulate', '--config', file('noisy.json', noisy)]);
  expect([status, stderr]).toEqual([2, expect.stringContaining('--out is missing: expected a folder')]);
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
    /GOWIDE_KERNEL: unknown kernel "gpu"; expected one of: native, wasm/,
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

test('exact: a null is explained, and what leaves float64 at either end is said so', async () => {
  const chain = [
    'theory',
    'exact',
    'chain',
    '--config',
    file('chain.json', { weights: [1, 2], target: 3, times: [0] }),
  ];
  expect((await gowideHere(chain)).stdout).toMatch(/amplification +none: it is that of equal weights\n/);
  const tiny = { alpha: 1e300, c: 1e-300, target: 2, temperature: 1e-300, decay: 1e300 };
  const langevin = await gowideHere(['theory', 'exact', 'langevin', '--config', file('tiny.json', tiny)]);
  expect([langevin.status, langevin.stderr]).toEqual([2, expect.stringMatching(/from 1e-308 to 1e308\n$/)]);
});

test('run --set judges constants of one’s own by the claims’ rules, in the terminal, and in a section of the report', () => {
  const small = ['wide=32', 'train=8', 'heldOut=8', 'time=0.5', 'imitationTime=0.25', 'draws=1', 'depth=1'];
  const settings = ['alpha=0.5', 'widths=[2,4,8,16]', ...small].flatMap((setting) => ['--set', setting]);
  const out = join(folder, 'constants');
  const run = (...more: string[]): SpawnSyncReturns<string> =>
    gowide([
      'theory',
      'run',
      'width',
      '--arm',
      'skip',
      '--seeds',
      '3',
      '--out',
      out,
      '--jobs',
      '1',
      ...settings,
      ...more,
    ]);
  const text = run().stdout;
  expect(text).toMatch(/^width, skip, .*alpha=0.5.* \(3 seeds\)$/m);
  expect(text).toMatch(
    /^ {2}(supported|not supported|inconclusive): Under layerwise imitation.*\n {4}\S+ \[.*, 3 seeds/m,
  );
  const { runs, verdicts } = JSON.parse(run('--json').stdout) as {
    runs: { arm: string; rows: object[] }[];
    verdicts: { verdicts: { id: string; seeds: number }[] }[];
  };
  expect(runs.map(({ arm, rows }) => [arm, rows.length])).toEqual([1, 2, 3].map(() => ['skip', 24]));
  expect(verdicts[0]!.verdicts.map(({ id }) => id)).toEqual(
    ['imitation', 'direct', 'initial'].map((training) => `width-${training}-skip`),
  );
  const markdown = gowide(['report', out, '--markdown']).stdout;
  expect(markdown).toMatch(/## Settings of your own\n\n### width, skip, .*alpha=0.5/);
  expect(markdown).toContain('| width-imitation-skip | Under layerwise imitation');
});

test('run --print-config of all arms is taken back by --config as it is; settings that are none are named', () => {
  const specs = JSON.parse(gowide(['theory', 'run', 'width', '--print-config']).stdout) as object;
  const printed = gowide(['theory', 'run', 'width', '--config', file('arms.json', specs), '--print-config']);
  expect(JSON.parse(printed.stdout)).toEqual(specs);
  expect(gowide(['theory', 'run', 'width', '--set', 'alpha']).stderr).toMatch(
    /--set alpha: expected key=value, for example alpha=0.5/,
  );
  expect(gowide(['theory', 'run', 'width', '--set', 'alhpa=1']).stderr).toMatch(/spec of study "width": .*alhpa/);
  const old = gowide(['theory', 'run', 'width', '--regime', 'skip', '--print-config']);
  expect([Object.keys(JSON.parse(old.stdout) as object), old.stderr]).toEqual([
    ['skip'],
    '--regime is called --arm now\n',
  ]);
  expect(gowide(['theory', 'run', 'width', '--arm', 'skop']).stderr).toMatch(/Did you mean "skip"/);
  expect(gowide(['theory', 'run', 'all', '--set', 'alpha=1']).stderr).toMatch(/--set goes with one study/);
});
