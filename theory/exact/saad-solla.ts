/**
 * Online learning of a soft committee machine: K student and M teacher units, g(u) = erf(u / sqrt 2), inputs xi ~ N(0,
 * I_N), one fresh input for each step, J_i += (eta/N) delta_i xi. For N -> infinity the overlaps Q = J J^T, R = J B^T
 * follow an ODE in alpha = steps / N. Saad & Solla 1995 (Phys. Rev. E 52, 4225), equations of motion with their eta^2
 * term.
 */
import { checkAllFinite, checkFinite, checkWhole, checkObject, checkList } from '../../src/core/range.js';
import { normals, rngKey } from '../../src/core/rng.js';
import { smallest } from '../../src/core/stats.js';
import { erf } from '../numerics/erf.js';
import { symmetricEigenvalues } from '../numerics/linear.js';
import { denseSystem, integrateStiff } from '../numerics/stiff.js';
import { arcsine, shiftedDeterminant } from './kernels.js';

/** A matrix as its rows. */
export type Matrix = readonly (readonly number[])[];

/** Overlaps that a soft committee machine's generalization error is a function of. */
export interface Committee {
  /** Student-student overlaps [K, K], student-teacher [K, M], teacher-teacher [M, M]. */
  readonly Q: Matrix;
  readonly R: Matrix;
  readonly T: Matrix;
}

/** Covariance of the fields (x_1 .. x_K, y_1 .. y_M). */
function covariance({ Q, R, T }: Committee): number[][] {
  return [...Q.map((row, i) => [...row, ...R[i]!]), ...T.map((row, n) => [...R.map((r) => r[n]!), ...row])];
}

/** Rows and columns of a matrix for a message, of which rows may have several lengths: `[2, 1 or 2]`. */
function sizesOf(rows: Matrix): string {
  const lengths = new Set(rows.map(({ length }) => length));
  return `[${rows.length}, ${[...lengths].sort((a, b) => a - b).join(' or ')}]`;
}

/** Throws RangeError when the sizes do not fit, or an overlap is not finite. */
function checkSizes(committee: Committee): void {
  checkObject('committee', committee, ['Q', 'R', 'T']);
  const { Q, R, T } = committee;
  for (const [name, rows] of Object.entries({ Q, R, T }))
    for (const row of [rows, ...rows]) checkList(`committee: ${name}`, row);
  const [K, M] = [Q.length, T.length];
  if (
    K < 1 ||
    M < 1 ||
    R.length !== K ||
    Q.some((row) => row.length !== K) ||
    R.some((row) => row.length !== M) ||
    T.some((row) => row.length !== M)
  ) {
    throw new RangeError(
      'committee: expected Q [K, K], R [K, M], T [M, M], got ' +
        Object.entries({ Q, R, T })
          .map(([name, rows]) => `${name} ${sizesOf(rows)}`)
          .join(', '),
    );
  }
  for (const [name, rows] of Object.entries({ Q, R, T })) checkAllFinite(`committee: ${name}`, rows.flat());
}

/** Share of the largest overlap by which rounding may move overlaps that are given, and errors those of a solution. */
const [GIVEN, SOLVED] = [1e-12, 1e-6];

/**
 * Throws RangeError that names the matrix when the sizes do not fit, or the overlaps are not those of any vectors: Q
 * and T are symmetric, and [[Q, R], [R^T, T]] is positive semidefinite. `slack` is what they may miss that by.
 */
export function checkCommittee(committee: Committee, slack = GIVEN): void {
  checkSizes(committee);
  const { Q, T } = committee;
  for (const [name, C] of Object.entries({ Q, T })) {
    checkSymmetric(name, C, slack);
    checkGram(name, C, slack);
  }
  checkGram('the joint matrix [[Q, R], [R^T, T]]', covariance(committee), slack);
}

/** The largest overlap of a vector with itself. */
const sizeOf = (C: Matrix): number => Math.max(...C.map((row, i) => Math.abs(row[i]!)));

function checkSymmetric(name: string, C: Matrix, slack: number): void {
  const size = sizeOf(C);
  C.forEach((row, i) =>
    row.forEach((value, j) => {
      if (Math.abs(value - C[j]![i]!) > slack * size)
        throw new RangeError(
          `committee: ${name}: expected a symmetric matrix, got ${value} in row ${i + 1}, column ${j + 1} and ` +
            `${C[j]![i]} in row ${j + 1}, column ${i + 1}`,
        );
    }),
  );
}

/**
 * Throws RangeError unless C is positive semidefinite. By pairs first: |C_ij|^2 <= C_ii C_jj, which the eigenvalues do
 * not tell where one vector is far smaller than another.
 */
function checkGram(name: string, C: Matrix, slack: number): void {
  const size = sizeOf(C);
  const lengths = C.map((row, i) => Math.sqrt(row[i]!));
  // rounding is a share of the lengths, the error of a solution one of the longest
  const missed = slack > GIVEN ? slack * size : 0;
  const fits =
    C.every((row, i) => row[i]! >= -missed) &&
    C.every((row, i) =>
      row.every((value, j) => Math.abs(value) <= (lengths[i] || 0) * (lengths[j] || 0) * (1 + GIVEN) + missed),
    ) &&
    (size === 0 ||
      smallest(symmetricEigenvalues(C.map((row) => row.map((value) => value / size)))) >= -C.length * slack);
  if (!fits)
    throw new RangeError(
      `committee: ${name} is not positive semidefinite: the overlaps Q, R, T are not those of any vectors`,
    );
}

/**
 * The generalization error eps_g = (1/2) <(sum_i g(x_i) - sum_n g(y_n))^2>, over inputs. Throws RangeError when the
 * sizes do not fit, or the overlaps are not those of vectors, as nearly as a solution is known.
 */
export function generalizationError(committee: Committee): number {
  checkCommittee(committee, SOLVED);
  return errorOf(committee);
}

/** {@link generalizationError} of overlaps that a solver came to, from a start that was checked. */
export function errorOf(committee: Committee): number {
  const C = covariance(committee);
  const K = committee.Q.length;
  let sum = 0;
  C.forEach((row, i) =>
    row.forEach(
      (value, j) => (sum += (i < K === j < K ? 1 : -1) * arcsine({ uu: C[i]![i]!, uv: value, vv: C[j]![j]! })),
    ),
  );
  // a mean square, which rounding may put below 0
  return Math.max(0, sum / 2);
}

/** (1 + C_ii)(1 + C_jj) - C_ij^2. */
const pairDeterminant = (C: number[][], i: number, j: number): number =>
  shiftedDeterminant({ uu: C[i]![i]!, uv: C[i]![j]!, vv: C[j]![j]! });

/** <g'(u) v g(w)> for the fields i, j, k. */
function I3(C: number[][], i: number, j: number, k: number): number {
  const [c11, c12, c13, c23] = [C[i]![i]!, C[i]![j]!, C[i]![k]!, C[j]![k]!];
  return (2 / Math.PI / Math.sqrt(pairDeterminant(C, i, k))) * (c23 - (c12 * c13) / (1 + c11));
}

/**
 * <g'(u) g'(v) g(w) g(z)> for the fields i, j, k, l: (4/pi^2) / sqrt(Lambda_4) asin(Lambda_0 / sqrt(Lambda_1
 * Lambda_2)) in Saad & Solla's letters. Lambda_0, 1 and 2 over Lambda_4 are what is left of the covariance of w and z,
 * each with a unit variance added, when u and v are eliminated: by elimination they keep their digits for large
 * overlaps.
 */
function I4(C: number[][], i: number, j: number, k: number, l: number): number {
  const at = (p: number, q: number): number => C[p]![q]!;
  const first = 1 + at(i, i);
  const rest = (p: number, q: number): number => at(p, q) - (at(i, p) * at(i, q)) / first;
  const second = 1 + rest(j, j);
  const left = (p: number, q: number): number => rest(p, q) - (rest(j, p) * rest(j, q)) / second;
  const [kk, kl, ll] = [1 + left(k, k), left(k, l), 1 + left(l, l)];
  const angle = Math.atan2(kl, Math.sqrt(Math.max(kk * ll - kl * kl, 0)));
  return (4 / Math.PI ** 2 / Math.sqrt(pairDeterminant(C, i, j))) * angle;
}

/**
 * dQ/dalpha [K, K] and dR/dalpha [K, M] at learning rate eta: Saad & Solla's equations of motion. Throws RangeError
 * when the sizes do not fit. The stages of an integrator may leave the overlaps of vectors by its error, so that this
 * is not asked of them here.
 */
export function committeeVelocity(
  committee: Committee,
  eta: number,
): { readonly Q: number[][]; readonly R: number[][] } {
  checkSizes(committee);
  checkFinite('committeeVelocity: eta', eta);
  return velocityOf(committee, eta);
}

function velocityOf(committee: Committee, eta: number): { readonly Q: number[][]; readonly R: number[][] } {
  const C = covariance(committee);
  const K = committee.Q.length;
  const fields = C.map((_, i) => i);
  const sign = (i: number): number => (i < K ? -1 : 1); // delta = g'(x) (sum g(y) - sum g(x))
  const drift = (i: number, j: number): number => fields.reduce((sum, k) => sum + sign(k) * I3(C, i, j, k), 0);
  const noise = (i: number, j: number): number =>
    fields.reduce((sum, k) => sum + fields.reduce((part, l) => part + sign(k) * sign(l) * I4(C, i, j, k, l), 0), 0);
  return {
    Q: committee.Q.map((row, i) => row.map((_, j) => eta * (drift(i, j) + drift(j, i)) + eta * eta * noise(i, j))),
    R: committee.R.map((row, i) => row.map((_, n) => eta * drift(i, K + n))),
  };
}

/**
 * Overlaps at `alpha` = examples / N, to 1e-9 of their size. Throws RangeError when the overlaps at the start are not
 * those of vectors, or when they leave float64.
 */
export function solveCommittee(start: Committee, eta: number, alpha: number): Committee {
  checkCommittee(start);
  checkFinite('solveCommittee: eta', eta);
  checkFinite('solveCommittee: alpha', alpha, 0);
  const [K, M] = [start.Q.length, start.T.length];
  const unpack = (y: Float64Array): Committee => ({
    Q: Array.from({ length: K }, (_, i) => [...y.subarray(i * K, (i + 1) * K)]),
    R: Array.from({ length: K }, (_, i) => [...y.subarray(K * K + i * M, K * K + (i + 1) * M)]),
    T: start.T,
  });
  const pack = ({ Q, R }: Pick<Committee, 'Q' | 'R'>): Float64Array => Float64Array.from([...Q.flat(), ...R.flat()]);
  return unpack(
    integrateStiff(
      denseSystem((y) => pack(velocityOf(unpack(y), eta))),
      pack(start),
      alpha,
    ),
  );
}

/** Lower triangle F with F F^T = C, a positive semidefinite matrix. */
function cholesky(C: number[][]): number[][] {
  const F = C.map((row) => row.map(() => 0));
  C.forEach((row, i) => {
    for (let j = 0; j <= i; j++) {
      const rest = row[j]! - F[i]!.slice(0, j).reduce((sum, value, k) => sum + value * F[j]![k]!, 0);
      F[i]![j] = i === j ? Math.sqrt(Math.max(rest, 0)) : F[j]![j]! === 0 ? 0 : rest / F[j]![j]!;
    }
  });
  return F;
}

/**
 * The generalization error at each alpha of `times` (increasing) by stochastic gradient descent in N dimensions: the
 * finite system that {@link solveCommittee} is the limit of. Throws RangeError as that does.
 */
export function committeeSgd(
  start: Committee,
  eta: number,
  times: readonly number[],
  N: number,
  seed: number,
): number[] {
  checkCommittee(start);
  checkFinite('committeeSgd: eta', eta);
  const [K, M] = [start.Q.length, start.T.length];
  checkWhole('committeeSgd: N', N, K + M);
  if (times.some((time, i) => !(time >= (times[i - 1] ?? 0) && time < Infinity)))
    throw new RangeError(`committeeSgd: times: expected finite numbers from 0 on, increasing, got ${times.join(', ')}`);
  // Vectors with the given overlaps, in the first K + M coordinates.
  const vectors = cholesky(covariance(start)).map((row) => {
    const v = new Float64Array(N);
    v.set(row);
    return v;
  });
  const dot = (u: Float64Array, v: Float64Array): number => {
    let sum = 0;
    for (let k = 0; k < N; k++) sum += u[k]! * v[k]!;
    return sum;
  };
  const overlaps = (): Committee => {
    const C = vectors.map((u) => vectors.map((v) => dot(u, v)));
    return {
      Q: C.slice(0, K).map((row) => row.slice(0, K)),
      R: C.slice(0, K).map((row) => row.slice(K)),
      T: C.slice(K).map((row) => row.slice(K)),
    };
  };
  const results: number[] = [];
  let done = 0;
  const fields = new Float64Array(K + M);
  for (const time of times) {
    for (const last = Math.round(time * N); done < last; done++) {
      const xi = normals(rngKey(seed, 'committee', done), N);
      vectors.forEach((v, i) => (fields[i] = dot(v, xi)));
      let error = 0;
      fields.forEach((u, i) => (error += (i < K ? -1 : 1) * erf(u * Math.SQRT1_2)));
      for (let i = 0; i < K; i++) {
        const u = fields[i]!;
        const step = (eta / N) * error * Math.sqrt(2 / Math.PI) * Math.exp((-u * u) / 2);
        const v = vectors[i]!;
        for (let k = 0; k < N; k++) v[k]! += step * xi[k]!;
      }
    }
    results.push(errorOf(overlaps()));
  }
  return results;
}
