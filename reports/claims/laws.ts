/** Claims about D(m), D(L), D(T), the model's constants and the bounds. */
import { bounds, depth, scale, stages, time, width } from '../../experiments/theory.js';
import { fitLine, mean, powerLaw, tInterval } from '../../src/core/stats.js';
import { numberAt } from '../data/rows.js';
import { formatInterval, formatNumber, within } from './verdict.js';
import { below, byInterval, curves, explosion, perSeed, rowsOf, stableRows, type Claim } from './claim.js';

const TRAININGS = {
  imitation: 'layerwise imitation from the wide net’s trained particles',
  direct: 'direct training (backpropagation)',
  initial: 'layerwise imitation from the initial particles',
} as const;

type Regime = 'skip' | 'no skip';
const REGIMES: readonly Regime[] = ['skip', 'no skip'];
const skips = (regime: Regime): string => `${regime === 'skip' ? 'with' : 'without'} a skip connection`;
const slug = (regime: Regime): string => regime.replace(' ', '-');

/** D(m) ~ m^(-1/2). */
function widthLaw(training: keyof typeof TRAININGS, regime: Regime): Claim {
  return {
    id: `width-${training}-${slug(regime)}`,
    statement: `Under ${TRAININGS[training]}, ${skips(regime)}, the discrepancy falls with the thin width as m^(−1/2).`,
    source: 'paper, mean-field bounds (both rates 1/√m)',
    rule: 'Exponent of D(m), one fit per seed, 95 % t-interval over seeds: supported inside [−0.55, −0.45], not supported outside, else inconclusive. Widths at which the loss rises in training are left out.',
    experiment: width,
    arms: [regime],
    rows: (input) => rowsOf(width, regime)(input).filter((row) => row.values.training === training),
    judge: (rows) => {
      const { kept, note } = stableRows(rows, 'm');
      const interval = powerLaw(curves(kept, 'm', 'discrepancy'));
      return { outcome: within(interval, -0.55, -0.45), evidence: `${formatInterval(interval)}${note}` };
    },
  };
}

/** D(L) under imitation: at most linear. */
function depthImitation(regime: Regime): Claim {
  return {
    id: `depth-imitation-${slug(regime)}`,
    statement: `Under layerwise imitation, ${skips(regime)}, the telescoped sum that bounds the discrepancy grows at most linearly with depth.`,
    source: 'paper, Theorem on layerwise imitation (discrepancy linear in depth)',
    rule: 'Exponent of sum h_l against L, one fit per seed, 95 % t-interval: supported below 1.1, not supported above it, else inconclusive. D above its own sum h_l in any run: not supported.',
    experiment: depth,
    arms: [regime],
    rows: rowsOf(depth, regime),
    judge: (rows) => {
      const violations = rows.reduce((sum, row) => sum + numberAt(row, 'violations'), 0);
      const interval = powerLaw(curves(rows, 'depth', 'telescoped'));
      return {
        outcome: violations > 0 ? 'not supported' : within(interval, -Infinity, 1.1),
        evidence: formatInterval(interval),
      };
    },
  };
}

/** The same for the distance itself, of which the sum is a bound. */
function depthActual(regime: Regime): Claim {
  return {
    id: `depth-imitation-actual-${slug(regime)}`,
    statement: `Under layerwise imitation, ${skips(regime)}, the discrepancy itself, not only the sum that bounds it, grows at most linearly with depth.`,
    source: 'paper, Theorem on layerwise imitation (discrepancy linear in depth)',
    rule: 'Exponent of D against L, one fit per seed, 95 % t-interval: supported below 1.1, not supported above it, else inconclusive.',
    experiment: depth,
    arms: [regime],
    rows: rowsOf(depth, regime),
    judge: byInterval(
      (rows) => powerLaw(curves(rows, 'depth', 'imitation')),
      (interval) => within(interval, -Infinity, 1.1),
    ),
  };
}

/**
 * D(L) under direct training: does it grow, and bend upwards on a logarithmic axis? Both are asked: a D that falls and
 * then stays level bends upwards, too (reports/README.md, 2026-11-21).
 */
function depthDirect(regime: Regime): Claim {
  return {
    id: `depth-direct-${slug(regime)}`,
    statement: `Under direct training of a generic net ${skips(regime)}, the discrepancy itself (not only its bound) grows faster than exponentially with depth.`,
    source: 'paper, Theorem on backpropagation (double exponential in depth); the paper states a bound',
    rule: 'Growth of log D per layer over the deeper half of the depths, and how much steeper the second part of that half is than the first; 95 % t-intervals over seeds: supported when both lie above 0, not supported when either lies below, else inconclusive. Depths at which the loss rises in training are left out.',
    experiment: depth,
    arms: [regime],
    rows: rowsOf(depth, regime),
    judge: (rows) => {
      const { kept, note } = stableRows(rows, 'depth');
      const { outcome, evidence } = explosion(
        curves(kept, 'depth', 'direct').map(({ x, y }) => ({ x, logs: y.map(Math.log) })),
      );
      return { outcome, evidence: `${evidence}${note}` };
    },
  };
}

/** Imitation against direct training, with depth. */
function depthBoth(regime: Regime): Claim {
  return {
    id: `depth-imitation-below-${slug(regime)}`,
    statement: `Over all depths, ${skips(regime)}, imitation leaves a smaller discrepancy than direct training.`,
    source: 'paper: the bound on imitation is below that on backpropagation',
    rule: 'log ratio of the two, one mean per seed over the depths, 95 % t-interval: supported below 0, not supported above, else inconclusive.',
    experiment: depth,
    arms: [regime],
    rows: rowsOf(depth, regime),
    judge: below('imitation', 'direct'),
  };
}

/** D(T). */
function timeLaw(training: 'imitation' | 'direct', regime: Regime): Claim {
  const falls = training === 'imitation';
  const ratio = ({ y }: { readonly y: readonly number[] }): number =>
    Math.log(y.at(-1)! / (falls ? y[0]! : Math.min(...y.slice(0, -1))));
  return {
    id: `time-${training}-${slug(regime)}`,
    statement: falls
      ? `Imitation, ${skips(regime)}, lowers the discrepancy as it goes on.`
      : `Under direct training, ${skips(regime)}, the discrepancy grows with time after its first dip.`,
    source: falls
      ? 'theory: along the imitation flow every layer’s error falls'
      : 'paper, bound on backpropagation (exponential in time)',
    rule: falls
      ? 'log of D at the last time over D at the start, 95 % t-interval over seeds: supported below 0, not supported above, else inconclusive.'
      : 'log of D at the last time over the smallest D before it, 95 % t-interval over seeds: supported above 0, not supported below, else inconclusive.',
    experiment: time,
    arms: [regime],
    rows: rowsOf(time, regime),
    judge: byInterval(
      (rows) => tInterval(curves(rows, 'time', training).map(ratio)),
      (interval) => (falls ? within(interval, -Infinity, 0) : within(interval, 0, Infinity)),
    ),
  };
}

const CONSTANTS = { alpha: 'skip weight α', c: 'scale c', rho: 'correlation ρ' } as const;

/** Imitation against direct training, over values of one constant. */
function scaleLaw(parameter: keyof typeof CONSTANTS): Claim {
  return {
    id: `scale-${parameter}`,
    statement: `Over all values of the ${CONSTANTS[parameter]}, imitation leaves a smaller discrepancy than direct training.`,
    source: 'paper: the bound on imitation is below that on backpropagation',
    rule: 'log ratio of the two, one mean per seed over the values, 95 % t-interval: supported below 0, not supported above, else inconclusive.',
    experiment: scale,
    arms: [parameter],
    rows: rowsOf(scale, parameter),
    judge: below('imitation', 'direct'),
  };
}

/** No bound falls below what it bounds. */
const boundsDominate: Claim = {
  id: 'bounds-dominate',
  statement:
    'Every bound of the theory dominates what is measured: I1, I2, I2′, the running Gronwall bound and its closed form, the a-posteriori cap.',
  source: 'derivations in theory/bounds',
  rule: 'Violations over all runs of all studies of particles: none, supported; any, not supported.',
  experiment: bounds,
  rows: ({ rows }) =>
    rows.some((row) => row.experiment === bounds.name)
      ? rows.filter((row) => typeof row.values.violations === 'number')
      : [],
  judge: (rows) => {
    const mine = rows.filter((row) => row.experiment === bounds.name);
    const violations = rows.reduce((sum, row) => sum + numberAt(row, 'violations'), 0);
    const loose = (key: string): string =>
      formatNumber(Math.exp(mean(mine.map((row) => Math.log(numberAt(row, key) / numberAt(row, 'imitation'))))), 1);
    const largest = (key: string): number => mine.reduce((most, row) => Math.max(most, numberAt(row, key)), -Infinity);
    return {
      outcome: violations === 0 ? 'supported' : 'not supported',
      evidence: `${violations} violations in ${rows.length} rows; bound over D after imitation, geometric means: I1 ${loose('telescoped')}, I2 ${loose('lipschitz')}, I2′ ${loose('wideTail')}; the running Gronwall bound on direct training ${powerOfTen(largest('gronwall'))}, its closed form 10^(10^${Math.log10(largest('closed')).toFixed(0)})`,
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
    'With residual blocks at scale 1/L, even the Gronwall bound has no exponential growth with depth: its rate per unit of c stays bounded.',
  source: 'theory/bounds/gronwall.ts (closed form with G = 1 + O(1/L))',
  rule: 'Growth of log(rate × L) per layer over the deeper half of the depths, one fit per seed, 95 % t-interval: supported below 0.25, not supported above, else inconclusive. (Without 1/L it is above 0.5.)',
  experiment: bounds,
  arms: ['residual 1/L'],
  rows: rowsOf(bounds, 'residual 1/L'),
  judge: byInterval(
    (rows) =>
      tInterval(
        perSeed(rows, (group) => {
          const half = group.slice(-Math.max(2, Math.ceil(group.length / 2)));
          return fitLine(
            half.map((row) => numberAt(row, 'depth')),
            half.map((row) => Math.log(numberAt(row, 'rate') * numberAt(row, 'depth'))),
          ).slope;
        }),
      ),
    (interval) => within(interval, -Infinity, 0.25),
  ),
};

/** Three stages against direct training on particles. */
function stagesLaw(regime: Regime): Claim {
  const [first, ...rest] = skips(regime);
  return {
    id: `stages-${slug(regime)}`,
    statement: `${first!.toUpperCase()}${rest.join('')}, thin particle nets of three stages reach a lower held-out loss than those trained directly for as many steps.`,
    source: 'paper, the method’s purpose; here on the particle model',
    rule: 'log ratio of held-out losses, one mean per seed over widths, 95 % t-interval: supported below 0, not supported above, else inconclusive.',
    experiment: stages,
    arms: [regime],
    rows: rowsOf(stages, regime),
    judge: below('staged', 'direct'),
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
  ...REGIMES.map((regime) => timeLaw('imitation', regime)),
  ...REGIMES.map((regime) => timeLaw('direct', regime)),
  ...(['alpha', 'c', 'rho'] as const).map(scaleLaw),
  boundsDominate,
  residualRate,
  ...REGIMES.map(stagesLaw),
];
