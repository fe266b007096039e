/** How loose each bound is: measured discrepancy beside every bound on it, by depth. */
import { z } from 'zod';
import type { UniformConstants } from '../bounds/gronwall.js';
import { discrepancy } from '../discrepancy.js';
import { lossOf, trainDirect } from '../flow/direct.js';
import { imitate } from '../imitation.js';
import { copyNet, initialNet, pickNet, thinIndices, thinNet } from '../particles.js';
import { sineTask } from '../task.js';
import { scaleOf, stepsOf, whole } from './pair.js';
import { ParticleSettings, type Study } from './study.js';

const BoundsSpec = ParticleSettings.extend({
  study: z.literal('bounds'),
  regime: z.string(),
  m: z.int().min(1),
  depths: z.array(z.int().min(1)).min(1),
}).refine(({ m, wide }) => m < wide, { message: 'expected "m" to be below "wide"' });
export type BoundsSpec = z.infer<typeof BoundsSpec>;

const LOG10E = Math.LOG10E;

/** The larger of each constant. */
function larger(one: UniformConstants, two: UniformConstants): UniformConstants {
  return Object.fromEntries(Object.entries(one).map(([name, value]) => [name, Math.max(value as number, two[name as keyof UniformConstants])])) as unknown as UniformConstants;
}

export const boundsStudy: Study<BoundsSpec> = {
  name: 'bounds',
  law: "every bound dominates what is measured: I1, I2, I2', running Gronwall, its closed form, the a-posteriori cap",
  rule: 'no violation in any run: supported; one: not supported',
  schema: BoundsSpec,
  cost: ({ depths, time, dt, train, wide }) => depths.reduce((sum, depth) => sum + depth, 0) * (time / dt + 3) * train * wide * 1.2e-7,
  run: async (spec, seed, tick) => {
    const { alpha, d, rho, wide: M, m, train, heldOut, dt, time, imitationTime, activation, regime } = spec;
    // mathjs is large: it is loaded when it is needed
    const { closedForm, gronwallRate, lipschitzBound, posteriorCap, runningGronwall, telescopedBound, uniformConstants, wideTailBound } = await import('../bounds/index.js');
    const rows = [];
    const steps = stepsOf(time, dt);
    for (const [i, depth] of spec.depths.entries()) {
      await tick(i, spec.depths.length);
      const task = sineTask(seed, d, train, heldOut);
      const initial = initialNet(seed, { depth, m: M, d, alpha, c: scaleOf(spec, depth), activation }, { rho });
      const run = runningGronwall(initial, task.train, { m, seed, draw: 0 }, steps, dt);
      const last = run.at(-1)!;

      const [wide, direct] = [copyNet(initial), thinNet(initial, m, seed, 0)];
      const indices = thinIndices(initial, m, seed, 0);
      let constants = uniformConstants(direct, wide, pickNet(wide, indices), task.train);
      // The largest constants of every step: the closed form holds for the whole run only with those.
      for (let step = 0; step < steps; step++) {
        whole('the wide net', trainDirect(wide, task.train, { steps: 1, dt }), dt);
        whole('the thin net', trainDirect(direct, task.train, { steps: 1, dt }), dt);
        if (step % 5 === 4 || step === steps - 1) constants = larger(constants, uniformConstants(direct, wide, pickNet(wide, indices), task.train));
        if (step % 5 === 4) await tick(i, spec.depths.length);
      }
      const closed = closedForm(constants, time);
      const cap = posteriorCap(lossOf(direct, task.train), lossOf(wide, task.train));
      const imitated = thinNet(wide, m, seed, 0);
      imitate(imitated, wide, task.train.x, { steps: stepsOf(imitationTime, dt), dt }).forEach((result) => whole('imitation', result, dt));
      const D = discrepancy(imitated, wide, task.heldOut.x);
      const [I1, I2, I2b] = [telescopedBound, lipschitzBound, wideTailBound].map((bound) => bound(imitated, wide, task.heldOut.x)) as [number, number, number];
      const slack = 1 + 1e-9;
      const violations = [
        ...run.map((row) => row.discrepancy > row.bound * slack || row.distance > row.distanceBound * slack),
        ...[I1, I2, I2b].map((bound) => D > bound * slack),
        last.discrepancy > cap * slack,
        Math.log(last.discrepancy) > closed.logBound + 1e-9,
      ].filter(Boolean).length;
      rows.push({
        regime,
        depth,
        direct: last.discrepancy,
        cap,
        // the bound leaves float64 at the larger depths; finite rows only
        gronwall: Math.min(Math.log10(last.bound), 1e6),
        closed: closed.logBound * LOG10E,
        rate: gronwallRate(thinNet(initial, m, seed, 0), initial, pickNet(initial, indices), task.train),
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
