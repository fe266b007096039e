/** Instance C: the saddle with tanh particles, moved one by one. */
import { z } from 'zod';
import { listOf, exampleCount, layerCount, stepCount, width } from '../../src/core/magnitudes.js';
import { normals, rngKey } from '../../src/core/rng.js';
import { mean, rms } from '../../src/core/stats.js';
import {
  linearizedTanhSaddle,
  saddleInputs,
  squaredDerivatives,
  tanhMeans,
  tanhSaddleDiscrepancy,
  tanhSaddleTelescope,
  trainTanhSaddle,
} from '../instances/tanh-saddle.js';
import { bandRule, type Band } from './rule.js';
import type { Study } from './study.js';

const TanhSaddleSpec = z.strictObject({
  study: z.literal('tanh-saddle'),
  g: z.number().positive(),
  kappa: z.number().positive(),
  spread: z.number().positive(),
  time: z.number().positive(),
  steps: stepCount(),
  depths: listOf(layerCount(), 2),
  /** Thin particles per layer, theta ~ N(0, 1). */
  m: width(),
  train: exampleCount(2),
  heldOut: exampleCount(),
  draws: exampleCount(),
});
/** Factor that makes the layer means so small that the outputs are linear in them, too. */
const SMALL = 1e-6;

type TanhSaddleSpec = z.infer<typeof TanhSaddleSpec>;

/** Largest log growth of the linearized flow at which particles are still compared with it. */
export const LINEAR_BELOW = 1;

/** In the linear regime D of real tanh particles grows as the linearized flow says. */
export const TANH_GROWTH: Band = {
  statistic: 'ratio of the measured log growth to the linearized flow’s',
  from: 0.9,
  to: 1.1,
};

/** Instance C, the saddle with tanh particles, against its linearized flow. */
export const tanhSaddleStudy: Study<TanhSaddleSpec> = {
  name: 'tanh-saddle',
  law: 'instance C: tanh particles near a symmetric saddle follow the linearized growth until they saturate',
  rule: `${bandRule(TANH_GROWTH)}, at the depths where the latter is below ${LINEAR_BELOW}`,
  schema: TanhSaddleSpec,
  cost: ({ depths, m, steps, draws }) => depths.reduce((sum, depth) => sum + depth, 0) * m * steps * draws * 4e-8,
  run: async (spec, seed, tick) => {
    const rows = [];
    for (const [i, depth] of spec.depths.entries()) {
      const saddle = { g: spec.g, kappa: spec.kappa, spread: spec.spread, depth };
      const [train, heldOut] = [
        saddleInputs(saddle, spec.train, seed, true),
        saddleInputs(saddle, spec.heldOut, seed, false),
      ];
      const [start, end, telescoped, linearStart, linearEnd]: number[][] = [[], [], [], [], []];
      for (let draw = 0; draw < spec.draws; draw++) {
        await tick(i, spec.depths.length);
        const theta = normals(rngKey(seed, 'tanh saddle', depth, draw), depth * spec.m);
        const before = tanhMeans(theta, depth);
        start!.push(tanhSaddleDiscrepancy(saddle, before, heldOut));
        telescoped!.push(tanhSaddleTelescope(saddle, before, heldOut));
        const small = before.map((w) => w * SMALL);
        const grown = linearizedTanhSaddle(saddle, small, train, squaredDerivatives(theta, depth), spec.time);
        linearStart!.push(tanhSaddleDiscrepancy(saddle, small, heldOut));
        linearEnd!.push(tanhSaddleDiscrepancy(saddle, grown, heldOut));
        trainTanhSaddle(saddle, theta, train, spec.time, spec.steps);
        end!.push(tanhSaddleDiscrepancy(saddle, tanhMeans(theta, depth), heldOut));
      }
      const root = Math.sqrt(spec.m);
      rows.push({
        depth,
        direct: root * rms(end!),
        sampled: root * rms(start!),
        telescoped: root * mean(telescoped!),
        growth: Math.log(rms(end!) / rms(start!)),
        linearised: Math.log(rms(linearEnd!) / rms(linearStart!)),
      });
    }
    return rows;
  },
};
