/** Commands that write where the user says: nothing of somebody else's is lost, whatever is named. */
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { writeSafetensors } from '../../src/store/safetensors.js';
import { noise } from '../support/reference.js';
import { ENGINE, gowide, gowideHere, LIMIT, newFolder, PROGRAM } from '../support/program.js';

const store = newFolder();
const work = newFolder();
const inWork = (name: string): string => join(work, name);
let run: string;

beforeAll(async () => {
  expect(gowide(['theory', 'run', 'saddle', '--seeds', '1', '--out', store]).status).toBe(0);
  const short = ['training.steps=3', 'training.schedule.warmup=1'].flatMap((setting) => ['--set', setting]);
  const train = ['train', 'resnet', '--arm', 'direct', '--seeds', '1', ...short, '--engine', ENGINE];
  expect(gowide([...train, '--out', store]).status).toBe(0);
  run = readdirSync(join(store, 'runs')).find((name) => name.startsWith('resnet'))!;
  const simulation = {
    model: { depth: 2, d: 2, width: 16 },
    flow: { steps: 2, dt: 0.1 },
    data: { train: 8, heldOut: 8 },
  };
  writeFileSync(inWork('simulation.json'), JSON.stringify(simulation));
  writeSafetensors(inWork('in.safetensors'), {
    input: { shape: [2, 1, 14, 14], values: Float32Array.from(noise(2 * 196, 3)) },
  });
  expect((await gowideHere(['runs', 'export', id(), '--out', store, '--output', inWork('w.safetensors')])).status).toBe(
    0,
  );
}, LIMIT);

const id = (): string => run.split('.').at(-1)!;

describe('a file of something else is not written over', () => {
  test.each<[string, string, () => string[]]>([
    ['report --out', 'keep.txt', () => ['report', store, '--out', inWork('keep.txt')]],
    ['demo --out', 'demo/report.html', () => ['demo', '--no-open', '--out', inWork('demo')]],
    ['reproduce, its page', 'all/report.html', () => ['reproduce', '--out', inWork('all')]],
    [
      'runs export, a file',
      'keep.safetensors',
      () => ['runs', 'export', id(), '--out', store, '--output', inWork('keep.safetensors')],
    ],
    ['runs export, ONNX', 'keep.onnx', () => ['runs', 'export', id(), '--out', store, '--output', inWork('keep.onnx')]],
    ['predict --output', 'out.txt', () => predictTo(inWork('out.txt'))],
    [
      'theory simulate, its summary',
      'sim/summary.json',
      () => ['theory', 'simulate', '--config', inWork('simulation.json'), '--out', inWork('sim')],
    ],
    [
      'theory simulate, its particles',
      'sim2/final.safetensors',
      () => ['theory', 'simulate', '--config', inWork('simulation.json'), '--out', inWork('sim2')],
    ],
    ['report --tables', 'tables/saddle.minutes.jsonl', () => ['report', store, '--tables', inWork('tables')]],
  ])('%s', async (_, name, args) => {
    const file = inWork(name);
    mkdirSync(join(file, '..'), { recursive: true });
    writeFileSync(file, 'precious');
    const { status, stderr } = await gowideHere(args());
    expect(stderr).toMatch(/^error: .*would be written over; (remove it, or )?name another (file|folder)\.?.*\n$/);
    expect([status, readFileSync(file, 'utf8')]).toEqual([2, 'precious']);
  });

  const predictTo = (output: string, model = inWork('w.safetensors')): string[] => [
    ...['predict', '--model', model, '--input', inWork('in.safetensors'), '--output', output, '--engine', ENGINE],
  ];

  test('what is read is not written over, either', async () => {
    const mine = inWork('mine.safetensors');
    copyFileSync(inWork('w.safetensors'), mine);
    for (const output of [inWork('in.safetensors'), mine]) {
      const before = readFileSync(output);
      const { status, stderr } = await gowideHere(predictTo(output, mine));
      expect([status, stderr]).toEqual([
        2,
        expect.stringContaining(`${output}: this command reads it, and would write`),
      ]);
      expect(readFileSync(output).equals(before)).toBe(true);
    }
    const out = inWork('simulated');
    const simulate = ['theory', 'simulate', '--config', inWork('simulation.json'), '--out', out];
    expect((await gowideHere(simulate)).status).toBe(0);
    const again = await gowideHere([...simulate, '--particles', join(out, 'final.safetensors')]);
    expect([again.status, again.stderr]).toEqual([2, expect.stringContaining('this command reads it')]);
    expect((await gowideHere(simulate)).status).toBe(0); // its own are replaced
    const [particles, config] = [join(out, 'final.safetensors'), inWork('naming.json')];
    const declared = JSON.parse(readFileSync(inWork('simulation.json'), 'utf8')) as object;
    writeFileSync(config, JSON.stringify({ ...declared, particles }));
    const before = readFileSync(particles);
    const named = await gowideHere(['theory', 'simulate', '--config', config, '--out', out]);
    expect([named.status, named.stderr]).toEqual([2, expect.stringContaining(`${particles}: this command reads it`)]);
    expect(readFileSync(particles).equals(before)).toBe(true);
  });

  test('earlier pages and tables of one’s own are replaced', async () => {
    const [page, tables] = [inWork('page.html'), inWork('my-tables')];
    for (const args of [
      ['report', store, '--out', page],
      ['report', store, '--tables', tables],
    ]) {
      expect((await gowideHere(args)).status).toBe(0);
      expect((await gowideHere(args)).status).toBe(0);
    }
  });
});

describe('runs stay as they are', () => {
  test.each<[string, () => string[]]>([
    ['report --out', () => ['report', store, '--out', join(store, 'runs', run, 'metrics.jsonl')]],
    [
      'runs export',
      () => ['runs', 'export', id(), '--out', store, '--output', join(store, 'runs', run, 'final.safetensors')],
    ],
    [
      'theory simulate',
      () => ['theory', 'simulate', '--config', inWork('simulation.json'), '--out', join(store, 'runs', run)],
    ],
    ['runs merge', () => ['runs', 'merge', store, '--out', join(store, 'runs')]],
    ['train', () => ['train', 'resnet', '--arm', 'direct', '--seeds', '1', '--out', join(store, 'runs', 'new')]],
  ])('%s', async (_, args) => {
    const { status, stderr } = await gowideHere(args());
    expect([status, stderr]).toEqual([2, expect.stringContaining('among the runs of')]);
    expect((await gowideHere(['runs', 'verify', '--out', store])).status).toBe(0);
  });

  test('runs gc leaves what somebody put beside them', async () => {
    const notes = join(store, 'runs', 'notes');
    mkdirSync(notes);
    writeFileSync(join(notes, 'mine.txt'), 'precious');
    const { status, stderr } = await gowideHere(['runs', 'gc', '--out', store]);
    expect([status, stderr]).toEqual([0, expect.stringContaining('has mine.txt of something else; it is passed over')]);
    expect(existsSync(join(notes, 'mine.txt'))).toBe(true);
  });
});

test.skipIf(!existsSync('/dev/full'))('what cannot be printed is an error, and said', () => {
  const full = openSync('/dev/full', 'w');
  for (const args of [['theory', 'list', '--json'], ['report', store, '--markdown'], ['cite']]) {
    const { status, stderr } = spawnSync(process.execPath, [PROGRAM, ...args], {
      ...{ stdio: ['ignore', full, 'pipe'], encoding: 'utf8', timeout: LIMIT, killSignal: 'SIGKILL' },
    });
    expect([status, stderr]).toEqual([1, 'error: cannot write to standard output: no space left there\n']);
  }
});
