/**
 * The fused ops of fused.ts on WebAssembly: the same inputs, attributes and results as those of TensorFlow (fused/),
 * computed by the module of our own on one thread.
 */
import type { TensorInfo } from '@tensorflow/tfjs-core';
import { tf, type Tensor } from '../tensor.js';
import { heardOp } from './webassembly-calls.js';
import { assemblyIn, panelSize, rowsAndColumns, sizeOf, type Assembly } from './webassembly.js';

type Inputs = readonly (TensorInfo | undefined)[];
type Op = (assembly: Assembly, inputs: Inputs, attributes: readonly [number, number, number]) => TensorInfo[];

/** Throws RangeError with what was expected, as TensorFlow does for its ops. */
function check(condition: boolean, what: string): void {
  if (!condition) throw new RangeError(what);
}

/** Stands for a result that was not asked for. */
function nothing({ make }: Assembly): TensorInfo {
  return make([0]);
}

/** x [..., depth] times a matrix [depth, columns], [..., columns]. */
function times({ functions, at, make, withScratch }: Assembly, x: TensorInfo, matrix: TensorInfo): TensorInfo {
  const [rows, depth] = rowsAndColumns(x);
  const columns = matrix.shape[1]!;
  const out = make([...x.shape.slice(0, -1), columns]);
  withScratch(panelSize(depth), (panel) =>
    functions.product(at(x), at(matrix), at(out), panel, 1, rows, columns, depth, false, false),
  );
  return out;
}

function checkDense(what: string, x: TensorInfo, matrix: TensorInfo, bias: TensorInfo): void {
  const [depth, columns] = matrix.shape;
  check(x.shape.at(-1) === depth && sizeOf(bias) === columns, `${what}: shapes differ`);
}

const denseGelu: Op = (assembly, inputs, [, keep]) => {
  const [x, matrix, bias] = inputs as TensorInfo[];
  checkDense('gelu', x!, matrix!, bias!);
  const product = times(assembly, x!, matrix!);
  const y = keep ? assembly.make(product.shape) : product;
  assembly.functions.biasGelu(assembly.at(product), assembly.at(bias), assembly.at(y), ...rowsAndColumns(product));
  return [y, keep ? product : nothing(assembly)];
};

const geluGradient: Op = ({ functions, at, make }, inputs) => {
  const [x, bias, dy] = inputs as TensorInfo[];
  check(sizeOf(bias!) === x!.shape.at(-1) && sizeOf(dy!) === sizeOf(x!), 'gelu: shapes differ');
  const [dx, dbias] = [make(x!.shape), make(bias!.shape)];
  functions.geluGradient(at(x), at(bias), at(dy), at(dx), at(dbias), ...rowsAndColumns(x!));
  return [dx, dbias];
};

/** Layer norm of x, into memory of its own or into that of x. */
function normInto(
  assembly: Assembly,
  x: TensorInfo,
  y: TensorInfo,
  parameters: Inputs,
  { epsilon, keep }: { readonly epsilon: number; readonly keep: boolean },
): TensorInfo[] {
  const { functions, at, make } = assembly;
  const [rows, columns] = rowsAndColumns(x);
  const [hat, inverse] = keep ? [make(x.shape), make([rows])] : [undefined, undefined];
  const [gamma, beta] = parameters as TensorInfo[];
  const fits = [gamma!, beta!].every((each) => sizeOf(each) === columns);
  check(fits, 'norm: one gamma and beta for each column are expected');
  functions.norm(at(x), at(gamma), at(beta), at(y), at(hat), at(inverse), rows, columns, epsilon);
  return [y, hat ?? nothing(assembly), inverse ?? nothing(assembly)];
}

const norm: Op = (assembly, [x, ...parameters], [epsilon, keep]) =>
  normInto(assembly, x!, assembly.make(x!.shape), parameters, { epsilon, keep: keep !== 0 });

const denseNorm: Op = (assembly, [x, matrix, bias, residual, ...parameters], [epsilon, keep]) => {
  checkDense('norm', x!, matrix!, bias!);
  const y = times(assembly, x!, matrix!);
  check(sizeOf(residual!) === sizeOf(y), 'norm: shapes differ');
  assembly.functions.addBias(assembly.at(y), assembly.at(bias), assembly.at(residual), ...rowsAndColumns(y));
  return normInto(assembly, y, y, parameters, { epsilon, keep: keep !== 0 });
};

const normGradient: Op = ({ functions, at, make }, inputs) => {
  const [dy, hat, inverse, gamma] = inputs as TensorInfo[];
  const [rows, columns] = rowsAndColumns(hat!);
  const fits = sizeOf(dy!) === sizeOf(hat!) && sizeOf(inverse!) === rows && sizeOf(gamma!) === columns;
  check(fits, 'norm: shapes differ');
  const outputs = [make(hat!.shape), make([columns]), make([columns]), make([columns])];
  functions.normGradient(...[dy, hat, inverse, gamma, ...outputs].map(at), rows, columns);
  return outputs;
};

/** Sizes of attention: throws RangeError where rows [B T, N d] are not of whole heads and sequences. */
function attentionSizes(rows: number, columns: number, heads: number, tokens: number) {
  check(
    columns % heads === 0 && rows % tokens === 0,
    'attention: the rows cannot be divided among heads and sequences',
  );
  return { batch: rows / tokens, size: columns / heads, square: tokens * tokens };
}

/** Numbers of a mask [B or 1, N or 1, T or 1, T] between two sequences, heads and tokens. */
function stepsOf(mask: TensorInfo | undefined): [sequence: number, head: number, token: number] {
  if (mask === undefined) return [0, 0, 0];
  const [batch, heads, rows, tokens] = mask.shape as [number, number, number, number];
  return [batch > 1 ? heads * rows * tokens : 0, heads > 1 ? rows * tokens : 0, rows > 1 ? tokens : 0];
}

/** Bytes of a float. */
const FLOAT = 4;
/** An address so many floats further on; 0 stays. */
function offset(address: number, floats: number): number {
  return address === 0 ? 0 : address + FLOAT * floats;
}

const attention: Op = (assembly, [x, ...others], [heads, tokens, keep]) => {
  const { backend, functions, at, make, withScratch } = assembly;
  const [mask, kept] = others.slice(6);
  for (const i of [0, 2, 4]) checkDense('attention', x!, others[i]!, others[i + 1]!);
  const columns = others[1]!.shape[0]!;
  const { batch, size, square } = attentionSizes(rowsAndColumns(x!)[0], columns, heads, tokens);
  const fits = mask?.shape.every(
    (length, i) => (i < 3 && length === 1) || length === [batch, heads, tokens, tokens][i],
  );
  check(fits !== false && (mask?.shape.length ?? 4) === 4, 'attention: the mask has other axes');
  const factors = kept === undefined || sizeOf(kept) === batch * heads * square;
  check(factors, 'attention: one factor for each weight is expected');
  const mixed = [0, 2, 4].map((i) => {
    const product = times(assembly, x!, others[i]!);
    functions.addBias(at(product), at(others[i + 1]), 0, ...rowsAndColumns(product));
    return product;
  });
  const y = make(mixed[0]!.shape);
  const weights = keep ? make([batch, heads, tokens, tokens]) : make([heads, tokens, tokens]);
  const [maskSequence, ...steps] = stepsOf(mask);
  const panel = panelSize(Math.max(tokens, size));
  withScratch(panel + square, (scratch) => {
    const [q, k, v, to, shift, factors, shares] = [...mixed, y, mask, kept, weights].map(at) as number[];
    for (let sequence = 0; sequence < batch; sequence++) {
      const own = [q, k, v].map((address) => offset(address!, sequence * tokens * columns));
      functions.attention(
        ...own,
        offset(shift!, sequence * maskSequence),
        offset(factors!, sequence * heads * square),
        offset(to!, sequence * tokens * columns),
        offset(shares!, keep ? sequence * heads * square : 0),
        ...[scratch, offset(scratch, square)],
        ...[heads, tokens, size],
        ...steps,
      );
    }
  });
  if (keep) return [y, weights, ...mixed];
  for (const { dataId } of [weights, ...mixed]) backend.disposeData(dataId);
  return [y, ...[0, 1, 2, 3].map(() => nothing(assembly))];
};

const attentionGradient: Op = ({ functions, at, make, withScratch }, inputs, [heads, tokens]) => {
  const [dy, q, k, v, weights, kept] = inputs as TensorInfo[];
  const [rows, columns] = rowsAndColumns(q!);
  const { batch, size, square } = attentionSizes(rows, columns, heads, tokens);
  const fits = [dy, k, v].every((each) => sizeOf(each!) === sizeOf(q!));
  const pairsOf = batch * heads * square;
  check(
    fits && sizeOf(weights!) === pairsOf && (kept === undefined || sizeOf(kept) === pairsOf),
    'attention: shapes differ',
  );
  const gradients = [0, 1, 2].map(() => make(q!.shape));
  const sums = [0, 1, 2].map(() => make([columns]));
  withScratch(panelSize(Math.max(tokens, size)) + 2 * square, (scratch) => {
    const [first, second, ...free] = [0, 1, 2].map((i) => offset(scratch, i * square));
    const rowsAt = [dy, q, k, v].map(at);
    const [shares, factors] = [at(weights), at(kept)];
    const to = gradients.map(at);
    for (let sequence = 0; sequence < batch; sequence++) {
      const here = (address: number): number => offset(address, sequence * tokens * columns);
      const pairs = (address: number): number => offset(address, sequence * heads * square);
      functions.attentionGradient(
        ...rowsAt.map(here),
        pairs(shares),
        pairs(factors),
        ...to.map(here),
        ...[first!, second!, ...free],
        ...[heads, tokens, size],
      );
    }
  });
  gradients.forEach((gradient, i) => functions.columnSums(at(gradient), at(sums[i]), rows, columns));
  return [...gradients, ...sums];
};

/** Numbers up to which those by channel are laid out: whole vectors, and enough of them (assembly/images.ts). */
function periodOf(columns: number): number {
  let period = columns;
  while (period % 4 !== 0 || period < 16) period += columns;
  return period;
}

/** Throws RangeError where there is not one value for each channel. */
function checkChannels(what: string, columns: number, given: Inputs): void {
  const fits = given.every((each) => each === undefined || sizeOf(each) === columns);
  check(fits, `${what}: one for each channel is expected`);
}

const scaleShift: Op = ({ functions, at, make, withScratch }, inputs, [, relu]) => {
  const [x, scale, shift, residual] = inputs;
  const [, columns] = rowsAndColumns(x!);
  const period = periodOf(columns);
  checkChannels('scale and shift', columns, [scale, shift]);
  check(residual === undefined || sizeOf(residual) === sizeOf(x!), 'scale and shift: shapes differ');
  const y = make(x!.shape);
  withScratch(2 * period, (scratch) =>
    functions.scaleShift(
      ...[x, scale, shift, residual, y].map(at),
      ...[scratch, sizeOf(x!), columns, period],
      relu !== 0,
    ),
  );
  return [y];
};

/** Numbers of memory that batch norm and its gradient take. */
function batchNormScratch(columns: number): number {
  return 5 * periodOf(columns) + 4 * columns;
}

const batchNorm: Op = ({ functions, at, make, withScratch }, inputs, [epsilon, relu]) => {
  const [x, ...others] = inputs;
  const [rows, columns] = rowsAndColumns(x!);
  check(rows > 0, 'batch norm: expected values, got none');
  checkChannels('batch norm', columns, others.slice(1));
  check(others[0] === undefined || sizeOf(others[0]) === sizeOf(x!), 'batch norm: shapes differ');
  const outputs = [make(x!.shape), make([columns]), make([columns]), make([columns])];
  withScratch(batchNormScratch(columns), (scratch) =>
    functions.batchNorm(
      ...[x, ...others, ...outputs].map(at),
      ...[scratch, sizeOf(x!), columns, periodOf(columns), epsilon],
      relu !== 0,
    ),
  );
  return outputs;
};

const batchNormGradient: Op = (assembly, inputs, [, wanted]) => {
  const { functions, at, make, withScratch } = assembly;
  const [dy, x, y] = inputs as [TensorInfo, TensorInfo, TensorInfo | undefined];
  const [, columns] = rowsAndColumns(x);
  checkChannels('batch norm', columns, inputs.slice(3));
  check(
    [dy, y ?? dy].every((each) => sizeOf(each) === sizeOf(x)),
    'batch norm: shapes differ',
  );
  const outputs = [make(x.shape), make([columns]), make([columns])];
  const residual = wanted ? make(x.shape) : undefined;
  withScratch(batchNormScratch(columns), (scratch) =>
    functions.batchNormGradient(
      ...[...inputs, ...outputs, residual].map(at),
      ...[scratch, sizeOf(x), columns, periodOf(columns)],
    ),
  );
  return [...outputs, residual ?? nothing(assembly)];
};

/** A step of an optimizer, which reads so many numbers, the last input; the weight decay is the one before it. */
function stepOf(name: 'adamw' | 'sgd', read: number): Op {
  return ({ functions, at }, inputs) => {
    const given = inputs as TensorInfo[];
    const count = sizeOf(given[0]!);
    const [factor, decay, numbers] = given.slice(-3).map(sizeOf);
    check(decay === 1 || decay === count, 'optimizer: one factor, or one for each value, is expected');
    const fits = factor === 1 && numbers! >= read && given.slice(0, -3).every((each) => sizeOf(each) === count);
    check(fits, 'optimizer: shapes differ');
    functions[name](...given.map(at), count, decay === 1);
    return [];
  };
}

const squareSum: Op = ({ functions, at, make }, [x]) => {
  const y = make([]);
  functions.squareSum(at(x), at(y), sizeOf(x!));
  return [y];
};

/** Rows and columns of logits; throws RangeError where the second tensor has another shape, or there are no columns. */
function logitsOf(what: string, logits: TensorInfo, other: TensorInfo): [rows: number, columns: number] {
  const [rows, columns] = rowsAndColumns(logits);
  check(columns > 0 && sizeOf(other) === sizeOf(logits) && other.shape.at(-1) === columns, what);
  return [rows, columns];
}

const TARGETS = 'cross-entropy: one target is expected for each value of a row';

const crossEntropy: Op = ({ functions, at, make }, inputs) => {
  const [z, targets] = inputs as TensorInfo[];
  const sizes = logitsOf(TARGETS, z!, targets!);
  const [loss, norms] = [make([]), make([2 * sizes[0]])];
  functions.crossEntropy(...[z, targets, loss, norms].map(at), ...sizes);
  return [loss, norms];
};

const crossEntropyGradient: Op = ({ functions, at, make }, inputs) => {
  const [dy, z, targets, norms] = inputs as TensorInfo[];
  const sizes = logitsOf(TARGETS, z!, targets!);
  check(sizeOf(dy!) === 1 && sizeOf(norms!) === 2 * sizes[0], 'cross-entropy: shapes differ');
  const dz = make(z!.shape);
  functions.crossEntropyGradient(...[dy, z, targets, norms, dz].map(at), ...sizes);
  return [dz];
};

const divergence: Op = ({ functions, at, make }, inputs, [temperature]) => {
  const [student, teacher] = inputs as TensorInfo[];
  const sizes = logitsOf('divergence: shapes differ', student!, teacher!);
  const [loss, norms] = [make([]), make([4 * sizes[0]])];
  functions.divergence(...[student, teacher, loss, norms].map(at), ...sizes, temperature);
  return [loss, norms];
};

const divergenceGradient: Op = ({ functions, at, make }, inputs, [temperature]) => {
  const [dy, student, teacher, norms] = inputs as TensorInfo[];
  const sizes = logitsOf('divergence: shapes differ', student!, teacher!);
  check(sizeOf(dy!) === 1 && sizeOf(norms!) === 4 * sizes[0], 'divergence: shapes differ');
  const dz = make(student!.shape);
  functions.divergenceGradient(...[dy, student, teacher, norms, dz].map(at), ...sizes, temperature);
  return [dz];
};

/** Every fused op by the name that TensorFlow knows it under. */
const OPS = {
  DenseGelu: denseGelu,
  GeluGrad: geluGradient,
  Norm: norm,
  DenseNorm: denseNorm,
  NormGrad: normGradient,
  Attention: attention,
  AttentionGrad: attentionGradient,
  ScaleShift: scaleShift,
  BatchNorm: batchNorm,
  BatchNormGrad: batchNormGradient,
  Sgd: stepOf('sgd', 2),
  Adamw: stepOf('adamw', 7),
  SquareSum: squareSum,
  CrossEntropy: crossEntropy,
  CrossEntropyGrad: crossEntropyGradient,
  Divergence: divergence,
  DivergenceGrad: divergenceGradient,
} satisfies Readonly<Record<string, Op>>;

/** Name of a fused op. */
export type FusedOp = keyof typeof OPS;

/** The results of a fused op; the backend `wasm` must be the one in use. */
export function fusedOnWebAssembly(
  name: FusedOp,
  inputs: readonly (Tensor | undefined)[],
  attributes: readonly [number, number, number],
): Tensor[] {
  const outputs = heardOp({
    name,
    inputs: Object.fromEntries(inputs.entries()),
    attributes,
    run: (given) => OPS[name](assemblyIn(tf.backend()), Object.values(given), attributes),
  });
  return [outputs].flat().map((info) => tf.engine().makeTensorFromTensorInfo(info));
}
