/** How loose each bound is: measured discrepancy beside every bound on it, by depth. */
import { z } from 'zod';
import { listOf, layerCount, width } from '../../src/core/magnitudes.js';
import {
  closedForm,
  gronwallRate,
  lipschitzBound,
  posteriorCap,
  runningGronwall,
  telescopedBound,
  wideTailBound,
} from '../bounds/index.js';
import { discrepancy } from '../network/discrepancy.js';
import { lossOf } from '../network/network.js';
import { unexploded } from '../flow/direct.js';
import { imitate } from '../flow/imitation.js';
import { thinNet } from '../model/particles.js';
import { startWide, stepsOf } from './pair.js';
import { bandRule, type Band } from './rule.js';
import { cautionsOf, inWholeSteps, ParticleSettings, type Study, THIN_BELOW_WIDE } from './study.js';

const BoundsSpec = ParticleSettings.extend({
  study: z.literal('bounds'),
  regime: z.string(),
  m: width(),
  depths: listOf(layerCount(), 1),
})
  .refine(...THIN_BELOW_WIDE)
  .superRefine(inWholeSteps('time', 'imitationTime'));

/**
 * Largest power of ten in float64. The running Gronwall bound leaves it at the larger depths; rows have this instead.
 */
const LARGEST = Math.log10(Number.MAX_VALUE);

/** Rounding by which a measured value may exceed its bound. */
const SLACK = 1 + 1e-9;

type BoundsSpec = z.infer<typeof BoundsSpec>;

/** Gronwall's rate of residual blocks at 1/L; without 1/L it is above 0.5. */
export const RESIDUAL_RATE: Band = {
  statistic: 'growth of log(rate × L) per layer over the deeper half of the depths',
  from: -Infinity,
  to: 0.25,
};

/** How loose each bound on the discrepancy is, by depth. */
export const boundsStudy: Study<BoundsSpec> = {
  name: 'bounds',
  law: "every bound dominates what is measured: I1, I2, I2', running Gronwall, its closed form, the a-posteriori cap",
  rule: `no violation in any run; blocks at 1/L: ${bandRule(RESIDUAL_RATE)}`,
  schema: BoundsSpec,
  cautions: cautionsOf,
  cost: ({ depths, time, dt, train, wide }) =>
    depths.reduce((sum, depth) => sum + depth, 0) * (time / dt + 3) * train * wide * 2.6e-7,
  run: async (spec, seed, tick) => {
    const { m, dt, time, imitationTime, regime } = spec;
    const rows = [];
    const steps = stepsOf(time, dt);
    for (const [i, depth] of spec.depths.entries()) {
      await tick(i, spec.depths.length);
      const { task, initial } = startWide(spec, depth, seed);
      const run = runningGronwall(initial, task.train, { m, seed, draw: 0 }, steps, dt);
      unexploded('the wide net, or the thin one beside it,', run, dt);
      const last = run.rows.at(-1)!;
      const { wide } = run;
      const closed = closedForm(run.constants, time);
      const cap = posteriorCap(lossOf(run.thin, task.train), lossOf(wide, task.train));
      const imitated = thinNet(wide, m, seed, 0);
      imitate(imitated, wide, task.train.x, { steps: stepsOf(imitationTime, dt), dt }).forEach((result) =>
        unexploded('imitation', result, dt),
      );
      const D = discrepancy(imitated, wide, task.heldOut.x);
      const [I1, I2, I2b] = [telescopedBound, lipschitzBound, wideTailBound].map((bound) =>
        bound(imitated, wide, task.heldOut.x),
      ) as [number, number, number];
      const start = thinNet(initial, m, seed, 0); // at the start thin and ideal particles are equal
      const violations = [
        ...run.rows.map((row) => row.discrepancy > row.bound * SLACK || row.distance > row.distanceBound * SLACK),
        ...[I1, I2, I2b].map((bound) => D > bound * SLACK),
        last.discrepancy > cap * SLACK,
        Math.log(last.discrepancy) > closed.logBound + 1e-9,
      ].filter(Boolean).length;
      rows.push({
        regime,
        depth,
        direct: last.discrepancy,
        cap,
        gronwall: Math.min(Math.log10(last.bound), LARGEST),
        closed: closed.logBound * Math.LOG10E,
        rate: gronwallRate(start, initial, start, task.train),
        imitation: D,
        telescoped: I1,
        lipschitz: I2,
        wideTail: I2b,
        violations,
      });
    }
    return rows;
  },
};
