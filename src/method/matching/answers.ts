/** How many answers a network tells apart, and how many the data have. */
import { plural, UsageError } from '../../core/errors.js';
import type { Dataset } from '../../data/dataset.js';
import type { Network } from '../../nn/network.js';

/** Throws UsageError where data have more classes than a network tells apart. */
export function checkClasses(classes: number, known: number): void {
  if (classes > known)
    throw new UsageError(
      `the data have ${plural(classes, 'class', 'classes')}, the network only ${known}; expected a network of at least as many`,
    );
}

/** What there is to say where a network tells more classes apart than data have; undefined where it does not. */
export function spareClasses(classes: number, known: number): string | undefined {
  if (classes >= known) return undefined;
  const spare = known - classes;
  return (
    `the data have ${plural(classes, 'class', 'classes')}, and the network tells ${known} apart: no example is of the ` +
    `${spare === 1 ? 'last one' : `last ${spare}`}; are ${known} "classes" of the network what was meant?`
  );
}

/**
 * The data with as many classes as the network's last tap has channels. A head may have more of them than the data, as
 * the one of a network that was trained on other data: labels, losses and evaluations then count the network's. Throws
 * UsageError when it has fewer.
 */
export function asAnswered(data: Dataset, network: Network): Dataset {
  const classes = network.width(network.taps.at(-1)!, data.shape);
  checkClasses(data.classes, classes);
  return data.classes === classes ? data : { ...data, classes };
}
