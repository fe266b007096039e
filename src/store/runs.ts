/**
 * The run store: one folder per run under `<out>/runs`.
 *
 *   spec.json            what is run: experiment, arm, kind, spec, seed, id
 *   env.json             where: one entry per process that worked on it (versions, engine, device, commit, seconds)
 *   metrics.jsonl        one line per step or evaluation; no clock in it, so that repetitions are equal byte for byte
 *   last.safetensors     state of an unfinished run (parameters, optimiser, position in the metrics)
 *   final.safetensors    what a finished run leaves to others
 *   DONE                 the finished mark: result, and the hashes of the files above
 *
 * Order on resume: 1. read last.safetensors; 2. cut metrics.jsonl to the length noted there; 3. go on from the noted step.
 * Random numbers are functions of (seed, step), so the step is their whole state.
 */
import { createHash } from 'node:crypto';
import { closeSync, existsSync, fsyncSync, ftruncateSync, openSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { FailureError, InterruptedError, UsageError } from '../core/errors.js';
import { cellId, RUN_FORMAT, type Cell, type Executor, type HostArrays, type Outcome, type Row, type RunContext, type Snapshot } from '../core/run.js';
import { asFileError, makeFolder, writeAll, writeAtomic } from './atomic.js';
import { liveOwner, tryLock } from './lock.js';
import { readSafetensors, writeSafetensors, type NamedArray } from './safetensors.js';

const SPEC = 'spec.json';
const ENVIRONMENT = 'env.json';
const METRICS = 'metrics.jsonl';
const LAST = 'last.safetensors';
const FINAL = 'final.safetensors';
const DONE = 'DONE';
const LOCK = 'lock';

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
}

/** One entry of `env.json`. */
export interface SessionRecord extends Environment {
  /** Whether this process went on from a saved state. */
  readonly resumed: boolean;
  readonly seconds: number;
}

/** What `DONE` holds. */
interface Finished {
  readonly result: Row;
  readonly seconds: number;
  readonly files: Readonly<Record<string, { readonly bytes: number; readonly sha256: string }>>;
}

export interface RunRecord {
  readonly id: string;
  readonly folder: string;
  readonly cell: Cell;
  readonly status: 'finished' | 'unfinished' | 'running';
  readonly result: Row | undefined;
  readonly seconds: number | undefined;
  readonly environments: readonly SessionRecord[];
}

/** `<out>/runs`. */
export function runsFolder(out: string): string {
  return join(out, 'runs');
}

function folderName(cell: Cell): string {
  const safe = (text: string): string => text.replaceAll(/[^A-Za-z0-9-]+/g, '-');
  return `${safe(cell.experiment)}.${safe(cell.arm)}.s${cell.seed}.${cellId(cell)}`;
}

/** The folder of this run if it exists under whatever names, else where it will be. */
export function folderOf(out: string, cell: Cell): string {
  const id = cellId(cell);
  const known = listFolders(out).find((name) => name.endsWith(`.${id}`));
  return join(runsFolder(out), known ?? folderName(cell));
}

function listFolders(out: string): string[] {
  const root = runsFolder(out);
  if (!existsSync(root)) return [];
  return readdirSync(root, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort();
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw error instanceof SyntaxError ? new FailureError(`${path}: not valid JSON; it is damaged`) : asFileError(error, path);
  }
}

/** Reads one run's record. Throws FailureError naming a file that is missing or damaged. */
export function readRun(folder: string): RunRecord {
  const spec = readJson(join(folder, SPEC)) as Cell & { id: string; format: number };
  if (spec.format !== RUN_FORMAT) throw new FailureError(`${folder}: written by another version (format ${spec.format}, this one reads ${RUN_FORMAT})`);
  const cell: Cell = { experiment: spec.experiment, arm: spec.arm, scale: spec.scale, kind: spec.kind, spec: spec.spec, seed: spec.seed };
  if (cellId(cell) !== spec.id) throw new FailureError(`${join(folder, SPEC)}: its spec does not have the id ${spec.id} that it names; it was changed by hand`);
  const done = existsSync(join(folder, DONE)) ? (readJson(join(folder, DONE)) as Finished) : undefined;
  const environments = existsSync(join(folder, ENVIRONMENT)) ? (readJson(join(folder, ENVIRONMENT)) as SessionRecord[]) : [];
  const status = done ? 'finished' : liveOwner(join(folder, LOCK)) ? 'running' : 'unfinished';
  return { id: spec.id, folder, cell, status, result: done?.result, seconds: done?.seconds, environments };
}

/** The engine with which an unfinished run that has a saved state was begun; undefined when there is no such run. */
export function unfinishedEngine(out: string, cell: Cell): EngineInfo | undefined {
  const folder = folderOf(out, cell);
  if (existsSync(join(folder, DONE)) || !existsSync(join(folder, LAST)) || !existsSync(join(folder, ENVIRONMENT))) return undefined;
  return (readJson(join(folder, ENVIRONMENT)) as SessionRecord[])[0]?.engine ?? undefined;
}

export interface Listing {
  readonly runs: readonly RunRecord[];
  /** One line per folder that could not be read. */
  readonly problems: readonly string[];
}

/** Every run under `out`; folders that cannot be read are named, not thrown. */
export function listRuns(out: string): Listing {
  const runs: RunRecord[] = [];
  const problems: string[] = [];
  for (const name of listFolders(out)) {
    const folder = join(runsFolder(out), name);
    if (!existsSync(join(folder, SPEC))) {
      problems.push(`${folder}: no ${SPEC}; not a run, or stopped before it began`);
      continue;
    }
    try {
      runs.push(readRun(folder));
    } catch (error) {
      problems.push((error as Error).message);
    }
  }
  return { runs, problems };
}

/** The one run whose id, or folder name, begins with `text`. Throws UsageError when there is none or more than one. */
export function findRun(out: string, text: string): RunRecord {
  const { runs } = listRuns(out);
  const found = runs.filter((run) => run.id.startsWith(text) || run.folder.endsWith(`/${text}`) || run.folder === text);
  if (found.length === 1) return found[0]!;
  if (found.length > 1) throw new UsageError(`"${text}" fits ${found.length} runs: ${found.map((run) => run.id).join(', ')}; give more digits`);
  throw new UsageError(`no run "${text}" in ${runsFolder(out)}; see: gowide runs list --out ${out}`);
}

/** Metrics of a finished run, checked against the hash in its finished mark. Throws FailureError when they were changed. */
export function readMetrics(run: RunRecord): Row[] {
  const { files } = readJson(join(run.folder, DONE)) as Finished;
  const path = join(run.folder, METRICS);
  const text = readFileSync(path);
  if (files[METRICS]?.sha256 !== sha256(text)) throw new FailureError(`${path}: not what the run wrote (its SHA-256 differs); delete the folder to run it again`);
  return text.toString().split('\n').filter(Boolean).map((line) => JSON.parse(line) as Row); // prettier-ignore
}

/** Arrays that a finished run left, checked against the finished mark. */
export function readArrays(run: RunRecord): HostArrays {
  const { files } = readJson(join(run.folder, DONE)) as Finished;
  const path = join(run.folder, FINAL);
  if (files[FINAL] === undefined) throw new FailureError(`${run.folder}: this run left no arrays`);
  if (sha256(readFileSync(path)) !== files[FINAL].sha256) throw new FailureError(`${path}: not what the run wrote (its SHA-256 differs); delete the folder to run it again`);
  return toHostArrays(readSafetensors(path).tensors);
}

function toHostArrays(tensors: ReadonlyMap<string, NamedArray>): HostArrays {
  return Object.fromEntries([...tensors].map(([name, { shape, data }]) => [name, { shape, values: data instanceof Float64Array ? data : (data as Float32Array) }]));
}

function toNamedArrays(arrays: HostArrays): [string, NamedArray][] {
  return Object.entries(arrays).map(([name, { shape, values }]) => [name, { dtype: values instanceof Float64Array ? 'F64' : 'F32', shape, data: values }]);
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

export interface ExecuteOptions {
  readonly out: string;
  readonly environment: Environment;
  readonly executors: Readonly<Record<string, Executor>>;
  readonly signal: AbortSignal;
  readonly progress: (cell: Cell, stage: string, done: number, total: number) => void;
  readonly saveSeconds?: number;
}

/**
 * Brings a run to its end: returns at once when it is finished, goes on where an earlier process stopped, else starts it.
 * Throws InterruptedError after a save when `signal` fires, FailureError when the run fails (its saved state is kept).
 */
export async function executeRun(cell: Cell, options: ExecuteOptions): Promise<RunRecord> {
  const folder = folderOf(options.out, cell);
  if (existsSync(join(folder, DONE))) return readRun(folder);
  const executor = options.executors[cell.kind];
  if (executor === undefined) throw new FailureError(`no executor for runs of the kind "${cell.kind}"`);
  makeFolder(folder);
  const lock = tryLock(join(folder, LOCK));
  if ('heldBy' in lock)
    throw new FailureError(
      `${folder}: process ${lock.heldBy.pid} on ${lock.heldBy.host} is working on this run; wait for it, or delete the file "lock" there if that process is gone`,
    );
  try {
    if (existsSync(join(folder, DONE))) return readRun(folder);
    if (!existsSync(join(folder, SPEC))) writeAtomic(join(folder, SPEC), `${JSON.stringify({ format: RUN_FORMAT, id: cellId(cell), ...cell }, null, 2)}\n`);
    const session = new Session(cell, folder, options);
    try {
      session.finish(await executor(session));
    } finally {
      session.close();
    }
    return readRun(folder);
  } finally {
    lock.release();
  }
}

/** The work of one process on one run. */
class Session implements RunContext {
  readonly resumed: Snapshot | undefined;
  private readonly metrics: number;
  private readonly started = performance.now();
  private readonly earlier: readonly SessionRecord[];
  private pending: string[] = [];
  private bytes: number;
  private savedAt = performance.now();

  constructor(
    readonly cell: Cell,
    private readonly folder: string,
    private readonly options: ExecuteOptions,
  ) {
    const environmentFile = join(folder, ENVIRONMENT);
    this.earlier = existsSync(environmentFile) ? (readJson(environmentFile) as SessionRecord[]) : [];
    const last = this.readLast();
    this.resumed = last?.snapshot;
    this.bytes = last?.bytes ?? 0;
    this.writeEnvironment();
    this.metrics = openSync(join(folder, METRICS), 'a+');
    ftruncateSync(this.metrics, this.bytes);
  }

  /** A saved state that cannot be used (damaged, or metrics shorter than it knows) means a start from the beginning, not a failure. */
  private readLast(): { snapshot: Snapshot; bytes: number } | undefined {
    const path = join(this.folder, LAST);
    if (!existsSync(path)) return undefined;
    try {
      const { tensors, metadata } = readSafetensors(path);
      const bytes = Number(metadata.metricsBytes);
      const there = statSync(join(this.folder, METRICS), { throwIfNoEntry: false })?.size ?? 0;
      if (metadata.position === undefined || !(bytes <= there)) return undefined;
      return { snapshot: { arrays: toHostArrays(tensors), position: metadata.position }, bytes };
    } catch (error) {
      if (error instanceof UsageError) return undefined;
      throw error;
    }
  }

  private seconds(): number {
    return Math.round((performance.now() - this.started) / 10) / 100;
  }

  private writeEnvironment(): void {
    const entry: SessionRecord = { ...this.options.environment, resumed: this.resumed !== undefined, seconds: this.seconds() };
    writeAtomic(join(this.folder, ENVIRONMENT), `${JSON.stringify([...this.earlier, entry], null, 2)}\n`);
  }

  log(row: Row): void {
    for (const [key, value] of Object.entries(row)) {
      if (typeof value === 'number' && !Number.isFinite(value)) {
        const where = Object.entries(row).filter(([name]) => name !== key && ['stage', 'step'].includes(name)).map(([name, at]) => `${name} ${at}`).join(', '); // prettier-ignore
        throw new FailureError(
          `${this.cell.experiment} ${this.cell.arm}, seed ${this.cell.seed}: ${key} is ${value}${where && ` at ${where}`}; the run is stopped. A lower learning rate (or dt) helps`,
        );
      }
    }
    this.pending.push(JSON.stringify(row));
  }

  private flush(): void {
    if (this.pending.length === 0) return;
    const text = Buffer.from(`${this.pending.join('\n')}\n`);
    this.pending = [];
    try {
      writeAll(this.metrics, text);
      fsyncSync(this.metrics);
    } catch (error) {
      throw asFileError(error, join(this.folder, METRICS));
    }
    this.bytes += text.length;
  }

  progress(stage: string, done: number, total: number): void {
    this.options.progress(this.cell, stage, done, total);
  }

  shouldSave(): boolean {
    return this.options.signal.aborted || performance.now() - this.savedAt > (this.options.saveSeconds ?? 10) * 1000;
  }

  save({ arrays, position }: Snapshot): void {
    this.flush();
    writeSafetensors(join(this.folder, LAST), toNamedArrays(arrays), { position, metricsBytes: String(this.bytes) });
    this.writeEnvironment();
    this.savedAt = performance.now();
    if (this.options.signal.aborted) throw new InterruptedError(`${this.cell.experiment} ${this.cell.arm}, seed ${this.cell.seed}: stopped, its state is saved`);
  }

  async require(cell: Cell): Promise<HostArrays> {
    return readArrays(await executeRun(cell, this.options));
  }

  finish({ result, arrays }: Outcome): void {
    for (const [key, value] of Object.entries(result)) {
      if (typeof value === 'number' && !Number.isFinite(value)) throw new FailureError(`${this.folder}: the result ${key} is ${value}`);
    }
    this.flush();
    if (arrays !== undefined) writeSafetensors(join(this.folder, FINAL), toNamedArrays(arrays));
    this.writeEnvironment();
    const names = [METRICS, ...(arrays === undefined ? [] : [FINAL])];
    const files = Object.fromEntries(
      names.map((name) => {
        const bytes = readFileSync(join(this.folder, name));
        return [name, { bytes: bytes.length, sha256: sha256(bytes) }];
      }),
    );
    const seconds = [...this.earlier.map((entry) => entry.seconds), this.seconds()].reduce((sum, part) => sum + part, 0);
    writeAtomic(join(this.folder, DONE), `${JSON.stringify({ result, seconds: Math.round(seconds * 100) / 100, files } satisfies Finished, null, 2)}\n`);
    rmSync(join(this.folder, LAST), { force: true });
  }

  close(): void {
    closeSync(this.metrics);
  }
}
