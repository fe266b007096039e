/** Layerwise imitation: each thin layer follows the flow towards the wide layer's output. */
import { checkGiven } from '../model/arrays.js';
import { checkStates } from '../network/discrepancy.js';
import {
  checkSteps,
  flowResult,
  isExplosion,
  rungeKuttaStep,
  trainDirect,
  type FlowOptions,
  type FlowResult,
} from './direct.js';
import { checkIntegrator, INTEGRATORS } from './integrators.js';
import { activations, lossScale, velocity } from '../network/network.js';
import { singleLayer, type Layer, type Net } from '../model/particles.js';

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
 * are. One result for each layer. Throws RangeError when the nets differ in depth or dimension, and on
 * targets, steps or a dt that do not fit.
 */
export function imitate(thin: Net, wide: Net, x: Float64Array, options: ImitationOptions): FlowResult[] {
  for (const [name, net] of Object.entries({ thin, wide })) checkGiven(`imitate: ${name}`, net);
  if (thin.layers.length !== wide.layers.length || thin.d !== wide.d) {
    throw new RangeError(
      'imitate: expected nets of one depth and dimension, ' +
        `got ${thin.layers.length} x ${thin.d} and ${wide.layers.length} x ${wide.d}`,
    );
  }
  checkSteps('imitate', options);
  checkIntegrator('imitate', options.method ?? INTEGRATORS.euler);
  const { targets = activations(wide, x), inputs = 'wide' } = options;
  checkStates('imitate: targets', wide, targets, x);
  if (inputs !== 'wide' && inputs !== 'thin')
    throw new RangeError(`imitate: inputs: expected "wide" or "thin", got ${String(inputs)}`);
  if (inputs === 'thin') return imitateOnOwnInputs(thin, x, targets, options);
  const n = targets[0]!.length / thin.d;
  return thin.layers.map((_, l) =>
    trainDirect(singleLayer(thin, l), { n, x: targets[l]!, y: targets[l + 1]! }, options),
  );
}

/**
 * Velocity of every layer towards `targets`, fed with the net's own activations on x [N, d], and the layers' losses.
 */
function ownVelocity(
  net: Net,
  x: Float64Array,
  targets: readonly Float64Array[],
): { readonly layers: readonly Layer[]; readonly losses: readonly number[] } {
  const own = activations(net, x);
  const n = own[0]!.length / net.d;
  const found = net.layers.map((_, l) => velocity(singleLayer(net, l), { n, x: own[l]!, y: targets[l + 1]! }));
  return { layers: found.map(({ layers }) => layers[0]!), losses: found.map(({ loss }) => loss) };
}

/**
 * Imitation on the thin net's own activations, in place: the layers are one system, and each stage of a step moves all.
 */
function imitateOnOwnInputs(
  thin: Net,
  x: Float64Array,
  targets: readonly Float64Array[],
  { steps, dt, method = INTEGRATORS.euler, onStep }: FlowOptions,
): FlowResult[] {
  const n = targets[0]!.length / thin.d;
  const scales = thin.layers.map((_, l) => lossScale({ n, x: targets[l]!, y: targets[l + 1]! }));
  const losses: number[][] = thin.layers.map(() => []);
  // The targets stand still while the inputs move: the loss may rise without any instability, so rises are not counted.
  const results = (): FlowResult[] => losses.map((values, l) => ({ ...flowResult(values, scales[l]!), increases: 0 }));
  for (let step = 0; step < steps; step++) {
    const found = rungeKuttaStep(thin, (net) => ownVelocity(net, x, targets), dt, method);
    losses.forEach((all, l) => all.push(found.losses[l]!));
    if (losses.some((all, l) => isExplosion(all.at(-1)!, all, scales[l]!))) return results();
    onStep?.(step + 1);
  }
  ownVelocity(thin, x, targets).losses.forEach((loss, l) => losses[l]!.push(loss));
  return results();
}
