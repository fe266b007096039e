/** D(m) of thin nets whose particles are chosen to imitate the wide net's layers, beside random ones. */
import { z } from 'zod';
import { listOf, layerCount, width } from '../../src/core/magnitudes.js';
import { rms } from '../../src/core/stats.js';
import { trainDirect, unexploded } from '../flow/direct.js';
import { imitate } from '../flow/imitation.js';
import { imitateByRidge } from '../flow/ridge.js';
import { selectNets, SELECTION_NAMES, type SelectionName } from '../flow/selection.js';
import { copyNet, thinNet, type Net } from '../model/particles.js';
import { discrepancy } from '../network/discrepancy.js';
import { movedSeconds, stepsOf, trainWide, WIDE_PASSES, type Wide } from './pair.js';
import { bandRule, type Band } from './rule.js';
import { cautionsOf, increasing, inWholeSteps, ParticleSettings, type Study, WIDTHS_BELOW_WIDE } from './study.js';

const SelectionSpec = ParticleSettings.extend({
  study: z.literal('selection'),
  regime: z.string(),
  depths: listOf(layerCount(), 1),
  /** Increasing thin widths, each below `wide`. */
  widths: listOf(width(), 2),
  /** The penalty of the least squares, relative to the features' mean square. */
  ridge: z.number().positive(),
})
  .refine(...WIDTHS_BELOW_WIDE)
  .refine(...increasing('widths'))
  .superRefine(inWholeSteps('time', 'imitationTime'));
type SelectionSpec = z.infer<typeof SelectionSpec>;

/** With chosen particles D falls faster with m than with random ones, whose rate is m^(-1/2). */
export const SELECTION_EXPONENT: Band = {
  statistic: 'exponent of D(m) over the wider half of the widths',
  from: -Infinity,
  to: -0.5,
};

/** D is smaller with chosen particles than with a rival of the same width. */
export const SELECTION_RATIO: Band = {
  statistic: 'log of D of chosen particles over D of the rival, mean over all widths',
  from: -Infinity,
  to: 0,
};

/** How particles are chosen: at random, or by one of the rules. */
const CHOICES = ['random', ...SELECTION_NAMES] as const;
type Choice = 'random' | SelectionName;

/** What follows the choice, by the ending of its column. */
const ENDINGS = ['', 'LeastSquares', 'Imitation', 'LeastSquaresImitation'] as const;

/** D of some nets, root mean square. */
function distance({ task, trained, onHeldOut }: Wide, nets: readonly Net[]): number {
  return rms(nets.map((net) => discrepancy(net, trained, task.heldOut.x, onHeldOut.at(-1))));
}

/** D of chosen particles under the column of what follows the choice, and rises of the loss in imitation. */
function measureChoice(spec: SelectionSpec, wide: Wide, choice: Choice, nets: readonly Net[]): Record<string, number> {
  const { dt, imitationTime, ridge } = spec;
  const { task, trained, onTrain } = wide;
  const fitted = nets.map(copyNet);
  for (const net of fitted) imitateByRidge(net, trained, task.train.x, { ridge, targets: onTrain });
  let rises = 0;
  const imitated = (start: readonly Net[]): Net[] =>
    start.map((net) => {
      const copy = copyNet(net);
      for (const result of imitate(copy, trained, task.train.x, {
        ...{ steps: stepsOf(imitationTime, dt), dt },
        targets: onTrain,
      }))
        rises += unexploded(`imitation by ${choice} particles`, result, dt).increases;
      return copy;
    });
  const found = [nets, fitted, imitated(nets), imitated(fitted)].map((some) => distance(wide, some));
  return {
    ...Object.fromEntries(ENDINGS.map((ending, i) => [`${choice}${ending}`, found[i]!])),
    [`${choice}Rises`]: rises / nets.length,
  };
}

/**
 * Multiply-adds, in millions, of what one thin net of L layers costs beside the wide net's training. A step of training
 * or imitation takes 7 d of them for a (particle, sample) pair (forward 2 d, backward 5 d), a choice M (N + d) for each
 * particle and 4 M N d for the features, least squares N^3/3 for the factorization and m N (N/2 + 3 d) around it.
 */
function workOf({ wide: M, train: N, d, time, imitationTime, dt }: SelectionSpec, L: number, m: number) {
  const step = m * N * 7 * d;
  const million = (count: number): number => Math.round(count * L) / 1e6;
  return {
    directWork: million(stepsOf(time, dt) * step),
    selectionWork: million(4 * M * N * d + m * M * (N + d)),
    leastSquaresWork: million(N ** 3 / 3 + m * N * (N / 2 + 3 * d)),
    imitationWork: million(stepsOf(imitationTime, dt) * step),
  };
}

/** Direct training of random particles of the wide net's start; D, and steps on which a loss went up. */
function measureDirect({ time, dt, draws }: SelectionSpec, wide: Wide, m: number, seed: number) {
  let lossIncreases = 0;
  const nets = Array.from({ length: draws }, (_, draw) => {
    const net = thinNet(wide.initial, m, seed, draw);
    const result = trainDirect(net, wide.task.train, { steps: stepsOf(time, dt), dt });
    lossIncreases += unexploded(`the thin net of m = ${m}, draw ${draw}`, result, dt).increases;
    return net;
  });
  return { direct: distance(wide, nets), lossIncreases: lossIncreases / draws };
}

/** D(m) of chosen particles, at several depths. */
export const selectionStudy: Study<SelectionSpec> = {
  name: 'selection',
  law:
    'particles chosen to imitate (greedy selection, herding), with least squares or without, leave a smaller D than ' +
    'random ones, which falls faster than m^(-1/2)',
  rule: `${bandRule(SELECTION_EXPONENT)}; against direct training: ${bandRule(SELECTION_RATIO)}; both at every depth`,
  schema: SelectionSpec,
  cautions: cautionsOf,
  cost: (spec, kernel) => {
    const { wide, train, depths, widths, draws, time, imitationTime } = spec;
    const layers = depths.reduce((sum, depth) => sum + depth, 0);
    const m = widths.reduce((sum, width) => sum + width, 0);
    const chosen = draws + SELECTION_NAMES.length;
    const trained = wide * time + m * (draws * time + 2 * chosen * imitationTime);
    const measured = WIDE_PASSES * wide + m * (draws + ENDINGS.length * chosen);
    const moved = movedSeconds(spec, layers, { trained, measured }, kernel);
    const choosing = SELECTION_NAMES.length * widths.at(-1)! * wide * train * 0.7e-9;
    const fitting = chosen * (m * train + widths.length * train * train) * train * 1e-9;
    const nets = depths.length * widths.length * chosen;
    return moved + layers * (choosing + fitting) + 4e-3 * nets + 0.15;
  },
  run: async (spec, seed, tick) => {
    const { depths, widths, draws, regime } = spec;
    const rows = [];
    const total = depths.reduce((sum, depth) => sum + depth * (widths.length + 2), 0);
    let done = 0;
    const through = async (parts: number): Promise<void> => tick((done += parts), total);
    await through(0);
    for (const depth of depths) {
      const wide = trainWide(spec, depth, seed);
      const selected = {} as Record<SelectionName, Net[]>;
      for (const name of SELECTION_NAMES) {
        selected[name] = selectNets(wide.trained, wide.task.train.x, name, widths, wide.onTrain);
        await through(depth);
      }
      for (const [w, m] of widths.entries()) {
        const random = Array.from({ length: draws }, (_, draw) => thinNet(wide.trained, m, seed, draw));
        const row = { regime, depth, m, ...measureDirect(spec, wide, m, seed) };
        for (const choice of CHOICES)
          Object.assign(row, measureChoice(spec, wide, choice, choice === 'random' ? random : [selected[choice][w]!]));
        rows.push({ ...row, ...workOf(spec, depth, m), wideLossIncreases: wide.lossIncreases });
        await through(depth);
      }
    }
    return rows;
  },
};
