/**
 * The search: does direct training of any generic (not symmetric) initial law grow faster than exponentially in depth?
 */
import { z } from 'zod';
import { listOf, layerCount, width } from '../../src/core/magnitudes.js';
import { namesOf } from '../../src/core/registry.js';
import { rms } from '../../src/core/stats.js';
import { discrepancy, outputSize } from '../network/discrepancy.js';
import { trainDirect, unexploded } from '../flow/direct.js';
import { output } from '../network/network.js';
import { copyNet, thinNet, type Net } from '../model/particles.js';
import type { Samples } from '../model/task.js';
import { movedSeconds, startWide, stepsOf, WIDE_PASSES } from './pair.js';
import { DEPTH_BEND, DEPTH_GROWTH } from './depth.js';
import { bandRule } from './rule.js';
import { cautionsOf, inWholeSteps, ParticleSettings, type Study, THIN_BELOW_WIDE } from './study.js';

/** Targets on the training points, by the task and the untrained wide net. */
const TARGETS = {
  sine: ({ y }: Samples) => y,
  /** `gain` times the untrained wide net's own output, which makes the saddle unstable. */
  amplified: ({ x }: Samples, initial: Net, gain: number) => output(initial, x).map((value) => gain * value),
};

const GenericSpec = ParticleSettings.extend({
  study: z.literal('generic'),
  family: z.string(),
  m: width(),
  depths: listOf(layerCount(), 4),
  target: z.enum(namesOf(TARGETS)),
  /** The factor of the target `amplified`. */
  gain: z.number(),
  /** Standard deviation of the input weights. */
  sa: z.number().positive(),
})
  .refine(...THIN_BELOW_WIDE)
  .superRefine(inWholeSteps('time', 'imitationTime'));
type GenericSpec = z.infer<typeof GenericSpec>;

/** The search for a generic initial law whose discrepancy explodes with depth. */
export const genericStudy: Study<GenericSpec> = {
  name: 'generic',
  law:
    'no generic initial law found whose direct training grows faster than exponentially in depth: ' +
    'a search over families',
  rule:
    `log of D(T)/D(0) against depth, in each family: ${bandRule(DEPTH_GROWTH)}, and ${bandRule(DEPTH_BEND)}, ` +
    'at 95 % over all families together, is a find',
  schema: GenericSpec,
  cautions: cautionsOf,
  cost: (spec, kernel) => {
    const { depths, wide, m, draws, time } = spec;
    const layers = depths.reduce((sum, depth) => sum + depth, 0);
    const moved = { trained: (wide + m * draws) * time, measured: WIDE_PASSES * (wide + m * draws) };
    return movedSeconds(spec, layers, moved, kernel) + 0.01;
  },
  run: async (spec, seed, tick) => {
    const { m, dt, time, draws, family, sa, gain, target } = spec;
    const rows = [];
    for (const [i, depth] of spec.depths.entries()) {
      await tick(i, spec.depths.length);
      const { task, initial } = startWide(spec, depth, seed, { sa });
      const samples = { ...task.train, y: TARGETS[target](task.train, initial, gain) };
      const wide = copyNet(initial);
      const options = { steps: stepsOf(time, dt), dt };
      const { increases } = unexploded(`the wide net of depth ${depth}`, trainDirect(wide, samples, options), dt);
      let rises = increases;
      const { x } = task.heldOut;
      const [untrained, trained] = [output(initial, x), output(wide, x)];
      const [before, after]: [number[], number[]] = [[], []];
      for (let draw = 0; draw < draws; draw++) {
        const thin = thinNet(initial, m, seed, draw);
        before.push(discrepancy(thin, initial, x, untrained));
        rises += unexploded(`the thin net of depth ${depth}`, trainDirect(thin, samples, options), dt).increases;
        after.push(discrepancy(thin, wide, x, trained));
        await tick(i, spec.depths.length);
      }
      const size = outputSize(wide, x, trained);
      rows.push({
        family,
        depth,
        growth: Math.log(rms(after) / rms(before)),
        direct: rms(after) / size,
        sampled: rms(before) / outputSize(initial, x, untrained),
        lossIncreases: rises,
      });
    }
    return rows;
  },
};
