/** Flows that a declaration can name: how a net's particles move, with the order of each scheme, which a test fits. */
import { z } from 'zod';
import { exampleCount, stepCount } from '../../src/core/magnitudes.js';
import { namesOf } from '../../src/core/registry.js';
import type { Layer, Net } from '../model/particles.js';
import type { Samples } from '../model/task.js';
import { batchesOf, trainDirect, trainSgd, type FlowResult, type Move } from './direct.js';
import { INTEGRATORS } from './integrators.js';
import { langevinMove, trainLangevin, type ParticleNoise } from './langevin.js';
import { momentumMove, trainMomentum } from './momentum.js';

/** Orders of a scheme at a fixed time, as dt falls; of a flow without chance both are one. */
export interface FlowOrders {
  /** sqrt(E |theta - exact|^2) falls as dt^strong, on the same noise. */
  readonly strong: number;
  /** |E f(theta) - E f(exact)| falls as dt^weak, for smooth f. */
  readonly weak: number;
}

/** What a flow is given beside its declaration. */
export interface FlowContext {
  /** Seed of the batches. */
  readonly seed: number;
  /** Noise of the particles, for flows that have some. */
  readonly noise: ParticleNoise;
  /** Called every few steps with the number of steps done; may throw to stop. */
  readonly onStep?: (done: number) => void;
}

/** One kind of flow. */
export interface FlowKind<Spec> {
  /** What it says in a declaration, "kind" among it. */
  readonly spec: z.ZodType<Spec>;
  /** Its law, in one line. */
  readonly law: string;
  readonly orders: (spec: Spec) => FlowOrders;
  /** Whether the loss falls at every step that is small enough, so that rises are counted and warned of. */
  readonly descends: boolean;
  /** Whether a second run at dt/2 can be compared with the first. */
  readonly halves: boolean;
  /**
   * The scheme by itself, for systems that hold more than a net, such as a net with its tangents: begins at `layers`,
   * which its steps move in place by the velocity of whoever calls them. Undefined for the methods of
   * {@link INTEGRATORS}, whose stages ask for a velocity more than once.
   */
  readonly move: ((layers: readonly Layer[], spec: Spec, noise: ParticleNoise) => Move) | undefined;
  /** Arrays like the particles' own that a step holds beside them, at least; 0 where it moves them in place. */
  readonly copies: (spec: Spec) => number;
  /** Trains a net in place. */
  readonly train: (net: Net, samples: Samples, spec: Spec, context: FlowContext) => FlowResult;
}

const steps = { steps: stepCount(0), dt: z.number().positive() };
const method = z.enum(namesOf(INTEGRATORS)).default('euler');

/** Steps of a gradient flow, as imitation and fine-tuning have them, too. */
export const GradientSteps = z.strictObject({ ...steps, method });

const Gradient = z.strictObject({ kind: z.literal('gradient'), ...steps, method });
const Sgd = z.strictObject({ kind: z.literal('sgd'), ...steps, method, batch: exampleCount() }).refine(
  ({ method: name }) => name === 'euler',
  // also what is said where "kind" is left out
  { error: 'stochastic gradient descent goes with method "euler"', path: ['method'] },
);
const Langevin = z
  .strictObject({
    kind: z.literal('langevin'),
    ...steps,
    temperature: z.number().min(0),
    decay: z.number().min(0).default(0),
    batch: exampleCount().optional(),
  })
  .refine(({ decay, dt }) => decay * dt <= 1, {
    error: 'expected decay x dt of at most 1: more turns the particles round in every step',
    path: ['decay'],
  });
const Momentum = z
  .strictObject({
    kind: z.literal('momentum'),
    ...steps,
    friction: z.number().min(0),
    batch: exampleCount().optional(),
  })
  .refine(({ friction, dt }) => friction * dt <= 1, {
    error: 'expected friction x dt of at most 1: more turns the momentum round in every step',
    path: ['friction'],
  });

/** The samples of each step: `batch` of them, or all. */
function samplesAt(samples: Samples, batch: number | undefined, seed: number): (step: number) => Samples {
  return batch === undefined ? () => samples : batchesOf(samples, { batch, seed });
}

/** A kind of flow as its own schema types it. */
function flow<Spec>(kind: FlowKind<Spec>): FlowKind<Spec> {
  return kind;
}

const DEFINED = {
  gradient: flow<z.infer<typeof Gradient>>({
    spec: Gradient,
    law: 'the gradient flow, by Euler, Heun or Runge-Kutta',
    orders: ({ method: name }) => ({ strong: INTEGRATORS[name].order, weak: INTEGRATORS[name].order }),
    descends: true,
    halves: true,
    move: undefined,
    // a velocity for each stage, and the net at the last one
    copies: ({ method: name }) => (INTEGRATORS[name].stages.length === 1 ? 0 : INTEGRATORS[name].stages.length + 1),
    train: (net, samples, spec, context) =>
      trainDirect(net, samples, { ...context, ...spec, method: INTEGRATORS[spec.method] }),
  }),
  /**
   * Euler steps on batches against the gradient flow: as every epoch has each sample once, the errors of its batches
   * cancel to first order, so that the strong order is 1, and not 1/2 as with batches drawn independently.
   */
  sgd: flow<z.infer<typeof Sgd>>({
    spec: Sgd,
    law: 'stochastic gradient descent on batches, each sample once in an epoch',
    orders: () => ({ strong: 1, weak: 1 }),
    descends: false,
    halves: false,
    move: undefined,
    copies: () => 0,
    train: (net, samples, spec, context) => trainSgd(net, samples, { ...context, ...spec }),
  }),
  langevin: flow<z.infer<typeof Langevin>>({
    spec: Langevin,
    law: 'Langevin dynamics, d theta = (v - decay theta) dt + sqrt(2 temperature) dW, by Euler-Maruyama',
    orders: () => ({ strong: 1, weak: 1 }),
    descends: false,
    halves: false,
    move: (layers, spec, noise) => langevinMove(layers, { ...spec, noise }),
    copies: () => 2,
    train: (net, samples, { batch, ...spec }, context) =>
      trainLangevin(net, samples, { ...context, ...spec, batches: samplesAt(samples, batch, context.seed) }),
  }),
  momentum: flow<z.infer<typeof Momentum>>({
    spec: Momentum,
    law: "the heavy ball, theta'' = v - friction theta'",
    orders: () => ({ strong: 1, weak: 1 }),
    descends: false,
    halves: false,
    move: (layers, spec) => momentumMove(layers, spec),
    copies: () => 2,
    train: (net, samples, { batch, ...spec }, context) =>
      trainMomentum(net, samples, { ...context, ...spec, batches: samplesAt(samples, batch, context.seed) }),
  }),
};

/** Name of a kind of flow. */
export type FlowName = keyof typeof DEFINED;

/** A flow as it is declared. */
export type FlowSpec = { [Name in FlowName]: z.infer<(typeof DEFINED)[Name]['spec']> }[FlowName];

/** Every kind of flow by its name, as functions of any declaration of that kind. */
export const FLOWS = DEFINED as unknown as Readonly<Record<FlowName, FlowKind<FlowSpec>>>;

/** The kind that a declaration without "kind" means: the gradient flow, or SGD where it has batches. */
export function impliedKind(value: object): FlowName {
  return 'batch' in value && value.batch !== undefined ? 'sgd' : 'gradient';
}
