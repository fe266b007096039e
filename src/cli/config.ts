/** Declarations that a user writes. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { messageOf, UsageError } from '../core/errors.js';
import { asFileError } from '../store/atomic.js';

/** Reads a JSON file. Throws UsageError when it cannot be read, or is not JSON. */
export function readConfig(path: string): unknown {
  let text: string;
  try {
    text = readFileSync(resolve(path), 'utf8');
  } catch (error) {
    throw asFileError(error, path);
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new UsageError(`${path}: expected JSON: ${messageOf(error)}`);
  }
}
