import { beforeAll, describe, expect, test as anywhere } from 'vitest';
import { tf, type Tensor, type Tensors } from '../../src/engine/tensor.js';
import { learningRate, type ScheduleSpec } from '../../src/optim/schedule.js';
import { bundle, shapesOf, unbundle } from '../../src/engine/ops/bundle.js';
import { decays, initOptimizerState, update, updateNumbers, type OptimizerSpec } from '../../src/optim/optimizer.js';
import { enginesUnderTest } from '../support/engines.js';

anywhere('learningRate: linear warm-up to the peak, cosine to zero', () => {
  const schedule = { kind: 'cosine', peak: 0.1, warmup: 4 } as const;
  expect([0, 1, 2, 3].map((step) => learningRate(schedule, step, 104))).toEqual(
    [0.025, 0.05, 0.075, 0.1].map((value) => expect.closeTo(value, 12) as number),
  );
  expect(learningRate(schedule, 4, 104)).toBeCloseTo(0.1, 12);
  expect(learningRate(schedule, 54, 104)).toBeCloseTo(0.05, 12);
  expect(learningRate(schedule, 103, 104)).toBeLessThan(1e-4);
  expect(learningRate({ kind: 'cosine', peak: 0.1, warmup: 0 }, 0, 10)).toBe(0.1);
});

anywhere('learningRate: steps, a line, a constant', () => {
  const step: ScheduleSpec = { kind: 'step', peak: 1, warmup: 2, drops: [4, 6], factor: 0.1 };
  expect([0, 1, 2, 3, 4, 5, 6].map((at) => learningRate(step, at, 8))).toEqual([
    0.5, 1, 1, 1, 0.1, 0.1, 0.010000000000000002,
  ]);
  expect([0, 5].map((at) => learningRate({ kind: 'linear', peak: 1, warmup: 0 }, at, 10))).toEqual([1, 0.5]);
  expect(learningRate({ kind: 'constant', peak: 0.3, warmup: 0 }, 7, 10)).toBe(0.3);
});

/** One update of parameters by path; they are copied, as an update may change them in place. */
function updateOnce(
  spec: OptimizerSpec,
  { rate, step, clip }: { rate: number; step: number; clip?: number },
  params: Tensors,
  optimizerState: Tensors,
  gradients: Tensors,
): { params: Tensors; optimizerState: Tensors } {
  const own = Object.fromEntries(Object.entries(params).map(([path, tensor]) => [path, tf.mul(tensor, 1)]));
  const numbers = tf.tensor1d(updateNumbers(spec, { rate, step }));
  const next = update(spec, { numbers, clip }, { values: bundle(own), optimizerState }, bundle(gradients));
  return { params: unbundle(next.values, shapesOf(params)), optimizerState: next.optimizerState };
}

describe.each(await enginesUnderTest())('on $name', ({ name, missing }) => {
  const test = anywhere.skipIf(missing !== undefined);
  beforeAll(async () => {
    if (missing === undefined) await tf.setBackend(name);
  });

  const params = () => ({ 'a/kernel': tf.fill([1, 1], 1), 'a/bias': tf.tensor1d([1]) });
  const gradients = (value: number) => ({ 'a/kernel': tf.fill([1, 1], value), 'a/bias': tf.tensor1d([value]) });
  const valueOf = async (set: Record<string, Tensor>, path: string): Promise<number> => (await set[path]!.data())[0]!;

  test('update with momentum is PyTorch’s, with weight decay on kernels only', async () => {
    // torch.optim.SGD(lr=0.1, momentum=0.9, weight_decay=0.01): p = 1, gradients 0.5 then 0.25.
    const start = params();
    const spec: OptimizerSpec = { kind: 'sgd', momentum: 0.9, weightDecay: 0.01 };
    const one = updateOnce(spec, { rate: 0.1, step: 0 }, start, initOptimizerState(spec, start), gradients(0.5));
    expect(await valueOf(one.params, 'a/kernel')).toBeCloseTo(0.949, 6);
    expect(await valueOf(one.params, 'a/bias')).toBeCloseTo(0.95, 6);
    const two = updateOnce(spec, { rate: 0.1, step: 1 }, one.params, one.optimizerState, gradients(0.25));
    // v = 0.9 * 0.51 + 0.25 + 0.00949 = 0.71849; p = 0.949 - 0.071849
    expect(await valueOf(two.params, 'a/kernel')).toBeCloseTo(0.877151, 6);
    expect(await valueOf(two.params, 'a/bias')).toBeCloseTo(0.95 - 0.1 * 0.7, 6);
    expect([decays('stem/conv/kernel'), decays('stem/norm/gamma'), decays('head/bias')]).toEqual([true, false, false]);
  });

  test('adamw is PyTorch’s: the decay is decoupled', async () => {
    // torch.optim.AdamW(lr=0.1, betas=(0.9, 0.99), weight_decay=0.1): p = 1, gradients 0.5 then 0.25 -> 0.89, 0.7870
    // (0.9, 0.8068 without decay)
    const spec: OptimizerSpec = { kind: 'adamw', beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0.1 };
    const start = params();
    const one = updateOnce(spec, { rate: 0.1, step: 0 }, start, initOptimizerState(spec, start), gradients(0.5));
    expect(await valueOf(one.params, 'a/kernel')).toBeCloseTo(0.89, 6);
    expect(await valueOf(one.params, 'a/bias')).toBeCloseTo(0.9, 6);
    const two = updateOnce(spec, { rate: 0.1, step: 1 }, one.params, one.optimizerState, gradients(0.25));
    const [mean, square] = [(0.9 * 0.05 + 0.025) / (1 - 0.81), (0.99 * 0.0025 + 0.000625) / (1 - 0.9801)];
    expect(await valueOf(two.params, 'a/kernel')).toBeCloseTo(0.89 * 0.99 - (0.1 * mean) / Math.sqrt(square), 6);
    expect(await valueOf(two.params, 'a/bias')).toBeCloseTo(0.9 - (0.1 * mean) / Math.sqrt(square), 6);
  });

  test('the order of the parameters does not matter: a set that was saved comes back in another', async () => {
    const spec: OptimizerSpec = { kind: 'sgd', momentum: 0.9, weightDecay: 0 };
    const start = { b: tf.tensor1d([1, 2]), a: tf.tensor1d([3]) };
    const one = updateOnce(spec, { rate: 1, step: 0 }, start, initOptimizerState(spec, start), {
      b: tf.tensor1d([1, 1]),
      a: tf.tensor1d([5]),
    });
    const turned = { a: one.params.a!, b: one.params.b! };
    const two = updateOnce(spec, { rate: 1, step: 1 }, turned, one.optimizerState, {
      a: tf.tensor1d([0]),
      b: tf.tensor1d([0, 0]),
    });
    expect(
      [...(await two.params.a!.data()), ...(await two.params.b!.data())].map((value) => Math.round(value * 10) / 10),
    ).toEqual([-6.5, -0.9, 0.1]);
  });

  test('large tensors and small ones are updated alike; clipping scales their joint norm', async () => {
    const ones = () => ({
      'big/kernel': tf.ones([200, 200]),
      'small/kernel': tf.ones([2, 2]),
      'small/bias': tf.ones([2]),
    });
    const gradients = {
      'big/kernel': tf.fill([200, 200], 3),
      'small/kernel': tf.fill([2, 2], 3),
      'small/bias': tf.fill([2], 3),
    };
    const spec: OptimizerSpec = { kind: 'sgd', momentum: 0, weightDecay: 0.5 };
    const { params: plain } = updateOnce(
      spec,
      { rate: 0.1, step: 0 },
      ones(),
      initOptimizerState(spec, ones()),
      gradients,
    );
    expect(Object.fromEntries(Object.entries(plain).map(([path, { shape }]) => [path, shape]))).toEqual({
      'big/kernel': [200, 200],
      'small/kernel': [2, 2],
      'small/bias': [2],
    });
    for (const path of ['big/kernel', 'small/kernel']) expect(await valueOf(plain, path)).toBeCloseTo(1 - 0.1 * 3.5, 6);
    expect(await valueOf(plain, 'small/bias')).toBeCloseTo(1 - 0.1 * 3, 6);
    const { params: clipped } = updateOnce(
      spec,
      { rate: 0.1, step: 0, clip: 1 },
      ones(),
      initOptimizerState(spec, ones()),
      gradients,
    );
    expect(await valueOf(clipped, 'small/bias')).toBeCloseTo(1 - 0.1 / Math.sqrt(40_006), 6);
  });

  test.each([
    { kind: 'sgd', momentum: 0.9, weightDecay: 0.3 },
    { kind: 'adamw', beta1: 0.9, beta2: 0.99, epsilon: 0.1, weightDecay: 0.3 },
  ] satisfies OptimizerSpec[])('$kind: three steps of a large tensor are those of a small one', async (spec) => {
    const run = async (shape: number[]): Promise<number[]> => {
      let params: Record<string, Tensor> = { 'a/kernel': tf.fill(shape, 2), 'a/bias': tf.fill(shape, 2) };
      let optimizerState = initOptimizerState(spec, params);
      for (const [step, gradient] of [0.5, -0.25, 1].entries()) {
        const gradients = { 'a/kernel': tf.fill(shape, gradient), 'a/bias': tf.fill(shape, gradient) };
        ({ params, optimizerState } = updateOnce(spec, { rate: 0.1, step }, params, optimizerState, gradients));
      }
      return [await valueOf(params, 'a/kernel'), await valueOf(params, 'a/bias')];
    };
    const [small, large] = [await run([3]), await run([300, 100])];
    for (const i of [0, 1]) expect(large[i]).toBeCloseTo(small[i]!, 5);
    expect(small[0]).not.toBeCloseTo(small[1]!, 2);
  });
});
