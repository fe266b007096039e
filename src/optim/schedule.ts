/** Schedules of the learning rate: adding one is an object with its schema and its rate, and a line in the record. */
import { z } from 'zod';
import { listOf } from '../core/magnitudes.js';

const warmed = { peak: z.number().positive(), warmup: z.int().min(0).default(0) };

/** A step after the warm-up: its number in the stage from 0, and the share of the steps after the warm-up before it. */
interface Position {
  readonly step: number;
  readonly progress: number;
}

/** A kind of schedule: the schema of what a recipe says, and the learning rate after the warm-up. */
function schedule<Spec extends z.ZodType>(
  spec: Spec,
  rate: (schedule: z.infer<Spec>, position: Position) => number,
): { readonly spec: Spec; readonly rate: typeof rate } {
  return { spec, rate };
}

/** Half a cosine to zero at the last step. Loshchilov, Hutter 2017, eq. 5 (one cycle). */
const cosine = schedule(
  z.strictObject({ kind: z.literal('cosine'), ...warmed }),
  ({ peak }, { progress }) => (peak / 2) * (1 + Math.cos(Math.PI * progress)),
);

/** Times `factor` at each of the steps `drops`. */
const step = schedule(
  z.strictObject({
    kind: z.literal('step'),
    ...warmed,
    drops: listOf(z.int().min(1)),
    factor: z.number().positive().max(1),
  }),
  ({ peak, drops, factor }, position) => peak * factor ** drops.filter((drop) => position.step >= drop).length,
);

/** A straight line to zero after the last step. */
const linear = schedule(
  z.strictObject({ kind: z.literal('linear'), ...warmed }),
  ({ peak }, { progress }) => peak * (1 - progress),
);

/** The peak throughout. */
const constant = schedule(z.strictObject({ kind: z.literal('constant'), ...warmed }), ({ peak }) => peak);

/** Every kind of schedule, in the order in which messages name them. */
const SCHEDULES = { cosine, step, linear, constant } as const;

type Spec = (typeof SCHEDULES)[keyof typeof SCHEDULES]['spec'];

/** Schema of a learning-rate schedule: linear warm-up over `warmup` steps to `peak`, then one of the kinds. */
export const ScheduleSpec = z.discriminatedUnion(
  'kind',
  Object.values(SCHEDULES).map(({ spec }) => spec) as [Spec, ...Spec[]],
);
/** How the learning rate moves, in steps of one stage. */
export type ScheduleSpec = z.infer<typeof ScheduleSpec>;

/** Learning rate of a step, counted from 0, of `steps` steps in all. */
export function learningRate(spec: ScheduleSpec, step: number, steps: number): number {
  const { peak, warmup } = spec;
  if (step < warmup) return (peak * (step + 1)) / warmup;
  const rate = SCHEDULES[spec.kind].rate as (schedule: ScheduleSpec, position: Position) => number;
  return rate(spec, { step, progress: (step - warmup) / Math.max(1, steps - warmup) });
}
