import { beforeAll, describe, expect, test } from 'vitest';
import { tf } from '../../src/engine/tensor.js';
import { crossEntropy, klDivergence, logSoftmax, relativeSquaredError } from '../../src/optim/losses.js';
import { learningRate } from '../../src/optim/schedule.js';
import { decays, initSgd, updateSgd } from '../../src/optim/sgd.js';
import { anyEngine } from '../support/engines.js';

test('learningRate: linear warm-up to the peak, cosine to zero', () => {
  const schedule = { peak: 0.1, warmup: 4 };
  expect([0, 1, 2, 3].map((step) => learningRate(schedule, step, 104))).toEqual([0.025, 0.05, 0.075, 0.1].map((value) => expect.closeTo(value, 12) as number));
  expect(learningRate(schedule, 4, 104)).toBeCloseTo(0.1, 12);
  expect(learningRate(schedule, 54, 104)).toBeCloseTo(0.05, 12);
  expect(learningRate(schedule, 103, 104)).toBeLessThan(1e-4);
  expect(learningRate({ peak: 0.1, warmup: 0 }, 0, 10)).toBe(0.1);
});

describe('on an engine', () => {
  beforeAll(anyEngine);

  test('updateSgd is PyTorch’s momentum with weight decay on kernels only', async () => {
    // torch.optim.SGD(lr=0.1, momentum=0.9, weight_decay=0.01): p = 1, gradients 0.5 then 0.25.
    const params = { 'a/kernel': tf.scalar(1), 'a/bias': tf.scalar(1) };
    const spec = { momentum: 0.9, weightDecay: 0.01 };
    const one = updateSgd(spec, 0.1, params, initSgd(params), { 'a/kernel': tf.scalar(0.5), 'a/bias': tf.scalar(0.5) });
    expect((await one.params['a/kernel']!.data())[0]).toBeCloseTo(0.949, 6);
    expect((await one.params['a/bias']!.data())[0]).toBeCloseTo(0.95, 6);
    const two = updateSgd(spec, 0.1, one.params, one.velocity, { 'a/kernel': tf.scalar(0.25), 'a/bias': tf.scalar(0.25) });
    // v = 0.9 * 0.51 + 0.25 + 0.00949 = 0.71849; p = 0.949 - 0.071849
    expect((await two.params['a/kernel']!.data())[0]).toBeCloseTo(0.877151, 6);
    expect((await two.params['a/bias']!.data())[0]).toBeCloseTo(0.95 - 0.1 * 0.7, 6);
    expect((await params['a/kernel'].data())[0]).toBe(1);
    expect([decays('stem/conv/kernel'), decays('stem/norm/gamma'), decays('head/bias')]).toEqual([true, false, false]);
  });

  test('losses at their ends', async () => {
    const z = tf.tensor2d([[1, 2, 3]]);
    expect((await klDivergence(z, z).data())[0]).toBeCloseTo(0, 6);
    expect((await relativeSquaredError(z, z).data())[0]).toBe(0);
    expect((await relativeSquaredError(tf.zerosLike(z), z).data())[0]).toBeCloseTo(1, 6);
    expect((await crossEntropy(tf.zeros([1, 3]), tf.tensor2d([[0, 1, 0]])).data())[0]).toBeCloseTo(Math.log(3), 6);
    const large = await logSoftmax(tf.tensor2d([[1000, 0]])).data();
    expect([...large]).toEqual([0, -1000]);
  });
});
