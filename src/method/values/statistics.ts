/** Batch-norm statistics that fit the network as a whole. */
import { Loader, toBatch, type Dataset } from '../../data/dataset.js';
import { tf, type Tensor, type Tensors } from '../../engine/tensor.js';
import type { Network } from '../../nn/network.js';
import type { Weights } from './weights.js';

/** Batches over which batch-norm statistics are estimated anew. */
export const BATCHES = 30;

/**
 * Running statistics as means over 30 training batches, augmented as in training, of what each layer sees in the whole
 * network: those collected while its parts were trained on other inputs do not fit. New tensors, which the caller
 * disposes; an empty set for a network without statistics.
 */
export async function estimateStatistics(
  network: Network,
  { params, state }: Weights,
  data: Dataset,
  batch: number,
  seed: number,
): Promise<Tensors> {
  if (Object.keys(state).length === 0) return {};
  const loader = new Loader(data.train, seed, batch);
  let sums: Record<string, Tensor> = {};
  try {
    for (let step = 0; step < BATCHES; step++) {
      const host = await loader.get(step, BATCHES);
      sums = tf.tidy(() => {
        const { x } = toBatch(data, host);
        const seen: Record<string, Tensor> = {};
        // kept: a layer may hand out what it frees itself
        network.apply(
          { params, state, train: true, observe: (path, tensor) => (seen[path] = tf.keep(tensor.clone())) },
          x,
        );
        const next = Object.fromEntries(
          Object.entries(seen).map(([path, tensor]) => [
            path,
            sums[path] ? tf.add(sums[path], tensor) : tensor.clone(),
          ]),
        );
        tf.dispose([...Object.values(sums), ...Object.values(seen)]);
        return next;
      });
    }
    return tf.tidy(() => Object.fromEntries(Object.entries(sums).map(([path, sum]) => [path, tf.div(sum, BATCHES)])));
  } finally {
    tf.dispose(sums);
  }
}
