/** D(m): how the discrepancy falls with the thin width. */
import { z } from 'zod';
import { measurePair, pairCost, trainWide } from './pair.js';
import { ParticleSettings, type Study } from './study.js';

const WidthSpec = ParticleSettings.extend({
  study: z.literal('width'),
  /** A name for the setting, shown in figures. */
  regime: z.string(),
  depth: z.int().min(1),
  /** Thin widths, each below `wide`. */
  widths: z.array(z.int().min(1)).min(2),
}).refine(({ widths, wide }) => widths.every((m) => m < wide), { message: 'expected every one of "widths" to be below "wide"' });
export type WidthSpec = z.infer<typeof WidthSpec>;

/**
 * Thin nets are drawn without replacement from M wide particles, which makes D smaller by sqrt((M - m)/(M - 1)) than for M = infinity;
 * the rows give D with that factor taken out.
 */
export const widthStudy: Study<WidthSpec> = {
  name: 'width',
  law: 'D(m) falls as m^(-1/2), for imitation and for direct training',
  schema: WidthSpec,
  cost: (spec) => pairCost(spec, spec.depth, spec.widths),
  run: async (spec, seed, tick) => {
    const rows = [];
    const total = spec.widths.length + 1;
    await tick(0, total);
    const wide = trainWide(spec, spec.depth, seed);
    for (const [index, m] of spec.widths.entries()) {
      await tick(index + 1, total);
      const pair = await measurePair(spec, wide, m, seed, async () => tick(index + 1, total));
      const correction = Math.sqrt((spec.wide - 1) / (spec.wide - m));
      for (const training of ['direct', 'sampled', 'imitation'] as const) {
        const corrected = pair[training] * correction;
        rows.push({ regime: spec.regime, training, m, discrepancy: corrected, relative: corrected / wide.size, lossIncreases: training === 'direct' ? pair.lossIncreases : 0 });
      }
      rows.push({ regime: spec.regime, training: 'layer', m, discrepancy: pair.layerError * correction, relative: (pair.layerError * correction) / wide.size, lossIncreases: 0 });
    }
    return rows;
  },
};
