/** Claims that are judged together, and the correction for their number. */
import { holm } from '../../src/core/stats.js';
import { decided, formatNumber, type Verdict } from './verdict.js';
import type { UncorrectedVerdict } from './claim.js';

/** Largest chance of any false alarm within a family of claims. */
export const FAMILY_RATE = 0.05;

/** A verdict after the correction. */
export type Corrected<Uncorrected extends UncorrectedVerdict> = Omit<Uncorrected, 'p'> & Pick<Verdict, 'significance'>;

/** The correction for the number of claims in words, as the page says it next to each rule. */
export const FAMILY_RULE =
  'Claims that one rule of intervals decides are corrected in two families, those of the theory and those about ' +
  'trained networks, each over all scales that the page shows: in either, Holm’s correction keeps the chance of even ' +
  'one false alarm below 5 %. A decision that does not survive it counts as inconclusive.';

/**
 * Verdicts of one family with Holm's correction: a decision whose corrected p-value is not below 5 % is inconclusive,
 * and both values stand in the evidence. Claims that leave nothing to chance are left as they are.
 */
export function correctFamily<Uncorrected extends UncorrectedVerdict>(
  verdicts: readonly Uncorrected[],
): Corrected<Uncorrected>[] {
  const values = verdicts.flatMap(({ p }) => (p === undefined ? [] : [p]));
  const corrected = holm(values);
  let at = 0;
  return verdicts.map(({ p, ...verdict }) => {
    if (p === undefined) return verdict;
    const significance = { p, corrected: corrected[at++]!, family: values.length };
    const survives = significance.corrected < FAMILY_RATE;
    return {
      ...verdict,
      outcome: decided(verdict.outcome) && !survives ? 'inconclusive' : verdict.outcome,
      evidence:
        `${verdict.evidence}; p ${formatP(p)}, with Holm’s correction for ${values.length} claims ` +
        `${formatP(significance.corrected)}`,
      significance,
    };
  });
}

function formatP(p: number): string {
  return p < 1e-6 ? '< 10⁻⁶' : formatNumber(p, p < 0.1 ? 4 : 2);
}
