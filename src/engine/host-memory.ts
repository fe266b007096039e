/**
 * Arrays of the host's on their way to the engine: for a large network they would be as much memory again as its
 * parameters.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { FLOAT, INT, tensorflowOp } from './tensorflow-op.js';
import { tf, type Tensor, type Tensors } from './tensor.js';

/** Smaller ones may wait. */
const LARGE = 2 ** 18;

/**
 * A tensor of these values, which are moved now: TensorFlow's backend would hold them until an op first reads the
 * tensor.
 */
export function upload(values: Float32Array, shape: readonly number[]): Tensor {
  const tensor = tf.tensor(values, [...shape], 'float32');
  if (values.length >= LARGE && tf.getBackend() === 'tensorflow')
    tf.dispose(tensorflowOp('Shape', { T: FLOAT, out_type: INT }, [tensor], 1));
  return tensor;
}

/** Bytes that are moved before the host's are collected. */
const STRIDE = 2 ** 27;

/**
 * Tensors of host arrays. Arrays that nobody else holds are freed on the way, so that a large network is never there
 * twice as a whole.
 */
export async function moveToEngine(
  arrays: Readonly<Record<string, { readonly shape: readonly number[]; readonly values: Float32Array }>>,
): Promise<Tensors> {
  const left = Object.entries(arrays).reverse();
  arrays = {}; // eslint-disable-line no-useless-assignment -- a suspended function holds its arguments
  const tensors: Record<string, Tensor> = {};
  for (let moved = 0, next = left.pop(); next !== undefined; next = left.pop()) {
    const [name, { shape, values }] = next;
    tensors[name] = upload(values, shape);
    moved += values.byteLength;
    if (moved < STRIDE && !(left.length === 0 && moved > STRIDE / 8)) continue;
    await collectGarbage();
    moved = 0;
  }
  return tensors;
}

let collect: (() => void) | undefined;

/** V8 does not count arrays' memory as its own, and would collect them only after a while. */
async function collectGarbage(): Promise<void> {
  if (collect === undefined) {
    setFlagsFromString('--expose-gc');
    collect = runInNewContext('gc') as () => void;
  }
  await nextTurn(); // until then the addon holds them, too
  collect();
}
