/** How exact the products of the engine in use are. */
import { normals, rngKey } from '../core/rng.js';
import { tf } from './tensor.js';

const SIZE = 64;

/**
 * Rounding of a product of matrices [64, 64] on the engine in use: its largest difference from the product in float64,
 * relative to the largest value. Some 1e-7 where products are float32; some 3e-4 where they take only the first ten
 * bits after the point of what they multiply, as TensorFlow's do on an NVIDIA GPU with TF32.
 */
export async function productRounding(): Promise<number> {
  const [a, b] = ['a', 'b'].map((name) => Float32Array.from(normals(rngKey(1, 'rounding', name), SIZE * SIZE)));
  const product = tf.tidy(() => tf.matMul(tf.tensor2d(a!, [SIZE, SIZE]), tf.tensor2d(b!, [SIZE, SIZE])));
  const values = await product.data();
  product.dispose();
  let [largest, difference] = [0, 0];
  for (let i = 0; i < SIZE; i++) {
    for (let j = 0; j < SIZE; j++) {
      let exact = 0;
      for (let k = 0; k < SIZE; k++) exact += a![i * SIZE + k]! * b![k * SIZE + j]!;
      largest = Math.max(largest, Math.abs(exact));
      difference = Math.max(difference, Math.abs(values[i * SIZE + j]! - exact));
    }
  }
  return difference / largest;
}
