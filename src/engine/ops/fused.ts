/**
 * Attention, chains of elementwise steps and optimizers' steps as ops of our own, each one pass over memory: in
 * TensorFlow (fused/, compiled once per machine, where the engine `tensorflow` was set up by us and runs on the CPU),
 * and in WebAssembly (webassembly-fused.ts). Where `hasFused()` is false the layers are composed of tfjs ops instead.
 */
import { join } from 'node:path';
import { FailureError, messageOf } from '../../core/errors.js';
import { isSwitchedOff } from '../../core/settings.js';
import { loadAddon, type AddonSource } from '../../toolchain/addon.js';
import type { Installed } from '../install/installed.js';
import { onTensorflow, tensorflowOp } from '../tensorflow-op.js';
import { tf, type Scalar, type Tensor, type Tensor1D } from '../tensor.js';
import { onWebAssembly } from './webassembly.js';
import { fusedOnWebAssembly, type FusedOp } from './webassembly-fused.js';

interface Addon {
  setThreads(threads: number): void;
  /** Why the ops could not be registered; empty where they were. */
  readonly problem: string;
  /** A step made of our ops alone, which is run as one op of this number (fused/program.h). */
  defineProgram(names: readonly string[], numbers: Int32Array, values: Float32Array): number;
  removeProgram(program: number): void;
  /** What the addon of recorded steps runs programs with (trace/direct.ts), where TensorFlow need not do it. */
  readonly programRunner?: object;
}

let loaded = false;
let programs: Programs | undefined;
/** An empty tensor, which stands for an input that is not there. */
let none: Tensor | undefined;

/** Where steps that are made of our ops alone are kept as programs. */
export type Programs = Pick<Addon, 'defineProgram' | 'removeProgram' | 'programRunner'>;

/** What runs programs on the engine in use; undefined where the fused ops are not those for TensorFlow. */
export function programsHere(): Programs | undefined {
  return hasFusedOnTensorflow() ? programs : undefined;
}

/** The addon with the ops, for the TensorFlow of this install. */
export function fusedOf({ headers, libraries }: Installed): AddonSource {
  return {
    name: 'fused',
    what: 'the fused ops for TensorFlow',
    without: 'its own ops do without',
    source: join(import.meta.dirname, 'fused', 'fused.cc'),
    options: ['-fno-trapping-math', `-I${headers}`],
    libraries,
  };
}

/**
 * Registers the ops with the TensorFlow of this install, which is loaded, and gives them so many threads. Throws
 * FailureError with the reason.
 */
export function loadFused(installed: Installed, threads: number): void {
  const addon = loadAddon<Addon>(fusedOf(installed));
  if (addon.problem !== '')
    throw new FailureError(`the fused ops for TensorFlow cannot be registered: ${addon.problem}`);
  addon.setThreads(threads);
  try {
    none ??= tf.keep(tf.tensor1d([]));
    loaded = tf.tidy(() => isRight());
  } catch (error) {
    throw new FailureError(`the fused ops for TensorFlow do not run: ${messageOf(error)}`);
  }
  if (!loaded) throw new FailureError('the fused ops for TensorFlow compute something else');
  programs = addon;
}

/** Whether an op computes what it should, tried once on a value. */
function isRight(): boolean {
  const [matrix, bias] = [tf.tensor2d([[1, -1, 0]]), tf.tensor1d([1, 1, 1])];
  const y = denseGelu({ x: tf.tensor2d([[1]]), matrix, bias }, false)[0].dataSync();
  return [1.9544997, 0, 0.8413447].every((expected, i) => Math.abs(y[i]! - expected) < 1e-6);
}

/** Whether the user wants no fused ops: `GOWIDE_FUSED=0` has everything composed of tfjs' and TensorFlow's own. */
export function refusesFused(): boolean {
  return isSwitchedOff('GOWIDE_FUSED');
}

/** Whether the engine in use has the fused ops. */
export function hasFused(): boolean {
  return onWebAssembly() ? !refusesFused() : hasFusedOnTensorflow();
}

/** Whether the engine in use has those fused ops, too, that WebAssembly is without. */
export function hasFusedOnTensorflow(): boolean {
  return loaded && onTensorflow();
}

/** What an op of ours takes: its inputs, how many outputs it has, and up to three numbers, its attributes. */
type Operands = [
  inputs: readonly (Tensor | undefined)[],
  outputs: number,
  first?: number,
  second?: number,
  third?: number,
];

/** One of our ops on the engine in use. */
function fusedOp(name: FusedOp, ...operands: Operands): Tensor[] {
  if (!onWebAssembly()) return fusedOnTensorflow(name, ...operands);
  const [inputs, , first = 0, second = 0, third = 0] = operands;
  return fusedOnWebAssembly(name, inputs, [first, second, third]);
}

function fusedOnTensorflow(name: string, ...[inputs, outputs, first = 0, second = 0, third = 0]: Operands): Tensor[] {
  const attributes = { ...(first !== 0 && { first }), ...(second !== 0 && { second }), ...(third !== 0 && { third }) };
  return tensorflowOp(
    `Gowide${name}`,
    attributes,
    inputs.map((input) => input ?? none!),
    outputs,
  );
}

/** Inputs of a dense layer over rows. */
export interface DenseInputs {
  /** [rows, in], [in, C], [C]. */
  readonly x: Tensor;
  readonly matrix: Tensor;
  readonly bias: Tensor;
}

/** gelu(x matrix + bias) [rows, C], and with `keep` its slope there, which the gradient needs (else empty). */
export function denseGelu({ x, matrix, bias }: DenseInputs, keep: boolean): [Tensor, Tensor] {
  return fusedOp('DenseGelu', [x, matrix, bias], 2, 0, Number(keep)) as [Tensor, Tensor];
}

/** Gradients of {@link denseGelu} by the product [rows, C] and by the bias [C], for dy [rows, C]. */
export function geluGradient(slope: Tensor, dy: Tensor): [Tensor, Tensor] {
  return fusedOp('GeluGrad', [slope, dy], 2) as [Tensor, Tensor];
}

/** Scale and shift of a norm, [C] each. */
export interface NormParameters {
  readonly gamma: Tensor;
  readonly beta: Tensor;
}

/**
 * Layer norm of x [..., C] over the last axis; with `keep` the normalized values and 1 / std of each row, which the
 * gradient needs (else empty).
 */
export function norm(
  x: Tensor,
  { gamma, beta }: NormParameters,
  epsilon: number,
  keep: boolean,
): [Tensor, Tensor, Tensor] {
  return fusedOp('Norm', [x, gamma, beta], 3, epsilon, Number(keep)) as [Tensor, Tensor, Tensor];
}

/** {@link norm} of x matrix + bias + residual, with a residual [rows, C]. */
export function denseNorm(
  { x, matrix, bias }: DenseInputs,
  residual: Tensor,
  { gamma, beta }: NormParameters,
  epsilon: number,
  keep: boolean,
): [Tensor, Tensor, Tensor] {
  return fusedOp('DenseNorm', [x, matrix, bias, residual, gamma, beta], 3, epsilon, Number(keep)) as [
    Tensor,
    Tensor,
    Tensor,
  ];
}

/**
 * Gradients of a norm by what is normalized [rows, C], by gamma and by beta [C]; and the column sums of the first [C],
 * its gradient by a bias. `hat` and `inverse` are what {@link norm} kept.
 */
export function normGradient(
  dy: Tensor,
  hat: Tensor,
  inverse: Tensor,
  gamma: Tensor,
): [Tensor, Tensor, Tensor, Tensor] {
  return fusedOp('NormGrad', [dy, hat, inverse, gamma], 4) as [Tensor, Tensor, Tensor, Tensor];
}

/** Tokens of which attention is asked for, as many of each sequence, one sequence after the other. */
export interface Asking {
  /** Their rows of x, [B A, C]. */
  readonly rows: Tensor;
  /** Which rows of x [B T, C] these are, int32 [B A], below 2^24. */
  readonly places: Tensor;
}

/** Shape of multi-head attention: N heads over sequences of T tokens. */
export interface Heads {
  readonly heads: number;
  readonly tokens: number;
  /** Those that ask; all of them by default. The others have keys and values alone. */
  readonly asking?: Asking | undefined;
  /** Factors of the attention weights for dropout, [B, N, T, T]. */
  readonly kept?: Tensor | undefined;
}

/**
 * softmax(q k^T / sqrt(d) + mask) v of each head, [B T, N d], with q, k and v of all heads = x [B T, C] times a matrix
 * [C, N d] plus a bias [N d]: `dense` has these in turn. With `keep` the weights [B, N, T, T] and q, k and v, too, for
 * the gradient. The mask is [B or 1, N or 1, T or 1, T]. Where A tokens of each sequence ask, what comes back has
 * [B A, N d], weights [B, N, A, T] and q [B A, N d]; then there are no factors of the weights.
 */
export function attention(
  x: Tensor,
  dense: readonly Tensor[],
  mask: Tensor | undefined,
  { heads, tokens, kept, asking }: Heads,
  keep: boolean,
): [Tensor, Tensor, Tensor, Tensor, Tensor] {
  const few = asking && [asking.rows, tf.cast(asking.places, 'float32')];
  const inputs = [x, ...dense, mask, kept, few?.[0], few?.[1]];
  return fusedOp('Attention', inputs, 5, heads, tokens, Number(keep)) as [Tensor, Tensor, Tensor, Tensor, Tensor];
}

/** Gradients of {@link attention} by q, k and v, and by their biases [N d]; the weights are what it kept. */
export function attentionGradient(
  dy: Tensor,
  [weights, q, k, v]: readonly [Tensor, Tensor, Tensor, Tensor],
  { heads, tokens, kept }: Omit<Heads, 'asking'>,
): Tensor[] {
  return fusedOp('AttentionGrad', [dy, q, k, v, weights, kept], 6, heads, tokens);
}

/** Inputs of a scale and shift by channel. */
export interface ScaleShiftInputs {
  /** [..., C]. */
  readonly x: Tensor;
  /** [C]; where there is none, nothing is scaled. */
  readonly scale?: Tensor | undefined;
  readonly shift: Tensor;
  /** A tensor of x's shape. */
  readonly residual?: Tensor | undefined;
}

/** scale x + shift + residual, of x's shape, and with `relu` a ReLU of it. */
export function scaleShift({ x, scale, shift, residual }: ScaleShiftInputs, relu: boolean): Tensor {
  return fusedOp('ScaleShift', [x, scale, shift, residual], 1, 0, Number(relu))[0]!;
}

/** Gamma, beta, mean and variance of a batch norm, [C] each. */
export type NormStatistics = readonly [gamma: Tensor, beta: Tensor, mean: Tensor, variance: Tensor];

/**
 * Scale and shift [C] of a batch norm by running statistics: scale = gamma / sqrt(variance + epsilon), shift = beta -
 * mean scale. Where {@link hasFusedOnTensorflow}.
 */
export function fusedNormAffine(statistics: NormStatistics, epsilon: number): [Tensor1D, Tensor1D] {
  return fusedOnTensorflow('NormAffine', statistics, 2, epsilon) as [Tensor1D, Tensor1D];
}

/** Inputs of a batch norm. */
export interface BatchNormInputs {
  /** [..., C]. */
  readonly x: Tensor;
  /** A tensor of x's shape, added before the ReLU. */
  readonly residual?: Tensor;
  readonly gamma: Tensor;
  readonly beta: Tensor;
}

/**
 * Fewer channels leave most of a vector empty in our op for TensorFlow, unless whole rows of them fill it: then its own
 * is faster.
 */
const FUSED_CHANNELS = 16;

/** Whether batch norm of so many channels is done by {@link fusedBatchNorm}. */
export function fusesBatchNorm(channels: number): boolean {
  const fills = channels >= FUSED_CHANNELS || FUSED_CHANNELS % channels === 0;
  return hasFused() && (onWebAssembly() || fills);
}

/** Batch norm in training: y of x's shape, and by channel the batch mean, batch variance (unbiased) and 1 / std. */
export function fusedBatchNorm(
  { x, residual, gamma, beta }: BatchNormInputs,
  epsilon: number,
  relu: boolean,
): [Tensor, Tensor, Tensor, Tensor] {
  return fusedOp('BatchNorm', [x, residual, gamma, beta], 4, epsilon, Number(relu)) as [Tensor, Tensor, Tensor, Tensor];
}

/**
 * Gradients of {@link fusedBatchNorm} by x, gamma and beta, and with `residual` by the residual (else empty). `y` is
 * its output where it ended with a ReLU; `mean` and `inverse` are its second and fourth result.
 */
export function fusedBatchNormGradient(
  {
    dy,
    x,
    y,
    gamma,
    mean,
    inverse,
  }: {
    readonly dy: Tensor;
    readonly x: Tensor;
    readonly y?: Tensor | undefined;
    readonly gamma: Tensor;
    readonly mean: Tensor;
    readonly inverse: Tensor;
  },
  residual: boolean,
): [Tensor, Tensor, Tensor, Tensor] {
  return fusedOp('BatchNormGrad', [dy, x, y, gamma, mean, inverse], 4, 0, Number(residual)) as [
    Tensor,
    Tensor,
    Tensor,
    Tensor,
  ];
}

/**
 * What moves the values of a parameter: its gradient, the factor [1] that this is multiplied by first, and the weight
 * decay, [1] or one for each value.
 */
export interface Pull {
  readonly gradient: Tensor;
  readonly factor: Tensor;
  readonly decay: Tensor;
}

/**
 * Changes value and velocity where they are: nobody else may hold their memory. v <- momentum v + factor g + decay p; p
 * <- p - rate v. `numbers` = [rate, momentum].
 */
export function sgdInPlace(
  { gradient, factor, decay }: Pull,
  numbers: Tensor,
  [value, velocity]: readonly Tensor[],
): void {
  fusedOp('Sgd', [value, velocity, gradient, factor, decay, numbers], 0);
}

/**
 * Changes value, mean and square where they are: nobody else may hold their memory. With h = factor g,
 * m <- beta1 m + (1 - beta1) h; v <- beta2 v + (1 - beta2) h²; p <- (1 - decay) p - rate m / (√v + epsilon). `numbers`
 * = [rate, epsilon, beta1, 1 - beta1, beta2, 1 - beta2, factor on the decay], of which rate and epsilon hold the
 * corrections of both means; more numbers are not read.
 */
export function adamwInPlace({ gradient, factor, decay }: Pull, numbers: Tensor, old: readonly Tensor[]): void {
  fusedOp('Adamw', [...old, gradient, factor, decay, numbers], 0);
}

/** Sum of the squares of all values of x, a scalar. */
export function squareSum(x: Tensor): Tensor {
  return fusedOp('SquareSum', [x], 1)[0]!;
}

/** What brings the norm of x down to `limit`, or 1; a scalar. Where {@link hasFusedOnTensorflow}. */
export function normFactor(x: Tensor, limit: number): Tensor {
  return fusedOnTensorflow('SquareSum', [x], 1, limit)[0]!;
}

/**
 * Mean over the rows of -sum_k t_k log softmax(z)_k, a scalar, for logits z [..., K] and targets t of their shape; and
 * what the gradient needs of each row: all maxima, then all log sum exp(z - maximum). Where
 * {@link hasFused}. In a compiled step the op may take a bias [K] as well, which it adds to the logits
 * (trace/graph.ts).
 */
export function fusedCrossEntropy(logits: Tensor, targets: Tensor): [Scalar, Tensor1D] {
  return fusedOp('CrossEntropy', [logits, targets, undefined], 2) as [Scalar, Tensor1D];
}

/** Gradient of {@link fusedCrossEntropy} by the logits; `norms` is its second result. */
export function fusedCrossEntropyGradient(dy: Tensor, logits: Tensor, targets: Tensor, norms: Tensor): Tensor {
  return fusedOp('CrossEntropyGrad', [dy, logits, targets, norms, undefined], 1)[0]!;
}

/**
 * T^2 KL(teacher || student) of softmax(z / T) over the last axis, a mean over the rows, a scalar, for logits [..., K]
 * of both; and what the gradient needs of each row: of the student all maxima, then all log sum exp((z - maximum) / T),
 * then the same of the teacher. Where {@link hasFused}. In a compiled step the op may take a bias [K] of
 * either as well, which it adds to the logits (trace/graph.ts).
 */
export function fusedDivergence(student: Tensor, teacher: Tensor, temperature: number): [Scalar, Tensor1D] {
  const inputs = [student, teacher, undefined, undefined];
  return fusedOp('Divergence', inputs, 2, temperature) as [Scalar, Tensor1D];
}

/** Gradient of {@link fusedDivergence} by the student's logits; `norms` is its second result. */
export function fusedDivergenceGradient(
  dy: Tensor,
  [student, teacher]: readonly [Tensor, Tensor],
  norms: Tensor,
  temperature: number,
): Tensor {
  const inputs = [dy, student, teacher, norms, undefined, undefined];
  return fusedOp('DivergenceGrad', inputs, 1, temperature)[0]!;
}

/**
 * |a - b|^2 of two tensors of one shape, over the number of their values or, if `relative`, over |b|^2, a scalar; and
 * that second number. Where {@link hasFusedOnTensorflow}.
 */
export function fusedSquaredError(a: Tensor, b: Tensor, relative: boolean): [Scalar, Scalar] {
  return fusedOnTensorflow('SquaredError', [a, b], 2, Number(relative)) as [Scalar, Scalar];
}

/** Gradient of {@link fusedSquaredError} by a; `unit` is its second result. */
export function fusedSquaredErrorGradient(dy: Tensor, a: Tensor, b: Tensor, unit: Tensor): Tensor {
  return fusedOnTensorflow('SquaredErrorGrad', [dy, a, b, unit], 1)[0]!;
}

/** Multiplications of a layer above which TensorFlow's products, which use all threads, are faster than ours. */
const SMALL_LAYER = 2 ** 20;

/** Whether a layer is done by {@link fusedDense} or {@link fusedDenseTanh}, for x [rows, in] and a matrix [in, C]. */
export function fusesDense(x: Tensor, matrix: Tensor): boolean {
  return hasFusedOnTensorflow() && matrix.size > 0 && x.size * matrix.shape.at(-1)! <= SMALL_LAYER;
}

/** x matrix + bias, [rows, C]. Where {@link fusesDense}. */
export function fusedDense({ x, matrix, bias }: DenseInputs): Tensor {
  return fusedOnTensorflow('Dense', [x, matrix, bias], 1)[0]!;
}

/**
 * Gradients of {@link fusedDense} by x [rows, in], by the matrix [in, C] and by the bias [C]: three ops, so that a
 * compiled step leaves out what nobody reads.
 */
export function fusedDenseGradient(dy: Tensor, x: Tensor, matrix: Tensor): [Tensor, Tensor, Tensor] {
  return [fusedProduct(dy, matrix, false, true), fusedProduct(x, dy, true, false), columnSums(dy)];
}

/** Sums of the columns of x [..., C], [C]. Where {@link hasFusedOnTensorflow}. */
export function columnSums(x: Tensor): Tensor {
  return fusedOnTensorflow('ColumnSums', [x], 1)[0]!;
}

/** Columns that our products compute at once, needed or not: values of the widest vectors. */
const LANES = 16;

/**
 * Multiplications of a product of whole vectors up to which ours is as fast as oneDNN's (src/engine/README.md), and the
 * terms of a sum up to which a panel stays in the cache; longer sums are of few values, and would be on one thread.
 */
const LARGE_PRODUCT = 2 ** 27;
const LONG_SUM = 2048;

/**
 * Whether a product of two matrices, the second perhaps transposed, is done by {@link fusedProduct}: TensorFlow's takes
 * longer to begin than a small one takes, and a step of ours alone is a program (trace/program.ts).
 */
export function fusesProduct(a: Tensor, b: Tensor, transposeB: boolean): boolean {
  if (!hasFusedOnTensorflow()) return false;
  const [depth, columns] = [b.shape[transposeB ? 1 : 0]!, b.shape[transposeB ? 0 : 1]!];
  const multiplications = a.size * Math.ceil(columns / LANES) * LANES;
  return multiplications <= (columns % LANES === 0 && depth <= LONG_SUM ? LARGE_PRODUCT : SMALL_LAYER);
}

/** Product of two matrices, either of them transposed. Where {@link hasFusedOnTensorflow}. */
export function fusedProduct(a: Tensor, b: Tensor, transposeA: boolean, transposeB: boolean): Tensor {
  return fusedOnTensorflow('Product', [a, b], 1, Number(transposeA), Number(transposeB))[0]!;
}

/** Sizes of a convolution for our own ops; rows before columns. */
export interface WindowSizes {
  readonly strides: readonly [number, number];
  /** Rows of zeros above, columns of zeros to the left. */
  readonly before: readonly [number, number];
}

/**
 * A convolution of few channels, or a gradient of it, by our own op; height and width of what is written are `size`.
 * For images x [B, H, W, C], a filter [h, w, C, O] and dy [B, H', W', O]: `Convolution` of x and filter,
 * `ConvolutionInputGrad` of dy and filter, `ConvolutionFilterGrad` of x and dy. Where {@link hasFusedOnTensorflow}.
 */
export function fusedConvolution(
  name: 'Convolution' | 'ConvolutionInputGrad' | 'ConvolutionFilterGrad',
  inputs: readonly [Tensor, Tensor],
  { strides, before }: WindowSizes,
  size: readonly [number, number],
): Tensor {
  const numbers = tf.tensor1d([...strides, ...before, ...size]);
  const [result] = fusedOnTensorflow(name, [...inputs, numbers], 1);
  numbers.dispose();
  return result!;
}

/** Mean over the pixels of images [B, H, W, C], [B, C]. Where {@link hasFusedOnTensorflow}. */
export function fusedPixelMean(x: Tensor): Tensor {
  return fusedOnTensorflow('PixelMean', [x], 1)[0]!;
}

/** Gradient of {@link fusedPixelMean} by images of such a height and width, for dy [B, C]. */
export function fusedPixelMeanGradient(dy: Tensor, [height, width]: readonly [number, number]): Tensor {
  return fusedOnTensorflow('PixelMeanGrad', [dy], 1, height, width)[0]!;
}

/** tanh(x matrix + bias), [rows, C]. Where {@link fusesDense}. */
export function fusedDenseTanh({ x, matrix, bias }: DenseInputs): Tensor {
  return fusedOnTensorflow('DenseTanh', [x, matrix, bias], 1)[0]!;
}

/** Gradients of y = {@link fusedDenseTanh} by x [rows, in], by the matrix [in, C] and by the bias [C]. */
export function fusedDenseTanhGradient(
  dy: Tensor,
  { y, x, matrix }: Readonly<Record<'y' | 'x' | 'matrix', Tensor>>,
): [Tensor, Tensor, Tensor] {
  const [before, byMatrix, byBias] = fusedOnTensorflow('DenseTanhGrad', [dy, y, x], 3) as [Tensor, Tensor, Tensor];
  return [fusedProduct(before, matrix, false, true), byMatrix, byBias];
}
