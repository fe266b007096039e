/** A study as a value: a spec that a schema checks, and a function from (spec, seed) to rows. */
import { z } from 'zod';
import { checkValues, exampleCount, width } from '../../src/core/magnitudes.js';
import { MOST_STEPS } from '../../src/core/range.js';
import { namesOf } from '../../src/core/registry.js';
import type { Row } from '../../src/core/run.js';
import { parseSpec } from '../../src/core/spec.js';
import { largest } from '../../src/core/stats.js';
import type { KernelSeconds } from '../kernel/seconds.js';
import { ACTIVATIONS } from '../model/activations.js';
import { MOST_DIMENSIONS } from '../model/particles.js';

/** One law of the theory, measured. Adding one: its file here, a line in index.ts, its sizes in experiments/. */
export interface Study<Spec = unknown> {
  /** Its key in `STUDIES`, and the value of "study" in its specs. */
  readonly name: string;
  /** The law that the study tests, in one line. */
  readonly law: string;
  /** When the law counts as met: fixed before any run. The reports' claims apply it. */
  readonly rule: string;
  readonly schema: z.ZodType<Spec, unknown>;
  // Methods, not properties: a record holds studies of different specs, each called with what its own schema returned.
  /** Lines of warning on a spec that is allowed, and seldom meant. */
  cautions?(spec: Spec): string[];
  /** Expected seconds on one core, by what the particle kernel takes there: the native one unless given. */
  cost(spec: Spec, kernel?: KernelSeconds): number;
  /** Rows of one seed; `tick(done, total)` is called between parts, and may throw to stop. */
  run(spec: Spec, seed: number, tick: (done: number, total: number) => Promise<void>): Promise<Row[]>;
}

/** A study's spec with its defaults. Throws UsageError with one line on a value that does not fit. */
export function parseStudySpec<Spec>(study: Study<Spec>, value: unknown): Spec {
  const what = `spec of study "${study.name}"`;
  const spec = parseSpec(study.schema, what, value);
  checkValues(`invalid ${what}: particles and samples`, valuesOf(spec as object));
  return spec;
}

/** Keys of specs that say how large a study's nets are; which of them a spec has depends on the study. */
interface Sizes {
  readonly wide?: number;
  readonly d?: number;
  /** Particles of a layer that are numbers, of the saddles. */
  readonly m?: number | readonly number[];
  readonly particles?: number | object;
  readonly depth?: number;
  readonly depths?: readonly number[];
  readonly train?: number;
  readonly heldOut?: number;
  /** Sizes of residual nets. */
  readonly reference?: { readonly D: number; readonly M: number };
  readonly blocks?: number;
  readonly samples?: number;
}

/** Values of the largest net of a study's spec and of its samples at every layer; 0 where it has no particles. */
export function valuesOf(spec: object): number {
  const { wide, d, m, particles, depth = 1, depths = [], train = 0, heldOut = 0, ...rest } = spec as Sizes;
  const { reference, blocks = 1, samples = 0 } = rest;
  if (reference !== undefined) return blocks * (reference.M * (2 * reference.D + 1) + samples * reference.D);
  const layers = largest([depth, depths].flat());
  if (wide !== undefined && d !== undefined) return layers * (wide * (2 * d + 1) + (train + heldOut) * d);
  const numbers = [particles, particles === undefined ? m : undefined].filter((one) => typeof one === 'number');
  return layers * largest([0, ...numbers]) + 2 * (train + heldOut);
}

/** Whether a flow time is a whole number of steps of length dt, and one step at least where it is not 0. */
function isWholeSteps(time: number, dt: number): boolean {
  const steps = Math.round(time / dt);
  return time === 0 || (steps >= 1 && Math.abs(time / dt - steps) <= 1e-6 * steps);
}

/**
 * For `superRefine`: every one of the spec's flow times under `keys` (a number, a list, or none) is a whole number of
 * steps "dt". A time that is rounded to steps would be another time than the table says, and may be none.
 */
export function inWholeSteps(...keys: readonly string[]) {
  return (spec: Readonly<Record<string, unknown>> & { readonly dt: number }, context: z.core.$RefinementCtx): void => {
    for (const key of keys)
      for (const time of [spec[key] ?? []].flat() as number[])
        if (time / spec.dt > MOST_STEPS)
          context.addIssue({
            code: 'custom',
            path: [key],
            message: `expected at most ${MOST_STEPS} steps, got ${time} with dt ${spec.dt}`,
          });
        else if (!isWholeSteps(time, spec.dt))
          context.addIssue({
            code: 'custom',
            path: [key],
            message: `expected a whole multiple of "dt", got ${time} with dt ${spec.dt}`,
          });
  };
}

/**
 * The scale of the sum over particles: with 0 they have no part in the output, and no discrepancy is to be measured.
 */
const NOT_ZERO = z.number().refine((c) => c !== 0, 'expected another number than 0, with which particles do nothing');

/** What a reader should know of settings that are allowed, and seldom meant. */
export function cautionsOf({ alpha, rho }: { readonly alpha: number; readonly rho: number }): string[] {
  return alpha === 0 && rho === 0
    ? [
        'alpha = 0 and rho = 0: without a skip and with E[b | a] = 0 an infinitely wide layer is zero, ' +
          'so that all of the output is fluctuation; give rho above 0, or alpha',
      ]
    : [];
}

/** Schema of the settings that the studies of particles share. */
export const ParticleSettings = z.strictObject({
  alpha: z.number(),
  c: NOT_ZERO,
  /** Whether the scale is c/L instead of c. */
  perDepth: z.boolean().default(false),
  activation: z.enum(namesOf(ACTIVATIONS)).default('tanh'),
  rho: z.number().min(0).max(1),
  d: width(1, MOST_DIMENSIONS),
  /** Training and held-out points. */
  train: exampleCount(),
  heldOut: exampleCount(),
  /** Wide particles per layer. */
  wide: width(),
  /** Flow time of direct training, and of imitation. */
  time: z.number().positive(),
  imitationTime: z.number().min(0),
  /** Euler step, the same for the thin and the wide net. */
  dt: z.number().positive(),
  /** Independent thin nets per seed; their squared discrepancies are averaged. */
  draws: exampleCount(),
});
/** Settings that the studies of particles share. */
export type ParticleSettings = z.infer<typeof ParticleSettings>;

/** For `refine`: the thin width "m" of a spec is below its "wide". */
export const THIN_BELOW_WIDE = [
  ({ m, wide }: { readonly m: number; readonly wide: number }): boolean => m < wide,
  { message: 'expected "m" to be below "wide"' },
] as const;

/** For `refine`: all thin "widths" of a spec are below its "wide". */
export const WIDTHS_BELOW_WIDE = [
  ({ widths, wide }: { readonly widths: readonly number[]; readonly wide: number }): boolean =>
    widths.every((m) => m < wide),
  { message: 'expected every one of "widths" to be below "wide"' },
] as const;

/** For `refine`: each number of the spec's list under `key` is above the one before it. */
export function increasing<Key extends string>(
  key: Key,
): readonly [(spec: Readonly<Record<Key, readonly number[]>>) => boolean, { readonly message: string }] {
  return [
    (spec) => spec[key].every((value, i) => i === 0 || value > spec[key][i - 1]!),
    { message: `expected increasing "${key}"` },
  ];
}
