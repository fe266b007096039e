/** Three stages against direct training, at equal steps of the thin net. */
import { z } from 'zod';
import { mean } from '../../src/core/stats.js';
import { discrepancy } from '../network/discrepancy.js';
import { lossOf, trainDirect } from '../flow/direct.js';
import { compress } from '../flow/pipeline.js';
import { thinNet } from '../model/particles.js';
import { PAIR_SECONDS, stepsOf, trainWide, whole } from './pair.js';
import { bandRule, type Band } from './rule.js';
import { cautionsOf, inWholeSteps, ParticleSettings, type Study, WIDTHS_BELOW_WIDE } from './study.js';

const StagesSpec = ParticleSettings.extend({
  study: z.literal('stages'),
  regime: z.string(),
  depth: z.int().min(1),
  widths: z.array(z.int().min(1)).min(1),
  /** Flow time of fine-tuning, after `imitationTime` of imitation; direct training gets the sum. */
  tuningTime: z.number().min(0),
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
  cost: ({ wide, widths, draws, time, imitationTime, tuningTime, train, depth, dt }) =>
    (((wide * time + widths.reduce((a, b) => a + b, 0) * draws * 2 * (imitationTime + tuningTime)) * train * depth) /
      dt) *
      PAIR_SECONDS +
    0.05,
  run: async (spec, seed, tick) => {
    const { dt, imitationTime, tuningTime, draws, depth, regime } = spec;
    const { task, initial, trained: wide, onTrain, onHeldOut } = trainWide(spec, depth, seed);
    const flow = (t: number): { steps: number; dt: number } => ({ steps: stepsOf(t, dt), dt });
    const rows = [];
    for (const [i, m] of spec.widths.entries()) {
      const found: Record<'direct' | 'staged' | 'imitated' | 'discrepancy' | 'stagedDiscrepancy', number[]> = {
        direct: [],
        staged: [],
        imitated: [],
        discrepancy: [],
        stagedDiscrepancy: [],
      };
      for (let draw = 0; draw < draws; draw++) {
        await tick(i * draws + draw, spec.widths.length * draws);
        const { imitated, tuned, imitation, tuning } = compress(
          wide,
          task.train,
          { m, seed, draw },
          { imitation: { ...flow(imitationTime), targets: onTrain }, tuning: flow(tuningTime) },
        );
        imitation.forEach((layer, l) => whole(`imitation of layer ${l + 1}`, layer, dt));
        whole('fine-tuning', tuning, dt);
        const direct = thinNet(initial, m, seed, draw);
        whole('direct training', trainDirect(direct, task.train, flow(imitationTime + tuningTime)), dt);
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
        ...Object.fromEntries(Object.entries(found).map(([name, values]) => [name, mean(values)])),
      });
    }
    return rows;
  },
};
