/** Linear algebra of matrices of a few rows. */
import { filled } from '../../src/core/host-array.js';
import { largest } from '../../src/core/stats.js';
import { exponentOf, timesPowerOfTwo } from './scale.js';

/** A matrix as its rows. */
export type Rows = readonly (readonly number[])[];

/** Rows of a matrix's columns. */
export function transposed(matrix: Rows): number[][] {
  return matrix[0]!.map((_, j) => matrix.map((row) => row[j]!));
}

/** The product of matrices [n, k] and [k, m]. */
export function product(left: Rows, right: Rows): number[][] {
  const columns = right[0]!.length;
  return left.map((row) => {
    const out = new Array<number>(columns).fill(0);
    // plain loops: recursions of exact limits are nothing but these
    for (let k = 0; k < row.length; k++) {
      const [value, other] = [row[k]!, right[k]!];
      for (let j = 0; j < columns; j++) out[j]! += value * other[j]!;
    }
    return out;
  });
}

/** Off-diagonal entries below this, times 1 / n, count as zero in a matrix whose largest entry is 1 to 2. */
const ZERO = 1e-12;

/**
 * Eigenvalues of a symmetric matrix [n, n], in no order, to about 1e-12 of its largest entry: Jacobi's rotations, the
 * largest off-diagonal entry first (Golub, Van Loan, Matrix Computations, section 8.5).
 */
export function symmetricEigenvalues(matrix: Rows): number[] {
  // powers of two change no digit, and thresholds and products of entries mean the same for every matrix
  const exponent = exponentOf(largest(matrix.map((row) => largest(row.map(Math.abs)))));
  const scaled = matrix.map((row) => row.map((value) => timesPowerOfTwo(value, -exponent)));
  return scaledEigenvalues(scaled).map((value) => timesPowerOfTwo(value, exponent));
}

/** Eigenvalues of a symmetric matrix whose largest entry is 1 to 2, in place. */
function scaledEigenvalues(A: number[][]): number[] {
  const n = A.length;
  for (;;) {
    let [p, q, largest] = [0, 1, 0];
    for (let i = 0; i < n; i++)
      for (let j = i + 1; j < n; j++) if (Math.abs(A[i]![j]!) > largest) [p, q, largest] = [i, j, Math.abs(A[i]![j]!)];
    if (largest < ZERO / n || n < 2) return A.map((row, i) => row[i]!);
    rotate(A, p, q);
  }
}

/** The rotation in the plane of axes p and q after which A[p][q] is zero, in place. */
function rotate(A: number[][], p: number, q: number): void {
  const [app, aqq, apq] = [A[p]![p]!, A[q]![q]!, A[p]![q]!];
  const angle = aqq === app ? Math.PI / 4 : 0.5 * Math.atan((2 * apq) / (aqq - app));
  const [c, s] = [Math.cos(angle), Math.sin(angle)];
  for (let k = 0; k < A.length; k++) {
    if (k === p || k === q) continue;
    const [akp, akq] = [A[p]![k]!, A[q]![k]!];
    A[p]![k] = A[k]![p] = c * akp - s * akq;
    A[q]![k] = A[k]![q] = s * akp + c * akq;
  }
  A[p]![p] = c * c * app - 2 * c * s * apq + s * s * aqq;
  A[q]![q] = s * s * app + 2 * c * s * apq + c * c * aqq;
  A[p]![q] = A[q]![p] = 0;
}

/**
 * A solver of A x = b for b [n], with A [n, n] factored once: A = L U with partial pivoting (Crout), then two
 * substitutions for each b. Throws RangeError, which says `what` asked, when A is singular.
 */
export function factorLinear(A: Rows, what = 'factorLinear'): (b: ArrayLike<number>) => number[] {
  const n = A.length;
  const LU = A.map((row) => [...row]);
  const order = LU.map((_, i) => i);
  for (let j = 0; j < n; j++) {
    for (let i = 0; i < n; i++) {
      let sum = 0;
      for (let k = 0; k < Math.min(i, j); k++) sum += LU[i]![k]! * LU[k]![j]!;
      LU[i]![j]! -= sum;
    }
    let pivot = j;
    for (let i = j + 1; i < n; i++) if (Math.abs(LU[i]![j]!) > Math.abs(LU[pivot]![j]!)) pivot = i;
    if (LU[pivot]![j] === 0) throw new RangeError(`${what}: the matrix is singular`);
    [LU[j], LU[pivot]] = [LU[pivot]!, LU[j]!];
    [order[j], order[pivot]] = [order[pivot]!, order[j]!];
    for (let i = j + 1; i < n; i++) LU[i]![j]! /= LU[j]![j]!;
  }
  return (b) => {
    const x = order.map((i) => b[i]!);
    for (let j = 0; j < n; j++) for (let i = j + 1; i < n; i++) x[i]! -= x[j]! * LU[i]![j]!;
    for (let j = n - 1; j >= 0; j--) {
      x[j]! /= LU[j]![j]!;
      for (let i = 0; i < j; i++) x[i]! -= x[j]! * LU[i]![j]!;
    }
    return x;
  };
}

/** x [n] of A x = b, with A [n, n] and b [n]. Throws RangeError when A is singular. */
export function solveLinear(A: Rows, b: readonly number[]): number[] {
  return factorLinear(A, 'solveLinear')(b);
}

/**
 * Inner product of `length` numbers of `u` from `at` and of `v` from `from`, in four sums, as one would wait for each
 * of its own additions.
 */
export function innerProduct(u: Float64Array, at: number, v: Float64Array, from: number, length: number): number {
  let [s0, s1, s2, s3] = [0, 0, 0, 0];
  let j = 0;
  for (; j + 3 < length; j += 4) {
    s0 += u[at + j]! * v[from + j]!;
    s1 += u[at + j + 1]! * v[from + j + 1]!;
    s2 += u[at + j + 2]! * v[from + j + 2]!;
    s3 += u[at + j + 3]! * v[from + j + 3]!;
  }
  for (; j < length; j++) s0 += u[at + j]! * v[from + j]!;
  return s0 + s1 + (s2 + s3);
}

/** Singular values of a matrix A [n, m], and its singular vectors: A = sum_j values[j] left[j] right[j]^T. */
export interface SingularValues {
  /** Those of the shorter side, min(n, m), in no order; one of 0 has a `left` or `right` of 0. */
  readonly values: Float64Array;
  /** Vectors [n], one for each value. */
  readonly left: readonly Float64Array[];
  /** Vectors [m], one for each value. */
  readonly right: readonly Float64Array[];
}

/** Cosine of two vectors below which they count as orthogonal, and sweeps after which rounding is all that is left. */
const [ORTHOGONAL, SWEEPS] = [4e-15, 60];

/**
 * Singular values of a matrix whose largest entry is about 1, to 1e-15 of the largest: Hestenes' one-sided Jacobi
 * rotations of the vectors along the shorter side (Golub, Van Loan, Matrix Computations, section 8.6.3).
 */
export function singularValues(matrix: readonly Float64Array[]): SingularValues {
  const [n, m] = [matrix.length, matrix[0]!.length];
  const wide = m > n;
  // k vectors along the longer side, and what they are made of
  const vectors = wide
    ? matrix.map((row) => row.slice())
    : Array.from({ length: m }, (_, j) => filled(new Float64Array(n), (i) => matrix[i]![j]!));
  const k = vectors.length;
  const pairs = vectors.map((vector, j) => ({ vector, makeup: new Float64Array(k).fill(1, j, j + 1) }));
  const dot = (u: Float64Array, v: Float64Array): number => innerProduct(u, 0, v, 0, u.length);
  // the square of a vector that is no more than rounding of the others
  const noise = (Number.EPSILON / 8) ** 2 * vectors.reduce((sum, vector) => sum + dot(vector, vector), 0);
  for (let [sweep, turned] = [0, true]; turned && sweep < SWEEPS; sweep++) {
    turned = false;
    // the longest first, with which fewer sweeps are needed
    pairs.sort((one, two) => dot(two.vector, two.vector) - dot(one.vector, one.vector));
    for (let p = 0; p < k; p++)
      for (let q = p + 1; q < k; q++) {
        const [{ vector: u, makeup: first }, { vector: v, makeup: second }] = [pairs[p]!, pairs[q]!];
        const [uu, vv, uv] = [dot(u, u), dot(v, v), dot(u, v)];
        if (!(Math.abs(uv) > ORTHOGONAL * Math.sqrt(uu) * Math.sqrt(vv)) || Math.min(uu, vv) <= noise) continue;
        turned = true;
        const zeta = (vv - uu) / (2 * uv);
        const tangent = (zeta < 0 ? -1 : 1) / (Math.abs(zeta) + Math.hypot(1, zeta));
        const cosine = 1 / Math.hypot(1, tangent);
        turn(u, v, cosine, cosine * tangent);
        turn(first, second, cosine, cosine * tangent);
      }
  }
  const values = filled(new Float64Array(k), (j) => Math.sqrt(dot(pairs[j]!.vector, pairs[j]!.vector)));
  const makeup = pairs.map((pair) => pair.makeup);
  const directions = pairs.map(({ vector }, j) => vector.map((entry) => (values[j] === 0 ? 0 : entry / values[j]!)));
  return wide ? { values, left: makeup, right: directions } : { values, left: directions, right: makeup };
}

/** The rotation of two vectors in their plane, in place. */
function turn(u: Float64Array, v: Float64Array, cosine: number, sine: number): void {
  for (let i = 0; i < u.length; i++) {
    const [a, b] = [u[i]!, v[i]!];
    u[i] = cosine * a - sine * b;
    v[i] = sine * a + cosine * b;
  }
}
