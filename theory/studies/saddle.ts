/** Instance B1 (and B) against its exact law: where direct training's discrepancy does grow exponentially with depth. */
import { z } from 'zod';
import { normals, rngKey } from '../../src/core/rng.js';
import { mean, rms } from '../../src/core/stats.js';
import { directLimit, saddleDiscrepancy, saddleTelescope, telescopedLimit, trainSaddle } from '../instances/saddle.js';
import type { Study } from './study.js';

const SaddleSpec = z.strictObject({
  study: z.literal('saddle'),
  g: z.number().positive(),
  kappa: z.number().positive(),
  time: z.number().positive(),
  /** Runge-Kutta steps over that time. */
  steps: z.int().min(1),
  depths: z.array(z.int().min(1)).min(2),
  /** Thin particles per layer; their mean is drawn exactly, as N(0, 1/m), which is what the flow closes on. */
  m: z.number().min(1),
  draws: z.int().min(1),
});
export type SaddleSpec = z.infer<typeof SaddleSpec>;

export const saddleStudy: Study<SaddleSpec> = {
  name: 'saddle',
  law: 'instance B1: direct training attains exponential growth in depth, sqrt(L) exp(((kappa - 2) L - (kappa - 1)) T), imitation stays linear',
  schema: SaddleSpec,
  cost: ({ draws, depths, steps }) => draws * steps * depths.reduce((sum, depth) => sum + depth, 0) * 2e-7,
  run: async (spec, seed, tick) => {
    const rows = [];
    for (const [index, depth] of spec.depths.entries()) {
      await tick(index, spec.depths.length);
      const saddle = { g: spec.g, kappa: spec.kappa, depth };
      const direct: number[] = [];
      const telescoped: number[] = [];
      for (let draw = 0; draw < spec.draws; draw++) {
        const start = normals(rngKey(seed, 'saddle', depth, draw), depth).map((z) => z / Math.sqrt(spec.m));
        telescoped.push(saddleTelescope(saddle, start));
        direct.push(saddleDiscrepancy(saddle, trainSaddle(saddle, start, spec.time, spec.steps)));
      }
      const root = Math.sqrt(spec.m);
      rows.push({
        depth,
        direct: root * rms(direct),
        directTheory: directLimit(saddle, spec.time),
        telescoped: root * mean(telescoped),
        telescopedTheory: telescopedLimit(saddle),
      });
    }
    return rows;
  },
};
