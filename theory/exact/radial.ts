/**
 * Mean field of a two-layer net on isotropic Gaussians: x | y ~ N(0, tau_k^2 I_D), targets y_k with probability 1/2
 * each, f(x) = scale * mean_i erf(theta_i . x / sqrt 2)^2, loss (1/2)(y - f)^2. As D -> infinity particles enter by
 * their norm r alone. Mei, Montanari, Nguyen 2018 (PNAS), with an activation whose Gaussian average is in closed form.
 */
import { messageOf } from '../../src/core/errors.js';
import { filled } from '../../src/core/host-array.js';
import { checkAllFinite, checkFinite, checkPositive, checkWhole, checkObject } from '../../src/core/range.js';
import { normals, rngKey } from '../../src/core/rng.js';
import { erf } from '../numerics/erf.js';
import { integrateStiff, type StiffSystem } from '../numerics/stiff.js';
import { arcsine } from './kernels.js';

/** Data, scale of the net, and law of the initial norms. */
export interface Radial {
  readonly taus: readonly [number, number];
  readonly targets: readonly [number, number];
  readonly scale: number;
  /** Initial norms ~ Gamma(shape, rate): mean shape / rate. */
  readonly shape: number;
  readonly rate: number;
}

/** Throws RangeError on data, or a law, that are none; `what` asks. */
function checkRadial(what: string, radial: Radial): void {
  checkObject(`${what}: setting`, radial, ['taus', 'targets', 'scale', 'shape', 'rate']);
  const { taus, targets, scale, shape, rate } = radial;
  for (const tau of taus) checkFinite(`${what}: taus`, tau, 0);
  checkAllFinite(`${what}: targets`, targets);
  checkFinite(`${what}: scale`, scale);
  checkPositive(`${what}: shape`, shape);
  checkPositive(`${what}: rate`, rate);
}

/** q(s) = E erf(s Z / sqrt 2)^2 = (2/pi) asin(s^2 / (1 + s^2)). Throws RangeError unless s is finite. */
export function radialMean(s: number): number {
  checkFinite('radialMean: s', s);
  return meanSquare(s);
}

/** Size of s from which q is 1, and its derivatives are their leading terms, to all digits. */
const ENDLESS = 1e50;

function meanSquare(s: number): number {
  if (Math.abs(s) > ENDLESS) return 1;
  return arcsine({ uu: s * s, uv: s * s, vv: s * s });
}

/** d/ds of {@link radialMean}, (4/pi) s / ((1 + s^2) sqrt(1 + 2 s^2)). Throws RangeError unless s is finite. */
export function radialMeanDerivative(s: number): number {
  checkFinite('radialMeanDerivative: s', s);
  return meanSquareSlope(s);
}

function meanSquareSlope(s: number): number {
  if (Math.abs(s) > ENDLESS) return (2 * Math.SQRT2) / Math.PI / s / Math.abs(s);
  return ((4 / Math.PI) * s) / ((1 + s * s) * Math.sqrt(1 + 2 * s * s));
}

/** q''(s) = (4/pi) (1 - s^2 - 4 s^4) / ((1 + s^2)^2 (1 + 2 s^2)^(3/2)). */
function radialMeanCurvature(s: number): number {
  if (Math.abs(s) > ENDLESS) return (-4 * Math.SQRT2) / Math.PI / s / s / Math.abs(s);
  const square = s * s;
  return ((4 / Math.PI) * (1 - square - 4 * square * square)) / ((1 + square) ** 2 * (1 + 2 * square) ** 1.5);
}

/** F_k = scale sum_i w_i q(tau_k r_i). */
function outputs({ taus, scale }: Radial, r: Float64Array, weights: Float64Array): number[] {
  return taus.map((tau) => scale * r.reduce((sum, value, i) => sum + weights[i]! * meanSquare(tau * value), 0));
}

/**
 * The risk (1/4) sum_k (y_k - F_k)^2 of particles of norms r [n] with weights [n] that add up to 1. Throws RangeError
 * unless there are as many of both, and on weights, norms or data that are none.
 */
export function radialRisk(radial: Radial, r: Float64Array, weights: Float64Array): number {
  if (r.length !== weights.length)
    throw new RangeError(`radialRisk: expected as many weights as norms, got ${weights.length} and ${r.length}`);
  checkRadial('radialRisk', radial);
  checkAllFinite('radialRisk: r', r);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  if (!(Math.abs(total - 1) <= 1e-9) || weights.some((weight) => weight < 0))
    throw new RangeError(`radialRisk: weights: expected numbers of at least 0 that add up to 1, got a sum of ${total}`);
  return riskOf(radial, r, weights);
}

function riskOf(radial: Radial, r: Float64Array, weights: Float64Array): number {
  return outputs(radial, r, weights).reduce((sum, F, k) => sum + (radial.targets[k]! - F) ** 2, 0) / 4;
}

/** dr/dt = sum_k (1/2)(y_k - F_k) scale tau_k q'(tau_k r) [n], for norms r [n] with weights [n]. */
function radialVelocity(radial: Radial, r: Float64Array, weights: Float64Array): Float64Array {
  const { taus, targets, scale } = radial;
  const pulls = outputs(radial, r, weights).map((F, k) => 0.5 * (targets[k]! - F) * scale * taus[k]!);
  return r.map((value) => pulls.reduce((sum, pull, k) => sum + pull * meanSquareSlope(taus[k]! * value), 0));
}

/** The law of the initial norms, as n points [n] with weights [n] that add up to 1. */
interface Quadrature {
  readonly nodes: Float64Array;
  readonly weights: Float64Array;
}

/** Share of the largest weight below which points of the quadrature are left out. */
const NEGLIGIBLE = 1e-17;

/**
 * Steps of an integration, and points times steps, at most: a scale of 600 takes some 1,800 steps, and both of these
 * some seconds to a minute; a scale of 1e9 would take hours.
 */
const [MOST_STEPS, MOST_MOVES] = [2000, 3e6];

/**
 * Points of the Gamma law by the trapezoidal rule in log r, which converges exponentially, also where the density is
 * singular at 0; `spacing` is the step, in parts of the law's own width.
 */
function gammaQuadrature({ shape, rate }: Radial, spacing: number): Quadrature {
  const h = spacing / Math.sqrt(1 + shape);
  // log of r^shape exp(-rate r), largest at r = shape / rate
  const logWeight = (x: number): number => shape * x - rate * Math.exp(x);
  const middle = Math.log(shape / rate);
  const [nodes, weights]: [number[], number[]] = [[], []];
  for (const side of [-1, 1])
    for (let i = side < 0 ? 1 : 0; ; i++) {
      const x = middle + side * i * h;
      const weight = Math.exp(logWeight(x) - logWeight(middle));
      if (!(weight > NEGLIGIBLE)) break;
      if (nodes.length >= MOST_MOVES) throw new RangeError(`the law of the norms takes more than ${MOST_MOVES} points`);
      nodes.push(Math.exp(x));
      weights.push(weight);
    }
  const total = weights.reduce((a, b) => a + b, 0);
  return {
    nodes: Float64Array.from(nodes),
    weights: filled(new Float64Array(weights.length), (i) => weights[i]! / total),
  };
}

/** The flow of norms with weights [n]; its Jacobian is a diagonal and one rank for each of the two classes. */
function radialSystem(radial: Radial, weights: Float64Array): StiffSystem {
  const { taus, targets, scale } = radial;
  return {
    velocity: (r) => radialVelocity(radial, r, weights),
    shifted: (r) => {
      const pulls = outputs(radial, r, weights).map((F, k) => 0.5 * (targets[k]! - F) * scale * taus[k]! ** 2);
      const diagonal = r.map((value) =>
        pulls.reduce((sum, pull, k) => sum + pull * radialMeanCurvature(taus[k]! * value), 0),
      );
      const derivatives = taus.map((tau) => r.map((value) => meanSquareSlope(tau * value)));
      return (h) => {
        // 1 - h J = D + sum_k u_k v_k^T with u_k = h scale^2 tau_k^2 q'_k / 2 and v_k = w q'_k: Woodbury's formula.
        const D = diagonal.map((value) => 1 - h * value);
        const U = derivatives.map((column, k) =>
          column.map((value, i) => (0.5 * h * scale * scale * taus[k]! ** 2 * value) / D[i]!),
        );
        const against = (k: number, b: Float64Array): number =>
          b.reduce((sum, value, i) => sum + weights[i]! * derivatives[k]![i]! * value, 0);
        const [a00, a01, a10, a11] = [
          1 + against(0, U[0]!),
          against(0, U[1]!),
          against(1, U[0]!),
          1 + against(1, U[1]!),
        ];
        const det = a00 * a11 - a01 * a10;
        return (b) => {
          const x = b.map((value, i) => value / D[i]!);
          const [s0, s1] = [against(0, x), against(1, x)];
          const [c0, c1] = [(a11 * s0 - a01 * s1) / det, (a00 * s1 - a10 * s0) / det];
          return x.map((value, i) => value - c0 * U[0]![i]! - c1 * U[1]![i]!);
        };
      };
    },
  };
}

/** Risk and mean norm of a radial mean field. */
export interface RadialState {
  readonly risk: number;
  readonly meanNorm: number;
}

function radialState(radial: Radial, time: number, spacing: number): RadialState {
  const { nodes, weights } = gammaQuadrature(radial, spacing);
  const mean = radial.shape / radial.rate;
  const most = Math.min(MOST_STEPS, Math.floor(MOST_MOVES / nodes.length));
  const r = integrateStiff(radialSystem(radial, weights), nodes, time, { floor: 1e-4 * mean, tolerance: 1e-11, most });
  return { risk: riskOf(radial, r, weights), meanNorm: r.reduce((sum, value, i) => sum + weights[i]! * value, 0) };
}

/** Spacings of the points of the law of r, each half of the one before; relative agreement that ends the halving. */
const SPACINGS = [0.2, 0.1, 0.05, 0.025, 0.0125];
const AGREEMENT = 1e-9;

/**
 * Risk and mean norm at `time`: the law of r as weighted points, twice as many until the risk and the mean norm move by
 * less than 1e-9 of their size. Throws RangeError where that many points do not settle them, and where it would take
 * longer than about a minute.
 */
export function solveRadial(radial: Radial, time: number): RadialState {
  checkRadial('solveRadial', radial);
  checkFinite('solveRadial: time', time, 0);
  const stateAt = (spacing: number): RadialState => {
    try {
      return radialState(radial, time, spacing);
    } catch (error) {
      throw new RangeError(
        `radial: ${messageOf(error)}; with scale ${radial.scale} and shape ${radial.shape} this takes too long: ` +
          'expected a smaller scale (up to some hundreds), a larger shape, or a shorter time',
        { cause: error },
      );
    }
  };
  let before = stateAt(SPACINGS[0]!);
  for (const spacing of SPACINGS.slice(1)) {
    const state = stateAt(spacing);
    const size = riskOf({ ...radial, scale: 0 }, new Float64Array(), new Float64Array());
    const moved = Math.max(
      Math.abs(state.risk - before.risk) / (Math.abs(state.risk) + 1e-3 * size),
      Math.abs(state.meanNorm - before.meanNorm) / state.meanNorm,
    );
    if (moved <= AGREEMENT) return state;
    before = state;
  }
  throw new RangeError(
    `radial: the law of the norms at time ${time} is too sharp for the points that stand for it; ` +
      'expected a shorter time, or a smaller scale',
  );
}

/** m norms from the Gamma law of a whole shape, as sums of squared normals. */
function gammaDraws({ shape, rate }: Radial, m: number, seed: number): Float64Array {
  if (!Number.isInteger(shape))
    throw new RangeError(`radialSgd: expected a whole shape of the Gamma law, got ${shape}`);
  const z = normals(rngKey(seed, 'radial', 'norms'), 2 * m * shape); // a sum of two squared normals is 2 Exp(1)
  return filled(new Float64Array(m), (i) => {
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
  checkRadial('radialSgd', radial);
  for (const [name, count] of Object.entries({ D, m })) checkWhole(`radialSgd: ${name}`, count, 1);
  checkPositive('radialSgd: dt', dt);
  checkFinite('radialSgd: time', time, 0);
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
  return riskOf(radial, filled(new Float64Array(m), norm), weights);
}
