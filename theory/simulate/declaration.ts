/** The declaration of one simulation, and what it may say. */
import { z } from 'zod';
import { FLOAT64_BYTES } from '../../src/core/memory.js';
import { checkValues, exampleCount, layerCount, width } from '../../src/core/magnitudes.js';
import { UsageError } from '../../src/core/errors.js';
import { namesOf, specSchema } from '../../src/core/registry.js';
import { parseSpec } from '../../src/core/spec.js';
import { FLOWS, GradientSteps, impliedKind } from '../flow/flows.js';
import { ACTIVATIONS } from '../model/activations.js';
import { LOSSES, LOSS_NAMES } from '../model/losses.js';
import { MOST_DIMENSIONS, type Shape } from '../model/particles.js';

/** Newest version of the declaration that this program reads. */
const SIMULATION_VERSION = 1;

/** Largest standard deviation of a law: no particle drawn with it leaves float64. */
const LARGEST_STD = 1e300;

/** The law of the initial particles where a declaration says nothing of it. */
export const DEFAULT_LAW = { rho: 0, sa: 1, sb: 1, sbias: 0.5 } as const;
/** Numbers of samples where a declaration says nothing of them. */
export const DEFAULT_SAMPLES = { train: 128, heldOut: 256 } as const;

const widths = z.union([width(), z.array(width()).min(1)]);
const dimensions = width(1, MOST_DIMENSIONS);
const scales = z.union([z.number(), z.array(z.number()).min(1)]);
const Flow = z.preprocess(
  (value) =>
    typeof value === 'object' && value !== null && !('kind' in value) ? { kind: impliedKind(value), ...value } : value,
  specSchema('kind of flow', 'kind', FLOWS),
);

/** Schema of {@link Simulation}. */
const Simulation = z.strictObject({
  version: z.int().min(1).default(SIMULATION_VERSION),
  seed: z.int().min(0).default(1),
  model: z.strictObject({
    depth: layerCount(),
    d: dimensions,
    /** Particles of every layer, or one number for each. */
    width: widths,
    /** Dimensions of inputs and outputs: with one of them a fixed map is drawn; d, and no map, where it is left out. */
    inputs: dimensions.optional(),
    outputs: dimensions.optional(),
    /** One number for all layers, or one for each. */
    alpha: scales.default(1),
    c: z.union([z.number(), z.array(z.number()).min(1), z.literal('1/L')]).default(1),
    activation: z.enum(namesOf(ACTIVATIONS)).default('tanh'),
    law: z
      .strictObject({
        rho: z.number().min(-1).max(1).default(DEFAULT_LAW.rho),
        sa: z.number().positive().max(LARGEST_STD).default(DEFAULT_LAW.sa),
        sb: z.number().positive().max(LARGEST_STD).default(DEFAULT_LAW.sb),
        sbias: z.number().min(0).max(LARGEST_STD).default(DEFAULT_LAW.sbias),
      })
      .prefault({}),
  }),
  /** What training brings down: the squared distance, or the cross-entropy of classes. */
  loss: z.enum(LOSS_NAMES).default('squared'),
  /** Samples and held-out points of the sine task, where the file brings none. */
  data: z
    .strictObject({
      train: exampleCount().default(DEFAULT_SAMPLES.train),
      heldOut: exampleCount().default(DEFAULT_SAMPLES.heldOut),
    })
    .prefault({}),
  /**
   * Training of the net, and of a directly trained thin net: the gradient flow, or SGD where there is a "batch", unless
   * "kind" says another of {@link FLOWS}.
   */
  flow: Flow,
  /** A thin net beside it. */
  thin: z
    .strictObject({
      m: widths,
      /** Particles of the wide net, or new ones from the law. */
      coupling: z.enum(['coupled', 'fresh']).default('coupled'),
      training: z.enum(['direct', 'imitation', 'three-stages']).default('direct'),
      /** Imitation starts from the wide net's trained particles, or from where the wide net started. */
      from: z.enum(['trained', 'initial']).default('trained'),
      inputs: z.enum(['wide', 'thin']).default('wide'),
      imitation: GradientSteps.optional(),
      tuning: GradientSteps.optional(),
    })
    .optional(),
  /** Whether to integrate a second time at dt/2 and compare. */
  halving: z.boolean().default(false),
});
/** One simulation as it is declared: the net, its data, its training, and a thin net beside it. */
export type Simulation = z.infer<typeof Simulation>;

/** A declaration with its defaults. Throws UsageError with one line on a value that does not fit. */
export function parseSimulation(value: unknown): Simulation {
  const version = (value as { version?: unknown } | null)?.version;
  if (typeof version === 'number' && version > SIMULATION_VERSION) {
    throw new UsageError(
      `config: version ${version} is newer than this program knows (${SIMULATION_VERSION}); ` +
        `update gowide, or write the config for version ${SIMULATION_VERSION}`,
    );
  }
  const config = parseSpec(Simulation, 'config', value);
  const { model, thin } = config;
  if (thin !== undefined && thin.training !== 'direct' && thin.imitation === undefined)
    throw new UsageError(`config: "thin.training" is "${thin.training}", so "thin.imitation" (steps, dt) is needed`);
  if (thin?.training === 'three-stages' && thin.tuning === undefined)
    throw new UsageError('config: "thin.training" is "three-stages", so "thin.tuning" (steps, dt) is needed');
  for (const [name, what, values] of [
    ['model.width', 'width', model.width],
    ['thin.m', 'width', thin?.m],
    ['model.alpha', 'number', model.alpha],
    ['model.c', 'number', model.c],
  ] as const) {
    if (Array.isArray(values) && values.length !== model.depth)
      throw new UsageError(
        `config: "${name}": expected one ${what} for each of ${model.depth} layers, got ${values.length}`,
      );
  }
  if (LOSSES[config.loss].classes && outputDimension(model) < 2)
    throw new UsageError(
      `config: "loss" is "${config.loss}", which needs 2 classes or more; the output has 1 dimension: ` +
        'give "model.outputs", or a larger "model.d"',
    );
  checkValues('config: particles and samples', valuesOf(config));
  return config;
}

/** Values of the particles of both nets, and of the samples at every layer. */
function valuesOf({ model, data, thin }: Simulation): number {
  const { depth, d, width: wide } = model;
  const [inputs, outputs] = [inputDimension(model), outputDimension(model)];
  const samples = (data.train + data.heldOut) * (depth * d + inputs + outputs);
  return particleValues(model, wide) + particleValues(model, thin?.m ?? 0) + samples + d * (inputs + outputs);
}

/** Values of the particles of a net of such widths. */
export function particleValues({ depth, d }: Simulation['model'], widths: number | readonly number[]): number {
  const particles = typeof widths === 'number' ? depth * widths : widths.reduce((sum, m) => sum + m, 0);
  return particles * (2 * d + 1);
}

/** Bytes of the samples and held-out points of the sine task. */
export function sampleBytes({ model, data }: Simulation): number {
  return (data.train + data.heldOut) * (inputDimension(model) + outputDimension(model)) * FLOAT64_BYTES;
}

/**
 * Bytes that a run of a declaration holds at the same time, at least: the wide net as it began and as it is trained,
 * what a step holds beside it, or the thin net with that, and the samples, with the states of those that a step is
 * given.
 */
export function simulationBytes(config: Simulation): number {
  const { model, data, flow, thin, halving } = config;
  const wide = particleValues(model, model.width);
  const copies = FLOWS[flow.kind].copies(flow);
  const beside = (halving ? 1 + copies : copies) * wide;
  const direct = thin?.training === 'direct';
  const small = particleValues(model, thin?.m ?? 0) * (direct ? 1 + copies : 1);
  const states = (batchOf(config) ?? data.train) * model.depth * model.d;
  return (2 * wide + Math.max(beside, small) + states) * FLOAT64_BYTES + sampleBytes(config);
}

/** The scale c of a model at its depth: one number, or one for each layer. */
export function scaleOf({ c, depth }: Simulation['model']): number | readonly number[] {
  return c === '1/L' ? 1 / depth : c;
}

/** Numbers of one input. */
export function inputDimension({ d, inputs = d }: Simulation['model']): number {
  return inputs;
}

/** Numbers of one output. */
export function outputDimension({ d, outputs = d }: Simulation['model']): number {
  return outputs;
}

/** The shape of a declared net, as {@link initialNet} takes it. */
export function shapeOf(model: Simulation['model']): Shape {
  const { depth, width: m, d, alpha, activation, inputs, outputs } = model;
  return {
    ...{ depth, m, d, alpha, c: scaleOf(model), activation },
    ...(inputs !== undefined && { inputs }),
    ...(outputs !== undefined && { outputs }),
  };
}

/** Samples of a step of the declared flow, or undefined where every step has all of them. */
export function batchOf({ flow }: Simulation): number | undefined {
  return 'batch' in flow ? flow.batch : undefined;
}

/** Throws UsageError when a batch is to have more samples than there are, which the arrays of a file can decide. */
export function checkBatch(config: Simulation, { n }: { readonly n: number }): void {
  const batch = batchOf(config);
  if (batch !== undefined && batch > n)
    throw new UsageError(`config: "flow.batch": expected at most the ${n} samples, got ${batch}`);
}
