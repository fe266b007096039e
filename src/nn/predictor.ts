/** A trained network as one function of its input. */
import type { Tensor, Tensors } from '../engine/tensor.js';
import { trace } from '../engine/trace/trace.js';
import { evaluation } from './layers.js';
import { outputOf, type Network } from './network.js';

/** What a network says of an input in evaluation mode; the caller disposes the result. */
export interface Predictor {
  (x: Tensor): Tensor;
  /** Frees what the engine keeps of the compiled passes; the weights stay the caller's. */
  readonly dispose: () => void;
}

/**
 * The network's last tap as a function of x [B, ...], compiled for each shape of x where the engine can
 * (engine/trace). The weights are read at every call, and must not be disposed before {@link Predictor.dispose}.
 */
export function predictor(network: Network, weights: { readonly params: Tensors; readonly state: Tensors }): Predictor {
  const pass = trace('the forward pass', ({ x }) => ({ y: outputOf(network, evaluation(weights), x!) }));
  return Object.assign((x: Tensor): Tensor => pass({ x }).y!, { dispose: pass.dispose });
}
