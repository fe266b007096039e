/** Layerwise imitation: each thin layer follows the flow towards the wide layer's output. */
import { trainDirect, type FlowOptions, type FlowResult } from './direct.js';
import { activations } from '../network/network.js';
import { singleLayer, type Net } from '../model/particles.js';

/** How a thin net imitates a wide one. */
export interface ImitationOptions extends FlowOptions {
  /**
   * Inputs of a thin layer: the wide net's activations (by default), or the thin net's own. Targets are the wide net's.
   */
  readonly inputs?: 'wide' | 'thin';
  /** The wide net's activations on x, where they are known. */
  readonly targets?: readonly Float64Array[];
}

/**
 * Moves `thin` in place, all layers at once: layer l follows the flow of (1/2N) sum |S_l(z_{l-1}) - A_l|^2 by its own
 * particles alone, with A the wide net's activations on x [N, d] and z_{l-1} = A_{l-1} (inputs "wide": the layers are
 * independent) or the thin net's own activations at that step (inputs "thin"). Zero steps leave the particles as they
 * are. One result for each layer. Throws RangeError when the nets differ in depth or dimension.
 */
export function imitate(thin: Net, wide: Net, x: Float64Array, options: ImitationOptions): FlowResult[] {
  if (thin.layers.length !== wide.layers.length || thin.d !== wide.d) {
    throw new RangeError(
      'imitate: expected nets of one depth and dimension, ' +
        `got ${thin.layers.length} x ${thin.d} and ${wide.layers.length} x ${wide.d}`,
    );
  }
  const { targets = activations(wide, x) } = options;
  const n = x.length / thin.d;
  const samples = (z: readonly Float64Array[], l: number): { n: number; x: Float64Array; y: Float64Array } => ({
    n,
    x: z[l]!,
    y: targets[l + 1]!,
  });
  if (options.inputs !== 'thin')
    return thin.layers.map((_, l) => trainDirect(singleLayer(thin, l), samples(targets, l), options));
  const losses: number[][] = thin.layers.map(() => []);
  for (let step = 0; step < options.steps; step++) {
    const own = activations(thin, x);
    for (const [l, all] of losses.entries()) {
      const { losses: pair, exploded } = trainDirect(singleLayer(thin, l), samples(own, l), { ...options, steps: 1 });
      all.push(pair[0]!);
      if (exploded !== undefined) return losses.map((values) => ({ losses: values, increases: 0, exploded: step }));
    }
    options.onStep?.(step + 1);
  }
  // The targets stand still while the inputs move: the loss may rise without any instability, so rises are not counted.
  return losses.map((values) => ({ losses: values, increases: 0, exploded: undefined }));
}
