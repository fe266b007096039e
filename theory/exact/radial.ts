/**
 * Mean field of a two-layer net on isotropic Gaussians: x | y ~ N(0, tau_k^2 I_D), targets y_k with probability 1/2
 * each, f(x) = scale * mean_i erf(theta_i . x / sqrt 2)^2, loss (1/2)(y - f)^2. As D -> infinity particles enter by
 * their norm r alone. Mei, Montanari, Nguyen 2018 (PNAS), with an activation whose Gaussian average is in closed form.
 */
import { normals, rngKey } from '../../src/core/rng.js';
import { integrate } from '../flow/integrators.js';
import { erf } from '../numerics/erf.js';
import { gaussLegendre } from '../numerics/quadrature.js';

/** Data, scale of the net, and law of the initial norms. */
export interface Radial {
  readonly taus: readonly [number, number];
  readonly targets: readonly [number, number];
  readonly scale: number;
  /** Initial norms ~ Gamma(shape, rate): mean shape / rate. */
  readonly shape: number;
  readonly rate: number;
}

/** E erf(s Z / sqrt 2)^2 = (2/pi) asin(s^2 / (1 + s^2)). */
export function radialMean(s: number): number {
  return (2 / Math.PI) * Math.asin((s * s) / (1 + s * s));
}

/** d/ds of {@link radialMean}, (4/pi) s / ((1 + s^2) sqrt(1 + 2 s^2)). */
export function radialMeanDerivative(s: number): number {
  return ((4 / Math.PI) * s) / ((1 + s * s) * Math.sqrt(1 + 2 * s * s));
}

/** F_k = scale sum_i w_i q(tau_k r_i). */
function outputs({ taus, scale }: Radial, r: Float64Array, weights: Float64Array): number[] {
  return taus.map((tau) => scale * r.reduce((sum, value, i) => sum + weights[i]! * radialMean(tau * value), 0));
}

/** The risk (1/4) sum_k (y_k - F_k)^2 of particles of norms r [n] with weights [n] that add up to 1. */
export function radialRisk(radial: Radial, r: Float64Array, weights: Float64Array): number {
  return outputs(radial, r, weights).reduce((sum, F, k) => sum + (radial.targets[k]! - F) ** 2, 0) / 4;
}

/** dr/dt = sum_k (1/2)(y_k - F_k) scale tau_k q'(tau_k r) [n], for norms r [n] with weights [n]. */
export function radialVelocity(radial: Radial, r: Float64Array, weights: Float64Array): Float64Array {
  const { taus, targets, scale } = radial;
  const pulls = outputs(radial, r, weights).map((F, k) => 0.5 * (targets[k]! - F) * scale * taus[k]!);
  return r.map((value) => pulls.reduce((sum, pull, k) => sum + pull * radialMeanDerivative(taus[k]! * value), 0));
}

function gammaQuadrature({ shape, rate }: Radial, n: number): { nodes: Float64Array; weights: Float64Array } {
  const { nodes, weights } = gaussLegendre(n, 0, (shape + 12 * Math.sqrt(shape) + 30) / rate);
  const raw = weights.map((w, i) => w * nodes[i]! ** (shape - 1) * Math.exp(-rate * nodes[i]!));
  const total = raw.reduce((a, b) => a + b, 0);
  return { nodes, weights: raw.map((w) => w / total) };
}

/** Risk and mean norm at `time`: the law of r as 400 weighted points, moved by classical Runge-Kutta. */
export function solveRadial(
  radial: Radial,
  time: number,
  steps = 400,
): { readonly risk: number; readonly meanNorm: number } {
  const { nodes, weights } = gammaQuadrature(radial, 400);
  const r = integrate((y) => radialVelocity(radial, y, weights), nodes, time, steps);
  return { risk: radialRisk(radial, r, weights), meanNorm: r.reduce((sum, value, i) => sum + weights[i]! * value, 0) };
}

/** m norms from the Gamma law of a whole shape, as sums of squared normals. */
function gammaDraws({ shape, rate }: Radial, m: number, seed: number): Float64Array {
  if (!Number.isInteger(shape))
    throw new RangeError(`radialSgd: expected a whole shape of the Gamma law, got ${shape}`);
  const z = normals(rngKey(seed, 'radial', 'norms'), 2 * m * shape); // a sum of two squared normals is 2 Exp(1)
  return Float64Array.from({ length: m }, (_, i) => {
    let sum = 0;
    for (let j = 0; j < 2 * shape; j++) sum += z[2 * i * shape + j]! ** 2;
    return sum / 2 / rate;
  });
}

/**
 * The risk at `time` by stochastic gradient descent: m particles in D dimensions, one fresh sample for each step of
 * length dt. Tends to {@link solveRadial} as D, m -> infinity and dt -> 0. Throws RangeError when the shape of the
 * Gamma law is no whole number.
 */
export function radialSgd(
  radial: Radial,
  size: { D: number; m: number; dt: number },
  time: number,
  seed: number,
): number {
  const { D, m, dt } = size;
  const { taus, targets, scale } = radial;
  const norms = gammaDraws(radial, m, seed);
  const theta = normals(rngKey(seed, 'radial', 'directions'), m * D);
  const norm = (i: number): number => Math.hypot(...theta.subarray(i * D, (i + 1) * D));
  for (let i = 0; i < m; i++) {
    const factor = norms[i]! / norm(i);
    for (let k = 0; k < D; k++) theta[i * D + k]! *= factor;
  }
  const fields = new Float64Array(m);
  const values = new Float64Array(m);
  for (let step = 0, steps = Math.round(time / dt); step < steps; step++) {
    const draw = normals(rngKey(seed, 'radial', 'sample', step), D + 1);
    const k = draw[D]! > 0 ? 1 : 0;
    const x = draw.subarray(0, D).map((z) => taus[k]! * z);
    let f = 0;
    for (let i = 0; i < m; i++) {
      let u = 0;
      for (let j = 0; j < D; j++) u += theta[i * D + j]! * x[j]!;
      fields[i] = u;
      values[i] = erf(u * Math.SQRT1_2);
      f += values[i]! ** 2;
    }
    const pull = dt * (targets[k]! - (scale * f) / m) * scale;
    for (let i = 0; i < m; i++) {
      const factor = pull * 2 * values[i]! * Math.sqrt(2 / Math.PI) * Math.exp(-(fields[i]! ** 2) / 2);
      for (let j = 0; j < D; j++) theta[i * D + j]! += factor * x[j]!;
    }
  }
  const weights = new Float64Array(m).fill(1 / m);
  return radialRisk(
    radial,
    Float64Array.from({ length: m }, (_, i) => norm(i)),
    weights,
  );
}
