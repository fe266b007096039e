/** sqrt(m) D of real thin nets beside its infinite-width limit, against width, depth and time. */
import { z } from 'zod';
import { layerCount, listOf, MOST_ENTRIES, width } from '../../src/core/magnitudes.js';
import type { Row } from '../../src/core/run.js';
import { rms } from '../../src/core/stats.js';
import { trainDirect, unexploded, type FlowResult } from '../flow/direct.js';
import { imitate } from '../flow/imitation.js';
import { DIRECTIONS, FIRST, limitsOf, NoLimit, type WidthLimit } from '../limit/extrapolate.js';
import type { Course } from '../limit/fluctuation.js';
import { kernelSeconds } from '../kernel/seconds.js';
import { ACTIVATIONS } from '../model/activations.js';
import { copyNet, initialNet, thinNet, type Net } from '../model/particles.js';
import type { Task } from '../model/task.js';
import { discrepancy } from '../network/discrepancy.js';
import { activations, output } from '../network/network.js';
import { movedSeconds, shapeOf, startWide, stepsOf, WIDE_PASSES } from './pair.js';
import { bandRule, type Band } from './rule.js';
import { cautionsOf, increasing, inWholeSteps, ParticleSettings, type Study } from './study.js';

const LimitSpec = ParticleSettings.omit({ imitationTime: true, time: true })
  .extend({
    study: z.literal('limit'),
    regime: z.string(),
    /** Width of the real thin nets, or several. */
    m: z.union([width(), listOf(width(), 1)]),
    depths: listOf(layerCount(), 1),
    /** Increasing times of direct training at which D is taken. */
    times: listOf(z.number().min(0), 1),
    /** Flow time of imitation of the wide net of the last time; no imitation unless given. */
    imitationTime: z.number().min(0).optional(),
    /** Largest half-width of the limit's 95 % interval, over its value. */
    target: z.number().positive().max(0.5).default(0.1),
    /** Particles of the first and the largest nets of the limit, and the most nets of one size. */
    particles: z
      .strictObject({ first: z.int().min(4).multipleOf(2), most: width() })
      .default({ first: 512, most: 4096 }),
    nets: z.int().min(2).max(MOST_ENTRIES).default(64),
  })
  .refine(({ m, wide }) => [m].flat().every((one, i, all) => one < wide && one > (all[i - 1] ?? 0)), {
    message: 'expected "m" to be below "wide", and to rise where there are several',
  })
  .refine(...increasing('times'))
  .refine(({ activation }) => ACTIVATIONS[activation].secondDerivative !== undefined, {
    path: ['activation'],
    message: 'expected one whose derivative does not jump: the flow is linearized',
  })
  .superRefine(inWholeSteps('times', 'imitationTime'));
type LimitSpec = z.infer<typeof LimitSpec>;

/** Real particles are at the limit: D falls as m^(-1/2) from their width on. */
export const LIMIT_RATIO: Band = {
  statistic: 'log of sqrt(m) D of real thin nets over its limit',
  from: -0.2,
  to: 0.2,
};

/** After direct training sqrt(m) D is concave in depth. */
export const LIMIT_BEND: Band = {
  statistic: 'slope of sqrt(m) D in L over the deeper half of the depths less that over the shallower, over its mean',
  from: -Infinity,
  to: 0,
};

/** A real wide net and thin ones drawn from it, of one width after the other. */
interface Real {
  readonly task: Task;
  readonly initial: Net;
  /** sqrt(m) D of some nets beside a wide one, with what a finite M takes away put back. */
  readonly distance: (nets: readonly Net[], wide: Net) => number;
}

function realOf(spec: LimitSpec, depth: number, seed: number): Real {
  const { wide: M } = spec;
  const { task, initial } = startWide(spec, depth, seed);
  const { x } = task.heldOut;
  const distance = (nets: readonly Net[], wide: Net): number => {
    const m = nets[0]!.layers[0]!.m;
    const target = output(wide, x);
    return Math.sqrt((m * (M - 1)) / (M - m)) * rms(nets.map((net) => discrepancy(net, wide, x, target)));
  };
  return { task, initial, distance };
}

/** Thin nets of each of the spec's widths. */
function drawThin({ m, draws }: LimitSpec, wide: Net, seed: number) {
  return [m].flat().map((one) => ({
    m: one,
    nets: Array.from({ length: draws }, (_, draw) => thinNet(wide, one, seed, draw)),
  }));
}

/** Rises of the loss in a training of the study. Throws FailureError when it exploded. */
function risesOf({ dt }: LimitSpec, what: string, result: FlowResult): number {
  return unexploded(what, result, dt).increases;
}

/** Columns of the real nets of one width. */
interface Measured {
  readonly m: number;
  readonly particles: number;
  readonly wideLossIncreases: number;
  readonly lossIncreases: number;
}

/** Direct training, for each of the spec's times; `wide` is moved to the last one. */
function measureDirect(spec: LimitSpec, { task, distance }: Real, wide: Net, seed: number): Measured[][] {
  const { dt, times } = spec;
  const thin = drawThin(spec, wide, seed).map((one) => ({ ...one, lossIncreases: 0 }));
  let wideLossIncreases = 0;
  return times.map((time, i) => {
    const steps = stepsOf(time - (times[i - 1] ?? 0), dt);
    const what = `direct training at depth ${wide.layers.length} to T = ${time}`;
    const train = (net: Net): number => risesOf(spec, what, trainDirect(net, task.train, { steps, dt }));
    wideLossIncreases += train(wide);
    for (const one of thin) for (const net of one.nets) one.lossIncreases += train(net);
    return thin.map(({ m, nets, lossIncreases }) => ({
      ...{ m, particles: distance(nets, wide) },
      ...{ wideLossIncreases, lossIncreases },
    }));
  });
}

/** Imitation of the trained wide net by its own particles. */
function measureImitation(spec: LimitSpec, { task, distance }: Real, wide: Net, seed: number): Measured[] {
  const { dt, imitationTime = 0 } = spec;
  const { x } = task.train;
  const options = { steps: stepsOf(imitationTime, dt), dt, targets: activations(wide, x) };
  return drawThin(spec, wide, seed).map(({ m, nets }) => {
    let lossIncreases = 0;
    for (const net of nets)
      for (const result of imitate(net, wide, x, options))
        lossIncreases += risesOf(spec, `imitation at depth ${wide.layers.length}`, result);
    return { m, particles: distance(nets, wide), wideLossIncreases: 0, lossIncreases };
  });
}

/** The limit at each probe of a course; undefined where it does not converge. */
async function limitsAlong(
  spec: LimitSpec,
  depth: number,
  seed: number,
  course: Course,
  onNet: (nets: number) => Promise<void>,
): Promise<readonly (WidthLimit | undefined)[]> {
  const { rho, target, particles, nets } = spec;
  const shape = shapeOf(spec, depth);
  try {
    return await limitsOf({
      ...{ seed, target, particles, nets, course, onNet },
      draw: (count, draw) => initialNet(seed, { ...shape, m: count }, { rho }, ['limit', count, draw]),
    });
  } catch (error) {
    if (error instanceof NoLimit) return error.converged;
    throw error;
  }
}

/** Columns of a limit; none where it did not converge. */
function columnsOf(limit: WidthLimit | undefined): Row {
  if (limit === undefined) return {};
  const { sqrtMD, error, particles, nets, lossRises } = limit;
  return { limit: sqrtMD, limitError: error, limitParticles: particles, limitNets: nets, lossRises };
}

/** Steps of direct training, and of imitation, of one net by which a limit is found. */
function limitSteps({ times, imitationTime = 0, dt }: LimitSpec): readonly [direct: number, imitation: number] {
  return [stepsOf(times.at(-1)!, dt), stepsOf(imitationTime, dt)];
}

/** Nets by which a limit is first judged. */
const firstNets = ({ nets }: LimitSpec): number => Math.min(FIRST, nets);

/**
 * Rows of one depth: direct training at each time, and imitation where it is asked for. `pause` is awaited after each
 * net of a limit with the steps of all that were done, where the first nets are enough.
 */
async function measureDepth(
  spec: LimitSpec,
  depth: number,
  seed: number,
  pause: (steps: number) => Promise<void>,
): Promise<Row[]> {
  const { regime, times, dt, imitationTime } = spec;
  const real = realOf(spec, depth, seed);
  const wide = copyNet(real.initial);
  const probes = times.map((time) => stepsOf(time, dt));
  const [directSteps, imitationSteps] = limitSteps(spec);
  const first = firstNets(spec);
  const course = { train: real.task.train, points: real.task.heldOut.x, flow: { steps: directSteps, dt } };
  const direct = measureDirect(spec, real, wide, seed);
  const afterDirect = (nets: number): Promise<void> => pause(directSteps * Math.min(nets, first));
  const limits = await limitsAlong(spec, depth, seed, { ...course, probes }, afterDirect);
  const rows = times.flatMap((time, t) =>
    direct[t]!.map((one): Row => ({ regime, training: 'direct', depth, time, ...one, ...columnsOf(limits[t]) })),
  );
  if (imitationTime === undefined) return rows;
  const imitated = measureImitation(spec, real, wide, seed);
  const imitation = { steps: imitationSteps, dt, inputs: 'wide' } as const;
  const afterImitation = (nets: number): Promise<void> =>
    pause(directSteps * first + imitationSteps * Math.min(nets, first));
  const [limit] = await limitsAlong(spec, depth, seed, { ...course, imitation }, afterImitation);
  const time = times.at(-1)!;
  const after = imitated.map((one): Row => ({
    regime,
    training: 'imitation',
    depth,
    time,
    ...one,
    ...columnsOf(limit),
  }));
  return [...rows, ...after];
}

/** sqrt(m) D beside its limit. */
export const limitStudy: Study<LimitSpec> = {
  name: 'limit',
  law: 'sqrt(m) D of direct training and of imitation tends to a limit of infinite width, at any depth and time',
  rule:
    `at the largest width: ${bandRule(LIMIT_RATIO)}, at every depth; ` +
    `direct, in the limit: ${bandRule(LIMIT_BEND)}`,
  schema: LimitSpec,
  cautions: cautionsOf,
  cost: (spec, kernel) => {
    const { wide, m, draws, times, imitationTime = 0, dt, d, train, depths, particles } = spec;
    const thin = [m].flat().reduce((sum, one) => sum + one, 0) * draws;
    const time = times.at(-1)!;
    const layers = depths.reduce((sum, depth) => sum + depth, 0);
    // the limit by its first nets, each whole and in halves; imitation begins with nets that were trained again
    const law = firstNets(spec) * particles.first;
    const again = imitationTime > 0 ? 2 * law * time : 0;
    const moved = {
      trained: (wide + thin) * time + thin * imitationTime + again,
      measured: WIDE_PASSES * (wide + thin) * times.length,
    };
    const tangents = (3 * DIRECTIONS * law * (time + imitationTime)) / dt;
    const limits = layers * kernelSeconds({ d, samples: train, tangents }, kernel);
    return movedSeconds(spec, layers, moved, kernel) + limits + 0.05;
  },
  run: async (spec, seed, tick) => {
    const rows: Row[] = [];
    const each = firstNets(spec) * limitSteps(spec).reduce((sum, steps) => sum + steps, 0);
    const total = each * spec.depths.reduce((sum, depth) => sum + depth, 0);
    let [begun, done] = [0, 0];
    const reached = (at: number): Promise<void> => {
      done = Math.max(done, at); // larger nets begin anew
      return tick(done, total);
    };
    await reached(0);
    for (const depth of spec.depths) {
      rows.push(...(await measureDepth(spec, depth, seed, (steps) => reached(begun + depth * steps))));
      begun += depth * each;
    }
    return rows;
  },
};
