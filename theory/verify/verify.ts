/**
 * Every pinned number of the theory, computed again from scratch, in groups. Seeds are fixed, so that a pass stays a
 * pass.
 */
import { boundChecks } from './bounds.js';
import type { Check } from './check.js';
import { gradientDescentChecks } from './gradient-descent.js';
import { instanceChecks } from './instances.js';
import { infiniteWidthChecks } from './infinite-width.js';
import { particleChecks } from './particles.js';
import { verifyExact } from './pinned.js';
import { rateChecks } from './rates.js';

/** Groups of checks, in the order in which they are made and printed. */
const GROUPS: Readonly<Record<string, () => readonly Check[] | Promise<readonly Check[]>>> = {
  'pinned numbers': () => verifyExact(),
  // mathjs is large: it is loaded when it is needed
  'second opinions': async () => (await import('./second-opinions.js')).secondOpinions(),
  rates: rateChecks,
  bounds: boundChecks,
  particles: particleChecks,
  instances: instanceChecks,
  'infinite width': infiniteWidthChecks,
  'stochastic gradient descent': gradientDescentChecks,
};

/**
 * Makes every check, as `gowide verify` prints them: half a minute to a minute on two cores. `onGroup` is called before
 * each group with its name, the number of groups that are done, and their total.
 */
export async function verifyAll(
  onGroup: (name: string, done: number, total: number) => void = () => {},
): Promise<Check[]> {
  const groups = Object.entries(GROUPS);
  const checks: Check[] = [];
  for (const [i, [name, group]] of groups.entries()) {
    onGroup(name, i, groups.length);
    checks.push(...(await group()));
  }
  return checks;
}
