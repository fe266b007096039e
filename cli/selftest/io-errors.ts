/** An I/O error at every single call of the store, one run for each. */
import { readdirSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { FailureError, messageOf, UsageError } from '../../src/core/errors.js';
import { FILES } from '../../src/store/runs.js';
import { addUp, cellOf, hasWrongFigures, undisturbed, type Reference } from './adder.js';
import { firstOf, tablesOf, type Check, type Measured, type Place } from './check.js';
import { isBelow, isFlush, listenToFiles, STORE_CALLS, withoutFlushes, writes, type FileCall } from './file-calls.js';

const STEPS = 4;

/**
 * Whether the failure of a call means that something is not on the disk: a run that is called finished after one is a
 * lie. A lock that cannot be given back is none.
 */
const mustBeSaid = ({ name, paths }: FileCall): boolean =>
  ['writeSync', 'fsyncSync', 'ftruncateSync', 'renameSync'].includes(name) &&
  !paths.some((path) => basename(path).startsWith(FILES.lock));

/** Whether a call needs room on the disk. */
const needsRoom = (call: FileCall): boolean =>
  call.name === 'fsyncSync' || (writes(call) && !/^(?:rm|rmdir|unlink)Sync$/.test(call.name));

/** How a disk fails: with which code, once or from then on, and in which calls. */
interface Failure {
  readonly code: string;
  readonly stays: boolean;
  readonly hits: (call: FileCall) => boolean;
}

const FAILURES: readonly Failure[] = [
  { code: 'EIO', stays: false, hits: () => true },
  { code: 'ENOSPC', stays: true, hits: needsRoom },
];

interface Attempt {
  /** The call that failed first; undefined when the run made fewer. */
  readonly failed: FileCall | undefined;
  /** What the run ended with. */
  readonly error: unknown;
}

/** Does the run with an error at its n-th call on files of the store. */
async function failAt(out: string, n: number, { code, stays, hits }: Failure): Promise<Attempt> {
  let calls = 0;
  let failed: FileCall | undefined;
  const restore = listenToFiles(STORE_CALLS, {
    omits: isFlush,
    before: (call) => {
      if (!call.paths.some((path) => isBelow(out, path)) || !hits(call)) return;
      calls++;
      if (calls < n || (calls > n && !stays)) return;
      failed ??= call;
      throw Object.assign(new Error(`${code}: made by the selftest, ${call.name} '${call.paths[0]}'`), { code });
    },
  });
  try {
    await addUp(out, cellOf(STEPS));
    return { failed, error: undefined };
  } catch (error) {
    return { failed, error };
  } finally {
    restore();
  }
}

/** What is wrong after an attempt and after the same run again without errors; undefined when nothing is. */
async function wrongAfter(out: string, { failed, error }: Attempt, reference: Reference): Promise<string | undefined> {
  if (error !== undefined && !(error instanceof UsageError || error instanceof FailureError))
    return `ended with ${error instanceof Error ? String(error.stack).slice(0, 300) : 'something that is no error'}`;
  if (messageOf(error).includes('\n')) return `said in several lines: ${messageOf(error).slice(0, 200)}`;
  if (error === undefined && mustBeSaid(failed!)) return 'was called finished all the same';
  if (error === undefined && tablesOf(out).hash !== reference.hash) return 'was called finished, with other tables';
  if (hasWrongFigures(out, reference)) return 'left wrong figures';
  try {
    await withoutFlushes(() => addUp(out, reference.cell));
  } catch (later) {
    return `could not be gone on with: ${messageOf(later).slice(0, 200)}`;
  }
  return tablesOf(out).hash === reference.hash ? undefined : 'led to other tables when it was gone on with';
}

/** Open files of this process; 0 where the system does not say. */
function openFiles(): number {
  return process.platform === 'linux' ? readdirSync('/proc/self/fd').length : 0;
}

async function everyCall(place: Place): Promise<Measured> {
  const reference = await undisturbed(join(place.folder, 'whole'), cellOf(STEPS));
  const before = openFiles();
  const wrong: string[] = [];
  const counts: string[] = [];
  for (const failure of FAILURES) {
    for (let n = 1; ; n++) {
      const out = join(place.folder, 'failing');
      const attempt = await failAt(out, n, failure);
      if (attempt.failed === undefined) {
        counts.push(`${failure.code} at each of ${n - 1} calls`);
        break;
      }
      const what = await wrongAfter(out, attempt, reference);
      if (what !== undefined) wrong.push(`${failure.code} at call ${n} (${attempt.failed.name}) ${what}`);
      rmSync(out, { recursive: true, force: true });
    }
    rmSync(join(place.folder, 'failing'), { recursive: true, force: true });
  }
  const left = openFiles() - before;
  return {
    pass: wrong.length === 0 && left <= 0,
    figure: `${counts.join(', ')}: ${wrong.length} not borne${firstOf(wrong)}; files left open: ${Math.max(0, left)}`,
  };
}

/** The check of an error at every single call that a run makes to the file system. */
export const IO_ERRORS: Check = {
  id: 'io-error',
  what: 'an I/O error, or a full disk, at every single call of a run: named, and gone on with',
  run: everyCall,
};
