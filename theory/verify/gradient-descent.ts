/** Stochastic gradient descent in many dimensions against the ordinary differential equations of its limits. */
import { committeeSgd } from '../exact/saad-solla.js';
import { radialSgd, solveRadial } from '../exact/radial.js';
import { COMMITTEE, committee, RADIAL } from './cases.js';
import { particle, repeat, type Check } from './check.js';

/** The committee machine and the radial mean field, trained on samples. */
export function gradientDescentChecks(): Check[] {
  const errors = repeat(8, (seed) => committeeSgd(COMMITTEE, 0.5, [5], 1000, seed)[0]!);
  // D and 2 D dimensions: the 1/D term of the bias cancels in 2 risk(2D) - risk(D)
  const risks = repeat(
    8,
    (seed) =>
      2 * radialSgd(RADIAL, { D: 32, m: 1000, dt: 1e-4 }, 0.5, seed) -
      radialSgd(RADIAL, { D: 16, m: 1000, dt: 1e-4 }, 0.5, seed + 100),
  );
  return [
    particle('committee eps_g(5), SGD with N = 1000', committee(5), errors),
    particle('radial risk(0.5), SGD with D = 16 and 32', solveRadial(RADIAL, 0.5).risk, risks),
  ];
}
