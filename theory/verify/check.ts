/** A number that is computed again and compared with what it should be. */
import { mean, standardDeviation } from '../../src/core/stats.js';

/**
 * `exact`: to 1e-8 relative or better. `particle`: within three standard errors of the simulation that is compared,
 * which a normal variate passes but once in 370. `rate`: a fitted order or growth within a stated band. `bound`: the
 * largest measured share of a bound, at most 1.
 */
export type CheckKind = 'exact' | 'particle' | 'rate' | 'bound';

/** A number beside the one that it should be. */
export interface Check {
  readonly id: string;
  readonly kind: CheckKind;
  readonly expected: number;
  readonly measured: number;
  /** Largest allowed |measured - expected|; of a bound: measured <= expected. */
  readonly tolerance: number;
  readonly pass: boolean;
}

/** The check that |measured - expected| is at most `tolerance`. */
export function check(id: string, kind: CheckKind, expected: number, measured: number, tolerance: number): Check {
  return { id, kind, expected, measured, tolerance, pass: Math.abs(measured - expected) <= tolerance };
}

/** The check of the mean of independent draws against its expected value, with three standard errors of tolerance. */
export function particle(id: string, expected: number, draws: readonly number[]): Check {
  return check(id, 'particle', expected, mean(draws), (3 * standardDeviation(draws)) / Math.sqrt(draws.length));
}

/** n results of `draw`, which is given their numbers from 0. */
export const repeat = (n: number, draw: (i: number) => number): number[] =>
  Array.from({ length: n }, (_, i) => draw(i));
