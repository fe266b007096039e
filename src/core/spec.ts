/** Specs, checked: unknown keys are refused with a suggestion, and keys of earlier versions are read by new names. */
import { z } from 'zod';
import { nearestName, UsageError } from './errors.js';
import { RENAMES, type Rename } from './renames.js';

/**
 * Checks a value against a schema. Throws UsageError with one line that names the key, what was expected and what was
 * given; for an unknown key the nearest known one, or its new name.
 */
export function parseSpec<Spec>(schema: z.ZodType<Spec>, what: string, value: unknown): Spec {
  const parsed = schema.safeParse(value, { error: unknownKeys });
  if (parsed.success) return parsed.data;
  throw new UsageError(`invalid ${what}: ${z.prettifyError(parsed.error).replaceAll('\n', ' ').replaceAll('✖ ', '')}`);
}

/** Error map for zod: an unknown key with what is known there. Other errors keep zod's own words. */
export const unknownKeys: z.core.$ZodErrorMap = (issue) => {
  if (issue.code !== 'unrecognized_keys') return undefined;
  const known = issue.inst instanceof z.ZodObject ? Object.keys(issue.inst.shape) : [];
  const said = issue.keys.map((key) => `"${key}"${hint(key, known)}`);
  return `Unrecognized key${said.length > 1 ? 's' : ''}: ${said.join(', ')}`;
};

/** What to write instead of an unknown key, in brackets, as far as that can be told. */
function hint(key: string, known: readonly string[]): string {
  const rename = RENAMES.find(({ key: old, to }) => old === key && known.includes(to));
  if (rename !== undefined) return ` (it is now "${rename.to}")`;
  const near = nearestName(key, known);
  if (near !== undefined) return ` (did you mean "${near}"?)`;
  return known.length > 0 ? ` (known: ${known.join(', ')})` : '';
}

type JsonObject = Readonly<Record<string, unknown>>;

function isObject(value: unknown): value is JsonObject {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

/** Whether the object has the values that a rename asks for. */
function applies({ key, to, where = {}, holding }: Rename, place: JsonObject): boolean {
  const held = place[key] ?? place[to];
  const holds = holding === undefined || (isObject(held) && Object.hasOwn(held, holding));
  return holds && Object.entries(where).every(([other, value]) => place[other] === value);
}

/** A spec as this version writes it, and a line for each old name that was met in it. */
export interface CurrentSpec<Value> {
  readonly value: Value;
  readonly notes: readonly string[];
}

/**
 * A declaration with the keys and values of this version, at any depth and within lists; the given one stays as it is.
 * Throws UsageError where an old key stands beside the new one.
 */
export function currentSpec<Value>(given: Value, renames: readonly Rename[] = RENAMES): CurrentSpec<Value> {
  const notes: string[] = [];
  const visit = (value: unknown, path: readonly string[]): unknown => {
    if (Array.isArray(value)) return value.map((item, i) => visit(item, [...path, String(i)]));
    if (!isObject(value)) return value;
    const entries = Object.entries(value).map(([key, inner]): [string, unknown] => {
      const [name, renamed] = [currentKey(key, value, renames), path.length > 0 ? `${path.join('.')}.` : ''];
      if (name !== key) {
        if (Object.hasOwn(value, name))
          throw new UsageError(`"${renamed}${key}" is now "${renamed}${name}", and here are both; remove the first`);
        notes.push(`"${renamed}${key}" is now "${renamed}${name}"`);
      }
      const now = renames.find((rename) => rename.key === key && rename.value === inner && applies(rename, value));
      if (now?.value === undefined) return [name, visit(inner, [...path, name])];
      notes.push(`"${renamed}${key}": "${now.value}" is now "${now.to}"`);
      return [name, now.to];
    });
    return Object.fromEntries(entries);
  };
  return { value: visit(given, []) as Value, notes };
}

/** The name that a key of an object has in this version: its own, unless it was renamed. */
export function currentKey(key: string, place: JsonObject, renames: readonly Rename[] = RENAMES): string {
  return (
    renames.find((rename) => rename.key === key && rename.value === undefined && applies(rename, place))?.to ?? key
  );
}
