/** Arrays of the host's on their way to the engine: for a large network they would be as much memory again as its parameters. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { FLOAT, INT, tensorflowOp } from './tensorflow-op.js';
import { tf, type Tensor } from './tensor.js';

/** Smaller ones may wait. */
const LARGE = 2 ** 18;

/** A tensor of these values, which are moved now: TensorFlow's backend would hold them until an op first reads the tensor. */
export function upload(values: Float32Array, shape: readonly number[]): Tensor {
  const tensor = tf.tensor(values, [...shape], 'float32');
  if (values.length >= LARGE && tf.getBackend() === 'tensorflow') tf.dispose(tensorflowOp('Shape', { T: FLOAT, out_type: INT }, [tensor], 1));
  return tensor;
}

let collect: (() => void) | undefined;

/** To be awaited when `bytes` of such arrays have gone out of use: V8 does not count them as its own, and would collect them only after a while. */
export async function reclaim(bytes: number): Promise<void> {
  if (bytes < LARGE * 64) return;
  if (collect === undefined) {
    setFlagsFromString('--expose-gc');
    collect = runInNewContext('gc') as () => void;
  }
  await nextTurn(); // until then the addon holds them, too
  collect();
}
