/** Claims about sqrt(m) D of real thin nets beside its infinite-width limit. */
import { limit } from '../../experiments/theory.js';
import { fitLine, mean } from '../../src/core/stats.js';
import { LIMIT_BEND, LIMIT_RATIO } from '../../theory/studies/limit.js';
import { numberAt, type TableRow } from '../data/rows.js';
import { rowsOf, type Claim } from './claim.js';
import { REGIMES, skips, slug, type Regime } from './regimes.js';
import { bandText, byBand, curves, everyPlace, everyValueText, perSeed, stableRows, type Judge } from './rules.js';

const TRAININGS = { direct: 'direct training', imitation: 'layerwise imitation' } as const;
type Training = keyof typeof TRAININGS;

const SOURCE =
  'theory/limit: the linearized flow of weighted particles (arXiv 2008.09623, 2110.15954); rules of this project';

/** Width of the nets of which older verdicts speak. */
const NARROW = 128;

const RISES_LEFT_OUT = 'Depths at which the loss rises are left out.';
const LEFT_OUT = 'Depths at which the loss rises, or of which a limit did not converge, are left out.';

function rowsAfter(training: Training, regime: Regime): Claim['rows'] {
  return (input) => rowsOf(limit, regime.arm)(input).filter((row) => row.values.training === training);
}

/** Judges the depths of which every seed has a limit, and names the others. */
function whereConverged(judge: Judge): Judge {
  return (rows) => {
    const without = new Set(
      rows.filter(({ values }) => values.limit === undefined).map((row) => numberAt(row, 'depth')),
    );
    const kept = rows.filter((row) => !without.has(numberAt(row, 'depth')));
    const note = without.size === 0 ? '' : `; without a limit of every seed: ${[...without].join(', ')}`;
    if (kept.length === 0) return { outcome: 'inconclusive', evidence: `cannot be decided${note}` };
    const judgement = judge(kept);
    return { ...judgement, evidence: `${judgement.evidence}${note}` };
  };
}

/** Rows of the largest width. */
function widest(rows: readonly TableRow[]): TableRow[] {
  const most = Math.max(...rows.map((row) => numberAt(row, 'm')));
  return rows.filter((row) => numberAt(row, 'm') === most);
}

/** Real thin nets have the limit's sqrt(m) D. */
function agreement(training: Training, regime: Regime): Claim {
  const ratio = (rows: readonly TableRow[]): number =>
    mean(rows.map((row) => Math.log(numberAt(row, 'particles') / numberAt(row, 'limit'))));
  return {
    id: `limit-${training}-${slug(regime)}`,
    statement:
      `After ${TRAININGS[training]}, ${skips(regime)}, √m D of the widest thin nets (m = 2,048 at laptop) is that of ` +
      'infinite width at every depth: D has come to fall as m^(−1/2).',
    source: SOURCE,
    question: `√m D has come to its infinite-width limit after ${TRAININGS[training]}`,
    setting: slug(regime),
    rule: `${everyValueText(LIMIT_RATIO, 'depth')} ${LEFT_OUT}`,
    experiment: limit,
    arms: [regime.arm],
    rows: rowsAfter(training, regime),
    judge: whereConverged((rows) =>
      everyPlace(LIMIT_RATIO, { at: 'depth', rises: ['lossIncreases'] }, ratio)(widest(rows)),
    ),
  };
}

/** Slope of y over the deeper half of the depths less that over the shallower, over the mean of y. */
function bendOf(rows: readonly TableRow[], column: string): number {
  const { x, y } = curves(rows, 'depth', column)[0]!;
  const part = Math.ceil((x.length + 1) / 2);
  const over = (from: number, to: number): number => fitLine(x.slice(from, to), y.slice(from, to)).slope;
  return (over(x.length - part, x.length) - over(0, part)) / mean(y);
}

/** Concave in depth: in the limit, or of narrow nets. */
function concave(column: 'limit' | 'particles', regime: Regime): Claim {
  const inLimit = column === 'limit';
  const who = inLimit ? 'of infinite width' : `at m = ${NARROW}`;
  const bends: Judge = (all) => {
    const { kept, note } = stableRows(all, 'depth');
    const depths = new Set(kept.map((row) => numberAt(row, 'depth'))).size;
    if (depths < 3) return { outcome: 'inconclusive', evidence: `cannot be decided: ${depths} depths are left${note}` };
    const judgement = byBand(LIMIT_BEND, (rows) => perSeed(rows, (group) => bendOf(group, column)))(kept);
    return { ...judgement, evidence: `${judgement.evidence}${note}` };
  };
  return {
    id: `limit-concave-${inLimit ? '' : 'narrow-'}${slug(regime)}`,
    statement:
      `√m D of direct training, ${skips(regime)}, is concave in depth ` +
      `${inLimit ? 'in the limit of infinite width' : who}.`,
    source: SOURCE,
    question: `√m D of direct training is concave in depth ${who}`,
    setting: slug(regime),
    rule: `${bandText(LIMIT_BEND)} ${inLimit ? LEFT_OUT : RISES_LEFT_OUT}`,
    experiment: limit,
    arms: [regime.arm],
    rows: (input) => {
      const rows = rowsAfter('direct', regime)(input);
      return inLimit ? widest(rows) : rows.filter((row) => numberAt(row, 'm') === NARROW);
    },
    judge: inLimit ? whereConverged(bends) : bends,
  };
}

/** The claims about the limit of infinite width, in the order of the page. */
export const LIMIT_CLAIMS: readonly Claim[] = [
  ...(['direct', 'imitation'] as const).flatMap((training) => REGIMES.map((regime) => agreement(training, regime))),
  ...(['limit', 'particles'] as const).flatMap((column) => REGIMES.map((regime) => concave(column, regime))),
];
