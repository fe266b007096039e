/** Division of a network into the groups of layers that are imitated one by one. */
import { UsageError } from '../../core/errors.js';
import type { Network } from '../../nn/network.js';

/** How a network is divided into groups. */
export interface Division {
  /** Whether groups end where the network's stages or its blocks do. */
  readonly unit: 'stage' | 'block';
  /** Boundaries of the unit that are taken together. */
  readonly size: number;
}

/** Consecutive layers that are imitated together, between two taps. */
export interface Group {
  /** Tap at the end of the group. */
  readonly tap: string;
  /** Tap at its start; undefined at the network's input. */
  readonly from: string | undefined;
  /** Whether the parameter or statistic of a path belongs to the group; maps belong to none. */
  readonly owns: (path: string) => boolean;
}

/**
 * Groups from the input to the last boundary; the head is in none of them. The last group may be smaller than the
 * others.
 */
export function groupsOf(network: Network, { unit, size }: Division): Group[] {
  const boundaries = network.boundaries[unit].filter((_, i, all) => (i + 1) % size === 0 || i === all.length - 1);
  return boundaries.map((tap, i): Group => {
    const from = boundaries[i - 1];
    const [first, last] = [from === undefined ? 0 : network.taps.indexOf(from) + 1, network.taps.indexOf(tap)];
    return {
      tap,
      from,
      owns: (path) => {
        if (path.startsWith('maps/')) return false;
        const at = network.taps.indexOf(network.owner(path));
        return at >= first && at <= last;
      },
    };
  });
}

/** Throws UsageError when the wide net lacks a tap at which a group of the thin one ends, with the taps that it has. */
export function checkTaps(thin: Network, wide: Network, division: Division): void {
  const missing = groupsOf(thin, division).filter(({ tap }) => !wide.taps.includes(tap));
  if (missing.length > 0)
    throw new UsageError(
      `imitation: the wide net has no tap ${missing.map(({ tap }) => tap).join(', ')}; its taps: ` +
        `${wide.taps.join(', ')}`,
    );
}
