/** A network's outputs for given inputs, in the layout of PyTorch: images [B, C, H, W]. */
import { UsageError } from '../core/errors.js';
import type { HostArray, HostArrays } from '../core/run.js';
import { disposeAll, tf, type Tensor, type Tensor4D } from '../engine/tensor.js';
import { toTensors } from '../nn/init.js';
import type { Model, Network } from '../nn/network.js';

export interface PredictOptions {
  /** `eval`: running statistics normalise. `train`: those of the batch, all of it at once. */
  readonly mode: 'eval' | 'train';
  /** Every tap, and not the logits alone. */
  readonly taps: boolean;
  readonly onBatch?: (done: number, total: number) => void;
}

/** Images of one pass in evaluation. */
const CHUNK = 16;

/** Throws UsageError unless the shape is [B, channels, H, W]. */
export function checkInput(channels: number, { shape }: Pick<HostArray, 'shape'>): void {
  if (shape.length !== 4 || shape[1] !== channels) throw new UsageError(`input: expected [B, ${channels}, H, W], got [${shape.join(', ')}]`);
  if (Math.min(...shape) < 1) throw new UsageError(`input: expected at least one image of at least one pixel, got [${shape.join(', ')}]`);
}

/** input [B, C, H, W] -> `logits` [B, classes] and taps [B, C', H', W'], as the engine computes them. Throws UsageError on another shape. */
export async function predict(network: Network, channels: number, model: Model, input: HostArray, { mode, taps, onBatch }: PredictOptions): Promise<HostArrays> {
  checkInput(channels, input);
  const [count, given, height, width] = input.shape as [number, number, number, number];
  const [params, state] = [toTensors(model.params), toTensors(model.state)];
  const chunk = mode === 'train' ? count : CHUNK;
  const pixels = given * height * width;
  const parts: Record<string, { shape: number[]; values: Float32Array[] }> = {};
  for (let start = 0; start < count; start += chunk) {
    const size = Math.min(chunk, count - start);
    const values = tf.tidy(() => {
      const images = tf.tensor4d(Float32Array.from(input.values.subarray(start * pixels, (start + size) * pixels)), [size, given, height, width]);
      const outputs = network.apply({ params, state, train: mode === 'train', observe: () => {} }, tf.transpose(images, [0, 2, 3, 1]));
      const wanted = Object.entries(outputs).filter(([tap]) => taps || tap === 'logits');
      return Object.fromEntries(wanted.map(([tap, value]) => [tap, value.rank === 4 ? tf.transpose(value as Tensor4D, [0, 3, 1, 2]) : value.clone()]));
    });
    for (const [tap, value] of Object.entries(values)) await collect(parts, tap, value);
    disposeAll(values);
    onBatch?.(start + size, count);
  }
  disposeAll(params, state);
  return Object.fromEntries(Object.entries(parts).map(([tap, { shape, values }]) => [tap, { shape: [count, ...shape], values: join(values) }]));
}

async function collect(parts: Record<string, { shape: number[]; values: Float32Array[] }>, tap: string, value: Tensor): Promise<void> {
  const part = (parts[tap] ??= { shape: value.shape.slice(1), values: [] });
  part.values.push((await value.data()) as Float32Array);
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
