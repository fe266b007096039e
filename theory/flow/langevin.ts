/** Mean-field Langevin dynamics: the gradient flow with Gaussian noise on every particle, and weight decay. */
import { checkGiven } from '../model/arrays.js';
import { checkFinite } from '../../src/core/range.js';
import { normals, rngKey } from '../../src/core/rng.js';
import { pick, type Layer, type Net } from '../model/particles.js';
import type { Samples } from '../model/task.js';
import { trainBySteps, type FlowResult, type Move, type StepOptions, checkSteps } from './direct.js';

/** Standard normal numbers of one step for every coordinate of every particle, with the shapes of a net's layers. */
export type ParticleNoise = (step: number) => readonly Layer[];

/**
 * The noise of a net's particles, from a stream for each array of each layer; `path` names an independent draw of the
 * seed. A step's numbers depend on the step alone, so that any of them can be drawn again.
 */
export function particleNoise({ layers }: Net, seed: number, path: readonly (string | number)[] = []): ParticleNoise {
  const streams = layers.map(({ m, a, b, bias }, l) => {
    const stream = (name: string, { length }: Float64Array) => {
      const key = rngKey(seed, ...path, 'langevin', name, l);
      return (step: number): Float64Array => normals(key, length, step * length);
    };
    return { m, a: stream('a', a), b: stream('b', b), bias: stream('bias', bias) };
  });
  return (step) => streams.map(({ m, a, b, bias }): Layer => ({ m, a: a(step), b: b(step), bias: bias(step) }));
}

/**
 * The noise of the particles at `indices`, one list for each layer of a net of dimension d: thin nets that share the
 * wide net's noise stay coupled to it.
 */
export function pickNoise(noise: ParticleNoise, d: number, indices: readonly Uint32Array[]): ParticleNoise {
  return (step) => noise(step).map((layer, l) => pick(layer, d, indices[l]!));
}

/** How Langevin dynamics are run. */
export interface LangevinOptions extends StepOptions {
  /** Half of the noise's variance in a unit of time, at least 0. */
  readonly temperature: number;
  /** Rate at which parameters decay towards 0; 0 unless given. */
  readonly decay?: number;
  readonly noise: ParticleNoise;
}

/**
 * One Euler-Maruyama step of `layers` in place, given their velocity and the step's number: theta += dt (v - decay
 * theta) + sqrt(2 temperature dt) xi, with xi the step's noise.
 */
export function langevinMove(
  layers: readonly Layer[],
  { temperature, decay = 0, dt, noise }: Omit<LangevinOptions, 'steps'>,
): Move {
  const size = Math.sqrt(2 * temperature * dt);
  return (velocity, step) => {
    const kicks = size === 0 ? velocity : noise(step);
    layers.forEach((layer, l) => {
      for (const name of ['a', 'b', 'bias'] as const) {
        const [to, by, kick] = [layer[name], velocity[l]![name], kicks[l]![name]];
        for (let i = 0; i < to.length; i++) to[i]! += dt * (by[i]! - decay * to[i]!) + size * kick[i]!;
      }
    });
  };
}

/**
 * Trains `net` in place by the Euler-Maruyama method for d theta = (v - decay theta) dt + sqrt(2 temperature) dW, with
 * v the velocity of the gradient flow and W a Brownian motion for each particle. As the noise does not depend on the
 * state, the method is of strong and weak order 1. Its law at infinite width tends to the minimum of loss + decay/2
 * E|theta|^2 - temperature entropy. The losses are those before each step; noise makes them rise, so that rises are not
 * counted. Mei, Montanari, Nguyen 2018 (arXiv 1804.06561); Kloeden, Platen 1992, section 10.2. Throws RangeError on a
 * negative temperature or decay, and where decay times dt is above 1, which turns the particles round in every step.
 */
export function trainLangevin(net: Net, samples: Samples, options: LangevinOptions): FlowResult {
  checkGiven('trainLangevin: net', net);
  checkSteps('trainLangevin', options);
  checkFinite('trainLangevin: temperature', options.temperature, 0);
  const { decay = 0, dt } = options;
  checkFinite('trainLangevin: decay', decay, 0);
  if (decay * dt > 1)
    throw new RangeError(`trainLangevin: decay: expected decay times dt of at most 1, got ${decay * dt}`);
  return trainBySteps(net, samples, options, langevinMove(net.layers, options));
}
