/** Our convolutions of few channels, and the mean over pixels, against TensorFlow's own. */
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { geometryOf, type Geometry } from '../../src/engine/ops/convolutions.js';
import { fusedConvolution, hasFusedOnTensorflow } from '../../src/engine/ops/fused.js';
import { pixelMean } from '../../src/engine/ops/pixel-mean.js';
import { tf, type Tensor, type Tensor4D } from '../../src/engine/tensor.js';
import { FLOAT, tensorflowOp, type Attributes } from '../../src/engine/tensorflow-op.js';
import { enginesUnderTest } from '../support/engines.js';
import { normalTensor } from '../support/tensors.js';
import { relativeError, TOLERANCE } from '../support/tolerance.js';

const engine = (await enginesUnderTest()).find(({ name }) => name === 'tensorflow')!;
if (engine.missing === undefined) await tf.setBackend('tensorflow');
const missing = engine.missing ?? (hasFusedOnTensorflow() ? undefined : 'the fused ops for TensorFlow are not here');
if (missing !== undefined) console.warn(`our convolutions are not tested: ${missing}`);

/** One of TensorFlow's own three ops; padded by hand, as only the forward op knows explicit padding everywhere. */
function theirs(name: string, { strides }: Geometry, inputs: Tensor[]): Tensor {
  const attributes: Attributes = {
    T: FLOAT,
    data_format: 'NHWC',
    use_cudnn_on_gpu: true,
    dilations: [1, 1, 1, 1],
    strides: [1, ...strides, 1],
    padding: 'VALID',
    explicit_paddings: [],
  };
  return tensorflowOp(name, attributes, inputs, 1)[0]!;
}

const close = (given: Tensor, expected: Tensor): void => {
  expect(given.shape).toEqual(expected.shape);
  expect(relativeError(given.dataSync(), Float64Array.from(expected.dataSync()))).toBeLessThan(TOLERANCE.f32);
};

describe.skipIf(missing !== undefined)('our convolutions', () => {
  beforeAll(async () => {
    await tf.setBackend('tensorflow');
  });
  beforeEach(() => void tf.engine().startScope());

  const SAME = 'same';
  const AROUND = [
    [0, 0],
    [1, 1],
    [1, 1],
    [0, 0],
  ] as const;
  test.each([
    ...[1, 2, 3].flatMap((stride) =>
      (
        [
          [1, 3],
          [3, 5],
          [5, 1],
          [8, 12],
          [12, 8],
          [2, 2],
          [4, 4],
          [1, 8],
          [20, 17],
        ] as const
      ).flatMap(([read, written]) =>
        (
          [
            [1, 7, 5, 3, 3],
            [3, 1, 16, 3, 3],
            [2, 4, 9, 1, 1],
            [2, 6, 8, 2, 5],
            [1, 1, 1, 3, 3],
          ] as const
        ).map((sizes) => [stride, read, written, ...sizes, SAME] as const),
      ),
    ),
    [2, 4, 4, 3, 14, 14, 3, 3, AROUND],
    [2, 4, 4, 3, 7, 7, 3, 3, AROUND],
    [1, 3, 2, 2, 5, 6, 2, 2, 'valid'],
    [3, 3, 2, 2, 11, 10, 2, 2, 'valid'],
    [3, 3, 2, 2, 11, 10, 1, 1, AROUND],
    [1, 2, 2, 5000, 1, 6, 3, 3, SAME],
  ] as const)(
    'of stride %i, %i channels to %i, images %i x %i x %i, filter %i x %i, padding %s are TensorFlow’s',
    (stride, read, written, batch, height, width, high, wide, pad) => {
      const x = normalTensor('x', [batch, height, width, read]) as Tensor4D;
      const filter = normalTensor('filter', [high, wide, read, written]);
      const geometry = geometryOf(x.shape, filter.shape, { strides: stride, pad: pad as 'same' });
      const { before, after, input, output, kernel } = geometry;
      const dy = normalTensor('dy', [batch, ...output, written]);
      const padded = tf.pad(x, [
        [0, 0],
        [before[0], after[0]],
        [before[1], after[1]],
        [0, 0],
      ]);
      const shape = (tensor: Tensor): Tensor => tf.tensor1d(tensor.shape, 'int32');
      close(
        fusedConvolution('Convolution', [x, filter], geometry, output),
        theirs('Conv2D', geometry, [padded, filter]),
      );
      const dpadded = theirs('Conv2DBackpropInput', geometry, [shape(padded), filter, dy]) as Tensor4D;
      const dx = tf.slice(dpadded, [0, ...before, 0], [-1, ...input, -1]);
      close(fusedConvolution('ConvolutionInputGrad', [dy, filter], geometry, input), dx);
      const dfilter = theirs('Conv2DBackpropFilter', geometry, [padded, shape(filter), dy]);
      close(fusedConvolution('ConvolutionFilterGrad', [x, dy], geometry, kernel), dfilter);
      tf.engine().endScope();
    },
  );

  test.each([
    [3, 4, 4, 5],
    [1, 1, 1, 32],
    [2, 7, 3, 17],
  ] as const)('the mean over the pixels of %i images %i x %i x %i, and its gradient, are those of tfjs', (...shape) => {
    const x = normalTensor('x', shape) as Tensor4D;
    const weights = normalTensor('weights', [shape[0], shape[3]]);
    const [ours, theirs] = [pixelMean, (given: Tensor) => tf.mean(given, [1, 2])].map((mean) =>
      tf.grad((given: Tensor) => tf.sum(tf.mul(mean(given), weights)))(x),
    );
    close(pixelMean(x), tf.mean(x, [1, 2]));
    close(ours!, theirs!);
    tf.engine().endScope();
  });
});
