/**
 * One simulation from a declaration, with particles and data from anywhere: so that anyone can compare it with another
 * program.
 */
import { z } from 'zod';
import { FailureError, UsageError } from '../../src/core/errors.js';
import type { HostArray, HostArrays } from '../../src/core/run.js';
import { namesOf } from '../../src/core/registry.js';
import { parseSpec } from '../../src/core/spec.js';
import { discrepancies, discrepancy, layerErrors, outputSize, rmsDistance, telescope } from '../network/discrepancy.js';
import { lossOf, trainDirect, trainSgd, type FlowResult } from '../flow/direct.js';
import { trainHalved } from '../flow/halving.js';
import { INTEGRATORS, type Integrator } from '../flow/integrators.js';
import { imitate } from '../flow/imitation.js';
import { output } from '../network/network.js';
import { ACTIVATIONS } from '../model/activations.js';
import { copyNet, freshNet, initialNet, thinNet, widthsOf, type Layer, type Net } from '../model/particles.js';
import { sineTask, type Samples } from '../model/task.js';

/** Version of the declaration; a newer one is refused. */
export const SIMULATION_VERSION = 1;

const count = z.int().min(1);
const widths = z.union([count, z.array(count).min(1)]);
const Flow = z.strictObject({
  steps: z.int().min(0),
  dt: z.number().positive(),
  method: z.enum(namesOf(INTEGRATORS)).default('euler'),
});

const Simulation = z.strictObject({
  version: z.int().default(SIMULATION_VERSION),
  seed: z.int().min(0).default(1),
  model: z.strictObject({
    depth: count,
    d: count.max(64),
    /** Particles of every layer, or one number for each. */
    width: widths,
    alpha: z.number().default(1),
    c: z.union([z.number(), z.literal('1/L')]).default(1),
    activation: z.enum(namesOf(ACTIVATIONS)).default('tanh'),
    law: z
      .strictObject({
        rho: z.number().min(-1).max(1).default(0),
        sa: z.number().positive().default(1),
        sb: z.number().positive().default(1),
        sbias: z.number().min(0).default(0.5),
      })
      .prefault({}),
  }),
  /** Samples of the sine task, where the file brings none; held-out points are the task's in both cases. */
  data: z.strictObject({ train: count.default(128), heldOut: count.default(256) }).prefault({}),
  /** Training of the net. With "batch": stochastic gradient descent. */
  flow: Flow.extend({ batch: count.optional() }),
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
      imitation: Flow.optional(),
      tuning: Flow.optional(),
    })
    .optional(),
  /** Whether to integrate a second time at dt/2 and compare. */
  halving: z.boolean().default(false),
});
export type Simulation = z.infer<typeof Simulation>;

/** Checks a declaration. Throws UsageError with one line. */
export function parseSimulation(value: unknown): Simulation {
  const version = (value as { version?: unknown } | null)?.version;
  if (typeof version === 'number' && version > SIMULATION_VERSION) {
    throw new UsageError(
      `config: version ${version} is newer than this program knows (${SIMULATION_VERSION}); update gowide, or write the config for version ${SIMULATION_VERSION}`,
    );
  }
  const config = parseSpec(Simulation, 'config', value);
  const { model, thin, flow } = config;
  if (flow.batch !== undefined && flow.method !== 'euler')
    throw new UsageError(
      `config: "flow.batch" is stochastic gradient descent, which goes with method "euler", got "${flow.method}"`,
    );
  if (thin !== undefined && thin.training !== 'direct' && thin.imitation === undefined)
    throw new UsageError(`config: "thin.training" is "${thin.training}", so "thin.imitation" (steps, dt) is needed`);
  if (thin?.training === 'three-stages' && thin.tuning === undefined)
    throw new UsageError('config: "thin.training" is "three-stages", so "thin.tuning" (steps, dt) is needed');
  for (const [name, width] of [
    ['model.width', model.width],
    ['thin.m', thin?.m ?? 1],
  ] as const) {
    if (typeof width !== 'number' && width.length !== model.depth)
      throw new UsageError(
        `config: "${name}": expected one width for each of ${model.depth} layers, got ${width.length}`,
      );
  }
  return config;
}

export interface SimulationResult {
  /**
   * `layer{l}/a`, `/b`, `/bias` of the trained net, `output` [N, d] on x, `x`, `y`; with a thin net the same under
   * `thin/`.
   */
  readonly arrays: HostArrays;
  readonly summary: Readonly<Record<string, unknown>>;
  /** What the reader should know: rises of the loss, a coarse step. */
  readonly warnings: readonly string[];
}

/** An array of the file, of a shape that the model asks for. Throws UsageError that names it. */
function take(arrays: HostArrays, name: string, shape: readonly number[]): Float64Array {
  const array = arrays[name];
  if (array === undefined)
    throw new UsageError(`particles: "${name}" is missing; expected [${shape.join(', ')}] in F64`);
  if (!(array.values instanceof Float64Array))
    throw new UsageError(`particles: "${name}": expected F64, got another type`);
  if (array.shape.join() !== shape.join())
    throw new UsageError(`particles: "${name}": expected shape [${shape.join(', ')}], got [${array.shape.join(', ')}]`);
  const bad = array.values.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0)
    throw new UsageError(`particles: "${name}" has ${array.values[bad]} at place ${bad}; every number must be finite`);
  return array.values.slice();
}

/** Layers are numbered from 0 or from 1, as the file has them; without a file from 1. */
function firstLayer(arrays: HostArrays): number {
  return 'layer0/a' in arrays ? 0 : 1;
}

function netOf({ model, seed }: Simulation, arrays: HostArrays): Net {
  const { depth, d, alpha, activation, law } = model;
  const c = model.c === '1/L' ? 1 / depth : model.c;
  const known = Object.keys(arrays).filter((name) => name.startsWith('layer'));
  if (known.length === 0) return initialNet(seed, { depth, m: model.width, d, alpha, c, activation }, law);
  const first = firstLayer(arrays);
  const expected = new Set(
    Array.from({ length: depth }, (_, l) => ['a', 'b', 'bias'].map((part) => `layer${l + first}/${part}`)).flat(),
  );
  const foreign = known.find((name) => !expected.has(name));
  if (foreign !== undefined)
    throw new UsageError(
      `particles: "${foreign}" is not an array of a net of depth ${depth}; expected ${[...expected].slice(0, 3).join(', ')} and so on`,
    );
  const layers = widthsOf(model.width, depth).map((m, l): Layer => {
    const name = `layer${l + first}`;
    return {
      m,
      a: take(arrays, `${name}/a`, [m, d]),
      b: take(arrays, `${name}/b`, [m, d]),
      bias: take(arrays, `${name}/bias`, [m]),
    };
  });
  return { d, alpha, c, activation, layers };
}

function samplesOf({ model, seed, data }: Simulation, arrays: HostArrays): { train: Samples; heldOut: Float64Array } {
  const task = sineTask(seed, model.d, data.train, data.heldOut);
  const heldOut = task.heldOut.x;
  const x = arrays.x;
  if (x === undefined && arrays.y === undefined) return { train: task.train, heldOut };
  const n = x?.shape[0] ?? 0;
  const shape = [n, model.d];
  if (n < 1)
    throw new UsageError(
      `particles: "x": expected shape [N, ${model.d}] with "y" beside it, got ${x === undefined ? 'none' : `[${x.shape.join(', ')}]`}`,
    );
  return { train: { n, x: take(arrays, 'x', shape), y: take(arrays, 'y', shape) }, heldOut };
}

function toArrays(net: Net, samples: Samples, first: number, prefix = ''): Record<string, HostArray> {
  const { d } = net;
  const arrays = net.layers.flatMap(({ m, a, b, bias }, l): [string, HostArray][] => {
    const name = `${prefix}layer${l + first}`;
    return [
      [`${name}/a`, { shape: [m, d], values: a }],
      [`${name}/b`, { shape: [m, d], values: b }],
      [`${name}/bias`, { shape: [m], values: bias }],
    ];
  });
  return {
    ...Object.fromEntries(arrays),
    [`${prefix}output`]: { shape: [samples.n, d], values: output(net, samples.x) },
  };
}

const methodOf = ({ method }: { method: keyof typeof INTEGRATORS }): Integrator => INTEGRATORS[method];

/** Throws FailureError when a part of the run exploded. */
function whole(what: string, result: FlowResult, dt: number, warnings: string[]): FlowResult {
  if (result.exploded !== undefined)
    throw new FailureError(
      `${what} exploded at step ${result.exploded} (loss ${result.losses.at(-1)?.toExponential(2)}); a smaller dt than ${dt} is needed`,
    );
  if (result.increases > 0)
    warnings.push(
      `${what}: the loss rose on ${result.increases} of ${result.losses.length - 1} steps, which a gradient flow never does; try a smaller dt than ${dt}`,
    );
  return result;
}

/**
 * Runs a declaration. `arrays`: optional initial particles `layer{l}/a` [M, d], `/b` [M, d], `/bias` [M], and data `x`
 * [N, d], `y` [N, d], float64. Throws UsageError on arrays that do not fit, FailureError on a run that explodes.
 */
export function simulate(
  value: unknown,
  arrays: HostArrays = {},
  onStep?: (stage: string, done: number, total: number) => void,
): SimulationResult {
  const config = parseSimulation(value);
  const { flow, thin, seed, halving } = config;
  const initial = netOf(config, arrays);
  if (thin !== undefined && thin.coupling === 'coupled') {
    const [M, m] = [initial.layers.map((layer) => layer.m), widthsOf(thin.m, config.model.depth)];
    const l = m.findIndex((width, i) => width > M[i]!);
    if (l >= 0)
      throw new UsageError(
        `config: "thin.m": layer ${l + 1} has M = ${M[l]} particles, fewer than the m = ${m[l]} that the thin net is to take; give it fewer, or "coupling": "fresh"`,
      );
  }
  const { train, heldOut } = samplesOf(config, arrays);
  const warnings: string[] = [];
  const progress = (stage: string, total: number) => (done: number) => onStep?.(stage, done, total);
  const options = { steps: flow.steps, dt: flow.dt, method: methodOf(flow), onStep: progress('training', flow.steps) };

  const net = copyNet(initial);
  const first = firstLayer(arrays);
  const summary: Record<string, unknown> = { seed, steps: flow.steps, dt: flow.dt, method: flow.method };
  if (flow.batch !== undefined) {
    if (flow.batch > train.n)
      throw new UsageError(`config: "flow.batch": expected at most the ${train.n} samples, got ${flow.batch}`);
    const { losses } = whole(
      'training',
      { ...trainSgd(net, train, { ...flow, batch: flow.batch, seed }), increases: 0 },
      flow.dt,
      warnings,
    );
    Object.assign(summary, { batch: flow.batch, lastBatchLoss: losses.at(-1) });
  } else if (halving) {
    const { result, difference } = trainHalved(net, train, options, heldOut);
    whole('training', result, flow.dt, warnings);
    const share = difference / outputSize(net, heldOut);
    if (share > 0.05)
      warnings.push(
        `the output at dt/2 differs by ${(100 * share).toFixed(1)} % of its size; try a smaller dt than ${flow.dt}`,
      );
    Object.assign(summary, {
      losses: result.losses,
      lossIncreases: result.increases,
      halvingDifference: difference,
      halvingShare: share,
    });
  } else {
    const result = whole('training', trainDirect(net, train, options), flow.dt, warnings);
    Object.assign(summary, { losses: result.losses, lossIncreases: result.increases });
  }
  summary.loss = lossOf(net, train);
  const results: Record<string, HostArray> = {
    ...toArrays(net, train, first),
    x: { shape: [train.n, net.d], values: train.x },
    y: { shape: [train.n, net.d], values: train.y },
  };

  if (thin !== undefined) {
    const start = thin.training === 'direct' || thin.from === 'initial' ? initial : net;
    const small =
      thin.coupling === 'coupled'
        ? thinNet(start, thin.m, seed, 0)
        : freshNet(start, thin.m, config.model.law, seed, 0);
    const part: Record<string, unknown> = { training: thin.training, m: thin.m, coupling: thin.coupling };
    if (thin.training === 'direct') {
      part.lossIncreases = whole(
        'the thin net',
        trainDirect(small, train, { ...options, onStep: progress('thin net', flow.steps) }),
        flow.dt,
        warnings,
      ).increases;
    } else {
      const imitation = thin.imitation!;
      const layers = imitate(small, net, train.x, { ...imitation, method: methodOf(imitation), inputs: thin.inputs });
      layers.forEach((result, l) => whole(`imitation of layer ${l + 1}`, result, imitation.dt, warnings));
      part.imitationLosses = layers.map(({ losses }) => losses.at(-1));
      if (thin.training === 'three-stages') {
        part.imitated = discrepancy(small, net, heldOut);
        whole(
          'fine-tuning',
          trainDirect(small, train, { ...thin.tuning!, method: methodOf(thin.tuning!) }),
          thin.tuning!.dt,
          warnings,
        );
      }
    }
    const size = outputSize(net, heldOut);
    const D = discrepancy(small, net, heldOut);
    summary.thin = {
      ...part,
      loss: lossOf(small, train),
      discrepancy: D,
      relative: D / size,
      discrepancies: discrepancies(small, net, heldOut),
      layerErrors: layerErrors(small, net, heldOut),
      telescope: telescope(small, net, heldOut),
      trainDiscrepancy: rmsDistance(output(small, train.x), output(net, train.x), net.d),
    };
    Object.assign(results, toArrays(small, train, first, 'thin/'));
  }
  return { arrays: results, summary, warnings };
}
