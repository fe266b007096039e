/** Random tensors that are functions of a key, like all else that is random. */
import { uniforms, type RngKey } from '../../core/rng.js';
import { FLOAT, INT, onTensorflow, tensorflowOp } from '../tensorflow-op.js';
import { tf, type Tensor } from '../tensor.js';
import { heardRandom } from './webassembly-calls.js';

/**
 * A key of random numbers: two 32-bit words, on TensorFlow also as a tensor int32 [2], which a compiled step is given.
 */
export type RandomKey = RngKey | Tensor;

/** Whether keys may be tensors, as inputs of compiled steps, with the engine that runs. */
export function keysMayBeTensors(): boolean {
  return onTensorflow();
}

/**
 * Uniform numbers on [0, 1) of the given shape, a function of the key alone. On TensorFlow its own Philox draws them,
 * elsewhere ours: other numbers, of one law. Throws RangeError for a tensor as key on an engine other than TensorFlow.
 */
export function randomUniform(shape: readonly number[], key: RandomKey): Tensor {
  if (!keysMayBeTensors()) {
    if (key instanceof tf.Tensor)
      throw new RangeError('randomUniform: a tensor is a key on the engine tensorflow only');
    heardRandom();
    const count = shape.reduce((product, size) => product * size, 1);
    return tf.tensor(Float32Array.from(uniforms(key, count)), [...shape]);
  }
  return tf.tidy(() => {
    const words = key instanceof tf.Tensor ? key : tf.tensor1d(Int32Array.from(key), 'int32');
    const inputs = [tf.tensor1d([...shape], 'int32'), words];
    return tensorflowOp('StatelessRandomUniform', { dtype: FLOAT, T: INT, Tseed: INT }, inputs, 1)[0]!;
  });
}
