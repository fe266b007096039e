/** Where mean-field Langevin dynamics come to rest, for one linear layer: a Gaussian law that interacts with itself. */

import { checkFinite, checkPositive, checkWhole } from '../../src/core/range.js';

/**
 * A layer z = alpha x + c E[b (a . x + bias)] in R^d that learns y = target x from inputs with E x = 0, E x x^T = I.
 */
export interface LangevinSetting {
  readonly alpha: number;
  readonly c: number;
  readonly target: number;
  /** Above 0. */
  readonly temperature: number;
  /** Weight decay, above 0. */
  readonly decay: number;
  /** 1 unless given. */
  readonly d?: number;
}

/** The stationary law: coordinates of a and b are Gaussian in pairs, the bias by itself, all with mean 0. */
export interface LangevinStationary {
  /** E a_k^2 = E b_k^2. */
  readonly variance: number;
  /** E a_k b_k. */
  readonly covariance: number;
  /** E bias^2 = temperature / decay. */
  readonly bias: number;
  /** (1/2) E |z - y|^2. */
  readonly risk: number;
  /** lim sqrt(m) D of m particles at rest beside infinitely many. */
  readonly sqrtMD: number;
}

/**
 * The stationary law of mean-field Langevin dynamics of one layer with the activation `identity` at infinite width. It
 * is the Gibbs law of its own potential, mu ~ exp(-(decay/2 |theta|^2 + q a . b) / temperature) with q = c (alpha + c s
 * - target) and s = E a_k b_k: Gaussian with s = -temperature q / (decay^2 - q^2). So q is the root within (-decay,
 * decay) of (q - c (alpha - target)) (decay^2 - q^2) + c^2 temperature q = 0; there is one, as the free energy is
 * convex in mu. Of m particles the Gibbs law is exp(-(m risk + decay/2 sum |theta_i|^2) / temperature): the means of
 * b_k a_l and b_k bias have the covariance (Sigma^-1 + c^2 / temperature)^-1 / m, with Sigma that of one particle, of
 * eigenvalues v^2 + s^2, v^2 - s^2 (v = E a_k^2) and v temperature / decay. With c = 0 each particle is an
 * Ornstein-Uhlenbeck process of variance temperature / decay. Mei, Montanari, Nguyen 2018 (arXiv 1804.06561). Throws
 * RangeError unless temperature and decay are above 0, and d is a whole number of at least 1.
 */
export function langevinStationary({
  alpha,
  c,
  target,
  temperature,
  decay,
  d = 1,
}: LangevinSetting): LangevinStationary {
  for (const [name, value] of Object.entries({ temperature, decay }))
    checkPositive(`langevinStationary: ${name}`, value);
  for (const [name, value] of Object.entries({ alpha, c, target })) checkFinite(`langevinStationary: ${name}`, value);
  checkWhole('langevinStationary: d', d, 1);
  const start = c * (alpha - target);
  let [low, high] = [-decay, decay];
  let q = 0;
  // halved until no float64 lies between; where nothing pulls, as with c = 0, the root is 0 itself
  for (let i = 0; i < 1100 && start !== 0; i++) {
    q = (low + high) / 2;
    if ((q - start) * (decay - q) * (decay + q) + c * c * temperature * q < 0) low = q;
    else high = q;
  }
  const direct = (decay - q) * (decay + q);
  // where q is near an end the difference has lost its digits, and the equation for q has them
  const rest = direct > decay ** 2 / 2 ? direct : (-c * c * temperature * q) / (q - start);
  const covariance = q === 0 ? 0 : (-temperature * q) / rest;
  const variance = (temperature * decay) / rest;
  // v^2 - s^2 = temperature^2 / rest, free of the cancellation
  const even = variance ** 2 + covariance ** 2;
  const eigenvalues = [
    [even, (d * (d + 1)) / 2],
    [temperature ** 2 / rest, (d * (d - 1)) / 2],
    [(variance * temperature) / decay, d],
  ] as const;
  const spread = eigenvalues.reduce((sum, [of, count]) => sum + (count * of) / (1 + (c * c * of) / temperature), 0);
  return {
    variance,
    covariance,
    bias: temperature / decay,
    risk: (d * (c === 0 ? alpha - target : q / c) ** 2) / 2,
    sqrtMD: Math.abs(c) * Math.sqrt(spread),
  };
}
