/** Models of tfjs' layers API compute and are trained as tfjs' own `predict` and `fit` do, or are refused by name. */
import * as tfjs from '@tensorflow/tfjs-layers';
import { beforeAll, describe, expect, test } from 'vitest';
import { loadDigits } from '../../src/data/digits.js';
import { tf, type Scalar, type Tensor, type Tensors } from '../../src/engine/tensor.js';
import { enterStage, trainingStep, weightsIn, type TrainingStage } from '../../src/method/training/training-step.js';
import { trainThin } from '../../src/method/three-stage/pipeline.js';
import type { Dataset } from '../../src/data/dataset.js';
import { threeStage } from '../../src/method/three-stage/call.js';
import { toHost, weightsOf } from '../../src/method/values/weights.js';
import { fromLayersModel, type LayersModel } from '../../src/models/families/layers/model.js';
import { evaluation, type Scope } from '../../src/nn/layers.js';
import type { Network } from '../../src/nn/network.js';
import { crossEntropy } from '../../src/optim/losses.js';
import { anyEngine } from '../support/engines.js';
import { DIRECT, LABELS, memory, recipe } from '../method/support.js';

beforeAll(anyEngine);

const { layers, sequential, regularizers, constraints, initializers } = tfjs;
const seeded = (seed: number): ReturnType<typeof initializers.glorotNormal> => initializers.glorotNormal({ seed });
const logitsOf = (network: Network, x: Tensor, scope: Scope = evaluation(weightsOf(network.init(0)))): Tensor =>
  network.apply(scope, x).logits!;
async function expectClose(a: Tensor, b: Tensor, tolerance = 1e-5): Promise<void> {
  expect(a.shape).toEqual(b.shape);
  const [mine, theirs] = [await a.data(), await b.data()];
  mine.forEach((value, i) => expect(Math.abs(value - theirs[i]!)).toBeLessThan(tolerance));
}

/** Words of which the last ones are padding, and the class of each row. */
const WORDS = (): Tensor => tf.tensor2d([3, 1, 2, 0, 0, 0, 4, 4, 0, 0, 0, 0, 1, 2, 3, 4, 1, 2], [3, 6], 'int32');

const recurrent = (seeds = 1, activation: 'linear' | 'softmax' = 'linear'): tfjs.Sequential =>
  sequential({
    layers: [
      layers.embedding({
        name: 'words',
        inputDim: 5,
        outputDim: 4,
        inputLength: 6,
        maskZero: true,
        embeddingsInitializer: seeded(seeds),
      }),
      layers.lstm({ name: 'first', units: 3, returnSequences: true, kernelInitializer: seeded(2) }),
      layers.lstm({ name: 'second', units: 3, kernelInitializer: seeded(3), recurrentInitializer: seeded(4) }),
      layers.dense({ name: 'scores', units: 2, activation, kernelInitializer: seeded(5) }),
    ],
  });

describe('masks', () => {
  test('of an embedding go through the layers, as predict passes them', async () => {
    const model = recurrent();
    const network = fromLayersModel(model as LayersModel, { taps: ['words', 'first'] });
    const x = WORDS();
    await expectClose(logitsOf(network, x), model.predict(x) as Tensor);
    // and they matter: other padding tokens, another answer
    const other = tf.maximum(x, tf.scalar(1, 'int32'));
    const [mine, theirs] = [await logitsOf(network, x).data(), await logitsOf(network, other).data()];
    expect(Math.abs(mine[0]! - theirs[0]!)).toBeGreaterThan(1e-4);
  });

  test('belong to a value within the model, too, where the network is begun there', async () => {
    const model = recurrent();
    const network = fromLayersModel(model as LayersModel, { taps: ['words', 'first'] });
    const [scope, x] = [evaluation(weightsOf(network.init(0))), WORDS()];
    const taps = network.apply(scope, x);
    for (const from of ['words', 'first'])
      await expectClose(network.apply(scope, taps[from]!, { from, input: x }).logits!, taps.logits!);
    expect(() => network.apply(scope, taps.words!, { from: 'words' })).toThrow(
      'what follows the tap "words" needs the mask of the model\'s input',
    );
  });
});

test('examples of another shape than the input’s are refused, though they have as many numbers', async () => {
  const model = sequential({
    name: 'flat',
    layers: [
      layers.flatten({ inputShape: [8, 8, 1] }),
      layers.dense({ name: 'hidden', units: 3, activation: 'relu' }),
      layers.dense({ name: 'scores', units: 2 }),
    ],
  }) as unknown as LayersModel;
  const network = fromLayersModel(model, { taps: ['hidden'] });
  const scope = evaluation(weightsOf(network.init(0)));
  const line = 'model "flat": examples of the shape [4, 16, 1]; expected [8, 8, 1], as its input';
  expect(() => network.apply(scope, tf.zeros([2, 4, 16, 1]))).toThrow(line);
  expect(() => network.apply(scope, tf.zeros([2, 64]))).toThrow('examples of the shape [64]; expected [8, 8, 1]');
  expect(network.apply(scope, tf.zeros([2, 8, 8, 1])).logits!.shape).toEqual([2, 2]);
  const batch = () => {
    throw new Error('is not asked for any example');
  };
  const split = { count: 8, batch };
  const splits = { train: split, validation: split, test: split };
  const data = { shape: [4, 16, 1], classes: 2, ...splits } as unknown as Dataset;
  const options = { wide: model, thin: network, data } as unknown as Parameters<typeof threeStage>[0];
  await expect(threeStage(options)).rejects.toThrow(line);
  // a size that the model leaves open may be any
  const free = sequential({
    layers: [layers.globalAveragePooling2d({ inputShape: [null, null, 3] }), layers.dense({ units: 2 })],
  });
  const open = fromLayersModel(free as unknown as LayersModel, { taps: [] });
  const any = evaluation(weightsOf(open.init(0)));
  expect(open.apply(any, tf.zeros([1, 5, 7, 3])).logits!.shape).toEqual([1, 2]);
  expect(() => open.apply(any, tf.zeros([1, 5, 7, 1]))).toThrow('expected [any, any, 3]');
});

/** Three steps of plain gradient descent on all examples at once, by `fit` and by this library. */
async function expectFit(model: tfjs.LayersModel, x: Tensor, classes: readonly number[]): Promise<void> {
  const units = model.outputs[0]!.shape.at(-1)!;
  const y = tf.oneHot(tf.tensor1d([...classes], 'int32'), units).cast('float32');
  const network = fromLayersModel(model as LayersModel, { taps: [] });
  const stage: TrainingStage = {
    name: 'fit',
    recipe: {
      ...{ steps: 3, batch: classes.length },
      schedule: { kind: 'constant', peak: 0.3, warmup: 0 },
      optimizer: { kind: 'sgd', momentum: 0, weightDecay: 0 },
    },
    trainable: () => true,
    statisticsWeight: network.statisticsWeight,
    loss: (scope, batch) => {
      const loss = crossEntropy(network.apply(scope, batch.x).logits!, batch.y);
      const penalty = network.penalty!(scope);
      return penalty === undefined ? loss : (tf.add(loss, penalty) as Scalar);
    },
  };
  const entered = enterStage(weightsOf(network.init(0)), stage);
  const step = trainingStep(stage, entered.frame, { seed: 1, classes: units });
  let { state } = entered;
  const losses: number[] = [];
  for (let i = 0; i < 3; i++) {
    const labels = tf.tensor1d([...classes], 'int32');
    const next = await step.run(state, { x: x.clone(), labels }, i, i);
    state = next.state;
    losses.push(next.loss);
  }
  const { params, state: statistics } = await toHost(weightsIn(state, entered.frame, false));
  step.dispose();
  model.compile({ optimizer: tf.train.sgd(0.3), loss: 'categoricalCrossentropy' });
  const history = await model.fit(x, y, { epochs: 3, batchSize: classes.length, shuffle: false, verbose: 0 });
  history.history.loss!.forEach((loss, i) => expect(Math.abs(losses[i]! - Number(loss))).toBeLessThan(1e-4));
  const fitted = network.init(0);
  for (const [path, { values }] of Object.entries({ ...fitted.params, ...fitted.state })) {
    const mine = { ...params, ...statistics }[path]!.values;
    values.forEach((value, i) => expect(Math.abs(mine[i]! - value), path).toBeLessThan(1e-4));
  }
}

describe('training', () => {
  test('adds the penalties of regularizers, as fit does', async () => {
    const model = sequential({
      layers: [
        layers.dense({
          inputShape: [3],
          units: 4,
          activation: 'tanh',
          kernelInitializer: seeded(1),
          kernelRegularizer: regularizers.l2({ l2: 0.1 }),
          biasRegularizer: regularizers.l1({ l1: 0.05 }),
        }),
        layers.dense({
          units: 2,
          activation: 'softmax',
          kernelInitializer: seeded(2),
          kernelRegularizer: regularizers.l1l2({ l1: 0.02, l2: 0.03 }),
        }),
      ],
    });
    await expectFit(model, tf.tensor2d([1, 2, 3, -1, 0, 1, 2, -2, 0.5, 0, 1, 0], [4, 3]), [0, 1, 1, 0]);
  });

  test('takes penalties into a run by itself', async () => {
    const data = loadDigits(64);
    const model = (l2: number): tfjs.LayersModel =>
      sequential({
        layers: [
          layers.flatten({ inputShape: [14, 14, 1] }),
          layers.dense({
            name: 'scores',
            units: 10,
            kernelInitializer: seeded(1),
            kernelRegularizer: regularizers.l2({ l2 }),
          }),
        ],
      });
    const lossOf = async (l2: number): Promise<number> => {
      const context = memory();
      const training = { ...recipe(1), objective: LABELS };
      await trainThin(
        context,
        { ...DIRECT, training },
        { thin: fromLayersModel(model(l2) as LayersModel, { taps: [] }), data },
      );
      return Number(context.rows.find((row) => 'loss' in row)!.loss);
    };
    const { values } = fromLayersModel(model(0) as LayersModel, { taps: [] }).init(0).params['scores/kernel']!;
    const squares = values.reduce((sum, value) => sum + value * value, 0);
    expect((await lossOf(0.5)) - (await lossOf(0))).toBeCloseTo(0.5 * squares, 2);
  });

  describe('moves the statistics of batch norm by the layer’s own momentum, as fit does', () => {
    const normed = (first: object, second: object): tfjs.LayersModel =>
      sequential({
        layers: [
          layers.dense({ inputShape: [3], units: 4, kernelInitializer: seeded(1) }),
          layers.batchNormalization({ name: 'first', ...first }),
          layers.dense({ units: 3, kernelInitializer: seeded(2) }),
          layers.batchNormalization({ name: 'second', ...second }),
          layers.dense({ units: 2, activation: 'softmax', kernelInitializer: seeded(3) }),
        ],
      });
    const fit = (options: object): Promise<void> =>
      expectFit(normed(options, options), tf.tensor2d([1, 2, 3, -1, 0, 1, 2, -2, 0.5, 0, 1, 0], [4, 3]), [0, 1, 1, 0]);

    test('0.99, which it has by itself', () => fit({}));

    test('0.5, and another epsilon', () => fit({ momentum: 0.5, epsilon: 0.1 }));

    test('within a wrapper it is refused, as it is moved once for each step of time', () => {
      const layer = layers.batchNormalization({});
      const model = sequential({ layers: [layers.timeDistributed({ name: 'each', inputShape: [6, 2], layer })] });
      expect(() => fromLayersModel(model as LayersModel, { taps: [] })).toThrow(
        '"mean" is a running statistic within the layer "each"',
      );
    });

    test('two momenta, and a momentum of 1, are refused', () => {
      const of = (first: object, second: object) => () =>
        fromLayersModel(normed(first, second) as LayersModel, { taps: [] });
      expect(of({}, { momentum: 0.9 })).toThrow('the layers "first" and "second" have the momenta 0.99 and 0.9');
      expect(of({ momentum: 1 }, { momentum: 1 })).toThrow(
        'the layer "first" has the momentum 1; expected less than 1',
      );
    });
  });

  test('passes masks on', () => expectFit(recurrent(7, 'softmax'), WORDS(), [0, 1, 1]));

  test('drops by the seed of the run, and about as many as it should', async () => {
    const model = sequential({
      layers: [
        layers.dropout({ name: 'dropped', inputShape: [1000], rate: 0.25 }),
        layers.dense({ units: 2, kernelInitializer: 'ones' }),
      ],
    });
    const network = fromLayersModel(model as LayersModel, { taps: ['dropped'] });
    const weights = weightsOf(network.init(0));
    const x: Tensor = tf.ones([4, 1000]);
    const drawn = async (seed: number): Promise<Float32Array> => {
      const random = (path: string): readonly [number, number] => [seed, path.length];
      const taps: Tensors = network.apply({ ...weights, train: true, observe: () => {}, random: random as never }, x);
      return (await taps.dropped!.data()) as Float32Array;
    };
    const first = await drawn(1);
    expect(await drawn(1)).toEqual(first);
    expect(await drawn(2)).not.toEqual(first);
    // 1,000 of 4,000 on average, with a standard deviation of 27
    expect(Math.abs(first.filter((value) => value === 0).length - 1000)).toBeLessThan(5 * 27);
    expect([...new Set(first)].sort()).toEqual([0, Math.fround(1 / 0.75)]);
    expect(await logitsOf(network, x).data()).toEqual(await (model.predict(x) as Tensor).data());
  });

  test('gives the same losses for the same seed, with dropout', async () => {
    const model = (): tfjs.LayersModel =>
      sequential({
        layers: [
          layers.flatten({ inputShape: [14, 14, 1] }),
          layers.dropout({ rate: 0.5 }),
          layers.dense({ name: 'scores', units: 10, kernelInitializer: seeded(1) }),
        ],
      });
    const losses = async (seed: number): Promise<number[]> => {
      const context = memory(seed);
      const training = { ...recipe(4), objective: LABELS };
      await trainThin(
        context,
        { ...DIRECT, training },
        { thin: fromLayersModel(model() as LayersModel, { taps: [] }), data: loadDigits(64) },
      );
      return context.rows.flatMap((row) => ('loss' in row ? [Number(row.loss)] : []));
    };
    const first = await losses(1);
    expect(await losses(1)).toEqual(first);
    expect(await losses(2)).not.toEqual(first);
  });
});

describe('what comes out', () => {
  const dense = (options: object): ReturnType<typeof layers.dense> =>
    layers.dense({ units: 4, kernelInitializer: seeded(1), ...options });
  const ending = (...last: ReturnType<typeof layers.dense>[]): LayersModel =>
    sequential({ layers: [dense({ name: 'scores', inputShape: [3] }), ...last] }) as LayersModel;
  const softmax = (...after: ReturnType<typeof layers.dense>[]): LayersModel =>
    sequential({
      layers: [dense({ name: 'scores', inputShape: [3], activation: 'softmax' }), ...after],
    }) as LayersModel;
  const x = (): Tensor => tf.tensor2d([1, 2, 3, -1, 0, 1], [2, 3]);

  test.each([
    ['nothing', []],
    ['a reshape', [layers.reshape({ targetShape: [1, 4] }), layers.reshape({ targetShape: [4] })]],
    ['a flatten', [layers.reshape({ targetShape: [1, 4] }), layers.flatten()]],
    ['a linear activation', [layers.activation({ activation: 'linear' })]],
    ['dropout', [layers.dropout({ rate: 0.5 })]],
  ])('a softmax before %s counts as a softmax: its logarithm is the logits', async (_, after) => {
    const model = softmax(...(after as unknown as ReturnType<typeof layers.dense>[]));
    const logits = logitsOf(fromLayersModel(model, { taps: [] }), x());
    const predicted = (model as unknown as tfjs.LayersModel).predict(x()) as Tensor;
    await expectClose(tf.softmax(logits), predicted);
    await expectClose(logits, tf.log(predicted));
  });

  test('logits stay what they are', async () => {
    const model = ending();
    await expectClose(
      logitsOf(fromLayersModel(model, { taps: [] }), x()),
      (model as unknown as tfjs.LayersModel).predict(x()) as Tensor,
    );
    const relu = ending(dense({ name: 'more', activation: 'relu' }));
    expect(() => fromLayersModel(relu, { taps: [] })).not.toThrow();
  });

  test.each([
    [
      'a softmax over other classes',
      () => softmax(layers.reshape({ targetShape: [2, 2] }) as never),
      /softmax of the layer "scores" is not over the last axis/,
    ],
    ['a softmax that is turned', () => turned(), /the layer "turn" moves the axis of the softmax before it/],
    [
      'a sigmoid',
      () => ending(dense({ name: 'yes', activation: 'sigmoid' })),
      /its output is a sigmoid \(layer "yes"\)/,
    ],
    [
      'a hard sigmoid',
      () => ending(layers.activation({ name: 'yes', activation: 'hardSigmoid' }) as never),
      /is a sigmoid/,
    ],
    ['pooled probabilities', () => pooled(), /mixes probabilities of a softmax/],
  ] as const)('%s is refused', (_, model, message) => {
    expect(() => fromLayersModel(model(), { taps: [] })).toThrow(message);
  });

  function turned(): LayersModel {
    return sequential({
      layers: [
        dense({ name: 'scores', inputShape: [4, 3], activation: 'softmax' }),
        layers.permute({ name: 'turn', dims: [2, 1] }),
      ],
    }) as LayersModel;
  }

  function pooled(): LayersModel {
    return sequential({
      layers: [
        dense({ name: 'scores', inputShape: [5, 3], activation: 'softmax' }),
        layers.globalAveragePooling1d({} as never),
      ],
    }) as LayersModel;
  }
});

describe('what training here would leave out is refused by name', () => {
  const of = (...all: unknown[]): LayersModel => sequential({ layers: all as never }) as LayersModel;
  const first = (options: object): unknown =>
    layers.dense({ name: 'first', inputShape: [6], units: 4, kernelInitializer: seeded(1), ...options });
  const cells = (options: object): unknown =>
    layers.lstm({ name: 'cells', inputShape: [6, 2], units: 3, kernelInitializer: seeded(1), ...options });
  test.each([
    [
      'a constraint',
      () => of(first({ kernelConstraint: constraints.nonNeg() })),
      'the layer "first" has a kernelConstraint',
    ],
    ['a frozen layer', () => of(first({ trainable: false })), 'the layer "first" is frozen (trainable: false)'],
    [
      'noise',
      () => of(first({}), layers.gaussianNoise({ name: 'noise', stddev: 0.1 })),
      'the layer "noise" (GaussianNoise) draws',
    ],
    [
      'other dropout',
      () => of(first({}), layers.alphaDropout({ name: 'alpha', rate: 0.1 })),
      '"alpha" (AlphaDropout) draws',
    ],
    [
      'dropout with a shape',
      () => of(first({}), layers.dropout({ name: 'd', rate: 0.1, noiseShape: [1, 4] })),
      '"d" (Dropout) draws',
    ],
    ['dropout of cells', () => of(cells({ dropout: 0.1 })), '"cells" (LSTM) draws random numbers'],
    ['recurrent dropout', () => of(cells({ recurrentDropout: 0.1 })), '"cells" (LSTM) draws random numbers'],
    [
      'a constraint of cells',
      () => of(cells({ recurrentConstraint: constraints.nonNeg() })),
      'the layer "cells" has a recurrentConstraint',
    ],
    [
      'dropout within a wrapper',
      () =>
        of(
          layers.timeDistributed({
            name: 'each',
            inputShape: [6, 2],
            layer: layers.dropout({ name: 'in', rate: 0.5 }),
          }),
        ),
      'the layer "in" within "each" (Dropout) draws',
    ],
  ] as const)('%s', (_, model, message) => {
    expect(() => fromLayersModel(model(), { taps: [] })).toThrow(message);
  });

  test('a tap within a residual branch, and taps out of order', () => {
    const input = tfjs.input({ shape: [4] });
    const dense = (name: string, units = 4): ReturnType<typeof layers.dense> => layers.dense({ name, units });
    const before = dense('before').apply(input);
    const inside = dense('inside').apply(before) as tfjs.SymbolicTensor;
    const sum = layers.add({ name: 'sum' }).apply([inside, before as tfjs.SymbolicTensor]);
    const model = tfjs.model({ inputs: input, outputs: dense('scores', 2).apply(sum) as tfjs.SymbolicTensor });
    expect(() => fromLayersModel(model as LayersModel, { taps: ['before', 'inside', 'sum'] })).toThrow(
      'the tap "inside" does not divide it: the layer "sum" also reads what comes before the tap, or the taps are not ' +
        'in order; layers that do: before, sum, scores',
    );
    expect(() => fromLayersModel(model as LayersModel, { taps: ['sum', 'before'] })).toThrow('the tap "sum" does not');
    expect(fromLayersModel(model as LayersModel, { taps: ['before', 'sum'] }).taps).toEqual([
      'before',
      'sum',
      'logits',
    ]);
  });

  test('a stateful layer', () => {
    const model = of(layers.lstm({ name: 'kept', batchInputShape: [2, 6, 2], units: 3, stateful: true }));
    expect(() => fromLayersModel(model, { taps: [] })).toThrow('the layer "kept" is stateful');
  });

  test('layers whose rates are 0 are not', () => {
    const model = of(first({}), layers.gaussianNoise({ stddev: 0 }), layers.dropout({ rate: 0 }));
    expect(() => fromLayersModel(model, { taps: [] })).not.toThrow();
  });
});

test('a trained model is the wide net of threeStage as it is', async () => {
  const of = (units: number): tfjs.LayersModel =>
    sequential({
      layers: [
        layers.flatten({ name: 'flat', inputShape: [14, 14, 1] }),
        layers.dense({ name: 'inner', units, activation: 'relu', kernelInitializer: seeded(units) }),
        layers.dense({ name: 'scores', units: 10, kernelInitializer: seeded(2) }),
      ],
    });
  const [wide, thin] = [of(8), fromLayersModel(of(4) as LayersModel, { taps: ['inner'] })];
  const options = { thin, data: loadDigits(64), imitation: null, start: 'random', finetune: recipe(2) } as const;
  const result = await threeStage({ ...options, wide: wide as LayersModel });
  const [kernel] = wide.getWeights();
  expect(result.wide.params['inner/kernel']!.values).toEqual(await kernel!.data());
  expect(result.rows.some(({ stage }) => stage === 'fine-tune')).toBe(true);
  const network = fromLayersModel(wide as LayersModel, { taps: ['inner'] });
  await expect(threeStage({ ...options, wide: network })).rejects.toThrow('wideTraining is missing; expected a recipe');
});
