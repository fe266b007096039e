import { describe, expect, test } from 'vitest';
import {
  KNOWN_LOSSES,
  KNOWN_RATES,
  knownValues,
  LOSS_TOLERANCE,
  measuredLosses,
  wrongLosses,
} from '../../src/engine/engines/known-losses.js';
import { tf } from '../../src/engine/tensor.js';
import { enginesUnderTest } from '../support/engines.js';

const [IMAGES, SIDE, READ, WRITTEN, CLASSES] = [16, 8, 4, 8, 10];

type Values = Float64Array<ArrayBuffer>;

/** Means over the pixels of one channel behind convolution, batch norm and ReLU, by image, in float64. */
function channelMeans(x: readonly number[], filter: Values, channel: number): Values {
  const pixels = SIDE * SIDE;
  const y = new Float64Array(IMAGES * pixels);
  for (let at = 0; at < y.length; at++)
    for (let tap = 0; tap < 9; tap++) {
      const row = Math.floor((at % pixels) / SIDE) + Math.floor(tap / 3) - 1;
      const column = (at % SIDE) + (tap % 3) - 1;
      if (row < 0 || column < 0 || row >= SIDE || column >= SIDE) continue;
      const pixel = Math.floor(at / pixels) * pixels + row * SIDE + column;
      for (let k = 0; k < READ; k++) y[at]! += x[pixel * READ + k]! * filter[(tap * READ + k) * WRITTEN + channel]!;
    }
  const mean = y.reduce((sum, value) => sum + value, 0) / y.length;
  const variance = y.reduce((sum, value) => sum + (value - mean) ** 2, 0) / y.length;
  const means = new Float64Array(IMAGES);
  y.forEach((value, at) => {
    means[Math.floor(at / pixels)]! += Math.max(0, value - mean) / Math.sqrt(variance + 1e-5) / pixels;
  });
  return means;
}

/** Mean cross-entropy of the layer behind these means, by channel. */
function lossBehind(means: readonly Values[], weights: Values): number {
  let loss = 0;
  for (let i = 0; i < IMAGES; i++) {
    const logits = Array.from({ length: CLASSES }, (_, k) =>
      means.reduce((sum, channel, m) => sum + channel[i]! * weights[m * CLASSES + k]!, 0),
    );
    loss += Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit), 0)) - logits[i % CLASSES]!;
  }
  return loss / IMAGES;
}

/** The gradient of a loss, by central differences; `lossAt` is the loss with one of the values changed. */
function gradientOf(values: Values, lossAt: (changed: Values, at: number) => number): Values {
  const h = 1e-5;
  return values.map((value, at) => {
    const [above, below] = [h, -h].map((shift) => {
      const changed = values.slice();
      changed[at] = value + shift;
      return lossAt(changed, at);
    });
    return (above! - below!) / (2 * h);
  });
}

/** Losses before each step, in float64, where the filter's gradient is so many times what it should be. */
function lossesWith(factor: number): number[] {
  const { x, ...first } = knownValues();
  let [filter, weights]: [Values, Values] = [Float64Array.from(first.filter), Float64Array.from(first.weights)];
  return KNOWN_LOSSES.map(() => {
    const means = Array.from({ length: WRITTEN }, (_, channel) => channelMeans(x, filter, channel));
    const loss = lossBehind(means, weights);
    const byWeights = gradientOf(weights, (changed) => lossBehind(means, changed));
    const byFilter = gradientOf(filter, (changed, at) => {
      const channel = at % WRITTEN; // the only one that this value has a part in
      return lossBehind(means.with(channel, channelMeans(x, changed, channel)), weights);
    });
    weights = weights.map((value, i) => value - KNOWN_RATES.weights * byWeights[i]!);
    filter = filter.map((value, i) => value - KNOWN_RATES.filter * factor * byFilter[i]!);
    return loss;
  });
}

test('the known losses are those of float64, by central differences', () => {
  lossesWith(1).forEach((loss, step) => expect(loss).toBeCloseTo(KNOWN_LOSSES[step]!, 8));
});

test.each([0, -1, 0.5, 3])(
  'an engine whose gradient of a filter is %d times what it should be is found out',
  (factor) => {
    expect(wrongLosses(lossesWith(factor))).toMatch(/^it starts, and computes wrongly/);
  },
);

describe.each(await enginesUnderTest())('$name', ({ name, missing }) => {
  test.skipIf(missing !== undefined)('has them', async () => {
    await tf.setBackend(name);
    const losses = await measuredLosses();
    expect(wrongLosses(losses)).toBeUndefined();
    losses.forEach((loss, step) => expect(Math.abs(loss - KNOWN_LOSSES[step]!)).toBeLessThan(1e-5));
  });
});

test('losses that are not finite or too far away are said, with what was expected', () => {
  const [first, second, third] = KNOWN_LOSSES;
  expect(wrongLosses([first, NaN, NaN])).toMatch(/has the loss NaN after 1 steps, \d\.\d{4} expected; its libraries/);
  expect(wrongLosses([first, second, third + 1.1 * LOSS_TOLERANCE])).toMatch(/after 2 steps/);
  expect(wrongLosses([first, second, third - 0.9 * LOSS_TOLERANCE])).toBeUndefined();
});
