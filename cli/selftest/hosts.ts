/**
 * Two machines on one store, as far as two containers of one are such: each has process numbers and a host name of its
 * own, so that neither can ask whether the other's processes live. One that is taken over while it stands still must
 * not write when it goes on.
 */
import { existsSync, mkdirSync, readFileSync, statSync, utimesSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { verifyStore } from '../../src/store/merge.js';
import { FILES } from '../../src/store/runs.js';
import {
  equal,
  foldersIn,
  gowide,
  isOneLine,
  OFTEN,
  Running,
  serial,
  sweepArgs,
  type Check,
  type Measured,
  type Place,
} from './check.js';

const SEEDS = 8;

/** Arguments of `unshare` that run a command on a machine of another name. */
const container = (name: string, command: readonly string[]): string[] => [
  ...(process.getuid?.() === 0 ? [] : ['-r']),
  ...['--pid', '--uts', '--fork', '--kill-child', '--mount-proc', 'sh', '-c', `hostname ${name} && exec "$@"`, 'sh'],
  ...command,
];

/** A command of the program on another host. */
const onHost = (place: Place, name: string, args: readonly string[]): Running =>
  new Running(place, container(name, [process.execPath, place.program, ...args]), OFTEN, 'unshare');

/** The lock of a run that is at work, once there is one; undefined when the sweep ends before. */
async function lockAtWork(out: string, running: Running): Promise<string | undefined> {
  let over = false;
  void running.ended.then(() => (over = true));
  for (; !over; await sleep(10)) {
    const { saved, locked } = foldersIn(out);
    const found = saved.find((folder) => locked.includes(folder));
    if (found !== undefined) return join(found, FILES.lock);
  }
  return undefined;
}

/** Two hosts sweep at once, all the way. */
async function together(place: Place, undisturbed: string): Promise<Measured> {
  const out = join(place.folder, 'together');
  const both = ['first-host', 'second-host'].map((name) =>
    onHost(place, name, [...sweepArgs(place.folder, out, SEEDS), '--jobs', '1']),
  );
  const ended = await Promise.all(both.map((one) => one.ended));
  const done = gowide(place, sweepArgs(place.folder, out, SEEDS));
  const same = equal(out, undisturbed);
  return {
    // one may leave a cell that the other is at work on, and say so
    pass:
      ended.every(({ status, stderr }) => [0, 1].includes(status ?? -1) && isOneLine(stderr)) &&
      done.status === 0 &&
      same,
    figure: `both at once: status ${ended.map(({ status }) => status).join(' and ')}, tables ${same ? 'equal' : 'differ'}`,
  };
}

/** One host stands still in the middle of a run, so long that the other takes it over; then it goes on. */
async function takenOver(place: Place, undisturbed: string): Promise<Measured> {
  const out = join(place.folder, 'taken');
  mkdirSync(place.folder, { recursive: true });
  const args = [...sweepArgs(place.folder, out, SEEDS), '--jobs', '1'];
  const first = onHost(place, 'first-host', args);
  const lock = await lockAtWork(out, first);
  if (lock === undefined) {
    const { status, stderr } = await first.ended;
    return { pass: status === 0 ? undefined : false, figure: `no run was met at work (status ${status}): ${stderr}` };
  }
  const pids = first.pids();
  pids.forEach((pid) => first.kill('SIGSTOP', pid));
  if (!existsSync(lock) || existsSync(join(dirname(lock), FILES.done))) {
    // the run has just ended: there is nothing to take over
    pids.forEach((pid) => first.kill('SIGCONT', pid));
    await first.ended;
    return { pass: undefined, figure: 'the run that was to be taken over had just ended' };
  }
  const before = readFileSync(lock, 'utf8');
  const young = await onHost(place, 'second-host', args).ended;
  const kept = existsSync(lock) && readFileSync(lock, 'utf8') === before;
  if (!kept) {
    pids.forEach((pid) => first.kill('SIGCONT', pid));
    await first.ended;
    return { pass: false, figure: `a young lock of another host was taken over (status ${young.status})` };
  }
  const old = statSync(lock).mtimeMs / 1000 - 3600;
  utimesSync(lock, old, old);
  const second = await onHost(place, 'second-host', args).ended;
  pids.forEach((pid) => first.kill('SIGCONT', pid));
  const { status, stderr } = await first.ended;
  const done = gowide(place, sweepArgs(place.folder, out, SEEDS));
  const { damaged } = verifyStore(out, { repair: false });
  const same = equal(out, undisturbed);
  return {
    pass:
      young.status === 1 &&
      /process \d+ on first-host is working on this run/.test(young.stderr) &&
      second.status === 0 &&
      status === 1 &&
      /has taken over|the lock is gone/.test(stderr) &&
      isOneLine(stderr) &&
      done.status === 0 &&
      damaged.length === 0 &&
      same,
    figure:
      `a young lock of another host was kept (status ${young.status}); an old one was taken over (${second.status}), ` +
      `its owner then ended with ${status}; ${damaged.length} damaged, tables ${same ? 'equal' : 'differ'}`,
  };
}

async function twoHosts(place: Place): Promise<Measured> {
  const probe = place.children.run('unshare', container('probe', ['true']));
  if (probe.status !== 0)
    return {
      pass: undefined,
      figure: `not run: no host of another name can be made here (${probe.error?.message ?? probe.stderr.trim()})`,
    };
  const undisturbed = serial(place, SEEDS);
  const parts = place.share < 1 ? [] : [await together(place, undisturbed)];
  const wanted = parts.length + 1;
  // a run can end between two looks: then there is none to take over
  for (let attempt = 0; attempt < 5 && parts.length < wanted; attempt++) {
    const measured = await takenOver({ ...place, folder: join(place.folder, `attempt-${attempt}`) }, undisturbed);
    if (measured.pass !== undefined) parts.push(measured);
  }
  return {
    pass: parts.every(({ pass }) => pass === true) && (parts.length === wanted || undefined),
    figure: [...parts.map(({ figure }) => figure), ...(parts.length < wanted ? ['no run was met at work'] : [])].join(
      '; ',
    ),
  };
}

/** The check of two hosts that work on one store. */
export const TWO_HOSTS: Check = {
  id: 'two-hosts',
  what: 'two hosts on one store: a young lock is kept, an old one taken over, and its owner stops by name',
  run: twoHosts,
};
