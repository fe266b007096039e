/** Finished runs, and tables that were kept, to rows. */
import { basename, dirname, extname } from 'node:path';
import { EXPERIMENTS } from '../../experiments/registry.js';
import { CUSTOM_SCALE, SCALES, WIDE_ARM } from '../../src/core/experiment.js';
import { isOrAre, messageOf, plural } from '../../src/core/errors.js';
import { hashOf, type Json } from '../../src/core/json.js';
import type { Row } from '../../src/core/run.js';
import { remembered } from '../../src/core/memo.js';
import { sameBytes } from '../../src/store/merge.js';
import { isThere } from '../../src/store/regular.js';
import { divergenceIn, listRuns, readMetrics, type RunRecord } from '../../src/store/runs.js';
import { KNOWN_BEFORE } from './csv.js';
import { undeclaredArm, wideArmOf } from './facts.js';
import { checkWhole, keptRows, keptTables, tableOf } from './kept.js';
import { checkSum, readSums, type Sums } from './sums.js';
import { sharedRuns } from './shared.js';
import { commitOf, mergeOrigins, originFile, readOrigins, withoutRuns, type Origin } from './origins.js';
import { groupBy } from '../../src/core/group.js';
import { named, type Curve, type TableRow } from './rows.js';

/** Everything that a report is made of. */
export interface Records {
  readonly runs: readonly RunRecord[];
  /** What was logged, but for the training steps. */
  readonly rows: readonly TableRow[];
  readonly curves: readonly Curve[];
  /** Final figures of each run, as one row. */
  readonly results: readonly TableRow[];
  /** Kept tables that were read, and have no runs. */
  readonly kept: readonly string[];
  /** Where the rows of kept tables come from, by the tables' names without an ending: `depth.laptop`. */
  readonly origins: ReadonlyMap<string, readonly Origin[]>;
  /** One line for everything that is not in the tables: unfinished runs, and folders that cannot be read. */
  readonly problems: readonly string[];
  /** One line for everything that is in them and should be read with care: one seed only, runs of several commits. */
  readonly cautions: readonly string[];
}

/**
 * Finished runs below the given folders, each id once, and a line for everything else: of a run that two folders have
 * with other figures the first is shown, as it stays when stores are merged.
 */
function finishedRuns(folders: readonly string[]): { runs: RunRecord[]; diverged: RunRecord[]; problems: string[] } {
  const listings = folders.map((folder) => listRuns(folder));
  const all = listings.flatMap(({ runs }) => runs);
  const finished = groupBy(
    all.filter((run) => run.status === 'finished'),
    ({ id }) => id,
  );
  const others = [...finished.values()].flatMap(([first, ...rest]) =>
    rest
      .filter(({ folder }) => !sameBytes(first!.folder, folder))
      .map(({ folder }) => `${folder}: finished in ${first!.folder}, too, with other figures; that one is shown`),
  );
  const open = all.filter((run) => run.status !== 'finished');
  const lost = open.filter((run) => run.status === 'diverged' && !finished.has(run.id));
  const left = open.filter((run) => !lost.includes(run));
  return {
    runs: [...finished.values()].map(([first]) => first!),
    diverged: [...groupBy(lost, ({ id }) => id).values()].map(([first]) => first!),
    problems: [
      ...listings.flatMap(({ problems }) => problems),
      ...others,
      ...left.map((run) => `${run.folder}: ${run.status}, not shown`),
      ...lost.map(
        (run) => `${run.folder}: diverged, so that its figures are no numbers (${divergenceIn(run.environments)})`,
      ),
    ],
  };
}

/**
 * The final figures of runs that diverged, as a seed that ends badly counts as it ends: no numbers, for every figure
 * that other runs of the experiment have. What is known before a run is that of the arm's other seeds.
 */
function divergedResults(runs: readonly RunRecord[], finished: readonly RunRecord[]): TableRow[] {
  return runs.flatMap(({ id, cell: { experiment, arm, scale, seed } }) => {
    const others = finished.filter(({ cell }) => cell.experiment === experiment && cell.scale === scale);
    const same = others.find(({ cell }) => cell.arm === arm);
    const measured = (same ?? others[0])?.result;
    if (measured === undefined) return [];
    const values = Object.entries(measured).map(([key, value]): [string, Row[string]] => [
      key,
      typeof value !== 'number' || (same !== undefined && KNOWN_BEFORE.includes(key)) ? value : NaN,
    ]);
    return [{ ...named({ run: id, experiment, arm, scale, seed }), values: Object.fromEntries(values) }];
  });
}

function sizeOf({ cell, result }: RunRecord): Row[string] {
  return cell.arm === WIDE_ARM ? (result?.parameters ?? null) : null;
}

/**
 * Arm of each run in the tables: its own name, with the parameters beside it where wide nets of several shapes would be
 * mistaken for one.
 */
function armNames(runs: readonly RunRecord[]): (run: RunRecord) => string {
  const setOf = ({ cell }: RunRecord): string => JSON.stringify([cell.experiment, cell.scale]);
  const sizes = groupBy(
    runs.filter(({ cell }) => cell.arm === WIDE_ARM),
    setOf,
  );
  const several = new Set([...sizes].filter(([, group]) => new Set(group.map(sizeOf)).size > 1).map(([set]) => set));
  return (run) =>
    run.cell.arm === WIDE_ARM && several.has(setOf(run)) ? wideArmOf(Number(sizeOf(run))) : run.cell.arm;
}

/** Runs that a line names; the others are counted. */
const NAMED = 10;

function idsOf(runs: readonly RunRecord[]): string {
  const more = runs.length - NAMED;
  const ids = runs.slice(0, NAMED).map(({ id }) => id);
  return `${ids.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

/**
 * Among runs with the same names (experiment, arm, scale) those with the spec that was begun last: a declaration
 * that changed between two versions of this program must not enter one table with its successor. Custom runs are all
 * kept.
 */
function oneSpecEach(runs: readonly RunRecord[]): { kept: RunRecord[]; problems: string[] } {
  const begun = (run: RunRecord): string => run.environments[0]?.started ?? '';
  const groups = groupBy(runs, (run) =>
    run.cell.scale === CUSTOM_SCALE
      ? run.id
      : JSON.stringify([run.cell.experiment, run.cell.arm, run.cell.scale, sizeOf(run)]),
  );
  const kept: RunRecord[] = [];
  const problems: string[] = [];
  for (const group of groups.values()) {
    const specs = new Map(group.map((run) => [run, hashOf(run.cell.spec as Json)]));
    const newest = specs.get(group.reduce((last, run) => (begun(run) > begun(last) ? run : last)));
    const [mine, others] = [
      group.filter((run) => specs.get(run) === newest),
      group.filter((run) => specs.get(run) !== newest),
    ];
    kept.push(...mine);
    if (others.length > 0) {
      const { experiment, arm, scale } = group[0]!.cell;
      problems.push(
        `${experiment} ${arm}, scale ${scale}: ${plural(others.length, 'run')} with another spec than the newest ${isOrAre(others.length)} left ` +
          `out: ${idsOf(others)}`,
      );
    }
  }
  return { kept, problems };
}

/** Runs of arms that their experiment declares, and a line for every other arm. */
function ofDeclaredArms(runs: readonly RunRecord[]): { kept: RunRecord[]; problems: string[] } {
  const groups = groupBy(runs, ({ cell: { experiment, scale, arm } }) =>
    scale === CUSTOM_SCALE ? '' : (undeclaredArm(experiment, scale, arm) ?? ''),
  );
  const others = [...groups].filter(([why]) => why !== '');
  const problems = others.map(
    ([why, group]) => `${why} ${plural(group.length, 'run')} ${isOrAre(group.length)} left out: ${idsOf(group)}`,
  );
  return { kept: groups.get('') ?? [], problems };
}

/** What a reader has to know of runs and of kept rows that are shown. */
function cautionsOf(runs: readonly RunRecord[], rows: readonly TableRow[]): string[] {
  const declared = runs.filter(({ cell }) => cell.scale !== CUSTOM_SCALE);
  const groups = groupBy(declared, ({ cell }) => `${cell.experiment}, scale ${cell.scale}`);
  const commitsOf = [...groups].flatMap(([name, group]) => {
    const commits = groupBy(
      group.flatMap((run) => [...new Set(run.environments.map(commitOf))]),
      (commit) => commit,
    );
    return commits.size > 1
      ? [
          `${name}: its runs are of ${commits.size} commits: ` +
            `${[...commits].map(([commit, list]) => `${commit} (${plural(list.length, 'run')})`).join(', ')}`,
        ]
      : [];
  });
  const shown = rows.filter(({ scale }) => scale !== CUSTOM_SCALE);
  const names = groupBy(shown, ({ experiment, scale }) => `${experiment}, scale ${scale}`);
  const single = [...names].filter(([, mine]) => new Set(mine.map(({ seed }) => seed)).size === 1);
  return [...commitsOf, ...single.map(([name]) => `${name}: one seed only, which decides nothing`)];
}

/** One line for each experiment and scale of which no claim and no figure knows. */
export function unknownIn({ runs, results, rows }: Pick<Records, 'runs' | 'results' | 'rows'>): string[] {
  const cells = [...runs.map(({ cell }) => cell), ...results, ...rows].filter(({ scale }) => scale !== CUSTOM_SCALE);
  const names = groupBy(cells, ({ experiment, scale }) => JSON.stringify([experiment, scale]));
  return [...names.values()].flatMap((group) => {
    const { experiment, scale } = group[0]!;
    const name = `${experiment}, scale ${scale}`;
    if (!(SCALES as readonly string[]).includes(scale))
      return [`${name}: no scale has that name; expected one of ${SCALES.join(', ')}`];
    return Object.hasOwn(EXPERIMENTS, experiment) ? [] : [`${name}: no experiment has that name here`];
  });
}

/** Parts of each stage in a curve. */
const CURVE_PARTS = 40;

interface Step {
  readonly stage: string;
  readonly totalStep: number;
  readonly loss: number;
}

function isStep(row: Row): boolean {
  return typeof row.stage === 'string' && typeof row.totalStep === 'number' && typeof row.loss === 'number';
}

function curveOf(steps: readonly Step[]): Curve['points'] {
  return [...groupBy(steps, ({ stage }) => stage)].flatMap(([stage, list]) =>
    Array.from({ length: Math.min(CURVE_PARTS, list.length) }, (_, part) => {
      const [start, end] = [part, part + 1].map((edge) =>
        Math.floor((edge * list.length) / Math.min(CURVE_PARTS, list.length)),
      ) as [number, number];
      const some = list.slice(start, end);
      return { stage, step: some.at(-1)!.totalStep, loss: some.reduce((sum, { loss }) => sum + loss, 0) / some.length };
    }),
  );
}

/** Which run a row is of, by its names. */
const nameOf = ({ experiment, arm, scale, seed }: TableRow): string => JSON.stringify([experiment, arm, scale, seed]);

/** What an error says of a file, whose name it may have already. */
function ofFile(file: string, error: unknown): string {
  const message = messageOf(error);
  return message.includes(file) ? message : `${file}: ${message}`;
}

/** A kept table that can be read. */
interface SoundTable {
  readonly file: string;
  readonly rows: readonly TableRow[];
  /** Runs of the file that are not among the rows, by arm: they are shown from elsewhere. */
  readonly gone: ReadonlyMap<string, number>;
}

/** Runs by arm, without those of `left`. */
function goneOf(all: readonly TableRow[], left: readonly TableRow[]): Map<string, number> {
  if (left.length === all.length) return new Map();
  const there = new Set(left.map(nameOf));
  const gone = new Map(all.filter((row) => !there.has(nameOf(row))).map((row) => [nameOf(row), row.arm]));
  return new Map([...groupBy([...gone.values()], (arm) => arm)].map(([arm, group]) => [arm, group.length]));
}

/** What rows of a run hold, to be compared. */
function textOf(rows: readonly TableRow[]): string {
  return JSON.stringify(rows.map(({ run, values }) => [run, values]));
}

/**
 * The tables that can be read, without the rows of runs that are `shown`: a run itself stands before what was kept of
 * it, or of an earlier one in its place. What several tables keep of a run counts once, as runs do; two that have
 * different rows for one arm and seed decide nothing, either of them.
 */
function soundTables(
  files: readonly string[],
  shown: ReadonlySet<string>,
): { tables: SoundTable[]; problems: string[] } {
  const problems: string[] = [];
  const whole = new Map<string, readonly TableRow[]>();
  const sumsIn = new Map<string, Sums>();
  const found = files.flatMap((file) => {
    try {
      const results = file.endsWith('.csv') ? undefined : whole.get(`${tableOf(file)}.csv`);
      const all = keptRows(file, results);
      checkWhole(file, all, results);
      const sums = remembered(sumsIn, dirname(file), () => readSums(dirname(file)));
      for (const one of [file, originFile(tableOf(file))]) if (isThere(one)) checkSum(one, sums);
      whole.set(file, all);
      return [{ file, rows: all.filter((row) => !shown.has(nameOf(row))) }];
    } catch (error) {
      problems.push(ofFile(file, error));
      return [];
    }
  });
  const groups = found.map(({ file, rows }) => ({
    file,
    runs: groupBy(rows, (row) => JSON.stringify([extname(file), nameOf(row)])),
  }));
  const versions = groupBy(
    groups.flatMap(({ file, runs }) => [...runs].map(([key, group]) => ({ key, file, group }))),
    ({ key }) => key,
  );
  /** Tables without their endings: what a table logged is left out with its results. */
  const apart = new Set<string>();
  for (const [first, ...rest] of versions.values()) {
    const other = rest.find(({ group }) => textOf(group) !== textOf(first!.group));
    if (other === undefined) continue;
    const { file, group } = other;
    const row = group[0]!;
    if (!apart.has(tableOf(file)))
      problems.push(`${file}: arm "${row.arm}", seed ${row.seed} is another than in ${first!.file}; both are left out`);
    for (const one of [first!, ...rest]) apart.add(tableOf(one.file));
  }
  const seen = new Set<string>();
  const tables = groups.flatMap(({ file, runs }): SoundTable[] => {
    if (apart.has(tableOf(file))) return [];
    const mine = [...runs].filter(([key]) => !seen.has(key));
    for (const [key] of mine) seen.add(key);
    const left = mine.flatMap(([, group]) => group);
    return [{ file, rows: left, gone: goneOf(whole.get(file)!, left) }];
  });
  return { tables, problems };
}

/**
 * Reads every finished run below the given folders, and what diverged. Nothing that is damaged, unfinished or of an
 * older declaration enters a table.
 */
export function readRecords(folders: readonly string[]): Records {
  const found = finishedRuns(folders);
  const { kept: declared, problems: undeclared } = ofDeclaredArms([...found.runs, ...found.diverged]);
  const shared = sharedRuns(declared);
  const { kept: current, problems: older } = oneSpecEach([...declared, ...shared]);
  const kept = current.filter(({ status }) => status === 'finished');
  const lost = current.filter(({ status }) => status === 'diverged');
  const problems = [...found.problems, ...undeclared, ...older];
  const shown: RunRecord[] = [];
  const rows: TableRow[] = [];
  const curves: Curve[] = [];
  const results: TableRow[] = [];
  const nameIn = armNames(kept);
  for (const run of kept) {
    try {
      const { experiment, scale, seed } = run.cell;
      const names = named({ run: run.id, experiment, arm: nameIn(run), scale, seed }, sizeOf(run));
      const steps: Step[] = [];
      for (const values of readMetrics(run)) {
        if (isStep(values)) steps.push(values as unknown as Step);
        else rows.push({ ...names, values });
      }
      if (steps.length > 0) curves.push({ ...names, points: curveOf(steps) });
      results.push({ ...names, values: run.result! });
      shown.push(run);
    } catch (error) {
      problems.push((error as Error).message);
    }
  }
  results.push(...divergedResults(lost, shown));
  // what counts for several experiments is one run, by its own names where it is shown by these
  const again = new Set(shared);
  const ownFirst = [...shown.filter((run) => !again.has(run)), ...shown.filter((run) => again.has(run))];
  const runs = [...groupBy(ownFirst, ({ id }) => id).values()].map(([first]) => first!);
  const { tables, problems: damaged } = soundTables(folders.flatMap(keptTables), new Set(results.map(nameOf)));
  problems.push(...damaged);
  const origins = new Map<string, readonly Origin[]>();
  const read = new Set<string>();
  for (const { file, rows: mine, gone } of tables) {
    for (const row of mine) (file.endsWith('.csv') ? results : rows).push(row);
    const table = tableOf(file);
    const name = basename(table);
    // a CSV and the lines beside it have one origin; the same table in two folders has two
    if (mine.length === 0 || read.has(table)) continue;
    read.add(table);
    try {
      origins.set(name, mergeOrigins([...(origins.get(name) ?? []), ...withoutRuns(readOrigins(table), gone)]));
    } catch (error) {
      problems.push(messageOf(error));
    }
  }
  return {
    runs,
    rows,
    curves,
    results,
    kept: tables.map(({ file }) => file),
    origins,
    problems: [...new Set(problems)],
    cautions: cautionsOf(shown, [...results, ...rows]),
  };
}
