/** What a mutant is: one fault put into the product on purpose, and the test that must notice it. */

/** A test that is run on a mutant: tests of one file by their names, or one check of the selftest. */
export type Watcher =
  | { readonly vitest: string; /** Regular expression of the tests' names. */ readonly test: string }
  | { readonly selftest: string; /** Percent of the whole check. */ readonly percent: number };

/** One fault. */
export interface Mutant {
  /** What the product does wrong with it, in a few words. */
  readonly name: string;
  /** Path of the source from the package's root. */
  readonly file: string;
  /** Text that stands in the source exactly once. */
  readonly find: string;
  /** What is put in its place. */
  readonly replace: string;
  /** The narrowest test that must fail. */
  readonly noticedBy: Watcher;
}

/** The source with the fault in it. Throws Error where the text to replace does not stand in it exactly once. */
export function mutated(source: string, { name, file, find, replace }: Mutant): string {
  const found = source.split(find).length - 1;
  if (found !== 1)
    throw new Error(`${name}: the text to replace stands ${found} times in ${file}, expected once: ${find}`);
  return source.replace(find, () => replace);
}

/** A watcher in one line. */
export function describeWatcher(watcher: Watcher): string {
  return 'vitest' in watcher ? `${watcher.vitest}: ${watcher.test}` : `selftest: ${watcher.selftest}`;
}
