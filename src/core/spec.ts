import { z } from 'zod';
import { UsageError } from './errors.js';

/**
 * Checks a value against a schema. Throws UsageError with one line that names the key, what was expected and what was
 * given.
 */
export function parseSpec<Spec>(schema: z.ZodType<Spec>, what: string, value: unknown): Spec {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new UsageError(`invalid ${what}: ${z.prettifyError(parsed.error).replaceAll('\n', ' ').replaceAll('✖ ', '')}`);
}
