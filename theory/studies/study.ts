/** What a study is: a spec that a schema checks, and a function from (spec, seed) to rows. */
import { z } from 'zod';
import { namesOf } from '../../src/core/registry.js';
import type { Row } from '../../src/core/run.js';
import { parseSpec } from '../../src/core/spec.js';
import { ACTIVATIONS } from '../model/activations.js';

/** One law of the theory, measured. Adding one: its file here, a line in index.ts, its sizes in experiments/. */
export interface Study<Spec = unknown> {
  readonly name: string;
  /** The law that the study tests, in one line. */
  readonly law: string;
  /** When the law counts as met: fixed before any run. The reports' claims apply it. */
  readonly rule: string;
  readonly schema: z.ZodType<Spec, unknown>;
  // Methods, not properties: a record holds studies of different specs, and each is called with what its schema returned.
  /** Expected seconds on one core. */
  cost(spec: Spec): number;
  /** Rows of one seed; `tick(done, total)` is called between parts, and may throw to stop. */
  run(spec: Spec, seed: number, tick: (done: number, total: number) => Promise<void>): Promise<Row[]>;
}

/** Checks a study's spec. Throws UsageError with one line. */
export function parseStudySpec<Spec>(study: Study<Spec>, value: unknown): Spec {
  return parseSpec(study.schema, `spec of study "${study.name}"`, value);
}

const positive = z.int().min(1);

/** Settings that the particle studies share. */
export const ParticleSettings = z.strictObject({
  alpha: z.number(),
  c: z.number(),
  /** Whether the scale is c/L instead of c. */
  perDepth: z.boolean().default(false),
  activation: z.enum(namesOf(ACTIVATIONS)).default('tanh'),
  rho: z.number().min(0).max(1),
  /** Dimension, at most 64. */
  d: positive.max(64),
  /** Training and held-out points. */
  train: positive,
  heldOut: positive,
  /** Wide particles per layer. */
  wide: positive,
  /** Flow time of direct training, and of imitation. */
  time: z.number().positive(),
  imitationTime: z.number().min(0),
  /** Euler step, the same for the thin and the wide net. */
  dt: z.number().positive(),
  /** Independent thin nets per seed; their squared discrepancies are averaged. */
  draws: positive,
});
export type ParticleSettings = z.infer<typeof ParticleSettings>;
