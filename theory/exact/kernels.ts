/**
 * Gaussian averages of activations: E over (u, v) ~ N(0, C), C a 2 x 2 covariance. `erf` stands for erf(u / sqrt 2).
 */
import type { Activation } from '../model/particles.js';

export interface Covariance {
  readonly uu: number;
  readonly uv: number;
  readonly vv: number;
}

/**
 * E[erf(u/sqrt 2) erf(v/sqrt 2)] = (2/pi) asin(C_uv / sqrt((1 + C_uu)(1 + C_vv))). Williams 1997; Saad & Solla 1995.
 */
export function arcsineKernel({ uu, uv, vv }: Covariance): number {
  return (2 / Math.PI) * Math.asin(uv / Math.sqrt((1 + uu) * (1 + vv)));
}

/** E[g'(u) g'(v)] for g = erf(u/sqrt 2): (2/pi) / sqrt((1 + C_uu)(1 + C_vv) - C_uv^2). */
export function arcsineSlopeKernel({ uu, uv, vv }: Covariance): number {
  return 2 / Math.PI / Math.sqrt((1 + uu) * (1 + vv) - uv * uv);
}

/**
 * E act(sqrt(q) Z)^2 for Z ~ N(0, 1). tanh: the trapezoidal rule, which converges exponentially for a function that is
 * analytic near the line: the poles of tanh lie pi / (2 sqrt(q)) away, so the step h gives an error of exp(-pi^2 /
 * (sqrt(q) h)), below 1e-15 for q <= 120.
 */
export function meanSquare(activation: Activation, q: number): number {
  if (activation === 'erf') return arcsineKernel({ uu: q, uv: q, vv: q });
  if (activation === 'relu') return q / 2;
  const h = 0.025;
  let sum = 0;
  for (let z = h; z < 12; z += h) sum += Math.tanh(Math.sqrt(q) * z) ** 2 * Math.exp((-z * z) / 2);
  return (2 * h * sum) / Math.sqrt(2 * Math.PI);
}
