import { createHash } from 'node:crypto';
import { UsageError } from './errors.js';

/** A value that JSON can hold. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** JSON with sorted keys and no spaces: equal values give equal text. Throws on a number that JSON cannot hold. */
export function canonicalJson(value: Json): string {
  if (typeof value === 'number' && !Number.isFinite(value))
    throw new RangeError(`canonicalJson: ${value} is not a JSON number`);
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  const entries = Object.keys(value)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${canonicalJson(value[key]!)}`);
  return `{${entries.join(',')}}`;
}

/** First 12 hexadecimal digits of the SHA-256 of the canonical text. */
export function hashOf(value: Json): string {
  return createHash('sha256').update(canonicalJson(value)).digest('hex').slice(0, 12);
}

/** The pieces of a JSON text that tell where its keys are. */
export const JSON_MARKS = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\]:]/g;

/** Throws UsageError on a key that stands twice in one object of a JSON text, which is known to be valid. */
function checkKeys(text: string): void {
  const open: (Set<string> | undefined)[] = []; // keys of the objects that a piece is in; undefined for lists
  let last = '';
  for (const [mark] of text.matchAll(JSON_MARKS)) {
    if (mark === '{') open.push(new Set());
    else if (mark === '[') open.push(undefined);
    else if (mark === '}' || mark === ']') open.pop();
    else if (mark !== ':') last = mark;
    else {
      const keys = open.at(-1)!;
      const key = last.includes('\\') ? (JSON.parse(last) as string) : last.slice(1, -1);
      if (keys.has(key))
        throw new UsageError(`the key "${key}" stands twice in one object; expected each key once, remove one of them`);
      keys.add(key);
    }
  }
}

/**
 * Reads JSON that a user wrote. Throws SyntaxError where it is none, and UsageError where a key stands twice in one
 * object: JSON.parse would take the last and drop the others without a word.
 */
export function parseJson(text: string): unknown {
  const value: unknown = JSON.parse(text);
  checkKeys(text);
  return value;
}
