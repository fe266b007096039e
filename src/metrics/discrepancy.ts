/**
 * How far a thin net is from its wide one, on real networks: by tap, by group, and by the telescoped sum
 * (theory/README.md).
 */
import type { Dataset, Source } from '../data/dataset.js';
import { tf, type Tensor, type Tensors } from '../engine/tensor.js';
import { sumOver } from './batches.js';

/**
 * Relative discrepancies `sqrt(sum |a - b|^2 / sum |scale|^2)` over a whole source: 0 for equal outputs, 1 for a thin
 * net that says nothing. `measure` gives, by name, the two outputs that are compared and the one whose size is the
 * measure. The root of the imitation loss.
 */
export async function relativeDistances(
  data: Dataset,
  source: Source,
  measure: (x: Tensor) => Readonly<Record<string, readonly [a: Tensor, b: Tensor, scale: Tensor]>>,
): Promise<Record<string, number>> {
  const totals = await sumOver(data, source, (x) =>
    Object.fromEntries(
      Object.entries(measure(x)).flatMap(([name, [a, b, scale]]) => [
        [`${name} difference`, tf.sum(tf.squaredDifference(a, b))] as const,
        [`${name} size`, tf.sum(tf.square(scale))] as const,
      ]),
    ),
  );
  const names = Object.keys(totals)
    .filter((name) => name.endsWith(' size'))
    .map((name) => name.slice(0, -' size'.length));
  return Object.fromEntries(
    names.map((name) => [name, Math.sqrt(totals[`${name} difference`]! / totals[`${name} size`]!)]),
  );
}

/** Taps that both have with the same shape, in the order of the second. */
export function commonTaps(a: Tensors, b: Tensors): string[] {
  return Object.keys(b).filter((tap) => a[tap] !== undefined && String(a[tap].shape) === String(b[tap]!.shape));
}

/** Relative discrepancy of each tap that both give with the same shape. */
export async function tapDiscrepancy(
  data: Dataset,
  source: Source,
  thin: (x: Tensor) => Tensors,
  wide: (x: Tensor) => Tensors,
): Promise<Record<string, number>> {
  return relativeDistances(data, source, (x) => {
    const [a, b] = [thin(x), wide(x)];
    return Object.fromEntries(commonTaps(a, b).map((tap) => [tap, [a[tap]!, b[tap]!, b[tap]!] as const]));
  });
}
