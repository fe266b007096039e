/** Specs, checked: unknown keys are refused with a suggestion, and keys of earlier versions are read by new names. */
import type { z } from 'zod';
import { UsageError } from './errors.js';
import { issueWords, whatIsWrong } from './issues.js';
import { RENAMES, type Rename } from './renames.js';

/**
 * Checks a value against a schema. Throws UsageError with one line that names the key, what was expected and what was
 * given; for an unknown key the nearest known one, or its new name.
 */
export function parseSpec<Spec>(schema: z.ZodType<Spec>, what: string, value: unknown): Spec {
  const parsed = schema.safeParse(value, { error: issueWords });
  if (parsed.success) return parsed.data;
  throw new UsageError(`invalid ${what}: ${whatIsWrong(parsed.error, value)}`);
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
