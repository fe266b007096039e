/** Compiled steps: the eager step's bits, one call, and an error where a step cannot be compiled. */
import { beforeAll, describe, expect, test as anywhere, vi } from 'vitest';
import { startEngine } from '../../../src/engine/engines/choose.js';
import { differentiate } from '../../../src/engine/ops/gradients.js';
import { hasFused, sgdInPlace } from '../../../src/engine/ops/fused.js';
import { plusBias } from '../../../src/engine/ops/matrix.js';
import { tf, type Tensor, type Tensor1D, type Tensor2D, type Tensors } from '../../../src/engine/tensor.js';
import { graphOf } from '../../../src/engine/trace/graph.js';
import { record, tensorflowBackend } from '../../../src/engine/trace/recorder.js';
import { canTrace, trace } from '../../../src/engine/trace/trace.js';
import { crossEntropy, klDivergence } from '../../../src/optim/losses.js';
import { askedOps } from '../../support/asked-ops.js';
import { enginesUnderTest } from '../../support/engines.js';

const engine = (await enginesUnderTest()).find(({ name }) => name === 'tensorflow')!;
if (engine.missing === undefined) await tf.setBackend('tensorflow');
const missing = engine.missing ?? (canTrace() ? undefined : 'the addon that compiles steps is not here');
if (missing !== undefined) console.warn(`compiled steps are not tested: ${missing}`);

const valuesOf = async (tensor: Tensor): Promise<number[]> => Array.from(await tensor.data());
/** How often the addon is asked for an op in a call. */
function calls(act: () => unknown): number {
  const { asked, stop } = askedOps();
  try {
    act();
  } finally {
    stop();
  }
  return asked.length;
}

describe('compiled steps', () => {
  const test = anywhere.skipIf(missing !== undefined);
  beforeAll(async () => {
    if (missing === undefined) await tf.setBackend('tensorflow');
  });

  const step = ({ x, w, numbers }: Tensors): Tensors => {
    const y = tf.relu(tf.add(tf.matMul(x!.reshape([-1, 3]).reshape([2, 3]), w!), tf.slice(numbers!, [0], [1])));
    const [left, right] = tf.split(y, 2, 1) as [Tensor, Tensor];
    return { loss: tf.mean(tf.concat([left, right, tf.stack([left, right]).reshape([2, 2])], 1)), y };
  };
  const inputs = (rate: number): Record<'x' | 'w' | 'numbers', Tensor> => ({
    x: tf.tensor2d([
      [1, -2, 3],
      [0.5, 4, -1],
    ]),
    w: tf.tensor2d([
      [1, 2],
      [-1, 0.25],
      [3, -0.125],
    ]),
    numbers: tf.tensor1d([rate]),
  });

  test('a compiled step gives the bits of the eager one, in one call', async () => {
    const traced = trace('test', step);
    for (const [i, rate] of [0.5, -1, 2].entries()) {
      const given = inputs(rate);
      const eager = step(given);
      let results: Tensors = {};
      const count = calls(() => (results = traced(given)));
      if (i === 2) expect(count).toBe(1);
      expect(await valuesOf(results.y!)).toEqual(await valuesOf(eager.y!));
      expect(await valuesOf(results.loss!)).toEqual(await valuesOf(eager.loss!));
    }
    traced.dispose();
  });

  test('other shapes are compiled anew, and the ones before still work', async () => {
    const traced = trace('test', ({ x }) => ({ y: tf.mul(tf.sum(x!, 0), 2) }));
    for (const rows of [3, 1, 3, 1, 3]) {
      const { y } = traced({ x: tf.ones([rows, 2]) });
      expect(await valuesOf(y!)).toEqual([2 * rows, 2 * rows]);
    }
    traced.dispose();
  });

  test('a number that changes and is no input is an error that names the op', () => {
    let rate = 0.5;
    const traced = trace('a step', ({ x }) => ({ y: tf.mul(x!, rate) }));
    const x = tf.tensor1d([1, 2]);
    traced({ x });
    rate = 0.25;
    expect(() => traced({ x })).toThrow(
      /^a step cannot be compiled: a number changes that is no input: input 2 of op \d+, "Mul"/,
    );
  });

  test.each([
    ['ones and zeros', 1, 0],
    ['other numbers', 2, 0.5],
  ])('the loss by labels as %s is the eager one to the last bit', async (_, on, off) => {
    const graded = ({ z, labels }: Tensors): Tensors => {
      const y = tf.cast(tf.oneHot(labels!, 3, on, off), 'float32');
      const { loss, gradients } = differentiate({ z: z! }, (params) => crossEntropy(params.z!, y));
      return { loss, gradient: gradients.z! };
    };
    const given = { z: tf.tensor2d([1, 2, -4, 0, 0.5, 9], [2, 3]), labels: tf.tensor1d([2, 0], 'int32') };
    const [compiled, eager] = [trace('a test', graded)(given), graded(given)];
    for (const name of ['loss', 'gradient'])
      expect(await valuesOf(compiled[name]!)).toEqual(await valuesOf(eager[name]!));
  });

  anywhere.skipIf(missing !== undefined || !hasFused()).each([
    ['in their own shape', [2, 3], false],
    ['in another one', [1, 2, 3], false],
    ['both nets’, in their own shape', [2, 3], true],
    ['both nets’, in another one', [1, 2, 3], true],
  ])('logits with a bias, %s, lose the sum and keep the bits', async (_, shape, teacher) => {
    const graded = ({ z, bias, y }: Tensors): Tensors => {
      const wide = teacher ? plusBias(tf.tanh(y as Tensor2D), bias as Tensor1D).reshape(shape) : undefined;
      const { loss, gradients } = differentiate({ z: z!, bias: bias! }, (params) => {
        const logits = plusBias(tf.tanh(params.z as Tensor2D), params.bias as Tensor1D).reshape(shape);
        return wide === undefined ? crossEntropy(logits, y!.reshape(shape)) : klDivergence(logits, wide, 2);
      });
      return { loss, ...gradients };
    };
    const given = {
      z: tf.tensor2d([1, 2, -4, 0, 0.5, 9], [2, 3]),
      bias: tf.tensor1d([0.1, -3, 1 / 3]),
      y: tf.tensor2d([0, 1, 0, 0.5, 0.25, 0.25], [2, 3]),
    };
    const names = ['loss', 'z', 'bias'];
    expect(
      graphOf(record('a test', graded, given), given, names)
        .nodes.map(({ op }) => op)
        .filter((op) => op.startsWith('Add')),
    ).toEqual([]);
    const [compiled, eager] = [trace('a test', graded)(given), graded(given)];
    for (const name of names) expect(await valuesOf(compiled[name]!)).toEqual(await valuesOf(eager[name]!));
  });

  test('a tensor from outside that changes is an error, one that stays is read', async () => {
    let teacher = tf.tensor1d([3, 4]);
    const stays = trace('test', ({ x }) => ({ y: tf.add(x!, teacher) }));
    for (let i = 0; i < 3; i++) expect(await valuesOf(stays({ x: tf.tensor1d([1, 1]) }).y!)).toEqual([4, 5]);
    const changes = trace('test', ({ x }) => ({ y: tf.add(x!, teacher) }));
    changes({ x: tf.tensor1d([1, 1]) });
    teacher = tf.tensor1d([5, 6]);
    expect(() => changes({ x: tf.tensor1d([1, 1]) })).toThrow(/a tensor changes that is no input/);
  });

  test('a tensor from outside that is gone is an error', () => {
    const teacher = tf.tensor1d([3, 4]);
    const traced = trace('test', ({ x }) => ({ y: tf.add(x!, teacher) }));
    traced({ x: tf.tensor1d([1, 1]) });
    teacher.dispose();
    expect(() => traced({ x: tf.tensor1d([1, 1]) })).toThrow();
  });

  test('a step that reads a value back is an error that names the op', () => {
    const traced = trace('a step', ({ x }) => ({ y: tf.mul(x!, tf.sum(x!).dataSync()[0]!) }));
    expect(() => traced({ x: tf.tensor1d([1, 2]) })).toThrow(/^a step: the step reads the value of an op "Sum" back/);
  });

  test('a step whose ops change is an error', () => {
    let turns = 0;
    const traced = trace('test', ({ x }) => ({ y: turns++ === 0 ? tf.exp(x!) : tf.log(x!) }));
    traced({ x: tf.tensor1d([1]) });
    expect(() => traced({ x: tf.tensor1d([1]) })).toThrow(/op 1 is "Exp" once and "Log" the next time/);
  });

  anywhere.skipIf(missing !== undefined || !hasFused())(
    'logits keep the bias that they were made with where it is changed in place before their loss',
    async () => {
      const one = tf.tensor1d([1]);
      const traced = trace('test', ({ z, bias, v, g, numbers, y }) => {
        const logits = plusBias(z as Tensor2D, bias as Tensor1D);
        sgdInPlace({ gradient: g!, factor: one, decay: tf.tensor1d([0]) }, numbers!, [bias!, v!]);
        return { loss: crossEntropy(logits, y!) };
      });
      const [z, y] = [tf.tensor2d([[1, 2]]), tf.tensor2d([[0, 1]])];
      const bias = tf.tensor1d([0, 1]);
      const numbers = tf.tensor1d([5, 0]);
      const { loss } = traced({ z, y, bias, numbers, v: tf.zeros([2]), g: tf.tensor1d([1, -1]) });
      expect(await valuesOf(bias)).toEqual([-5, 6]);
      expect((await valuesOf(loss!))[0]).toBeCloseTo(Math.log(1 + Math.exp(-2)), 6);
      traced.dispose();
    },
  );

  anywhere.skipIf(missing !== undefined || !hasFused())(
    'what is changed in place comes after all that read it',
    async () => {
      const one = tf.tensor1d([1]);
      const traced = trace('test', ({ p, v, g, numbers }) => {
        const before = tf.square(p!); // reads the old value
        sgdInPlace({ gradient: g!, factor: one, decay: tf.tensor1d([0]) }, numbers!, [p!, v!]);
        return { before, after: tf.mul(tf.reshape(p!, [2, 2]), 1), p: p!.clone(), v: v!.clone() };
      });
      let [p, v] = [tf.tensor1d([1, 2, 3, 4]) as Tensor, tf.zeros([4]) as Tensor];
      for (let i = 0; i < 4; i++) {
        const old = await valuesOf(p);
        const results = traced({ p, v, g: tf.ones([4]), numbers: tf.tensor1d([0.5, 0]) });
        expect(await valuesOf(results.before!)).toEqual(old.map((value) => value ** 2));
        expect(await valuesOf(results.after!)).toEqual(old.map((value) => value - 0.5));
        expect(results.p!.dataId).toBe(p.dataId);
        tf.dispose([p, v, results.before!, results.after!]);
        [p, v] = [results.p!, results.v!];
      }
      expect(await valuesOf(p)).toEqual([-1, 0, 1, 2]);
      traced.dispose();
    },
  );

  /** Ops that hand on the memory of what they read, where there is nothing to do. */
  const IDLE: Readonly<Record<string, (p: Tensor) => Tensor>> = {
    Transpose: (p) => tf.transpose(p, [1, 0]),
    Tile: (p) => tf.tile(p, [1, 1]),
    Sum: (p) => tf.sum(p, 1),
    Mean: (p) => tf.mean(p, 1),
    Max: (p) => tf.max(p, 1),
    Prod: (p) => tf.prod(p, 1),
    Pad: (p) =>
      tf.pad(p, [
        [0, 0],
        [0, 0],
      ]),
    MirrorPad: (p) =>
      tf.mirrorPad(
        p,
        [
          [0, 0],
          [0, 0],
        ],
        'reflect',
      ),
    Pack: (p) => tf.stack([p]),
    AddN: (p) => tf.addN([p]),
    Cast: (p) => tf.cast(p, 'float32'),
    Pow: (p) => tf.pow(p, 1),
    Einsum: (p) => tf.einsum('ij->ij', p),
    BroadcastTo: (p) => tf.broadcastTo(p, [64, 1]),
    SpaceToBatchND: (p) =>
      tf.spaceToBatchND(
        p.reshape([1, 64, 1, 1]),
        [1, 1],
        [
          [0, 0],
          [0, 0],
        ],
      ),
  };

  anywhere.skipIf(missing !== undefined || !hasFused()).each(Object.entries(IDLE))(
    'what reads the old value through an idle %s comes before it is changed in place',
    async (_, idle) => {
      const one = tf.tensor1d([1]);
      const traced = trace('test', ({ p, v, g, numbers }) => {
        const before = tf.square(idle(p!));
        sgdInPlace({ gradient: g!, factor: one, decay: tf.tensor1d([0]) }, numbers!, [p!, v!]);
        return { before, p: p!.clone(), v: v!.clone() };
      });
      let [p, v] = [tf.range(1, 65).reshape([64, 1]), tf.zeros([64, 1])];
      for (let i = 0; i < 6; i++) {
        const old = await valuesOf(p);
        const results = traced({ p, v, g: tf.ones([64, 1]), numbers: tf.tensor1d([0.5, 0]) });
        expect(await valuesOf(results.before!)).toEqual(old.map((value) => value ** 2));
        [p, v] = [results.p!, results.v!];
      }
      traced.dispose();
    },
  );

  test('constants 0 and -0 stay two', async () => {
    const traced = trace('test', ({ x }) => ({ y: tf.div(x!, tf.tensor1d([0])), z: tf.div(x!, tf.tensor1d([-0])) }));
    const { y, z } = traced({ x: tf.tensor1d([1]) });
    expect([await valuesOf(y!), await valuesOf(z!)]).toEqual([[Infinity], [-Infinity]]);
    traced.dispose();
  });

  test('inputs that were one tensor when a step was recorded may be two later', async () => {
    const traced = trace('test', ({ a, b }) => ({ y: tf.sub(a!, b!) }));
    const [a, b] = [tf.tensor1d([1]), tf.tensor1d([5])];
    for (const [given, expected] of [
      [a, 0],
      [a, 0],
      [b, -4],
      [b, -4],
      [a, 0],
    ] as const)
      expect(await valuesOf(traced({ a, b: given }).y!)).toEqual([expected]);
    traced.dispose();
  });

  test('inputs in another order are the same step', async () => {
    let recordings = 0;
    const traced = trace('test', ({ a, b }) => {
      recordings++;
      return { y: tf.sub(a!, b!) };
    });
    const [a, b] = [tf.tensor1d([1]), tf.tensor1d([5])];
    for (const given of [
      { a, b },
      { b, a },
      { a, b },
      { b, a },
    ])
      expect(await valuesOf(traced(given).y!)).toEqual([-4]);
    expect(recordings).toBe(2);
    traced.dispose();
  });

  test('on a GPU no executor is asked for that takes one device only', () => {
    const x = tf.tensor1d([1]);
    const backend = tensorflowBackend();
    const asked = (gpu: boolean): unknown[] => {
      const names: unknown[] = [];
      const traced = trace('test', ({ x }) => ({ y: tf.exp(x!) }));
      const { binding } = backend;
      const executeOp: typeof binding.executeOp = (name, attributes, ...rest) => {
        if (name.startsWith('gowide_step')) names.push(...attributes.map(({ value }) => value));
        return binding.executeOp(name, attributes, ...rest);
      };
      backend.binding = Object.create(binding, { executeOp: { value: executeOp } }) as typeof binding;
      vi.stubEnv('TF_NUM_INTRAOP_THREADS', '1');
      Object.assign(backend, { isUsingGpuDevice: gpu });
      try {
        traced({ x });
      } finally {
        vi.unstubAllEnvs();
        Object.assign(backend, { binding, isUsingGpuDevice: false });
        traced.dispose();
      }
      return names;
    };
    expect([asked(false), asked(true)]).toEqual([['SINGLE_THREADED_EXECUTOR'], []]);
  });

  test('a recording changes nothing and leaves no tensor', () => {
    const given = inputs(1);
    const before = tf.memory().numTensors;
    const recording = record('test', step, given);
    expect(tf.memory().numTensors).toBe(before);
    expect(recording.ops.map(({ name }) => name)).toContain('ConcatV2');
    expect(recording.names).toEqual(['x', 'w', 'numbers']);
  });

  test('tensors stay level over calls', () => {
    const traced = trace('test', step);
    const given = inputs(1);
    for (let i = 0; i < 3; i++) tf.dispose(Object.values(traced(given)));
    const before = tf.memory().numTensors;
    for (let i = 0; i < 20; i++) tf.dispose(Object.values(traced(given)));
    expect(tf.memory().numTensors).toBe(before);
    traced.dispose();
  });
});

anywhere.skipIf(missing !== undefined)('a compiled step can be freed when another engine is in use', async () => {
  await tf.setBackend('tensorflow');
  const traced = trace('test', ({ x }) => ({ y: tf.exp(x!) }));
  traced({ x: tf.tensor1d([1]) });
  await startEngine('wasm', 'another one');
  expect(() => traced.dispose()).not.toThrow();
});

anywhere('on an engine that compiles nothing a step runs as it is', async () => {
  await startEngine('wasm', 'it compiles nothing');
  expect(canTrace()).toBe(false);
  const traced = trace('test', ({ x }) => ({ y: tf.mul(x!, 2) }));
  expect(await valuesOf(traced({ x: tf.tensor1d([1, 2]) }).y!)).toEqual([2, 4]);
});
