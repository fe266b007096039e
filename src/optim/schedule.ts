import { z } from 'zod';
import { listOf } from '../core/magnitudes.js';

const warmed = { peak: z.number().positive(), warmup: z.int().min(0).default(0) };

/** Schema of a learning-rate schedule: linear warm-up over `warmup` steps to `peak`, then one of these. */
export const ScheduleSpec = z.discriminatedUnion('kind', [
  /** Half a cosine to zero at the last step. Loshchilov, Hutter 2017, eq. 5 (one cycle). */
  z.strictObject({ kind: z.literal('cosine'), ...warmed }),
  /** Times `factor` at each of the steps `drops`. */
  z.strictObject({
    kind: z.literal('step'),
    ...warmed,
    drops: listOf(z.int().min(1)),
    factor: z.number().positive().max(1),
  }),
  /** A straight line to zero after the last step. */
  z.strictObject({ kind: z.literal('linear'), ...warmed }),
  z.strictObject({ kind: z.literal('constant'), ...warmed }),
]);
/** How the learning rate moves, in steps of one stage. */
export type ScheduleSpec = z.infer<typeof ScheduleSpec>;

/** Learning rate of a step, counted from 0, of `steps` steps in all. */
export function learningRate(schedule: ScheduleSpec, step: number, steps: number): number {
  const { peak, warmup } = schedule;
  if (step < warmup) return (peak * (step + 1)) / warmup;
  const progress = (step - warmup) / Math.max(1, steps - warmup);
  switch (schedule.kind) {
    case 'cosine':
      return (peak / 2) * (1 + Math.cos(Math.PI * progress));
    case 'step':
      return peak * schedule.factor ** schedule.drops.filter((drop) => step >= drop).length;
    case 'linear':
      return peak * (1 - progress);
    case 'constant':
      return peak;
  }
}
