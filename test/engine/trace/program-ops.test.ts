/** What a program does by itself, op by op: TensorFlow's own bits, on many shapes. */
import { beforeAll, describe, expect, test } from 'vitest';
import { normals, rngKey } from '../../../src/core/rng.js';
import { programsHere } from '../../../src/engine/ops/fused.js';
import { FLOAT, INT, tensorflowOp, type Attributes } from '../../../src/engine/tensorflow-op.js';
import { tf, type Tensor, type Tensors } from '../../../src/engine/tensor.js';
import { tensorflowBackend, type Step } from '../../../src/engine/trace/recorder.js';
import { canTrace, trace } from '../../../src/engine/trace/trace.js';
import { askedOps } from '../../support/asked-ops.js';
import { enginesUnderTest } from '../../support/engines.js';

const engine = (await enginesUnderTest()).find(({ name }) => name === 'tensorflow')!;
if (engine.missing === undefined) await tf.setBackend('tensorflow');
const missing =
  engine.missing ?? (canTrace() && programsHere() !== undefined ? undefined : 'the addons for programs are not here');
if (missing !== undefined) console.warn(`ops of programs are not tested: ${missing}`);

let seed = 0;
const random = (...shape: number[]): Tensor =>
  tf.tensor(
    Float32Array.from(
      normals(
        rngKey(++seed, 'ops'),
        shape.reduce((product, n) => product * n, 1),
      ),
    ),
    shape,
  );
const whole = (values: readonly number[], shape: number[] = [values.length]): Tensor =>
  tf.tensor(values, shape, 'int32');
const bits = (tensor: Tensor): Uint32Array => {
  const { buffer, byteOffset, length } = tensor.dataSync() as Float32Array;
  return new Uint32Array(buffer, byteOffset, length);
};
const firstDifference = (a: Uint32Array, b: Uint32Array): string | undefined => {
  const at = a.findIndex((value, i) => value !== b[i]);
  return at < 0 ? undefined : `value ${at}: ${a[at]} in place of ${b[at]}`;
};
const op = (name: string, attributes: Attributes, ...inputs: Tensor[]): Tensor =>
  tensorflowOp(name, attributes, inputs, 1)[0]!;

/** Programs add up as TensorFlow does on such a processor only; elsewhere sums are left to it. */
const SUMS = process.arch === 'x64';

/**
 * Checks that a step is one program when it is compiled, or one function of TensorFlow's where it is to be none, and
 * gives what it gives eagerly, twice.
 */
function expectSame(step: (inputs: Tensors) => Tensor, inputs: Tensors, isProgram = true): void {
  const named: Step = (given) => ({ y: step(given) });
  const expected = tf.tidy(() => step(inputs));
  const traced = trace('ops', named);
  const found: Tensor[] = [];
  tf.dispose(traced(inputs));
  tf.dispose(traced(inputs));
  const { asked, stop } = askedOps();
  try {
    found.push(traced(inputs).y!, traced(inputs).y!);
  } finally {
    stop();
  }
  const name = isProgram ? 'GowideProgram' : (expect.stringMatching(/^gowide_step_/) as string);
  expect(asked).toEqual([name, name]);
  for (const one of found) {
    expect(one.shape).toEqual(expected.shape);
    // an array of many values takes long to be compared as one of numbers
    expect(firstDifference(bits(one), bits(expected))).toBeUndefined();
  }
  traced.dispose();
  tf.dispose([found, expected, Object.values(inputs)]);
}

describe.skipIf(missing !== undefined)('a program gives the eager bits', () => {
  beforeAll(async () => {
    await tf.setBackend('tensorflow');
  });

  const TWO = ['Add', 'AddV2', 'Sub', 'Mul', 'RealDiv', 'Minimum', 'Maximum', 'SquaredDifference'];
  const PAIRS: [number[], number[]][] = [
    [[], []],
    [[1], []],
    [[37], [37]],
    [[70_001], [70_001]],
    [
      [300, 257],
      [300, 257],
    ],
    [[33], []],
    [[], [33]],
    [
      [64, 10],
      [64, 1],
    ],
    [
      [64, 1],
      [1, 10],
    ],
    [[9, 5, 18], [18]],
    [[18], [9, 5, 18]],
    [
      [16, 1, 1, 64],
      [1, 2, 64, 64],
    ],
    [
      [8, 64, 64],
      [64, 64],
    ],
    [
      [2, 1, 1, 3, 2, 5, 1, 1],
      [2, 4, 3, 1, 1, 5, 3, 7],
    ],
    [
      [2, 3, 1, 5],
      [1, 3, 4, 5],
    ],
    [[1, 1, 1], [7]],
    [
      [3, 0, 2],
      [3, 1, 2],
    ],
    [
      [600, 3, 100],
      [600, 1, 100],
    ],
  ];
  test.each(TWO.flatMap((name) => PAIRS.map(([a, b]) => [name, a, b] as const)))('of %s of %j and %j', (name, a, b) => {
    expectSame(({ x, y }) => op(name, { T: FLOAT }, x!, y!), { x: random(...a), y: random(...b) });
  });

  test.each(TWO)('of %s of one value and itself, and of values without end', (name) => {
    const values = [0, -0, Infinity, -Infinity, NaN, 1e-39, -1e-39, 3e38, 1, -1, 1e-20];
    const [x, y] = [0, 1].map((k) =>
      tf.tensor1d(values.flatMap((a) => values.flatMap((b) => [[a, b][k]!, [b, a][k]!, a]))),
    );
    const numbers = (tensor: Tensor): Tensor => tf.where(tf.isNaN(tensor), tf.zerosLike(tensor).add(7), tensor);
    const [found, expected] = [
      trace('values', (given) => ({ y: op(name, { T: FLOAT }, given.x!, given.y!) })),
      op(name, { T: FLOAT }, x!, y!),
    ];
    const { y: mine } = found({ x: x!, y: y! });
    expect(bits(numbers(mine!))).toEqual(bits(numbers(expected)));
    found.dispose();
    expectSame(({ x: one }) => op(name, { T: FLOAT }, one!, one!), { x: random(50) });
  });

  test.each(['Sqrt', 'Square', 'Neg', 'ZerosLike', 'OnesLike', 'Identity'])('of %s', (name) => {
    for (const shape of [[], [5], [16], [70_001], [3, 33]])
      expectSame(({ x }) => op(name, { T: FLOAT }, op('Square', { T: FLOAT }, x!)), { x: random(...shape) });
  });

  test.each([1, 2, 3, 7, 8, 9, 10, 15, 16, 17, 18, 25])('of AddN of %d', (count) => {
    const inputs = Object.fromEntries(Array.from({ length: count }, (_, i) => [`x${i}`, random(133)]));
    expectSame((given) => {
      const terms = Array.from({ length: count }, (_, i) => given[`x${i}`]!);
      return tf.addN(terms);
    }, inputs);
  });

  test.each([2, 15, 16, 19, 333].flatMap((rows) => [3, 8, 9, 17, 40, 100, 1000].map((columns) => [rows, columns])))(
    'of sums of %d x %d',
    (rows, columns) => {
      for (const [axis, shape] of [
        [[0], [rows!, columns!]],
        [[1], [rows!, columns!]],
        [
          [-1, 1],
          [rows!, 1, columns!],
        ],
        [
          [0, 1],
          [rows!, 1, columns!, 1],
        ],
      ] as const)
        for (const name of ['Sum', 'Mean'])
          for (const keep of [true, false])
            expectSame(
              ({ x }) => op(name, { T: FLOAT, Tidx: INT, keep_dims: keep }, x!, whole([...axis])),
              { x: random(...shape) },
              SUMS,
            );
    },
  );

  test.each(['Sum', 'Mean'])('of %s over several axes, over long ones, over all and over nothing', (name) => {
    const sum =
      (axes: readonly number[]) =>
      ({ x }: Tensors): Tensor =>
        op(name, { T: FLOAT, Tidx: INT, keep_dims: false }, x!, whole([...axes]));
    expectSame(sum([0, 1]), { x: random(4, 5, 63) }, SUMS);
    expectSame(sum([1, 2]), { x: random(4, 5, 63) }, SUMS);
    expectSame(sum([0]), { x: random(16, 64, 64) }, SUMS);
    expectSame(sum([1]), { x: random(3, 8192) }, SUMS);
    expectSame(sum([1]), { x: random(4, 1, 5) });
    for (const size of [2, 7, 33, 500, 1000, 8191, 8192]) expectSame(sum([0]), { x: random(size) }, SUMS);
    expectSame(sum([0, 1, 2]), { x: random(20, 1, 18) }, SUMS);
    expectSame(sum([0]), { x: random(100, 1) }, SUMS);
  });

  test.each(['Add', 'AddV2', 'Sub', 'Mul'])('of %s of whole numbers, which wrap around', (name) => {
    const x = whole(
      [1, -2, 2 ** 31 - 1, -(2 ** 31), 123_456_789, ...Array.from({ length: 37 }, (_, i) => i ** 4)],
      [42, 1],
    );
    const y = whole([1, 2 ** 30, -77, 2 ** 31 - 1], [1, 4]);
    expectSame(
      (given) => op('Cast', { SrcT: INT, DstT: FLOAT, Truncate: false }, op(name, { T: INT }, given.x!, given.y!)),
      { x, y },
    );
  });

  test('of places counted from constants, whatever their bits', () => {
    const step: Step = ({ i, x }) => {
      const at = op('Range', { Tidx: INT }, tf.scalar(0, 'int32'), tf.scalar(12, 'int32'), tf.scalar(3, 'int32'));
      const places = op('AddV2', { T: INT }, i!, tf.reshape(at, [4, 1]));
      // as floats these are signalling NaNs, and a denormal
      const odd = whole([0x7f800001, -8388607, 1, 0x7fa00000], [1, 4]);
      const there = op('Sub', { T: INT }, op('Add', { T: INT }, places, odd), odd);
      return {
        y: tf.gather(x!, tf.reshape(there, [16]).cast('int32')),
        numbers: tf.cast(op('Mul', { T: INT }, odd, odd), 'float32'),
      };
    };
    const inputs = (): Tensors => ({ i: whole([0, 1, 2, 0], [1, 4]), x: random(12, 5) });
    expectSame((given) => step(given).y!, inputs());
    expectSame((given) => step(given).numbers!, inputs());
  });

  const SLICES: [number[], number[], number[]][] = [
    [[7], [2], [3]],
    [
      [4, 5],
      [1, 0],
      [2, 5],
    ],
    [
      [4, 5],
      [0, 2],
      [4, 2],
    ],
    [
      [4, 5],
      [0, 0],
      [4, 5],
    ],
    [
      [3, 4, 5, 6],
      [1, 1, 0, 2],
      [2, 2, 5, 3],
    ],
    [
      [3, 4, 5, 6],
      [0, 3, 0, 0],
      [3, 1, 5, 6],
    ],
    [
      [2, 2, 2, 2, 3, 2, 2, 2],
      [0, 1, 0, 0, 1, 0, 1, 0],
      [2, 1, 2, 1, 2, 2, 1, 2],
    ],
    [
      [4, 5],
      [1, 1],
      [0, 3],
    ],
  ];
  test.each(SLICES)('of a slice of %j from %j of %j', (shape, begin, size) => {
    expectSame(({ x }) => op('Slice', { T: FLOAT, Index: INT }, x!, whole(begin), whole(size)), {
      x: random(...shape),
    });
    expectSame(
      ({ x }) => {
        const made = op('Square', { T: FLOAT }, x!);
        return op('Slice', { T: FLOAT, Index: INT }, made, whole(begin), whole(size));
      },
      { x: random(...shape) },
    );
  });

  test.each<[number[], number[], number[], number[], Record<string, number>]>([
    [[7], [1], [6], [2], {}],
    [[7], [5], [1], [-2], {}],
    [[7], [0], [0], [-1], { begin_mask: 1, end_mask: 1 }],
    [[4, 6, 5], [1, 0, 3], [2, 6, 5], [1, 3, 1], { shrink_axis_mask: 1 }],
    [[4, 6, 5], [0, -4], [0, -1], [2, 2], { begin_mask: 1, end_mask: 1 }],
    [[4, 6], [-9, 2], [9, 2], [1, 1], {}],
  ])('of a strided slice of %j: %j to %j by %j %j', (shape, begin, end, strides, masks) => {
    const none = { begin_mask: 0, end_mask: 0, ellipsis_mask: 0, new_axis_mask: 0, shrink_axis_mask: 0 };
    const { binding } = tensorflowBackend();
    const attributes = Object.entries({ ...none, ...masks }).map(([name, value]) => ({
      ...{ name, value },
      type: binding.TF_ATTR_INT,
    }));
    const types = ['T', 'Index'].map((name, i) => ({
      name,
      type: (binding as unknown as Record<string, number>).TF_ATTR_TYPE!,
      value: i === 0 ? 1 : 3,
    }));
    expectSame(
      ({ x }) => {
        const given = [x!, whole(begin), whole(end), whole(strides)];
        return tensorflowBackend().executeMultipleOutputs('StridedSlice', [...types, ...attributes], given, 1)[0]!;
      },
      { x: random(...shape) },
    );
  });

  test.each<[number[], number[]]>([
    [
      [3, 5],
      [1, 0],
    ],
    [
      [3, 5],
      [0, 1],
    ],
    [
      [40, 33],
      [1, 0],
    ],
    [
      [2, 3, 4, 5],
      [0, 2, 1, 3],
    ],
    [
      [2, 3, 4, 5],
      [3, 2, 1, 0],
    ],
    [
      [2, 1, 4, 1],
      [1, 0, 3, 2],
    ],
    [
      [2, 3, 2, 1, 2, 3, 2, 2],
      [7, 0, 6, 1, 5, 2, 4, 3],
    ],
  ])('of %j transposed by %j', (shape, order) => {
    expectSame(({ x }) => op('Transpose', { T: FLOAT, Tperm: INT }, x!, whole(order)), { x: random(...shape) });
  });

  test.each<[number[], [number, number][]]>([
    [[3], [[1, 2]]],
    [
      [3, 4],
      [
        [0, 0],
        [0, 0],
      ],
    ],
    [
      [3, 4],
      [
        [1, 0],
        [0, 3],
      ],
    ],
    [
      [2, 3, 4],
      [
        [0, 2],
        [0, 0],
        [1, 1],
      ],
    ],
    [
      [300, 201],
      [
        [2, 1],
        [0, 3],
      ],
    ],
    [
      [2, 0],
      [
        [0, 1],
        [2, 0],
      ],
    ],
  ])('of %j padded by %j', (shape, amounts) => {
    for (const value of [undefined, 0.5, NaN])
      expectSame(
        ({ x }) => {
          const inputs = [x!, whole(amounts.flat(), [amounts.length, 2])];
          return value === undefined
            ? op('Pad', { T: FLOAT, Tpaddings: INT }, ...inputs)
            : op('PadV2', { T: FLOAT, Tpaddings: INT }, ...inputs, tf.scalar(value));
        },
        { x: random(...shape) },
      );
  });

  test.each([
    [[12], 0],
    [[12, 3], 0],
    [[3, 12], 1],
    [[2, 12, 5], -2],
    [[2, 3, 12], 2],
    [[5000, 12], 1],
    [[3, 12, 3000], 1],
  ])('of %j cut along axis %d, and joined in another order', (shape, axis) => {
    expectSame(
      ({ x }) => {
        const [a, b, c] = tf.split(x!, [5, 1, 6], axis);
        return tf.concat([c!, tf.square(a!), b!, a!], axis < 0 ? axis + shape.length : axis);
      },
      { x: random(...shape) },
    );
    expectSame(
      ({ x }) => {
        const pieces = tf.split(x!, 3, axis);
        return tf.sub(pieces[2]!, pieces[0]!);
      },
      { x: random(...shape) },
    );
  });

  test.each<[number[], number[]]>([
    [[5], []],
    [[5], [7]],
    [
      [5, 3],
      [2, 2],
    ],
    [
      [4, 2, 17],
      [3, 1],
    ],
    [[5, 3], [0]],
  ])('of rows of %j by numbers of shape %j, and of their gradient', (shape, at) => {
    const count = at.reduce((product, n) => product * n, 1);
    const indices = (): Tensor =>
      whole(
        Array.from({ length: count }, (_, i) => (7 * i + 2) % shape[0]!),
        at,
      );
    expectSame(
      ({ x, i }) => op('GatherV2', { Tparams: FLOAT, Tindices: INT, Taxis: INT }, x!, i!, tf.scalar(0, 'int32')),
      {
        ...{ x: random(...shape), i: indices() },
      },
    );
    expectSame(
      ({ dy, i }) =>
        op('UnsortedSegmentSum', { T: FLOAT, Tindices: INT, Tnumsegments: INT }, dy!, i!, tf.scalar(6, 'int32')),
      {
        ...{ dy: random(...at, ...shape.slice(1)), i: indices() },
      },
    );
  });

  test('of sums by numbers of which some are negative, and come often', () => {
    const ids = Array.from({ length: 500 }, (_, i) => (i % 9) - 2);
    expectSame(
      ({ dy, i }) =>
        op('UnsortedSegmentSum', { T: FLOAT, Tindices: INT, Tnumsegments: INT }, dy!, i!, tf.scalar(7, 'int32')),
      { dy: random(500, 19), i: whole(ids) },
    );
  });

  test.each([[[6, 18]], [[2, 3, 4, 5]]])('of a bias added to %j', (shape) => {
    expectSame(({ x, b }) => op('BiasAdd', { T: FLOAT }, x!, b!), { x: random(...shape), b: random(shape.at(-1)!) });
  });

  test.each<[string, Step, string]>([
    [
      'a row that is not there',
      ({ x, i }) => ({
        y: op('GatherV2', { Tparams: FLOAT, Tindices: INT, Taxis: INT }, x!, i!, tf.scalar(0, 'int32')),
      }),
      'indices[0,2] = 9 is not in [0, 4)',
    ],
    [
      'a sum that is not there',
      ({ x, i }) => ({
        y: op(
          'UnsortedSegmentSum',
          { T: FLOAT, Tindices: INT, Tnumsegments: INT },
          tf.reshape(x!, [2, 4]),
          tf.reshape(i!, [2, 4]).slice([0, 0], [2, 4]),
          tf.scalar(5, 'int32'),
        ),
      }),
      'segment_ids[0,2] = 9 is out of range [0, 5)',
    ],
  ])('and names %s as TensorFlow does', (_, step, message) => {
    const x = random(4, 2);
    const right = { x, i: whole([0, 1, 2, 3, 3, 3, 3, 3], [2, 4]) };
    const wrong = { x, i: whole([0, 1, 9, 3, 3, 3, 3, 3], [2, 4]) };
    expect(() => step(wrong)).toThrow(message);
    const traced = trace('rows', step);
    for (let i = 0; i < 3; i++) tf.dispose(traced(right));
    expect(() => traced(wrong)).toThrow(message);
    const { y } = traced(right);
    expect(bits(y!)).toEqual(bits(step(right).y!));
    traced.dispose();
  });
});
