/** What a reader takes away: five sentences that follow the verdicts, those against the method among them. */
import { QUESTIONS } from '../claims/questions.js';
import type { Outcome, ScaledVerdict } from '../claims/verdict.js';
import { bySetting } from './claims.js';
import { escape } from '../../src/core/markup.js';

/** A sentence for each balance of outcomes; the settings with each outcome stand behind it. */
interface Takeaway {
  /** As claims have it. */
  readonly question: string;
  /** Ids of the figures that show it, the first that is drawn is linked. */
  readonly figures: readonly string[];
  readonly yes: string;
  readonly mixed: string;
  readonly no: string;
  readonly open: string;
}

const TAKEAWAYS: readonly Takeaway[] = [
  {
    question: QUESTIONS.widthOfImitation,
    figures: ['width'],
    yes: 'Thin nets that imitate a trained wide net err as one over the root of their width, as the theory says',
    mixed: 'Thin nets that imitate a trained wide net err as one over the root of their width in some settings',
    no: 'Imitation does not follow the theory’s law in the width',
    open: 'Whether imitation follows the theory’s law in the width is open',
  },
  {
    question: QUESTIONS.telescopedDepth,
    figures: ['depth', 'depth-exponents', 'bridge'],
    yes: 'The bound on imitation grows at most linearly with depth',
    mixed: 'The bound on imitation grows at most linearly with depth in most settings, but not in all',
    no: 'The bound on imitation grows faster than linearly with depth',
    open: 'Whether the bound on imitation grows at most linearly is open',
  },
  {
    question: QUESTIONS.equalSteps,
    figures: ['accuracy', 'resnet-hierarchy', 'bert-glosses', 'stages'],
    yes: 'At equal steps of the thin net, three stages beat direct training',
    mixed: 'At equal steps of the thin net, three stages beat direct training in some settings',
    no: 'At equal steps of the thin net, three stages do not beat direct training',
    open: 'Whether three stages beat direct training at equal steps is open',
  },
  {
    question: QUESTIONS.totalCost,
    figures: ['trade-resnet', 'trade-bert', 'stages'],
    yes: 'Three stages beat direct training at equal total cost, too',
    mixed: 'At equal total cost three stages beat direct training only in some settings',
    no:
      'Against the method: at equal total cost, the wide net’s training included, three stages do not beat ' +
      'direct training',
    open: 'Whether three stages beat direct training at equal total cost is open',
  },
  {
    question: QUESTIONS.ownWeights,
    figures: ['differences', 'bert-differences', 'stages'],
    yes: 'Imitation adds to what the wide net’s own weights give',
    mixed: 'Imitation adds to what the wide net’s own weights give only in some settings',
    no:
      'Against the method: imitation adds nothing certain to a start from the wide net’s own selected or ' +
      'projected weights',
    open: 'Whether imitation adds to a start from the wide net’s own weights is open',
  },
];

const DETAILS: readonly (readonly [Outcome, string])[] = [
  ['supported', 'supported'],
  ['not supported', 'not supported'],
  ['inconclusive', 'open'],
];

function sentence(takeaway: Takeaway, outcomes: ReadonlyMap<Outcome, string[]>): string {
  const [yes, no] = [outcomes.has('supported'), outcomes.has('not supported')];
  const open = outcomes.has('inconclusive');
  if (yes) return no || open ? takeaway.mixed : takeaway.yes;
  return no ? takeaway.no : takeaway.open;
}

/** The takeaways of some verdicts; `linkOf` is the address of a figure, or undefined where it was not drawn. */
export function takeawaysBlock(
  verdicts: readonly ScaledVerdict[],
  linkOf: (figure: string) => string | undefined,
): string {
  const items = TAKEAWAYS.flatMap((takeaway) => {
    const outcomes = bySetting(verdicts, takeaway.question);
    if (outcomes.size === 0) return [];
    const details = DETAILS.filter(([outcome]) => outcomes.has(outcome)).map(
      ([outcome, word]) => `${word}: ${outcomes.get(outcome)!.join(', ')}`,
    );
    const link = takeaway.figures.map(linkOf).find((found) => found !== undefined);
    const to = link === undefined ? '' : ` <a href="#${escape(link)}">Figure</a>`;
    return [
      `<li><b>${escape(sentence(takeaway, outcomes))}.</b> ` +
        `<span class="small">${escape(details.join('; '))}.</span>${to}</li>`,
    ];
  });
  return items.length === 0
    ? ''
    : '<section aria-labelledby="takeaways"><h2 id="takeaways">Takeaways</h2>' +
        `<ol class="takeaways">${items.join('\n')}</ol></section>`;
}
