/** Claims about thin particles that are chosen, and not drawn. */
import { selection } from '../../experiments/theory.js';
import { fitLine } from '../../src/core/stats.js';
import { SELECTION_EXPONENT, SELECTION_RATIO } from '../../theory/studies/selection.js';
import type { TableRow } from '../data/rows.js';
import { rowsOf, type Claim } from './claim.js';
import { REGIMES, skips, slug, type Regime } from './regimes.js';
import { curves, everyPlace, everyValue, everyValueText, later } from './rules.js';

const METHODS = {
  greedy: 'greedy selection',
  herding: 'herding',
  herdingLeastSquares: 'herding with least squares',
} as const;
type Method = keyof typeof METHODS;

const SLUGS: Readonly<Record<Method, string>> = {
  greedy: 'greedy',
  herding: 'herding',
  herdingLeastSquares: 'least-squares',
};

const RIVALS = {
  direct: { id: 'direct', text: 'direct training from random particles', rises: 'lossIncreases' },
  randomImitation: { id: 'imitation', text: 'random particles after gradient imitation', rises: 'randomRises' },
} as const;

const SOURCE = 'Ye, Wu, Liu 2020 (arXiv 2010.15969), by the paper’s authors; rules of this project';

/** Exponent of D(m) over the wider half of the widths, of the rows of one seed and depth. */
function exponentOf(method: Method, rows: readonly TableRow[]): number {
  const { x, y } = later(curves(rows, 'm', method)[0]!);
  return fitLine(x.map(Math.log), y.map(Math.log)).slope;
}

/** Faster than m^(-1/2), at every depth. */
function rate(method: Method, regime: Regime): Claim {
  return {
    id: `selection-rate-${SLUGS[method]}-${slug(regime)}`,
    statement:
      `At every depth, ${skips(regime)}, the discrepancy of particles chosen by ${METHODS[method]} falls faster with ` +
      'the thin width than the m^(−1/2) of random ones.',
    source: SOURCE,
    question: `D falls faster than m^(−1/2) with particles chosen by ${METHODS[method]}`,
    setting: slug(regime),
    rule: everyValueText(SELECTION_EXPONENT, 'depth'),
    experiment: selection,
    arms: [regime.arm],
    rows: rowsOf(selection, regime.arm),
    judge: everyPlace(SELECTION_EXPONENT, { at: 'depth' }, (rows) => exponentOf(method, rows)),
  };
}

/** Nearer to the wide net than a rival of the same width, at every depth. */
function below(method: Method, rival: keyof typeof RIVALS, regime: Regime): Claim {
  const { id, text, rises } = RIVALS[rival];
  return {
    id: `selection-${id}-${SLUGS[method]}-${slug(regime)}`,
    statement:
      `At every depth at which the rival’s loss does not rise, ${skips(regime)}, particles chosen by ` +
      `${METHODS[method]}, without any further training, leave a smaller discrepancy than ${text}.`,
    source: SOURCE,
    question: `Particles chosen by ${METHODS[method]} end closer than ${text}`,
    setting: slug(regime),
    rule: `${everyValueText(SELECTION_RATIO, 'depth')} Depths at which the rival’s loss rises are left out.`,
    experiment: selection,
    arms: [regime.arm],
    rows: rowsOf(selection, regime.arm),
    judge: everyValue(SELECTION_RATIO, { at: 'depth', column: method, other: rival, rises: [rises] }),
  };
}

const NAMES = Object.keys(METHODS) as Method[];

/** The claims about chosen particles, in the order of the page. */
export const SELECTION_CLAIMS: readonly Claim[] = [
  ...NAMES.flatMap((method) => REGIMES.map((regime) => rate(method, regime))),
  ...NAMES.flatMap((method) => REGIMES.map((regime) => below(method, 'direct', regime))),
  ...REGIMES.map((regime) => below('herding', 'randomImitation', regime)),
];
