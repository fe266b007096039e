/** D(L): how the discrepancy grows with depth, and the telescoped sum that bounds it under imitation. */
import { z } from 'zod';
import { measurePair, pairCost, trainWide } from './pair.js';
import { cautionsOf, inWholeSteps, ParticleSettings, type Study, THIN_BELOW_WIDE } from './study.js';

const DepthSpec = ParticleSettings.extend({
  study: z.literal('depth'),
  regime: z.string(),
  /** Thin width. */
  m: z.int().min(1),
  depths: z.array(z.int().min(1)).min(3),
})
  .refine(...THIN_BELOW_WIDE)
  .superRefine(inWholeSteps('time', 'imitationTime'));
type DepthSpec = z.infer<typeof DepthSpec>;

/** D(L): how the discrepancy grows with depth. */
export const depthStudy: Study<DepthSpec> = {
  name: 'depth',
  law:
    'D(L) under imitation is at most linear in depth (telescoped sum); ' +
    'under direct training the bound is double exponential',
  rule:
    'imitation: exponent of sum h_l below 1.1 and no D above its own sum; ' +
    'direct: growth of log D per layer and its bend both above 0',
  schema: DepthSpec,
  cautions: cautionsOf,
  cost: (spec) => spec.depths.reduce((sum, depth) => sum + pairCost(spec, depth, [spec.m]), 0),
  run: async (spec, seed, tick) => {
    const rows = [];
    const total = spec.depths.reduce((sum, depth) => sum + depth, 0);
    let done = 0;
    for (const depth of spec.depths) {
      await tick(done, total);
      const wide = trainWide(spec, depth, seed);
      const pair = await measurePair(spec, wide, spec.m, seed, async () => tick(done, total));
      rows.push({ regime: spec.regime, depth, ...pair, wideSize: wide.size, wideLossIncreases: wide.lossIncreases });
      done += depth;
    }
    return rows;
  },
};
