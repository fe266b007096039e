/**
 * One simulation from a declaration, with particles and data from anywhere: so that anyone can compare it with another
 * program.
 */
import { FailureError, UsageError } from '../../src/core/errors.js';
import type { HostArrays, HostValues } from '../../src/core/host-array.js';
import { checkMemory } from '../../src/core/memory.js';
import { pathNotFinite, typeOf } from '../../src/core/range.js';
import { explosion, trainDirect, type FlowOptions, type FlowResult } from '../flow/direct.js';
import { FLOWS } from '../flow/flows.js';
import { trainHalved } from '../flow/halving.js';
import { imitate } from '../flow/imitation.js';
import { INTEGRATORS, type Integrator, type IntegratorName } from '../flow/integrators.js';
import { particleNoise, pickNoise, type ParticleNoise } from '../flow/langevin.js';
import {
  copyNet,
  freshNet,
  inputsOf,
  outputsOf,
  pickNet,
  thinIndices,
  widthsOf,
  type Net,
} from '../model/particles.js';
import type { Samples } from '../model/task.js';
import { discrepancies, discrepancy, layerErrors, outputSize, rmsDistance, telescope } from '../network/discrepancy.js';
import { lossOf, output } from '../network/network.js';
import {
  firstLayer,
  hasParticles,
  HELD_OUT,
  mapArrays,
  netOf,
  sampleArrays,
  samplesOf,
  toArrays,
  unreadArrays,
} from './arrays.js';
import {
  batchOf,
  checkBatch,
  DEFAULT_LAW,
  DEFAULT_SAMPLES,
  parseSimulation,
  sampleBytes,
  simulationBytes,
  type Simulation,
} from './declaration.js';

/** Results of one simulation. */
export interface SimulationResult {
  /**
   * `layer{l}/a`, `/b`, `/bias` of the trained net, `output` [N, d] on x, `x`, `y`; with a thin net its own under
   * `thin/`.
   */
  readonly arrays: HostArrays<Float64Array>;
  readonly summary: Readonly<Record<string, unknown>>;
  /** What the reader should know: rises of the loss, a coarse step. */
  readonly warnings: readonly string[];
}

type Summary = Readonly<Record<string, unknown>>;
type ThinSettings = NonNullable<Simulation['thin']>;

/** What is said of a thin net, and means nothing for its training. */
function idleSettings({ coupling, training, from, inputs, imitation, tuning }: ThinSettings): string[] {
  const direct = training === 'direct';
  return [
    ...(!direct && coupling === 'fresh' && from === 'trained'
      ? [
          'thin: "from": "trained" has no effect with "coupling": "fresh": imitation begins with new particles of the ' +
            'law, and not with trained ones',
        ]
      : []),
    ...(direct && from === 'initial'
      ? ['thin: "from" has no effect on direct training, which begins with the initial particles']
      : []),
    ...(direct && inputs === 'thin'
      ? ['thin: "inputs" has no effect on direct training, whose layers see no others']
      : []),
    ...(direct && imitation !== undefined ? ['thin: "imitation" has no effect on direct training'] : []),
    ...(training !== 'three-stages' && tuning !== undefined
      ? [`thin: "tuning" has no effect on training "${training}"; "three-stages" has it`]
      : []),
  ];
}

/** What a declaration says that is allowed, and seldom meant, beside the arrays of a file. */
export function simulationCautions(
  { model, data, thin, flow, halving }: Simulation,
  arrays: HostArrays<HostValues>,
): string[] {
  const { alpha, c, law } = model;
  const own = hasParticles(arrays);
  const lawIsSaid = Object.entries(DEFAULT_LAW).some(([name, value]) => law[name as keyof typeof law] !== value);
  return [
    ...(own && lawIsSaid ? ['model: "law" has no effect: every particle is one of your own'] : []),
    ...(['train', 'heldOut'] as const).flatMap((name) => {
      const array = name === 'train' ? 'x' : HELD_OUT.x;
      const n = arrays[array]?.shape[0];
      return n === undefined || [n, DEFAULT_SAMPLES[name]].includes(data[name])
        ? []
        : [`data: "${name}" has no effect: the file has ${n} of its own as "${array}", and not ${data[name]}`];
    }),
    ...(!own && [alpha].flat().includes(0) && law.rho === 0
      ? [
          'model: alpha = 0 and rho = 0: without a skip and with E[b | a] = 0 an infinitely wide layer is ' +
            'zero, so that all of the output is fluctuation; give "law.rho" above 0, or "alpha"',
        ]
      : []),
    ...[c]
      .flat()
      .flatMap((scale, l) =>
        scale !== 0
          ? []
          : [
              `model: c = 0${typeof c === 'object' ? ` in layer ${l + 1}` : ''}: particles have no part in the output` +
                ('temperature' in flow ? '' : ', and do not move'),
            ],
      ),
    ...(halving && !FLOWS[flow.kind].halves
      ? [
          `halving: has no effect on a flow of kind "${flow.kind}": two runs at dt and dt/2 differ by more ` +
            'than their step',
        ]
      : []),
    ...(thin === undefined ? [] : idleSettings(thin)),
  ];
}

/** A simulation under way. */
interface Run {
  readonly config: Simulation;
  readonly train: Samples;
  /** Held-out points [N, inputs]. */
  readonly heldOut: Float64Array;
  readonly warnings: string[];
  /** Tells the caller how far one part is. */
  readonly report: (part: string, total: number) => (done: number) => void;
}

const methodOf = ({ method }: { method: IntegratorName }): Integrator => INTEGRATORS[method];

/** A share of the output by which the nets at dt and dt/2 may differ without a warning. */
const COARSE = 0.05;

/** Throws FailureError when a part of the run exploded. */
function unexplodedPart(what: string, { exploded, losses }: FlowResult, dt: number): void {
  if (exploded !== undefined) throw new FailureError(explosion(what, exploded, dt, losses.at(-1)));
}

/** Throws FailureError when a part of the run exploded; warns when its loss rose. */
function whole(what: string, result: FlowResult, dt: number, warnings: string[]): FlowResult {
  const { losses, increases } = result;
  unexplodedPart(what, result, dt);
  // a flow whose loss may rise counts no rises
  if (increases > 0)
    warnings.push(
      `${what}: the loss rose on ${increases} of ${losses.length - 1} steps, ` +
        `which a gradient flow never does; try a smaller dt than ${dt}`,
    );
  return result;
}

/** What is said of a result that is not finite, or is divided by what is not. */
const leftFloat64 = (name: string): string =>
  `simulate: "${name}" leaves float64; a smaller dt, or smaller particles or samples, are needed`;

/**
 * A distance as a share of the output's size; undefined, with a warning, where that is 0. Throws FailureError where the
 * size has left float64.
 */
function shareOf(name: string, distance: number, size: number, warnings: string[]): number | undefined {
  if (size === Infinity) throw new FailureError(leftFloat64(name));
  if (size > 0) return distance / size;
  warnings.push(
    `"${name}" is undefined: the trained net's output is 0 at every held-out point, by which ${distance} would be divided`,
  );
  return undefined;
}

/**
 * Throws UsageError when a thin net is to take more particles from a layer than the wide one has, or new ones of a law
 * that is not known, as the wide net's particles are those of a file (`own`).
 */
export function checkCoupling(thin: ThinSettings, wide: readonly number[], own: boolean): void {
  if (thin.coupling === 'fresh') {
    if (!own) return;
    throw new UsageError(
      'config: "thin.coupling" is "fresh", and particles of your own have no law from which a fresh thin net could be ' +
        'drawn; ask for "coupled"',
    );
  }
  const widths = widthsOf(thin.m, wide.length);
  for (const [l, M] of wide.entries())
    if (widths[l]! > M)
      throw new UsageError(
        `config: "thin.m": layer ${l + 1} has M = ${M} particles, fewer than the m = ${widths[l]} that the thin net ` +
          'is to take; give it fewer, or "coupling": "fresh"',
      );
}

/** Trains `net` in place by the declared flow; wide and thin nets have the same batches. Returns the course. */
function trainByFlow({ config, train, warnings, report }: Run, part: Part, net: Net, noise: ParticleNoise): FlowResult {
  const { flow, seed } = config;
  const result = FLOWS[flow.kind].train(net, train, flow, { seed, noise, onStep: report(part.name, flow.steps) });
  return whole(part.what, result, flow.dt, warnings);
}

/** A part of a simulation, as progress and messages call it. */
interface Part {
  readonly name: string;
  readonly what: string;
  readonly wide: boolean;
}
const WIDE: Part = { name: 'training', what: 'training', wide: true };
const THIN: Part = { name: 'thin net', what: 'the thin net', wide: false };

/** Trains `net` in place at dt and a copy at dt/2; returns the part of the summary. */
function trainTwice({ train, heldOut, warnings }: Run, net: Net, options: FlowOptions): Summary {
  const { result, half, difference } = trainHalved(net, train, options, heldOut);
  whole('training', result, options.dt, warnings);
  unexplodedPart('training at dt/2', half, options.dt / 2);
  const share = shareOf('halvingShare', difference, outputSize(net, heldOut), warnings);
  if (share !== undefined && share > COARSE)
    warnings.push(
      `the output at dt/2 differs by ${(100 * share).toFixed(1)} % of its size; try a smaller dt than ${options.dt}`,
    );
  return {
    losses: result.losses,
    lossIncreases: result.increases,
    halvingDifference: difference,
    halvingShare: share,
  };
}

/** What the summary says of the flow: its settings, and its kind where they do not tell it. */
function flowSummary(flow: Simulation['flow']): Summary {
  return 'method' in flow ? { steps: flow.steps, dt: flow.dt, method: flow.method } : flow;
}

/** What the summary says of a net's course: of batches the last one's loss alone, rises where they mean anything. */
function courseSummary(config: Simulation, { wide }: Part, { losses, increases }: FlowResult): Summary {
  const batch = batchOf(config);
  if (batch !== undefined) return { batch, lastBatchLoss: losses.at(-2) };
  return { ...(wide && { losses }), ...(FLOWS[config.flow.kind].descends && { lossIncreases: increases }) };
}

/** Trains `net` in place as the config says; returns the part of the summary. */
function trainNet(run: Run, net: Net, noise: ParticleNoise): Summary {
  const { flow, halving } = run.config;
  const { halves } = FLOWS[flow.kind];
  if (halving && halves && 'method' in flow)
    return trainTwice(run, net, { ...flow, method: methodOf(flow), onStep: run.report('training', flow.steps) });
  return courseSummary(run.config, WIDE, trainByFlow(run, WIDE, net, noise));
}

/** Imitation of `wide` by `net`, in place, and fine-tuning where it is asked for; returns the part of the summary. */
function imitateWide({ train, heldOut, warnings }: Run, thin: ThinSettings, net: Net, wide: Net): Summary {
  const imitation = thin.imitation!;
  const layers = imitate(net, wide, train.x, { ...imitation, method: methodOf(imitation), inputs: thin.inputs });
  layers.forEach((result, l) => whole(`imitation of layer ${l + 1}`, result, imitation.dt, warnings));
  const imitationLosses = layers.map(({ losses }) => losses.at(-1));
  if (thin.training !== 'three-stages') return { imitationLosses };
  const imitated = discrepancy(net, wide, heldOut);
  const tuning = thin.tuning!;
  const tuned = trainDirect(net, train, { ...tuning, method: methodOf(tuning) });
  whole('fine-tuning', tuned, tuning.dt, warnings);
  return { imitationLosses, imitated };
}

/** The thin net beside the trained one, trained, and its part of the summary. */
function trainThin(
  run: Run,
  thin: ThinSettings,
  { initial, trained }: { readonly initial: Net; readonly trained: Net },
  noise: ParticleNoise,
): { readonly net: Net; readonly summary: Summary } {
  const { config, train, heldOut } = run;
  const { coupling, m, training } = thin;
  const start = training === 'direct' || thin.from === 'initial' ? initial : trained;
  const indices = coupling === 'coupled' ? thinIndices(start, m, config.seed, 0) : undefined;
  const net = indices === undefined ? freshNet(start, m, config.model.law, config.seed, 0) : pickNet(start, indices);
  let part: Summary;
  if (training === 'direct') {
    const own =
      indices === undefined ? particleNoise(net, config.seed, ['fresh', 0]) : pickNoise(noise, net.d, indices);
    part = courseSummary(config, THIN, trainByFlow(run, THIN, net, own));
  } else part = imitateWide(run, thin, net, trained);
  const D = discrepancy(net, trained, heldOut);
  const summary = {
    training,
    m,
    coupling,
    ...part,
    loss: lossOf(net, train),
    discrepancy: D,
    relative: shareOf('thin.relative', D, outputSize(trained, heldOut), run.warnings),
    discrepancies: discrepancies(net, trained, heldOut),
    layerErrors: layerErrors(net, trained, heldOut),
    telescope: telescope(net, trained, heldOut),
    trainDiscrepancy: rmsDistance(output(net, train.x), output(trained, train.x), outputsOf(net)),
  };
  return { net, summary };
}

/** A declaration that can be run: with its defaults and its data. */
interface Prepared {
  readonly config: Simulation;
  readonly samples: ReturnType<typeof samplesOf>;
}

/**
 * Throws UsageError on a declaration, or data, that do not fit; and where the machine has less memory than `bytes` says
 * that they need.
 */
function prepared(value: unknown, arrays: HostArrays<HostValues>, bytes: (config: Simulation) => number): Prepared {
  if (typeof arrays !== 'object' || arrays === null)
    throw new UsageError(`arrays: expected an object of arrays by their names, got ${typeOf(arrays)}`);
  const config = parseSimulation(value);
  checkMemory('config: particles and samples', bytes(config));
  const { model, thin, halving } = config;
  if (thin !== undefined) checkCoupling(thin, widthsOf(model.width, model.depth), hasParticles(arrays));
  const samples = samplesOf(config, arrays, thin !== undefined || halving);
  checkBatch(config, samples.train);
  return { config, samples };
}

/**
 * A declaration with its defaults, for which a run would begin. Throws UsageError where {@link simulate} does, on
 * `arrays` that do not fit, too.
 */
export function checkSimulation(value: unknown, arrays: HostArrays<HostValues> = {}): Simulation {
  // a net that is drawn may be meant for a machine with more memory; its samples are drawn here
  const { config } = prepared(value, arrays, sampleBytes);
  // a net that is drawn fits
  if (Object.keys(arrays).length > 0) netOf(config, arrays);
  return config;
}

/** A result, if all of its numbers are finite. Throws FailureError that names the first one which is not. */
function finite(result: SimulationResult): SimulationResult {
  const { summary, arrays } = result;
  const values = Object.fromEntries(Object.entries(arrays).map(([name, array]) => [name, array.values]));
  const path = pathNotFinite({ ...summary, ...values });
  if (path !== undefined) throw new FailureError(leftFloat64(path));
  return result;
}

/**
 * Runs a declaration. `arrays`: optional initial particles `layer{l}/a` [M, d], `/b` [M, d], `/bias` [M], maps
 * `read-in` [d, inputs] and `read-out` [outputs, d], and data `x` [N, inputs], `y` [N, outputs], float64. `onStep` is
 * called with the part under way ("training", "thin net") and its steps. Throws UsageError on a declaration or arrays
 * that do not fit, or need more memory than there is, FailureError on a run that explodes, or has a result that is not
 * finite.
 */
export function simulate(
  value: unknown,
  arrays: HostArrays<HostValues> = {},
  onStep?: (part: string, done: number, total: number) => void,
): SimulationResult {
  const { config, samples } = prepared(value, arrays, simulationBytes);
  const initial = netOf(config, arrays);
  const { flow, thin, seed } = config;
  const { train, heldOut: points } = samples;
  const heldOut = points.x;
  const warnings = [...simulationCautions(config, arrays), ...unreadArrays(arrays)];
  const report: Run['report'] = (part, total) => (done) => onStep?.(part, done, total);
  const run: Run = { config, train, heldOut, warnings, report };

  const net = copyNet(initial);
  const noise = particleNoise(initial, seed);
  const training = trainNet(run, net, noise);
  const summary = {
    seed,
    ...flowSummary(flow),
    ...training,
    loss: lossOf(net, train),
    ...(points.y === undefined || points.y.length === 0
      ? {}
      : { heldOutLoss: lossOf(net, { ...train, n: points.x.length / inputsOf(net), x: points.x, y: points.y }) }),
  };
  const first = firstLayer(arrays);
  const results: HostArrays<Float64Array> = {
    ...toArrays(net, train, first),
    ...mapArrays(net),
    ...sampleArrays(net, train, points),
  };
  if (thin === undefined) return finite({ arrays: results, summary, warnings });
  const small = trainThin(run, thin, { initial, trained: net }, noise);
  return finite({
    arrays: { ...results, ...toArrays(small.net, train, first, 'thin/') },
    summary: { ...summary, thin: small.summary },
    warnings,
  });
}
