/** Linear algebra of matrices of a few rows. */
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
 * substitutions for each b. Throws RangeError when A is singular.
 */
export function factorLinear(A: Rows): (b: ArrayLike<number>) => number[] {
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
    if (LU[pivot]![j] === 0) throw new RangeError('solveLinear: the matrix is singular');
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
  return factorLinear(A)(b);
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
