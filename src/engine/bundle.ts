/**
 * Many small tensors as one vector. A TensorFlow call costs some 10 us whatever its size, so what is done to every parameter of a small network
 * alike (an optimiser's step, running statistics) is done once to all of them.
 */
import { tf, type Tensor, type Tensors } from './tensor.js';

/** Larger tensors stay alone: copying them would cost more than the calls that it saves. */
const SMALL = 2 ** 14;

/** Key of the vector of all small tensors; the large ones keep theirs. */
export const BUNDLE = '*';

function isSmall(tensor: Tensor): boolean {
  return tensor.size <= SMALL;
}

function flat(tensor: Tensor): Tensor {
  return tensor.rank === 1 ? tensor : tensor.reshape([-1]);
}

/** The small tensors of a set as one vector, in the order of the set, beside the large ones. New tensors only for what changed. */
export function bundle(set: Tensors): Tensors {
  const small = Object.values(set).filter(isSmall);
  const large = Object.entries(set).filter(([, tensor]) => !isSmall(tensor));
  return { ...Object.fromEntries(large), ...(small.length > 0 && { [BUNDLE]: tf.concat(small.map(flat)) }) };
}

/** The inverse of {@link bundle}: paths and shapes are those of `like`. */
export function unbundle(bundled: Tensors, like: Tensors): Tensors {
  const small = Object.entries(like).filter(([, tensor]) => isSmall(tensor));
  const parts = small.length === 0 ? [] : tf.split(bundled[BUNDLE]!, small.map(([, tensor]) => tensor.size)); // prettier-ignore
  const shaped = small.map(([path, tensor], i): [string, Tensor] => [path, tensor.rank === 1 ? parts[i]! : parts[i]!.reshape(tensor.shape)]);
  return Object.fromEntries([
    ...Object.keys(like)
      .filter((path) => !isSmall(like[path]!))
      .map((path): [string, Tensor] => [path, bundled[path]!]),
    ...shaped,
  ]);
}

/** For each small tensor of a set, in order, its number of values and what `value` says of its path, as one vector. */
export function bundledValues(set: Tensors, value: (path: string) => number): Tensor {
  const small = Object.entries(set).filter(([, tensor]) => isSmall(tensor));
  const values = new Float32Array(small.reduce((sum, [, tensor]) => sum + tensor.size, 0));
  let at = 0;
  for (const [path, tensor] of small) values.fill(value(path), at, (at += tensor.size));
  return tf.tensor1d(values);
}
