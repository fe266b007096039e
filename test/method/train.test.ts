import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { armSpecs } from '../../src/core/experiment.js';
import { depthSkip } from '../../experiments/depth-skip.js';
import { resnetAblations, resnetDigits, resnetHierarchy } from '../../experiments/resnet.js';
import { currentSpec } from '../../src/core/spec.js';
import { tf } from '../../src/engine/tensor.js';
import type { TrainSpec } from '../../src/method/spec/spec.js';
import { checkToRun, parseTrainSpec } from '../../src/method/run/check-spec.js';
import { costOf, expectedSeconds, stepFlops } from '../../src/method/cost/cost.js';
import { trainExecutor } from '../../src/method/run/execute.js';
import { TRAIN_KIND, wideCell } from '../../src/method/run/required.js';
import { environment } from '../../src/store/environment.js';
import { executeRun, type ExecuteOptions } from '../../src/store/execute.js';
import { folderOf, readArrays, readMetrics } from '../../src/store/runs.js';
import { anyEngine } from '../support/engines.js';
import { relativeError } from '../support/tolerance.js';
import { cell, CONVNET, DIRECT, IMITATION, LABELS, MLP, recipe, TEACHER, THIN, THREE } from './support.js';

function options(out: string, extra: Partial<ExecuteOptions> = {}): ExecuteOptions {
  return {
    out,
    environment: environment(null, 'test'),
    executors: { [TRAIN_KIND]: trainExecutor },
    signal: new AbortController().signal,
    progress: () => {},
    ...extra,
  };
}

const newFolder = (): string => mkdtempSync(join(tmpdir(), 'gowide-train-'));
const bytes = (folder: string): string[] =>
  ['metrics.jsonl', 'final.safetensors'].map((name) => readFileSync(join(folder, name)).toString('base64'));
const wideOf = (spec: TrainSpec) => wideCell(cell(spec), spec)!;

describe('training', () => {
  beforeAll(anyEngine);

  test('imitation brings each stage nearer to the wide net, and leaves no tensors behind', async () => {
    const out = newFolder();
    const before = tf.memory().numTensors;
    const run = await executeRun(cell(THREE), options(out));
    expect(tf.memory().numTensors).toBe(before);
    const rows = readMetrics(run);
    const losses = (stage: string): number[] =>
      rows.filter((row) => row.stage === stage).map((row) => Number(row.loss));
    for (const stage of ['imitate stage1', 'imitate stage2']) {
      expect(losses(stage)).toHaveLength(15);
      expect(losses(stage).at(-1)!).toBeLessThan(losses(stage)[0]! * 0.9);
    }
    const taps = ['stem', 'stage1/block1', 'stage1', 'stage2/block1', 'stage2', 'logits'];
    expect(rows.filter((row) => row.event === 'discrepancy').map((row) => `${row.when} ${row.tap}`)).toEqual(
      ['imitation', 'end'].flatMap((when) => taps.map((tap) => `${when} ${tap}`)),
    );
    expect(run.result).toMatchObject({ steps: 2 * 15 + 12 });
    const wide = await executeRun(wideOf(THREE), options(out));
    expect(Object.keys(readArrays(wide))).toEqual(Object.keys(readArrays(run)));
  });

  test('the telescoped sum of the hybrids is at least the discrepancy of the logits', async () => {
    const rows = readMetrics(await executeRun(cell(THREE), options(newFolder())));
    for (const when of ['imitation', 'end']) {
      const of = (event: string): number[] =>
        rows.filter((row) => row.event === event && row.when === when).map((row) => Number(row.discrepancy));
      const logits = rows.find((row) => row.event === 'discrepancy' && row.when === when && row.tap === 'logits')!;
      expect(of('hybrid')).toHaveLength(4);
      expect(of('hybrid').reduce((a, b) => a + b, 0)).toBeGreaterThanOrEqual(Number(logits.discrepancy) * (1 - 1e-5));
      expect(of('alone')).toHaveLength(3);
    }
    // the stem is the wide net's: replacing it changes nothing after imitation
    expect(
      rows.find((row) => row.event === 'hybrid' && row.when === 'imitation' && row.tap === 'stem')!.discrepancy,
    ).toBeLessThan(0.5);
  });

  test('hybrids through learnt maps up telescope, too; a head that reads the wide net’s values adds nothing', async () => {
    const recipes = { training: { ...recipe(12), objective: TEACHER }, start: 'random' } as const;
    const wide = { network: { ...MLP, width: 8 }, recipe: recipe(10), objective: LABELS };
    const spec: TrainSpec = {
      ...THREE,
      ...recipes,
      network: MLP,
      teacher: wide,
      imitation: { ...IMITATION, size: 2, order: 'joint', maps: 'up' },
    };
    const rows = readMetrics(await executeRun(cell(spec), options(newFolder())));
    const of = (event: string, when: string): { tap: unknown; discrepancy: number }[] =>
      rows
        .filter((row) => row.event === event && row.when === when)
        .map(({ tap, discrepancy }) => ({ tap, discrepancy: Number(discrepancy) }));
    const hybrids = of('hybrid', 'imitation');
    expect(hybrids.at(-1)).toMatchObject({ tap: 'logits' });
    expect(hybrids.at(-1)!.discrepancy).toBeLessThan(1e-5);
    const sum = hybrids.reduce((total, { discrepancy }) => total + discrepancy, 0);
    const logits = of('discrepancy', 'imitation').find(({ tap }) => tap === 'logits')!.discrepancy;
    expect(logits).toBeGreaterThan(0.01);
    expect(sum).toBeGreaterThanOrEqual(logits * (1 - 1e-5));
    expect(of('hybrid', 'end')).toEqual([]); // the maps are gone by then
  });

  test('shared parts are the wide net’s, and imitation leaves them alone', async () => {
    const out = newFolder();
    const barely = { ...THREE, training: { ...THREE.training, ...recipe(1, 1e-12), objective: TEACHER } };
    const thin = readArrays(await executeRun(cell(barely), options(out)));
    const wide = readArrays(await executeRun(wideOf(barely), options(out)));
    const shared = Object.keys(thin).filter((path) => /^params\/(stem|head)\//.test(path));
    expect(shared).toHaveLength(3 + 2);
    for (const path of shared) expect(relativeError(thin[path]!.values, wide[path]!.values)).toBeLessThan(1e-6);
    expect(thin['params/stage1/block1/conv2/kernel']!.shape).not.toEqual(
      wide['params/stage1/block1/conv2/kernel']!.shape,
    );
  });

  const variants: [string, TrainSpec, number][] = [
    ['wide inputs', { ...THREE, imitation: { ...IMITATION, inputs: 'wide' } }, 42],
    ['no imitation', { ...THREE, imitation: null }, 12],
    ['greedy channels', { ...THREE, start: 'greedy', imitation: null }, 12],
    [
      'selected channels, block by block, KL',
      { ...THREE, start: 'selected', imitation: { ...IMITATION, unit: 'block', loss: 'kl' } },
      42,
    ],
    [
      'all groups at once, from random values',
      { ...THREE, start: 'random', imitation: { ...IMITATION, order: 'joint', loss: 'mse' } },
      27,
    ],
    ['closed form', { ...THREE, start: 'selected', imitation: { by: 'ridge', images: 64, ridge: 1e-3 } }, 12],
    [
      'hints beside labels',
      { ...THREE, start: 'random', imitation: null, training: { ...recipe(12), objective: { ...LABELS, hints: 1 } } },
      12,
    ],
    [
      'pairs of maps on a convnet',
      {
        ...THREE,
        network: CONVNET,
        teacher: { network: { ...CONVNET, width: 6 }, recipe: recipe(10), objective: LABELS },
        start: 'random',
        imitation: { ...IMITATION, maps: 'pair' },
      },
      57,
    ],
    [
      'maps up on an MLP, AdamW, EMA',
      {
        ...THREE,
        network: MLP,
        teacher: { network: { ...MLP, width: 8 }, recipe: recipe(10), objective: LABELS },
        start: 'random',
        imitation: { ...IMITATION, size: 2, order: 'joint', maps: 'up' },
        training: {
          ...recipe(12),
          optimizer: { kind: 'adamw', beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0 },
          ema: 0.9,
          clip: 1,
          objective: TEACHER,
        },
      },
      27,
    ],
  ];
  test.each(variants)('%s runs to its end, and leaves no tensors behind', async (_, spec, steps) => {
    const out = newFolder();
    await executeRun(wideOf(spec), options(out));
    const before = tf.memory().numTensors;
    const run = await executeRun(cell(spec), options(out));
    expect(tf.memory().numTensors).toBe(before);
    expect(run.result).toMatchObject({ steps });
    expect(Object.keys(readArrays(run)).some((path) => path.includes('maps/'))).toBe(false);
  });

  test('stopped again and again, it ends with the same bits as in one go', { timeout: 300_000 }, async () => {
    const whole = newFolder();
    const parts = newFolder();
    const expected = bytes((await executeRun(cell(THREE), options(whole))).folder);
    let stops = 0;
    for (const limit of [5, 17, 9, 14, 3, 11]) {
      const controller = new AbortController();
      let steps = 0;
      const progress = (): void => {
        if (++steps === limit) controller.abort();
      };
      const stopped = await executeRun(cell(THREE), options(parts, { signal: controller.signal, progress })).then(
        () => false,
        (error: Error) => error.name === 'InterruptedError',
      );
      if (stopped) stops++;
    }
    expect(stops).toBe(6);
    await executeRun(cell(THREE), options(parts));
    expect(bytes(folderOf(parts, cell(THREE)))).toEqual(expected);
    expect(bytes(folderOf(parts, wideOf(THREE)))).toEqual(bytes(folderOf(whole, wideOf(THREE))));
  });

  test('a learning rate that is far too high stops the run and names the step', async () => {
    const spec: TrainSpec = { ...DIRECT, training: { ...recipe(60, 1e18), objective: LABELS } };
    await expect(executeRun(cell(spec), options(newFolder()))).rejects.toThrow(
      /loss is (NaN|Infinity|-Infinity) at stage train, step \d+; the run is stopped/,
    );
  });
});

describe('specs', () => {
  test('unknown keys, wrong values and parts that do not fit are named', () => {
    const wide = (network: unknown): unknown => ({ ...THREE, teacher: { ...THREE.teacher, network } });
    expect(() => parseTrainSpec({ ...THREE, extra: 1 })).toThrow(/invalid training spec: .*extra/);
    expect(() => parseTrainSpec({ ...THREE, training: { ...THREE.training, steps: 0 } })).toThrow(/training.steps/);
    expect(() => parseTrainSpec({ ...THREE, teacher: null })).toThrow(
      'invalid training spec: imitation, start "shared", objective.teacher need a wide net; give "teacher"',
    );
    expect(() => parseTrainSpec({ ...DIRECT, training: { ...DIRECT.training, objective: { labels: 0 } } })).toThrow(
      'training.objective is all zeros',
    );
    const alone = { labels: 0, hints: 1 };
    expect(() => parseTrainSpec({ ...THREE, training: { ...THREE.training, objective: alone } })).toThrow(
      'training.objective has hints alone, which do not reach the head; give labels or teacher, too',
    );
    expect(() => parseTrainSpec(wide({ ...THIN, planes: 2 }))).toThrow(
      'at stage1 the thin net has 4 channels and the wide one 8; maps "up" or "pair" are needed',
    );
    const hinted = { ...THREE.training, objective: { labels: 1, hints: 1 } };
    for (const maps of ['up', 'pair'])
      expect(() =>
        parseTrainSpec({
          ...(wide({ ...THIN, planes: 2, skip: false }) as typeof THREE),
          network: { ...THIN, skip: false },
          imitation: { ...THREE.imitation, maps },
          start: 'random',
          training: hinted,
        }),
      ).toThrow('training.objective.hints: at stage1 the thin net has 4 channels and the wide one 8; hints beside');
    expect(() => parseTrainSpec({ ...THREE, training: hinted })).not.toThrow();
    const parts = { ...THREE.imitation, recipe: { ...recipe(4), batch: 8, accumulate: 3 } };
    expect(() => parseTrainSpec({ ...THREE, imitation: parts })).toThrow(
      'imitation.recipe.accumulate: a batch of 8 cannot be divided into 3 equal parts',
    );
    expect(() => parseTrainSpec({ ...THREE, network: { ...THIN, channels: 3 } })).toThrow(
      'the digits data have 1 channel, the network expects 3',
    );
    expect(() => parseTrainSpec(wide({ ...THIN, mid: 2, classes: 12 }))).toThrow(
      'the wide net has another number of classes',
    );
    expect(() => parseTrainSpec(wide({ ...THIN, blocks: [1] }))).toThrow('the wide net has no tap stage2');
  });

  test('a warm-up of more steps than there are is refused before a run, and read in the record of one', () => {
    const { training } = DIRECT;
    const spec = parseTrainSpec({
      ...DIRECT,
      training: { ...training, schedule: { ...training.schedule, warmup: training.steps + 1 } },
    });
    expect(() => checkToRun(spec)).toThrow(/^invalid training spec: training.schedule.warmup: \d+ steps, and steps is/);
    expect(() => checkToRun(parseTrainSpec(DIRECT))).not.toThrow();
  });

  describe('what a run would not heed is refused before it, and read in the record of one', () => {
    const objective = (changes: object): object => ({ ...LABELS, ...changes });
    const tuned = (changes: object, spec: object = DIRECT): object => ({
      ...spec,
      training: { ...DIRECT.training, ...changes },
    });
    const steps = (changes: object): object =>
      tuned({ schedule: { kind: 'step', peak: 0.1, warmup: 0, drops: [2], factor: 0.1, ...changes } });
    const imitation = { ...THREE.imitation, recipe: recipe(4) };
    const hinted = (hints: object, weight = 1): object =>
      tuned({ hints, objective: objective({ hints: weight }) }, { ...THREE, imitation });
    const evaluated = { ...imitation, recipe: { ...recipe(4), evaluations: 2 } };
    const ridge = { by: 'ridge', images: 1e6, ridge: 1e-3 };
    test.each<[string, object, string]>([
      [
        'a factor of 1',
        steps({ factor: 1 }),
        'training.schedule.factor: 1, by which a drop of the rate changes nothing; expected less than 1; give a',
      ],
      ['no drop', steps({ drops: [] }), 'training.schedule.drops: none, so that the rate stays as it is; expected a'],
      [
        'a temperature without the wide net’s outputs',
        tuned({ objective: objective({ temperature: 2 }) }),
        'training.objective.temperature: 2, and teacher beside it is 0; expected a weight of the divergence',
      ],
      [
        'smoothing without labels',
        tuned({ objective: objective({ labels: 0, teacher: 1, labelSmoothing: 0.1 }) }, THREE),
        'training.objective.labelSmoothing: 0.1, and labels beside it is 0; expected a weight of the labels',
      ],
      [
        'a temperature of the wide net',
        { ...THREE, teacher: { ...THREE.teacher, objective: objective({ temperature: 2 }) } },
        'teacher.objective.temperature: 2, and teacher beside it is 0',
      ],
      [
        'evaluations of imitation',
        { ...THREE, imitation: evaluated },
        'imitation.recipe.evaluations: 2, and imitation is not evaluated on the way; expected none; leave it out',
      ],
      ['more images than there are', { ...THREE, imitation: ridge }, 'imitation.images: 1000000, and the data have '],
      [
        'hints without a weight',
        hinted({ unit: 'stage' }, 0),
        'training.hints: given, and objective.hints beside them is 0; expected a weight of the loss',
      ],
      [
        'hints that divide otherwise than imitation',
        hinted({ unit: 'block' }),
        'training.hints: unit "block" and size 1, and imitation has unit "stage" and size 1, by which both are',
      ],
    ])('%s', (_, declared, said) => {
      const spec = parseTrainSpec(declared);
      expect(() => checkToRun(spec)).toThrow(`invalid training spec: ${said}`);
    });

    test('what is heeded is not', () => {
      const kept = [
        steps({}),
        hinted({ unit: 'stage', loss: 'mse' }),
        tuned({ objective: objective({ teacher: 1, temperature: 2, labelSmoothing: 0.1 }) }, THREE),
        // says where discrepancies are recorded
        tuned({ hints: { unit: 'block' } }, { ...THREE, imitation: null }),
      ];
      for (const declared of kept) expect(() => checkToRun(parseTrainSpec(declared))).not.toThrow();
    });
  });

  test('drops of the rate that never come or are not in their order, and more evaluations than steps, are refused', () => {
    const { training } = DIRECT;
    const { steps } = training;
    const refused = (changes: object): (() => void) => {
      const spec = parseTrainSpec({ ...DIRECT, training: { ...training, ...changes } });
      return () => checkToRun(spec);
    };
    const dropping = (...drops: number[]): (() => void) =>
      refused({ schedule: { kind: 'step', peak: 0.1, warmup: 0, drops, factor: 0.1 } });
    const said = 'invalid training spec: training';
    expect(dropping(1, steps)).toThrow(
      `${said}.schedule.drops: one after ${steps} steps, and steps is ${steps}; expected`,
    );
    expect(dropping(2, 1)).toThrow(`${said}.schedule.drops: 1 after 2; expected each step once, in ascending order`);
    expect(dropping(1, steps - 1)).not.toThrow();
    expect(refused({ evaluations: steps + 1 })).toThrow(
      `${said}.evaluations: ${steps + 1}, and steps is ${steps}; expected`,
    );
    expect(refused({ evaluations: steps })).not.toThrow();
  });

  test('a spec of 2026 is read by the words of this version, with a line for each word', () => {
    const { network, teacher, ...rest } = THREE;
    const { network: wide, ...others } = teacher!;
    const old = { ...rest, start: 'projected-ends', model: network, teacher: { ...others, model: wide } };
    const { value, notes } = currentSpec(old);
    expect(parseTrainSpec(value)).toEqual({ ...THREE, start: 'projected-embeddings-and-head' });
    expect(notes).toEqual([
      '"start": "projected-ends" is now "projected-embeddings-and-head"',
      '"model" is now "network"',
      '"teacher.model" is now "teacher.network"',
    ]);
    expect(() => parseTrainSpec(old)).toThrow('"model" (it is now "network")');
  });

  test('a map that could not be merged is refused before anything is trained, with what stands in the way', () => {
    const deep = { ...THIN, blocks: [2, 1] };
    const spec = {
      ...THREE,
      network: deep,
      teacher: { ...THREE.teacher!, network: { ...deep, planes: 2 } },
      start: 'random',
      imitation: { ...IMITATION, unit: 'block', maps: 'pair' },
    };
    expect(() => parseTrainSpec(spec)).toThrow(
      'the map after stage1/block1 cannot be merged: the skip connection of stage1/block2 adds it unchanged, past every kernel',
    );
    expect(() => parseTrainSpec({ ...spec, imitation: { ...IMITATION, maps: 'pair' } })).not.toThrow();
    expect(() => parseTrainSpec({ ...spec, imitation: { ...IMITATION, maps: 'up', inputs: 'wide' } })).toThrow(
      'inputs "wide" need maps "pair"',
    );
  });
});

describe.each([
  ['minutes', resnetDigits],
  ['laptop', resnetDigits],
  ['gpu', resnetDigits],
  ['paper', resnetDigits],
  ['minutes', resnetHierarchy],
  ['laptop', resnetHierarchy],
] as const)('at scale %s, %o', (scale, experiment) => {
  const arms = armSpecs(experiment, scale);
  const specs = Object.fromEntries(Object.entries(arms).map(([arm, spec]) => [arm, parseTrainSpec(spec)]));

  test('every spec is valid JSON, and the thin arms have equal budgets', () => {
    expect(JSON.parse(JSON.stringify(arms))).toEqual(arms);
    const { steps } = costOf(specs.direct!);
    for (const [arm, spec] of Object.entries(specs)) {
      if (arm === 'wide' || arm === 'long') continue;
      expect([arm, costOf(spec).steps]).toEqual([arm, steps]);
      expect(spec.training.batch).toBe(specs.direct!.training.batch);
      if (arm !== 'deeper') expect(spec.network).toEqual(specs.direct!.network);
    }
    const three = specs['three-stage']!;
    expect(stepFlops(three)).toBe(stepFlops(specs.wide!));
    expect(wideCell(cell(three), three)!.spec).toEqual(specs.wide);
    expect(expectedSeconds(three)).toBeGreaterThan(0);
  });

  test('direct training at the cost of the whole pipeline has its operations', () => {
    if (specs.long === undefined) return expect(experiment).toBe(resnetHierarchy);
    const { flops, teacherFlops } = costOf(specs['three-stage']!);
    expect(costOf(specs.long).flops / (flops + teacherFlops)).toBeCloseTo(1, 2);
  });
});

test.each([
  ['minutes', depthSkip],
  ['laptop', depthSkip],
  ['minutes', resnetAblations],
  ['laptop', resnetAblations],
] as const)('at scale %s every arm of an experiment is valid, with the steps of the others', (scale, experiment) => {
  const arms = Object.entries(armSpecs(experiment, scale)).map(([arm, spec]) => [arm, parseTrainSpec(spec)] as const);
  const thin = arms.filter(([arm]) => !/wide$/.test(arm));
  const steps = thin.map(([, spec]) => costOf(spec).steps);
  expect(Math.max(...steps) - Math.min(...steps)).toBeLessThanOrEqual(10); // rounding of steps per group
  expect(new Set(thin.map(([, spec]) => spec.training.batch)).size).toBe(1);
});
