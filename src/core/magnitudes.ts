/**
 * How large a number of a spec may be. A slip (a depth of 1e9, 2^40 particles) is refused in one line where the spec is
 * read, before anything of that size is allocated; every bound lies far above what a run can use.
 */
import { z } from 'zod';
import { UsageError } from './errors.js';
import { MOST_STEPS } from './range.js';

type Count = ReturnType<typeof z.int>;

/** Schema of a number of layers or blocks, up to 10,000. */
export const layerCount = (least = 1): Count => z.int().min(least).max(10_000);

/** Schema of a width, a number of channels, particles, classes or words, up to 2^24 unless given. */
export const width = (least = 1, most = 2 ** 24): Count => z.int().min(least).max(most);

/** Schema of a number of steps, up to {@link MOST_STEPS}. */
export const stepCount = (least = 1): Count => z.int().min(least).max(MOST_STEPS);

/** Schema of a number of examples, samples or draws, up to 1e9. */
export const exampleCount = (least = 1): Count => z.int().min(least).max(1e9);

/** Largest number of entries of a list of times, depths or widths. */
export const MOST_ENTRIES = 10_000;

/** Schema of a list of times, depths or widths, each of them once, with `least` to {@link MOST_ENTRIES} entries. */
export const listOf = <Entry extends z.ZodType>(entry: Entry, least = 0): z.ZodArray<Entry> =>
  z
    .array(entry)
    .min(least)
    .max(MOST_ENTRIES)
    .superRefine((values, context) => {
      const seen = new Set<unknown>();
      const again = values.find((value) => seen.size === seen.add(value).size);
      if (again !== undefined) context.addIssue(`expected each value once, got ${JSON.stringify(again)} again`);
    });

/** Largest number of seeds of one command. */
export const MOST_SEEDS = 1_000_000;

/** Largest number of values that the arrays of one run may have: 64 GiB in float64. */
export const MOST_VALUES = 2 ** 33;

/** Throws UsageError where a spec asks for more values than any machine holds; `what` names them and their spec. */
export function checkValues(what: string, values: number): void {
  if (values > MOST_VALUES)
    throw new UsageError(
      `${what}: ${values.toPrecision(3)} values, expected at most ${MOST_VALUES} (2^33); give smaller numbers`,
    );
}
