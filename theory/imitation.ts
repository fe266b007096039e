/** Layerwise imitation: each thin layer follows the flow towards the wide layer's output, fed with the wide net's activations. */
import { activations, layerForward, layerStep } from './network.js';
import type { Net } from './particles.js';

/**
 * Moves `thin` in place: for each layer l on its own, `steps` Euler steps of length `dt` of the flow of
 * (1/2N) sum |S_l(A_{l-1}) - A_l|^2, with A the wide net's activations on x [N, d]. Zero steps leave the sampled particles as they are.
 */
export function imitate(thin: Net, wide: Net, x: Float64Array, steps: number, dt: number): void {
  const targets = activations(wide, x);
  const n = x.length / thin.d;
  thin.layers.forEach((layer, l) => {
    const t = new Float64Array(layer.m * n);
    for (let step = 0; step < steps; step++) {
      const z = layerForward(thin, layer, targets[l]!, t);
      const residual = z.map((value, j) => value - targets[l + 1]![j]!);
      layerStep(thin, layer, { input: targets[l]!, t }, residual, dt);
    }
  });
}
