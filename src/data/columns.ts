/** Columns of a table that are taken for texts and labels. */
import { UsageError } from '../core/errors.js';

/**
 * Throws UsageError where the column at one of the places `taken` has the name of another, or is to be two things;
 * `key` is the option or the key that says which columns are taken. A table without names in its first line has an
 * empty `header`.
 */
export function checkOnce(path: string, header: readonly string[], taken: readonly number[], key: string): void {
  const names = header.map((name) => name.trim());
  const [both] = taken.filter((at, i) => taken.indexOf(at) !== i);
  const twice = both ?? taken.find((at) => at < names.length && names.includes(names[at]!, at + 1));
  if (twice === undefined) return;
  const column = twice < names.length ? `"${names[twice]}"` : `with the number ${twice}`;
  throw new UsageError(
    `${path}: the column ${column} ` +
      `${both === undefined ? 'stands twice in its first line' : `is to be two things (${key})`}; ` +
      'expected a column of its own for each of text, pair and label',
  );
}
