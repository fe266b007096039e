/** Wrong use: a flag, a name, a file that the user gave. The command line prints one line and exits with 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Something that was asked for rightly and failed: a download, a full disk, a non-finite loss. Exit status 1. */
export class FailureError extends Error {
  override readonly name = 'FailureError';
}

/** Data that cannot be used, as is found while they are read: no other setting helps. By name a `FailureError`. */
export class DataError extends FailureError {}

/** The numbers of a run are no longer finite: no fault of the machine, and its result. By name a `FailureError`. */
export class DivergedError extends FailureError {}

/** The user stopped what was going on (Ctrl-C, SIGTERM). Exit status 130. */
export class InterruptedError extends Error {
  override readonly name = 'InterruptedError';
}

/** A run was stopped, and its state is saved; by name an `InterruptedError`, as those who catch one know it. */
export class SavedError extends InterruptedError {}

/** One line of an unknown error, without its stack. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/**
 * An error of code that somebody registered, as one line that says whose it is; errors that are worded for users stay
 * as they are.
 */
export function errorOf(what: string, error: unknown): Error {
  if (error instanceof UsageError || error instanceof FailureError || error instanceof InterruptedError) return error;
  return new FailureError(`${what}: ${messageOf(error)}`, { cause: error });
}

/** Calls, and words the message of a UsageError anew, be it thrown at once or by the promise that is returned. */
export function rewording<T>(reworded: (message: string) => string, call: () => T): T {
  const fail = (error: unknown): never => {
    throw error instanceof UsageError ? new UsageError(reworded(error.message), { cause: error }) : error;
  };
  try {
    const result = call();
    return result instanceof Promise ? (result.catch(fail) as T) : result;
  } catch (error) {
    return fail(error);
  }
}

/** Calls, and puts `what: `, such as a file, before the message of a UsageError; without it that is thrown as it is. */
export function naming<T>(what: string | undefined, call: () => T): T {
  return what === undefined ? call() : rewording((message) => `${what}: ${message}`, call);
}

/** The `code` of a Node system error (`ENOSPC`, `EACCES`, ...), if it has one. */
export function codeOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null | undefined)?.code;
  return typeof code === 'string' ? code : undefined;
}

/** The `path` of a Node system error: the file at which the call failed, if it names one. */
export function pathOf(error: unknown): string | undefined {
  const path = (error as { path?: unknown } | null | undefined)?.path;
  return typeof path === 'string' ? path : undefined;
}

/** Names of the user's for a message: at most the first ten, each cut at forty characters. */
export function listed(names: readonly string[]): string {
  const short = names.map((name) => (name.length > 40 ? `${name.slice(0, 40)}…` : name));
  return few(short, 10);
}

/** Names in a sentence: `a`, `a and b`, `a, b and c`. */
export function inSentence(names: readonly string[]): string {
  return names.length < 2 ? (names[0] ?? '') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
}

/** So many of a thing, or of things whose plural adds an s unless it is given: `1 run`, `2 runs`, `0 entries`. */
export function plural(count: number, noun: string, more = `${noun}s`): string {
  return `${count} ${count === 1 ? noun : more}`;
}

/** The verb of so many: `is` of one, `are` of others. */
export function isOrAre(count: number): string {
  return count === 1 ? 'is' : 'are';
}

/** The first `most` texts with something between them, and how many more there are. */
export function few(texts: readonly string[], most = 3, between = ', '): string {
  return texts.slice(0, most).join(between) + (texts.length > most ? ` and ${texts.length - most} more` : '');
}

/** The error of a name that is none of the known ones: it lists them, and suggests one that is nearly the given one. */
export function unknownName(kind: string, given: string, known: readonly string[]): UsageError {
  return new UsageError(`unknown ${kind} "${given}"; expected one of: ${known.join(', ')}.${suggestion(given, known)}`);
}

/** The sentence that suggests the known name nearest to a given one, with a space before it; '' where none is near. */
export function suggestion(given: string, known: readonly string[]): string {
  const near = nearestName(given, known);
  return near === undefined ? '' : ` Did you mean "${near}"?`;
}

/**
 * The known name that is nearest to the given one, of those that differ in a third of the shorter one's letters at
 * most; in the other case it is the same. A number is near to no other, and a single letter to none but itself.
 */
export function nearestName(given: string, known: readonly string[]): string | undefined {
  const words = known.filter((name) => !/^[\d.]+$/.test(name));
  const isOtherCase = (name: string): boolean => name.toLowerCase() === given.toLowerCase();
  const distances = words.map((name) => ({ name, distance: isOtherCase(name) ? 0 : editDistance(name, given) }));
  const near = distances.filter(
    ({ name, distance }) => distance < name.length && distance <= Math.ceil(Math.min(name.length, given.length) / 3),
  );
  return near.sort((a, b) => a.distance - b.distance)[0]?.name;
}

/** Letters to insert, remove or replace, and neighbors to swap, to make one word of the other. */
function editDistance(a: string, b: string): number {
  let [before, row] = [[] as number[], Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      next.push(Math.min(substitution, row[j]! + 1, next[j - 1]! + 1, swapped ? before[j - 2]! + 1 : Infinity));
    }
    [before, row] = [row, next];
  }
  return row[b.length]!;
}
