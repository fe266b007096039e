/** The two regimes of particle nets in which claims of the theory are asked, and what ids and sentences call them. */

/** A regime, as arms of the studies are called. */
export type Regime = 'skip' | 'no skip';

/** Both regimes of the theory, with and without a skip connection, in the order of the page. */
export const REGIMES: readonly Regime[] = ['skip', 'no skip'];

/** A regime in a sentence: "with a skip connection". */
export const skips = (regime: Regime): string => `${regime === 'skip' ? 'with' : 'without'} a skip connection`;

/** A regime in the id of a claim, and as a setting of the matrix: `no-skip`. */
export const slug = (regime: Regime): string => regime.replace(' ', '-');
