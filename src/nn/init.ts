/**
 * Initial values, on the host: a parameter is drawn from the stream of its own path, so that order and engine do not
 * matter.
 */
import { Matrix, QrDecomposition } from 'ml-matrix';
import { sizeOf, type HostArray } from '../core/host-array.js';
import { checkFinite, checkPositive, checkShape } from '../core/range.js';
import { normals, rngKey, uniforms } from '../core/rng.js';

/**
 * Normal with variance 2 / (kernel area x out channels). Shape [h, w, in, out] or [in, out]. He et al. 2015, eq. 14
 * (fan-out form, as torchvision). Throws RangeError on a shape of fewer than two sizes.
 */
export function heNormal(seed: number, path: string, shape: readonly number[]): HostArray {
  checkShape(`heNormal ${path}`, shape);
  if (shape.length < 2)
    throw new RangeError(`heNormal ${path}: expected a shape of two sizes or more, got [${shape.join(', ')}]`);
  const std = Math.sqrt(2 / (sizeOf(shape) / shape.at(-2)!));
  return scaledNormal(seed, path, shape, std);
}

/** Draws at a time: a table of embeddings in float64 would be several times the network's own memory. */
const CHUNK = 2 ** 16;

/** Values that `fill` makes of as many draws of the stream of their path, some at a time. */
function drawnBy(
  draw: typeof normals,
  seed: number,
  path: string,
  shape: readonly number[],
  fill: (drawn: Float64Array, values: Float32Array) => void,
): HostArray {
  const values = new Float32Array(sizeOf(shape));
  const key = rngKey(seed, 'init', path);
  for (let at = 0; at < values.length; at += CHUNK) {
    const part = values.subarray(at, at + CHUNK);
    fill(draw(key, part.length, at), part);
  }
  return { shape, values };
}

/** Normal with mean 0 and standard deviation `std`, in any shape. Throws RangeError on a `std` that is none. */
export function scaledNormal(seed: number, path: string, shape: readonly number[], std: number): HostArray {
  checkShape(`scaledNormal ${path}`, shape);
  checkFinite(`scaledNormal ${path}: std`, std, 0);
  return drawnBy(normals, seed, path, shape, (drawn, values) => {
    for (let i = 0; i < drawn.length; i++) values[i] = drawn[i]! * std;
  });
}

/**
 * Uniform on +-1/sqrt(fan in), for dense layers. `fanIn` defaults to the first dimension. Throws RangeError unless it
 * is above 0.
 */
export function uniformFanIn(seed: number, path: string, shape: readonly number[], fanIn = shape[0]!): HostArray {
  checkShape(`uniformFanIn ${path}`, shape);
  checkPositive(`uniformFanIn ${path}: fanIn`, fanIn);
  const bound = 1 / Math.sqrt(fanIn);
  return drawnBy(uniforms, seed, path, shape, (drawn, values) => {
    for (let i = 0; i < drawn.length; i++) values[i] = (2 * drawn[i]! - 1) * bound;
  });
}

/**
 * A random matrix [in, out] with orthonormal rows or columns, whichever are fewer, times `gain`. Saxe, McClelland,
 * Ganguli 2014. Throws RangeError on a shape that is none, or a gain that is not finite.
 */
export function orthogonal(
  seed: number,
  path: string,
  [rows, columns]: readonly [number, number],
  gain = 1,
): HostArray {
  checkShape(`orthogonal ${path}`, [rows, columns]);
  checkFinite(`orthogonal ${path}: gain`, gain);
  const [tall, flat] = [Math.max(rows, columns), Math.min(rows, columns)];
  const drawn = new Matrix(
    Array.from({ length: tall }, (_, i) => Array.from(normals(rngKey(seed, 'init', path), flat, i * flat))),
  );
  const { orthogonalMatrix: q, upperTriangularMatrix: r } = new QrDecomposition(drawn);
  // the signs of R's diagonal make the distribution uniform (Mezzadri 2007)
  const at = (i: number, j: number): number => gain * q.get(i, j) * Math.sign(r.get(j, j));
  const values = new Float32Array(rows * columns);
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++)
      values[row * columns + column] = rows >= columns ? at(row, column) : at(column, row);
  return { shape: [rows, columns], values };
}

/** A parameter with one finite value everywhere. Throws RangeError on another value, or a shape that is none. */
export function constant(shape: readonly number[], value: number): HostArray {
  checkShape('constant', shape);
  checkFinite('constant: value', value);
  return { shape, values: new Float32Array(sizeOf(shape)).fill(value) };
}
