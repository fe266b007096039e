/** Direct training: backpropagation through all layers, as explicit Euler steps of the mean-field gradient flow. */
import { layerForward, layerStep, type Tape } from './network.js';
import type { Net } from './particles.js';
import type { Samples } from './task.js';

export interface FlowResult {
  /** (1/2N) sum |z_L - y|^2 before each step, and after the last. */
  readonly losses: readonly number[];
  /**
   * Steps on which the loss went up. A gradient flow never does that: where dt times the sharpness exceeds 2, Euler's own
   * instability looks like the sensitivity to initial values that is looked for.
   */
  readonly increases: number;
}

/** Trains `net` in place for `steps` steps of length `dt`. Throws RangeError when the loss is no longer finite. */
export function trainDirect(net: Net, { x, y, n }: Samples, steps: number, dt: number): FlowResult {
  const losses: number[] = [];
  const tapes = net.layers.map(({ m }) => new Float64Array(m * n));
  for (let step = 0; step <= steps; step++) {
    const taped: Tape[] = [];
    let z = x;
    net.layers.forEach((layer, l) => {
      taped.push({ input: z, t: tapes[l]! });
      z = layerForward(net, layer, z, tapes[l]);
    });
    let p: Float64Array = z.map((value, j) => value - y[j]!);
    losses.push(p.reduce((sum, r) => sum + r * r, 0) / (2 * n));
    if (!Number.isFinite(losses.at(-1))) throw new RangeError(`trainDirect: the loss is ${losses.at(-1)} at step ${step}; a smaller dt than ${dt} is needed`);
    if (step === steps) break;
    for (let l = net.layers.length - 1; l >= 0; l--) p = layerStep(net, net.layers[l]!, taped[l]!, p, dt);
  }
  return { losses, increases: losses.filter((loss, i) => i > 0 && loss > losses[i - 1]!).length };
}
