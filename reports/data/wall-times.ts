/** Wall time of runs by arm: what runs noted, and what stands beside kept tables. It depends on the machine. */
import { armTimes, originsOfRuns, type Origin } from './origins.js';
import type { Records } from './records.js';
import { groupBy } from '../../src/core/group.js';

/** Runs of one arm, and the sum of their seconds. */
export interface ArmTime {
  readonly runs: number;
  readonly seconds: number;
}

/** Wall times, and where they were taken. */
export interface WallTimes {
  /** The times of an arm of an experiment at a scale; undefined where none was kept. */
  readonly of: (experiment: string, scale: string, arm: string) => ArmTime | undefined;
  /** Machines with their engines, of an experiment at a scale. */
  readonly machines: (experiment: string, scale: string) => readonly string[];
}

/** The wall times of some records. A run that was resumed on another machine or engine has none. */
export function wallTimes({ runs, origins }: Pick<Records, 'runs' | 'origins'>): WallTimes {
  const byTable = groupBy(runs, ({ cell }) => `${cell.experiment}.${cell.scale}`);
  const tables = new Set([...byTable.keys(), ...origins.keys()]);
  const found = new Map<string, readonly Origin[]>(
    [...tables].map((table) => [
      table,
      [...(origins.get(table) ?? []), ...originsOfRuns(byTable.get(table) ?? [])].filter(({ arms = [] }) =>
        arms.some((one) => one.runs > 0),
      ),
    ]),
  );
  const times = new Map([...found].map(([table, list]) => [table, armTimes(list)]));
  return {
    of: (experiment, scale, arm) => times.get(`${experiment}.${scale}`)?.find((one) => one.arm === arm && one.runs > 0),
    machines: (experiment, scale) => [
      ...new Set((found.get(`${experiment}.${scale}`) ?? []).map(({ machine, engine }) => `${machine} (${engine})`)),
    ],
  };
}
