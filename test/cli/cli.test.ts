/** The built program, as users run it. */
import { spawn, spawnSync, type SpawnSyncReturns } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { tensorflowReadiness } from '../../src/engine/backends/tensorflow.js';
import { readSafetensors } from '../../src/store/safetensors.js';

const PROGRAM = resolve(import.meta.dirname, '../../dist/cli/main.js');
const ENGINE = tensorflowReadiness().state === 'ready' ? 'tensorflow' : 'wasm';
const newFolder = (): string => mkdtempSync(join(tmpdir(), 'gowide-cli-'));

function gowide(args: string[], env: NodeJS.ProcessEnv = {}): SpawnSyncReturns<string> {
  return spawnSync(process.execPath, [PROGRAM, ...args], {
    encoding: 'utf8',
    env: { ...process.env, ...env },
    timeout: 300_000,
  });
}

test('the program is built (npm run build)', () => expect(existsSync(PROGRAM)).toBe(true));

describe('help', () => {
  const commands = [
    [],
    ['reproduce'],
    ['theory'],
    ['theory', 'list'],
    ['theory', 'run'],
    ['theory', 'simulate'],
    ['theory', 'exact'],
    ['bench', 'particles'],
    ['bench', 'resnet50'],
    ['bench', 'bert-base'],
    ['train'],
    ['tune'],
    ['params'],
    ['predict'],
    ['runs'],
    ['runs', 'export'],
    ['runs', 'list'],
    ['runs', 'show'],
    ['runs', 'resume'],
    ['report'],
    ['watch'],
    ['plan'],
    ['sweep'],
    ['sweep', 'run'],
    ['sweep', 'status'],
    ['sweep', 'cancel'],
    ['worker'],
    ['runs', 'merge'],
    ['runs', 'verify'],
    ['runs', 'gc'],
    ['selftest'],
    ['bench', 'sweep'],
    ['verify'],
    ['doctor'],
    ['engine', 'install'],
  ];
  test.each(commands.map((command) => [command.join(' '), command] as const))('gowide %s --help', (_, command) => {
    const { status, stdout, stderr } = gowide([...command, '--help']);
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toContain('Usage: gowide');
    if (!['theory', 'runs'].includes(command.join(' '))) expect(stdout).toContain('Examples:');
  });
  test('--version', () => {
    expect(gowide(['--version']).stdout.trim()).toBe(
      (JSON.parse(readFileSync(resolve(PROGRAM, '../../../package.json'), 'utf8')) as { version: string }).version,
    );
  });
});

describe('wrong use: one line that names what was wrong and what is allowed, status 2, no stack trace', () => {
  const TABLES = resolve(import.meta.dirname, '../../reports/results');
  const file = join(newFolder(), 'file');
  writeFileSync(file, '');
  test.each<[string[], RegExp]>([
    [
      ['reproduce', '--scael', 'minutes'],
      /unknown option '--scael'.*; options here: --scale, --out, .*See: gowide reproduce --help/,
    ],
    [['reproduce', '--scale', 'hours'], /--scale.*'hours' is invalid.*minutes, laptop, gpu, paper/],
    [
      ['reproduce', '--scale', 'paper'],
      /experiment "width" is not declared at scale "paper"; declared: minutes, laptop/,
    ],
    [['frobnicate'], /unknown command 'frobnicate'; commands: reproduce, theory, .*See: gowide --help/],
    [
      ['theory', 'run', 'widht'],
      /unknown study "widht"; expected one of: all, width, depth, time, scale, bounds, saddle, .*. Did you mean "width"\?/,
    ],
    [
      ['train', 'resnet', '--arm', 'x'],
      /unknown arm "x"; expected one of: all, wide, direct, kd, hints, all-at-once, /,
    ],
    [['train', 'gpt'], /unknown network "gpt"; expected one of: resnet, bert/],
    [
      ['train', 'bert', '--experiment', 'x'],
      /unknown experiment "x"; expected one of: bert-glosses, bert-supersense, bert-hypernym, bert-squad, bert-ablations/,
    ],
    [['train', 'bert', '--arm', 'direct', '--set', 'data.vocabulary=/no/vocab.txt'], /vocab.txt: no such file/],
    [
      ['train', 'bert', '--experiment', 'bert-squad', '--scale', 'paper', '--arm', 'fresh', '--out', newFolder()],
      /texts: not found; expected a folder with .txt files/,
    ],
    [['squad', file, file], /not valid JSON/],
    [
      ['train', 'resnet', '--experiment', 'x'],
      /unknown experiment "x"; expected one of: resnet-digits, depth-skip, resnet-ablations, resnet-hierarchy/,
    ],
    [
      ['tune', 'resnet', '--experiment', 'resnet-ablations'],
      /unknown grid "resnet-ablations"; expected one of: resnet-digits, resnet-hierarchy, bert-glosses, bert-supersense, bert-hypernym, depth-skip/,
    ],
    [['tune', 'resnet', '--arm', '^x$'], /--arm \^x\$: no arm of "resnet-digits" matches; arms: wide, direct/],
    [
      ['train', 'resnet', '--scale', 'paper', '--arm', 'direct', '--out', newFolder()],
      /data.folder imagenet: imagenet.train not found; put pictures into imagenet.train.<class>. and imagenet.val.<class>./,
    ],
    [['params', 'resnet51'], /unknown model "resnet51"; expected one of: resnet18, .*Did you mean "resnet\d+"\?/],
    [
      ['predict', '--model', 'resnet18', '--weights', file, '--input', file, '--output', file],
      /not a valid safetensors file: 0 bytes/,
    ],
    [['predict', '--model', 'resnet18'], /required option '--input <file>' not specified/],
    [
      ['predict', '--model', 'resnet18', '--input', file, '--output', file],
      /resnet18: --weights is needed: a safetensors file/,
    ],
    [['predict', '--model', tmpdir(), '--input', file, '--output', file], /config.json: no such file/],
    [['bench', 'bert-base', '--cases', 'x'], /unknown case "x"; expected one of: train 8 x 128, inference 8 x 128/],
    [['bench', 'resnet50', '--cases', 'x'], /unknown case "x"; expected one of: train 224 px batch 8/],
    [['train', 'resnet', '--engine', 'cuda'], /unknown engine "cuda"; expected one of: auto, tensorflow, webgpu, wasm/],
    [['train', 'resnet', '--seed', '-1'], /--seed.*whole number of at least 0/],
    [['train', 'resnet', '--seeds', '1.5'], /--seeds.*whole number of at least 1/],
    [
      ['train', 'resnet', '--arm', 'direct', '--set', 'training.stepz=3'],
      /no key "training.stepz"; here are: steps, batch, schedule, optimizer, objective/,
    ],
    [
      ['train', 'resnet', '--arm', 'direct', '--set', 'training.steps=many'],
      /invalid training spec: .*training\.steps/,
    ],
    [['train', 'resnet', '--config', join(tmpdir(), 'gowide-none.json')], /gowide-none.json: no such file/],
    [['train', 'resnet', '--config', file], /not valid JSON/],
    [
      ['theory', 'run', 'saddle', '--out', join(file, 'deeper')],
      /cannot write .*deeper.*choose another folder with --out/,
    ],
    [['theory', 'run', 'saddle', '--out', '/proc/gowide'], /\/proc\/gowide/],
    [['theory', 'exact', 'chian'], /unknown exact limit "chian"; expected one of: chain, .*Did you mean "chain"\?/],
    [['theory', 'exact', 'chain', '--config', file], /not valid JSON/],
    [
      ['theory', 'simulate', '--out', tmpdir()],
      /required option '--config <file>' not specified.*See: gowide theory simulate --help/,
    ],
    [
      ['theory', 'simulate', '--config', join(tmpdir(), 'gowide-none.json'), '--out', tmpdir()],
      /gowide-none.json: no such file/,
    ],
    [['bench', 'particles', '--peer', 'numpy'], /'numpy' is invalid.*jax/],
    [['bench', 'particles', '--widths', '8,x'], /whole numbers, with commas between/],
    [['runs', 'list', '--out', join(tmpdir(), 'gowide-none')], /no runs there; name the folder with --out/],
    [['report', join(tmpdir(), 'gowide-none')], /no runs there/],
    [['report', '--compare', TABLES], /--compare: expected two folders of runs, got 1/],
    [['report', TABLES, '--json', '--markdown'], /'--json' cannot be used with option '--markdown'/],
    [['report', TABLES, '--scale', 'huge'], /--scale.*minutes, laptop, gpu, paper/],
    [['watch', TABLES, '--port', 'x'], /--port.*Expected a port from 0 to 65535/],
    [['sweep', 'saddel'], /unknown experiment "saddel"; expected one of: all, theory, .*Did you mean "saddle"\?/],
    [['sweep', 'saddle', '--shard', '3/2'], /--shard 3\/2: expected i\/n with 1 <= i <= n/],
    [['sweep', 'saddle', '--shard', '1/2', '--slurm'], /'--shard <i\/n>' cannot be used with option '--slurm'/],
    [
      ['sweep', 'saddle', '--queue', 'http://a:geheim@b', '--out', newFolder()],
      /--queue http:\/\/\*\*\*@b: expected redis:/,
    ],
    [
      ['sweep', 'saddle', '--queue', 'redis://h', '--name', 'a b', '--out', newFolder()],
      /--name a b: expected letters/,
    ],
    [['sweep', 'status'], /--queue or \$GOWIDE_QUEUE is needed/],
    [['worker'], /--queue or \$GOWIDE_QUEUE is needed/],
    [['worker', '--queue', 'redis://h', '--lock', '0'], /--lock.*whole number of at least 2/],
    [['runs', 'merge', join(tmpdir(), 'gowide-none')], /no runs there/],
    [['runs', 'verify', '--out', join(tmpdir(), 'gowide-none')], /no runs there/],
    [['selftest'], /say what is to be tested: --faults/],
    [
      ['selftest', '--faults', '--checks', 'kil'],
      /unknown check "kil"; expected one of: kill, .*Did you mean "kill"\?/,
    ],
    [['plan', '--scale', 'huge'], /--scale.*minutes, laptop, gpu, paper/],
    [['plan', '--devices', '0'], /--devices.*whole number of at least 1/],
    [['plan', '--tflops', '-1'], /--tflops/],
  ])('gowide %j', (args, expected) => {
    const { status, stdout, stderr } = gowide(args);
    expect(stderr).toMatch(expected);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    expect(stderr).not.toMatch(/\n\s+at /);
    expect([status, stdout]).toEqual([2, '']);
  });

  test('--debug adds the stack', () => {
    expect(gowide(['theory', 'run', 'x', '--debug']).stderr).toMatch(/\n\s+at /);
  });
});

test('verify --json: every check with what was expected and measured', () => {
  const { status, stdout } = gowide(['verify', '--json']);
  const { checks } = JSON.parse(stdout) as {
    checks: { id: string; kind: string; expected: number; measured: number; tolerance: number; pass: boolean }[];
  };
  expect(status).toBe(0);
  expect(checks.length).toBeGreaterThan(15);
  expect(new Set(checks.map(({ kind }) => kind))).toEqual(new Set(['exact', 'rate', 'particle', 'bound']));
  for (const { kind, expected, measured, tolerance, pass } of checks)
    expect(pass).toBe(kind === 'bound' ? measured <= expected + tolerance : Math.abs(expected - measured) <= tolerance);
});

describe('theory run', () => {
  const out = newFolder();
  const run = (): SpawnSyncReturns<string> =>
    gowide(['theory', 'run', 'tanh-saddle', '--seeds', '3', '--seed', '5', '--out', out, '--json']);

  test('gives rows with seeds, does not do again what is done, and the report takes them', () => {
    const first = run();
    expect([first.status, first.stderr.includes('rror')]).toEqual([0, false]);
    const records = JSON.parse(first.stdout) as { seed: number; rows: object[] }[];
    expect(records.map(({ seed }) => seed)).toEqual([5, 6, 7]);
    expect(records.every(({ rows }) => rows.length === 4)).toBe(true);
    const done = readdirSync(join(out, 'runs')).map((name) => readFileSync(join(out, 'runs', name, 'DONE'), 'utf8'));
    const again = run();
    expect(again.stdout).toBe(first.stdout);
    expect(readdirSync(join(out, 'runs')).map((name) => readFileSync(join(out, 'runs', name, 'DONE'), 'utf8'))).toEqual(
      done,
    );
    const report = gowide(['report', out, '--json']);
    const { verdicts } = JSON.parse(report.stdout) as { verdicts: { id: string; outcome: string }[] };
    expect(verdicts.find(({ id }) => id === 'tanh-saddle-growth')!.outcome).toMatch(/supported|inconclusive/);
    expect(existsSync(join(out, 'report.html'))).toBe(true);
  });

  test('runs list and show', () => {
    const { runs } = JSON.parse(gowide(['runs', 'list', '--out', out, '--json']).stdout) as {
      runs: { run: string; status: string }[];
    };
    expect(runs.map(({ status }) => status)).toEqual(['finished', 'finished', 'finished']);
    expect(gowide(['runs', 'show', runs[0]!.run.slice(0, 8), '--out', out]).stdout).toContain('"study": "tanh-saddle"');
    expect(gowide(['runs', 'show', runs[0]!.run, '--metrics', '--out', out]).stdout.trim().split('\n')).toHaveLength(4);
    expect(gowide(['runs', 'show', 'zz', '--out', out]).stderr).toMatch(/no run "zz"/);
  });
});

describe('theory by itself', () => {
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
    expect(summaryOf(run('wasm', 10, undefined, { GOWIDE_KERNEL: 'wasm' })).loss).toBeCloseTo(
      summaryOf(whole).loss,
      12,
    );
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

  test('bench particles --json: a row for each kernel, width and number of threads', () => {
    const { status, stdout } = gowide(['bench', 'particles', '--widths', '64,128', '--seconds', '0.05', '--json'], {
      GOWIDE_THREADS: '2',
    });
    const { rows } = JSON.parse(stdout) as {
      rows: {
        M: number;
        kernel: string;
        threads: number;
        pairsPerSecond: number;
        peakFraction: number | null;
        peer: null;
        ratio: null;
      }[];
    };
    expect(status).toBe(0);
    expect(rows.filter(({ kernel }) => kernel === 'wasm').map(({ M, threads }) => [M, threads])).toEqual([
      [64, 1],
      [128, 1],
      [64, 2],
      [128, 2],
    ]);
    for (const { pairsPerSecond, peakFraction, peer, ratio } of rows) {
      expect(pairsPerSecond).toBeGreaterThan(1e5);
      expect([peer, ratio]).toEqual([null, null]);
      if (peakFraction !== null) expect(peakFraction).toBeLessThan(1);
    }
  });
});

describe('training that is stopped', () => {
  const small = [
    'teacher.recipe.steps=40',
    'imitation.recipe.steps=15',
    'training.steps=30',
    'model.blocks=[1,1]',
    'teacher.model.blocks=[1,1]',
    'data.train=200',
  ].flatMap((setting) => ['--set', setting]);
  const train = (out: string): string[] => [
    'train',
    'resnet',
    '--arm',
    'three-stage',
    '--seed',
    '9',
    '--engine',
    ENGINE,
    '--jobs',
    '1',
    '--out',
    out,
    ...small,
  ];
  const results = (out: string): Record<string, string> =>
    Object.fromEntries(
      readdirSync(join(out, 'runs')).flatMap((run) =>
        ['metrics.jsonl', 'final.safetensors'].map((name) => [
          `${run}/${name}`,
          readFileSync(join(out, 'runs', run, name)).toString('base64'),
        ]),
      ),
    );

  async function interrupt(
    args: string[],
    signal: NodeJS.Signals,
    after: number,
  ): Promise<{ code: number | null; stderr: string }> {
    const child = spawn(process.execPath, [PROGRAM, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
    let stderr = '';
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    const ended = new Promise<number | null>((done) => child.on('close', done));
    await sleep(after);
    child.kill(signal);
    const code = await ended;
    return { code, stderr };
  }

  test(
    'by kill -9 at five moments, or by Ctrl-C, it goes on to the same bytes as one that was not',
    { timeout: 600_000 },
    async () => {
      const [whole, parts, paused] = [newFolder(), newFolder(), newFolder()];
      const started = performance.now();
      expect(gowide(train(whole)).status).toBe(0);
      const seconds = (performance.now() - started) / 1000;
      for (const share of [0.3, 0.4, 0.35, 0.45, 0.4]) await interrupt(train(parts), 'SIGKILL', share * seconds * 1000);
      await sleep(2000); // workers whose parent was killed save and end
      const resumed = gowide(['runs', 'resume', '--engine', ENGINE, '--out', parts]);
      expect([resumed.status, resumed.stderr.includes('rror')]).toEqual([0, false]);
      expect(gowide(train(parts)).status).toBe(0);
      expect(results(parts)).toEqual(results(whole));

      const stopped = await interrupt(train(paused), 'SIGINT', 0.5 * seconds * 1000);
      expect(stopped.code).toBe(130);
      expect(stopped.stderr).toContain('To go on: gowide train resnet --arm three-stage --seed 9');
      const { runs } = JSON.parse(gowide(['runs', 'list', '--out', paused, '--json']).stdout) as {
        runs: { status: string }[];
      };
      expect(runs.filter(({ status }) => status === 'finished').length).toBeLessThan(2);
      expect(gowide(train(paused)).status).toBe(0);
      expect(results(paused)).toEqual(results(whole));
      for (const folder of [whole, paused]) rmSync(folder, { recursive: true });
      rmSync(parts, { recursive: true });
    },
  );
});

test('--print-config gives a spec that --config takes', () => {
  const out = newFolder();
  const { stdout } = gowide([
    'train',
    'resnet',
    '--arm',
    'direct',
    '--set',
    'training.steps=3',
    '--set',
    'data.train=50',
    '--print-config',
  ]);
  expect(JSON.parse(stdout)).toMatchObject({ teacher: null, training: { steps: 3 } });
  const config = join(out, 'mine.json');
  writeFileSync(config, stdout);
  const { status, stdout: result } = gowide([
    'train',
    'resnet',
    '--config',
    config,
    '--engine',
    ENGINE,
    '--out',
    out,
    '--json',
  ]);
  expect(status).toBe(0);
  const [run] = JSON.parse(result) as { run: string; arm: string; seed: number; steps: number }[];
  expect(run).toMatchObject({ arm: 'custom', seed: 1, steps: 3 });
  const weights = join(out, 'w.safetensors');
  expect(gowide(['runs', 'export', run!.run, '--out', out, '--output', weights]).status).toBe(0);
  expect([...readSafetensors(weights).tensors.keys()]).toContain('layer1.0.conv1.weight');
});

test('doctor --json names every engine with rates, or with the reason why not', () => {
  const { stdout } = gowide(['doctor', '--json']);
  const report = JSON.parse(stdout) as {
    node: string;
    engines: { name: string; available: boolean; reason: string | null; gflops: Record<string, number> | null }[];
  };
  expect(report.node).toBe(process.version);
  expect(report.engines.map(({ name }) => name)).toEqual(['tensorflow', 'webgpu', 'wasm']);
  for (const { available, reason, gflops } of report.engines) {
    if (available) for (const rate of ['matmul', 'conv2d', 'conv2dGrad']) expect(gflops![rate]).toBeGreaterThan(0);
    else expect(reason!.length).toBeGreaterThan(10);
  }
});
