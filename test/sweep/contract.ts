/**
 * What every sweep back end promises, as tests. A back end is given with a {@link Site}: what it takes to run a sweep
 * with it from beginning to end, such as workers, a queue or a cluster.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { tablesOf } from '../../cli/selftest/check.js';
import { FailureError, InterruptedError, UsageError } from '../../src/core/errors.js';
import type { Cell } from '../../src/core/run.js';
import { environment } from '../../src/store/environment.js';
import { executeRun } from '../../src/store/execute.js';
import type { Sweep, SweepBackend } from '../../src/sweep/backends/backend.js';
import { controlOf, type Control } from '../../src/sweep/backends/registry.js';
import { withRequired } from '../../src/sweep/work.js';
import { cellOf, newFolder, RUNNERS, WORKER } from './cells.js';

/** A back end at work. */
export interface Site {
  /** Runs a sweep to its end: where the back end only submits it, until what was submitted has ended. */
  run(sweep: Sweep): Promise<unknown>;
  /** Stops the sweep where that is not done by the signal that {@link run} was given. */
  stop?(): void;
  /** Process to kill so that the worker of a cell is lost; the one that runs the cell where it is not said. */
  victim?(line: JournalLine): number;
  /** Values of the options that say which sweep is meant. */
  readonly values?: Readonly<Record<string, unknown>>;
  close?(): Promise<void>;
}

/** What a cell wrote when it began, saved itself because it was stopped, or ended. */
export interface JournalLine {
  readonly event: 'begin' | 'save' | 'end';
  readonly arm: string;
  readonly seed: number;
  readonly pid: number;
  /** The process that started {@link pid}. */
  readonly parent: number;
}

/** Long enough to be stopped, or killed, in the middle. */
const SLOW = { milliseconds: 200 };
const CELLS: readonly Cell[] = [1, 2].flatMap((seed) => [
  cellOf('direct', seed, { ...SLOW, wide: SLOW }),
  cellOf('kd', seed, { ...SLOW, wide: SLOW }),
  cellOf('wide', seed, SLOW),
]);
const OTHERS: readonly Cell[] = [cellOf('wide', 9, SLOW)];
const nameOf = ({ arm, seed }: { arm: string; seed: number }): string => `${arm} ${seed}`;

/** The store of {@link makeSerialStore}, made once for all back ends: nothing writes to it. */
let serialStore: Promise<string> | undefined;

/** A store in which one process ran the cells one after the other, without any back end. */
async function makeSerialStore(): Promise<string> {
  const out = newFolder();
  const executors = Object.fromEntries(Object.entries(RUNNERS).map(([kind, { execute }]) => [kind, execute]));
  const { signal } = new AbortController();
  for (const cell of withRequired(CELLS, RUNNERS).values())
    await executeRun(cell, { out, environment: environment(null, 'test'), executors, signal, progress: () => {} });
  return out;
}

/** The tests of a back end. `missing` says why it cannot be tried here. */
export function contract(
  name: string,
  backend: SweepBackend,
  { open, missing }: { readonly open: (folder: string) => Promise<Site>; readonly missing?: string | undefined },
): void {
  describe.skipIf(missing !== undefined)(`the back end ${name}${missing === undefined ? '' : ` (${missing})`}`, () => {
    let serial = '';
    let site: Site;
    let out = '';
    let journalFile = '';
    let stopping = new AbortController();
    const journal = (): JournalLine[] =>
      existsSync(journalFile)
        ? readFileSync(journalFile, 'utf8')
            .split('\n')
            .slice(0, -1)
            .map((line) => JSON.parse(line) as JournalLine)
        : [];
    const noted = (event: JournalLine['event']): string[] =>
      journal()
        .filter((line) => line.event === event)
        .map(nameOf);
    const until = async (holds: () => boolean): Promise<void> => {
      for (const from = performance.now(); !holds(); await sleep(20))
        if (performance.now() - from > 60_000)
          throw new Error(`waited a minute; the journal: ${noted('begin').join()}`);
    };
    const run = async (cells = CELLS): Promise<unknown> => {
      const file = join(newFolder(), 'cells.json');
      writeFileSync(file, JSON.stringify(cells));
      stopping = new AbortController();
      const tensors = Promise.resolve({ engine: { name: 'wasm', why: 'test' }, devices: [] } as const);
      const workers = { out, tensors, command: 'test', runners: RUNNERS } as const;
      return site.run({
        cells,
        out,
        runners: RUNNERS,
        jobs: 2,
        signal: stopping.signal,
        notice: () => {},
        progress: () => () => {},
        workers: () => Promise.resolve({ ...workers, jobs: 2, worker: WORKER }),
        command: (jobs) => [
          process.execPath,
          join(import.meta.dirname, 'program.mjs'),
          'task',
          file,
          out,
          String(jobs),
        ],
      });
    };
    beforeAll(async () => {
      serial = await (serialStore ??= makeSerialStore());
    });
    beforeEach(async () => {
      [out, journalFile] = [newFolder(), join(newFolder(), 'journal')];
      process.env.GOWIDE_JOURNAL = journalFile;
      process.env.GOWIDE_SAVE_SECONDS = '0.05';
      site = await open(newFolder());
    });
    afterEach(async () => {
      stopping.abort();
      await site.close?.();
      delete process.env.GOWIDE_JOURNAL;
      delete process.env.GOWIDE_SAVE_SECONDS;
    });

    test('runs every cell once, after those that it requires, and leaves what a serial run leaves', async () => {
      await run();
      const every = CELLS.map(nameOf).sort();
      expect(noted('begin').sort()).toEqual(every);
      expect(noted('end').sort()).toEqual(every);
      const events = journal().map(({ event, ...line }) => `${event} ${nameOf(line)}`);
      for (const { arm, seed } of CELLS.filter((cell) => cell.arm !== 'wide'))
        expect(events.indexOf(`begin ${arm} ${seed}`)).toBeGreaterThan(events.indexOf(`end wide ${seed}`));
      expect(tablesOf(out)).toEqual(tablesOf(serial));
      expect(tablesOf(out).runs).toBe(CELLS.length);
      await run();
      expect(noted('begin')).toHaveLength(CELLS.length);
    });

    test('a sweep that is stopped is finished by the same sweep, and nothing that was finished is done again', async () => {
      const first = run().catch((error: unknown) => error);
      await until(() => noted('end').length > 0);
      if (site.stop === undefined) stopping.abort();
      else site.stop();
      const error = await first;
      if (site.stop === undefined) expect(error).toBeInstanceOf(InterruptedError);
      await run();
      expect(noted('end').sort()).toEqual(CELLS.map(nameOf).sort());
      expect(tablesOf(out)).toEqual(tablesOf(serial));
    });

    test('a worker that is killed loses no cell: the sweep, or the same one again, finishes all', async () => {
      const first = run().catch((error: unknown) => error);
      await until(() => noted('begin').length > 0);
      const [line] = journal();
      process.kill(site.victim?.(line!) ?? line!.pid, 'SIGKILL');
      const error = await first;
      if (error instanceof Error) expect(error).toBeInstanceOf(FailureError);
      if (tablesOf(out).runs < CELLS.length) await run();
      expect(noted('begin').filter((cell) => cell === nameOf(line!)).length).toBeGreaterThan(1);
      expect(tablesOf(out)).toEqual(tablesOf(serial));
    });

    const actions = backend.control?.actions ?? {};
    const act = (action: Control): Promise<unknown> =>
      controlOf(action, { backend: name, ...site.values })((site.values ?? {}) as never);

    /** Workers are there, and work that they could take: silence means something half a second later. */
    const listening = async (): Promise<void> => {
      for (let there = false; !there; await sleep(there ? 500 : 50)) {
        const { counts } = (await act('status')) as { readonly counts: Readonly<Record<string, number>> };
        there = counts.workers! > 0 && counts.waiting! > 0;
      }
    };

    if (actions.pause !== undefined)
      test('takes nothing while it is paused, and goes on when resumed', async () => {
        await act('pause');
        const going = run();
        await listening();
        expect(journal()).toEqual([]);
        expect(await act('status')).toMatchObject({ counts: { paused: true }, active: [] });
        await act('resume');
        await going;
        expect(tablesOf(out)).toEqual(tablesOf(serial));
      });

    if (actions.cancel !== undefined)
      test('drops what is not finished when it is cancelled', async () => {
        await act('pause');
        const going = run(OTHERS).catch((error: unknown) => error);
        await listening();
        await act('cancel');
        expect(await going).toBeInstanceOf(InterruptedError);
        expect(noted('end')).toEqual([]);
        expect(tablesOf(out).runs).toBe(0);
      });

    test('says in one line what it cannot do', () => {
      for (const action of ['status', 'pause', 'resume', 'cancel'] as const) {
        if (actions[action] !== undefined) continue;
        const ask = (): unknown => controlOf(action, { backend: name });
        expect(ask).toThrow(UsageError);
        expect(ask).toThrow(
          new RegExp(`^the back end "${name}" has no "sweep ${action}"; back ends that can: [^\n]*$`),
        );
      }
    });
  });
}
