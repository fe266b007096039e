/** The two regimes of particle nets in which claims of the theory are asked, and what ids and sentences call them. */
import { depth } from '../../experiments/theory.js';

/** A regime, by the facts of the arms that have it. */
export interface Regime {
  /** What the studies call its arm. */
  readonly arm: string;
  readonly label: string;
  readonly skip: boolean;
}

/** Both regimes of the theory, with and without a skip connection, in the order of the page: those of `depth`. */
export const REGIMES: readonly Regime[] = Object.entries(depth.arms('minutes')).map(
  ([arm, { label = arm, factors }]) => ({ arm, label, skip: factors?.skip === true }),
);

/** A regime in a sentence: "with a skip connection". */
export const skips = ({ skip }: Pick<Regime, 'skip'>): string => `${skip ? 'with' : 'without'} a skip connection`;

/** A regime in the id of a claim, and as a setting of the matrix: `no-skip`. */
export const slug = ({ skip }: Pick<Regime, 'skip'>): string => (skip ? 'skip' : 'no-skip');
