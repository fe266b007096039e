/**
 * Several workers against one process, which computes the batch as a whole or in as many parts: the same updates, up to
 * the order in which numbers are added. The workers are in this process, and talk over sockets.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { FailureError, InterruptedError } from '../../src/core/errors.js';
import { sizeOf, type HostArrays } from '../../src/core/host-array.js';
import { cellId, type Cell, type Row } from '../../src/core/run.js';
import { endRuns, followRuns, leading } from '../../src/distributed/run.js';
import { Loader, type Source } from '../../src/data/dataset.js';
import { openData } from '../../src/data/index.js';
import { trainExecutor } from '../../src/method/run/execute.js';
import { trainThin } from '../../src/method/three-stage/pipeline.js';
import { requiredCells, TRAIN_KIND } from '../../src/method/run/required.js';
import { checkShares, shareOf } from '../../src/method/training/share.js';
import type { RecipeSpec, TrainSpec } from '../../src/method/spec/spec.js';
import type { StageContext } from '../../src/method/training/stages.js';
import { threeStage, type ThreeStageOptions } from '../../src/method/three-stage/call.js';
import { disposeWeights } from '../../src/method/values/weights.js';
import { networkOf } from '../../src/models/index.js';
import type { HostWeights } from '../../src/nn/network.js';
import { readArrays, readMetrics, type RunRecord } from '../../src/store/runs.js';
import { newWorkers } from '../distributed/support.js';
import { anyEngine } from '../support/engines.js';
import { relativeError } from '../support/tolerance.js';
import { ARMS, bytes, cellOf, newFolder, run } from './arms.js';
import { cell, DATA, DIRECT, IMITATION, memory, MLP, recipe } from './support.js';

beforeAll(async () => {
  await anyEngine();
  process.env.GOWIDE_CACHE = newFolder(); // prepared texts
});

/**
 * Runs a cell, and first what it needs, by so many workers; `stopAt`: worker 1's user stops after so many steps. Where
 * worker 0 fails, all others must with an error of the class `ends`.
 */
async function together(
  of: Cell,
  count: number,
  out: string,
  stopAt = Infinity,
  ends: new () => Error = InterruptedError,
): Promise<RunRecord> {
  const stops = Array.from({ length: count }, () => new AbortController());
  const workers = await newWorkers(count, (task) => ({ onStop: () => stops[task]!.abort() }), true);
  let steps = 0;
  const progress = (): void => void (++steps === stopAt && workers[1]!.requestStop());
  const needed = requiredCells(of, of.spec as unknown as TrainSpec);
  const cells = new Map([...needed, of].map((one) => [cellId(one), one]));
  const followed = workers.slice(1).map((worker) =>
    followRuns(worker, {
      cells,
      executors: { [TRAIN_KIND]: trainExecutor },
      signal: stops[worker.task]!.signal,
      progress: () => {},
    }),
  );
  const led = (async () => {
    const options = {
      executors: { [TRAIN_KIND]: leading(trainExecutor, workers[0]!) },
      signal: stops[0]!.signal,
      progress,
    };
    try {
      const record = await run(of, out, options);
      await endRuns(workers[0]!);
      return record;
    } catch (error) {
      workers[0]!.abandon(error);
      throw error;
    }
  })();
  const [end, ...others] = await Promise.allSettled([led, ...followed]);
  workers.forEach((worker) => worker.close());
  if (end.status === 'rejected') {
    for (const other of others) expect((other as PromiseRejectedResult).reason).toBeInstanceOf(ends);
    throw end.reason as Error;
  }
  expect(others.every(({ status }) => status === 'fulfilled')).toBe(true);
  return end.value;
}

/** The spec with every stage's batch in so many parts. */
function inParts(spec: TrainSpec, accumulate: number): TrainSpec {
  const parts = <R extends RecipeSpec>(recipe: R): R => ({ ...recipe, accumulate });
  const { teacher, imitation, training } = spec;
  return {
    ...spec,
    training: parts(training),
    teacher: teacher !== null && 'recipe' in teacher ? { ...teacher, recipe: parts(teacher.recipe) } : teacher,
    imitation:
      imitation !== null && 'recipe' in imitation ? { ...imitation, recipe: parts(imitation.recipe) } : imitation,
  };
}

/** Without what is dropped at random, whose masks are other ones when a batch is computed in parts. */
function withoutDropout(spec: TrainSpec): TrainSpec {
  return JSON.parse(JSON.stringify(spec), (key, value: unknown) => (key === 'dropout' ? 0 : value)) as TrainSpec;
}

const isStatistic = (name: string): boolean => name.startsWith('state/');
const chosen = (arrays: HostArrays, statistics: boolean): Float32Array =>
  Float32Array.from(
    Object.keys(arrays)
      .filter((name) => isStatistic(name) === statistics)
      .sort()
      .flatMap((name) => Array.from(arrays[name]!.values)),
  );

/** Largest difference of trained parameters, and of the losses of all steps, each relative to its size. */
function difference(a: RunRecord, b: RunRecord): { parameters: number; losses: number } {
  const parameters = (record: RunRecord): Float32Array => chosen(readArrays(record) as HostArrays, false);
  const losses = (record: RunRecord): number[] =>
    readMetrics(record).flatMap((row: Row) => (typeof row.loss === 'number' ? [row.loss] : []));
  expect(losses(b).length).toBeGreaterThan(0);
  return {
    parameters: relativeError(parameters(a), parameters(b)),
    losses: relativeError(losses(a), losses(b)),
  };
}

/** Round-off of float32 in a few steps; AdamW makes steps of one size of gradients that are almost nothing. */
const ROUNDING = 5e-5;

/** The gradient of the first batch by so many workers: SGD's velocity after one step. */
async function gradientBy(count: number, spec: TrainSpec): Promise<Float32Array> {
  const data = await openData(spec.data);
  const once: TrainSpec = {
    ...spec,
    training: {
      ...spec.training,
      steps: 2,
      optimizer: { kind: 'sgd', momentum: 0.9, weightDecay: 0 },
      clip: undefined,
    },
  };
  const workers = count === 1 ? [undefined] : await newWorkers(count);
  const found = await Promise.all(
    workers.map(async (worker) => {
      const saved: HostArrays[] = [];
      let boundary = 0;
      const context: StageContext = {
        ...memory(),
        workers: worker,
        shouldSave: () => boundary++ === 1,
        save: ({ arrays }) => void saved.push(arrays as HostArrays),
      };
      const weights = await trainThin(context, once, { thin: networkOf(spec.network), data });
      disposeWeights(weights);
      return Float32Array.from(
        Object.entries(saved[0]!)
          .filter(([name]) => name.startsWith('optimizer/velocity'))
          .sort(([a], [b]) => (a < b ? -1 : 1))
          .flatMap(([, { values }]) => Array.from(values)),
      );
    }),
  );
  for (const other of found) expect(other).toEqual(found[0]);
  workers.forEach((worker) => worker?.close());
  return found[0]!;
}

describe('gradients of a batch by several workers', () => {
  test.each([
    ['mlp, direct: AdamW, EMA, clip', 2],
    ['mlp, large kernels beside small ones', 3],
    ['bert, masked-LM, direct', 2],
    ['bert, classify', 4],
    ['bert, span', 2],
  ])('%s, without dropout, %i workers: those of one process with the whole batch, to 1e-6', async (name, count) => {
    const spec = withoutDropout(inParts(ARMS[name]!, 1));
    const [found, expected] = [await gradientBy(count, spec), await gradientBy(1, spec)];
    expect(expected.length).toBeGreaterThan(100);
    expect(relativeError(found, expected)).toBeLessThan(1e-6);
  });

  test.each(['resnet, direct', 'convnet, direct', 'bert, masked-LM, direct'])(
    '%s: those of one process with the batch in as many parts, batch norm and dropout included',
    async (name) => {
      const spec = ARMS[name]!;
      for (const count of [2, 4]) {
        const [found, parts] = [await gradientBy(count, spec), await gradientBy(1, inParts(spec, count))];
        expect(relativeError(found, parts)).toBeLessThan(1e-6);
        // and not those of the whole batch, whose statistics and masks are others
        expect(relativeError(found, await gradientBy(1, spec))).toBeGreaterThan(1e-4);
      }
    },
  );
});

describe('runs by two workers', () => {
  test.each(Object.keys(ARMS).filter((name) => !name.includes('parts')))(
    '%s: as one process with the batch in two parts',
    async (name) => {
      const two = await together(cellOf(name), 2, newFolder());
      const one = await run(cell(inParts(ARMS[name]!, 2)), newFolder());
      const found = difference(two, one);
      // running statistics are means over the workers, and the last part's in one process: whoever learns from a wide
      // net with batch norm learns from a slightly different one
      const taughtByStatistics = ARMS[name]!.teacher !== null && Object.keys(readArrays(two)).some(isStatistic);
      expect(found.losses).toBeLessThan(taughtByStatistics ? 0.2 : ROUNDING);
      if (!taughtByStatistics) expect(found.parameters).toBeLessThan(ROUNDING);
    },
  );
});

test('a batch in parts is shared: two workers with one part each are one process with two', async () => {
  const of = cellOf('bert, masked-LM, direct: a batch in parts, bias by distance');
  const found = difference(await together(of, 2, newFolder()), await run(of, newFolder()));
  expect(found.parameters).toBeLessThan(ROUNDING);
  const [recipe, workers] = [{ batch: 10, accumulate: 3 } as RecipeSpec, { size: 2, task: 1 } as never];
  // three parts for two workers: two for each
  expect(shareOf(recipe, workers)).toEqual({ from: 5, to: 10, parts: 2, first: 2 });
  expect(shareOf({ ...recipe, batch: 7 }, { size: 3, task: 2 } as never)).toMatchObject({ from: 4, to: 7 });
  expect(() => shareOf({ ...recipe, batch: 3 }, workers)).toThrow(/a batch of 3 cannot be shared by 2 workers in 4/);
});

test('what cannot be shared is refused before anything is computed, the wide net and what comes before included', () => {
  const three = ARMS['resnet, bottom-up']!;
  expect(() => checkShares(three, 8)).not.toThrow();
  expect(() => checkShares(three, 9)).toThrow(/a batch of 8 cannot be shared by 9 workers in 9 parts; use fewer/);
  const small = <R extends RecipeSpec>(recipe: R): R => ({ ...recipe, batch: 2 });
  const { teacher, imitation } = three;
  const cases: TrainSpec[] = [
    { ...three, teacher: { ...teacher!, recipe: small((teacher as { recipe: RecipeSpec }).recipe) } as never },
    { ...three, imitation: { ...imitation!, recipe: small((imitation as { recipe: RecipeSpec }).recipe) } as never },
    { ...three, pretrained: { experiment: 'x', arm: 'y', run: { ...three, training: small(three.training) } } },
  ];
  for (const spec of cases) expect(() => checkShares(spec, 3)).toThrow(/a batch of 2 cannot be shared by 3 workers/);
});

test('shares of different sizes count by their sizes', async () => {
  const spec = withoutDropout(ARMS['mlp, direct: AdamW, EMA, clip']!);
  const of = cell({ ...spec, training: { ...spec.training, batch: 7 } });
  const found = difference(await together(of, 3, newFolder()), await run(of, newFolder()));
  expect(found.parameters).toBeLessThan(ROUNDING);
  expect(found.losses).toBeLessThan(ROUNDING);
});

describe('the three stages of networks of one’s own, by two workers', () => {
  const options = async (): Promise<ThreeStageOptions> => ({
    wide: networkOf({ ...MLP, width: 8 }),
    thin: networkOf(MLP),
    data: await openData(DATA),
    wideTraining: recipe(4),
    imitation: { ...IMITATION, maps: 'up', recipe: recipe(3) },
    finetune: recipe(4),
  });

  test('both end with the same networks', async () => {
    const workers = await newWorkers(2);
    const given = await options();
    const results = await Promise.all(workers.map((worker) => threeStage({ ...given, workers: worker })));
    workers.forEach((worker) => worker.close());
    expect(results[1]).toEqual(results[0]);
    const losses = results[0]!.rows.flatMap(({ loss }) => (typeof loss === 'number' ? [loss] : []));
    expect(losses.length).toBeGreaterThan(10);
  });

  /** The split with another value in one of its examples. */
  const changed = (source: Source, example: number): Source => ({
    ...source,
    batch: async (indices, key) => {
      const { values, ...rest } = await source.batch(indices, key);
      const at = indices.indexOf(example);
      const others = values.slice();
      if (at >= 0) others[(at * values.length) / indices.length] = 0.123;
      return { values: others, ...rest };
    },
  });
  const weights = (value: number): HostWeights => ({
    params: Object.fromEntries(
      Object.entries(networkOf({ ...MLP, width: 8 }).shapes).map(([path, shape]) => [
        path,
        { shape, values: new Float32Array(sizeOf(shape)).fill(value) },
      ]),
    ),
    state: {},
  });
  type Changed = (given: ThreeStageOptions) => Partial<ThreeStageOptions>;
  test.each<[string, RegExp, Changed, Changed?]>([
    ['seed', /other options \(seed\) than worker 0: 2, expected 1$/, () => ({ seed: 2 })],
    [
      'a learning rate',
      /other options \(finetune.schedule.peak\) than worker 0: 0.1, expected 0.05$/,
      () => ({ finetune: recipe(4, 0.1) }),
    ],
    [
      'an option that worker 0 leaves out',
      /other options beside these than worker 0: finetune.clip, expected none$/,
      () => ({ finetune: { ...recipe(4), clip: 1 } }),
    ],
    [
      'another network',
      /other options \(the thin net.shapes.*\) than worker 0: \[196,5\], expected \[196,4\]$/,
      () => ({ thin: networkOf({ ...MLP, width: 5 }) }),
    ],
    [
      'a training example beyond those that data are told apart by',
      /other examples 0 to 63 of train than worker 0: SHA-256 [0-9a-f]{16}, expected SHA-256 [0-9a-f]{16}$/,
      ({ data }) => ({ data: { ...data, train: changed(data.train, 5) } }),
    ],
    [
      'a test example',
      /other examples 256 to \d+ of test than worker 0: /,
      ({ data }) => ({ data: { ...data, test: changed(data.test, 300) } }),
    ],
    [
      'the weights of the wide net',
      /other options \(wideTraining.params\) than worker 0: "[0-9a-f]{16}", expected "[0-9a-f]{16}"$/,
      () => ({ wideTraining: weights(0.5) }),
      () => ({ wideTraining: weights(0.25) }),
    ],
  ])('%s: a worker that has another is refused by name, before anything is trained', async (_, message, one, all) => {
    const workers = await newWorkers(2);
    const first = await options();
    const mine = { ...first, ...all?.(first) };
    const rows: Row[] = [];
    const onRow = (row: Row): void => void rows.push(row);
    const ends = await Promise.allSettled(
      [mine, { ...mine, ...one(mine) }].map((given, task) => threeStage({ ...given, onRow, workers: workers[task]! })),
    );
    const [of0, of1] = ends.map((end) => (end as PromiseRejectedResult).reason as Error);
    expect(of1).toBeInstanceOf(FailureError);
    expect(of1!.message).toMatch(/^worker 1 \(127\.0\.0\.1:\d+\) has /);
    expect(of1!.message).toMatch(message);
    expect(of0!.message).toContain(of1!.message);
    expect(rows).toEqual([]);
    workers.forEach((worker) => worker.close());
  });
});

test('running statistics are the mean over the workers', async () => {
  const spec = ARMS['resnet, direct']!;
  const schedule = { ...spec.training.schedule, warmup: 0 };
  const once = (batch: number): TrainSpec => ({ ...spec, training: { ...spec.training, steps: 1, batch, schedule } });
  const statistics = (record: RunRecord): Float32Array => chosen(readArrays(record) as HostArrays, true);
  const found = statistics(await together(cell(once(8)), 2, newFolder()));
  // the first worker's share is the batch of 4 (without random changes of the images), the second one's the last part
  const first = statistics(await run(cell(once(4)), newFolder()));
  const second = statistics(await run(cell(inParts(once(8), 2)), newFolder()));
  const mean = first.map((value, i) => (value + second[i]!) / 2);
  expect(relativeError(first, second)).toBeGreaterThan(1e-3);
  expect(relativeError(found, mean)).toBeLessThan(1e-6);
});

/** Pictures of one color, one a class for each split, whose side is not theirs in the network: each is decoded. */
function pictureFolder(classes: number): string {
  const folder = newFolder();
  for (const split of ['train', 'val'])
    for (let label = 0; label < classes; label++) {
      mkdirSync(join(folder, split, `class${label}`), { recursive: true });
      const pixels = Buffer.alloc(12 * 12 * 3, 20 * label);
      writeFileSync(
        join(folder, split, `class${label}`, 'a.ppm'),
        Buffer.concat([Buffer.from('P6 12 12 255\n'), pixels]),
      );
    }
  return folder;
}

describe('pictures that cannot be read', () => {
  const pictures = (folder: string, corrupt: number, steps: number): Cell => {
    const data = { set: 'imagefolder', folder, size: 8, resize: 10, validation: 'val', corrupt } as const;
    const training = { ...recipe(steps), objective: DIRECT.training.objective };
    return cell({ ...DIRECT, data, network: { ...MLP, inputs: 192, classes: 8 }, training });
  };
  /** The training picture of each example of the first batch, of 8. */
  const drawn = async (folder: string): Promise<string[]> => {
    const data = await openData((pictures(folder, 0, 1).spec as unknown as TrainSpec).data);
    const { labels } = await new Loader(data.train, 1, 8).get(0);
    return Array.from(labels, (label) => join(folder, 'train', `class${label}`, 'a.ppm'));
  };
  const skipped = (record: RunRecord): Row[] => readMetrics(record).filter(({ event }) => event === 'skipped');

  test('by worker 1 alone are in the record, once, as one process has them', async () => {
    const folder = pictureFolder(8);
    const file = (await drawn(folder))[6]!; // of the second worker's share
    writeFileSync(file, 'no picture');
    const record = await together(pictures(folder, 1, 3), 2, newFolder());
    expect(skipped(record)).toMatchObject([{ step: 1, file }]);
    expect(skipped(record)).toEqual(skipped(await run(pictures(folder, 1, 3), newFolder())));
    const rows = readMetrics(record);
    expect(rows.findIndex(({ event }) => event === 'skipped')).toBe(rows.findIndex(({ step }) => step === 1));
  });

  test('of validation and test are in the record, once, with their number in the result', async () => {
    const folder = pictureFolder(8);
    const file = join(folder, 'val', 'class3', 'a.ppm'); // of both splits
    writeFileSync(file, 'no picture');
    const record = await run(pictures(folder, 1, 2), newFolder());
    expect(skipped(record)).toMatchObject([{ split: 'validation', file }]);
    expect(record.result).toMatchObject({ skipped: 1 });
    const others = await run(pictures(pictureFolder(8), 1, 2), newFolder());
    expect([skipped(others), others.result!.skipped]).toEqual([[], undefined]);
  });

  test('by different workers count together: more than data.corrupt allows end the run, and all are named', async () => {
    const folder = pictureFolder(8);
    const files = await drawn(folder);
    for (const at of [1, 6]) writeFileSync(files[at]!, 'no picture');
    const cannot = /2 pictures cannot be read, data.corrupt allows 1: /;
    const stop = together(pictures(folder, 1, 1), 2, newFolder(), Infinity, FailureError);
    await expect(stop).rejects.toThrow(cannot);
    await expect(stop).rejects.toThrow(files[1]!);
    await expect(stop).rejects.toThrow(files[6]!);
    expect(skipped(await together(pictures(folder, 2, 1), 2, newFolder()))).toHaveLength(2);
  });
});

test('stopped by the user of any worker, a run goes on with as many workers to the same bits, and with any number', async () => {
  const of = cellOf('bert, bottom-up');
  const whole = await together(of, 2, newFolder());
  for (const counts of [[2], [2, 3, 1]]) {
    const out = newFolder();
    let stops = 0;
    let ended: RunRecord | undefined;
    while (ended === undefined) {
      const count = counts[stops % counts.length]!;
      ended = await (count === 1 ? runFor(of, out, 3) : together(of, count, out, 3)).catch((error: unknown) => {
        expect(error).toBeInstanceOf(InterruptedError);
        return undefined;
      });
      if (ended === undefined) stops++;
      expect(stops).toBeLessThan(20);
    }
    expect(stops).toBeGreaterThan(2);
    expect(ended.id).toBe(whole.id);
    if (counts.length === 1) expect(bytes(ended.folder)).toEqual(bytes(whole.folder));
    // dropout's masks are those of the number of parts; the steps are all there, once
    expect(readMetrics(ended).map(({ totalStep }) => totalStep)).toEqual(
      readMetrics(whole).map(({ totalStep }) => totalStep),
    );
  }
});

/** One process that is stopped after so many steps. */
function runFor(of: Cell, out: string, steps: number): Promise<RunRecord> {
  const stop = new AbortController();
  let done = 0;
  return run(of, out, { signal: stop.signal, progress: () => void (++done === steps && stop.abort()) });
}
