/** Tensors with values that are the same every time. */
import { sizeOf } from '../../src/core/host-array.js';
import { normals, rngKey } from '../../src/core/rng.js';
import { tf, type Tensor } from '../../src/engine/tensor.js';

/** Standard normal values of a shape, by a name. */
export function normalTensor(name: string, shape: readonly number[]): Tensor {
  return tf.tensor(Float32Array.from(normals(rngKey(3, name), sizeOf(shape))), [...shape]);
}
