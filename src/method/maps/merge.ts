/** Merging of maps into the kernels that read them: afterwards the network is the thin one, and no map is left. */
import { UsageError } from '../../core/errors.js';
import { tf, type Tensor, type Tensor2D, type Tensors } from '../../engine/tensor.js';
import type { Network } from '../../nn/network.js';
import type { Group } from './groups.js';
import { downPath, upPath, withoutMaps } from './apply.js';
import type { Teacher, Weights } from '../values/weights.js';

/** kernel' [..., m, out] = map [m, m] kernel [..., m, out], so that kernel' reads x as `kernel` reads x map. */
function foldInto(kernel: Tensor, map: Tensor2D): Tensor {
  const [channels, out] = kernel.shape.slice(-2) as [number, number];
  const spatial = kernel.size / (channels * out);
  const repeated = tf.tile(map.expandDims(0), [spatial, 1, 1]);
  return tf.matMul(repeated, kernel.reshape([spatial, channels, out])).reshape(kernel.shape);
}

/**
 * Merges each pair of maps into the kernels that read its boundary; the function stays the same, and no map is left.
 * Maps that only go up are dropped. New weights; those that did not change are the old tensors. Throws UsageError with
 * the map and what it cannot be folded through.
 */
export function mergeMaps(thin: Network, { params, state }: Weights, groups: readonly Group[]): Weights {
  const merged = withoutMaps(params);
  for (const { tap } of groups) {
    const [up, down] = [params[upPath(tap)], params[downPath(tap)]];
    if (up === undefined || down === undefined) continue;
    if (down.shape.length === 1) {
      for (const path of thin.scales!(tap)) merged[path] = tf.tidy(() => tf.mul(params[path]!, tf.mul(up, down)));
      continue;
    }
    const readers = thin.readers(tap);
    if ('obstacle' in readers) throw new UsageError(`the map after ${tap} cannot be merged: ${readers.obstacle}`);
    for (const path of readers.kernels) {
      const before = merged[path]!;
      merged[path] = tf.tidy(() => foldInto(before, tf.matMul(up as Tensor2D, down as Tensor2D)));
      if (before !== params[path]) before.dispose();
    }
  }
  return { params: merged, state };
}

/**
 * The wide net's head for the thin net: its kernel, read through the last boundary's `up` map, and its bias. Undefined
 * when something else than one dense kernel reads the last boundary.
 */
export function headOfWide(thin: Network, teacher: Teacher, params: Tensors, last: string): Tensors | undefined {
  const [own, theirs] = [thin.readers(last), teacher.network.readers(last)];
  if ('obstacle' in own || 'obstacle' in theirs || own.kernels.length !== 1 || theirs.kernels.length !== 1)
    return undefined;
  const [path, from] = [own.kernels[0]!, theirs.kernels[0]!];
  if (thin.owner(path) !== thin.taps.at(-1)) return undefined;
  const [bias, biasFrom] = [path, from].map((kernel) => kernel.replace(/kernel$/, 'bias')) as [string, string];
  const up = params[upPath(last)];
  const kernel = teacher.weights.params[from]!;
  const shape = up === undefined ? kernel.shape : [params[path]!.shape[0], kernel.shape[1]];
  if (kernel.shape.length !== 2 || up?.shape.length === 1 || String(shape) !== String(params[path]!.shape))
    return undefined;
  const headBias = teacher.weights.params[biasFrom];
  return {
    [path]: tf.tidy(() => (up === undefined ? kernel.clone() : tf.matMul(up as Tensor2D, kernel as Tensor2D))),
    ...(headBias !== undefined && params[bias] !== undefined && { [bias]: headBias.clone() }),
  };
}
