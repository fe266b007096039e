/** Processes that are killed, stopped, doubled, or told a wrong time. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { FILES, listRuns } from '../../src/store/runs.js';
import {
  chances,
  equal,
  gowide,
  isOneLine,
  OFTEN,
  Running,
  scaled,
  serial,
  sweepArgs,
  tablesOf,
  type Check,
  type Place,
} from './check.js';
import { CLOCK } from './clock.js';

const SEEDS = 24;

/** Folders of the runs that some process went on with from a saved state. */
function wentOn(out: string): string[] {
  return listRuns(out)
    .runs.filter(({ environments }) => environments.some(({ resumed }) => resumed))
    .map(({ folder }) => folder);
}

/** Folders of the unfinished runs that have a saved state. */
function savedIn(out: string): string[] {
  return listRuns(out)
    .runs.filter(({ status, folder }) => status !== 'finished' && existsSync(join(folder, FILES.last)))
    .map(({ folder }) => folder);
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
    figure: `${kills} kills in ${sweeps} sweeps of ${SEEDS} cells, ${starts} starts, ${resumed} runs gone on with from a saved state; tables that differ from the undisturbed serial run: ${wrong}`,
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

/** Signals are sent as soon as a cell is at work. */
async function started(running: Running, out: string): Promise<void> {
  for (const began = performance.now(); tablesOf(out).runs < 2 && performance.now() - began < 60_000;)
    await Promise.race([running.ended, sleep(20)]);
}

async function interrupted(
  place: Place,
  signals: readonly NodeJS.Signals[],
  seconds: number,
): Promise<{ pass: boolean; figure: string }> {
  const undisturbed = serial(place, 4 * SEEDS);
  const out = join(place.folder, 'stopped');
  const running = new Running(place, [...sweepArgs(place.folder, out, 4 * SEEDS), '--jobs', '2']);
  await started(running, out);
  const from = performance.now();
  for (const signal of signals) {
    running.kill(signal);
    await sleep(50);
  }
  const { status, stderr } = await running.ended;
  const took = (performance.now() - from) / 1000;
  const stopped = tablesOf(out).runs;
  const saved = savedIn(out);
  const again = gowide(place, sweepArgs(place.folder, out, 4 * SEEDS));
  const gone = wentOn(out);
  const lost = saved.filter((folder) => !gone.includes(folder));
  return {
    pass:
      status === 130 &&
      took < seconds &&
      isOneLine(stderr) &&
      again.status === 0 &&
      equal(out, undisturbed) &&
      lost.length === 0 &&
      (signals.length > 1 || saved.length > 0),
    figure: `status ${status} after ${took.toFixed(1)} s with ${stopped} of ${4 * SEEDS} cells and ${saved.length} saved states, ${lost.length} of them not gone on with; the same command ended with ${again.status}; tables ${equal(out, undisturbed) ? 'equal' : 'differ'}`,
  };
}

export const PROCESSES: readonly Check[] = [
  { id: 'kill', what: 'kill -9 of a worker or of the command at random moments', run: killAtRandom },
  { id: 'two-processes', what: 'two processes on the same store at once', run: twice },
  CLOCK,
  {
    id: 'ctrl-c-twice',
    what: 'Ctrl-C twice: ends at once, and loses nothing',
    run: (place) => interrupted(place, ['SIGINT', 'SIGINT'], 5),
  },
  { id: 'sigterm', what: 'SIGTERM: saves and ends within 10 s', run: (place) => interrupted(place, ['SIGTERM'], 10) },
];
