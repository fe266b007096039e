/** Names beside the points of a scatter plot, spread so that none lies on another. */

/** Pixels that a line of labels needs. */
export const LABEL_LINE = 15;

/**
 * Places for labels as near to their points as the gap between neighbors allows, in the points' order from below; all
 * inside the axis where there is room for that many. `gap` and `domain` are in the axis' own unit.
 */
export function spreadLabels(values: readonly number[], gap: number, [low, high]: readonly [number, number]): number[] {
  const order = values.map((_, i) => i).sort((a, b) => values[a]! - values[b]!);
  const placed = new Map<number, number>();
  // from below: none closer to the one under it than the gap, then from above: none beyond the upper end
  let last = -Infinity;
  for (const i of order) placed.set(i, (last = Math.max(values[i]!, last + gap, low)));
  let next = Math.max(high, low + gap * (values.length - 1)) + gap;
  for (const i of [...order].reverse()) placed.set(i, (next = Math.min(placed.get(i)!, next - gap)));
  return values.map((_, i) => placed.get(i)!);
}

/** Ticks 1, 2, 5, 10, 20, ... between two numbers, which are above 0. */
export function logTicksWithin(low: number, high: number): number[] {
  const ticks: number[] = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++)
    for (const digit of [1, 2, 5]) {
      const tick = Number(`${digit}e${power}`);
      if (tick >= low && tick <= high) ticks.push(tick);
    }
  return ticks;
}
