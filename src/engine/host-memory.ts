/**
 * Host arrays to tensors of the engine and back. Those of a large network are freed on their way: kept to the end,
 * they would be as much memory again as its parameters.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { HostArray, HostArrays } from '../core/host-array.js';
import { FLOAT, INT, onTensorflow, tensorflowOp } from './tensorflow-op.js';
import { tf, type Tensor, type Tensors } from './tensor.js';

/** Values of a tensor from which on it is moved at once. */
const LARGE = 2 ** 18;

/**
 * A tensor of these values in `shape`, moved into the engine's memory now where it is large: TensorFlow's backend would
 * hold the host's copy until an op first reads the tensor.
 */
function upload(values: Float32Array, shape: readonly number[]): Tensor {
  const tensor = tf.tensor(values, [...shape], 'float32');
  if (values.length >= LARGE && onTensorflow())
    tf.dispose(tensorflowOp('Shape', { T: FLOAT, out_type: INT }, [tensor], 1));
  return tensor;
}

/** Tensors of host arrays, by their names; the caller disposes them. */
export function toTensors(arrays: HostArrays): Tensors {
  return Object.fromEntries(Object.entries(arrays).map(([name, { shape, values }]) => [name, upload(values, shape)]));
}

/** Tensors read back to the host, all at once. */
export async function fromTensors(tensors: Tensors): Promise<HostArrays> {
  const read = async ([name, tensor]: [string, Tensor]): Promise<[string, HostArray]> => [
    name,
    { shape: tensor.shape, values: Float32Array.from(await tensor.data()) },
  ];
  return Object.fromEntries(await Promise.all(Object.entries(tensors).map(read)));
}

/** Bytes that are moved between two garbage collections. */
const STRIDE = 2 ** 27;

/**
 * Tensors of host arrays, by their names. Arrays that nobody else holds are freed on the way, so that a large network
 * is never in memory twice as a whole. The caller disposes the tensors.
 */
export async function moveToEngine(arrays: HostArrays): Promise<Tensors> {
  const left = Object.entries(arrays).reverse();
  arrays = {}; // oxlint-disable-line no-useless-assignment -- a suspended function holds its arguments
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

/** Collects garbage now: V8 does not count the memory of arrays as its own, and would wait. */
async function collectGarbage(): Promise<void> {
  if (collect === undefined) {
    setFlagsFromString('--expose-gc');
    collect = runInNewContext('gc') as () => void;
  }
  await nextTurn(); // until then the addon holds them, too
  collect();
}
