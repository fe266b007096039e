import { createHash } from 'node:crypto';
import { UsageError } from './errors.js';

/** A value that JSON can hold. A member that is undefined is left out, as JSON leaves it out. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json | undefined };

/** `Array.isArray` for values of JSON: the standard library's takes no readonly array for one. */
const isList = (value: Json): value is readonly Json[] => Array.isArray(value);

/** JSON with sorted keys and no spaces: equal values give equal text. Throws on a number that JSON cannot hold. */
export function canonicalJson(value: Json): string {
  if (typeof value === 'number' && !Number.isFinite(value))
    throw new RangeError(`canonicalJson: ${value} is not a JSON number`);
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  if (isList(value)) return `[${value.map(canonicalJson).join(',')}]`;
  const entries = Object.keys(value)
    .sort()
    .flatMap((key) => {
      const member = value[key];
      return member === undefined ? [] : [`${JSON.stringify(key)}:${canonicalJson(member)}`];
    });
  return `{${entries.join(',')}}`;
}

/** First 12 hexadecimal digits of the SHA-256 of the canonical text. */
export function hashOf(value: Json): string {
  return createHash('sha256').update(canonicalJson(value)).digest('hex').slice(0, 12);
}

/** The pieces of a JSON text that tell where its keys are. */
export const JSON_MARKS = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\]:,]/g;

/** An object or a list that a piece of JSON is in. */
interface Open {
  /** Keys of an object so far; undefined for a list. */
  readonly keys?: Set<string>;
  /** The key or index that is being read. */
  at: string | number;
}

/** Throws UsageError on a key that stands twice in one object of a JSON text, which is known to be valid. */
function checkKeys(text: string): void {
  const open: Open[] = [];
  let last = '';
  for (const [mark] of text.matchAll(JSON_MARKS)) {
    const inner = open.at(-1);
    if (mark === '{') open.push({ keys: new Set(), at: '' });
    else if (mark === '[') open.push({ at: 0 });
    else if (mark === '}' || mark === ']') open.pop();
    else if (mark === ',') {
      if (typeof inner!.at === 'number') inner!.at++;
    } else if (mark !== ':') last = mark;
    else {
      const [keys, key] = [inner!.keys!, last.includes('\\') ? (JSON.parse(last) as string) : last.slice(1, -1)];
      if (keys.has(key)) {
        const path = open.slice(0, -1).map(({ at }) => at);
        throw new UsageError(
          `the key "${key}" stands twice in one object${path.length > 0 ? `, "${path.join('.')}"` : ''}; expected each ` +
            'key once, remove one of them',
        );
      }
      keys.add(key);
      inner!.at = key;
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
