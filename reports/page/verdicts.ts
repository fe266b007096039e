/** Marks of outcomes, as HTML. */
import type { Outcome } from '../claims/verdict.js';

const MARKS: Record<Outcome, { className: string; sign: string }> = {
  supported: { className: 'yes', sign: '✓' },
  'not supported': { className: 'no', sign: '✗' },
  inconclusive: { className: 'open', sign: '?' },
  'not run': { className: 'none', sign: '–' },
};

/** The mark of an outcome with its name. */
export function verdictBadge(outcome: Outcome): string {
  const { className, sign } = MARKS[outcome];
  return `<span class="badge ${className}"><span aria-hidden="true">${sign}</span> ${outcome}</span>`;
}

/** The mark of an outcome alone; what stands around it names the outcome. */
export function outcomeMark(outcome: Outcome): string {
  const { className, sign } = MARKS[outcome];
  return `<span class="badge ${className}" aria-hidden="true">${sign}</span>`;
}
