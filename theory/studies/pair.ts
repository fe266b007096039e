/** One wide net, and thin nets drawn from it, as several studies of particles measure them. */
import { rms } from '../../src/core/stats.js';
import { posteriorCap } from '../bounds/cap.js';
import { kernelSeconds, type KernelSeconds } from '../kernel/seconds.js';
import { discrepancy, layerErrors, outputSize, telescope } from '../network/discrepancy.js';
import { trainDirect, unexploded, type FlowResult } from '../flow/direct.js';
import { imitate } from '../flow/imitation.js';
import { activations, lossOf, output } from '../network/network.js';
import { copyNet, freshNet, initialNet, thinNet, type InitialLaw, type Net, type Shape } from '../model/particles.js';
import { sineTask, type Task } from '../model/task.js';
import type { ParticleSettings } from './study.js';

/** A trained wide net, and what is often asked about it. */
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
  /** The net's output on held-out points when it is trained at dt/2; computed at the first call. */
  readonly atHalfStep: () => Float64Array;
}

/** Euler steps of length dt over a flow time. */
export function stepsOf(time: number, dt: number): number {
  return Math.round(time / dt);
}

/** Settings of a study's nets before they are trained. */
type NetSettings = Omit<ParticleSettings, 'time' | 'imitationTime'>;

/** The shape of a study's nets of so many layers, but for their particles. */
export function shapeOf({ d, alpha, c, perDepth, activation }: NetSettings, depth: number): Omit<Shape, 'm'> {
  return { depth, d, alpha, c: perDepth ? c / depth : c, activation };
}

/** The task and the untrained wide net of a seed; `law` replaces parts of the initial law. */
export function startWide(
  settings: NetSettings,
  depth: number,
  seed: number,
  law: Partial<InitialLaw> = {},
): { readonly task: Task; readonly initial: Net } {
  const { d, rho, wide: m, train, heldOut } = settings;
  const initial = initialNet(seed, { ...shapeOf(settings, depth), m }, { rho, ...law });
  return { task: sineTask(seed, d, train, heldOut), initial };
}

/** The wide net of a seed, trained. Throws FailureError when it explodes. */
export function trainWide(settings: Omit<ParticleSettings, 'imitationTime'>, depth: number, seed: number): Wide {
  const { time, dt } = settings;
  const { task, initial } = startWide(settings, depth, seed);
  const train = (net: Net, step: number): FlowResult =>
    unexploded(
      `the wide net of depth ${depth}`,
      trainDirect(net, task.train, { steps: stepsOf(time, step), dt: step }),
      step,
    );
  const trained = copyNet(initial);
  const { increases } = train(trained, dt);
  let half: Float64Array | undefined;
  const atHalfStep = (): Float64Array => {
    if (half !== undefined) return half;
    const fine = copyNet(initial);
    train(fine, dt / 2);
    return (half = output(fine, task.heldOut.x));
  };
  const [onTrain, onHeldOut] = [activations(trained, task.train.x), activations(trained, task.heldOut.x)];
  return {
    task,
    initial,
    trained,
    onTrain,
    onHeldOut,
    lossIncreases: increases,
    atHalfStep,
    size: outputSize(trained, task.heldOut.x, onHeldOut.at(-1)),
  };
}

/** Particles of one layer that a study moves and measures. */
interface Moved {
  /** Particles times the flow time of their training, direct or by imitation. */
  readonly trained: number;
  /** Particles times the passes over the training and the held-out points that they are measured by. */
  readonly measured: number;
}

/** Expected seconds on one core of what the kernel does for nets that have so many layers together. */
export function movedSeconds(
  { d, train, heldOut, dt }: Pick<ParticleSettings, 'd' | 'train' | 'heldOut' | 'dt'>,
  layers: number,
  { trained, measured }: Moved,
  kernel?: KernelSeconds,
): number {
  const steps = kernelSeconds({ d, samples: train, steps: trained / dt }, kernel);
  return layers * (steps + kernelSeconds({ d, samples: train + heldOut, passes: measured }, kernel));
}

/** Passes by which a wide net is measured, and a thin net beside it, with the telescoped sums of its imitation. */
export const [WIDE_PASSES, THIN_PASSES] = [2, 9];

/** Expected seconds on one core of training a wide net and `draws` thin nets of each width. */
export function pairCost(
  settings: ParticleSettings,
  depth: number,
  widths: readonly number[],
  kernel?: KernelSeconds,
): number {
  const { wide, time, imitationTime, draws } = settings;
  const m = widths.reduce((sum, width) => sum + width, 0);
  // half steps: twice as many for the wide net and the first draw
  const trained = 3 * wide * time + m * (draws * 2 * (time + imitationTime) + 2 * time);
  const measured = WIDE_PASSES * wide + THIN_PASSES * m * draws;
  return movedSeconds(settings, depth, { trained, measured }, kernel) + 0.02;
}

/** What thin nets of one width, drawn from one wide net, differ from it by: root mean squares over the draws. */
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
   * How much the D of the first directly trained thin net moves when it and the wide net are both trained at dt/2, over
   * that D. Above a few percent the step is too coarse to be trusted.
   */
  readonly stepError: number;
}

/** One wide net and a width, from which thin nets are drawn. */
interface Pair {
  readonly settings: ParticleSettings;
  readonly wide: Wide;
  readonly m: number;
  readonly seed: number;
  /** The wide net's loss on the training points. */
  readonly wideLoss: number;
}

/** Rounding by which a measured value may exceed its bound. */
const SLACK = 1 + 1e-12;

/** D of a thin net on the held-out points. */
function distance({ wide }: Pair, thin: Net): number {
  return discrepancy(thin, wide.trained, wide.task.heldOut.x, wide.onHeldOut.at(-1));
}

function nameOf({ m }: Pair, draw: number): string {
  return `the thin net of m = ${m}, draw ${draw}`;
}

/** D of a directly trained thin net at dt/2 from the wide net at dt/2. */
function distanceAtHalfStep({ settings, wide, m, seed }: Pair, draw: number): number {
  const { time, dt } = settings;
  const { train, heldOut } = wide.task;
  const thin = thinNet(wide.initial, m, seed, draw);
  const steps = stepsOf(time, dt / 2);
  unexploded(
    `the thin net of m = ${m}, draw ${draw}, at dt/2`,
    trainDirect(thin, train, { steps, dt: dt / 2 }),
    dt / 2,
  );
  return discrepancy(thin, wide.trained, heldOut.x, wide.atHalfStep());
}

/** Direct training of a subset of the wide net's initial particles. The first draw is integrated at dt/2, too. */
function trainDrawn(pair: Pair, draw: number) {
  const { settings, wide, m, seed } = pair;
  const { time, dt } = settings;
  const { train } = wide.task;
  const thin = thinNet(wide.initial, m, seed, draw);
  const result = trainDirect(thin, train, { steps: stepsOf(time, dt), dt });
  const { increases: lossIncreases } = unexploded(nameOf(pair, draw), result, dt);
  const direct = distance(pair, thin);
  const cap = posteriorCap(lossOf(thin, train), pair.wideLoss);
  const violated = discrepancy(thin, wide.trained, train.x, wide.onTrain.at(-1)) > cap * SLACK;
  const stepError = draw === 0 ? Math.abs(direct - distanceAtHalfStep(pair, draw)) / direct : NaN;
  return { direct, lossIncreases, violated, stepError };
}

/** Direct training of new particles of the same law; returns D. */
function trainFresh(pair: Pair, draw: number): number {
  const { settings, wide, m, seed } = pair;
  const { time, dt, rho } = settings;
  const thin = freshNet(wide.initial, m, { rho }, seed, draw);
  unexploded(nameOf(pair, draw), trainDirect(thin, wide.task.train, { steps: stepsOf(time, dt), dt }), dt);
  return distance(pair, thin);
}

/** Imitation of the wide net by `thin`, in place. */
function imitateWide({ settings, wide }: Pair, thin: Net, what: (layer: number) => string): void {
  const { imitationTime, dt } = settings;
  const options = { steps: stepsOf(imitationTime, dt), dt, targets: wide.onTrain };
  imitate(thin, wide.trained, wide.task.train.x, options).forEach((result, l) => unexploded(what(l + 1), result, dt));
}

/** Imitation by a subset of the wide net's trained particles. */
function imitateFromTrained(pair: Pair, draw: number) {
  const { wide, m, seed } = pair;
  const { x } = wide.task.heldOut;
  const thin = thinNet(wide.trained, m, seed, draw);
  const sampled = distance(pair, thin);
  imitateWide(pair, thin, (layer) => `imitation of layer ${layer} of ${nameOf(pair, draw)}`);
  const imitation = distance(pair, thin);
  const telescoped = telescope(thin, wide.trained, x, wide.onHeldOut).reduce((sum, h) => sum + h, 0);
  const layerError = rms(layerErrors(thin, wide.trained, x, wide.onHeldOut));
  return { sampled, imitation, telescoped, layerError, violated: imitation > telescoped * SLACK };
}

/** Imitation by a subset of the wide net's initial particles; returns D. */
function imitateFromInitial(pair: Pair, draw: number): number {
  const thin = thinNet(pair.wide.initial, pair.m, pair.seed, draw);
  imitateWide(pair, thin, (layer) => `imitation from the initial law, layer ${layer} of ${nameOf(pair, draw)}`);
  return distance(pair, thin);
}

/**
 * Discrepancies of `settings.draws` thin nets of width m from the wide net. `pause` is awaited after each draw. Throws
 * FailureError when a net explodes.
 */
export async function measurePair(
  settings: ParticleSettings,
  wide: Wide,
  m: number,
  seed: number,
  pause: () => Promise<void>,
): Promise<Discrepancies> {
  const pair: Pair = { settings, wide, m, seed, wideLoss: lossOf(wide.trained, wide.task.train) };
  const draws = [];
  for (let draw = 0; draw < settings.draws; draw++) {
    const trained = trainDrawn(pair, draw);
    const fresh = trainFresh(pair, draw);
    const imitated = imitateFromTrained(pair, draw);
    draws.push({ trained, fresh, imitated, initial: imitateFromInitial(pair, draw) });
    await pause();
  }
  return {
    direct: rms(draws.map(({ trained }) => trained.direct)),
    fresh: rms(draws.map(({ fresh }) => fresh)),
    sampled: rms(draws.map(({ imitated }) => imitated.sampled)),
    imitation: rms(draws.map(({ imitated }) => imitated.imitation)),
    initial: rms(draws.map(({ initial }) => initial)),
    telescoped: rms(draws.map(({ imitated }) => imitated.telescoped)),
    layerError: rms(draws.map(({ imitated }) => imitated.layerError)),
    violations: draws.flatMap(({ trained, imitated }) => [trained, imitated]).filter(({ violated }) => violated).length,
    lossIncreases: draws.reduce((sum, { trained }) => sum + trained.lossIncreases, 0),
    stepError: draws[0]!.trained.stepError,
  };
}
