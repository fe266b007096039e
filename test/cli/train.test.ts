import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { readSafetensors } from '../../src/store/safetensors.js';
import { ENGINE, gowide, gowideHere, LIMIT, newFolder, PROGRAM } from '../support/program.js';

describe('training that is stopped', () => {
  const small = [
    'teacher.recipe.steps=40',
    'imitation.recipe.steps=15',
    'training.steps=30',
    'network.blocks=[1,1]',
    'teacher.network.blocks=[1,1]',
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

  /**
   * Runs the program, sends the signal some milliseconds after its first step, and says how long it took from there.
   */
  async function interrupt(
    args: string[],
    signal: NodeJS.Signals,
    milliseconds: number,
  ): Promise<{ code: number | null; stderr: string; took: number }> {
    const child = spawn(process.execPath, [PROGRAM, ...args], {
      stdio: ['ignore', 'ignore', 'pipe'],
      timeout: LIMIT,
      killSignal: 'SIGKILL',
    });
    const ended = new Promise<number | null>((done) => child.on('close', done));
    let stderr = '';
    const began = new Promise<void>((begin) =>
      child.stderr.on('data', (chunk: Buffer) => {
        stderr += chunk.toString();
        if (/ s9 \w+ \d+\/\d+/.test(stderr)) begin();
      }),
    );
    await Promise.race([began, ended]);
    const started = performance.now();
    const timer = setTimeout(() => child.kill(signal), milliseconds);
    const code = await ended;
    clearTimeout(timer);
    return { code, stderr, took: performance.now() - started };
  }

  test(
    'by kill -9 at five moments, or by Ctrl-C, it goes on to the same bytes as one that was not',
    { timeout: 600_000 },
    async () => {
      const [whole, parts, paused] = [newFolder(), newFolder(), newFolder()];
      const { code, took } = await interrupt(train(whole), 'SIGKILL', LIMIT);
      expect(code).toBe(0);
      for (const share of [0.05, 0.3, 0.2, 0.4, 0.3]) await interrupt(train(parts), 'SIGKILL', share * took);
      await sleep(2000); // workers whose parent was killed save and end
      const resumed = gowide(['runs', 'resume', '--engine', ENGINE, '--out', parts]);
      expect(resumed.stderr).not.toMatch(/error/i);
      expect(resumed.status).toBe(0);
      expect(gowide(train(parts)).status).toBe(0);
      expect(results(parts)).toEqual(results(whole));

      const stopped = await interrupt(train(paused), 'SIGINT', 0.1 * took);
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

test('a batch of the wide net above the number of pictures is refused by its own key, before anything is begun', async () => {
  const folder = newFolder();
  for (const name of ['a', 'b']) {
    mkdirSync(join(folder, 'pictures', name), { recursive: true });
    for (let i = 0; i < 24; i++) writeFileSync(join(folder, 'pictures', name, `${i}.png`), 'never decoded');
  }
  const { stdout } = await gowideHere(['train', 'resnet', '--arm', 'three-stage', '--print-config']);
  const spec = JSON.parse(stdout) as {
    readonly network: object;
    readonly teacher: { readonly network: object; readonly recipe: object };
    readonly training: object;
    readonly imitation: { readonly recipe: object };
  };
  const { network, teacher, training, imitation } = spec;
  const sizes = { classes: 2, channels: 3 };
  const config = join(folder, 'mine.json');
  const path = join(folder, 'pictures');
  const declared = (wide: number): string =>
    JSON.stringify({
      ...spec,
      data: { set: 'imagefolder', folder: path, size: 16, resize: 16, corrupt: 0, validation: 2, test: 0.25 },
      network: { ...network, ...sizes },
      teacher: { ...teacher, network: { ...teacher.network, ...sizes }, recipe: { ...teacher.recipe, batch: wide } },
      training: { ...training, batch: 32 },
      imitation: { ...imitation, recipe: { ...imitation.recipe, batch: 16 } },
    });
  const out = join(folder, 'out');
  writeFileSync(config, declared(64));
  const { status, stderr } = await gowideHere(['train', 'resnet', '--config', config, '--out', out]);
  expect([status, stderr]).toEqual([
    2,
    expect.stringContaining('teacher.recipe.batch: 64, and the data have 34 training examples; expected at most'),
  ]);
  expect(existsSync(out)).toBe(false);
  // where nothing is left for training it is not the batch that is wrong: who opens the data names what is
  writeFileSync(config, declared(34).replace('"validation":2', '"validation":500'));
  expect(await gowideHere(['train', 'resnet', '--config', config, '--print-config'])).toMatchObject({ status: 0 });
  writeFileSync(config, declared(34));
  expect(await gowideHere(['train', 'resnet', '--config', config, '--print-config'])).toMatchObject({ status: 0 });
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
    'training.schedule.warmup=1',
    '--set',
    'data.train=100',
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
  expect(run).toMatchObject({ arm: 'mine', seed: 1, steps: 3 });
  // it is called what its file is, and not like the network's main experiment
  expect(readdirSync(join(out, 'runs'))).toEqual([expect.stringMatching(/^custom\W+mine/)]);
  // or like the experiment that is said to be its own
  const named = join(out, 'named');
  const own = ['train', 'resnet', '--config', config, '--experiment', 'depth-skip', '--engine', ENGINE, '--out', named];
  expect(gowide(own).status).toBe(0);
  expect(readdirSync(join(named, 'runs'))).toEqual([expect.stringMatching(/^depth-skip\W+mine/)]);
  const weights = join(out, 'w.safetensors');
  expect(gowide(['runs', 'export', run!.run, '--out', out, '--output', weights]).status).toBe(0);
  expect(Object.keys(readSafetensors(weights).tensors)).toContain('layer1.0.conv1.weight');
});

describe('what --set and --arm take', () => {
  const printed = async (...args: string[]): Promise<Record<string, Record<string, unknown>>> => {
    const { status, stdout, stderr } = await gowideHere(['train', ...args, '--print-config']);
    if (status !== 0) throw new Error(stderr);
    return JSON.parse(stdout) as Record<string, Record<string, unknown>>;
  };

  test('a text stays one where the schema wants one, whatever it looks like', async () => {
    const folderOf = async (text: string): Promise<unknown> =>
      (await printed('resnet', '--scale', 'paper', '--arm', 'direct', '--set', `data.folder=${text}`)).data!.folder;
    for (const text of ['2012', 'true', 'null', '1e3', '[1]', 'a b']) expect(await folderOf(text)).toBe(text);
    // and a number where either may be
    const vocabulary = async (text: string): Promise<unknown> =>
      (await printed('bert', '--arm', 'direct', '--set', `data.vocabulary=${text}`)).data!.vocabulary;
    expect([await vocabulary('2048'), await vocabulary('"2048"'), await vocabulary('v.txt')]).toEqual([
      2048,
      '2048',
      'v.txt',
    ]);
  });

  test('a key that the spec leaves out is added, at any depth', async () => {
    const { training } = await printed(
      ...['resnet', '--scale', 'laptop', '--arm', 'hints', '--set', 'training.ema=0.99'],
      ...['--set', 'training.hints.loss=mse', '--set', 'training.clip=1'],
    );
    expect(training).toMatchObject({ ema: 0.99, hints: { loss: 'mse' }, clip: 1 });
  });

  test.each([
    ['training.emma=0.99', /--set training.emma=0.99: no key "training.emma"; here are: steps, batch/],
    ['training.hints.los=mse', /no key "training.hints.los"/],
    ['trainig.steps=3', /no key "trainig"; here are: data, network/],
    ...['7', 'length', '-1', '1.5', '01', 'constructor', '__proto__'].map((key): [string, RegExp] => [
      `network.blocks.${key}=1`,
      new RegExp(`no key "network.blocks.${key.replace('.', '\\.')}"`),
    ]),
    ['network.blocks.length=0', /"network.blocks.length"; the list there has 3 entries, which are called 0, 1, .../],
    ['network.blocks=[0,0,0]', /network.blocks.0: expected at least 1, got 0; network.blocks.1/],
    ['network.blocks=[]', /network.blocks: expected at least 1 entry, got \[\]/],
    ['training.steps=5,5', /training.steps: expected a number, got "5,5"/],
    ['training.steps=0x10', /training.steps: expected a number, got "0x10"/],
    ['training.steps= 5', /training.steps: expected a number, got " 5"/],
    ['data.augment.rotation=NaN', /data.augment.rotation: expected a number, got "NaN"/],
    ['training={"steps":5}', /training.batch: missing; expected a number/],
    ['training={"steps":5,"steps":6}', /--set training: the key "steps" stands twice in one object/],
    ['training.steps.more=1', /no key "training.steps.more"/],
    ['training.__proto__=1', /no key "training.__proto__"/],
    ['constructor=1', /no key "constructor"/],
  ])('%s is refused', async (setting, message) => {
    await expect(printed('resnet', '--arm', 'direct', '--set', setting)).rejects.toThrow(message);
  });

  test('numbers may have an exponent; a key that is given twice, by whichever name, is refused', async () => {
    const { training } = await printed('resnet', '--arm', 'direct', '--set', 'training.steps=1e2');
    expect(training).toMatchObject({ steps: 100 });
    const twice = printed('resnet', '--set', 'training.steps=5', '--set', 'training.steps=6');
    await expect(twice).rejects.toThrow(/--set: "training.steps" is given twice with different values; expected one/);
    const equal = ['training.steps=20', 'training.steps=20'].flatMap((setting) => ['--set', setting]);
    expect((await printed('resnet', '--arm', 'direct', ...equal)).training).toMatchObject({ steps: 20 });
  });

  test.each([
    ['direct', 'training.steps=5', 'training.schedule.warmup: 20 steps, and steps is 5; expected at most as many'],
    [
      'three-stage',
      'imitation.recipe.schedule.warmup=1e5',
      'imitation.recipe.schedule.warmup: 100000 steps, and steps',
    ],
    ['three-stage', 'teacher.recipe.schedule.warmup=1e5', 'teacher.recipe.schedule.warmup: 100000 steps, and steps'],
    [
      'direct',
      'training.batch=2001',
      'training.batch: 2001, and the data have 2000 training examples; expected at most',
    ],
    ['direct', 'data.train=30', 'batch: 32, and the data have 30 training examples'],
    ['direct', 'network.classes=9', 'the data have 10 classes, the network only 9; expected a network of at least as'],
  ])('%s with %s does not fit, which is said with and without --print-config', async (arm, setting, line) => {
    const args = ['train', 'resnet', '--arm', arm, '--set', setting, '--out', newFolder()];
    for (const more of [[], ['--print-config']]) {
      const { status, stderr } = await gowideHere([...args, ...more]);
      expect([status, stderr.trim().split('\n').at(-1)]).toEqual([2, expect.stringContaining(line)]);
    }
  });

  test('JSON may have blanks around it, a number may not', async () => {
    const { network } = await printed('resnet', '--arm', 'direct', '--set', 'network.blocks= [2, 1,1] ');
    expect(network).toMatchObject({ blocks: [2, 1, 1] });
    const blank = printed('resnet', '--arm', 'direct', '--set', 'training.steps=5 ');
    await expect(blank).rejects.toThrow(/training.steps: expected a number, got "5 "/);
  });

  test('an arm by its name, some by a regular expression, or all', async () => {
    const arms = async (pattern: string): Promise<string[]> => Object.keys(await printed('resnet', '--arm', pattern));
    const all = await arms('all');
    expect(await arms('^(direct|three)')).toEqual(all.filter((arm) => /^(direct|three)/.test(arm)));
    expect(await arms('.')).toEqual(all);
    expect((await printed('resnet', '--arm', 'direct')).teacher).toBeNull(); // one alone is itself
    await expect(arms('x{99}')).rejects.toThrow(/unknown arm "x\{99\}"; expected one of: all, wide, direct/);
    await expect(arms('(')).rejects.toThrow(/--arm \(: expected the name of an arm or a regular expression/);
  });
});

test('rows without a label are left out, and the command says how many and where they are named', () => {
  const folder = newFolder();
  const rows = Array.from({ length: 40 }, (_, i) => `the cat sees a leaf ${i}\t${i === 7 ? '' : i % 2}`);
  writeFileSync(join(folder, 'rows.tsv'), `sentence\tlabel\n${rows.join('\n')}\n`);
  writeFileSync(join(folder, 'corpus.txt'), 'the cat sees a leaf\n'.repeat(300));
  writeFileSync(join(folder, 'test.tsv'), `sentence\tlabel\n${rows.slice(10).join('\n')}\n`);
  const tables = { train: join(folder, 'rows.tsv'), test: join(folder, 'test.tsv') };
  const data = {
    ...{ set: 'tsv', corpus: folder, vocabulary: 30, lowercase: true, tokens: 8, heldOut: 0.1 },
    ...{ ...tables, validation: 8, columns: { text: 'sentence', label: 'label' } },
  };
  const network = {
    ...{ family: 'bert', vocabSize: 30, maxPositions: 8, typeVocabSize: 2, hiddenSize: 4, numLayers: 1, numHeads: 1 },
    ...{ intermediateSize: 4, head: { kind: 'classify', classes: 2 } },
  };
  const training = {
    ...{ steps: 1, batch: 4, schedule: { kind: 'constant', peak: 0.01 }, optimizer: { kind: 'sgd' } },
    objective: { labels: 1 },
  };
  const spec = join(folder, 'spec.json');
  writeFileSync(spec, JSON.stringify({ data, network, training, teacher: null, start: 'random', imitation: null }));
  const out = join(folder, 'runs');
  const { status, stderr } = gowide(['train', 'bert', '--config', spec, '--engine', 'wasm', '--out', out]);
  expect(stderr).toMatch(/spec, seed 1: 1 of the data left out; named by: gowide runs show \w+ --metrics/);
  expect(status).toBe(0);
  const [, id] = /runs show (\w+)/.exec(stderr)!;
  expect(gowide(['runs', 'show', id!, '--metrics', '--out', out]).stdout).toContain('line 9: without a label');
});
