/** Clocks that jump: what is measured in seconds is measured by a clock that only goes forward. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { environment } from '../../src/store/environment.js';
import { executeRun } from '../../src/store/execute.js';
import { listRuns } from '../../src/store/runs.js';
import { cellOf } from './adder.js';
import { equal, gowide, OFTEN, serial, sweepArgs, type Check, type Measured, type Place } from './check.js';

const SEEDS = 24;
const DAY = 86_400_000;

/** A module after which every look at the time of day is a day off the one before. */
const hookOf = (direction: 1 | -1): string => `
const Real = Date;
let looks = 0;
const moved = () => Real.now() + ${direction * DAY} * ++looks;
globalThis.Date = class extends Real {
  constructor(...args) {
    if (args.length === 0) super(moved());
    else super(...args);
  }
  static now() {
    return moved();
  }
};
`;

/** Runs found, and what of their times cannot be. */
function timesOf(out: string, from: number, wallSeconds: number): { readonly moved: number; readonly odd: string[] } {
  const sessions = listRuns(out).runs.flatMap(({ environments, seconds }) =>
    environments.map((entry) => ({ started: Date.parse(entry.started), seconds: [entry.seconds, seconds ?? 0] })),
  );
  const odd = sessions.flatMap(({ seconds }) => seconds).filter((took) => !(took >= 0 && took <= wallSeconds));
  const moved = sessions.filter(({ started }) => Math.abs(started - from) > DAY / 2).length;
  return { moved, odd: odd.map((took) => `a run of ${took} s`) };
}

/** How long a run waits until it is to save, with the clock of this process moved by a day at each look. */
async function firstSave(out: string, direction: 1 | -1): Promise<number> {
  const real = Date;
  let looks = 0;
  const moved = (): number => real.now() + direction * DAY * ++looks;
  let waited = Infinity;
  globalThis.Date = class extends real {
    constructor(...args: [] | [number]) {
      super(...((args.length === 0 ? [moved()] : args) as [number]));
    }
    static override now(): number {
      return moved();
    }
  } as DateConstructor;
  try {
    await executeRun(cellOf(1), {
      out,
      environment: environment(null, 'selftest'),
      executors: {
        sum: async (context) => {
          context.save({ arrays: {}, position: '0' }); // from here on it waits, however late the run began
          const began = performance.now();
          while (!context.shouldSave() && performance.now() - began < LONGEST_MS);
          waited = performance.now() - began;
          return { result: {} };
        },
      },
      signal: new AbortController().signal,
      progress: () => {},
      saveSeconds: SAVE_SECONDS,
    });
  } finally {
    globalThis.Date = real;
  }
  return waited / 1000;
}

const SAVE_SECONDS = 0.3;

/** As long as a machine with other work may keep a process waiting. */
const LONGEST_MS = 30_000;

async function clock(place: Place): Promise<Measured> {
  const undisturbed = serial(place, SEEDS);
  const lines: string[] = [];
  let pass = true;
  for (const [name, direction] of [['earlier', -1] as const, ['later', 1] as const]) {
    const out = join(place.folder, `clock-${name}`);
    const hook = join(place.folder, `clock-${name}.mjs`);
    writeFileSync(hook, hookOf(direction));
    const [from, began] = [new Date().getTime(), performance.now()];
    const env = { ...OFTEN, NODE_OPTIONS: `--import=${pathToFileURL(hook).href}` };
    const { status, stderr } = gowide(place, sweepArgs(place.folder, out, SEEDS), env);
    const { moved, odd } = timesOf(out, from, (performance.now() - began) / 1000 + 1);
    const waited = await firstSave(join(place.folder, `save-${name}`), direction);
    const same = equal(out, undisturbed);
    // without the first, nothing was tried: the hook must have reached the processes
    pass &&=
      moved > 0 && status === 0 && same && odd.length === 0 && waited > SAVE_SECONDS / 2 && waited < LONGEST_MS / 1000;
    lines.push(
      `every look at the clock a day ${name}: status ${status}${status === 0 ? '' : ` ${stderr}`}, tables ` +
        `${same ? 'equal' : 'differ'}, ${moved} runs dated so, saved after ${waited.toFixed(1)} ` +
        `s${odd.length > 0 ? `, ${odd[0]}` : ''}`,
    );
  }
  return { pass, figure: lines.join('; ') };
}

/** The check of a time of day that jumps while runs are at work. */
export const CLOCK: Check = { id: 'clock', what: 'clock set back, or forward', run: clock };
