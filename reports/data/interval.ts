/** Intervals of what runs gave, which is not always a finite number. */
import { mean, tInterval, type Interval } from '../../src/core/stats.js';

/**
 * The interval of values that a report shows. Where one is not finite, as after a run that diverged, or there is none,
 * the mean is what it comes to, infinity or NaN, and the ends are NaN: one run must not end a whole report.
 */
export function shownInterval(
  values: readonly number[],
  interval: (values: readonly number[]) => Interval = tInterval,
): Interval {
  if (values.length > 0 && values.every(Number.isFinite)) return interval(values);
  return { mean: mean(values), low: NaN, high: NaN, n: values.length };
}
