import { z } from 'zod';

/** Linear warm-up over `warmup` steps to `peak`, then cosine to zero at the last step. Loshchilov, Hutter 2017, eq. 5 (one cycle). */
export const CosineSchedule = z.strictObject({ peak: z.number().positive(), warmup: z.int().min(0).default(0) });
export type CosineSchedule = z.infer<typeof CosineSchedule>;

/** Learning rate of step 0 .. steps - 1. */
export function learningRate({ peak, warmup }: CosineSchedule, step: number, steps: number): number {
  if (step < warmup) return (peak * (step + 1)) / warmup;
  return (peak / 2) * (1 + Math.cos((Math.PI * (step - warmup)) / Math.max(1, steps - warmup)));
}
