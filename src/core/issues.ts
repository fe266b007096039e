/** What a schema has against a value, in one line: where, what was expected, what was given, and what may be meant. */
import { z } from 'zod';
import { nearestName, plural } from './errors.js';
import { RENAMES } from './renames.js';

type Issue = z.core.$ZodIssue;
type Path = readonly PropertyKey[];

/** Problems of a value that are said; how many more there are is said, too. */
const SAID = 5;
/** Characters of a value that are shown. */
const SHOWN = 60;

/**
 * Error map for zod: an unknown key with what is known there, a kind that is none with those that there are. Both are
 * known while a value is checked, and not from the issue that is left of it. Other errors are put into words later.
 */
export const issueWords: z.core.$ZodErrorMap = (issue) => {
  if (issue.code === 'unrecognized_keys') {
    const known = issue.inst instanceof z.ZodObject ? Object.keys(issue.inst.shape) : [];
    const said = issue.keys.map((key) => `"${key}"${hint(key, known)}`);
    return `unknown key${said.length > 1 ? 's' : ''} ${said.join(', ')}`;
  }
  if (issue.code === 'invalid_union' && issue.inst instanceof z.ZodDiscriminatedUnion) {
    const { discriminator } = issue.inst.def;
    const known = [...(issue.inst._zod.propValues[discriminator] ?? [])].map(String);
    const given = issue.input as Readonly<Record<string, unknown>>;
    return known.length > 0 ? oneOf(known, given[discriminator]) : undefined;
  }
  return undefined;
};

/** What to write instead of an unknown key, in brackets, as far as that can be told. */
function hint(key: string, known: readonly string[]): string {
  const rename = RENAMES.find(({ key: old, to }) => old === key && known.includes(to));
  if (rename !== undefined) return ` (it is now "${rename.to}")`;
  const near = nearestName(key, known);
  if (near !== undefined) return ` (did you mean "${near}"?)`;
  return known.length > 0 ? ` (known: ${known.join(', ')})` : '';
}

/** The first problems of a value that a schema refused, in one line, each with the path to it. */
export function whatIsWrong(error: z.ZodError, value: unknown): string {
  // a key that nobody knows first: what is missing is often the same key rightly spelt
  const isUnknown = (line: string): number => (/(^|: )unknown keys? "/.test(line) ? 0 : 1);
  const all = [...new Set(tightest(error.issues).flatMap((issue) => told(issue, [], value)))].sort(
    (a, b) => isUnknown(a) - isUnknown(b),
  );
  const more = all.length > SAID ? `; and ${all.length - SAID} more` : '';
  return all.slice(0, SAID).join('; ') + more;
}

/** Whether a schema does not know the key at a path of a value, which has it. */
export function isUnknownKey(schema: z.ZodType, value: unknown, path: readonly string[]): boolean {
  const [above, key] = [path.slice(0, -1).join('.'), path.at(-1)!];
  const unknown = (issues: readonly Issue[], prefix: Path): boolean =>
    issues.some((issue) => {
      const at = [...prefix, ...issue.path];
      if (issue.code === 'unrecognized_keys') return at.map(String).join('.') === above && issue.keys.includes(key);
      const ways = waysOf(issue);
      return ways.length > 0 && ways.every((way) => unknown(way, at));
    });
  return unknown(schema.safeParse(value, { error: issueWords }).error?.issues ?? [], []);
}

/** How many problems a schema has with what is at a path of a value, or within it. */
export function issuesAt(schema: z.ZodType, value: unknown, path: readonly string[]): number {
  const count = (issues: readonly Issue[], prefix: Path): number =>
    issues.reduce((sum, issue) => {
      const at = [...prefix, ...issue.path];
      const inner = waysOf(issue).map((way) => count(way, at));
      const own = path.every((key, i) => String(at[i]) === key) ? 1 : 0;
      return sum + (inner.length > 0 ? Math.max(own, Math.min(...inner)) : own);
    }, 0);
  return count(schema.safeParse(value, { error: issueWords }).error?.issues ?? [], []);
}

/** The issues without bounds of a value that another one at the same place is within. */
function tightest(issues: readonly Issue[]): Issue[] {
  const isWider = (one: Issue, other: Issue): boolean =>
    String(one.path) === String(other.path) &&
    ((one.code === 'too_big' && other.code === 'too_big' && one.maximum > other.maximum) ||
      (one.code === 'too_small' && other.code === 'too_small' && one.minimum < other.minimum));
  return issues.filter((one) => !issues.some((other) => isWider(one, other)));
}

/** An issue in words; of a union, those of the alternative that the value comes nearest to. */
function told(issue: Issue, above: Path, value: unknown): string[] {
  const path = [...above, ...issue.path];
  if (issue.code === 'invalid_union' && issue.errors.length > 0) {
    const ways = waysOf(issue);
    const near = [...ways].sort((a, b) => a.length - b.length)[0];
    if (near !== undefined) return tightest(near).flatMap((inner) => told(inner, path, value));
    const forms = [...new Set(issue.errors.flatMap((way) => formsOf(way)!))];
    const names = forms.flatMap((form) => (form.startsWith('"') ? [JSON.parse(form) as string] : []));
    return [at(path, `expected ${eitherOf(forms)}`, value) + meant(names, valueAt(value, path))];
  }
  return [words(issue, path, value)];
}

/** What is wrong by each alternative of a union that has the form of the value; none of another issue. */
function waysOf(issue: Issue): (readonly Issue[])[] {
  return issue.code === 'invalid_union' ? issue.errors.filter((way) => formsOf(way) === undefined) : [];
}

/** What an alternative asks for, where the value is of another form altogether; undefined where it comes nearer. */
function formsOf([first]: readonly Issue[]): string[] | undefined {
  if (first === undefined || first.path.length > 0) return undefined;
  if (first.code === 'invalid_type') return [noun(first.expected)];
  if (first.code === 'invalid_value') return first.values.map((one) => JSON.stringify(one));
  if (first.code !== 'invalid_union' || first.errors.length === 0) return undefined;
  const inner = first.errors.map((way) => formsOf(way));
  return inner.every((forms) => forms !== undefined) ? inner.flat() : undefined;
}

/** `a, b or c`. */
function eitherOf(forms: readonly string[]): string {
  return [forms.slice(0, -1).join(', '), ...forms.slice(-1)].filter((part) => part !== '').join(' or ');
}

/** Which of the known names a given one may be meant to be, in brackets. */
function meant(known: readonly string[], given: unknown): string {
  const near = typeof given === 'string' ? nearestName(given, known) : undefined;
  return near === undefined ? '' : ` (did you mean "${near}"?)`;
}

function words(issue: Issue, path: Path, value: unknown): string {
  switch (issue.code) {
    case 'invalid_type':
      return at(path, `expected ${noun(issue.expected)}`, value);
    case 'too_small':
      return at(
        path,
        `expected ${issue.inclusive === false ? 'more than' : 'at least'} ${amount(issue.minimum, issue.origin)}`,
        value,
      );
    case 'too_big':
      return at(
        path,
        `expected ${issue.inclusive === false ? 'less than' : 'at most'} ${amount(issue.maximum, issue.origin)}`,
        value,
      );
    case 'invalid_value': {
      const given = valueAt(value, path);
      return given === undefined
        ? at(path, oneOf(issue.values.map(String), undefined), value)
        : `${place(path)}${oneOf(issue.values.map(String), given)}`;
    }
    default:
      return `${place(path)}${issue.message.replace(/\.$/, '')}`;
  }
}

const NOUNS: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  object: 'an object',
  record: 'an object',
  array: 'a list',
};

function noun(expected: string): string {
  return NOUNS[expected] ?? expected;
}

function amount(bound: number | bigint, origin: string): string {
  if (origin === 'string') return plural(Number(bound), 'character');
  return ['array', 'set', 'map'].includes(origin) ? plural(Number(bound), 'entry', 'entries') : String(bound);
}

/** What is expected of several names, what is there, and which of them that may be. */
function oneOf(known: readonly string[], given: unknown): string {
  const expected = known.length === 1 ? `expected ${JSON.stringify(known[0])}` : `expected one of: ${known.join(', ')}`;
  if (given === undefined) return expected;
  return `${expected}; got ${shown(given)}${meant(known, given)}`;
}

/** An expectation at a place, with what is there instead. */
function at(path: Path, expected: string, value: unknown): string {
  const given = valueAt(value, path);
  return `${place(path)}${given === undefined ? `missing; ${expected}` : `${expected}, got ${shown(given)}`}`;
}

function place(path: Path): string {
  return path.length === 0 ? '' : `${path.map(String).join('.')}: `;
}

function valueAt(value: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (inner, key) =>
      inner !== null && typeof inner === 'object' && Object.hasOwn(inner, key)
        ? (inner as Readonly<Record<PropertyKey, unknown>>)[key]
        : undefined,
    value,
  );
}

function shown(value: unknown): string {
  // JSON has neither infinities nor NaN, and a file's 1e400 is one
  const text = typeof value === 'number' ? String(value) : (JSON.stringify(value) ?? String(value));
  return text.length <= SHOWN ? text : `${text.slice(0, SHOWN)}...`;
}
