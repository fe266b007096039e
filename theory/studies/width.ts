/** D(m): how the discrepancy falls with the thin width. */
import { z } from 'zod';
import { listOf, layerCount, width } from '../../src/core/magnitudes.js';
import { measurePair, pairCost, trainWide } from './pair.js';
import { bandRule, type Band } from './rule.js';
import { cautionsOf, inWholeSteps, ParticleSettings, type Study, WIDTHS_BELOW_WIDE } from './study.js';

const WidthSpec = ParticleSettings.extend({
  study: z.literal('width'),
  /** A name for the setting, shown in figures. */
  regime: z.string(),
  depth: layerCount(),
  /** Thin widths, each below `wide`. */
  widths: listOf(width(), 2),
})
  .refine(...WIDTHS_BELOW_WIDE)
  .superRefine(inWholeSteps('time', 'imitationTime'));
type WidthSpec = z.infer<typeof WidthSpec>;

/** After either training D falls as m^(-1/2). */
export const WIDTH_EXPONENT: Band = {
  statistic: 'exponent of D(m) over the wider half of the widths',
  from: -0.55,
  to: -0.45,
};

/**
 * D(m): how the discrepancy falls with the thin width. Coupled thin nets are drawn without replacement from M wide
 * particles, which makes D smaller by sqrt((M - m)/(M - 1)) than for M = infinity; fresh ones see the wide net's own
 * distance from its limit, which makes D larger by sqrt(1 + m/M). The rows give D with these factors taken out.
 */
export const widthStudy: Study<WidthSpec> = {
  name: 'width',
  law: 'D(m) falls as m^(-1/2), for imitation and for direct training; sampling alone against imitation',
  rule: bandRule(WIDTH_EXPONENT),
  schema: WidthSpec,
  cautions: cautionsOf,
  cost: (spec, kernel) => pairCost(spec, spec.depth, spec.widths, kernel),
  run: async (spec, seed, tick) => {
    const rows = [];
    const total = spec.widths.length + 1;
    await tick(0, total);
    const wide = trainWide(spec, spec.depth, seed);
    for (const [index, m] of spec.widths.entries()) {
      await tick(index + 1, total);
      const pair = await measurePair(spec, wide, m, seed, async () => tick(index + 1, total));
      const coupled = Math.sqrt((spec.wide - 1) / (spec.wide - m));
      const values = {
        direct: pair.direct * coupled,
        fresh: pair.fresh / Math.sqrt(1 + m / spec.wide),
        sampled: pair.sampled * coupled,
        imitation: pair.imitation * coupled,
        initial: pair.initial,
        layer: pair.layerError * coupled,
      };
      for (const [training, value] of Object.entries(values)) {
        const direct = training === 'direct';
        rows.push({
          regime: spec.regime,
          training,
          m,
          discrepancy: value,
          relative: value / wide.size,
          lossIncreases: direct ? pair.lossIncreases : 0,
          stepError: direct ? pair.stepError : 0,
          violations: pair.violations,
        });
      }
    }
    return rows;
  },
};
