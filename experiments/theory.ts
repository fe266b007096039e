/**
 * Laws of the mean-field theory (theory/README.md). Run all: `gowide theory run all --scale minutes`; about a minute on 2 cores.
 *
 * | study  | expected (theory; prototype with 8 seeds)                                                                  |
 * | width  | slope -1/2 for imitation; direct training with a skip -1/2, without a skip about -0.23 (saturated)          |
 * | depth  | D under imitation at most linear in L, D <= telescoped sum; direct training concave, not exponential        |
 * | saddle | B1: log growth 0.8 per layer under direct training (kappa = 4, T = 0.4), telescoped sum linear, 0.798 a layer |
 */
import type { Experiment, Scale } from '../src/core/experiment.js';
import { THEORY_KIND } from '../theory/studies/index.js';

const SIZES: Partial<
  Record<Scale, { train: number; heldOut: number; wide: number; widths: number[]; depthWide: number; m: number; depths: number[]; draws: number; saddleDraws: number }>
> = {
  minutes: { train: 64, heldOut: 256, wide: 1024, widths: [16, 32, 64, 128], depthWide: 512, m: 64, depths: [1, 2, 3, 4, 6], draws: 4, saddleDraws: 50 },
  laptop: { train: 128, heldOut: 512, wide: 4096, widths: [16, 32, 64, 128, 256, 512], depthWide: 2048, m: 128, depths: [1, 2, 3, 4, 6, 8, 12], draws: 8, saddleDraws: 200 },
};

/** With a skip connection and without; rho > 0 is needed without one (theory/particles.ts). */
const REGIMES = {
  skip: { alpha: 1, c: 1, rho: 0 },
  'no skip': { alpha: 0, c: 3, rho: 0.9 },
};

const FLOW = { d: 4, time: 4, imitationTime: 2, dt: 0.05 };

export const width: Experiment = {
  name: 'width',
  title: 'D(m): discrepancy against thin width',
  kind: THEORY_KIND,
  seeds: { minutes: 8, laptop: 16 },
  arms: (scale) => {
    const { train, heldOut, wide, widths, draws } = SIZES[scale]!;
    return Object.fromEntries(Object.entries(REGIMES).map(([regime, law]) => [regime, { study: 'width', regime, ...law, ...FLOW, depth: 4, train, heldOut, wide, widths, draws }]));
  },
};

export const depth: Experiment = {
  name: 'depth',
  title: 'D(L): discrepancy against depth, with the telescoped sum',
  kind: THEORY_KIND,
  seeds: { minutes: 6, laptop: 16 },
  arms: (scale) => {
    const { train, heldOut, depthWide, m, depths, draws } = SIZES[scale]!;
    return Object.fromEntries(
      Object.entries(REGIMES).map(([regime, law]) => [regime, { study: 'depth', regime, ...law, ...FLOW, train, heldOut, wide: depthWide, m, depths, draws }]),
    );
  },
};

export const saddle: Experiment = {
  name: 'saddle',
  title: 'Instance B1: the exponential growth in depth, attained',
  kind: THEORY_KIND,
  seeds: { minutes: 8, laptop: 32 },
  arms: (scale) => ({
    B1: { study: 'saddle', g: 1, kappa: 4, time: 0.4, steps: 200, depths: [2, 4, 6, 8, 10, 12, 14, 16], m: 1e12, draws: SIZES[scale]!.saddleDraws },
  }),
};
