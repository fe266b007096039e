/** Files that a user writes: texts, and declarations in JSON. */
import { constants } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { naming, messageOf, UsageError } from '../core/errors.js';
import { JSON_MARKS, parseJson } from '../core/json.js';
import { currentSpec } from '../core/spec.js';
import { asFileError } from './atomic.js';
import { pointerInstead, textInstead } from './instead.js';
import { readRegular } from './regular.js';

/** Bytes of an unpacked text, at most: 2 GiB. */
const MOST_TEXT = 2 ** 31 - 1;

/** NUL characters that may be dropped, as a share of a text; one may be in any. UTF-16 has a tenth to a half. */
const MOST_NUL = 0.01;

interface TextOptions {
  readonly keepMark?: boolean;
  readonly gzipped?: boolean;
  readonly dropNul?: boolean;
}

/**
 * Reads a text in UTF-8, without its byte order mark unless `keepMark`; a `gzipped` one is unpacked. Throws UsageError
 * when it cannot be read, is a pointer of Git LFS, is not UTF-8, has a NUL character or is no whole gzip file. With
 * `dropNul` a few of these are dropped, as BERT's tokenizer drops them: one slip is no reason to refuse a table. A file
 * that has many is binary, or UTF-16.
 */
export function readText(
  path: string,
  { keepMark = false, gzipped = false, dropNul = false }: TextOptions = {},
): string {
  let text: string;
  try {
    const bytes = gzipped ? unpacked(path, bytesOf(path), MOST_TEXT) : bytesOf(path);
    const said = pointerInstead(bytes);
    if (said !== undefined) throw new UsageError(`${path}: ${said}`);
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: keepMark }).decode(bytes);
  } catch (error) {
    throw error instanceof TypeError
      ? new UsageError(`${path}: not valid UTF-8; expected a text in UTF-8`)
      : asFileError(error, path);
  }
  const at = text.indexOf('\0');
  if (at < 0) return text;
  if (dropNul) {
    const rest = text.replaceAll('\0', '');
    if (text.length - rest.length <= Math.max(1, MOST_NUL * text.length)) return rest;
  }
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

/** The lines of a text, whichever of the usual characters they end in. */
export function linesOf(text: string): string[] {
  return withLineFeeds(text).split(/\r?\n/);
}

/**
 * The bytes of a gzipped file, unpacked; at most `most` of them. Throws UsageError naming the file when it is no whole
 * gzip file.
 */
export function unpacked(path: string, bytes: Uint8Array, most: number = constants.MAX_LENGTH): Uint8Array {
  try {
    return gunzipSync(bytes, { maxOutputLength: most });
  } catch (error) {
    const said = textInstead(bytes, 'a gzip file');
    if (said !== undefined) throw new UsageError(`${path}: ${said}`);
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
 * Reads a JSON file that holds one object; of a key that stands twice the last counts, as for the libraries that write
 * such files. Throws UsageError when it cannot be read, is not JSON, or is something else.
 */
export function readConfig(path: string): Readonly<Record<string, unknown>> {
  return readObject(path);
}

/** The object that a JSON file holds; undefined where there is no such file, or it holds something else. */
export function objectIn(path: string): Readonly<Record<string, unknown>> | undefined {
  try {
    return readConfig(path);
  } catch (error) {
    if (error instanceof UsageError) return undefined;
    throw error;
  }
}

/**
 * Reads a JSON file, whatever it holds. Throws UsageError when it cannot be read, is empty or is not JSON.
 *
 * @param expected what the file is for, with its article, which is said of an empty one.
 */
export function readJson(
  path: string,
  expected = 'JSON',
  parse: (text: string) => unknown = (text) => JSON.parse(text),
): unknown {
  const text = readText(path);
  if (text.trim() === '') throw new UsageError(`${path}: the file is empty; expected ${expected}`);
  checkDepth(text, path);
  try {
    return naming(path, () => parse(text));
  } catch (error) {
    throw error instanceof SyntaxError ? new UsageError(`${path}: not valid JSON: ${error.message}`) : error;
  }
}

function readObject(path: string, parse?: (text: string) => unknown): Readonly<Record<string, unknown>> {
  const value = readJson(path, 'a JSON object', parse);
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
 * value that has another name now. Throws UsageError where an old key stands beside the new one, or a key stands twice
 * in one object.
 */
export function readDeclaration(path: string, notice: (line: string) => void): Readonly<Record<string, unknown>> {
  const given = readObject(path, parseJson);
  const { value, notes } = naming(path, () => currentSpec(given));
  for (const note of notes) notice(`${path}: ${note}`);
  return value;
}
