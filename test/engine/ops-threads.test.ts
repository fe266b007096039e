/** The fused ops on several threads: the bits of one. */
import { afterAll, expect, test } from 'vitest';
import { normals, rngKey } from '../../src/core/rng.js';
import { findInstalled } from '../../src/engine/install/installed.js';
import {
  attention,
  attentionGradient,
  columnSums,
  fusedBatchNorm,
  fusedBatchNormGradient,
  fusedConvolution,
  fusedProduct,
  hasFusedOnTensorflow,
  loadFused,
  scaleShift,
} from '../../src/engine/ops/fused.js';
import { tf, type Tensor } from '../../src/engine/tensor.js';
import { enginesUnderTest } from '../support/engines.js';

const tensorflow = (await enginesUnderTest()).find(({ name }) => name === 'tensorflow');
if (tensorflow !== undefined && tensorflow.missing === undefined) await tf.setBackend('tensorflow');
const installed = hasFusedOnTensorflow() ? findInstalled() : undefined;

afterAll(() => {
  if (installed !== undefined) loadFused(installed, 1);
});

const values = Float32Array.from(normals(rngKey(7, 'values'), 2 ** 18));
/** Shapes of the same size have the same values. */
const draw = (...shape: number[]): Tensor => {
  const size = shape.reduce((product, length) => product * length, 1);
  return tf.tensor(values.slice(0, size), shape);
};

/** Work of many parts and of few, of whole parts and of a rest. */
const WORK: Readonly<Record<string, () => Tensor[]>> = {
  'products of two matrices': () => [
    fusedProduct(draw(301, 300), draw(300, 130), false, false),
    fusedProduct(draw(300, 301), draw(300, 130), true, false),
    fusedProduct(draw(257, 64), draw(70, 64), false, true),
  ],
  'a convolution and its gradients': () => {
    const [x, filter, dy] = [draw(65, 14, 14, 8), draw(3, 3, 8, 8), draw(65, 14, 14, 8)];
    const sizes = { strides: [1, 1], before: [1, 1] } as const;
    return [
      fusedConvolution('Convolution', [x, filter], sizes, [14, 14]),
      fusedConvolution('ConvolutionInputGrad', [dy, filter], sizes, [14, 14]),
      fusedConvolution('ConvolutionFilterGrad', [x, dy], sizes, [3, 3]),
    ];
  },
  'batch norm and its gradient': () => {
    const [x, gamma, beta, dy] = [draw(33, 14, 14, 16), draw(16), draw(16), draw(33, 14, 14, 16)];
    const [y, mean, , inverse] = fusedBatchNorm({ x, residual: undefined, gamma, beta }, 1e-5, true);
    return [y, mean, inverse, ...fusedBatchNormGradient({ dy, x, y, gamma, mean, inverse }, false)];
  },
  'attention and its gradient': () => {
    const [x, dense] = [draw(16 * 31, 48), [48, 48, 48].flatMap((width) => [draw(48, width), draw(width)])];
    const heads = { heads: 3, tokens: 31 };
    const [y, weights, q, k, v] = attention(x, dense, undefined, heads, true);
    return [y, ...attentionGradient(draw(16 * 31, 48), [weights, q, k, v], heads)];
  },
  'sums by column and a shift': () => [
    columnSums(draw(5003, 40)),
    scaleShift({ x: draw(5003, 40), scale: draw(40), shift: draw(40), residual: undefined }, true),
  ],
};

test.skipIf(installed === undefined).each(Object.keys(WORK))('%s: every bit on any number of threads', (name) => {
  const results = (threads: number): Float32Array[] => {
    loadFused(installed!, threads);
    // the helpers' first work finds them asleep, and later work does not
    return Array.from({ length: 3 }, () => {
      const made = tf.tidy(() => WORK[name]!());
      const read = made.map((one) => one.dataSync() as Float32Array);
      tf.dispose(made);
      return read;
    }).flat();
  };
  const alone = results(1);
  expect(alone.every((result) => result.every(Number.isFinite))).toBe(true);
  for (const threads of [2, 3, 8]) {
    const together = results(threads);
    expect(together.findIndex((result, i) => !result.every((value, j) => Object.is(value, alone[i]![j])))).toBe(-1);
  }
});
