/**
 * Instances B1 and B against their exact law: where direct training's discrepancy does grow with depth as the bound
 * allows.
 */
import { z } from 'zod';
import { FailureError } from '../../src/core/errors.js';
import { listOf, exampleCount, layerCount, stepCount, width } from '../../src/core/magnitudes.js';
import { normals, rngKey } from '../../src/core/rng.js';
import { mean, rms } from '../../src/core/stats.js';
import {
  directLimit,
  layerMeans,
  saddleDiscrepancy,
  saddleTelescope,
  telescopedLimit,
  trainSaddle,
} from '../instances/saddle.js';
import { bandRule, type Band } from './rule.js';
import type { Study } from './study.js';

const SaddleSpec = z.strictObject({
  study: z.literal('saddle'),
  g: z.number().positive(),
  kappa: z.number().positive(),
  time: z.number().positive(),
  /** Runge-Kutta steps over that time. */
  steps: stepCount(),
  depths: listOf(layerCount(), 2),
  /** Thin particles per layer; their mean is drawn exactly, as N(0, 1/m), which is what the flow closes on. */
  m: z.number().min(1),
  draws: exampleCount(),
  /** Real particles per layer in the third form, which saturates where D is no longer small. */
  particles: width(),
});
type SaddleSpec = z.infer<typeof SaddleSpec>;

/** In the linear regime D grows under direct training as the closed form says. */
export const SADDLE_GROWTH: Band = {
  statistic: 'ratio of the measured growth of log D to the closed form’s',
  from: 0.95,
  to: 1.05,
};

/** The telescoped sum of instance B1 is linear in depth for sampled particles. */
export const SADDLE_SUM: Band = { statistic: 'exponent of √m sum h_l against L', from: 0.9, to: 1.1 };

/** D after direct training of layer means [L] from `start`. Throws FailureError where they leave float64. */
function trainedDiscrepancy({ g, kappa, time, steps }: SaddleSpec, depth: number, start: Float64Array): number {
  const saddle = { g, kappa, depth };
  const D = saddleDiscrepancy(saddle, trainSaddle(saddle, start, time, steps));
  if (Number.isFinite(D)) return D;
  throw new FailureError(
    `direct training of the saddle of depth ${depth} leaves float64; a shorter "time" than ${time}, or more "steps" ` +
      `than ${steps}, are needed`,
  );
}

/** Instances B1 and B of the saddle against their exact law. */
export const saddleStudy: Study<SaddleSpec> = {
  name: 'saddle',
  law:
    'instances B1 and B: direct training attains exponential (g = 1) and double exponential (g > 1) growth in depth; ' +
    'imitation stays linear (g = 1)',
  rule: `${bandRule(SADDLE_GROWTH)}; imitation: ${bandRule(SADDLE_SUM)}`,
  schema: SaddleSpec,
  cost: ({ draws, depths, steps, particles }) =>
    draws * depths.reduce((sum, depth) => sum + depth, 0) * (steps * 5e-7 + particles * 2.5e-7),
  run: async (spec, seed, tick) => {
    const rows = [];
    for (const [index, depth] of spec.depths.entries()) {
      await tick(index, spec.depths.length);
      const saddle = { g: spec.g, kappa: spec.kappa, depth };
      const [direct, telescoped, real]: [number[], number[], number[]] = [[], [], []];
      for (let draw = 0; draw < spec.draws; draw++) {
        const start = normals(rngKey(seed, 'saddle', depth, draw), depth).map((z) => z / Math.sqrt(spec.m));
        telescoped.push(saddleTelescope(saddle, start));
        direct.push(trainedDiscrepancy(spec, depth, start));
        const theta = layerMeans(normals(rngKey(seed, 'saddle particles', depth, draw), depth * spec.particles), depth);
        real.push(trainedDiscrepancy(spec, depth, theta));
      }
      const root = Math.sqrt(spec.m);
      rows.push({
        depth,
        direct: root * rms(direct),
        directTheory: directLimit(saddle, spec.time),
        directParticles: Math.sqrt(spec.particles) * rms(real),
        telescoped: root * mean(telescoped),
        telescopedTheory: telescopedLimit(saddle),
      });
    }
    return rows;
  },
};
