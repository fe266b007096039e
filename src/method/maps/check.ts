/** Which maps a pair of networks needs, and which it cannot have: known before anything is trained. */
import { UsageError } from '../../core/errors.js';
import type { Network } from '../../nn/network.js';
import type { Group } from './groups.js';
import type { MapKind } from './apply.js';

/**
 * Throws UsageError when the widths differ at a boundary and the maps cannot bridge that, or when a pair could not be
 * merged afterwards.
 */
export function checkMaps(
  kind: MapKind,
  inputs: 'own' | 'wide',
  thin: Network,
  wide: Network,
  groups: readonly Group[],
): void {
  for (const { tap } of groups) {
    const [m, M] = [thin.width(tap), wide.width(tap)];
    if (m === M) continue;
    const pairs = thin.stream === undefined ? 'maps "pair"' : 'maps "stream"';
    if (kind === 'none')
      throw new UsageError(
        `imitation: at ${tap} the thin net has ${m} channels and the wide one ${M}; ` +
          `maps "up" or ${pairs.slice(5)} are needed`,
      );
    if (kind === 'up' && inputs === 'wide')
      throw new UsageError(
        `imitation: ${tap} has ${M} channels in the wide net, the thin one reads ${m}; inputs "wide" need ${pairs}`,
      );
    if (kind === 'stream' && (thin.stream === undefined || thin.scales === undefined))
      throw new UsageError(
        'imitation: the network does not say that skip connections carry its channels past norms; ' +
          'maps "stream" need that, use "pair"',
      );
    const readers = thin.readers(tap);
    if (kind === 'pair' && 'obstacle' in readers) {
      const instead = thin.stream === undefined ? '' : '; maps "stream" can be';
      throw new UsageError(`imitation: the map after ${tap} cannot be merged: ${readers.obstacle}${instead}`);
    }
  }
}
