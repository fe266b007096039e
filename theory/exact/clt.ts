/**
 * Central limit of the thin net at time zero. With alpha = 1, rho = 0 and c = 1 the layers' deviations are independent, and
 * sqrt(m) D -> sqrt(L d E tanh(u)^2) as c^2/m times the variance of one particle's output adds up over layers, to leading order in 1/m.
 */
import { BIAS_DEVIATION } from '../particles.js';

/** Composite Boole rule with `n` (a multiple of 4) intervals: error O(h^6). */
function boole(f: (x: number) => number, from: number, to: number, n: number): number {
  const h = (to - from) / n;
  const weights = [14, 32, 12, 32];
  let sum = 7 * (f(to) - f(from));
  for (let i = 0; i < n; i++) sum += weights[i % 4]! * f(from + i * h);
  return (2 * h * sum) / 45;
}

/**
 * E tanh(sqrt(q) Z)^2 for Z ~ N(0, 1), by the trapezoidal rule, which converges exponentially for a function that is analytic near
 * the line: the poles of tanh lie pi / (2 sqrt(q)) away, so the step h gives an error of exp(-pi^2 / (sqrt(q) h)), below 1e-15 for
 * q <= 120. (Simpson's rule at the same step is off by 1e-7.)
 */
function meanSquareTanh(q: number): number {
  const h = 0.025;
  let sum = 0;
  for (let z = h; z < 12; z += h) sum += Math.tanh(Math.sqrt(q) * z) ** 2 * Math.exp((-z * z) / 2);
  return (2 * h * sum) / Math.sqrt(2 * Math.PI);
}

/** E tanh(a . x + bias)^2 for a, x ~ N(0, I_d), bias ~ N(0, 1/4): the pre-activation is N(0, |x|^2 + 1/4) given x. `d` even. */
export function tanhSecondMoment(d: number): number {
  if (d < 2 || d % 2 !== 0) throw new RangeError(`tanhSecondMoment: expected an even d of at least 2, got ${d}`);
  let factorial = 1;
  for (let k = 2; k < d / 2; k++) factorial *= k;
  // |x|^2 is chi-squared with d degrees of freedom: density r^{d/2-1} e^{-r/2} / (2^{d/2} (d/2-1)!).
  const density = (r: number): number => (r ** (d / 2 - 1) * Math.exp(-r / 2)) / (2 ** (d / 2) * factorial);
  return boole((r) => density(r) * meanSquareTanh(r + BIAS_DEVIATION ** 2), 0, 120, 4800);
}

/** lim sqrt(m) D at time zero. */
export function cltConstant(d: number, depth: number): number {
  return Math.sqrt(depth * d * tanhSecondMoment(d));
}
