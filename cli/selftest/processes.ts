/** Processes that are killed, stopped, doubled, or told a wrong time. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { listRuns } from '../../src/store/runs.js';
import {
  chances,
  equal,
  foldersIn,
  gowide,
  isOneLine,
  OFTEN,
  Running,
  scaled,
  serial,
  sweepArgs,
  type Check,
  type Ended,
  type Measured,
  type Place,
} from './check.js';
import { COMMAND_LIMIT } from './children.js';
import { CLOCK } from './clock.js';
import { TWO_HOSTS } from './hosts.js';

const SEEDS = 24;

/** Folders of the runs that some process went on with from a saved state. */
function wentOn(out: string): string[] {
  return listRuns(out)
    .runs.filter(({ environments }) => environments.some(({ resumed }) => resumed))
    .map(({ folder }) => folder);
}

/** Milliseconds between two looks at a store: the first, and the longest that later ones grow to. */
const LOOKS = { first: 20, longest: 500 };

/**
 * Waits until a condition on a store holds, or one of the commands has ended. Looks grow rarer, and end with the wait:
 * what looks often takes the time of the processes that it waits for.
 */
async function untilOrOver(commands: readonly Running[], holds: () => boolean): Promise<void> {
  const waits = new AbortController();
  let over = false;
  const ended = Promise.race(commands.map((one) => one.ended)).then(() => (over = true));
  for (let wait = LOOKS.first; !over && !holds(); wait = Math.min(1.5 * wait, LOOKS.longest))
    await Promise.race([ended, sleep(wait, undefined, { signal: waits.signal }).catch(() => {})]);
  waits.abort();
}

async function killAtRandom(place: Place): Promise<{ pass: boolean; figure: string }> {
  const wanted = scaled(100, place);
  const undisturbed = serial(place, SEEDS);
  const chance = chances('kill');
  let [kills, sweeps, starts, wrong, resumed] = [0, 0, 0, 0, 0];
  while (kills < wanted) {
    const out = join(place.folder, `killed-${++sweeps}`);
    for (;;) {
      starts++;
      const running = new Running(place, [...sweepArgs(place.folder, out, SEEDS), '--jobs', '2'], OFTEN);
      if (kills >= wanted) {
        await running.ended;
        break;
      }
      const ended = await Promise.race([running.ended, sleep(400 + 1200 * chance()).then(() => undefined)]);
      if (ended !== undefined) break;
      // on a busy machine a moment may be too early for any saved state: half of the kills wait for one
      if (chance() < 0.5) await untilOrOver([running], () => foldersIn(out).saved.length > 0);
      // a worker, or the command itself
      const pids = running.pids();
      running.kill('SIGKILL', pids[Math.floor(chance() * pids.length)]!);
      kills++;
      await running.ended;
    }
    gowide(place, sweepArgs(place.folder, out, SEEDS));
    if (!equal(out, undisturbed)) wrong++;
    resumed += wentOn(out).length;
    place.say(`${kills} of ${wanted} kills`);
  }
  return {
    // few kills may all have come between two cells, or before a first save
    pass: wrong === 0 && (resumed > 0 || kills < 20),
    figure:
      `${kills} kills in ${sweeps} sweeps of ${SEEDS} cells, ${starts} starts, ${resumed} runs gone on with from a ` +
      `saved state; tables that differ from the undisturbed serial run: ${wrong}`,
  };
}

/**
 * Three commands on one store, all of whose processes are killed again and again, several at a time and started again
 * at once, until the store is whole. Until a strike has left the lock of a process that is gone, all are killed.
 */
async function killStorm(place: Place): Promise<Measured> {
  // fewer are done before anything can be killed
  const cells = Math.max(16, scaled(200, place));
  const undisturbed = serial(place, cells);
  const chance = chances('storm');
  const out = join(place.folder, 'storm');
  const start = (): Running => new Running(place, [...sweepArgs(place.folder, out, cells), '--jobs', '2'], OFTEN);
  let commands = [start(), start(), start()];
  let [kills, starts, left] = [0, commands.length, 0];
  const most = scaled(120, place);
  const finished = (): number => foldersIn(out).finished.length;
  for (let before = 0; (kills < most || left === 0) && finished() < cells; before = finished()) {
    await Promise.race([...commands.map(({ ended }) => ended), sleep(300 + 900 * chance())]);
    // half of the strikes wait until a run has a saved state to lose; as many are spared as let the storm come forward
    const isFirst = left === 0;
    if (chance() < 0.5 || isFirst) await untilOrOver(commands, () => foldersIn(out).saved.length > 0);
    const pids = commands.flatMap((one) => one.pids());
    const share = isFirst ? 1 : finished() > before ? 0.7 : 0.3;
    for (const pid of pids.filter(() => chance() < share)) {
      commands[0]!.kill('SIGKILL', pid);
      kills++;
    }
    if (isFirst) {
      await Promise.all(commands.map(({ ended }) => ended));
      left = foldersIn(out).locked.length;
    }
    const over = await Promise.all(
      commands.map(({ ended }) => Promise.race([ended.then(() => true), sleep(50).then(() => false)])),
    );
    commands = commands.map((one, k) => (over[k] ? start() : one));
    starts += over.filter(Boolean).length;
    place.say(`${kills} kills, ${finished()} of ${cells} cells`);
  }
  const last = await Promise.all(commands.map(({ ended }) => ended));
  const { status, stderr } = gowide(place, sweepArgs(place.folder, out, cells));
  const verified = gowide(place, ['runs', 'verify', '--out', out]);
  const same = equal(out, undisturbed);
  const whole = status === 0 && same && verified.status === 0 && last.every((one) => isOneLine(one.stderr));
  return {
    pass: whole && left === 0 ? undefined : whole, // where all strikes came between two cells, nothing was shown
    figure:
      `${cells} cells, ${kills} kills, of which the first left ${left} locks, ${starts} starts: status ` +
      `${status}${status === 0 ? '' : ` ${stderr}`}, ${wentOn(out).length} runs gone on with; verify ` +
      `${verified.status}; tables ${same ? 'equal' : 'differ'}`,
  };
}

async function twice(place: Place): Promise<{ pass: boolean; figure: string }> {
  const undisturbed = serial(place, SEEDS);
  const out = join(place.folder, 'both');
  const both = [0, 1].map(() => new Running(place, [...sweepArgs(place.folder, out, SEEDS), '--jobs', '2']));
  const ended = await Promise.all(both.map(({ ended: end }) => end));
  const statuses = ended.map(({ status }) => status);
  return {
    pass: statuses.every((status) => status === 0) && equal(out, undisturbed),
    figure: `status ${statuses.join(' and ')}; tables ${equal(out, undisturbed) ? 'equal' : 'differ'}`,
  };
}

/** Seconds that stopped workers have to save: a command that waits for all of them is killed before, and fails. */
const LONG_GRACE = (10 * COMMAND_LIMIT) / 1000;

/** Stops a sweep as soon as cells are at work; returns how it ended and after how many seconds. */
async function stopSweep(
  place: Place,
  out: string,
  cells: number,
  signals: readonly NodeJS.Signals[],
): Promise<Ended & { readonly took: number }> {
  const env = { GOWIDE_GRACE_SECONDS: String(LONG_GRACE) };
  const running = new Running(place, [...sweepArgs(place.folder, out, cells), '--jobs', '2'], env);
  await untilOrOver([running], () => foldersIn(out).finished.length >= 2);
  const from = performance.now();
  for (const signal of signals) {
    running.kill(signal);
    await untilOrOver([running], () => running.stderr.includes('stopping'));
  }
  const late = setTimeout(() => running.kill('SIGKILL'), COMMAND_LIMIT);
  const ended = await running.ended;
  clearTimeout(late);
  return { ...ended, took: (performance.now() - from) / 1000 };
}

/** Sweeps that are stopped, as the first may be stopped between two cells, when there is nothing to save. */
const STOPS = 5;

async function interrupted(
  place: Place,
  signals: readonly NodeJS.Signals[],
): Promise<{ pass: boolean; figure: string }> {
  // fewer are done before the signal comes
  const cells = Math.max(32, scaled(4 * SEEDS, place));
  const undisturbed = serial(place, cells);
  // the second signal ends it before anything is saved
  const mustSave = signals.length === 1;
  for (let stop = 1; ; stop++) {
    const out = join(place.folder, `stopped-${stop}`);
    const { status, stderr, took } = await stopSweep(place, out, cells, signals);
    const { finished, saved } = foldersIn(out);
    if (mustSave && saved.length === 0 && stop < STOPS) continue;
    const again = gowide(place, sweepArgs(place.folder, out, cells));
    const gone = wentOn(out);
    const lost = saved.filter((folder) => !gone.includes(folder));
    const same = equal(out, undisturbed);
    return {
      pass:
        status === 130 &&
        isOneLine(stderr) &&
        again.status === 0 &&
        same &&
        lost.length === 0 &&
        (!mustSave || saved.length > 0),
      figure:
        `status ${status} after ${took.toFixed(1)} s with ${finished.length} of ${cells} cells and ` +
        `${saved.length} saved states, ${lost.length} of them not gone on with; the same command ended with ` +
        `${again.status}; tables ${same ? 'equal' : 'differ'}`,
    };
  }
}

/** The checks of processes that are killed, stopped, or at work on one store together. */
export const PROCESSES: readonly Check[] = [
  { id: 'kill', what: 'kill -9 of a worker or of the command at random moments', run: killAtRandom },
  { id: 'kill-storm', what: 'three commands on one store of 200 cells, killed over and over', run: killStorm },
  { id: 'two-processes', what: 'two processes on the same store at once', run: twice },
  TWO_HOSTS,
  CLOCK,
  {
    id: 'ctrl-c-twice',
    what: 'Ctrl-C twice: ends at once, and loses nothing',
    run: (place) => interrupted(place, ['SIGINT', 'SIGINT']),
  },
  {
    id: 'sigterm',
    what: 'SIGTERM: saves, and ends without waiting for what is over',
    run: (place) => interrupted(place, ['SIGTERM']),
  },
];
