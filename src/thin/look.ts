/** A look at users' pictures before work begins: are they files that can be read? */
import { DataError, UsageError } from '../core/errors.js';
import { filled } from '../core/host-array.js';
import { permutation, rngKey } from '../core/rng.js';
import { indexRanges, UnreadableBatchError, type Dataset, type SkippedFile, type Source } from '../data/dataset.js';

/** Pictures that are looked at, at most: some seconds of a core. */
const MOST = 500;
/** Pictures that are read at a time. */
const BATCH = 32;

/** The files of some examples that cannot be read; all of them may be, as the last batch can be a single one. */
async function skippedOf(split: Source, indices: Uint32Array): Promise<readonly SkippedFile[] | undefined> {
  try {
    return (await split.batch(indices)).skipped;
  } catch (error) {
    if (error instanceof UnreadableBatchError) return error.skipped;
    throw error;
  }
}

/**
 * Decodes some pictures of all splits, chosen at random where there are many; returns a line for people where some of
 * them cannot be read. Throws UsageError where these are more than the data's declaration allows.
 */
export async function lookAt(data: Pick<Dataset, 'train' | 'validation' | 'test'>): Promise<string[]> {
  const splits = [data.train, data.validation, data.test];
  const all = splits.flatMap((split) => Array.from({ length: split.count }, (_, index) => ({ split, index })));
  const chosen = Array.from(permutation(rngKey(0, 'thin', 'look'), all.length).subarray(0, MOST), (at) => all[at]!);
  const skipped: SkippedFile[] = [];
  try {
    for (const split of splits) {
      const own = chosen.filter((one) => one.split === split).map(({ index }) => index);
      for (const range of indexRanges(own.length, BATCH)) {
        const indices = filled(new Uint32Array(range.length), (i) => own[range[i]!]!);
        skipped.push(...((await skippedOf(split, indices)) ?? []));
      }
    }
  } catch (error) {
    throw error instanceof DataError ? new UsageError(error.message, { cause: error }) : error;
  }
  const [first] = skipped;
  if (first === undefined) return [];
  const looked = chosen.length < all.length ? `of ${chosen.length} pictures that were looked at` : 'of the pictures';
  return [`${skipped.length} ${looked} cannot be read and are left out, such as ${first.file} (${first.reason})`];
}
