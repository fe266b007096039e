/** How long a forward pass takes here, measured. */
import { filled } from '../core/host-array.js';
import { median } from '../core/stats.js';
import type { Dataset } from '../data/dataset.js';
import { toLabelled } from '../data/dataset.js';
import { paddedTo } from '../data/texts.js';
import type { HostWeights, Network } from '../nn/network.js';
import type { Predictor } from '../nn/predictor.js';
import { withPredictor } from '../method/values/with-predictor.js';

/** Batches whose latency a card shows. */
export const LATENCY_BATCHES = [1, 32] as const;
/** Passes before the clock counts, and passes and milliseconds of which the median is taken, at most. */
const [WARM_UP, MOST_PASSES, MOST_MILLISECONDS] = [3, 30, 3000];

/** Median milliseconds of a forward pass in evaluation mode, for each of {@link LATENCY_BATCHES}. */
export function latencies(network: Network, host: HostWeights, data: Dataset): Promise<number[]> {
  return withPredictor(network, host, async (predict) => {
    const found: number[] = [];
    for (const batch of LATENCY_BATCHES) found.push(await latency(predict, data, batch));
    return found;
  });
}

async function latency(predict: Predictor, data: Dataset, batch: number): Promise<number> {
  const indices = filled(new Uint32Array(batch), (i) => i % data.validation.count);
  // at full length, so that cards can be compared: shorter texts take less time
  const examples = paddedTo(await data.validation.batch(indices), data.shape.at(-1)!);
  const { x, labels } = toLabelled(data, examples);
  const times: number[] = [];
  const started = performance.now();
  try {
    for (let i = 0; i < WARM_UP + MOST_PASSES; i++) {
      const from = performance.now();
      const y = predict(x);
      await y.data();
      y.dispose();
      if (i >= WARM_UP) times.push(performance.now() - from);
      if (times.length > 2 && performance.now() - started > MOST_MILLISECONDS) break;
    }
  } finally {
    x.dispose();
    labels.dispose();
  }
  return median(times);
}
