/** D(L): how the discrepancy grows with depth, and the telescoped sum that bounds it under imitation. */
import { z } from 'zod';
import { listOf, layerCount, width } from '../../src/core/magnitudes.js';
import { measurePair, pairCost, trainWide } from './pair.js';
import { bandRule, type Band } from './rule.js';
import { cautionsOf, inWholeSteps, ParticleSettings, type Study, THIN_BELOW_WIDE } from './study.js';

const DepthSpec = ParticleSettings.extend({
  study: z.literal('depth'),
  regime: z.string(),
  /** Thin width. */
  m: width(),
  depths: listOf(layerCount(), 3),
})
  .refine(...THIN_BELOW_WIDE)
  .superRefine(inWholeSteps('time', 'imitationTime'));
type DepthSpec = z.infer<typeof DepthSpec>;

/**
 * After imitation the telescoped sum grows at most linearly with depth, with room for what a fit over few depths may
 * miss.
 */
export const DEPTH_SUM: Band = {
  statistic: 'exponent of sum h_l against L over the deeper half of the depths',
  from: -Infinity,
  to: 1.1,
};

/** After imitation D, which the telescoped sum bounds, grows at most linearly with depth. */
export const DEPTH_ACTUAL: Band = {
  ...DEPTH_SUM,
  statistic: 'exponent of D against L over the deeper half of the depths',
};

/** After direct training D grows with depth. */
export const DEPTH_GROWTH: Band = {
  statistic: 'growth of log D per layer over the deeper half of the depths',
  from: 0,
  to: Infinity,
};

/** After direct training D grows faster than exponentially with depth. */
export const DEPTH_BEND: Band = {
  ...DEPTH_GROWTH,
  statistic: 'how much steeper the second part of that half is than the first',
};

/** D is smaller after imitation than after direct training, at every depth. */
export const DEPTH_RATIO: Band = {
  statistic: 'log of D after imitation over D after direct training',
  from: -Infinity,
  to: 0,
};

/** D(L): how the discrepancy grows with depth. */
export const depthStudy: Study<DepthSpec> = {
  name: 'depth',
  law:
    'D(L) under imitation is at most linear in depth (telescoped sum); ' +
    'under direct training the bound is double exponential',
  rule:
    `imitation: ${bandRule(DEPTH_SUM)}, and no D above its own sum; ` +
    `direct: ${bandRule(DEPTH_GROWTH)}, and ${bandRule(DEPTH_BEND)}; both: ${bandRule(DEPTH_RATIO)}, at every depth`,
  schema: DepthSpec,
  cautions: cautionsOf,
  cost: (spec, kernel) => spec.depths.reduce((sum, depth) => sum + pairCost(spec, depth, [spec.m], kernel), 0),
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
