/** Depthwise convolutions and their gradients are those of a full convolution with zeros between the channels. */
import { describe, expect, test as anywhere } from 'vitest';
import { sizeOf } from '../../src/core/host-array.js';
import { depthwiseFilterGradient, depthwiseInputGradient } from '../../src/engine/ops/depthwise.js';
import { differentiate } from '../../src/engine/ops/gradients.js';
import { tf, type Scalar, type Tensor, type Tensor4D } from '../../src/engine/tensor.js';
import { enginesUnderTest } from '../support/engines.js';
import { noise } from '../support/reference.js';

const CASES = [
  { size: [5, 6], side: 3, stride: 1, pad: 'same' },
  { size: [6, 5], side: 3, stride: 2, pad: 'valid' },
  { size: [8, 7], side: 3, stride: 2, pad: 'same' },
  { size: [9, 9], side: 7, stride: 1, pad: 'valid' },
] as const;
const CHANNELS = 4;

async function expectClose(a: Tensor, b: Tensor): Promise<void> {
  const [mine, theirs] = [await a.data(), await b.data()];
  expect(a.size).toBe(b.size);
  mine.forEach((value, i) => expect(Math.abs(value - theirs[i]!)).toBeLessThan(1e-4));
}

describe.each(await enginesUnderTest())('on $name', ({ name, missing }) => {
  const test = anywhere.skipIf(missing !== undefined);

  test.each(CASES)('%o', async ({ size: [height, width], side, stride, pad }) => {
    await tf.setBackend(name);
    const drawn = (shape: readonly number[], h: number): Tensor4D =>
      tf.tensor4d(Float32Array.from(noise(sizeOf(shape), h)), shape as Tensor4D['shape']);
    const x = drawn([2, height, width, CHANNELS], 1);
    const filter = drawn([side, side, CHANNELS, 1], 2);
    const diagonal = tf.eye(CHANNELS);
    const losses = {
      depthwise: (x: Tensor, filter: Tensor) =>
        tf.depthwiseConv2d(x as Tensor4D, filter as Tensor4D, stride, pad) as Tensor4D,
      full: (x: Tensor, filter: Tensor) =>
        tf.conv2d(x as Tensor4D, tf.mul(filter, diagonal) as Tensor4D, stride, pad) as Tensor4D,
    };
    const y = losses.full(x, filter);
    await expectClose(losses.depthwise(x, filter), y);
    const weight = drawn(y.shape, 3);
    const gradients = Object.values(losses).map((apply) =>
      differentiate({ x, filter }, (inputs) => tf.sum(tf.mul(apply(inputs.x!, inputs.filter!), weight)) as Scalar),
    );
    const [own, full] = gradients.map((found) => found.gradients) as [Record<string, Tensor>, Record<string, Tensor>];
    await expectClose(own.x!, full.x!);
    await expectClose(own.filter!, full.filter!);
    // where the engine has kernels of its own, the composed ones are not used by it
    const attributes = {
      strides: [stride, stride] as [number, number],
      pad,
      inputShape: x.shape,
      filterShape: filter.shape,
    };
    await expectClose(depthwiseInputGradient(weight, filter, attributes), full.x!);
    await expectClose(depthwiseFilterGradient(x, weight, attributes), full.filter!);
  });
});
