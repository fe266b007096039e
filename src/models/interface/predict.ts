/** A network's outputs for given inputs, in the layouts of PyTorch: images [B, C, H, W], tokens [B, T]. */
import { FailureError, few, naming, UsageError } from '../../core/errors.js';
import { firstInfinite, sizeOf, type HostArray, type HostArrays, type HostValues } from '../../core/host-array.js';
import { disposeAll, tf, type Tensor, type Tensor4D, type Tensors } from '../../engine/tensor.js';
import { toTensors } from '../../engine/host-memory.js';
import type { Scope } from '../../nn/layers.js';
import type { HostWeights, Network } from '../../nn/network.js';
import { dtypeInFile } from '../../store/safetensors.js';

/** How `gowide predict` applies a network. */
export interface PredictOptions {
  /** `eval`: running statistics normalise. `train`: those of the batch, all of it at once. */
  readonly mode: 'eval' | 'train';
  /** Every tap, and not the logits alone. */
  readonly taps: boolean;
  readonly onBatch?: (done: number, total: number) => void;
}

/** Examples of one pass in evaluation. */
const CHUNK = 16;

/**
 * Throws UsageError unless the shape is [B, channels, H, W] and all values are finite: what a network makes of others
 * depends on the engine, as a ReLU of NaN is 0 on some.
 */
function checkImages(channels: number, { shape, values }: HostArray): void {
  if (shape.length !== 4 || shape[1] !== channels)
    throw new UsageError(`input: expected [B, ${channels}, H, W], got [${shape.join(', ')}]`);
  if (Math.min(...shape) < 1)
    throw new UsageError(`input: expected at least one image of at least one pixel, got [${shape.join(', ')}]`);
  const at = firstInfinite(values);
  if (at >= 0)
    throw new UsageError(
      `input: value ${at} is ${values[at]} (image ${Math.floor(at / sizeOf(shape.slice(1)))}); expected finite numbers`,
    );
}

/**
 * input [B, C, H, W] -> `logits` [B, classes] and taps [B, C', H', W'], as the engine computes them. Throws UsageError
 * on another shape.
 */
export async function predictImages(
  network: Network,
  channels: number,
  weights: HostWeights,
  input: HostArray,
  options: PredictOptions,
): Promise<HostArrays> {
  checkImages(channels, input);
  const [count, , height, width] = input.shape as [number, number, number, number];
  const pixels = channels * height * width;
  const forward = (scope: Scope, start: number, size: number): Tensors => {
    const images = tf.tensor4d(input.values.subarray(start * pixels, (start + size) * pixels), [
      size,
      channels,
      height,
      width,
    ]);
    const outputs = network.apply(scope, tf.transpose(images, [0, 2, 3, 1]));
    const wanted = Object.entries(outputs).filter(([tap]) => options.taps || tap === 'logits');
    return Object.fromEntries(
      wanted.map(([tap, value]) => [
        tap,
        value.rank === 4 ? tf.transpose(value as Tensor4D, [0, 3, 1, 2]) : value.clone(),
      ]),
    );
  };
  return inChunks(weights, count, forward, options);
}

/** The tensor `input` of a file. Throws UsageError where there is none, or it is of another type. */
function inputOf(tensors: HostArrays<HostValues>, source: string): HostArray {
  const found = tensors.input;
  if (found === undefined)
    throw new UsageError(`${source}: no tensor "input"; it holds ${few(Object.keys(tensors)) || 'nothing'}`);
  const { shape, values } = found;
  if (!(values instanceof Float32Array))
    throw new UsageError(`${source}: input is ${dtypeInFile(found)}, expected F32`);
  return { shape, values };
}

/**
 * Outputs of a network for the rows [B, numbers] of the tensor `input` of a file `source`: `logits` [B, classes], and
 * taps as the engine has them. Throws UsageError where there is none, it is of another type or shape, or a value is not
 * finite.
 */
export function readRows(
  network: Network,
  numbers: number,
  tensors: HostArrays<HostValues>,
  source: string,
): (weights: HostWeights, options: PredictOptions) => Promise<HostArrays> {
  const { shape, values } = inputOf(tensors, source);
  if (shape.length !== 2 || shape[1] !== numbers || shape[0]! < 1)
    throw new UsageError(`${source}: input: expected [B, ${numbers}], got [${shape.join(', ')}]`);
  const at = firstInfinite(values);
  if (at >= 0)
    throw new UsageError(
      `${source}: input: value ${at} is ${values[at]} (row ${Math.floor(at / numbers)}); expected finite numbers`,
    );
  return (weights, options) =>
    inChunks(
      weights,
      shape[0]!,
      (scope, start, size) => {
        const rows = values.subarray(start * numbers, (start + size) * numbers);
        const outputs = network.apply(scope, tf.tensor2d(rows, [size, numbers]));
        return Object.fromEntries(Object.entries(outputs).filter(([tap]) => options.taps || tap === 'logits'));
      },
      options,
    );
}

/**
 * {@link predictImages} of the tensor `input` of a file `source`. Throws UsageError where there is none, or it is of
 * another type or shape.
 */
export function readImages(
  network: Network,
  channels: number,
  tensors: HostArrays<HostValues>,
  source: string,
): (weights: HostWeights, options: PredictOptions) => Promise<HostArrays> {
  const input = inputOf(tensors, source);
  naming(source, () => checkImages(channels, input));
  return (weights, options) => predictImages(network, channels, weights, input, options);
}

/** What a BERT reads, [B, 3, T]: tokens, segments, and which are there. */
export interface TokenInput {
  readonly shape: readonly [number, 3, number];
  readonly values: Int32Array;
}

/** How large the whole numbers of an input may be, and how long its sequences. */
export interface TokenLimits {
  readonly vocabSize: number;
  readonly maxPositions: number;
  readonly typeVocabSize: number;
}

/** Whole numbers of a file, of 64 bits as they are: what does not fit into 32 is no other number. */
interface WholeNumbers {
  readonly shape: readonly number[];
  readonly values: Int32Array | BigInt64Array;
}

/**
 * `input_ids`, and `attention_mask` and `token_type_ids` where they are given, [B, T]. Throws UsageError on what the
 * network cannot read.
 */
export function readTokens(
  { vocabSize, maxPositions, typeVocabSize }: TokenLimits,
  tensors: HostArrays<HostValues>,
  source: string,
): TokenInput {
  const whole = (name: string): WholeNumbers | undefined => {
    const found = tensors[name];
    if (found === undefined) return undefined;
    const { shape, values } = found;
    if (!(values instanceof Int32Array || values instanceof BigInt64Array))
      throw new UsageError(`${source}: ${name} is ${dtypeInFile(found)}, expected I32 or I64`);
    if (shape.length !== 2 || Math.min(...shape) < 1)
      throw new UsageError(`${source}: ${name} is [${shape.join(', ')}], expected [B, T]`);
    return { shape, values };
  };
  const ids = whole('input_ids');
  if (ids === undefined)
    throw new UsageError(`${source}: no tensor "input_ids"; it holds ${few(Object.keys(tensors)) || 'nothing'}`);
  const [batch, tokens] = ids.shape as [number, number];
  if (tokens > maxPositions)
    throw new UsageError(`${source}: sequences of ${tokens} tokens; the network has ${maxPositions} positions`);
  const rows = [
    { name: 'input_ids', below: vocabSize, what: 'tokens in the vocabulary', row: ids },
    { name: 'token_type_ids', below: typeVocabSize, what: 'segments', row: whole('token_type_ids') },
    {
      name: 'attention_mask',
      below: 2,
      what: 'values: 1 for a token, 0 for padding',
      row: whole('attention_mask') ?? { shape: ids.shape, values: new Int32Array(batch * tokens).fill(1) },
    },
  ];
  const values = new Int32Array(batch * 3 * tokens);
  for (const [index, { name, below, what, row }] of rows.entries()) {
    if (row === undefined) continue;
    if (String(row.shape) !== String(ids.shape))
      throw new UsageError(`${source}: ${name} is [${row.shape.join(', ')}], input_ids is [${ids.shape.join(', ')}]`);
    const wrong = Array.from<number | bigint>(row.values).find((value) => value < 0 || value >= below);
    if (wrong !== undefined) throw new UsageError(`${source}: ${name} has a ${wrong}; there are ${below} ${what}`);
    for (let b = 0; b < batch; b++)
      for (let t = 0; t < tokens; t++) values[(b * 3 + index) * tokens + t] = Number(row.values[b * tokens + t]);
  }
  return { shape: [batch, 3, tokens], values };
}

/**
 * `last_hidden_state` [B, T, H], `pooler_output` [B, H] where the network has a pooler, `logits` [B, classes] where it
 * has classes, and taps.
 */
export async function predictTokens(
  network: Network,
  weights: HostWeights,
  { shape, values }: TokenInput,
  options: PredictOptions,
): Promise<HostArrays> {
  const [count, , tokens] = shape;
  const last = network.boundaries.block.at(-1)!;
  const forward = (scope: Scope, start: number, size: number): Tensors => {
    const x = tf.tensor(values.subarray(start * 3 * tokens, (start + size) * 3 * tokens), [size, 3, tokens], 'int32');
    const { [last]: hidden, pooled, ...taps } = network.apply(scope, x);
    return {
      last_hidden_state: hidden!,
      // of classes, not of tokens
      ...(taps.logits?.rank === 2 && { logits: options.taps ? taps.logits.clone() : taps.logits }),
      ...(pooled !== undefined && { pooler_output: pooled }),
      ...(options.taps && { ...taps, [last]: hidden!.clone() }),
    };
  };
  return inChunks(weights, count, forward, options);
}

/**
 * Outputs of `forward` for all examples, some at a time; in training mode all at once, so that the batch statistics are
 * of all.
 */
async function inChunks(
  { params, state }: HostWeights,
  count: number,
  forward: (scope: Scope, start: number, size: number) => Tensors,
  { mode, onBatch }: PredictOptions,
): Promise<HostArrays> {
  const scope: Scope = {
    params: toTensors(params),
    state: toTensors(state),
    train: mode === 'train',
    observe: () => {},
  };
  const chunk = mode === 'train' ? count : CHUNK;
  const parts: Record<string, { shape: number[]; values: Float32Array[] }> = {};
  try {
    for (let start = 0; start < count; start += chunk) {
      const size = Math.min(chunk, count - start);
      const outputs = tf.tidy(() => forward(scope, start, size));
      try {
        for (const [name, value] of Object.entries(outputs)) await collect(parts, name, value, start);
      } finally {
        disposeAll(outputs);
      }
      onBatch?.(start + size, count);
    }
  } finally {
    disposeAll(scope.params, scope.state);
  }
  return Object.fromEntries(
    Object.entries(parts).map(([name, { shape, values }]) => [
      name,
      { shape: [count, ...shape], values: join(values) },
    ]),
  );
}

/** Adds the outputs of examples from `start` on. Throws FailureError on a value that is not finite. */
async function collect(
  parts: Record<string, { shape: number[]; values: Float32Array[] }>,
  tap: string,
  value: Tensor,
  start: number,
): Promise<void> {
  const part = (parts[tap] ??= { shape: value.shape.slice(1), values: [] });
  const values = (await value.data()) as Float32Array;
  const at = firstInfinite(values);
  if (at >= 0)
    throw new FailureError(
      `${tap} of example ${start + Math.floor(at / sizeOf(part.shape))} is ${values[at]}: ` +
        'its values are beyond float32; is it prepared as the network was trained?',
    );
  part.values.push(values);
}

function join(pieces: readonly Float32Array[]): Float32Array {
  if (pieces.length === 1) return pieces[0]!;
  const all = new Float32Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}
