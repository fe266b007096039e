/**
 * The run store: one folder per run under `<out>/runs`.
 *
 *   spec.json            what is run: experiment, arm, kind, spec, seed, id; sealed
 *   env.json             where: one sealed entry per process that worked on it (versions, engine, device, commit,
 *                        seconds)
 *   metrics.jsonl        one line per step or evaluation; no clock in it, so that repetitions are equal byte for byte
 *   last.safetensors     state of an unfinished run (parameters, optimiser, position in the metrics), with its hash and
 *                        that of the metrics so far
 *   final.safetensors    what a finished run leaves to others
 *   vocabulary.json      the tokenizer of a network that reads tokens
 *   DONE                 the finished mark: result, and the hashes of the files above; sealed
 *
 * Order on resume: 1. read last.safetensors; 2. cut metrics.jsonl to the length noted there; 3. go on from the noted
 * step. Random numbers are functions of (seed, step), so the step is their whole state. A run with a file that is not
 * what was written is moved to `<out>/damaged` when its cell is next asked for, and done again.
 */
import { lstatSync, readdirSync, renameSync, rmSync, type Stats } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { FailureError, UsageError } from '../core/errors.js';
import { arraysOf, type Floats, type HostArrays } from '../core/host-array.js';
import { shellWord } from '../core/shell.js';
import { checkObject } from '../core/range.js';
import { checkText } from '../core/registry.js';
import { cellId, parseCell, RUN_FORMAT, type Cell, type Row } from '../core/run.js';
import { asFileError, makeFolder } from './atomic.js';
import type { Input } from './inputs.js';
import { liveOwner, tryLock } from './lock.js';
import { DeniedError, hashRegular, isThere, readRegular } from './regular.js';
import { readSafetensors } from './safetensors.js';
import { isSealed, sha256, type Sealed } from './seal.js';

/** Names of the files in a run’s folder. */
export const FILES = {
  spec: 'spec.json',
  environment: 'env.json',
  metrics: 'metrics.jsonl',
  last: 'last.safetensors',
  final: 'final.safetensors',
  tokenizer: 'vocabulary.json',
  done: 'DONE',
  lock: 'lock',
} as const;

/** Files of a finished run beside its mark, which has the hash of each. */
export const FINISHED_FILES: readonly string[] = [
  FILES.spec,
  FILES.environment,
  FILES.metrics,
  FILES.final,
  FILES.tokenizer,
];

/** The engine of a run: its name and version, the device and the threads that it computed on. */
export interface EngineInfo {
  readonly name: string;
  readonly version: string;
  readonly device: string;
  readonly threads: number;
}

/** What a process worked with; `engine` is null for runs without tensors, `commit` outside a checkout. */
export interface Environment {
  readonly started: string;
  readonly command: string;
  readonly package: string;
  readonly commit: string | null;
  readonly dirty: boolean | null;
  readonly node: string;
  readonly platform: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly engine: EngineInfo | null;
  /** How many workers trained together; absent for a process that was alone. */
  readonly workers?: number;
}

/** One entry of `env.json`. */
export interface SessionRecord extends Environment {
  /** Whether this process went on from a saved state. */
  readonly resumed: boolean;
  readonly seconds: number;
  /** Why it ended without a result, where its numbers were no longer finite. */
  readonly diverged?: string;
  /** What the files that it read held; left out where it read none. */
  readonly inputs?: readonly Input[];
}

/** What `DONE` holds, sealed. */
export interface Finished {
  readonly result: Row;
  readonly seconds: number;
  readonly files: Readonly<Record<string, { readonly bytes: number; readonly sha256: string }>>;
}

/** A run as it stands in its folder: what was declared, how far it is, and what it left. */
export interface RunRecord {
  readonly id: string;
  readonly folder: string;
  readonly cell: Cell;
  /** `diverged`: not finished, as its numbers were no longer finite when it was last at work. */
  readonly status: 'finished' | 'unfinished' | 'running' | 'diverged';
  readonly result: Row | undefined;
  readonly seconds: number | undefined;
  readonly environments: readonly SessionRecord[];
}

/** The folder `<out>/runs`, in which a store has the folders of its runs. */
export function runsFolder(out: string): string {
  return join(out, 'runs');
}

function folderName(cell: Cell): string {
  const safe = (text: string): string => text.replaceAll(/[^A-Za-z0-9-]+/g, '-').slice(0, 80);
  return `${safe(cell.experiment)}.${safe(cell.arm)}.s${cell.seed}.${cellId(cell)}`;
}

/** Folder names of a store by id: one reading of the folder, for thousands of cells. */
export function indexRuns(out: string): ReadonlyMap<string, string> {
  return new Map(listFolders(out).map((name) => [name.slice(name.lastIndexOf('.') + 1), name]));
}

/** The folder of this run if it exists under whatever names, else where it will be. */
export function folderOf(out: string, cell: Cell, index?: ReadonlyMap<string, string>): string {
  const own = join(runsFolder(out), folderName(cell));
  if (index === undefined && isThere(own)) return own;
  const known = (index ?? indexRuns(out)).get(cellId(cell));
  return known === undefined ? own : join(runsFolder(out), known);
}

/** A file of a run that is not what the run wrote. */
export class DamagedError extends FailureError {}

function listFolders(out: string): string[] {
  checkText('the folder of runs', out);
  const root = runsFolder(out);
  if (!isThere(root)) return [];
  return readdirSync(root, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
    .map((entry) => entry.name)
    .sort();
}

/** Far more than any file of a run that is JSON has: one of this size was not written by a run. */
const MAX_JSON_BYTES = 2 ** 28;

/** A JSON file of a run. Throws DamagedError when it is none, UsageError when it cannot be read. */
export function readJson(path: string): unknown {
  try {
    return JSON.parse(readRegular(path, { links: false, limit: MAX_JSON_BYTES }).toString());
  } catch (error) {
    throw error instanceof SyntaxError
      ? new DamagedError(`${path}: not valid JSON; it is damaged`)
      : asFileError(error, path);
  }
}

function notWritten(path: string): DamagedError {
  return new DamagedError(
    `${path}: not what the run wrote (its SHA-256 differs); it is damaged or was changed by hand. The command ` +
      'that made the run sets it aside and does it anew',
  );
}

/** A run that another version of the program wrote: it is named and left as it is, as it may be whole. */
export class OtherVersionError extends FailureError {}

/** The run's cell. Throws DamagedError when the file was changed, OtherVersionError when another version wrote it. */
export function readCell(folder: string): Cell {
  const path = join(folder, FILES.spec);
  const spec = readJson(path) as Sealed<Cell & { id: string; format: number }>;
  // version 0.1 sealed nothing
  if (spec.format !== RUN_FORMAT && (isSealed(spec) || !('seal' in spec)))
    throw new OtherVersionError(
      `${folder}: written by another version (format ${spec.format}, this one reads ${RUN_FORMAT})`,
    );
  if (!isSealed(spec)) throw notWritten(path);
  const cell = parseCell(spec);
  if (cellId(cell) !== spec.id) throw notWritten(path);
  return cell;
}

function isPlain(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Whether a folder has the finished mark of a run, whatever that holds. */
export function isMarked(folder: string): boolean {
  return isThere(join(folder, FILES.done));
}

/** The finished mark, its seal checked; it names no other file than those of a run. */
export function readDone(folder: string): Finished {
  const path = join(folder, FILES.done);
  const done = readJson(path) as Sealed<Finished>;
  if (
    !isSealed(done) ||
    !isPlain(done.files) ||
    !Object.keys(done.files).every((name) => FINISHED_FILES.includes(name))
  )
    throw notWritten(path);
  return done;
}

/** Why the last of these sessions ended without a result, where the numbers of the run were no longer finite. */
export function divergenceIn(environments: readonly SessionRecord[]): string | undefined {
  const last = environments.at(-1);
  return last !== undefined && isSealed(last) ? last.diverged : undefined;
}

/** Reads one run's record. Throws DamagedError naming a file that is missing or not what was written. */
export function readRun(folder: string): RunRecord {
  checkText('readRun: folder', folder);
  const cell = readCell(folder);
  const done = isMarked(folder) ? readDone(folder) : undefined;
  if (done !== undefined) for (const name of [FILES.spec, FILES.environment]) checkFile(folder, done.files, name);
  const environments = isThere(join(folder, FILES.environment))
    ? (readJson(join(folder, FILES.environment)) as SessionRecord[])
    : [];
  const status = done !== undefined ? 'finished' : openStatus(folder, environments);
  return { id: cellId(cell), folder, cell, status, result: done?.result, seconds: done?.seconds, environments };
}

/** How it stands with a run that is not finished. */
function openStatus(folder: string, environments: readonly SessionRecord[]): RunRecord['status'] {
  if (liveOwner(join(folder, FILES.lock)) !== undefined) return 'running';
  return divergenceIn(environments) === undefined ? 'unfinished' : 'diverged';
}

/** A file that cannot be read is damage, but for one that this user may not read. */
function unreadable(error: unknown, path: string): Error {
  const said = asFileError(error, path);
  return said instanceof DeniedError ? said : new DamagedError(said.message);
}

/** The bytes of a finished run's file, compared with the mark. */
function readChecked(folder: string, { files }: Finished, name: string): Buffer {
  const path = join(folder, name);
  let bytes: Buffer;
  try {
    bytes = readRegular(path, { links: false });
  } catch (error) {
    throw unreadable(error, path);
  }
  if (files[name]?.sha256 !== sha256(bytes)) throw notWritten(path);
  return bytes;
}

/** Compares a file of a run, of any size, with what was noted of it. Throws DamagedError where it is another. */
export function checkFile(folder: string, files: Finished['files'], name: string): void {
  const path = join(folder, name);
  let found: Finished['files'][string];
  try {
    found = hashRegular(path, { links: false });
  } catch (error) {
    throw unreadable(error, path);
  }
  if (files[name]?.bytes !== found.bytes || files[name].sha256 !== found.sha256) throw notWritten(path);
}

/**
 * Checks every file of a finished run, and returns its cell; of large arrays only the size unless `arrays`. Throws
 * DamagedError naming the first that is not what the run wrote.
 */
export function checkFinished(folder: string, { arrays }: { arrays: boolean }): Cell {
  const cell = readCell(folder);
  const { files } = readDone(folder);
  for (const [name, { bytes }] of Object.entries(files)) {
    const path = join(folder, name);
    if (name !== FILES.final || arrays) checkFile(folder, files, name);
    else if (lstatSync(path, { throwIfNoEntry: false })?.size !== bytes) throw notWritten(path);
  }
  return cell;
}

/** The folder `<out>/damaged`, to which a store moves the runs that it sets aside. */
export function asideFolder(out: string): string {
  return join(out, 'damaged');
}

/** What {@link setAside} calls a run: by its folder, whose name ends in an id as a rule, and a number. */
export const ASIDE = /[.]\d+$/;

/** Moves a run's folder out of the way, below `<out>/damaged`; returns where it is now. */
export function setAside(out: string, folder: string): string {
  const root = asideFolder(out);
  makeFolder(root, '--out');
  for (let k = 1; ; k++) {
    const target = join(root, `${basename(folder)}.${k}`);
    if (isThere(target)) continue;
    try {
      renameSync(folder, target);
      rmSync(join(target, FILES.lock), { force: true });
      return target;
    } catch (error) {
      throw asFileError(error, target, '--out');
    }
  }
}

/** Sets a run aside in which a damaged file was found, and says so. For who has the lock of the run. */
export function setDamagedAside(
  out: string,
  folder: string,
  error: DamagedError,
  notice: (line: string) => void = () => {},
): void {
  notice(`${error.message.split(': ')[0]}: damaged; the run is set aside in ${setAside(out, folder)} and done anew`);
}

/**
 * Does something to a run's folder while no process is at work on it; false where one is, and nothing was done. What is
 * done may move the folder away, or delete it.
 */
export function whileIdle(folder: string, act: () => void): boolean {
  const lock = tryLock(join(folder, FILES.lock));
  if (!('release' in lock)) return false;
  try {
    act();
  } finally {
    lock.release();
  }
  return true;
}

/** Whether the run of this cell is done and whole. Throws DamagedError when it is done but not whole. */
export function isFinished(out: string, cell: Cell, index?: ReadonlyMap<string, string>): boolean {
  return isFinishedIn(folderOf(out, cell, index), cell);
}

/**
 * Whether a folder holds the finished run of a cell. Throws DamagedError when it is not whole or is the run of another
 * cell, as a copy under a wrong name is, and UsageError when it leads out of the store.
 */
export function isFinishedIn(folder: string, cell: Cell): boolean {
  checkFolder(folder);
  if (!isMarked(folder)) return false;
  const id = cellId(checkFinished(folder, { arrays: false }));
  if (id !== cellId(cell))
    throw new DamagedError(`${folder}: the run in it is that of another cell (${id}); it was copied or renamed`);
  return true;
}

/** Throws UsageError where a run's folder is a symbolic link: its files are not of this store. */
export function checkFolder(folder: string): void {
  let stat: Stats | undefined;
  try {
    stat = lstatSync(folder, { throwIfNoEntry: false });
  } catch (error) {
    throw asFileError(error, folder, '--out');
  }
  if (stat?.isSymbolicLink())
    throw new UsageError(`${folder}: it is a symbolic link; expected a folder of the store itself`);
}

/** The engine with which an unfinished run that has a saved state was begun; undefined when there is no such run. */
export function unfinishedEngine(out: string, cell: Cell): EngineInfo | undefined {
  const folder = folderOf(out, cell);
  if (isMarked(folder) || !isThere(join(folder, FILES.last)) || !isThere(join(folder, FILES.environment)))
    return undefined;
  try {
    return (readJson(join(folder, FILES.environment)) as SessionRecord[])[0]?.engine ?? undefined;
  } catch {
    return undefined; // damaged: the run begins a new list
  }
}

/** The runs of a store, and what in it is none. */
export interface Listing {
  readonly runs: readonly RunRecord[];
  /** One line per folder that could not be read. */
  readonly problems: readonly string[];
}

/** A folder among the runs: the run in it, or why it cannot be read. */
interface Entry {
  readonly folder: string;
  /** That of the run; of one that cannot be read what its folder is called by. */
  readonly id: string;
  readonly run: RunRecord | Error;
}

function readEntry(folder: string): Entry {
  const id = basename(folder).slice(basename(folder).lastIndexOf('.') + 1);
  if (!isThere(join(folder, FILES.spec)))
    return { folder, id, run: new UsageError(`${folder}: no ${FILES.spec}; not a run, or stopped before it began`) };
  try {
    const run = readRun(folder);
    return { folder, id: run.id, run };
  } catch (error) {
    return { folder, id, run: error as Error };
  }
}

function readEntries(out: string): Entry[] {
  return listFolders(out).map((name) => readEntry(join(runsFolder(out), name)));
}

/** Every run under `out`; folders that cannot be read, and `out` where it is not there, are named, not thrown. */
export function listRuns(out: string): Listing {
  const all = readEntries(out).map(({ run }) => run);
  const absent = isThere(out) ? [] : [`${out}: no such folder`];
  return {
    runs: all.filter((run): run is RunRecord => !(run instanceof Error)),
    problems: [...absent, ...all.flatMap((run) => (run instanceof Error ? [run.message] : []))],
  };
}

/** What the files that a run read held, as the last process noted it: an earlier one may have left nothing of it. */
export function inputsOf({ environments }: Pick<RunRecord, 'environments'>): readonly Input[] {
  return environments.findLast(({ inputs }) => inputs !== undefined)?.inputs ?? [];
}

/** The folders that a text names: those of ids that begin with it, or the one that it is the name or the path of. */
function entriesOf(out: string, text: string): Entry[] {
  return readEntries(out).filter(
    ({ id, folder }) => id.startsWith(text) || basename(folder) === text || resolve(folder) === resolve(text),
  );
}

/** Whether {@link findRun} knows a run by this text, or several, be they damaged or not. */
export function isKnownRun(out: string, text: string): boolean {
  return entriesOf(out, text).length > 0;
}

/**
 * The one run whose id begins with `text`, or whose folder `text` names, alone or with its path. Throws UsageError when
 * there is none or more than one, and what is amiss with the only one where it cannot be read.
 */
export function findRun(out: string, text: string): RunRecord {
  checkText('findRun: the run', text);
  const found = entriesOf(out, text);
  const runs = found.map(({ run }) => run).filter((run): run is RunRecord => !(run instanceof Error));
  if (runs.length === 1) return runs[0]!;
  if (runs.length > 1) {
    const ids = runs.map(({ id }) => id);
    throw new UsageError(
      new Set(ids).size === ids.length
        ? `"${text}" fits ${ids.length} runs: ${ids.join(', ')}; give more digits`
        : `"${text}" fits ${ids.length} folders, some of them of one run: ` +
            `${runs.map(({ folder }) => basename(folder)).join(', ')}; give the name of one of these folders`,
    );
  }
  const [broken] = found;
  if (broken !== undefined) throw broken.run as Error;
  throw new UsageError(`no run "${text}" in ${runsFolder(out)}; see: gowide runs list --out ${shellWord(out)}`);
}

/**
 * Metrics of a finished run, checked against the hash in its finished mark. Throws DamagedError when they were changed.
 */
export function readMetrics(run: RunRecord): Row[] {
  checkObject('readMetrics: run', run, ['folder']);
  const text = readChecked(run.folder, readDone(run.folder), FILES.metrics);
  return text
    .toString()
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Row);
}

/** The tokenizer that a finished run kept, checked against the finished mark; undefined where it kept none. */
export function readTokenizer(run: RunRecord): unknown {
  const done = readDone(run.folder);
  if (done.files[FILES.tokenizer] === undefined) return undefined;
  return JSON.parse(readChecked(run.folder, done, FILES.tokenizer).toString());
}

/** SHA-256 of a finished run's metrics, as noted when it ended. */
export function metricsHash(run: RunRecord): string | undefined {
  return readDone(run.folder).files[FILES.metrics]?.sha256;
}

/** Arrays that a finished run left, checked against the finished mark. Throws FailureError where it left none. */
export function readArrays(run: RunRecord): HostArrays<Floats> {
  checkObject('readArrays: run', run, ['folder']);
  const done = readDone(run.folder);
  if (done.files[FILES.final] === undefined) throw new FailureError(`${run.folder}: this run left no arrays`);
  checkFile(run.folder, done.files, FILES.final);
  const path = join(run.folder, FILES.final);
  return arraysOf([Float32Array, Float64Array], readSafetensors(path).tensors, path);
}
