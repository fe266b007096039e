/** What files of kept tables are called. */

/** Whether a name is that of a kept table: final figures (.csv) or logged rows (.jsonl) of `EXPERIMENT.SCALE`. */
export function isTableName(name: string): boolean {
  return /^[\w-]+\.[a-z]+\.(csv|jsonl)$/.test(name);
}
