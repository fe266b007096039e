/** Shares on the logit scale. */

const EXAMPLES = 2000;

/**
 * A percentage on the logit scale, on which differences near 0 and near 100 % weigh as much as others. 100 % counts as
 * half an error in 2,000 examples, as the test splits here are not much larger.
 */
export function logit(percent: number): number {
  const share = (percent / 100) * EXAMPLES;
  return Math.log((share + 0.5) / (EXAMPLES - share + 0.5));
}

/** d logit / d share, bounded where {@link logit} is. */
export function steepness(share: number): number {
  return 1 / Math.max(share * (1 - share), 1 / (2 * EXAMPLES));
}

/** The percentage that {@link logit} was given; beyond 0 and 100 by less than half an example. */
export function fromLogit(odds: number): number {
  return (100 / EXAMPLES) * ((EXAMPLES + 1) / (1 + Math.exp(-odds)) - 0.5);
}
