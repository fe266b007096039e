/** Steps that are replayed on WebAssembly: the eager step's bits, no op of tfjs, and an error where they cannot be. */
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { WASM } from '../../../src/engine/engines/wasm.js';
import { sgdInPlace } from '../../../src/engine/ops/fused.js';
import { differentiate } from '../../../src/engine/ops/gradients.js';
import { randomUniform } from '../../../src/engine/ops/random.js';
import { tf, type Tensor, type Tensor2D, type Tensor4D, type Tensors } from '../../../src/engine/tensor.js';
import { trace } from '../../../src/engine/trace/trace.js';
import { BATCH_NORM_RELU_TRAIN } from '../../../src/engine/ops/kernels.js';
import { crossEntropy } from '../../../src/optim/losses.js';
import { normals, rngKey } from '../../../src/core/rng.js';

beforeAll(async () => {
  await WASM.start();
});

/** Calls after which a step is replayed: two run op by op, two are recorded. */
const UNTIL_REPLAYED = 4;

const values = (shape: readonly number[], stream: string): Tensor =>
  tf.tensor(Float32Array.from(normals(rngKey(1, stream), tf.util.sizeFromShape([...shape]))), [...shape]);

function bitsOf(tensors: Tensors): Record<string, number[]> {
  return Object.fromEntries(
    Object.entries(tensors).map(([name, tensor]) => [
      name,
      [...new Uint8Array(Float32Array.from(tensor.dataSync()).buffer)],
    ]),
  );
}

/** Ops that tfjs is asked for in a call, by name. */
function opsIn(act: () => unknown): string[] {
  const runKernel = vi.spyOn(tf.engine(), 'runKernel');
  try {
    act();
    return runKernel.mock.calls.map(([name]) => name);
  } finally {
    runKernel.mockRestore();
  }
}

/** Convolution, batch norm, ReLU, rows that are looked up, a loss, and their gradients; w moves in place. */
const training = ({ x, filter, w, velocity, at, labels, numbers }: Tensors): Tensors => {
  const { loss, gradients, aside } = differentiate({ filter: filter!, w: w! }, (params, keep) => {
    const convolved = tf.conv2d(x as Tensor4D, params.filter as Tensor4D, 1, 'same');
    const normed = tf
      .engine()
      .runKernel(
        BATCH_NORM_RELU_TRAIN,
        { x: convolved, gamma: tf.ones([3]), beta: tf.zeros([3]) },
        { epsilon: 1e-5 },
      ) as unknown as Tensor[];
    keep('mean', normed[1]!);
    const rows = tf.concat(
      [normed[0]!.reshape([2, -1]), tf.gather(params.w!.slice([0, 0], [5, 2]), at!)],
      1,
    ) as Tensor2D;
    const logits = tf
      .tanh(tf.matMul(rows, params.w as Tensor2D))
      .transpose()
      .transpose();
    return crossEntropy(logits, tf.cast(tf.oneHot(labels!, 2), 'float32'), 0.1);
  });
  sgdInPlace({ gradient: gradients.w!, factor: tf.ones([1]), decay: tf.tensor1d([0.01]) }, numbers!, [w!, velocity!]);
  return { loss, filter: gradients.filter!, w: w!.clone(), velocity: velocity!.clone(), mean: aside.mean! };
};

interface State {
  readonly w: Tensor;
  readonly velocity: Tensor;
}
const fresh = (): State => ({ w: values([50, 2], 'w'), velocity: tf.zeros([50, 2]) });
const batch = (step: number): Tensors => ({
  x: values([2, 4, 4, 2], `x ${step}`),
  filter: values([3, 3, 2, 3], `filter ${step}`),
  at: tf.tensor1d([step % 5, (2 * step + 1) % 5], 'int32'),
  labels: tf.tensor1d([step % 2, 1], 'int32'),
  numbers: tf.tensor1d([0.1 / (step + 1), 0.9]),
});

describe('a replayed step', () => {
  test('gives the eager one’s bits at every call, with what it changes in place', () => {
    const traced = trace('a step', training);
    let [state, eager] = [fresh(), fresh()];
    for (let step = 0; step < 8; step++) {
      const given = batch(step);
      const expected = training({ ...given, ...eager });
      let got: Tensors = {};
      const ops = opsIn(() => (got = traced({ ...given, ...state })));
      expect(bitsOf(got), `step ${step}`).toEqual(bitsOf(expected));
      if (step >= UNTIL_REPLAYED) expect(new Set(ops)).toEqual(new Set(['Reshape'])); // of results that are inputs
      else expect(ops).toContain('Conv2D');
      state = { w: got.w!, velocity: got.velocity! };
      eager = { w: expected.w!, velocity: expected.velocity! };
    }
    traced.dispose();
  });

  test('is recorded anew for a state that lies elsewhere, and for other shapes', () => {
    const traced = trace('a step', training);
    for (let step = 0; step < 12; step++) {
      const [given, mine, other] = [batch(step), fresh(), fresh()];
      expect(bitsOf(traced({ ...given, ...mine }))).toEqual(bitsOf(training({ ...given, ...other })));
    }
    const doubled = trace('a step', ({ x }) => ({ y: tf.mul(tf.sum(x!, 0), 2) }));
    for (let step = 0; step < 12; step++) {
      const rows = 1 + (step % 2);
      expect([...doubled({ x: tf.ones([rows, 2]) }).y!.dataSync()]).toEqual([2 * rows, 2 * rows]);
    }
    for (const one of [traced, doubled]) one.dispose();
  });

  test('takes inputs in any order, one tensor twice, and gives inputs back', () => {
    const traced = trace('a step', ({ a, b }) => ({ sum: tf.add(a!, tf.mul(b!, 2)), a: a! }));
    for (let i = 0; i < 7; i++) {
      const [a, b] = [tf.tensor1d([i, 1]), tf.tensor1d([1, i])];
      const { sum, a: same } = traced(i % 2 === 0 ? { a, b } : { b, a });
      expect([...sum!.dataSync()]).toEqual([i + 2, 1 + 2 * i]);
      expect([...same!.dataSync()]).toEqual([i, 1]);
    }
    for (let i = 0; i < 7; i++) {
      const a = tf.tensor1d([i, 1]);
      expect([...traced({ a, b: a }).sum!.dataSync()]).toEqual([3 * i, 3]);
    }
    traced.dispose();
  });

  test('keeps no tensor, and gives its memory back', () => {
    const state = fresh();
    const given = { ...batch(1), ...state };
    const round = (): void => {
      const traced = trace('a step', training);
      for (let i = 0; i < 9; i++) tf.dispose(Object.values(traced(given)));
      traced.dispose();
    };
    round();
    const { numTensors, numDataBuffers } = tf.memory();
    const heap = (): number => (tf.backend() as unknown as { wasm: { HEAPU8: Uint8Array } }).wasm.HEAPU8.byteLength;
    const before = heap();
    for (let i = 0; i < 60; i++) round();
    expect(tf.memory()).toMatchObject({ numTensors, numDataBuffers });
    expect(heap()).toBe(before);
  });

  test.each<[string, (x: Tensor4D, weights: Tensors) => Tensor]>([
    ['DepthwiseConv2dNative', (x, { depth }) => tf.depthwiseConv2d(x, depth as Tensor4D, 1, 'same')],
    [
      'FusedConv2D',
      (x, { filter, bias }) =>
        tf.fused.conv2d({ x, filter: filter as Tensor4D, strides: 1, pad: 'same', bias: bias!, activation: 'relu' }),
    ],
    [
      'FusedDepthwiseConv2D',
      (x, { depth, bias }) =>
        tf.fused.depthwiseConv2d({ x, filter: depth as Tensor4D, strides: 1, pad: 'same', bias: bias!.slice(0, 2) }),
    ],
    ['Conv2D', (x, { filter }) => tf.conv2d(x, filter as Tensor4D, 1, 'same', 'NHWC', 2)],
    ['Prelu', (x, { alpha }) => tf.prelu(x, alpha!)],
    [
      '_FusedMatMul',
      (x, { w, bias }) => tf.fused.matMul({ a: x.reshape([-1, 2]), b: w as Tensor2D, bias: bias!, activation: 'relu' }),
    ],
  ])('of %s follows weights that change', (_, act) => {
    const traced = trace('a step', ({ x, ...weights }) => ({ y: act(x as Tensor4D, weights) }));
    for (let step = 0; step < 8; step++) {
      const given = {
        x: values([2, 5, 5, 2], `x ${step}`),
        depth: values([3, 3, 2, 1], `depth ${step}`),
        filter: values([3, 3, 2, 3], `filter ${step}`),
        bias: values([3], `bias ${step}`),
        alpha: values([2], `alpha ${step}`),
        w: values([2, 3], `w ${step}`),
      };
      const { x, ...weights } = given;
      const expected = act(x as Tensor4D, weights);
      expect(bitsOf(traced(given)), `step ${step}`).toEqual(bitsOf({ y: expected }));
    }
    traced.dispose();
  });

  test('gives an input of another shape back in that shape', () => {
    const traced = trace('a step', ({ x }) => ({ y: x!.reshape([-1]), z: tf.square(x!) }));
    for (let step = 0; step < 7; step++) {
      const y = traced({ x: tf.fill([2, 3], step) }).y!;
      expect([y.shape, [...y.dataSync()]]).toEqual([[6], Array(6).fill(step)]);
    }
    traced.dispose();
  });

  test('that looks up a row which is not there is the eager one’s error', () => {
    const traced = trace('a step', ({ x, at }) => ({ y: tf.gather(x!, at!) }));
    const x = tf.tensor2d([1, 2, 3, 4], [2, 2]);
    for (let i = 0; i < 6; i++) traced({ x, at: tf.tensor1d([i % 2], 'int32') });
    const at = tf.tensor1d([7], 'int32');
    expect(() => traced({ x, at })).toThrow(/7/);
    expect([...traced({ x, at: tf.tensor1d([1], 'int32') }).y!.dataSync()]).toEqual([3, 4]);
    traced.dispose();
  });
});

describe('what is not replayed', () => {
  test('a number that changes and is no input is an error that names the op', () => {
    let rate = 0.5;
    const traced = trace('a step', ({ x }) => ({ y: tf.mul(x!, (rate *= 0.5)) }));
    const x = tf.tensor1d([1, 2]);
    for (let i = 0; i < UNTIL_REPLAYED - 1; i++) traced({ x });
    expect(() => traced({ x })).toThrow(
      /^a step cannot be compiled: a number changes that is no input: input 2 of op \d+, "Multiply"/,
    );
  });

  test('a step that reads a value back is an error that names it', () => {
    const traced = trace('a step', ({ x }) => {
      const y = tf.square(x!);
      return { y: tf.add(y, y.dataSync()[0]!) };
    });
    const x = tf.tensor1d([1, 2]);
    for (let i = 0; i < UNTIL_REPLAYED - 2; i++) traced({ x });
    expect(() => traced({ x })).toThrow(/^a step: the step reads the value of an op "Square" back/);
  });

  test('a tensor from outside that is gone is an error', () => {
    const table = tf.tensor1d([3, 4]);
    const traced = trace('a step', ({ x }) => ({ y: tf.mul(x!, table) }));
    const x = tf.tensor1d([1, 2]);
    for (let i = 0; i < 6; i++) expect([...traced({ x }).y!.dataSync()]).toEqual([3, 8]);
    table.dispose();
    expect(() => traced({ x })).toThrow(
      /^a compiled step reads a tensor \[2\] that was disposed since it was recorded/,
    );
    traced.dispose();
  });

  test('a step that draws random numbers runs op by op', () => {
    let key = 0;
    const traced = trace('a step', ({ x }) => ({ y: tf.mul(x!, randomUniform([2], rngKey(1, `${key++}`))) }));
    const x = tf.tensor1d([1, 1]);
    const seen = Array.from({ length: 8 }, () => String(traced({ x }).y!.dataSync()));
    expect(new Set(seen).size).toBe(8);
  });

  test('without GOWIDE_TRACE every call runs op by op', () => {
    vi.stubEnv('GOWIDE_TRACE', '0');
    try {
      const traced = trace('a step', ({ x }) => ({ y: tf.square(x!) }));
      const x = tf.tensor1d([1, 2]);
      for (let i = 0; i < 8; i++) expect(opsIn(() => traced({ x }))).toEqual(['Square']);
    } finally {
      vi.unstubAllEnvs();
    }
  });
});

test('a kernel that lays its filter out anew follows one that is changed in place', () => {
  const [x, filter] = [values([1, 6, 6, 4], 'x') as Tensor4D, values([3, 3, 4, 1], 'filter') as Tensor4D];
  const convolved = (by: Tensor4D): number[] => [...tf.depthwiseConv2d(x, by, 1, 'same').dataSync()];
  const before = convolved(filter);
  sgdInPlace({ gradient: tf.onesLike(filter), factor: tf.ones([1]), decay: tf.tensor1d([0]) }, tf.tensor1d([0.5, 0]), [
    filter,
    tf.zerosLike(filter),
  ]);
  const after = convolved(filter);
  expect(after).not.toEqual(before);
  expect(after).toEqual(convolved(tf.tensor(filter.dataSync(), filter.shape) as Tensor4D));
});
