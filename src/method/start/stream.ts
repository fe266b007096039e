/**
 * The stream: the channels that skip connections carry through a network. A free linear map at one of its boundaries
 * cannot be merged, since the skip adds the boundary unchanged past every kernel. What can: one orthonormal basis U [M,
 * m] for all boundaries (down U, up U^T: together the identity of the thin stream, nothing is left to merge), and
 * between layer norms a diagonal one (into the norm's scale and shift). Letters: m thin, M wide channels.
 */
import { EigenvalueDecomposition, Matrix } from 'ml-matrix';
import type { Dataset } from '../../data/dataset.js';
import { sizeOf, type HostArray } from '../../core/host-array.js';
import type { Network } from '../../nn/network.js';
import { wideMoments } from '../values/moments.js';
import type { Teacher } from '../values/weights.js';

/** An orthonormal basis for the channels that skip connections carry. */
export interface StreamBasis {
  /** U [M, m], orthonormal columns. */
  readonly basis: HostArray;
  /** Share of the wide stream's mean square that lies in it. */
  readonly share: number;
}

/**
 * The first `count` principal directions of a second-moment matrix [M, M], as columns [M, count], and the share of its
 * trace that they hold.
 */
export function principal(moment: Matrix, count: number): { readonly directions: Matrix; readonly share: number } {
  const { eigenvectorMatrix, realEigenvalues } = new EigenvalueDecomposition(moment, { assumeSymmetric: true });
  const order = Array.from(realEigenvalues.keys())
    .sort((a, b) => realEigenvalues[b]! - realEigenvalues[a]!)
    .slice(0, count);
  const held = order.reduce((sum, i) => sum + realEigenvalues[i]!, 0);
  return {
    directions: eigenvectorMatrix.subMatrixColumn(order),
    share: held / realEigenvalues.reduce((a, b) => a + b, 0),
  };
}

/** A matrix [rows, columns] as a parameter in float32. */
export function parameterOf(matrix: Matrix): HostArray {
  const { rows, columns } = matrix;
  const values = new Float32Array(rows * columns);
  for (let i = 0, k = 0; i < rows; i++) for (let j = 0; j < columns; j++, k++) values[k] = matrix.get(i, j);
  return { shape: [rows, columns], values };
}

/**
 * Principal components of the wide net's stream, all stage boundaries together, each as much as any other. Undefined
 * where the streams are as wide.
 */
export async function streamBasis(thin: Network, teacher: Teacher, data: Dataset): Promise<StreamBasis | undefined> {
  const taps = thin.boundaries.stage;
  const [m, M] = [thin, teacher.network].map(({ width }) => width(taps[0]!)) as [number, number];
  if (thin.stream === undefined || m === M) return undefined;
  const sums = await wideMoments(teacher, taps, data);
  const total = taps
    .map((tap) => sums[tap]!)
    .reduce((sum, moment) => sum.add(Matrix.div(moment, moment.trace())), Matrix.zeros(M, M));
  const { directions, share } = principal(total, m);
  return { basis: parameterOf(directions), share };
}

/**
 * A wide parameter in the basis, along the axes that are the stream's. A norm's scale becomes the diagonal of U^T
 * diag(gamma) U, larger by sqrt(share M / m): a norm of m channels gives m times their mean square, of the M channels'
 * only `share` lies in the basis.
 */
export function projectParameter(
  path: string,
  isStream: readonly boolean[],
  wide: HostArray,
  { basis, share }: StreamBasis,
): HostArray {
  const [M, m] = basis.shape as [number, number];
  if (path.endsWith('/gamma') && isStream[0]) {
    const squares = new Float32Array(basis.values.length);
    for (let k = 0; k < squares.length; k++) squares[k] = basis.values[k]! * basis.values[k]!;
    const diagonal = along(wide, 0, { shape: basis.shape, values: squares });
    const factor = Math.sqrt((share * M) / m);
    for (let j = 0; j < m; j++) diagonal.values[j] = diagonal.values[j]! * factor;
    return diagonal;
  }
  return isStream.reduce((value, yes, axis) => (yes ? along(value, axis, basis) : value), wide);
}

/** out[.., j, ..] = sum_i U[i, j] value[.., i, ..] along one axis. */
function along({ shape, values }: HostArray, axis: number, basis: HostArray): HostArray {
  const [M, m] = basis.shape as [number, number];
  const [outer, inner] = [sizeOf(shape.slice(0, axis)), sizeOf(shape.slice(axis + 1))];
  const out = new Float32Array(outer * m * inner);
  const row = new Float64Array(m * inner);
  for (let o = 0; o < outer; o++) {
    row.fill(0);
    for (let i = 0; i < M; i++) {
      const from = (o * M + i) * inner;
      for (let j = 0; j < m; j++) {
        const weight = basis.values[i * m + j]!;
        for (let k = 0; k < inner; k++) row[j * inner + k] = row[j * inner + k]! + weight * values[from + k]!;
      }
    }
    out.set(row, o * m * inner);
  }
  return { shape: shape.map((size, k) => (k === axis ? m : size)), values: out };
}
