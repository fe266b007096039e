/** The infinite-width limit of a simulation as it is declared: `simulate`'s own declaration, particles and data. */
import { UsageError } from '../../src/core/errors.js';
import type { HostArrays, HostValues } from '../../src/core/host-array.js';
import { checkMemory, FLOAT64_BYTES, memoryLimit } from '../../src/core/memory.js';
import { mean } from '../../src/core/stats.js';
import { FLOWS } from '../flow/flows.js';
import { INTEGRATORS, type IntegratorName } from '../flow/integrators.js';
import { particleNoise } from '../flow/langevin.js';
import { ACTIVATIONS } from '../model/activations.js';
import { initialNet, widthsOf } from '../model/particles.js';
import { hasParticles, netOf, samplesOf, unreadArrays, withMaps } from '../simulate/arrays.js';
import {
  batchOf,
  checkBatch,
  parseSimulation,
  particleValues,
  sampleBytes,
  shapeOf,
  type Simulation,
} from '../simulate/declaration.js';
import { checkCoupling, simulationCautions } from '../simulate/simulate.js';
import { DIRECTIONS, limitsOf, NoLimit, type WidthLimit, type LimitSettings } from './extrapolate.js';
import type { Course } from './fluctuation.js';

/** A declaration's limit, with its certificate. */
export interface DeclaredLimit extends WidthLimit {
  /** How the thin nets come about: "direct" or "imitation", and from which particles. */
  readonly training: 'direct' | 'imitation';
  readonly coupling: 'coupled' | 'fresh';
  /** The thin width that sqrt(m) is of: the smallest of its layers; undefined without a thin net. */
  readonly m: number | undefined;
  /**
   * D that the limit predicts at the declared m and M: sqrtMD sqrt(1/m -+ 1/M), the minus for coupled nets. Undefined
   * where m/M differs from layer to layer.
   */
  readonly discrepancy: number | undefined;
  readonly warnings: readonly string[];
}

/**
 * How exactly the limit is asked for. Unless `first` is given, the first nets have 256 particles, and more the weaker
 * the skip and the deeper the network.
 */
export type LimitOptions = Pick<LimitSettings, 'target' | 'nets' | 'onNet'> & {
  readonly particles: { readonly first?: number; readonly most: number };
};

/** Fewest particles of a net from which a limit is taken. */
export const FEWEST_PARTICLES = 256;

/** The limit's own defaults: an error of 5 %, nets of at most 8,192 particles, at most 256 of one size. */
export const LIMIT_DEFAULTS = { target: 0.05, particles: { most: 8192 }, nets: 256 } as const;

/**
 * Particles of the first nets. With a whole skip 256 are enough at any depth; the weaker the skip, the more the
 * responses of direct training vary from net to net as layers are multiplied, and fewer particles would be drawn in
 * vain (docs/notes/2026-11-26-limit-beside-real-particles.md): twice as many for every layer without a skip.
 */
export function firstParticles({ model, flow, thin }: Simulation, most: number): number {
  const direct = (thin?.training ?? 'direct') === 'direct' && flow.steps > 0;
  const skips = [model.alpha].flat().map((alpha) => Math.max(0, 1 - Math.abs(alpha)));
  const doublings = direct ? Math.round(model.depth * mean(skips)) : 0;
  const possible = Math.max(0, Math.floor(Math.log2(most / FEWEST_PARTICLES)));
  return Math.min(most, FEWEST_PARTICLES * 2 ** Math.min(doublings, possible));
}

/**
 * Throws UsageError on a declaration whose D does not fall as m^(-1/2), so that there is no limit of sqrt(m) D to find.
 */
function checkLimit({ model, flow, thin }: Simulation, ownParticles: boolean): void {
  const moves = flow.steps > 0;
  const refuse = (why: string): never => {
    throw new UsageError(`limit: ${why}`);
  };
  if (ownParticles && 'temperature' in flow && flow.temperature > 0 && moves)
    refuse(
      'particles of your own are taken as the law itself, which noise leaves: infinitely many particles would part ' +
        'from each of yours; ask for "temperature" 0, or give "model.law" in place of particles',
    );
  const training = thin?.training ?? 'direct';
  if (training === 'three-stages' && thin!.tuning!.steps > 0)
    refuse(
      '"thin.training" is "three-stages": fine-tuning moves an infinitely wide net, too, so that D from the wide net ' +
        'does not fall to 0 and sqrt(m) D has no limit; ask for "imitation" or "direct"',
    );
  if (training !== 'direct' && moves && (thin!.from === 'initial' || thin!.coupling === 'fresh'))
    refuse(
      'imitation from initial particles stops at what its time allows, so that D does not fall to 0 and sqrt(m) D ' +
        'has no limit; ask for "from": "trained" with "coupling": "coupled"',
    );
  if (training === 'direct' && moves && ACTIVATIONS[model.activation].secondDerivative === undefined)
    refuse(
      `"model.activation" is "${model.activation}", whose derivative jumps: its flow has no derivative ` +
        'by the initial particles; ask for "gelu", or for flow.steps 0',
    );
}

/**
 * Bytes that a net of so many particles in each layer needs, at least: as it is drawn, and as it moves with its
 * {@link DIRECTIONS}, each with what a step holds beside it.
 */
function limitBytes({ model, flow, thin }: Simulation, widths: number | readonly number[]): number {
  const copies = (thin?.training ?? 'direct') === 'direct' ? FLOWS[flow.kind].copies(flow) : 0;
  const systems = 1 + 2 * DIRECTIONS;
  return particleValues(model, widths) * (1 + systems * (1 + Math.max(1, copies))) * FLOAT64_BYTES;
}

/** The most particles of a net, up to `most`, that the memory holds; each net has twice those of the one before. */
function mostInMemory(config: Simulation, { first, most }: LimitSettings['particles']): number {
  let size = first;
  checkMemory(`limit: nets of ${size} particles`, limitBytes(config, size));
  while (2 * size <= most && limitBytes(config, 2 * size) <= memoryLimit()) size *= 2;
  return 2 * size <= most ? size : most;
}

function courseOf(config: Simulation, arrays: HostArrays<HostValues>): Course {
  const { flow, thin, seed } = config;
  const { train, heldOut } = samplesOf(config, arrays, true);
  checkBatch(config, train);
  const batch = batchOf(config);
  const { move } = FLOWS[flow.kind];
  const part = ({ steps, dt, method = 'euler' }: { steps: number; dt: number; method?: IntegratorName }) => ({
    steps,
    dt,
    method: INTEGRATORS[method],
  });
  return {
    train,
    points: heldOut.x,
    flow: {
      ...part(flow),
      ...(batch !== undefined && { batches: { batch, seed } }),
      ...(move !== undefined && { move: (layers, noise) => move(layers, flow, noise) }),
    },
    ...(thin !== undefined &&
      thin.training !== 'direct' && { imitation: { ...part(thin.imitation!), inputs: thin.inputs } }),
  };
}

/** D at the declared widths, by the limit; undefined where m/M is not one number for all layers. */
function predicted(config: Simulation, sqrtMD: number, m: readonly number[], M: readonly number[]): number | undefined {
  const ratios = m.map((one, l) => one / M[l]!);
  if (!ratios.every((ratio) => ratio === ratios[0])) return undefined;
  const sign = config.thin!.coupling === 'fresh' ? 1 : -1;
  return sqrtMD * Math.sqrt((1 + sign * ratios[0]!) / Math.min(...m));
}

/**
 * lim sqrt(m) D of a declaration, for infinitely many particles of the wide net and then of the thin one: its layers
 * keep the proportions of "thin.m" (of "model.width" without a thin net, which then is coupled and trained directly).
 * Particles in `arrays` are taken as the law itself. Throws UsageError on what does not fit, also into the memory, or
 * has no limit, FailureError where the limit does not converge or a run explodes.
 */
export async function declaredLimit(
  value: unknown,
  arrays: HostArrays<HostValues> = {},
  options: LimitOptions = LIMIT_DEFAULTS,
): Promise<DeclaredLimit> {
  const config = parseSimulation(value);
  const { model, thin, seed, halving } = config;
  const { depth, law } = model;
  const own = hasParticles(arrays);
  if (thin !== undefined) checkCoupling(thin, widthsOf(model.width, depth), own);
  checkLimit(config, own);
  const given = own ? netOf(config, arrays) : undefined;
  const M = widthsOf(model.width, depth);
  const m = widthsOf(thin?.m ?? model.width, depth);
  const smallest = Math.min(...m);
  checkMemory('config: samples', sampleBytes(config));
  const { first: asked, most } = options.particles;
  const first = asked ?? firstParticles(config, most);
  if (own) checkMemory('limit: particles of your own', limitBytes(config, M));
  const possible = own ? most : mostInMemory(config, { first, most });
  const settings: LimitSettings = {
    ...options,
    particles: { first, most: possible },
    seed,
    course: courseOf(config, arrays),
    shares: m.map((one) => smallest / one),
    draw: (particles, draw) =>
      withMaps(initialNet(seed, { ...shapeOf(model), m: particles }, law, ['limit', particles, draw]), arrays),
    noise: (net, particles, draw) => particleNoise(net, seed, ['limit', particles, draw]),
    ...(given !== undefined && { fixed: given }),
  };
  const [limit] = await limitsOf(settings).catch((error: unknown) => {
    if (!(error instanceof NoLimit) || possible === most) throw error;
    const { message, converged } = error;
    throw new NoLimit(`${message}; nets of more than ${possible} particles do not fit into the memory`, converged);
  });
  return {
    ...limit!,
    training: (thin?.training ?? 'direct') === 'direct' ? 'direct' : 'imitation',
    coupling: thin?.coupling ?? 'coupled',
    m: thin === undefined ? undefined : smallest,
    discrepancy: thin === undefined ? undefined : predicted(config, limit!.sqrtMD, m, M),
    warnings: [
      ...simulationCautions({ ...config, halving: false }, arrays),
      ...unreadArrays(arrays),
      ...(halving ? ['halving: the limit is that of the declared dt; "halving" has no effect on it'] : []),
      ...(limit!.lossRises > 0
        ? [
            `the loss of the wide nets rose on up to ${limit!.lossRises} of ${config.flow.steps} steps, which a ` +
              `gradient flow never does; try a smaller dt than ${config.flow.dt}`,
          ]
        : []),
    ],
  };
}
