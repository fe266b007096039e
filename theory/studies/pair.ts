/** One wide net, and thin nets drawn from it: what the width and the depth study have in common. */
import { copyNet, initialNet, thinNet, type Net } from '../particles.js';
import { sineTask, type Task } from '../task.js';
import { discrepancy, layerErrors, telescope } from '../discrepancy.js';
import { trainDirect } from '../flow.js';
import { imitate } from '../imitation.js';
import { rms } from '../../src/core/stats.js';
import type { ParticleSettings } from './study.js';

export interface Wide {
  readonly task: Task;
  readonly initial: Net;
  readonly trained: Net;
  /** Root of the mean squared output on held-out points, for relative discrepancies. */
  readonly size: number;
  readonly lossIncreases: number;
}

function stepsOf(time: number, dt: number): number {
  return Math.round(time / dt);
}

/** Trains the wide net of this seed. */
export function trainWide(settings: ParticleSettings, depth: number, seed: number): Wide {
  const { alpha, c, d, rho, wide: m, train, heldOut, time, dt } = settings;
  const task = sineTask(seed, d, train, heldOut);
  const initial = initialNet(seed, { depth, m, d, alpha, c }, { rho });
  const trained = copyNet(initial);
  const { increases } = trainDirect(trained, task.train, stepsOf(time, dt), dt);
  const zero: Net = { ...trained, alpha: 0, layers: trained.layers.map((layer) => ({ ...layer, b: layer.b.map(() => 0) })) };
  return { task, initial, trained, lossIncreases: increases, size: discrepancy(zero, trained, task.heldOut.x) };
}

/** Seconds for one (particle, sample) pair, forward, backward and update, in plain TypeScript. */
const PAIR_SECONDS = 7e-8;

/** Expected seconds of training a wide net of this depth and of `draws` thin pairs of width m. */
export function pairCost({ wide, train, time, imitationTime, dt, draws }: ParticleSettings, depth: number, widths: readonly number[]): number {
  const thin = widths.reduce((sum, m) => sum + m, 0) * draws * (time + imitationTime);
  return ((wide * time + thin) / dt) * train * depth * PAIR_SECONDS;
}

export interface Discrepancies {
  /** D after direct training from a subset of the wide net's initial particles. */
  readonly direct: number;
  /** D of a subset of the wide net's trained particles, as drawn. */
  readonly sampled: number;
  /** D after imitation from there. */
  readonly imitation: number;
  /** sum_l h_l of that imitation: the telescoped bound I1. */
  readonly telescoped: number;
  /** Root mean square over layers of the single-layer errors after imitation. */
  readonly layerError: number;
  /** Thin nets whose D exceeds their own I1; zero unless the code is wrong. */
  readonly violations: number;
  /** Steps of direct training on which a thin net's loss went up, over all draws. */
  readonly lossIncreases: number;
}

/** Root mean squares over `settings.draws` thin nets of width m. */
export async function measurePair(settings: ParticleSettings, wide: Wide, m: number, seed: number, pause: () => Promise<void>): Promise<Discrepancies> {
  const { time, imitationTime, dt, draws } = settings;
  const { x } = wide.task.heldOut;
  const direct: number[] = [];
  const sampled: number[] = [];
  const imitation: number[] = [];
  const telescoped: number[] = [];
  const errors: number[] = [];
  let violations = 0;
  let lossIncreases = 0;
  for (let draw = 0; draw < draws; draw++) {
    const backprop = thinNet(wide.initial, m, seed, draw);
    lossIncreases += trainDirect(backprop, wide.task.train, stepsOf(time, dt), dt).increases;
    direct.push(discrepancy(backprop, wide.trained, x));
    const thin = thinNet(wide.trained, m, seed, draw);
    sampled.push(discrepancy(thin, wide.trained, x));
    imitate(thin, wide.trained, wide.task.train.x, stepsOf(imitationTime, dt), dt);
    imitation.push(discrepancy(thin, wide.trained, x));
    telescoped.push(telescope(thin, wide.trained, x).reduce((sum, h) => sum + h, 0));
    errors.push(rms(layerErrors(thin, wide.trained, x)));
    if (imitation.at(-1)! > telescoped.at(-1)! * (1 + 1e-12)) violations++;
    await pause();
  }
  const [directD, sampledD, imitationD, sum, layerError] = [direct, sampled, imitation, telescoped, errors].map(rms) as [number, number, number, number, number];
  return { direct: directD, sampled: sampledD, imitation: imitationD, telescoped: sum, layerError, violations, lossIncreases };
}
