/** sqrt(m) D of real thin nets beside its infinite-width limit, against depth and time. */
import { z } from 'zod';
import { layerCount, listOf, MOST_ENTRIES, width } from '../../src/core/magnitudes.js';
import type { Row } from '../../src/core/run.js';
import { rms } from '../../src/core/stats.js';
import { trainDirect } from '../flow/direct.js';
import { limitsOf } from '../limit/extrapolate.js';
import { ACTIVATIONS } from '../model/activations.js';
import { initialNet, thinNet, type Net } from '../model/particles.js';
import { discrepancy } from '../network/discrepancy.js';
import { output } from '../network/network.js';
import { PAIR_SECONDS, startWide, stepsOf, whole } from './pair.js';
import { bandRule, type Band } from './rule.js';
import { cautionsOf, increasing, inWholeSteps, ParticleSettings, type Study, THIN_BELOW_WIDE } from './study.js';

const LimitSpec = ParticleSettings.omit({ imitationTime: true, time: true })
  .extend({
    study: z.literal('limit'),
    regime: z.string(),
    /** Width of the real thin nets. */
    m: width(),
    depths: listOf(layerCount(), 1),
    /** Increasing times of direct training at which D is taken. */
    times: listOf(z.number().min(0), 1),
    /** Largest half-width of the limit's 95 % interval, over its value. */
    target: z.number().positive().max(0.5).default(0.1),
    /** Particles of the first and the largest nets of the limit, and the most nets of one size. */
    particles: z.strictObject({ first: z.int().min(4), most: width() }).default({ first: 512, most: 4096 }),
    nets: z.int().min(2).max(MOST_ENTRIES).default(64),
  })
  .refine(...THIN_BELOW_WIDE)
  .refine(...increasing('times'))
  .refine(({ activation }) => ACTIVATIONS[activation].second !== undefined, {
    path: ['activation'],
    message: 'expected one whose derivative does not jump: the flow is linearized',
  })
  .superRefine(inWholeSteps('times'));
type LimitSpec = z.infer<typeof LimitSpec>;

/** Real particles are near the limit. */
export const LIMIT_RATIO: Band = {
  statistic: 'log of sqrt(m) D of real thin nets over its limit',
  from: -0.2,
  to: 0.2,
};

/** sqrt(m) D of real coupled thin nets at each time, with what a finite M takes away put back. */
function measureReal(spec: LimitSpec, depth: number, seed: number) {
  const { m, wide: M, dt, draws, times } = spec;
  const { task, initial: wide } = startWide({ ...spec, time: 0, imitationTime: 0 }, depth, seed);
  const thin = Array.from({ length: draws }, (_, draw) => thinNet(wide, m, seed, draw));
  const { x } = task.heldOut;
  const train = (net: Net, steps: number, time: number): number =>
    whole(`direct training at depth ${depth} to T = ${time}`, trainDirect(net, task.train, { steps, dt }), dt)
      .increases;
  let [wideLossIncreases, lossIncreases] = [0, 0];
  const rows = times.map((time, i) => {
    const steps = stepsOf(time - (times[i - 1] ?? 0), dt);
    wideLossIncreases += train(wide, steps, time);
    for (const net of thin) lossIncreases += train(net, steps, time);
    const target = output(wide, x);
    const D = rms(thin.map((net) => discrepancy(net, wide, x, target)));
    return { particles: Math.sqrt((m * (M - 1)) / (M - m)) * D, wideLossIncreases, lossIncreases };
  });
  return { task, rows };
}

/** sqrt(m) D beside its limit. */
export const limitStudy: Study<LimitSpec> = {
  name: 'limit',
  law: 'sqrt(m) D of direct training tends to a limit of infinite width, at any depth and time',
  rule: `${bandRule(LIMIT_RATIO)}, at every depth and time`,
  schema: LimitSpec,
  cautions: cautionsOf,
  cost: ({ wide, m, draws, times, dt, train, depths, particles }) =>
    depths.reduce((sum, depth) => sum + depth, 0) *
      ((wide + m * draws + 200 * particles.first) * (times.at(-1)! / dt + 1) * train * PAIR_SECONDS) +
    0.05,
  run: async (spec, seed, tick) => {
    const { alpha, c, perDepth, d, rho, activation, depths, times, dt, target, particles, nets, regime, m } = spec;
    const probes = times.map((time) => stepsOf(time, dt));
    const rows: Row[] = [];
    for (const [i, depth] of depths.entries()) {
      await tick(i, depths.length);
      const real = measureReal(spec, depth, seed);
      const shape = { depth, d, alpha, c: perDepth ? c / depth : c, activation };
      const limits = await limitsOf({
        ...{ seed, target, particles, nets },
        draw: (count, draw) => initialNet(seed, { ...shape, m: count }, { rho }, ['limit', count, draw]),
        course: {
          train: real.task.train,
          points: real.task.heldOut.x,
          flow: { steps: probes.at(-1)!, dt },
          probes,
        },
      });
      limits.forEach(({ sqrtMD, error, particles: largest, nets: drawn, lossRises }, t) =>
        rows.push({
          ...{ regime, depth, time: times[t]!, m, ...real.rows[t]! },
          ...{ limit: sqrtMD, limitError: error, limitParticles: largest, limitNets: drawn, lossRises },
        }),
      );
    }
    return rows;
  },
};
