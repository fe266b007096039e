/** Direct training: backpropagation through all layers, as the mean-field gradient flow. */
import { FailureError } from '../../src/core/errors.js';
import { checkPositive, checkWhole, MOST_STEPS, checkObject } from '../../src/core/range.js';
import { permutation, rngKey } from '../../src/core/rng.js';
import { kernel } from '../kernel/kernel.js';
import { checkSamples, isFused, lossOf, lossScale, velocity, type LossScale } from '../network/network.js';
import { copyNet, type Layer, type Net } from '../model/particles.js';
import type { Samples } from '../model/task.js';
import { checkIntegrator, INTEGRATORS, type Integrator } from './integrators.js';

/** The course of one training. */
export interface FlowResult {
  /**
   * The loss before each step, of the step's own samples, and after the last step that of all samples; (1/2N) sum |z_L
   * - y|^2 unless they have another.
   */
  readonly losses: readonly number[];
  /**
   * Steps on which the loss went up, which a gradient flow never does: where dt times the sharpness exceeds 2, the
   * instability of Euler's method looks like sensitivity to initial values.
   */
  readonly increases: number;
  /** The step at which the run was stopped because it exploded, or undefined. Its particles mean nothing then. */
  readonly exploded: number | undefined;
}

/** How a gradient flow is integrated. */
export interface FlowOptions {
  readonly steps: number;
  /** Flow time of one step. */
  readonly dt: number;
  /** Euler's unless given. */
  readonly method?: Integrator;
  /** Called every few steps with the number of steps done; may throw to stop. */
  readonly onStep?: (done: number) => void;
}

/** A loss that is not finite, or this many times the larger of the first one and its unit, is an explosion. */
export const EXPLOSION = 1e6;

/**
 * Whether a loss is an explosion, beside `losses` from the first one on, it among them: what a loop asks at every step.
 * A net that begins near its fit is measured by the unit of the data's loss, and where that is 0, too, by the first
 * loss that is not.
 */
export function isExplosion(loss: number, losses: readonly number[], { unit }: Pick<LossScale, 'unit'>): boolean {
  if (!Number.isFinite(loss)) return true;
  const size = Math.max(losses[0]!, unit) || losses.find((one) => one > 0);
  return size !== undefined && loss > EXPLOSION * size;
}

/** Throws RangeError unless a flow has a whole number of steps, up to 1e9, of a length above 0; `what` asks. */
export function checkSteps(what: string, options: Pick<FlowOptions, 'steps' | 'dt'>): void {
  checkObject(`${what}: options`, options, ['steps', 'dt']);
  const { steps, dt } = options;
  checkWhole(`${what}: steps`, steps, 0, MOST_STEPS);
  checkPositive(`${what}: dt`, dt);
}

/** Steps between two calls of `onStep`. */
const BLOCK = 16;

/** A share of the loss by which rounding of the sum over samples may make it rise, as at rest. */
const ROUNDING = 1e-12;

/** The course of a training by its losses before each step and after the last, and what they are measured by. */
export function flowResult(losses: readonly number[], scale: LossScale): FlowResult {
  const at = losses.findIndex((loss) => isExplosion(loss, losses, scale));
  const kept = at < 0 ? losses : losses.slice(0, at + 1);
  const rises = (loss: number, before: number): boolean => loss > before * (1 + ROUNDING) + scale.rounding(before);
  return {
    losses: kept,
    increases: kept.filter((loss, i) => i > 0 && rises(loss, kept[i - 1]!)).length,
    exploded: at < 0 ? undefined : at,
  };
}

/** The course of a training on batches, or with noise or momentum, which make the loss rise: rises are not counted. */
function courseWithRises(losses: readonly number[], scale: LossScale): FlowResult {
  return { ...flowResult(losses, scale), increases: 0 };
}

/** What is said of a training that exploded at a step, with its loss where it is known: at step 0 no dt is to blame. */
export function explosion(what: string, step: number, dt: number, loss?: number): string {
  const size = loss === undefined ? '' : ` (loss ${loss.toExponential(2)})`;
  return step === 0
    ? `${what} exploded before its first step${size}; smaller samples, particles or scales are needed`
    : `${what} exploded at step ${step}${size}; a smaller dt than ${dt} is needed`;
}

/**
 * The result of a training that came to its end: one that exploded is no measurement, and is never averaged in. Throws
 * FailureError that says which (`what`), and the step length `dt` that was too large.
 */
export function unexploded<Result extends Pick<FlowResult, 'exploded'>>(
  what: string,
  result: Result,
  dt: number,
): Result {
  if (result.exploded !== undefined) throw new FailureError(explosion(what, result.exploded, dt));
  return result;
}

/**
 * Trains `net` in place by the gradient flow of the samples' loss, (1/2N) sum |z_L - y|^2 unless they have another, for
 * a flow time of steps x dt; x is [N, inputs], y [N, outputs]. An explosion is not thrown: training stops, and the
 * result says at which step. Throws RangeError on a shape that does not fit, and on steps or a dt that are none.
 */
export function trainDirect(net: Net, samples: Samples, options: FlowOptions): FlowResult {
  checkSteps('trainDirect', options);
  const { steps, dt, method = INTEGRATORS.euler, onStep } = options;
  checkIntegrator('trainDirect', method);
  checkSamples(net, samples);
  const scale = lossScale(samples);
  const losses: number[] = [];
  for (let done = 0; done < steps; done += BLOCK) {
    const count = Math.min(BLOCK, steps - done);
    const found =
      method.name === 'euler'
        ? eulerSteps(net, samples, dt, count)
        : Array.from({ length: count }, () => rungeKuttaStep(net, (at) => velocity(at, samples), dt, method).loss);
    losses.push(...found);
    if (found.some((loss) => isExplosion(loss, losses, scale))) return flowResult(losses, scale);
    onStep?.(done + count);
  }
  losses.push(lossOf(net, samples));
  return flowResult(losses, scale);
}

function eulerSteps(net: Net, samples: Samples, dt: number, count: number): Float64Array {
  const { x, y } = samples;
  const losses = new Float64Array(count);
  if (isFused(net, samples)) return losses.subarray(0, kernel().descend(net, x, y, dt, losses));
  for (let step = 0; step < count; step++) {
    const found = velocity(net, samples);
    losses[step] = found.loss;
    if (!Number.isFinite(found.loss)) return losses.subarray(0, step + 1);
    advance(net.layers, dt, found.layers);
  }
  return losses;
}

/** target += factor * direction, for every particle. */
function advance(target: readonly Layer[], factor: number, direction: readonly Layer[]): void {
  target.forEach((layer, l) => {
    for (const name of ['a', 'b', 'bias'] as const) {
      const [to, by] = [layer[name], direction[l]![name]];
      for (let i = 0; i < to.length; i++) to[i]! += factor * by[i]!;
    }
  });
}

/**
 * One step of a method with stages, in place, of the flow whose velocity `at` gives at a net; returns what `at` gave at
 * the start of the step.
 */
export function rungeKuttaStep<Found extends { readonly layers: readonly Layer[] }>(
  net: Net,
  at: (net: Net) => Found,
  dt: number,
  { stages, weights }: Integrator,
): Found {
  const found: Found[] = [];
  for (const coefficients of stages) {
    const moved = found.length === 0 ? net : copyNet(net);
    coefficients.forEach((weight, j) => {
      if (weight !== 0) advance(moved.layers, dt * weight, found[j]!.layers);
    });
    found.push(at(moved));
  }
  weights.forEach((weight, j) => advance(net.layers, dt * weight, found[j]!.layers));
  return found[0]!;
}

/**
 * The samples of each step of stochastic gradient descent: `batch` of N, in a new order in each epoch (samples that do
 * not fill a last batch are left out). What it returns is to be called with 0, 1, 2, ..., and gives the same arrays
 * each time, filled anew. Throws RangeError when batch > N, or the samples are not N.
 */
export function batchesOf(
  samples: Samples,
  options: { readonly batch: number; readonly seed: number },
): (step: number) => Samples {
  checkObject('batchesOf: samples', samples, ['n', 'x', 'y']);
  checkObject('batchesOf: options', options, ['batch', 'seed']);
  const { batch, seed } = options;
  const { x, y, n } = samples;
  if (!Number.isInteger(batch) || batch < 1 || batch > n)
    throw new RangeError(`batchesOf: expected a batch of 1 to ${n} samples, got ${batch}`);
  for (const [name, { length }] of Object.entries({ x, y }))
    if (!Number.isInteger(n) || length === 0 || length % n !== 0)
      throw new RangeError(`batchesOf: ${name}: expected ${n} samples, got ${length} numbers`);
  const [inputs, outputs] = [x.length / n, y.length / n];
  const perEpoch = Math.floor(n / batch);
  const [bx, by] = [new Float64Array(batch * inputs), new Float64Array(batch * outputs)];
  let order: Uint32Array = new Uint32Array();
  return (step) => {
    if (step % perEpoch === 0) order = permutation(rngKey(seed, 'sgd', step / perEpoch), n);
    for (let j = 0; j < batch; j++) {
      const row = order[(step % perEpoch) * batch + j]!;
      bx.set(x.subarray(row * inputs, (row + 1) * inputs), j * inputs);
      by.set(y.subarray(row * outputs, (row + 1) * outputs), j * outputs);
    }
    return { ...samples, n: batch, x: bx, y: by };
  };
}

/**
 * Trains `net` in place by stochastic gradient descent: each step is an Euler step of length dt on a batch of
 * {@link batchesOf}. The losses are those of the batches, and after the last step that of all samples, so that their
 * rises are not counted. Throws RangeError when batch > N.
 */
export function trainSgd(
  net: Net,
  samples: Samples,
  options: { steps: number; dt: number; batch: number; seed: number },
): FlowResult {
  checkSteps('trainSgd', options);
  const { steps, dt, batch, seed } = options;
  const at = batchesOf(samples, { batch, seed });
  checkSamples(net, samples);
  const scale = lossScale(samples);
  const losses: number[] = [];
  for (let step = 0; step < steps; step++) {
    const loss = eulerSteps(net, at(step), dt, 1)[0]!;
    losses.push(loss);
    if (isExplosion(loss, losses, scale)) return courseWithRises(losses, scale);
  }
  losses.push(lossOf(net, samples));
  return courseWithRises(losses, scale);
}

/** Steps of a flow whose steps have samples, noise or momentum of their own. */
export interface StepOptions {
  readonly steps: number;
  /** Flow time of one step. */
  readonly dt: number;
  /** The samples of each step; all of them unless given. */
  readonly batches?: (step: number) => Samples;
  /** Called after each step with the number of steps done; may throw to stop. */
  readonly onStep?: (done: number) => void;
}

/** Moves particles in place by one step, given their velocity and the step's number. */
export type Move = (velocity: readonly Layer[], step: number) => void;

/**
 * Trains `net` step by step: `move` is given the velocity of the gradient flow at the step's samples, and moves the net
 * in place. Rises of the loss are not counted. An explosion is not thrown: training stops, and the result says at which
 * step.
 */
export function trainBySteps(
  net: Net,
  samples: Samples,
  { steps, dt, batches = () => samples, onStep }: StepOptions,
  move: Move,
): FlowResult {
  checkSteps('training', { steps, dt });
  checkSamples(net, samples);
  const scale = lossScale(samples);
  const losses: number[] = [];
  for (let step = 0; step < steps; step++) {
    const { loss, layers } = velocity(net, batches(step));
    losses.push(loss);
    if (isExplosion(loss, losses, scale)) return courseWithRises(losses, scale);
    move(layers, step);
    onStep?.(step + 1);
  }
  losses.push(lossOf(net, samples));
  return courseWithRises(losses, scale);
}
