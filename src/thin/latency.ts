/** How long a forward pass takes here, measured. */
import { filled } from '../core/host-array.js';
import { median } from '../core/stats.js';
import type { Dataset } from '../data/dataset.js';
import { toLabelled } from '../data/dataset.js';
import type { HostWeights, Network } from '../nn/network.js';
import { predictor } from '../nn/predictor.js';
import { disposeWeights, weightsOf } from '../method/values/weights.js';

/** Batches whose latency a card shows. */
export const LATENCY_BATCHES = [1, 32] as const;
/** Passes before the clock counts, and passes and milliseconds of which the median is taken, at most. */
const [WARM_UP, MOST_PASSES, MOST_MILLISECONDS] = [3, 30, 3000];

/** Median milliseconds of a forward pass in evaluation mode, for each of {@link LATENCY_BATCHES}. */
export async function latencies(network: Network, host: HostWeights, data: Dataset): Promise<number[]> {
  const weights = weightsOf(host);
  const predict = predictor(network, weights);
  const found: number[] = [];
  for (const batch of LATENCY_BATCHES) {
    const indices = filled(new Uint32Array(batch), (i) => i % data.validation.count);
    const { x, labels } = toLabelled(data, await data.validation.batch(indices));
    const times: number[] = [];
    const started = performance.now();
    for (let i = 0; i < WARM_UP + MOST_PASSES; i++) {
      const from = performance.now();
      const y = predict(x);
      await y.data();
      y.dispose();
      if (i >= WARM_UP) times.push(performance.now() - from);
      if (times.length > 2 && performance.now() - started > MOST_MILLISECONDS) break;
    }
    x.dispose();
    labels.dispose();
    found.push(median(times));
  }
  predict.dispose();
  disposeWeights(weights);
  return found;
}
