/**
 * Registries: a kind of thing (a study, a data set, an imitation loss) is one record from names to definitions, and
 * every list of its names, in schemas, help texts and errors, is taken from the record's keys.
 */
import { unknownName, UsageError } from './errors.js';

/** Adds a definition under its name. Throws UsageError when the name is taken. */
export function register<Entry>(kind: string, registry: Record<string, Entry>, name: string, entry: Entry): void {
  if (Object.hasOwn(registry, name))
    throw new UsageError(`the ${kind} "${name}" is registered already; expected a name of its own`);
  registry[name] = entry;
}

/** The definition of that name. Throws UsageError with the known names, and the nearest of them as a suggestion. */
export function lookUp<Entry>(kind: string, registry: Readonly<Record<string, Entry>>, name: unknown): Entry {
  if (typeof name === 'string' && Object.hasOwn(registry, name)) return registry[name]!;
  const given = typeof name === 'string' ? name : (JSON.stringify(name) ?? 'undefined');
  throw unknownName(kind, given, Object.keys(registry));
}

/** The names of a record, as a schema's enum or a union of literals wants them: at least one, in their order. */
export function namesOf<Name extends string>(registry: Readonly<Record<Name, unknown>>): [Name, ...Name[]] {
  return Object.keys(registry) as [Name, ...Name[]];
}
