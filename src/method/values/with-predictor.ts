/** A network's answers for as long as something asks for them. */
import type { HostWeights, Network } from '../../nn/network.js';
import { predictor, type Predictor } from '../../nn/predictor.js';
import { disposeWeights, weightsOf } from './weights.js';

/** What `use` makes of a network's answers; what it needs on the engine is freed, also where `use` throws. */
export async function withPredictor<T>(
  network: Network,
  host: HostWeights,
  use: (predict: Predictor) => Promise<T>,
): Promise<T> {
  const weights = weightsOf(host);
  const predict = predictor(network, weights);
  try {
    return await use(predict);
  } finally {
    predict.dispose();
    disposeWeights(weights);
  }
}
