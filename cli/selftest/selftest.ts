/** Faults on purpose: what breaks in the field, done here and counted. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { FailureError, messageOf, unknownName } from '../../src/core/errors.js';
import type { Check, Measured, Place } from './check.js';
import { Children } from './children.js';
import { ENDURANCE } from './endurance.js';
import { DISKS } from './files.js';
import { INPUTS } from './fuzz.js';
import { PROCESSES } from './processes.js';
import { REDIS } from './redis.js';

/** Every check, in the order in which they are run. */
export const CHECKS: readonly Check[] = [...PROCESSES, ...REDIS, ...DISKS, ...INPUTS, ...ENDURANCE];

/** A check that was made. */
export interface Result extends Measured {
  readonly id: string;
  readonly what: string;
  readonly seconds: number;
}

/** What is checked, how thoroughly, and who hears of it. */
export interface SelftestOptions {
  /** The executable's module. */
  readonly program: string;
  /** Names of the checks to make; all without it. */
  readonly checks: readonly string[] | undefined;
  /** 1 as issued; smaller numbers for a shorter form. */
  readonly share: number;
  /** Seconds after which a check has failed and its processes are ended. */
  readonly limitSeconds: number;
  readonly onResult: (result: Result) => void;
  readonly onLine: (check: string, line: string) => void;
}

/** Makes the checks, one after the other, in a temporary folder. Throws UsageError on an unknown name. */
export async function selftest({ checks, onResult, ...options }: SelftestOptions): Promise<Result[]> {
  for (const name of checks ?? [])
    if (!CHECKS.some(({ id }) => id === name))
      throw unknownName(
        'check',
        name,
        CHECKS.map(({ id }) => id),
      );
  const root = mkdtempSync(join(tmpdir(), 'gowide-selftest-'));
  const results: Result[] = [];
  const common = join(root, 'common');
  try {
    for (const check of CHECKS.filter(({ id }) => checks?.includes(id) ?? true)) {
      const folder = join(root, check.id);
      const result = await runCheck(check, { ...options, folder, common });
      results.push(result);
      onResult(result);
      rmSync(folder, { recursive: true, force: true });
    }
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
  return results;
}

/** Signals that end the selftest, and its processes before. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Makes one check. When it is over, because it came to its end, threw, took longer than its limit or was interrupted,
 * no process is left of it.
 */
export async function runCheck(
  { id, what, run }: Check,
  {
    folder,
    common,
    program,
    share,
    limitSeconds,
    onLine,
  }: Pick<SelftestOptions, 'program' | 'share' | 'limitSeconds' | 'onLine'> & Pick<Place, 'folder' | 'common'>,
): Promise<Result> {
  for (const one of [folder, common]) mkdirSync(one, { recursive: true });
  const started = performance.now();
  const children = new Children();
  const interrupt = (): void => process.exit(130); // whose "exit" ends the children
  SIGNALS.forEach((signal) => process.on(signal, interrupt));
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new FailureError(`not over after ${limitSeconds} s`)), limitSeconds * 1000);
  });
  let measured: Measured;
  try {
    const check = run({ folder, common, program, children, share, say: (line) => onLine(id, line) });
    measured = await Promise.race([check, limit]);
  } catch (error) {
    measured = { pass: false, figure: `could not be run to its end: ${messageOf(error)}` };
  } finally {
    clearTimeout(timer);
    // A signal that came while the check worked in one stretch is heard in the next turn of the event loop, and the
    // turn that is under way may be past that.
    for (let turn = 0; turn < 2; turn++) await setImmediate();
    SIGNALS.forEach((signal) => process.off(signal, interrupt));
    await children.end();
  }
  return { id, what, ...measured, seconds: Math.round((performance.now() - started) / 100) / 10 };
}
