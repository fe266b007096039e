/** Gradient descent with momentum, as the flow of a heavy ball. */
import { checkGiven } from '../model/arrays.js';
import { checkFinite } from '../../src/core/range.js';
import { zerosLike, type Layer, type Net } from '../model/particles.js';
import type { Samples } from '../model/task.js';
import { trainBySteps, type FlowResult, type Move, type StepOptions, checkSteps } from './direct.js';

/** How a heavy ball is run. */
export interface MomentumOptions extends StepOptions {
  /** Rate at which the ball loses its momentum, at least 0; with dt it makes at most 1. */
  readonly friction: number;
}

/** Steps of a heavy ball, for `layers` that move in place from rest: p += dt (v - friction p), theta += dt p. */
export function momentumMove(
  layers: readonly Layer[],
  { friction, dt }: Pick<MomentumOptions, 'friction' | 'dt'>,
): Move {
  const momenta = zerosLike(layers);
  return (velocity) => {
    layers.forEach((layer, l) => {
      for (const name of ['a', 'b', 'bias'] as const) {
        const [to, p, by] = [layer[name], momenta[l]![name], velocity[l]![name]];
        for (let i = 0; i < to.length; i++) {
          p[i]! += dt * (by[i]! - friction * p[i]!);
          to[i]! += dt * p[i]!;
        }
      }
    });
  };
}

/**
 * Trains `net` in place by the flow theta'' = v - friction theta', with v the velocity of the gradient flow and theta'
 * = 0 at the start. One step is p += dt (v - friction p), theta += dt p, of order 1: gradient descent at rate dt^2 with
 * the momentum 1 - friction dt. Slow against the friction, it is the gradient flow in the time t / friction. A ball
 * rolls uphill, too: rises of the loss are not counted. Polyak 1964, "Some methods of speeding up the convergence of
 * iteration methods". Throws RangeError on a negative friction, and when friction dt is above 1, which would turn the
 * momentum round.
 */
export function trainMomentum(net: Net, samples: Samples, options: MomentumOptions): FlowResult {
  checkGiven('trainMomentum: net', net);
  checkSteps('trainMomentum', options);
  const { friction, dt } = options;
  checkFinite('trainMomentum: friction', friction, 0);
  if (friction * dt > 1)
    throw new RangeError(`trainMomentum: expected friction x dt of at most 1, got ${friction} x ${dt}`);
  return trainBySteps(net, samples, options, momentumMove(net.layers, options));
}
