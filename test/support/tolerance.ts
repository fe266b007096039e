/** The one table of tolerances. A looser one at a call needs a reason beside it. */
export const TOLERANCE = {
  /** float64: round-off of some thousand operations. */
  f64: 1e-12,
  /** float32 against an oracle or another engine, relative to the largest value. */
  f32: 2e-5,
  /** float32 gradient against central differences in float32, relative to the largest gradient. */
  gradient: 3e-3,
} as const;

/** Largest |a - b| over the largest |b|. */
export function relativeError(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Infinity;
  let difference = 0;
  let size = 1e-30;
  for (let i = 0; i < b.length; i++) {
    difference = Math.max(difference, Math.abs(a[i]! - b[i]!));
    size = Math.max(size, Math.abs(b[i]!));
    if (Number.isNaN(a[i])) return Infinity;
  }
  return difference / size;
}
