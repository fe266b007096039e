/**
 * Where rows come from: commit, engine, machine, hours and dates of the runs that made them. Runs say it themselves; a
 * kept table has it in a file beside it, `NAME.origin.json`.
 */
import { lstatSync } from 'node:fs';
import { z } from 'zod';
import { plural } from '../../src/core/errors.js';
import { readJson } from '../../src/store/config.js';
import type { RunRecord } from '../../src/store/runs.js';

const originSchema = z.strictObject({
  /**
   * Commit of the program, or its version outside a checkout; null where neither was noted. As the engine and the
   * machine, those of all of a run’s processes in turn.
   */
  commit: z.string().nullable(),
  engine: z.string().nullable(),
  machine: z.string().nullable(),
  /** Dates of the first run and of the last, as YYYY-MM-DD. */
  from: z.string(),
  to: z.string(),
  /** Hours of all runs together, on one core each; null where they were not noted. */
  hours: z.number().nullable(),
  runs: z.int().min(0),
  /** Wall time by arm, of the runs that have one ({@link wallSeconds}); left out where none has. */
  arms: z.array(z.strictObject({ arm: z.string(), runs: z.int().min(0), seconds: z.number() })).optional(),
  /** Whether this was taken from the repository's history afterwards: the commit is the one that kept the table. */
  history: z.literal(true).optional(),
});

/** Runs that were made alike: by the same commits, with the same engines, on the same kinds of machines, in turn. */
export type Origin = z.infer<typeof originSchema>;

/** What a process noted that worked on a run. */
type Process = RunRecord['environments'][number];

/** Commit of a run's process, or the package's version outside a checkout. */
export function commitOf({ commit, dirty, package: version }: Process): string {
  return commit === null ? `package ${version}` : `${commit.slice(0, 12)}${dirty === true ? ' with changes' : ''}`;
}

function engineOf({ engine }: Process): string {
  return engine === null ? 'float64, this project’s own' : `${engine.name}, ${engine.device}`;
}

function machineOf({ cpu, cores, platform }: Process): string {
  return `${cpu}, ${cores} cores, ${platform}`;
}

/** What a run's processes say in turn, once where several say the same: a run may be resumed elsewhere. */
function inTurn(processes: readonly Process[], of: (process: Process) => string): string {
  const said = processes.map(of);
  return said.filter((text, i) => text !== said[i - 1]).join(', then ');
}

/**
 * Wall time of a run; undefined where it noted none, and where it was resumed on another machine or engine: the sum
 * compares with nothing.
 */
export function wallSeconds({
  environments,
  seconds,
}: Pick<RunRecord, 'environments' | 'seconds'>): number | undefined {
  const places = new Set(environments.map((process) => JSON.stringify([engineOf(process), machineOf(process)])));
  return places.size > 1 ? undefined : seconds;
}

/** What a run's processes noted of themselves; `arm` is the run's arm in tables. */
function originOfRun({ environments, seconds }: RunRecord, arm: string): Origin {
  const wall = wallSeconds({ environments, seconds });
  const arms = wall === undefined ? {} : { arms: [{ arm, runs: 1, seconds: wall }] };
  const last = environments.at(-1);
  if (last === undefined)
    return { commit: null, engine: null, machine: null, from: '', to: '', hours: null, runs: 1, ...arms };
  const day = last.started.slice(0, 10);
  return {
    commit: inTurn(environments, commitOf),
    engine: inTurn(environments, engineOf),
    machine: inTurn(environments, machineOf),
    from: environments[0]!.started.slice(0, 10),
    to: day,
    hours: Number(((seconds ?? 0) / 3600).toPrecision(3)),
    runs: 1,
    ...arms,
  };
}

/** Wall time by arm of several origins. */
export function armTimes(origins: readonly Pick<Origin, 'arms'>[]): NonNullable<Origin['arms']> {
  const times = new Map<string, { arm: string; runs: number; seconds: number }>();
  for (const { arm, runs, seconds } of origins.flatMap(({ arms = [] }) => arms)) {
    const before = times.get(arm) ?? { arm, runs: 0, seconds: 0 };
    times.set(arm, { arm, runs: before.runs + runs, seconds: before.seconds + seconds });
  }
  return [...times.values()];
}

/** Origins with those that were made alike put together. */
export function mergeOrigins(origins: readonly Origin[]): Origin[] {
  const merged = new Map<string, Origin>();
  for (const origin of origins) {
    const key = JSON.stringify([origin.commit, origin.engine, origin.machine]);
    const before = merged.get(key);
    merged.set(
      key,
      before === undefined
        ? origin
        : {
            ...origin,
            from: before.from < origin.from ? before.from : origin.from,
            to: before.to > origin.to ? before.to : origin.to,
            hours: before.hours === null || origin.hours === null ? null : before.hours + origin.hours,
            runs: before.runs + origin.runs,
            ...(before.arms !== undefined || origin.arms !== undefined ? { arms: armTimes([before, origin]) } : {}),
          },
    );
  }
  return [...merged.values()].sort((a, b) => (a.from < b.from ? -1 : a.from > b.from ? 1 : 0));
}

/** The origins of some runs; `armOf` says under which arm tables have them, its own name unless given. */
export function originsOfRuns(
  runs: readonly RunRecord[],
  armOf: (run: RunRecord) => string = ({ cell }) => cell.arm,
): Origin[] {
  return mergeOrigins(runs.map((run) => originOfRun(run, armOf(run))));
}

/**
 * Origins without some runs, counted by arm: those of a table whose runs are shown from elsewhere, so that what is
 * written of both together counts each run once. Hours stay, as they were spent.
 */
export function withoutRuns(origins: readonly Origin[], gone: ReadonlyMap<string, number>): Origin[] {
  const left = new Map(gone);
  const byArm = origins.map((origin) => {
    const arms = origin.arms?.map(({ arm, runs, seconds }) => {
      const fewer = Math.min(runs, left.get(arm) ?? 0);
      left.set(arm, (left.get(arm) ?? 0) - fewer);
      return { arm, runs: runs - fewer, seconds: runs === 0 ? 0 : (seconds * (runs - fewer)) / runs };
    });
    const fewer = (origin.arms ?? []).reduce((sum, { runs }, i) => sum + runs - arms![i]!.runs, 0);
    const some = arms?.filter(({ runs }) => runs > 0);
    return { ...origin, runs: origin.runs - fewer, ...(some !== undefined && { arms: some }) };
  });
  // the others are of runs that noted no time
  let rest = [...left.values()].reduce((sum, count) => sum + count, 0);
  return byArm.map((origin) => {
    const timed = (origin.arms ?? []).reduce((sum, { runs }) => sum + runs, 0);
    const fewer = Math.min(rest, Math.max(0, origin.runs - timed));
    rest -= fewer;
    return { ...origin, runs: origin.runs - fewer };
  });
}

/** How the name of a file ends that says where a kept table comes from. */
export const ORIGIN_ENDING = '.origin.json';

/** Name of the file that says where a kept table comes from; `table` is its path without the ending. */
export const originFile = (table: string): string => `${table}${ORIGIN_ENDING}`;

/**
 * The origins of a kept table; none where there is no such file. Throws RangeError on one that is damaged, UsageError
 * on one that cannot be read or is no JSON.
 */
export function readOrigins(table: string): Origin[] {
  const file = originFile(table);
  if (lstatSync(file, { throwIfNoEntry: false }) === undefined) return [];
  const read = z.array(originSchema).safeParse(readJson(file, 'a list of origins'));
  if (!read.success) throw new RangeError(`${file}: expected a list of commit, engine, machine, dates and hours`);
  return read.data;
}

/** One origin in words. */
export function originText({ commit, engine, machine, from, to, hours, runs, history }: Origin): string {
  if (history === true)
    return `${plural(runs, 'run')}, kept by commit ${commit ?? 'unknown'} on ${to} (engine, machine and hours were not noted)`;
  const made = [
    from === '' ? undefined : from === to ? from : `${from} to ${to}`,
    commit === null ? 'commit not noted' : `commit ${commit}`,
    engine ?? 'engine not noted',
    machine ?? 'machine not noted',
    hours === null ? undefined : `${hours < 0.1 ? hours.toFixed(2) : hours.toFixed(1)} h`,
  ].filter((part) => part !== undefined);
  return `${runs} run${runs === 1 ? '' : 's'} (${made.join('; ')})`;
}
