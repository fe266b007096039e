/** One wide net, and thin nets drawn from it: what the studies of particles have in common. */
import { FailureError } from '../../src/core/errors.js';
import { rms } from '../../src/core/stats.js';
import { posteriorCap } from '../bounds/cap.js';
import { discrepancy, layerErrors, outputSize, telescope } from '../network/discrepancy.js';
import { lossOf, trainDirect, type FlowResult } from '../flow/direct.js';
import { trainHalved } from '../flow/halving.js';
import { imitate } from '../flow/imitation.js';
import { activations } from '../network/network.js';
import { copyNet, freshNet, initialNet, thinNet, type InitialLaw, type Net } from '../model/particles.js';
import { sineTask, type Task } from '../model/task.js';
import type { ParticleSettings } from './study.js';

export interface Wide {
  readonly task: Task;
  readonly initial: Net;
  readonly trained: Net;
  /** The trained net's activations on the training and on the held-out points. */
  readonly onTrain: readonly Float64Array[];
  readonly onHeldOut: readonly Float64Array[];
  /** Root of the mean squared output on held-out points, for relative discrepancies. */
  readonly size: number;
  readonly lossIncreases: number;
}

export function stepsOf(time: number, dt: number): number {
  return Math.round(time / dt);
}

/** A run that exploded is no measurement: it ends the cell, by name, and is never averaged in. */
export function whole<Result extends Pick<FlowResult, 'exploded'>>(what: string, result: Result, dt: number): Result {
  if (result.exploded !== undefined)
    throw new FailureError(`${what} exploded at step ${result.exploded}; a smaller dt than ${dt} is needed`);
  return result;
}

/** Task and untrained wide net of this seed. */
export function startWide(
  settings: ParticleSettings,
  depth: number,
  seed: number,
  law: Partial<InitialLaw> = {},
): { readonly task: Task; readonly initial: Net } {
  const { alpha, c, perDepth, d, rho, wide: m, train, heldOut, activation } = settings;
  const initial = initialNet(seed, { depth, m, d, alpha, c: perDepth ? c / depth : c, activation }, { rho, ...law });
  return { task: sineTask(seed, d, train, heldOut), initial };
}

/** Trains the wide net of this seed. */
export function trainWide(settings: ParticleSettings, depth: number, seed: number): Wide {
  const { time, dt } = settings;
  const { task, initial } = startWide(settings, depth, seed);
  const trained = copyNet(initial);
  const { increases } = whole(
    `the wide net of depth ${depth}`,
    trainDirect(trained, task.train, { steps: stepsOf(time, dt), dt }),
    dt,
  );
  const [onTrain, onHeldOut] = [activations(trained, task.train.x), activations(trained, task.heldOut.x)];
  return {
    task,
    initial,
    trained,
    onTrain,
    onHeldOut,
    lossIncreases: increases,
    size: outputSize(trained, task.heldOut.x, onHeldOut.at(-1)),
  };
}

/** Seconds for one (particle, sample) pair on one core: between the native kernel and the WebAssembly one. */
export const PAIR_SECONDS = 8e-9;

/** Expected seconds of training a wide net of this depth and of `draws` thin sets of width m. */
export function pairCost(
  { wide, train, time, imitationTime, dt, draws }: ParticleSettings,
  depth: number,
  widths: readonly number[],
): number {
  const thin = widths.reduce((sum, m) => sum + m, 0) * draws * (2 * time + 2 * imitationTime);
  return ((wide * time + thin) / dt) * train * depth * PAIR_SECONDS + 0.05;
}

export interface Discrepancies {
  /** D after direct training from a subset of the wide net's initial particles. */
  readonly direct: number;
  /** D after direct training from new particles of the same law. */
  readonly fresh: number;
  /** D of a subset of the wide net's trained particles, as drawn. */
  readonly sampled: number;
  /** D after imitation from there. */
  readonly imitation: number;
  /** D after imitation from a subset of the wide net's initial particles, over the same time. */
  readonly initial: number;
  /** sum_l h_l of the imitation: the telescoped bound I1. */
  readonly telescoped: number;
  /** Root mean square over layers of the single-layer errors after imitation. */
  readonly layerError: number;
  /**
   * Thin nets whose D exceeds their own I1, or whose D on the training points exceeds the a-posteriori cap; zero unless
   * the code is wrong.
   */
  readonly violations: number;
  /** Steps of direct training on which a thin net's loss went up, over all draws. */
  readonly lossIncreases: number;
  /**
   * Of the first directly trained thin net: distance between dt and dt/2, over D. Above a few percent the step is too
   * coarse to be trusted.
   */
  readonly stepError: number;
}

/** Root mean squares over `settings.draws` thin nets of width m. Throws FailureError when one explodes. */
export async function measurePair(
  settings: ParticleSettings,
  wide: Wide,
  m: number,
  seed: number,
  pause: () => Promise<void>,
): Promise<Discrepancies> {
  const { time, imitationTime, dt, draws, rho } = settings;
  const { train, heldOut } = wide.task;
  const { x } = heldOut;
  const direct = { steps: stepsOf(time, dt), dt };
  const imitation = { steps: stepsOf(imitationTime, dt), dt, targets: wide.onTrain };
  const distance = (thin: Net): number => discrepancy(thin, wide.trained, x, wide.onHeldOut.at(-1));
  const found: Record<
    'direct' | 'fresh' | 'sampled' | 'imitation' | 'initial' | 'telescoped' | 'layerError',
    number[]
  > = {
    direct: [],
    fresh: [],
    sampled: [],
    imitation: [],
    initial: [],
    telescoped: [],
    layerError: [],
  };
  const wideLoss = lossOf(wide.trained, train);
  let [violations, lossIncreases, stepError] = [0, 0, 0];
  for (let draw = 0; draw < draws; draw++) {
    const name = `the thin net of m = ${m}, draw ${draw}`;
    const backprop = thinNet(wide.initial, m, seed, draw);
    if (draw === 0) {
      const { result, difference } = trainHalved(backprop, train, direct, x);
      lossIncreases += whole(name, result, dt).increases;
      stepError = difference / distance(backprop);
    } else lossIncreases += whole(name, trainDirect(backprop, train, direct), dt).increases;
    found.direct.push(distance(backprop));
    if (
      discrepancy(backprop, wide.trained, train.x, wide.onTrain.at(-1)) >
      posteriorCap(lossOf(backprop, train), wideLoss) * (1 + 1e-12)
    )
      violations++;

    const fresh = freshNet(wide.initial, m, { rho }, seed, draw);
    whole(name, trainDirect(fresh, train, direct), dt);
    found.fresh.push(distance(fresh));

    const thin = thinNet(wide.trained, m, seed, draw);
    found.sampled.push(distance(thin));
    imitate(thin, wide.trained, train.x, imitation).forEach((result, l) =>
      whole(`imitation of layer ${l + 1} of ${name}`, result, dt),
    );
    found.imitation.push(distance(thin));
    found.telescoped.push(telescope(thin, wide.trained, x, wide.onHeldOut).reduce((sum, h) => sum + h, 0));
    found.layerError.push(rms(layerErrors(thin, wide.trained, x, wide.onHeldOut)));
    if (found.imitation.at(-1)! > found.telescoped.at(-1)! * (1 + 1e-12)) violations++;

    const cold = thinNet(wide.initial, m, seed, draw);
    imitate(cold, wide.trained, train.x, imitation).forEach((result, l) =>
      whole(`imitation from the initial law, layer ${l + 1} of ${name}`, result, dt),
    );
    found.initial.push(distance(cold));
    await pause();
  }
  const means = Object.fromEntries(Object.entries(found).map(([name, values]) => [name, rms(values)])) as Record<
    keyof typeof found,
    number
  >;
  return { ...means, violations, lossIncreases, stepError };
}
