/** Three stages against direct training, at equal steps of the thin net. */
import { z } from 'zod';
import { listOf, exampleCount, layerCount, width } from '../../src/core/magnitudes.js';
import { mean } from '../../src/core/stats.js';
import { discrepancy } from '../network/discrepancy.js';
import { lossOf } from '../network/network.js';
import { trainDirect, unexploded } from '../flow/direct.js';
import { compress } from '../flow/pipeline.js';
import { thinNet, type Net } from '../model/particles.js';
import { movedSeconds, stepsOf, THIN_PASSES, trainWide, WIDE_PASSES, type Wide } from './pair.js';
import { bandRule, type Band } from './rule.js';
import { cautionsOf, inWholeSteps, ParticleSettings, type Study, WIDTHS_BELOW_WIDE } from './study.js';

const StagesSpec = ParticleSettings.extend({
  study: z.literal('stages'),
  regime: z.string(),
  depth: layerCount(),
  widths: listOf(width(), 1),
  /** Flow time of fine-tuning, after `imitationTime` of imitation; direct training gets the sum. */
  tuningTime: z.number().min(0),
  /**
   * Draws that are also trained directly for as many steps as the whole pipeline costs, the wide net's training
   * included: a step costs as many pairs as the net has particles.
   */
  longDraws: exampleCount(0).default(0),
})
  .refine(...WIDTHS_BELOW_WIDE)
  .superRefine(inWholeSteps('time', 'imitationTime', 'tuningTime'));
type StagesSpec = z.infer<typeof StagesSpec>;

/** The held-out loss is smaller after three stages than of a rival. */
export const STAGES_RATIO: Band = {
  statistic: 'log of the held-out loss of three stages over that of the rival',
  from: -Infinity,
  to: 0,
};

/** What is measured of the thin nets of one draw, in the order of a row's columns. */
const FIGURES = ['direct', 'sampled', 'staged', 'imitated', 'discrepancy', 'stagedDiscrepancy', 'long'] as const;
type Figure = (typeof FIGURES)[number];

/** The thin nets of one draw, each trained in its way. */
interface ThinNets {
  /** Held-out losses, and discrepancies from the wide net; without `long` where no net was trained for so long. */
  readonly figures: Readonly<Partial<Record<Figure, number>>>;
  /** Steps on which the loss of a net went up, without those of `long`. */
  readonly lossIncreases: number;
  /** Such steps of the net that was trained at the total cost. */
  readonly longIncreases: number;
}

/** Trains the thin nets of one draw of m particles. Throws FailureError when one explodes. */
function trainThinNets(
  spec: StagesSpec,
  { task, initial, trained: wide, onTrain, onHeldOut }: Wide,
  { m, seed, draw }: { readonly m: number; readonly seed: number; readonly draw: number },
): ThinNets {
  const { dt, imitationTime, tuningTime } = spec;
  const { train, heldOut } = task;
  const [imitationSteps, tuningSteps] = [stepsOf(imitationTime, dt), stepsOf(tuningTime, dt)];
  const trainFrom = (net: Net, steps: number, what: string): { readonly net: Net; readonly increases: number } => {
    const { increases } = unexploded(what, trainDirect(net, train, { steps, dt }), dt);
    return { net, increases };
  };
  const { imitated, tuned, imitation, tuning } = compress(
    wide,
    train,
    { m, seed, draw },
    { imitation: { steps: imitationSteps, dt, targets: onTrain }, tuning: { steps: tuningSteps, dt } },
  );
  imitation.forEach((layer, l) => unexploded(`imitation of layer ${l + 1}`, layer, dt));
  const { increases } = unexploded('fine-tuning', tuning, dt);
  const thinSteps = imitationSteps + tuningSteps;
  const direct = trainFrom(thinNet(initial, m, seed, draw), thinSteps, 'direct training');
  const sampled = trainFrom(thinNet(wide, m, seed, draw), thinSteps, 'training of sampled particles');
  const allSteps = thinSteps + Math.round((stepsOf(spec.time, dt) * spec.wide) / m);
  const long =
    draw < spec.longDraws
      ? trainFrom(thinNet(initial, m, seed, draw), allSteps, 'direct training at the total cost')
      : undefined;
  return {
    figures: {
      direct: lossOf(direct.net, heldOut),
      sampled: lossOf(sampled.net, heldOut),
      staged: lossOf(tuned, heldOut),
      imitated: lossOf(imitated, heldOut),
      discrepancy: discrepancy(direct.net, wide, heldOut.x, onHeldOut.at(-1)),
      stagedDiscrepancy: discrepancy(tuned, wide, heldOut.x, onHeldOut.at(-1)),
      ...(long !== undefined && { long: lossOf(long.net, heldOut) }),
    },
    lossIncreases: increases + direct.increases + sampled.increases,
    longIncreases: long?.increases ?? 0,
  };
}

/** Means over the draws that have a figure; without the figures that none has. */
function meanFigures(drawn: readonly ThinNets[]): Partial<Record<Figure, number>> {
  return Object.fromEntries(
    FIGURES.flatMap((name) => {
      const values = drawn.flatMap(({ figures }) => figures[name] ?? []);
      return values.length === 0 ? [] : [[name, mean(values)] as const];
    }),
  );
}

/** Three stages against direct training, at equal steps of the thin net. */
export const stagesStudy: Study<StagesSpec> = {
  name: 'stages',
  law: 'three stages reach a lower held-out loss than direct training with as many steps of the thin net',
  rule: `${bandRule(STAGES_RATIO)}, at every width`,
  schema: StagesSpec,
  cautions: cautionsOf,
  cost: (spec, kernel) => {
    const { wide, widths, draws, longDraws, time, imitationTime, tuningTime, depth } = spec;
    const m = widths.reduce((sum, width) => sum + width, 0);
    const thin = m * (3 * draws + longDraws) * (imitationTime + tuningTime);
    const trained = wide * time * (1 + longDraws * widths.length) + thin;
    const measured = WIDE_PASSES * wide + THIN_PASSES * m * draws;
    return movedSeconds(spec, depth, { trained, measured }, kernel) + 0.03;
  },
  run: async (spec, seed, tick) => {
    const { widths, draws, depth, regime } = spec;
    const wide = trainWide(spec, depth, seed);
    const rows = [];
    for (const [i, m] of widths.entries()) {
      const drawn: ThinNets[] = [];
      for (let draw = 0; draw < draws; draw++) {
        await tick(i * draws + draw, widths.length * draws);
        drawn.push(trainThinNets(spec, wide, { m, seed, draw }));
      }
      const total = (what: 'lossIncreases' | 'longIncreases'): number => drawn.reduce((sum, one) => sum + one[what], 0);
      rows.push({
        regime,
        m,
        wide: lossOf(wide.trained, wide.task.heldOut),
        ...meanFigures(drawn),
        lossIncreases: total('lossIncreases'),
        ...(spec.longDraws > 0 && { longIncreases: total('longIncreases') }),
        wideLossIncreases: wide.lossIncreases,
      });
    }
    return rows;
  },
};
