/**
 * Many small tensors as one vector. A TensorFlow call costs some 10 us whatever its size, so what is done to every
 * parameter of a small network alike (an optimizer's step, running statistics) is done once to all of them.
 */
import { tf, type Tensor, type Tensors } from '../tensor.js';

/** Values of the largest tensor that is bundled: copying a larger one would cost more than the calls that it saves. */
const SMALL = 2 ** 14;

/** Key of the vector of all small tensors in a bundled set; large tensors keep their paths. */
export const BUNDLE = '*';

/** What has to be known of the tensors of a set to bundle them. */
export type Shapes = Readonly<Record<string, Pick<Tensor, 'shape' | 'size' | 'rank'>>>;

/** Shapes of a set's tensors, which outlive them. */
export function shapesOf(set: Tensors): Shapes {
  return Object.fromEntries(Object.entries(set).map(([path, { shape, size, rank }]) => [path, { shape, size, rank }]));
}

/**
 * Paths of the small tensors and of the large ones, each in the order of their names: a set that was saved and read
 * again has another order.
 */
function divide(set: Shapes): { readonly small: readonly string[]; readonly large: readonly string[] } {
  const paths = Object.keys(set).sort();
  return {
    small: paths.filter((path) => set[path]!.size <= SMALL),
    large: paths.filter((path) => set[path]!.size > SMALL),
  };
}

function flat(tensor: Tensor): Tensor {
  return tensor.rank === 1 ? tensor : tensor.reshape([-1]);
}

/**
 * The small tensors of a set as one vector in memory of its own, in the order of their names, beside the large ones as
 * they are.
 */
export function bundle(set: Tensors): Tensors {
  const { small, large } = divide(set);
  const alone = Object.fromEntries(large.map((path) => [path, set[path]!]));
  if (small.length === 0) return alone;
  const flats = small.map((path) => flat(set[path]!));
  return { ...alone, [BUNDLE]: flats.length === 1 ? tf.mul(flats[0]!, 1) : tf.concat(flats) };
}

/** The inverse of {@link bundle}: paths and shapes are those of `like`, in its order. */
export function unbundle(bundled: Tensors, like: Shapes): Tensors {
  const { small } = divide(like);
  const parts =
    small.length === 0
      ? []
      : tf.split(
          bundled[BUNDLE]!,
          small.map((path) => like[path]!.size),
        );
  const shaped = new Map(
    small.map((path, i) => [path, like[path]!.rank === 1 ? parts[i]! : parts[i]!.reshape(like[path]!.shape)]),
  );
  return Object.fromEntries(Object.keys(like).map((path) => [path, shaped.get(path) ?? bundled[path]!]));
}

/** `value(path)` for every value of every small tensor of a set: a vector of the form and order of {@link bundle}'s. */
export function bundledValues(set: Shapes, value: (path: string) => number): Tensor {
  const { small } = divide(set);
  const values = new Float32Array(small.reduce((sum, path) => sum + set[path]!.size, 0));
  let at = 0;
  for (const path of small) values.fill(value(path), at, (at += set[path]!.size));
  return tf.tensor1d(values);
}
