/**
 * Registries: a kind of thing (a study, a data set, an imitation loss) is one record from names to definitions, and
 * every list of its names, in schemas, help texts and errors, is taken from the record's keys.
 */
import { z } from 'zod';
import { unknownName, UsageError } from './errors.js';
import { issueWords } from './issues.js';
import { typeOf } from './range.js';

/** Throws UsageError when a name, which stands under `key` in its definition, is taken or none. */
export function checkName(
  kind: string,
  registry: Readonly<Record<string, unknown>>,
  name: unknown,
  key = 'name',
): asserts name is string {
  if (typeof name !== 'string' || !/^[^\p{Cc}\s]+$/u.test(name) || name === '__proto__')
    throw new UsageError(
      `${kind}: ${key}: expected a text without blanks, as options take it, got ${JSON.stringify(name) ?? 'nothing'}`,
    );
  if (Object.hasOwn(registry, name))
    throw new UsageError(`the ${kind} "${name}" is registered already; expected a name of its own`);
}

/** Who is told of every definition of a registry. */
const followers = new WeakMap<object, ((entry: unknown) => void)[]>();

/**
 * Adds a definition under its name. Throws UsageError when the name is taken, or is none, and without a definition;
 * what {@link follow} was given may throw, too, and nothing is added then.
 */
export function register<Entry>(kind: string, registry: Record<string, Entry>, name: string, entry: Entry): void {
  checkName(kind, registry, name);
  if (entry === undefined || entry === null)
    throw new UsageError(`the ${kind} "${name}": expected a definition, got none`);
  for (const follower of followers.get(registry) ?? []) follower(entry);
  registry[name] = entry;
}

/**
 * Calls `follower` with every definition of a registry in their order: at once with those that there are, and with
 * each later one as it is registered. For what is made of each definition of another registry.
 */
export function follow<Entry>(registry: Readonly<Record<string, Entry>>, follower: (entry: Entry) => void): void {
  for (const entry of Object.values(registry)) follower(entry);
  followers.set(registry, [...(followers.get(registry) ?? []), follower as (entry: unknown) => void]);
}

type RequiredKeys<Entry> = { [Key in keyof Entry]-?: object extends Pick<Entry, Key> ? never : Key }[keyof Entry];

/** What `typeof` says of every member that a definition has to have; a schema is one of zod's. */
export type Members<Entry> = Readonly<
  Record<RequiredKeys<Entry>, 'array' | 'boolean' | 'function' | 'number' | 'object' | 'schema' | 'string'>
>;

/**
 * Throws UsageError that names a member of a definition which is missing or of another type: once it is registered it
 * would be met wherever all definitions are.
 */
export function checkMembers<Entry>(kind: string, entry: Entry, members: Members<Entry>): void {
  if (typeof entry !== 'object' || entry === null)
    throw new UsageError(`${kind}: expected an object with ${Object.keys(members).join(', ')}, got ${typeOf(entry)}`);
  for (const [key, type] of Object.entries<string>(members)) {
    const value = (entry as Readonly<Record<string, unknown>>)[key];
    const found = type === 'schema' && isSchema(value) ? type : typeOf(value);
    if (found !== type)
      throw new UsageError(`${kind}: ${key}: expected ${/^[ao]/.test(type) ? 'an' : 'a'} ${type}, got ${found}`);
  }
}

function isSchema(value: unknown): boolean {
  return typeof (Object(value) as Partial<z.ZodType>).safeParse === 'function';
}

/** Throws UsageError unless `value` is a text, such as a path; `what` names the function and it. */
export function checkText(what: string, value: unknown): asserts value is string {
  if (typeof value !== 'string') throw new UsageError(`${what}: expected a text, got ${typeOf(value)}`);
}

/**
 * Adds a definition under the name that stands in it. Throws UsageError when a member is missing, or the name is taken
 * or none.
 */
export function registerOwn<Entry>(
  kind: string,
  registry: Record<string, Entry>,
  key: keyof Entry,
  entry: Entry,
  members: Members<Entry>,
): void {
  if (typeof entry === 'object' && entry !== null) checkName(kind, registry, entry[key], String(key));
  checkMembers(kind, entry, members);
  register(kind, registry, entry[key] as string, entry);
}

/** The definition of that name. Throws UsageError with the known names, and the nearest of them as a suggestion. */
export function lookUp<Entry>(kind: string, registry: Readonly<Record<string, Entry>>, name: unknown): Entry {
  if (typeof name === 'string' && Object.hasOwn(registry, name)) return registry[name]!;
  const given = typeof name === 'string' ? name : (JSON.stringify(name) ?? 'undefined');
  throw unknownName(kind, given, Object.keys(registry));
}

/** The definition of that name, where there is one: what every object has (`constructor`) is none. */
export function entryOf<Entry>(registry: Readonly<Record<string, Entry>>, name: string): Entry | undefined {
  return Object.hasOwn(registry, name) ? registry[name] : undefined;
}

/** The names of a record, as a schema's enum or a union of literals wants them: at least one, in their order. */
export function namesOf<Name extends string>(registry: Readonly<Record<Name, unknown>>): [Name, ...Name[]] {
  return Object.keys(registry) as [Name, ...Name[]];
}

/**
 * Schema of a value that is the name of a definition. Names are looked up when a value is checked, so that a definition
 * that was registered later is found, too.
 */
export function nameSchema<Name extends string>(
  kind: string,
  registry: Readonly<Record<Name, unknown>>,
): z.ZodType<Name> {
  return z.string().refine((name): name is Name => Object.hasOwn(registry, name), {
    error: ({ input }) => unknownName(kind, String(input), Object.keys(registry)).message,
    abort: true,
  });
}

/**
 * Schema of a value whose key `discriminator` names a definition; that definition's own schema checks the value. As
 * with {@link nameSchema}, definitions that were registered later are found, which `z.discriminatedUnion` could not do.
 */
export function specSchema<Spec>(
  kind: string,
  discriminator: string,
  registry: Readonly<Record<string, { readonly spec: z.ZodType<Spec> }>>,
): z.ZodType<Spec> {
  return z.looseObject({ [discriminator]: nameSchema(kind, registry) }).transform((value, context): Spec => {
    const parsed = registry[value[discriminator] as string]!.spec.safeParse(value, { error: issueWords });
    if (parsed.success) return parsed.data;
    for (const issue of parsed.error.issues) context.addIssue({ ...issue, input: value } as z.core.$ZodRawIssue);
    return z.NEVER;
  });
}
