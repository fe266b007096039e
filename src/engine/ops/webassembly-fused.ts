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
  const y = times(assembly, x!, matrix!);
  const slope = keep ? assembly.make(y.shape) : undefined;
  assembly.functions.biasGelu(...[y, bias, y, slope].map(assembly.at), ...rowsAndColumns(y));
  return [y, slope ?? nothing(assembly)];
};

const geluGradient: Op = ({ functions, at, make }, inputs) => {
  const [slope, dy] = inputs as TensorInfo[];
  check(sizeOf(dy!) === sizeOf(slope!), 'gelu: shapes differ');
  const [rows, columns] = rowsAndColumns(slope!);
  const [dx, dbias] = [make(slope!.shape), make([columns])];
  functions.geluGradient(...[slope, dy, dx, dbias].map(at), rows, columns);
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
function attentionSizes(
  rows: number,
  columns: number,
  heads: number,
  tokens: number,
): { readonly batch: number; readonly size: number } {
  check(
    columns % heads === 0 && rows % tokens === 0,
    'attention: the rows cannot be divided among heads and sequences',
  );
  return { batch: rows / tokens, size: columns / heads };
}

/** How many tokens of each sequence ask. Throws RangeError where they are not as many, or another sequence's. */
function askedOf(
  { backend }: Assembly,
  { batch, tokens, depth }: { readonly batch: number; readonly tokens: number; readonly depth: number },
  rows: TensorInfo | undefined,
  places: TensorInfo | undefined,
): number {
  if (places === undefined) return tokens;
  const asked = sizeOf(places) / batch;
  const fits = asked > 0 && Number.isInteger(asked) && sizeOf(rows!) === batch * asked * depth;
  check(fits, 'attention: as many rows of each sequence are expected to ask');
  // reading makes the op be run anew, and looked at, where a recording is replayed
  const own = backend.typedArrayFromHeap(places) as Float32Array;
  check(
    own.every((place, i) => Math.floor(place / tokens) === Math.floor(i / asked)),
    'attention: a row that asks is not of its sequence',
  );
  return asked;
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
  const [mask, kept, asking, places] = others.slice(6);
  for (const i of [0, 2, 4]) checkDense('attention', x!, others[i]!, others[i + 1]!);
  const columns = others[1]!.shape[0]!;
  const { batch, size } = attentionSizes(rowsAndColumns(x!)[0], columns, heads, tokens);
  const asked = askedOf(assembly, { batch, tokens, depth: rowsAndColumns(x!)[1] }, asking, places);
  const pairs = asked * tokens;
  const fits = mask?.shape.every(
    (length, i) => (i < 3 && length === 1) || length === [batch, heads, tokens, tokens][i],
  );
  check(fits !== false && (mask?.shape.length ?? 4) === 4, 'attention: the mask has other axes');
  const factors = kept === undefined || (places === undefined && sizeOf(kept) === batch * heads * pairs);
  check(factors, 'attention: one factor for each weight is expected');
  const mixed = [0, 2, 4].map((i) => {
    const product = times(assembly, (i === 0 ? asking : undefined) ?? x!, others[i]!);
    functions.addBias(at(product), at(others[i + 1]), 0, ...rowsAndColumns(product));
    return product;
  });
  const y = make(mixed[0]!.shape);
  const weights = make([...(keep ? [batch] : []), heads, asked, tokens]);
  const [maskSequence, ...steps] = stepsOf(mask);
  const panel = panelSize(Math.max(tokens, size));
  withScratch(panel + pairs, (scratch) => {
    const [q, k, v, rows, to, shift, factors, shares] = [...mixed, places, y, mask, kept, weights].map(at) as number[];
    for (let sequence = 0; sequence < batch; sequence++) {
      functions.attention(
        offset(q!, sequence * asked * columns),
        ...[k!, v!].map((address) => offset(address, sequence * tokens * columns)),
        offset(rows!, sequence * asked),
        offset(shift!, sequence * maskSequence),
        offset(factors!, sequence * heads * pairs),
        offset(to!, sequence * asked * columns),
        offset(shares!, keep ? sequence * heads * pairs : 0),
        ...[scratch, offset(scratch, pairs)],
        ...[heads, asked, tokens, size, sequence * tokens],
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
  const [rows, columns] = rowsAndColumns(k!);
  const { batch, size } = attentionSizes(rows, columns, heads, tokens);
  const asked = rowsAndColumns(q!)[0] / batch;
  const pairs = asked * tokens;
  const fits = sizeOf(q!) === batch * asked * columns && sizeOf(dy!) === sizeOf(q!) && sizeOf(v!) === sizeOf(k!);
  const pairsOf = batch * heads * pairs;
  check(
    fits && sizeOf(weights!) === pairsOf && (kept === undefined || sizeOf(kept) === pairsOf),
    'attention: shapes differ',
  );
  const gradients = [q, k, v].map((each) => make(each!.shape));
  const sums = [0, 1, 2].map(() => make([columns]));
  withScratch(panelSize(Math.max(asked, tokens, size)) + 2 * pairs, (scratch) => {
    const free = [0, 1, 2].map((i) => offset(scratch, i * pairs));
    const [given, queries, keys, values] = [dy, q, k, v].map(at) as [number, number, number, number];
    const [shares, factors] = [at(weights), at(kept)];
    const [toQueries, ...to] = gradients.map(at);
    for (let sequence = 0; sequence < batch; sequence++) {
      const few = (address: number): number => offset(address, sequence * asked * columns);
      const all = (address: number): number => offset(address, sequence * tokens * columns);
      functions.attentionGradient(
        ...[given, queries].map(few),
        ...[keys, values].map(all),
        ...[shares, factors].map((address) => offset(address, sequence * heads * pairs)),
        few(toQueries!),
        ...to.map(all),
        ...free,
        ...[heads, asked, tokens, size],
      );
    }
  });
  gradients.forEach((one, i) => functions.columnSums(at(one), at(sums[i]), ...rowsAndColumns(one)));
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
