/** Claims about D(m), D(L), D(T), the model's constants and the bounds. */
import { bounds, depth, imitation, scale, stages, time, width } from '../../experiments/theory.js';
import { fitLine, mean } from '../../src/core/stats.js';
import { RESIDUAL_RATE } from '../../theory/studies/bounds.js';
import { DEPTH_ACTUAL, DEPTH_BEND, DEPTH_GROWTH, DEPTH_RATIO, DEPTH_SUM } from '../../theory/studies/depth.js';
import { IMITATION_RATIO } from '../../theory/studies/imitation.js';
import { SCALE_RATIO } from '../../theory/studies/scale.js';
import { STAGES_RATIO } from '../../theory/studies/stages.js';
import { TIME_FALL, TIME_GROWTH } from '../../theory/studies/time.js';
import { WIDTH_EXPONENT } from '../../theory/studies/width.js';
import { groupBy } from '../../src/core/group.js';
import { numberAt, rowsOfExperiment, type TableRow } from '../data/rows.js';
import { CONTROL, RIVAL } from './arms.js';
import { rowsOf, type Claim } from './claim.js';
import { QUESTIONS } from './questions.js';
import { REGIMES, skips, slug, type Regime } from './regimes.js';
import {
  bandText,
  byBand,
  curves,
  everyValue,
  everyValueText,
  explosion,
  later,
  laterExponent,
  perSeed,
  stableRows,
  type SeedCurve,
} from './rules.js';
import { ABSTRACT } from './sources.js';
import { formatNumber } from './verdict.js';

const TRAININGS = {
  imitation: 'layerwise imitation from the wide net’s trained particles',
  direct: 'direct training (backpropagation)',
  initial: 'layerwise imitation from the initial particles',
} as const;

const WIDTH_QUESTIONS: Readonly<Record<keyof typeof TRAININGS, string>> = {
  imitation: QUESTIONS.widthOfImitation,
  direct: 'D falls as m^(−1/2) under direct training',
  initial: 'D falls as m^(−1/2) when imitation starts from the initial particles',
};

/** Columns of the rises of the thin nets' losses and of the wide net's. */
const EITHER_RISES = ['lossIncreases', 'wideLossIncreases'];

/** The rule by which values are left out, in words. */
const leftOut = (places: string, of = 'the loss'): string =>
  `${places} at which ${of} rises in training on more than one step of a run, on average, are left out.`;

/** D(m) ~ m^(-1/2). */
function widthLaw(training: keyof typeof TRAININGS, regime: Regime): Claim {
  return {
    id: `width-${training}-${slug(regime)}`,
    statement: `Under ${TRAININGS[training]}, ${skips(regime)}, the discrepancy falls with the thin width as m^(−1/2).`,
    source: ABSTRACT.rates,
    question: WIDTH_QUESTIONS[training],
    setting: slug(regime),
    ...(training !== 'initial' && { kind: 'paper' }),
    rule: `${bandText(WIDTH_EXPONENT)} ${leftOut('Widths')}`,
    experiment: width,
    arms: [regime.arm],
    rows: (input) => rowsOf(width, regime.arm)(input).filter((row) => row.values.training === training),
    judge: (rows) => {
      const { kept, note } = stableRows(rows, 'm');
      const judgement = laterExponent(WIDTH_EXPONENT, kept, 'm', 'discrepancy');
      return { ...judgement, evidence: `${judgement.evidence}${note}` };
    },
  };
}

/**
 * D(L) under imitation: at most linear. No depth is left out where the wide net's loss rises in its training: imitation
 * takes that net as it is, and with a quarter of the step, where nothing rises, the exponent is the same.
 */
function depthImitation(regime: Regime): Claim {
  return {
    id: `depth-imitation-${slug(regime)}`,
    statement:
      `Under layerwise imitation, ${skips(regime)}, the telescoped sum that bounds the discrepancy grows at most ` +
      'linearly with depth.',
    source: ABSTRACT.imitation,
    question: QUESTIONS.telescopedDepth,
    setting: slug(regime),
    kind: 'paper',
    rule: `${bandText(DEPTH_SUM)} D above its own sum h_l in any run: not supported.`,
    experiment: depth,
    arms: [regime.arm],
    rows: rowsOf(depth, regime.arm),
    judge: (rows) => {
      const violations = rows.reduce((sum, row) => sum + numberAt(row, 'violations'), 0);
      const judgement = laterExponent(DEPTH_SUM, rows, 'depth', 'telescoped');
      return violations > 0 ? { outcome: 'not supported', evidence: judgement.evidence } : judgement;
    },
  };
}

/** D(L) under imitation: the distance itself, of which the sum is a bound. */
function depthActual(regime: Regime): Claim {
  return {
    id: `depth-imitation-actual-${slug(regime)}`,
    statement:
      `Under layerwise imitation, ${skips(regime)}, the discrepancy itself, not only the sum that bounds it, grows ` +
      'at most linearly with depth.',
    source: ABSTRACT.imitation,
    question: 'D after imitation grows at most linearly with depth',
    setting: slug(regime),
    kind: 'paper',
    rule: bandText(DEPTH_ACTUAL),
    experiment: depth,
    arms: [regime.arm],
    rows: rowsOf(depth, regime.arm),
    judge: (rows) => laterExponent(DEPTH_ACTUAL, rows, 'depth', 'imitation'),
  };
}

/** Curves with the logarithm of y. */
export function logarithmic(bySeed: readonly SeedCurve[]): SeedCurve[] {
  return bySeed.map(({ x, y }) => ({ x, y: y.map(Math.log) }));
}

/**
 * D(L) under direct training: does it grow, and bend upwards on a logarithmic axis? Both are asked: a D that falls and
 * then stays level bends upwards, too (reports/README.md, 2026-11-21).
 */
function depthDirect(regime: Regime): Claim {
  return {
    id: `depth-direct-${slug(regime)}`,
    statement:
      `Under direct training of a generic net ${skips(regime)}, the discrepancy itself (not only its bound) grows ` +
      'faster than exponentially with depth, at m = 128.',
    source: ABSTRACT.backpropagation,
    question: 'D under direct training grows faster than exponentially with depth (generic nets)',
    setting: slug(regime),
    kind: 'paper',
    rule:
      `${bandText(DEPTH_GROWTH)} The same of the bend: ${DEPTH_BEND.statistic}. Supported when both are, not ` +
      'supported when either is not, undecided with fewer than four depths. ' +
      leftOut('Depths', 'a loss'),
    experiment: depth,
    arms: [regime.arm],
    rows: rowsOf(depth, regime.arm),
    judge: (rows) => {
      const { kept, note } = stableRows(rows, 'depth', EITHER_RISES);
      const judgement = explosion(logarithmic(curves(kept, 'depth', 'direct')));
      return { ...judgement, evidence: `${judgement.evidence}${note}` };
    },
  };
}

/** Imitation against direct training, at every depth. */
function depthBoth(regime: Regime): Claim {
  return {
    id: `depth-imitation-below-${slug(regime)}`,
    statement:
      `At every depth at which no loss rises in training, ${skips(regime)}, imitation leaves a smaller discrepancy ` +
      'than direct training.',
    source: ABSTRACT.order,
    question: 'Imitation ends closer than direct training at every depth',
    setting: slug(regime),
    kind: 'paper',
    rule: `${everyValueText(DEPTH_RATIO, 'depth')} ${leftOut('Depths', 'a loss')}`,
    experiment: depth,
    arms: [regime.arm],
    rows: rowsOf(depth, regime.arm),
    judge: everyValue(DEPTH_RATIO, {
      ...{ at: 'depth', column: 'imitation', other: 'direct' },
      rises: EITHER_RISES,
    }),
  };
}

/** D(T) under imitation. */
function timeImitation(regime: Regime): Claim {
  return {
    id: `time-imitation-${slug(regime)}`,
    statement: `Imitation, ${skips(regime)}, lowers the discrepancy as it goes on.`,
    source: 'theory: along the imitation flow every layer’s error on the training points falls',
    question: 'Imitation lowers D as it goes on',
    setting: slug(regime),
    rule: bandText(TIME_FALL),
    experiment: time,
    arms: [regime.arm],
    rows: rowsOf(time, regime.arm),
    judge: byBand(TIME_FALL, (rows) => curves(rows, 'time', 'imitation').map(({ y }) => Math.log(y.at(-1)! / y[0]!))),
  };
}

const POINTS = { direct: 'on held-out points', directTrain: 'on the training points' } as const;

/** D(T) under direct training, by the column of the points on which it is measured. */
function timeDirect(column: keyof typeof POINTS, regime: Regime): Claim {
  const growth = ({ x, y }: SeedCurve): number => fitLine(x, y.map(Math.log)).slope;
  return {
    id: `time-${column === 'direct' ? 'direct' : 'direct-train'}-${slug(regime)}`,
    statement:
      `Under direct training, ${skips(regime)}, the discrepancy ${POINTS[column]} grows with time after ` +
      'its first dip.',
    source: ABSTRACT.time,
    question: `D grows with time under direct training, ${POINTS[column]}`,
    setting: slug(regime),
    rule: `${bandText(TIME_GROWTH)} Times up to which the loss rises are left out; undecided with fewer than three left.`,
    experiment: time,
    arms: [regime.arm],
    rows: (input) => rowsOf(time, regime.arm)(input).filter((row) => typeof row.values[column] === 'number'),
    judge: (rows) => {
      // the later half first: what is left of a curve without its end would be its dip
      const times = new Set(curves(rows, 'time', column).flatMap((curve) => later(curve).x));
      const half = rows.filter((row) => times.has(numberAt(row, 'time')));
      const { kept, note } = stableRows(half, 'time', EITHER_RISES);
      const bySeed = curves(kept, 'time', column);
      if (bySeed.length === 0 || bySeed.some(({ x }) => x.length < 3))
        return { outcome: 'inconclusive', evidence: `cannot be decided: fewer than three times are left${note}` };
      const judgement = byBand(TIME_GROWTH, () => bySeed.map(growth))(kept);
      return { ...judgement, evidence: `${judgement.evidence}${note}` };
    },
  };
}

/** Imitation against direct training at every time of imitation, and in closed form. */
function imitationLaw(column: 'imitation' | 'ridge', regime: Regime): Claim {
  const closed = column === 'ridge';
  const common = { source: ABSTRACT.order, experiment: imitation, arms: [regime.arm], setting: slug(regime) };
  if (!closed)
    return {
      id: `imitation-time-${slug(regime)}`,
      question: 'Imitation ends closer than direct training at every time of imitation',
      kind: 'paper',
      statement:
        `At every time of imitation, ${skips(regime)}, it leaves a smaller discrepancy than direct ` +
        'training for T = 4.',
      rule: everyValueText(IMITATION_RATIO, 'time of imitation'),
      rows: rowsOf(imitation, regime.arm),
      judge: everyValue(IMITATION_RATIO, { at: 'time', column, other: 'direct' }),
      ...common,
    };
  return {
    id: `imitation-closed-form-${slug(regime)}`,
    question: 'Closed-form imitation ends closer than direct training',
    statement:
      `Imitation in closed form (ridge regression of the output weights), ${skips(regime)}, leaves a smaller ` +
      'discrepancy than direct training for T = 4.',
    rule: bandText({ ...IMITATION_RATIO, statistic: 'log of D after ridge regression over D after direct training' }),
    rows: (input) => rowsOf(imitation, regime.arm)(input).filter((row) => row.values.time === 0),
    judge: byBand(IMITATION_RATIO, (rows) =>
      rows.map((row) => Math.log(numberAt(row, column) / numberAt(row, 'direct'))),
    ),
    ...common,
  };
}

const CONSTANTS = { alpha: 'skip weight α', c: 'scale c', rho: 'correlation ρ' } as const;

/** Imitation against direct training, at every value of one constant. */
function scaleLaw(parameter: keyof typeof CONSTANTS): Claim {
  return {
    id: `scale-${parameter}`,
    statement: `At every value of the ${CONSTANTS[parameter]}, imitation leaves a smaller discrepancy than direct training.`,
    source: ABSTRACT.order,
    question: `Imitation ends closer than direct training at every ${CONSTANTS[parameter]}`,
    kind: 'paper',
    rule: everyValueText(SCALE_RATIO, 'value'),
    experiment: scale,
    arms: [parameter],
    rows: rowsOf(scale, parameter),
    judge: everyValue(SCALE_RATIO, { at: 'value', column: 'imitation', other: 'direct' }),
  };
}

/** Columns by which a study names its setting within a run. */
const SETTINGS = ['depth', 'm', 'value'];

/** One row for each setting of each run: rows of several trainings share one count of violations. */
function measurements(rows: readonly TableRow[]): TableRow[] {
  const nameOf = ({ run, values }: TableRow): string => JSON.stringify([run, ...SETTINGS.map((key) => values[key])]);
  return [...groupBy(rows, nameOf).values()].map((group) => group[0]!);
}

/** No bound falls below what it bounds. */
const boundsDominate: Claim = {
  id: 'bounds-dominate',
  statement:
    'Every bound of the theory dominates what is measured: I2, I2′, the running Gronwall bound and its closed ' +
    'form, which rest on inequalities, and the identities I1 and the a-posteriori cap, which check the code.',
  source: 'derivations in theory/bounds',
  question: 'Every bound dominates what is measured',
  rule:
    'Violations over all runs of all studies of particles, each net counted once: none, supported; any, ' +
    'not supported.',
  experiment: bounds,
  chance: 0,
  rows: ({ rows }) =>
    rowsOfExperiment(rows, bounds).length > 0 ? rows.filter((row) => typeof row.values.violations === 'number') : [],
  judge: (rows) => {
    const all = measurements(rows);
    const mine = rows.filter((row) => row.experiment === bounds.name);
    const violations = all.reduce((sum, row) => sum + numberAt(row, 'violations'), 0);
    const loose = (key: string): string =>
      formatNumber(Math.exp(mean(mine.map((row) => Math.log(numberAt(row, key) / numberAt(row, 'imitation'))))), 1);
    const largest = (key: string): number => mine.reduce((most, row) => Math.max(most, numberAt(row, key)), -Infinity);
    return {
      outcome: violations === 0 ? 'supported' : 'not supported',
      evidence:
        `${violations} violations in ${mine.length} measurements of the bounds, which could fail, and ` +
        `${all.length - mine.length} of the identities, which check the code; bound over D after imitation, ` +
        `geometric means: I1 ${loose('telescoped')}, I2 ${loose('lipschitz')}, I2′ ${loose('wideTail')}; the running ` +
        `Gronwall bound on direct training ${powerOfTen(largest('gronwall'))}, its closed form ` +
        `10^(10^${Math.log10(largest('closed')).toFixed(0)})`,
    };
  },
};

/** A bound by its decimal logarithm, in words. */
function powerOfTen(digits: number): string {
  return digits < Math.log10(Number.MAX_VALUE)
    ? `reaches 10^${digits.toFixed(0)}`
    : 'passes 10^308, where float64 ends';
}

/** Gronwall's rate does not grow with depth for blocks at 1/L. */
const residualRate: Claim = {
  id: 'bounds-residual-rate',
  statement:
    'With residual blocks at scale 1/L, even the Gronwall bound has no exponential growth with depth: its rate per ' +
    'unit of c stays bounded.',
  source: 'theory/bounds/gronwall.ts (closed form with G = 1 + O(1/L))',
  question: 'Blocks at 1/L keep the Gronwall bound’s rate from growing with depth',
  figure: 'gronwall',
  rule: `${bandText(RESIDUAL_RATE)} (Without 1/L it is above 0.5.)`,
  experiment: bounds,
  arms: ['residual 1/L'],
  rows: rowsOf(bounds, 'residual 1/L'),
  judge: byBand(RESIDUAL_RATE, (rows) =>
    perSeed(rows, (group) => {
      const half = group.slice(-Math.max(2, Math.ceil(group.length / 2)));
      return fitLine(
        half.map((row) => numberAt(row, 'depth')),
        half.map((row) => Math.log(numberAt(row, 'rate') * numberAt(row, 'depth'))),
      ).slope;
    }),
  ),
};

const RIVALS = {
  direct: {
    id: 'stages',
    text: 'those trained directly for as many steps',
    source: 'paper, the method’s purpose; here on the particle model',
    question: QUESTIONS.equalSteps,
  },
  sampled: {
    id: 'stages-sampled',
    text: 'those that start from the wide net’s trained particles and are trained for as many steps without imitation',
    source: CONTROL,
    question: QUESTIONS.ownWeights,
  },
  long: {
    id: 'stages-total-cost',
    text: 'those trained directly at the cost of the whole pipeline, the wide net’s training included',
    source: RIVAL,
    question: QUESTIONS.totalCost,
  },
} as const;

/** Three stages against a rival on particles. */
function stagesLaw(rival: keyof typeof RIVALS, regime: Regime): Claim {
  const [first, ...rest] = skips(regime);
  const { id, text, source, question } = RIVALS[rival];
  return {
    id: `${id}-${slug(regime)}`,
    statement:
      `${first!.toUpperCase()}${rest.join('')}, thin particle nets of three stages reach a lower held-out loss, at ` +
      `every width at which no loss rises in training, than ${text}.`,
    source,
    question,
    setting: slug(regime),
    ...(rival === 'direct' && { kind: 'paper' }),
    rule: `${everyValueText(STAGES_RATIO, 'width')} ${leftOut('Widths', 'a loss')}`,
    experiment: stages,
    arms: [regime.arm],
    rows: (input) => rowsOf(stages, regime.arm)(input).filter((row) => typeof row.values[rival] === 'number'),
    judge: everyValue(STAGES_RATIO, {
      ...{ at: 'm', column: 'staged', other: rival },
      // more steps of the rival are more in which Euler's steps may be too long for it
      rises: [...EITHER_RISES, ...(rival === 'long' ? ['longIncreases'] : [])],
    }),
  };
}

/** The claims about laws, in the order of the page. */
export const LAW_CLAIMS: readonly Claim[] = [
  ...(['imitation', 'direct', 'initial'] as const).flatMap((training) =>
    REGIMES.map((regime) => widthLaw(training, regime)),
  ),
  ...REGIMES.map(depthImitation),
  ...REGIMES.map(depthActual),
  ...REGIMES.map(depthDirect),
  ...REGIMES.map(depthBoth),
  ...REGIMES.map(timeImitation),
  ...REGIMES.map((regime) => timeDirect('direct', regime)),
  ...REGIMES.map((regime) => timeDirect('directTrain', regime)),
  ...(['imitation', 'ridge'] as const).flatMap((column) => REGIMES.map((regime) => imitationLaw(column, regime))),
  ...(['alpha', 'c', 'rho'] as const).map(scaleLaw),
  boundsDominate,
  residualRate,
  ...(['direct', 'sampled', 'long'] as const).flatMap((rival) => REGIMES.map((regime) => stagesLaw(rival, regime))),
];
