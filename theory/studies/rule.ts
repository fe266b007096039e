/** What laws say of their statistics: fixed before any run, in the study's file, and read by the reports' claims. */

/** A statistic, one number for each seed, and the values that the law allows it. */
export interface Band {
  /** What is computed for each seed. */
  readonly statistic: string;
  /** Ends of what the law allows; infinite where it bounds one side. */
  readonly from: number;
  readonly to: number;
}

/** Confidence of the intervals that decide. */
export const LEVEL = 0.95;

const number = (value: number): string => String(value).replace('-', '−');

/** The values of a band in words: "inside [−0.55, −0.45]", "below 1.1", "above 0". */
export function bandWords({ from, to }: Band): string {
  if (from === -Infinity) return `below ${number(to)}`;
  return to === Infinity ? `above ${number(from)}` : `inside [${number(from)}, ${number(to)}]`;
}

/** The rule of a band in words, as the list of studies has it. */
export function bandRule(band: Band): string {
  return `${band.statistic}: ${100 * LEVEL} % t-interval over seeds ${bandWords(band)}`;
}

/**
 * Where the later half of ordered points begins, with three points at least where there are so many: rules about growth
 * look at it alone, as the first points may still follow another law. Fixed by the number of points, not by their
 * values.
 */
export function laterHalf(points: number): number {
  return Math.min(Math.floor(points / 2), Math.max(0, points - 3));
}
