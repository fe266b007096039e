import { checkFinite } from '../../src/core/range.js';

/**
 * A-posteriori cap: on the training points D <= rms |S - y| + rms |y - B| = sqrt(2 loss_thin) + sqrt(2 loss_wide),
 * whatever happened on the way. Why generic nets cannot show an explosion once both fit their data. Losses are (1/2N)
 * sum |z_L - y|^2. Throws RangeError on a loss that is none.
 */
export function posteriorCap(thinLoss: number, wideLoss: number): number {
  for (const [name, loss] of Object.entries({ thinLoss, wideLoss })) checkFinite(`posteriorCap: ${name}`, loss, 0);
  return Math.sqrt(2 * thinLoss) + Math.sqrt(2 * wideLoss);
}
