/** Each exact limit as a question with free parameters: a schema, and a function from its values to named numbers. */
import { z } from 'zod';
import { listOf, layerCount } from '../../src/core/magnitudes.js';
import { UsageError } from '../../src/core/errors.js';
import { pathNotFinite } from '../../src/core/range.js';
import { lookUp, namesOf, registerOwn } from '../../src/core/registry.js';
import { parseSpec } from '../../src/core/spec.js';
import { directLimit, growthRate, saddleDiscrepancy, solveSaddle, telescopedLimit } from '../instances/saddle.js';
import { ACTIVATIONS } from '../model/activations.js';
import { chainAmplification, chainSensitivity } from '../exact/chain.js';
import { cltConstant, secondMoment } from '../exact/clt.js';
import { langevinStationary } from '../exact/langevin.js';
import { arcsineKernel, arcsineDerivativeKernel } from '../exact/kernels.js';
import { solveRadial } from '../exact/radial.js';
import { checkCommittee, errorOf, solveCommittee } from '../exact/saad-solla.js';
import { COMMITTEE } from './cases.js';

/** An exact limit of the theory as a question with free parameters. */
export interface Limit {
  /** What `gowide theory exact` calls it. */
  readonly name: string;
  /** The law, in one line. */
  readonly law: string;
  /** A config that works, for help and for errors. */
  readonly example: Readonly<Record<string, unknown>>;
  /** What it means that a number is null, by its name, for people. */
  readonly nulls?: Readonly<Record<string, string>>;
  /** Answers a config, by named numbers. Throws UsageError with one line on a config that does not fit. */
  readonly evaluate: (config: unknown) => Readonly<Record<string, unknown>>;
}

/** A limit whose config a schema checks; a RangeError of its formulas is the user's, too. */
function limit<Spec>({
  schema,
  answer,
  ...limit
}: Omit<Limit, 'evaluate'> & {
  readonly schema: z.ZodType<Spec>;
  readonly answer: (spec: Spec) => Readonly<Record<string, unknown>>;
}): Limit {
  const what = `config of "exact ${limit.name}"`;
  return {
    ...limit,
    evaluate: (config) => {
      const spec = parseSpec(schema, what, config);
      try {
        return finite(answer(spec));
      } catch (error) {
        if (error instanceof RangeError) throw new UsageError(`${what}: ${error.message}`);
        throw error;
      }
    },
  };
}

/** The answer, if all of its numbers are. Throws RangeError that names the first one which left float64. */
function finite<Answer>(answer: Answer): Answer {
  const path = pathNotFinite(answer);
  if (path !== undefined)
    throw new RangeError(
      `"${path}" leaves float64; expected values, or times, with products and powers from 1e-308 to 1e308`,
    );
  return answer;
}

const times = listOf(z.number().min(0), 1);
const positive = z.number().positive();
const matrix = z.array(z.array(z.number()).min(1).max(4)).min(1).max(4);
/** Earlier versions were told how many steps to take; the error decides now, and the key is read without effect. */
const steps = z.int().min(1).max(1_000_000).optional();

const Chain = z.strictObject({
  weights: z
    .array(z.number().refine((w) => w !== 0, 'expected no weight of 0'))
    .min(1)
    .max(64),
  target: z.number(),
  times,
  steps,
});

const chainLimit = limit({
  name: 'chain',
  law: 'scalar linear chain under gradient flow: weights, product, lim sqrt(m) D',
  schema: Chain,
  example: { weights: [0.9, 1, 1.1], target: 2, times: [0, 0.5] },
  nulls: { amplification: 'none: it is that of equal weights' },
  answer: (spec) => ({
    rows: spec.times.map((time) => {
      const { weights, target } = spec;
      const { w, gradient } = chainSensitivity(weights, target, time);
      const equal = new Set(weights).size === 1;
      return {
        time,
        product: w.reduce((product, value) => product * value, 1),
        discrepancy: Math.hypot(...gradient),
        amplification: equal ? chainAmplification(weights[0]!, target, weights.length, time) : null,
        weights: w,
      };
    }),
  }),
});

const SaadSolla = z.strictObject({ Q: matrix, R: matrix, T: matrix, eta: positive, times, steps });

const saadSollaLimit = limit({
  name: 'saad-solla',
  law: 'soft committee machine learning online: generalization error and overlaps at alpha = steps / N',
  schema: SaadSolla,
  example: {
    ...COMMITTEE,
    eta: 0.5,
    times: [0, 5],
  },
  answer: (spec) => {
    checkCommittee(spec);
    return {
      rows: spec.times.map((time) => {
        const { Q, R } = solveCommittee(spec, spec.eta, time);
        return { time, error: errorOf({ Q, R, T: spec.T }), Q, R };
      }),
    };
  },
});

const RadialConfig = z.strictObject({
  taus: z.tuple([positive, positive]),
  targets: z.tuple([z.number(), z.number()]),
  scale: positive,
  shape: positive,
  rate: positive,
  times,
  steps,
});

const radialLimit = limit({
  name: 'radial',
  law: 'two-layer mean field on isotropic Gaussians: risk and mean norm',
  schema: RadialConfig,
  example: { taus: [1.4, 0.6], targets: [1, -1], scale: 6, shape: 4, rate: 4, times: [0, 0.5, 2] },
  answer: (spec) => ({
    rows: spec.times.map((time) => ({ time, ...solveRadial(spec, time) })),
  }),
});

const Clt = z.strictObject({
  d: z.int().min(1).max(64),
  depth: layerCount(),
  activation: z.enum(namesOf(ACTIVATIONS)).default('tanh'),
  c: positive.default(1),
  sa: positive.default(1),
  sb: positive.default(1),
  sbias: z.number().min(0).default(0.5),
});

const cltLimit = limit({
  name: 'clt',
  law: 'thin nets at time zero: E act^2 and lim sqrt(m) D (alpha = 1, rho = 0)',
  schema: Clt,
  example: { d: 4, depth: 4 },
  answer: (spec) => ({
    secondMoment: secondMoment(spec),
    limit: cltConstant(spec),
  }),
});

const Arcsine = z.strictObject({ uu: z.number().min(0), uv: z.number(), vv: z.number().min(0) });

const arcsineLimit = limit({
  name: 'arcsine',
  law: "E[g(u) g(v)] and E[g'(u) g'(v)] of g = erf(u / sqrt 2) for covariances uu, uv, vv",
  schema: Arcsine,
  example: { uu: 1, uv: 0.5, vv: 1 },
  answer: (spec) => ({
    kernel: arcsineKernel(spec),
    derivative: arcsineDerivativeKernel(spec),
  }),
});

const SaddleConfig = z.strictObject({
  g: positive,
  kappa: positive,
  depth: z.int().min(1).max(64),
  times,
  /** Standard deviation of one particle. */
  std: positive.default(1),
  /** Layer means to integrate from, beside the closed form. */
  start: z.array(z.number()).optional(),
  steps,
});

const saddleLimit = limit({
  name: 'saddle',
  law: 'symmetric saddle B: growth rate, lim sqrt(m) D(T) under direct training, and the telescoped sum',
  schema: SaddleConfig,
  example: { g: 1.3, kappa: 4, depth: 6, times: [0, 0.01] },
  answer: (spec) => {
    if (spec.start !== undefined && spec.start.length !== spec.depth)
      throw new RangeError(`"start": expected ${spec.depth} layer means, got ${spec.start.length}`);
    return {
      rate: growthRate(spec),
      telescoped: telescopedLimit(spec, spec.std),
      rows: spec.times.map((time) => ({
        time,
        limit: directLimit(spec, time, spec.std),
        ...(spec.start === undefined
          ? {}
          : {
              discrepancy: saddleDiscrepancy(spec, solveSaddle(spec, Float64Array.from(spec.start), time)),
            }),
      })),
    };
  },
});

const Langevin = z.strictObject({
  alpha: z.number().default(0),
  c: z.number().default(1),
  target: z.number(),
  temperature: positive,
  decay: positive,
  d: z.int().min(1).max(1024).default(1),
});

const langevinLimit = limit({
  name: 'langevin',
  law: 'one linear layer under mean-field Langevin dynamics, y = target x: stationary moments and risk',
  schema: Langevin,
  example: { target: 2, temperature: 0.1, decay: 0.2 },
  answer: (spec) => ({ ...langevinStationary(spec) }),
});

/** Every exact limit by its name. */
export const LIMITS: Record<string, Limit> = {
  chain: chainLimit,
  'saad-solla': saadSollaLimit,
  radial: radialLimit,
  clt: cltLimit,
  arcsine: arcsineLimit,
  saddle: saddleLimit,
  langevin: langevinLimit,
};

/** Adds a limit under its own name. Throws UsageError when the name is taken. */
export function registerLimit(limit: Limit): void {
  registerOwn('exact limit', LIMITS, 'name', limit, {
    name: 'string',
    law: 'string',
    example: 'object',
    evaluate: 'function',
  });
}

/** The limit of that name. Throws UsageError with the known names. */
export function limitByName(name: string): Limit {
  return lookUp('exact limit', LIMITS, name);
}
