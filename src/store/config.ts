/** Files that a user writes: texts, and declarations in JSON. */
import { constants } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { messageOf, UsageError } from '../core/errors.js';
import { JSON_MARKS, parseJson } from '../core/json.js';
import { currentSpec } from '../core/spec.js';
import { asFileError } from './atomic.js';
import { readRegular } from './regular.js';

/** Bytes of an unpacked text, at most: 2 GiB. */
const MOST_TEXT = 2 ** 31 - 1;

/**
 * Reads a text in UTF-8, without its byte order mark unless `keepMark`; a `gzipped` one is unpacked. Throws UsageError
 * when it cannot be read, is not UTF-8, has a NUL character or is no whole gzip file.
 */
export function readText(
  path: string,
  { keepMark = false, gzipped = false }: { readonly keepMark?: boolean; readonly gzipped?: boolean } = {},
): string {
  let text: string;
  try {
    const bytes = gzipped ? unpacked(path, bytesOf(path), MOST_TEXT) : bytesOf(path);
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: keepMark }).decode(bytes);
  } catch (error) {
    throw error instanceof TypeError
      ? new UsageError(`${path}: not valid UTF-8; expected a text in UTF-8`)
      : asFileError(error, path);
  }
  const at = text.indexOf('\0');
  if (at < 0) return text;
  const line = text.slice(0, at).split('\n').length;
  throw new UsageError(`${path}: not a text file: line ${line} has a NUL character; expected a text in UTF-8`);
}

/**
 * A text without a line feed in it whose lines end in carriage returns alone, as spreadsheets on a Mac may write them,
 * with line feeds; any other text as it is.
 */
export function withLineFeeds(text: string): string {
  return text.includes('\n') ? text : text.replaceAll('\r', '\n');
}

/**
 * The bytes of a gzipped file, unpacked; at most `most` of them. Throws UsageError naming the file when it is no whole
 * gzip file.
 */
export function unpacked(path: string, bytes: Uint8Array, most: number = constants.MAX_LENGTH): Uint8Array {
  try {
    return gunzipSync(bytes, { maxOutputLength: most });
  } catch (error) {
    throw new UsageError(`${path}: not a whole gzip file (${messageOf(error)}); fetch it again`);
  }
}

/** The bytes of a file that a user names. What a shell hands over (`<(…)`, `/dev/stdin`) is a pipe, and is read. */
function bytesOf(path: string): Uint8Array {
  return /^\/(dev|proc\/self)\/(fd\/|stdin$)/.test(path) ? readFileSync(path) : readRegular(path, { links: true });
}

/** Deeper than any declaration, and far from what the program could not walk through. */
const MOST_DEPTH = 200;

/** Throws UsageError on JSON that is nested so deep that it is no declaration. */
function checkDepth(text: string, path: string): void {
  let [depth, quoted] = [0, false];
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (quoted) {
      if (character === '\\') at++;
      else if (character === '"') quoted = false;
    } else if (character === '"') quoted = true;
    else if (character === '{' || character === '[') depth++;
    else if (character === '}' || character === ']') depth--;
    if (depth > MOST_DEPTH)
      throw new UsageError(`${path}: lists and objects within each other more than ${MOST_DEPTH} deep; expected fewer`);
  }
}

/**
 * Reads a JSON file that holds one object. Throws UsageError when it cannot be read, is not JSON, or is something else.
 */
export function readConfig(path: string): Readonly<Record<string, unknown>> {
  const text = readText(path);
  checkDepth(text, path);
  let value: unknown;
  try {
    value = parseJson(text);
  } catch (error) {
    if (error instanceof SyntaxError) throw new UsageError(`${path}: not valid JSON: ${error.message}`);
    throw error instanceof UsageError ? new UsageError(`${path}: ${error.message}`) : error;
  }
  if (value === null || typeof value !== 'object' || Array.isArray(value))
    throw new UsageError(`${path}: expected a JSON object`);
  return value as Readonly<Record<string, unknown>>;
}

/**
 * Reads a JSON file that holds one object, its keys in the order of the file: an object of JavaScript puts keys that
 * are whole numbers first. Throws UsageError as {@link readConfig} does.
 */
export function readEntries(path: string): ReadonlyMap<string, unknown> {
  const values = readConfig(path);
  const found = new Map<string, unknown>();
  let [depth, last] = [0, ''];
  for (const [mark] of readText(path).matchAll(JSON_MARKS)) {
    if (mark === '{' || mark === '[') depth++;
    else if (mark === '}' || mark === ']') depth--;
    else if (mark !== ':') last = mark;
    else if (depth === 1) {
      const key = JSON.parse(last) as string;
      found.set(key, values[key]);
    }
  }
  return found;
}

/**
 * Reads a declaration as {@link readConfig} does, in the words of this version: `notice` gets one line for each key or
 * value that has another name now. Throws UsageError where an old key stands beside the new one.
 */
export function readDeclaration(path: string, notice: (line: string) => void): Readonly<Record<string, unknown>> {
  const given = readConfig(path);
  try {
    const { value, notes } = currentSpec(given);
    for (const note of notes) notice(`${path}: ${note}`);
    return value;
  } catch (error) {
    throw error instanceof UsageError ? new UsageError(`${path}: ${error.message}`) : error;
  }
}
