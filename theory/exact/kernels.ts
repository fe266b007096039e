/** Gaussian averages of g(u) = erf(u / sqrt 2): E over (u, v) ~ N(0, C), with C a 2 x 2 covariance. */

import { checkFinite } from '../../src/core/range.js';
import { exponentOf, timesPowerOfTwo } from '../numerics/scale.js';

/** C, of two Gaussian variables u and v with mean 0. */
export interface Covariance {
  readonly uu: number;
  readonly uv: number;
  readonly vv: number;
}

/** 2^27 + 1: splits a number of 53 bits into two of 26. */
const SPLIT = 134_217_729;

/** a b as a rounded product and what the rounding took off, exactly. Dekker 1971. */
function twoProduct(a: number, b: number): readonly [product: number, rest: number] {
  const halves = (x: number): readonly [number, number] => {
    const scaled = SPLIT * x;
    const high = scaled - (scaled - x);
    return [high, x - high];
  };
  const [[ah, al], [bh, bl], product] = [halves(a), halves(b), a * b];
  return [product, ah * bh - product + ah * bl + al * bh + al * bl];
}

/**
 * (1 + C_uu)(1 + C_vv) - C_uv^2 = 1 + C_uu + C_vv + det C, with det C free of the cancellation that large covariances
 * of full correlation bring: at C = 1e15 the first form has no correct digit.
 */
export function shiftedDeterminant({ uu, uv, vv }: Covariance): number {
  const [first, second] = [twoProduct(uu, vv), twoProduct(uv, uv)];
  const det = first[0] - second[0] + (first[1] - second[1]);
  const sum = 1 + uu + vv + det;
  // A correlation that rounding put above 1 is one of 1.
  return sum > 0 ? sum : 1 + uu + vv;
}

/** Variance from which products of two may leave float64. */
const LARGE = 1e140;

/**
 * The root of {@link shiftedDeterminant}, and C_uv, both divided by 2^exponent: u and v are by powers of two, so that
 * what is squared stays near 1.
 */
function shiftedRoot({ uu, uv, vv }: Covariance): {
  readonly uv: number;
  readonly root: number;
  readonly exponent: number;
} {
  if (Math.max(uu, vv) <= LARGE) return { uv, root: Math.sqrt(shiftedDeterminant({ uu, uv, vv })), exponent: 0 };
  const [e, f] = [uu, vv].map((variance) => Math.max(0, Math.floor(exponentOf(variance) / 2))) as [number, number];
  const [p, q] = [timesPowerOfTwo(1, -2 * e), timesPowerOfTwo(1, -2 * f)];
  const C = { uu: uu * p, uv: timesPowerOfTwo(uv, -e - f), vv: vv * q };
  const [first, second] = [twoProduct(C.uu, C.vv), twoProduct(C.uv, C.uv)];
  const rest = p * q + p * C.vv + q * C.uu;
  const sum = rest + (first[0] - second[0] + (first[1] - second[1]));
  return { uv: C.uv, root: Math.sqrt(sum > 0 ? sum : rest), exponent: e + f };
}

/** Throws RangeError unless C is a covariance, but for rounding: variances of at least 0, |C_uv| <= sqrt(C_uu C_vv). */
function checkCovariance(what: string, { uu, uv, vv }: Covariance): void {
  checkFinite(`${what}: uu`, uu, 0);
  checkFinite(`${what}: uv`, uv);
  checkFinite(`${what}: vv`, vv, 0);
  if (Math.abs(uv) > Math.sqrt(uu) * Math.sqrt(vv) * (1 + 1e-12))
    throw new RangeError(`${what}: expected a covariance, uv^2 <= uu vv, got uu = ${uu}, uv = ${uv}, vv = ${vv}`);
}

/** {@link arcsineKernel} of what is a covariance to the accuracy of a solution, which may miss one by more. */
export function arcsine(C: Covariance): number {
  const { uv, root } = shiftedRoot(C);
  return (2 / Math.PI) * Math.atan2(uv, root);
}

/**
 * E[erf(u/sqrt 2) erf(v/sqrt 2)] = (2/pi) asin(C_uv / sqrt((1 + C_uu)(1 + C_vv))), as an arctangent, which is accurate
 * near 1, too. Williams 1997; Saad & Solla 1995. To 1e-14. Throws RangeError unless C is a covariance.
 */
export function arcsineKernel(C: Covariance): number {
  checkCovariance('arcsineKernel', C);
  return arcsine(C);
}

/**
 * E[g'(u) g'(v)] for g = erf(u/sqrt 2): (2/pi) / sqrt((1 + C_uu)(1 + C_vv) - C_uv^2). Throws RangeError unless C is a
 * covariance.
 */
export function arcsineDerivativeKernel(C: Covariance): number {
  checkCovariance('arcsineDerivativeKernel', C);
  const { root, exponent } = shiftedRoot(C);
  return timesPowerOfTwo(2 / Math.PI / root, -exponent);
}
