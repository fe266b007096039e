/** Three stages against direct training, at equal steps of the thin net. */
import { z } from 'zod';
import { listOf, exampleCount, layerCount, width } from '../../src/core/magnitudes.js';
import { mean } from '../../src/core/stats.js';
import { discrepancy } from '../network/discrepancy.js';
import { lossOf } from '../network/network.js';
import { trainDirect, unexploded } from '../flow/direct.js';
import { compress } from '../flow/pipeline.js';
import { thinNet, type Net } from '../model/particles.js';
import { PAIR_SECONDS, stepsOf, trainWide } from './pair.js';
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

/** Three stages against a rival. */
export const STAGES_RATIO: Band = {
  statistic: 'log of the held-out loss of three stages over that of the rival',
  from: -Infinity,
  to: 0,
};

/** Three stages against direct training, at equal steps of the thin net. */
export const stagesStudy: Study<StagesSpec> = {
  name: 'stages',
  law: 'three stages reach a lower held-out loss than direct training with as many steps of the thin net',
  rule: `${bandRule(STAGES_RATIO)}, at every width`,
  schema: StagesSpec,
  cautions: cautionsOf,
  cost: ({ wide, widths, draws, longDraws, time, imitationTime, tuningTime, train, depth, dt }) =>
    (((wide * time * (1 + longDraws * widths.length) +
      widths.reduce((a, b) => a + b, 0) * (draws * 3 + longDraws) * (imitationTime + tuningTime)) *
      train *
      depth) /
      dt) *
      PAIR_SECONDS +
    0.05,
  run: async (spec, seed, tick) => {
    const { dt, imitationTime, tuningTime, draws, depth, regime } = spec;
    const {
      task,
      initial,
      trained: wide,
      onTrain,
      onHeldOut,
      lossIncreases: wideLossIncreases,
    } = trainWide(spec, depth, seed);
    const flow = (t: number): { steps: number; dt: number } => ({ steps: stepsOf(t, dt), dt });
    const rows = [];
    for (const [i, m] of spec.widths.entries()) {
      const found: Record<
        'direct' | 'sampled' | 'staged' | 'imitated' | 'discrepancy' | 'stagedDiscrepancy' | 'long',
        number[]
      > = { direct: [], sampled: [], staged: [], imitated: [], discrepancy: [], stagedDiscrepancy: [], long: [] };
      let [increases, longIncreases] = [0, 0];
      const train = (what: string, net: Net, steps: number): Net => {
        increases += unexploded(what, trainDirect(net, task.train, { steps, dt }), dt).increases;
        return net;
      };
      const thinSteps = stepsOf(imitationTime, dt) + stepsOf(tuningTime, dt);
      const allSteps = thinSteps + Math.round((stepsOf(spec.time, dt) * spec.wide) / m);
      for (let draw = 0; draw < draws; draw++) {
        await tick(i * draws + draw, spec.widths.length * draws);
        const { imitated, tuned, imitation, tuning } = compress(
          wide,
          task.train,
          { m, seed, draw },
          { imitation: { ...flow(imitationTime), targets: onTrain }, tuning: flow(tuningTime) },
        );
        imitation.forEach((layer, l) => unexploded(`imitation of layer ${l + 1}`, layer, dt));
        increases += unexploded('fine-tuning', tuning, dt).increases;
        const direct = train('direct training', thinNet(initial, m, seed, draw), thinSteps);
        const sampled = train('training of sampled particles', thinNet(wide, m, seed, draw), thinSteps);
        found.sampled.push(lossOf(sampled, task.heldOut));
        if (draw < spec.longDraws) {
          const long = thinNet(initial, m, seed, draw);
          const result = trainDirect(long, task.train, { steps: allSteps, dt });
          longIncreases += unexploded('direct training at the total cost', result, dt).increases;
          found.long.push(lossOf(long, task.heldOut));
        }
        found.direct.push(lossOf(direct, task.heldOut));
        found.staged.push(lossOf(tuned, task.heldOut));
        found.imitated.push(lossOf(imitated, task.heldOut));
        found.discrepancy.push(discrepancy(direct, wide, task.heldOut.x, onHeldOut.at(-1)));
        found.stagedDiscrepancy.push(discrepancy(tuned, wide, task.heldOut.x, onHeldOut.at(-1)));
      }
      rows.push({
        regime,
        m,
        wide: lossOf(wide, task.heldOut),
        ...Object.fromEntries(
          Object.entries(found)
            .filter(([, values]) => values.length > 0)
            .map(([name, values]) => [name, mean(values)]),
        ),
        lossIncreases: increases,
        ...(spec.longDraws > 0 && { longIncreases }),
        wideLossIncreases,
      });
    }
    return rows;
  },
};
