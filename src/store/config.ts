/** Declarations that a user writes. */
import { readFileSync } from 'node:fs';
import { UsageError } from '../core/errors.js';
import { asFileError } from './atomic.js';

/** Reads a JSON file that holds one object. Throws UsageError when it cannot be read, is not JSON, or is something else. */
export function readConfig(path: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(readFileSync(path, 'utf8'));
    if (value === null || typeof value !== 'object' || Array.isArray(value)) throw new UsageError(`${path}: expected a JSON object`);
    return value as Readonly<Record<string, unknown>>;
  } catch (error) {
    throw error instanceof SyntaxError ? new UsageError(`${path}: not valid JSON: ${error.message}`) : asFileError(error, path);
  }
}
