/**
 * The symmetric saddle, instance B: an initial law under which direct training really amplifies the thin net's error
 * at the rate that the Gronwall bound allows. Two modes z = (s, d), particle theta, block sigma = theta (s,
 * -d), skip g: s' = (g + theta_l) s, d' = (g - theta_l) d, where theta_l is the mean over the layer's particles, which
 * the flow closes on. Data: +-1 on either mode; y = kappa g^L. The infinitely wide net (theta = 0) is stationary by the
 * symmetry s <-> d, and unstable.
 */
import { filled } from '../../src/core/host-array.js';
import { checkAllFinite, checkFinite } from '../../src/core/range.js';
import { mean } from '../../src/core/stats.js';
import { integrate } from '../flow/integrators.js';
import { checkParticles, checkSaddle } from './check.js';
import { denseSystem, integrateStiff } from '../numerics/stiff.js';

/** Constants of the saddle. */
export interface Saddle {
  /** Skip; g = 1 is instance B1, in which all block Lipschitz constants are 1. */
  readonly g: number;
  /** Target over the wide net's own gain. */
  readonly kappa: number;
  readonly depth: number;
}

/**
 * Growth rate of the symmetric direction, lambda_L = g^{2L-2} ((kappa - 1)(L - 1) - L), from the linearized flow.
 * Throws RangeError on constants that are none.
 */
export function growthRate({ g, kappa, depth }: Saddle): number {
  checkSaddle('growthRate', { g, kappa, depth });
  return g ** (2 * depth - 2) * ((kappa - 1) * (depth - 1) - depth);
}

/**
 * lim sqrt(m) D(T) under direct training, g^{L-1} sqrt(L) s exp(lambda_L T), with s the standard deviation `std` of one
 * initial particle. Throws RangeError on constants, a time or a std that are none.
 */
export function directLimit(saddle: Saddle, time: number, std = 1): number {
  checkSaddle('directLimit', saddle);
  checkFinite('directLimit: time', time, 0);
  checkFinite('directLimit: std', std, 0);
  return saddle.g ** (saddle.depth - 1) * Math.sqrt(saddle.depth) * std * Math.exp(growthRate(saddle) * time);
}

/**
 * lim sqrt(m) E[sum_l h_l] for sampled particles (imitation with T_im = 0): g^{L-1} L s sqrt(2/pi), linear in depth for
 * g = 1. Throws RangeError on constants or a std that are none.
 */
export function telescopedLimit(saddle: Saddle, std = 1): number {
  checkSaddle('telescopedLimit', saddle);
  checkFinite('telescopedLimit: std', std, 0);
  const { g, depth } = saddle;
  return g ** (depth - 1) * depth * std * Math.sqrt(2 / Math.PI);
}

/** Throws RangeError on constants that are none, and unless there is one mean for each layer. */
function checkMeans(saddle: Saddle, theta: Float64Array): void {
  checkSaddle('saddle', saddle);
  if (theta.length !== saddle.depth)
    throw new RangeError(`saddle: theta: expected one for each of ${saddle.depth} layers, got ${theta.length}`);
}

function gains(theta: Float64Array, g: number): { plus: number; minus: number } {
  return {
    plus: theta.reduce((product, t) => product * (g + t), 1),
    minus: theta.reduce((product, t) => product * (g - t), 1),
  };
}

/**
 * D between layer means `theta` [L] and the infinitely wide net: sqrt of the mean over the two modes of the squared
 * gain error; not finite where the means have left float64. Throws RangeError on constants or means that do not fit.
 */
export function saddleDiscrepancy(saddle: Saddle, theta: Float64Array): number {
  checkMeans(saddle, theta);
  const { plus, minus } = gains(theta, saddle.g);
  const wide = saddle.g ** saddle.depth;
  return Math.sqrt(((plus - wide) ** 2 + (minus - wide) ** 2) / 2);
}

/** sum_l h_l of the telescoped hybrids: thin after layer l, wide up to it. As {@link saddleDiscrepancy} in all else. */
export function saddleTelescope(saddle: Saddle, theta: Float64Array): number {
  checkMeans(saddle, theta);
  let sum = 0;
  for (let l = 1; l <= saddle.depth; l++) {
    const tail = gains(theta.subarray(l), saddle.g);
    const head = saddle.g ** (l - 1);
    sum += Math.abs(theta[l - 1]!) * head * Math.sqrt((tail.plus ** 2 + tail.minus ** 2) / 2);
  }
  return sum;
}

/**
 * d theta / dt = - d loss / d theta of the layer means [L], with loss (1/4) [(P+ - y)^2 + (P- - y)^2], P+- = prod (g +-
 * theta_l). Throws RangeError on constants or means that are none.
 */
export function saddleVelocity(saddle: Saddle, theta: Float64Array): Float64Array {
  checkMeans(saddle, theta);
  checkAllFinite('saddleVelocity: theta', theta);
  return quickVelocity(saddle, theta);
}

/** {@link saddleVelocity} by division, and without where a layer's factor is 0. */
function quickVelocity(saddle: Saddle, theta: Float64Array): Float64Array {
  const { g, kappa, depth } = saddle;
  if (theta.some((t) => Math.abs(t) === g)) return stableVelocity(saddle, theta);
  const y = kappa * g ** depth;
  const { plus, minus } = gains(theta, g);
  return theta.map((t) => -0.5 * (((plus - y) * plus) / (g + t) - ((minus - y) * minus) / (g - t)));
}

/**
 * Direct training of the layer means by classical Runge-Kutta over time T; the loss is (1/4) [(P+ - y)^2 + (P- - y)^2].
 * Means that leave float64 on the way are returned as they are, not finite. Throws RangeError on constants, means, a
 * time or steps that are none.
 */
export function trainSaddle(saddle: Saddle, initial: Float64Array, time: number, steps: number): Float64Array {
  checkMeans(saddle, initial);
  checkAllFinite('trainSaddle: initial', initial);
  checkFinite('trainSaddle: time', time, 0);
  return integrate((theta) => quickVelocity(saddle, theta), initial, time, steps);
}

/** d theta / dt as {@link saddleVelocity}, by products without the layer's own factor, which may pass through zero. */
function stableVelocity({ g, kappa, depth }: Saddle, theta: Float64Array): Float64Array {
  const y = kappa * g ** depth;
  const { plus, minus } = gains(theta, g);
  const without = (l: number, sign: number): number =>
    theta.reduce((product, t, k) => (k === l ? product : product * (g + sign * t)), 1);
  return theta.map((_, l) => -0.5 * ((plus - y) * without(l, 1) - (minus - y) * without(l, -1)));
}

/**
 * Layer means [L] at `time` under direct training from `initial`, with a step that keeps the error of each step below
 * 1e-11 of their size, or of g. Throws RangeError when they leave float64.
 */
export function solveSaddle(saddle: Saddle, initial: Float64Array, time: number): Float64Array {
  checkMeans(saddle, initial);
  checkFinite('solveSaddle: time', time, 0);
  const floor = Math.max(1e-300, ...initial.map(Math.abs));
  return integrateStiff(
    denseSystem((theta) => stableVelocity(saddle, theta)),
    initial,
    time,
    { floor: Math.min(floor, saddle.g) },
  );
}

/** Layer means of real particles theta ~ N(0, s^2), [L, m] row-major. Throws RangeError on another shape. */
export function layerMeans(particles: Float64Array, depth: number): Float64Array {
  checkParticles('layerMeans', particles, depth);
  const m = particles.length / depth;
  return filled(new Float64Array(depth), (l) => mean(particles.subarray(l * m, (l + 1) * m)));
}
