import { checkFinite, checkPositive, checkWhole } from '../../src/core/range.js';

/** Throws RangeError on constants of a saddle that are none; `what` asks. */
export function checkSaddle(
  what: string,
  { g, kappa, depth }: { readonly g: number; readonly kappa: number; readonly depth: number },
): void {
  checkPositive(`${what}: g`, g);
  checkFinite(`${what}: kappa`, kappa);
  checkWhole(`${what}: depth`, depth, 1);
}

/**
 * Throws RangeError unless particles [L, m] are as many for each of `depth` layers; `what` names the function and them.
 */
export function checkParticles(what: string, particles: Float64Array, depth: number): void {
  checkWhole(`${what}: depth`, depth, 1);
  if (particles.length === 0 || particles.length % depth !== 0)
    throw new RangeError(`${what}: particles: expected [${depth}, m] with m >= 1, got ${particles.length} numbers`);
}
