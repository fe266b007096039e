import type { ImageSet } from '../data/images.js';
import { tf, type Tensor4D, type Tensors } from '../engine/tensor.js';
import { forEachBatch } from './accuracy.js';

/**
 * Relative discrepancy of each tap, `sqrt(sum |thin - wide|^2 / sum |wide|^2)` over the whole set: 0 for equal networks, 1 for a
 * thin net that says nothing. It is the root of the imitation loss (src/optim/losses.ts).
 */
export async function tapDiscrepancy(set: ImageSet, thin: (x: Tensor4D) => Tensors, wide: (x: Tensor4D) => Tensors): Promise<Record<string, number>> {
  const sums: Tensors[] = [];
  forEachBatch(set, (x) => {
    const [a, b] = [thin(x), wide(x)];
    const parts = Object.keys(b).flatMap((tap) => [
      [`${tap}/difference`, tf.keep(tf.sum(tf.squaredDifference(a[tap]!, b[tap]!)))] as const,
      [`${tap}/size`, tf.keep(tf.sum(tf.square(b[tap]!)))] as const,
    ]);
    sums.push(Object.fromEntries(parts));
  });
  const totals: Record<string, number> = {};
  for (const sum of sums) {
    for (const [name, tensor] of Object.entries(sum)) {
      totals[name] = (totals[name] ?? 0) + (await tensor.data())[0]!;
      tensor.dispose();
    }
  }
  const taps = Object.keys(totals).filter((name) => name.endsWith('/size')).map((name) => name.slice(0, -'/size'.length)); // prettier-ignore
  return Object.fromEntries(taps.map((tap) => [tap, Math.sqrt(totals[`${tap}/difference`]! / totals[`${tap}/size`]!)]));
}
