/** Faults on purpose: what breaks in the field, done here and counted. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { unknownName } from '../../src/core/errors.js';
import type { Check, Measured } from './check.js';
import { ENDURANCE } from './endurance.js';
import { DISKS } from './files.js';
import { INPUTS } from './fuzz.js';
import { PROCESSES } from './processes.js';
import { REDIS } from './redis.js';

export const CHECKS: readonly Check[] = [...PROCESSES, ...REDIS, ...DISKS, ...INPUTS, ...ENDURANCE];

export interface Result extends Measured {
  readonly id: string;
  readonly what: string;
  readonly seconds: number;
}

export interface SelftestOptions {
  readonly program: string;
  readonly checks: readonly string[] | undefined;
  /** 1 as issued; smaller numbers for a shorter form. */
  readonly share: number;
  readonly onResult: (result: Result) => void;
  readonly onLine: (check: string, line: string) => void;
}

/** Runs the checks, one after the other, in a temporary folder. Throws UsageError on an unknown name. */
export async function selftest({ program, checks, share, onResult, onLine }: SelftestOptions): Promise<Result[]> {
  for (const name of checks ?? [])
    if (!CHECKS.some(({ id }) => id === name))
      throw unknownName(
        'check',
        name,
        CHECKS.map(({ id }) => id),
      );
  const root = mkdtempSync(join(tmpdir(), 'gowide-selftest-'));
  const results: Result[] = [];
  try {
    for (const { id, what, run } of CHECKS.filter((check) => checks?.includes(check.id) ?? true)) {
      const folder = join(root, id);
      mkdirSync(folder);
      const started = performance.now();
      let measured: Measured;
      try {
        measured = await run({ folder, program, share, say: (line) => onLine(id, line) });
      } catch (error) {
        measured = { pass: false, figure: `could not be run to its end: ${(error as Error).message}` };
      }
      const result = { id, what, ...measured, seconds: Math.round((performance.now() - started) / 100) / 10 };
      results.push(result);
      onResult(result);
      rmSync(folder, { recursive: true, force: true });
    }
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
  return results;
}
