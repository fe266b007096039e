/** D against the constants of the model: skip alpha, scale c, correlation rho. */
import { z } from 'zod';
import { listOf, layerCount, width } from '../../src/core/magnitudes.js';
import { measurePair, pairCost, trainWide } from './pair.js';
import { bandRule, type Band } from './rule.js';
import { cautionsOf, inWholeSteps, ParticleSettings, type Study, THIN_BELOW_WIDE } from './study.js';

const ScaleSpec = ParticleSettings.extend({
  study: z.literal('scale'),
  /** Which constant is varied, and its values; the others stay. */
  parameter: z.enum(['alpha', 'c', 'rho']),
  values: listOf(z.number(), 2),
  depth: layerCount(),
  m: width(),
})
  .refine(...THIN_BELOW_WIDE)
  .refine(({ parameter, values }) => parameter !== 'rho' || values.every((rho) => rho >= 0 && rho <= 1), {
    message: 'expected "values" of rho from 0 to 1',
  })
  .refine(({ parameter, values }) => parameter !== 'c' || !values.includes(0), {
    message: 'expected "values" of c other than 0, with which particles do nothing',
  })
  .superRefine(inWholeSteps('time', 'imitationTime'));
type ScaleSpec = z.infer<typeof ScaleSpec>;

/** D is smaller after imitation than after direct training, at every value of a constant. */
export const SCALE_RATIO: Band = {
  statistic: 'log of D after imitation over D after direct training',
  from: -Infinity,
  to: 0,
};

/** D against skip alpha, scale c and correlation rho. */
export const scaleStudy: Study<ScaleSpec> = {
  name: 'scale',
  law: 'D against alpha, c and rho: relative discrepancy after direct training and after imitation',
  rule: `${bandRule(SCALE_RATIO)}, at every value`,
  schema: ScaleSpec,
  cautions: (spec) => [...new Set(spec.values.flatMap((value) => cautionsOf({ ...spec, [spec.parameter]: value })))],
  cost: (spec, kernel) => spec.values.length * pairCost(spec, spec.depth, [spec.m], kernel),
  run: async (spec, seed, tick) => {
    const rows = [];
    for (const [i, value] of spec.values.entries()) {
      await tick(i, spec.values.length);
      const settings = { ...spec, [spec.parameter]: value };
      const wide = trainWide(settings, spec.depth, seed);
      const pair = await measurePair(settings, wide, spec.m, seed, async () => tick(i, spec.values.length));
      const { direct, imitation, sampled, telescoped, lossIncreases, stepError, violations } = pair;
      rows.push({
        parameter: spec.parameter,
        value,
        direct: direct / wide.size,
        imitation: imitation / wide.size,
        sampled: sampled / wide.size,
        telescoped: telescoped / wide.size,
        lossIncreases,
        stepError,
        violations,
      });
    }
    return rows;
  },
};
