/** Ticks of logarithmic axes. */

/** Labels that the laboratory's plots have room for. */
const MOST = 8;

/**
 * Powers of ten, with 2 and 5 between them where they are few and every n-th where they are many, from below the lowest
 * value to above the highest.
 */
export function logTicks(low: number, high: number): number[] {
  const [first, last] = [Math.floor(Math.log10(low)), Math.ceil(Math.log10(high))];
  const every = Math.ceil((last - first) / (MOST - 1));
  if (every > 1) {
    const count = Math.ceil((last - first) / every) + 1;
    return Array.from({ length: count }, (_, i) => first + i * every).map((power) => Number(`1e${power}`));
  }
  const all = Array.from({ length: last - first + 1 }, (_, i) => first + i).flatMap((power) =>
    (last - first > 3 ? [1] : [1, 2, 5]).map((factor) => Number(`${factor}e${power}`)),
  );
  const from = Math.max(...all.filter((tick) => tick <= low));
  const to = Math.min(...all.filter((tick) => tick >= high));
  return all.filter((tick) => tick >= from && tick <= to);
}
