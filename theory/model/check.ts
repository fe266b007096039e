/** Whether a net's arrays are those that its sizes say. */
import { ACTIVATIONS } from './activations.js';
import { checkGiven, checkLayer } from './arrays.js';
import type { Net } from './particles.js';

/**
 * Throws RangeError on a net whose arrays are not those that its sizes say, whose activation is none, or with a scale
 * that is not finite, its own or a layer's.
 */
export function checkNet(net: Net): void {
  checkGiven('net', net);
  const { d, alpha, c, activation, layers } = net;
  if (!Number.isInteger(d) || d < 1) throw new RangeError(`net: d: expected a whole number of at least 1, got ${d}`);
  if (!Number.isFinite(alpha)) throw new RangeError(`net: alpha: expected a finite number, got ${alpha}`);
  if (!Number.isFinite(c)) throw new RangeError(`net: c: expected a finite number, got ${c}`);
  if (!Object.hasOwn(ACTIVATIONS, activation))
    throw new RangeError(
      `net: activation: expected one of ${Object.keys(ACTIVATIONS).join(', ')}, got ${String(activation)}`,
    );
  for (let l = 0; l < layers.length; l++) {
    checkLayer(`net: layer ${l + 1}`, layers[l], d);
    for (const name of ['alpha', 'c'] as const) {
      const own = layers[l]![name];
      if (own !== undefined && !Number.isFinite(own))
        throw new RangeError(`net: layer ${l + 1}: ${name}: expected a finite number, got ${own}`);
    }
  }
}
