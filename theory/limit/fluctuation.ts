/**
 * The Gaussian fluctuation of a thin net about its infinitely wide limit, by the tangent-linear flow of weighted
 * particles. Chen, Rotskoff, Bruna, Vanden-Eijnden 2020 (arXiv 2008.09623); Pham, Nguyen 2021 (arXiv 2110.15954).
 *
 * A thin net of m particles is the law mu with weights 1 + g_i / sqrt(m) to leading order, g Gaussian of mean 0. With
 * weights w_i, layer l is alpha z + (c/M) sum_i w_i b_i t_i, while each particle moves as before: the weights act on it
 * through the net alone. So in q_i = db_i + g_i b_i (the change of what particle i adds to the net) the response to g
 * is the derivative of the unweighted flow, but for three terms with the velocity v of the particles themselves:
 *
 *     dq_i/dt = (change of v_b) + g_i v_b,  da_i/dt = (change of v_a) - g_i v_a,  and the bias as a.
 *
 * The last two take away what g_i b_i would do to the particle's own a and bias. At the start da = 0, dbias = 0 and
 * q = g b. A heavy ball moves net and changes alike, with momenta of their own. Noise of a particle is a part of it, so
 * that the weights are those of its path: its change q is kicked by g_i times the kick of b_i, da and dbias by none.
 * Every step of a scheme is differentiated as it stands, so that the limit is that of the declared scheme.
 */
import { FailureError } from '../../src/core/errors.js';
import { checkWhole } from '../../src/core/range.js';
import {
  batchesOf,
  checkSteps,
  flowResult,
  isExplosion,
  rungeKuttaStep,
  trainBySteps,
  trainDirect,
  trainSgd,
  unexploded,
  type FlowResult,
  type Move,
} from '../flow/direct.js';
import { checkIntegrator, INTEGRATORS, type Integrator } from '../flow/integrators.js';
import type { ParticleNoise } from '../flow/langevin.js';
import { copyNet, inputsOf, singleLayer, zerosLike, type Layer, type Net } from '../model/particles.js';
import type { Samples } from '../model/task.js';
import { activations, checkSamples, lossOf, lossScale, mapped } from '../network/network.js';
import { outputChanges, velocityChanges, type Direction } from '../network/tangents.js';

/** One part of a course: `steps` steps of flow time dt each. */
export interface FlowPart {
  readonly steps: number;
  readonly dt: number;
  readonly method?: Integrator;
}

/** Training of the wide net. */
export interface WideFlow extends FlowPart {
  /** Samples of each step; all of them unless given. */
  readonly batches?: { readonly batch: number; readonly seed: number };
  /** Another scheme than `method`: moves a system of particles in place, from where they are. */
  readonly move?: (layers: readonly Layer[], noise: ParticleNoise) => Move;
}

/** How the thin nets and the wide one come about whose difference is asked for. */
export interface Course {
  readonly train: Samples;
  /** Points [N, inputs] on which the difference is measured. */
  readonly points: Float64Array;
  /** Training of the wide net, and of the thin one unless it imitates. */
  readonly flow: WideFlow;
  /** Layerwise imitation by a thin net whose particles are drawn from the trained wide net. */
  readonly imitation?: FlowPart & { readonly inputs: 'wide' | 'thin' };
  /** Steps of the last part after which the difference is measured, rising; its end unless given. */
  readonly probes?: readonly number[];
}

/** Changes of the particles' weights: one array [m] for each layer. */
export type Weights = readonly Float64Array[];

/** Mean squared first-order changes of the output, and how the training went. */
export interface Responses {
  /** E_x |dz_L(x)|^2 over the points, for each probe and each direction. */
  readonly squares: readonly (readonly number[])[];
  /** Steps on which the loss of the net rose, which a gradient flow never does; 0 with batches or another scheme. */
  readonly lossRises: number;
}

/** The direction of a change of weights, before anything has moved: q = g b, da = 0, dbias = 0. */
function startOf(net: Net, weights: Weights): Layer[] {
  return zerosLike(net.layers).map((layer, l) => ({
    ...layer,
    b: net.layers[l]!.b.map((value, j) => weights[l]![Math.floor(j / net.d)]! * value),
  }));
}

/** to += sign * g_i * from for every row [d] of particle i. */
function addWeighted(to: Float64Array, sign: number, weights: Float64Array, from: Float64Array): void {
  const d = from.length / weights.length;
  for (let j = 0; j < to.length; j++) to[j]! += sign * weights[Math.floor(j / d)]! * from[j]!;
}

/** Velocity of the net and of its directions: the particles' layers, then those of each direction. */
function augmentedVelocity(
  augmented: Net,
  depth: number,
  weights: readonly Weights[],
  samples: Samples,
): { readonly loss: number; readonly layers: readonly Layer[] } {
  const net = { ...augmented, layers: augmented.layers.slice(0, depth) };
  const directions = weights.map((_, k) => augmented.layers.slice((k + 1) * depth, (k + 2) * depth));
  const { loss, layers, changes } = velocityChanges(net, directions, samples);
  changes.forEach((change, k) =>
    change.forEach((to, l) => {
      const [g, v] = [weights[k]![l]!, layers[l]!];
      addWeighted(to.b, 1, g, v.b);
      addWeighted(to.a, -1, g, v.a);
      addWeighted(to.bias, -1, g, v.bias);
    }),
  );
  return { loss, layers: [...layers, ...changes.flat()] };
}

/** The noise of a net and of its directions, whose b is kicked with the weights, and a and bias not at all. */
function augmentedNoise(noise: ParticleNoise, weights: readonly Weights[]): ParticleNoise {
  return (step) => {
    const kicks = noise(step);
    const directions = weights.flatMap((one) => {
      const kicked = zerosLike(kicks);
      kicked.forEach(({ b }, l) => addWeighted(b, 1, one[l]!, kicks[l]!.b));
      return kicked;
    });
    return [...kicks, ...directions];
  };
}

/** The noise of flows that have none. */
const NO_NOISE: ParticleNoise = () => [];

/**
 * E_x |dz_L|^2 over `points` [N, inputs], behind the read-out, for each direction. Throws FailureError when one has
 * left float64.
 */
function squaresOf(net: Net, directions: readonly Direction[], points: Float64Array): number[] {
  const found = outputChanges(net, directions, points).map((outputs) => {
    const last = mapped(net.readOut, outputs.at(-1)!);
    return last.reduce((sum, value) => sum + value * value, 0) / (points.length / inputsOf(net));
  });
  if (!found.every(Number.isFinite))
    throw new FailureError('limit: the linearized flow leaves float64; a smaller dt or a shorter time is needed');
  return found;
}

/** Whether a step is one to measure after. */
function measures({ probes }: Course, steps: number): (done: number) => boolean {
  const wanted = new Set(probes ?? [steps]);
  return (done) => wanted.has(done);
}

/** Direct training: the net and its directions move together. `net` is moved in place. */
function trainedResponses(net: Net, weights: readonly Weights[], course: Course, noise: ParticleNoise): Responses {
  const { flow, train, points } = course;
  const depth = net.layers.length;
  const augmented = { ...net, layers: [...net.layers, ...weights.flatMap((one) => startOf(net, one))] };
  const directions = weights.map((_, k) => augmented.layers.slice((k + 1) * depth, (k + 2) * depth));
  const samplesAt = flow.batches === undefined ? () => train : batchesOf(train, flow.batches);
  const move = flow.move?.(augmented.layers, augmentedNoise(noise, weights));
  const measured = measures(course, flow.steps);
  checkSamples(net, train);
  const scale = lossScale(train);
  const losses: number[] = [];
  const add = (loss: number): void => {
    losses.push(loss);
    if (isExplosion(loss, losses, scale)) unexploded('limit: the wide net', flowResult(losses, scale), flow.dt);
  };
  const squares: number[][] = [];
  for (let step = 0; ; step++) {
    if (step === flow.steps) add(lossOf(net, train));
    if (measured(step)) squares.push(squaresOf(net, directions, points));
    if (step === flow.steps) break;
    const samples = samplesAt(step);
    const velocity = (at: Net) => augmentedVelocity(at, depth, weights, samples);
    const found =
      move === undefined
        ? rungeKuttaStep(augmented, velocity, flow.dt, flow.method ?? INTEGRATORS.euler)
        : velocity(augmented);
    add(found.loss);
    move?.(found.layers, step);
  }
  const isGradientFlow = flow.batches === undefined && flow.move === undefined;
  return { squares, lossRises: isGradientFlow ? flowResult(losses, scale).increases : 0 };
}

/** Trains the wide net in place. */
function trainWide(net: Net, { flow, train }: Course, noise: ParticleNoise): FlowResult {
  const { batches, move } = flow;
  if (move !== undefined) {
    const options = { ...flow, batches: batches && batchesOf(train, batches) };
    return trainBySteps(net, train, options, move(net.layers, noise));
  }
  return batches === undefined ? trainDirect(net, train, flow) : trainSgd(net, train, { ...flow, ...batches });
}

/** Imitation: the trained net is a fixed point, and only the directions move. `net` is moved in place. */
function imitatedResponses(net: Net, weights: readonly Weights[], course: Course, noise: ParticleNoise): Responses {
  const { flow, train, points } = course;
  const { inputs, dt, steps, method = INTEGRATORS.euler } = course.imitation!;
  const { increases } = unexploded('limit: the wide net', trainWide(net, course, noise), flow.dt);
  const depth = net.layers.length;
  const values = activations(net, train.x);
  const directions = weights.map((one) => startOf(net, one));
  const velocity = ({ layers }: Net): { readonly layers: readonly Layer[] } => {
    const at = weights.map((_, k) => layers.slice(k * depth, (k + 1) * depth));
    const moved = inputs === 'thin' ? outputChanges(net, at, train.x) : undefined;
    const changes = net.layers.map((_, l) => {
      const samples = { n: train.n, x: values[l]!, y: values[l + 1]! };
      const dx = l === 0 ? undefined : moved?.map((outputs) => outputs[l - 1]!);
      const mine = at.map((direction) => [direction[l]!]);
      return velocityChanges(singleLayer(net, l), mine, samples, dx).changes.map(([change]) => change!);
    });
    return { layers: weights.flatMap((_, k) => changes.map((layer) => layer[k]!)) };
  };
  const system = { ...net, layers: directions.flat() };
  const measured = measures(course, steps);
  const squares: number[][] = [];
  for (let step = 0; ; step++) {
    if (measured(step)) squares.push(squaresOf(net, directions, points));
    if (step === steps) break;
    rungeKuttaStep(system, velocity, dt, method);
  }
  return { squares, lossRises: increases };
}

/**
 * The response of a net's output to changes of its particles' weights, along a course that starts at `initial` (which
 * stays as it is): to first order, how far a thin net with weights 1 + g_i is from the net itself. All changes of
 * weights `weights` [K] share the passes. `noise` is the net's own, for schemes that have some. Throws FailureError
 * when a training explodes, or a response leaves float64, RangeError on weights or a course that do not fit.
 */
export function responsesOf(
  initial: Net,
  weights: readonly Weights[],
  course: Course,
  noise: ParticleNoise = NO_NOISE,
): Responses {
  const { flow, imitation, probes = [] } = course;
  checkSteps('responsesOf: flow', flow);
  if (imitation !== undefined) checkSteps('responsesOf: imitation', imitation);
  for (const [name, part] of Object.entries({ flow, imitation }))
    if (part !== undefined) checkIntegrator(`responsesOf: ${name}`, part.method ?? INTEGRATORS.euler);
  const last = (imitation ?? flow).steps;
  for (const probe of probes) checkWhole('responsesOf: probes', probe, 0, last);
  weights.forEach((one, k) =>
    initial.layers.forEach(({ m }, l) => {
      if (one[l]?.length !== m)
        throw new RangeError(
          `responsesOf: weights ${k}, layer ${l + 1}: expected ${m} of them, got ${one[l]?.length ?? 'none'}`,
        );
    }),
  );
  const net = copyNet(initial);
  const responses = course.imitation === undefined ? trainedResponses : imitatedResponses;
  return responses(net, weights, course, noise);
}
