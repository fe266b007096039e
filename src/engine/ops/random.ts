/** Random tensors that are functions of a key, like all else that is random. */
import { uniforms, type RngKey } from '../../core/rng.js';
import { FLOAT, INT, tensorflowOp } from '../tensorflow-op.js';
import { tf, type Tensor } from '../tensor.js';

/** Uniform on [0, 1). On TensorFlow its own Philox draws them, elsewhere ours: other numbers, of the same law. */
export function randomUniform(shape: readonly number[], key: RngKey): Tensor {
  if (tf.getBackend() !== 'tensorflow') {
    const count = shape.reduce((product, size) => product * size, 1);
    return tf.tensor(Float32Array.from(uniforms(key, count)), [...shape]);
  }
  const inputs = [tf.tensor1d([...shape], 'int32'), tf.tensor1d(Int32Array.from(key), 'int32')];
  const [drawn] = tensorflowOp('StatelessRandomUniform', { dtype: FLOAT, T: INT, Tseed: INT }, inputs, 1);
  tf.dispose(inputs);
  return drawn!;
}
