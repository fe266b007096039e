/**
 * Brings a run to its end in this process, and keeps its state on the disk meanwhile (the files: src/store/runs.ts).
 */
import { createHash, type Hash } from 'node:crypto';
import { closeSync, fsyncSync, lstatSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  codeOf,
  DivergedError,
  FailureError,
  InterruptedError,
  pathOf,
  SavedError,
  UsageError,
} from '../core/errors.js';
import { arraysOf, type Floats, type HostArrays } from '../core/host-array.js';
import { checkMembers } from '../core/registry.js';
import {
  cellId,
  RUN_FORMAT,
  type Cell,
  type Executor,
  type InputFiles,
  type Outcome,
  type Row,
  type RunContext,
  type Snapshot,
  nameOf,
  nonFiniteIn,
  parseCell,
} from '../core/run.js';
import { asFileError, makeFolder, openReplacing, writeAll, writeAtomic } from './atomic.js';
import { changedInput, changedSince, readInputs, type Input } from './inputs.js';
import { isAtWork, patienceFor, STALE_SECONDS, tryLock, type Lock } from './lock.js';
import { hashRegular, isThere, readRegular } from './regular.js';
import {
  checkFile,
  checkFolder,
  DamagedError,
  FILES,
  FINISHED_FILES,
  folderOf,
  inputsOf,
  isFinished,
  isFinishedIn,
  readArrays,
  readCell,
  readJson,
  readRun,
  setDamagedAside,
  type Environment,
  type Finished,
  type RunRecord,
  type SessionRecord,
} from './runs.js';
import { readSafetensors, writeSafetensors } from './safetensors.js';
import { SaveInterval } from './save-interval.js';
import { isSealed, seal, sha256 } from './seal.js';

/** How a run is brought to its end: the store, what runs the cell, and who is told. */
export interface ExecuteOptions {
  readonly out: string;
  readonly environment: Environment;
  readonly executors: Readonly<Record<string, Executor>>;
  /** Files that a cell's run reads, as {@link Runner.files} says; none unless given. */
  readonly files?: (cell: Cell) => readonly InputFiles[];
  readonly signal: AbortSignal;
  readonly progress: (cell: Cell, stage: string, done: number, total: number) => void;
  /** Seconds between two savings, whatever they cost; as {@link SaveInterval} has it unless given. */
  readonly saveSeconds?: number | undefined;
  /** How long to wait for a process that has this run and cannot be asked whether it lives; 10 by default. */
  readonly lockSeconds?: number;
  /** A line for the user. */
  readonly notice?: (line: string) => void;
}

/**
 * Throws before anything is computed: UsageError that names an option which is missing or of another type, FailureError
 * on a cell that is none, whose run could not be read again.
 */
function checkCall(cell: Cell, options: ExecuteOptions): void {
  checkMembers<ExecuteOptions>('executeRun', options, {
    ...{ out: 'string', environment: 'object', executors: 'object', signal: 'object', progress: 'function' },
  });
  parseCell(cell);
}

/**
 * Brings a run to its end: returns at once when it is finished, goes on where an earlier process stopped, else starts
 * it. A run with damaged files is set aside and done anew. Throws UsageError on an option that is missing or of another
 * type, InterruptedError after a save when `signal` fires, FailureError when the cell is none, and when the run fails
 * (its saved state is kept).
 */
export async function executeRun(cell: Cell, options: ExecuteOptions): Promise<RunRecord> {
  checkCall(cell, options);
  const executor = Object.hasOwn(options.executors, cell.kind) ? options.executors[cell.kind] : undefined;
  if (executor === undefined) throw new FailureError(`no executor for runs of the kind "${cell.kind}"`);
  for (let attempt = 1; ; attempt++) {
    const folder = folderOf(options.out, cell);
    if (isWhole(options.out, cell)) return unchanged(readRun(folder), options);
    const lock = await takeLock(folder, options);
    try {
      // another process may have finished it, or set it aside, in the meantime
      if (!isThere(folder)) continue;
      if (isFinishedIn(folder, cell)) continue;
      const inputs = await inputsNow(cell, options, lock);
      const session = new Session(cell, folder, options, lock, inputs);
      try {
        const outcome = await executor(session);
        checkOutcome(cell, outcome);
        session.checkInputs(await inputsNow(cell, options, lock));
        session.finish(outcome);
      } catch (error) {
        if (error instanceof DivergedError) session.noteDiverged(error.message);
        throw error;
      } finally {
        session.close();
      }
      return readRun(folder);
    } catch (error) {
      // where another process has taken over, what was found may be what it wrote
      if (error instanceof DamagedError) lock.check();
      if (!(error instanceof DamagedError) || !damagedHere(error, folder, options, attempt))
        // what a cell reads lies elsewhere: the file that the error names, where it names one
        throw codeOf(error) === undefined ? error : asFileError(error, pathOf(error) ?? folder, '--out');
    } finally {
      lock.release();
    }
  }
}

/** Throws FailureError unless an executor, which the caller may have written, gave what a run leaves. */
function checkOutcome(cell: Cell, outcome: Partial<Outcome> | undefined): void {
  if (typeof outcome?.result === 'object' && outcome.result !== null) return;
  throw new FailureError(
    `${nameOf(cell)}: the executor of the kind "${cell.kind}" gave ${outcome === undefined ? 'nothing' : 'no result'}; ` +
      'expected an outcome as { result: { name: value } }',
  );
}

/** What the files that a cell's run reads hold now. */
function inputsNow(cell: Cell, { files, signal, progress }: ExecuteOptions, lock?: Lock): Promise<Input[]> {
  return readInputs(files?.(cell) ?? [], {
    signal,
    progress: (done, total) => {
      lock?.refresh();
      progress(cell, 'hash the data', done, total);
    },
  });
}

/** A finished run, if the files that it read are what they were. Throws UsageError naming one that is not. */
async function unchanged(run: RunRecord, options: ExecuteOptions): Promise<RunRecord> {
  const noted = inputsOf(run);
  const changed = noted.length === 0 ? undefined : changedInput(noted, await inputsNow(run.cell, options));
  if (changed !== undefined) throw changedSince(run.folder, changed);
  return run;
}

/** Whether the cell's run is finished and whole; a damaged one is not, and whoever has its lock sets it aside. */
export function isWhole(out: string, cell: Cell): boolean {
  try {
    return isFinished(out, cell);
  } catch (error) {
    if (error instanceof DamagedError) return false;
    throw error;
  }
}

/** Sets a damaged run aside, once; false when it is damaged again, or another run than this one is. */
function damagedHere(error: DamagedError, folder: string, { out, notice }: ExecuteOptions, attempt: number): boolean {
  if (attempt > 2 || !error.message.startsWith(folder)) return false;
  setDamagedAside(out, folder, error, notice);
  return true;
}

/**
 * A process of this machine that has the run is waited for, so that two commands on one store share its runs. One of
 * another host is not: FailureError names it, after some seconds, in which a worker whose parent was killed saves and
 * ends. After a restart of the machine or of its container nobody can say whether the owner lives: it is waited for,
 * until its lock is old enough to be taken over.
 */
async function takeLock(folder: string, { lockSeconds, signal, notice }: ExecuteOptions): Promise<Lock> {
  const path = join(folder, FILES.lock);
  let first: number | undefined;
  let said = false;
  // since when the lock has not been refreshed
  let still = { at: performance.now(), refreshed: first };
  for (let started = performance.now(); ; await sleep(200)) {
    makeFolder(folder, '--out');
    checkFolder(folder);
    const lock = tryLock(path);
    if ('release' in lock) return lock;
    if (signal.aborted) throw new InterruptedError(`${folder}: stopped while it waited for another process`);
    const { pid, host } = lock.heldBy;
    const refreshed = lstatSync(path, { throwIfNoEntry: false })?.mtimeMs;
    const isStill = refreshed === (first ??= refreshed);
    const now = performance.now();
    if (refreshed !== still.refreshed) still = { at: now, refreshed };
    // an owner at work refreshes its lock; a number of a process may have been given to another one
    const lives = isAtWork(lock.heldBy) && now - still.at < STALE_SECONDS * 1000;
    if (lives && said) started = now;
    const patience = lives ? Infinity : lockSeconds === undefined && isStill ? patienceFor(lock.heldBy) : 0;
    const waited = (now - started) / 1000;
    if (waited < Math.max(lockSeconds ?? 10, patience)) {
      if (waited > 5 && patience > 0 && !said)
        notice?.(
          lives
            ? `${folder}: waiting for process ${pid}, which has this run at work (the file "lock" there)`
            : `${folder}: waiting up to ${patience} s for process ${pid} on ${host}, which may be gone`,
        );
      said ||= waited > 5;
      continue;
    }
    throw new FailureError(
      `${folder}: process ${pid} on ${host} is working on this run; wait for it, or delete the file "lock" there ` +
        'if that process is gone',
    );
  }
}

/** The work of one process on one run. */
class Session implements RunContext {
  readonly seed: number;
  readonly resumed: Snapshot | undefined;
  private readonly metrics: number;
  private readonly started = performance.now();
  private readonly earlier: readonly SessionRecord[];
  private pending: string[] = [];
  private bytes: number;
  /** Hash of the metrics so far. */
  private readonly written: Hash;
  /** What this process wrote, or read at its start, by name of the file. */
  private readonly files: Record<string, { readonly bytes: number; readonly sha256: string }> = {};
  private readonly interval: SaveInterval;

  constructor(
    readonly cell: Cell,
    private readonly folder: string,
    private readonly options: ExecuteOptions,
    private readonly lock: Lock,
    private readonly inputs: readonly Input[],
  ) {
    this.seed = cell.seed;
    this.interval = new SaveInterval(options.saveSeconds);
    this.checkPlaces();
    this.writeSpec();
    this.earlier = this.readEarlier();
    const last = this.readLast();
    const noted = inputsOf({ environments: this.earlier });
    // without a saved state nothing of what was there before is in the run: it begins with what is there now
    const changed = last === undefined || noted.length === 0 ? undefined : changedInput(noted, inputs);
    if (changed !== undefined) throw changedSince(folder, changed);
    this.resumed = last?.snapshot;
    this.bytes = last?.metrics.length ?? 0;
    this.written = createHash('sha256').update(last?.metrics ?? '');
    this.writeEnvironment();
    // a file of this process alone: one that has lost the lock, and has not noticed yet, does not write to it
    this.metrics = openReplacing(join(folder, FILES.metrics), last?.metrics ?? new Uint8Array(), () => lock.check());
  }

  /** Throws DamagedError where a folder stands in the place of a file that is to be read or written. */
  private checkPlaces(): void {
    for (const name of [FILES.environment, FILES.metrics, FILES.last, FILES.final, FILES.tokenizer]) {
      const path = join(this.folder, name);
      if (lstatSync(path, { throwIfNoEntry: false })?.isDirectory())
        throw new DamagedError(`${path}: it is a folder; expected a file`);
    }
  }

  /** Writes a file as a whole, and notes what is in it. */
  private write(name: string, text: string): void {
    writeAtomic(join(this.folder, name), text, { check: () => this.lock.check() });
    this.files[name] = { bytes: Buffer.byteLength(text), sha256: sha256(text) };
  }

  private writeSpec(): void {
    const path = join(this.folder, FILES.spec);
    if (isThere(path)) {
      const id = cellId(readCell(this.folder));
      if (id !== cellId(this.cell))
        throw new DamagedError(
          `${this.folder}: the run in it is that of another cell (${id}); it was copied or renamed`,
        );
      this.files[FILES.spec] = hashRegular(path, { links: false });
    } else {
      const spec = seal({ format: RUN_FORMAT, id: cellId(this.cell), ...this.cell });
      this.write(FILES.spec, `${JSON.stringify(spec, null, 2)}\n`);
    }
  }

  /** What earlier processes noted; an entry that is not what one wrote is named and left out. */
  private readEarlier(): SessionRecord[] {
    const path = join(this.folder, FILES.environment);
    if (!isThere(path)) return [];
    let entries: unknown;
    try {
      entries = readJson(path);
    } catch (error) {
      if (!(error instanceof DamagedError || error instanceof UsageError)) throw error;
    }
    const kept = Array.isArray(entries) ? (entries as SessionRecord[]).filter(isSealed) : [];
    if (!Array.isArray(entries) || kept.length < entries.length)
      this.options.notice?.(`${path}: damaged; what earlier processes noted there is lost`);
    return kept;
  }

  /**
   * A saved state that cannot be used (damaged, another run's, or metrics other than it knows) means a start from the
   * beginning, not a failure.
   */
  private readLast(): { snapshot: Snapshot; metrics: Uint8Array } | undefined {
    const path = join(this.folder, FILES.last);
    if (!isThere(path)) return undefined;
    try {
      const { tensors, metadata } = readSafetensors(path);
      const snapshot = {
        arrays: arraysOf([Float32Array, Float64Array], tensors, path),
        position: metadata.position ?? '',
      };
      const bytes = Number(metadata.metricsBytes);
      const metrics = join(this.folder, FILES.metrics);
      const there = isThere(metrics) ? readRegular(metrics, { links: false }).subarray(0, bytes) : new Uint8Array();
      if (metadata.state !== stateHash(snapshot, bytes, metadata.run))
        throw new UsageError(`${path}: not what the run wrote (its SHA-256 differs)`);
      // states of earlier versions do not say whose they are
      if (metadata.run !== undefined && metadata.run !== cellId(this.cell))
        throw new UsageError(`${path}: the state of another run (${metadata.run}); it was copied or renamed`);
      if (metadata.metrics !== sha256(there))
        throw new UsageError(`${metrics}: not what the run wrote (its SHA-256 differs)`);
      return { snapshot, metrics: there };
    } catch (error) {
      if (error instanceof UsageError) {
        this.options.notice?.(`${error.message}; that run starts again from its beginning`);
        return undefined;
      }
      throw error;
    }
  }

  private seconds(): number {
    return Math.round((performance.now() - this.started) / 10) / 100;
  }

  /** Notes that the run has no result because its numbers, or those of a run that it needs, are no longer finite. */
  noteDiverged(why: string): void {
    this.writeEnvironment(why);
  }

  private writeEnvironment(diverged?: string): void {
    const entry: SessionRecord = seal({
      ...this.options.environment,
      resumed: this.resumed !== undefined,
      seconds: this.seconds(),
      ...(diverged !== undefined && { diverged }),
      ...(this.inputs.length > 0 && { inputs: this.inputs }),
    });
    this.write(FILES.environment, `${JSON.stringify([...this.earlier, entry], null, 2)}\n`);
  }

  log(row: Row): void {
    if (typeof row !== 'object' || row === null)
      throw new FailureError(`${nameOf(this.cell)}: log: expected a row of values by name, got ${String(row)}`);
    const bad = nonFiniteIn(row);
    if (bad !== undefined) {
      const [key, value] = bad;
      const where = Object.entries(row)
        .filter(([name]) => name !== key && ['stage', 'step'].includes(name))
        .map(([name, at]) => `${name} ${at}`)
        .join(', ');
      throw new DivergedError(
        `${nameOf(this.cell)}: ${key} is ${value}${where && ` at ${where}`}; the run is stopped. A lower learning rate (or dt) helps`,
      );
    }
    this.pending.push(JSON.stringify(row));
  }

  private flush(): void {
    if (this.pending.length === 0) return;
    const text = Buffer.from(`${this.pending.join('\n')}\n`);
    this.pending = [];
    this.lock.check();
    try {
      writeAll(this.metrics, text);
      fsyncSync(this.metrics);
    } catch (error) {
      throw asFileError(error, join(this.folder, FILES.metrics), '--out');
    }
    this.bytes += text.length;
    this.written.update(text);
  }

  notice(line: string): void {
    this.options.notice?.(line);
  }

  progress(stage: string, done: number, total: number): void {
    this.lock.refresh();
    this.options.progress(this.cell, stage, done, total);
  }

  shouldSave(): boolean {
    return this.interval.isDue() || this.options.signal.aborted;
  }

  save(snapshot: Snapshot): void {
    this.interval.save(() => this.writeLast(snapshot));
    if (this.options.signal.aborted) throw new SavedError(`${nameOf(this.cell)}: stopped, its state is saved`);
  }

  /** Writes the state in the middle of the run. */
  private writeLast({ arrays, position }: Snapshot): void {
    this.flush();
    const run = cellId(this.cell);
    const metadata = {
      ...{ run, position },
      metricsBytes: String(this.bytes),
      metrics: this.written.copy().digest('hex'),
      state: stateHash({ arrays, position }, this.bytes, run),
    };
    writeSafetensors(join(this.folder, FILES.last), arrays, metadata, { check: () => this.lock.check() });
    this.writeEnvironment();
  }

  async require(cell: Cell): Promise<HostArrays<Floats>> {
    const run = await executeRun(cell, this.options);
    try {
      return readArrays(run);
    } catch (error) {
      // arrays are too large to be checked before they are read
      if (!(error instanceof DamagedError) || !damagedHere(error, run.folder, this.options, 1)) throw error;
      return readArrays(await executeRun(cell, this.options));
    }
  }

  /** Throws FailureError where the files that the run read are no longer what they were at its start. */
  checkInputs(now: readonly Input[]): void {
    const changed = changedInput(this.inputs, now);
    if (changed !== undefined)
      throw new FailureError(
        `${changed}: changed while the run in ${this.folder} read it, which has no result therefore; ` +
          'put back what was there, or delete that run to have it done anew',
      );
  }

  finish({ result, arrays, tokenizer }: Outcome): void {
    const bad = nonFiniteIn(result);
    if (bad !== undefined) throw new DivergedError(`${this.folder}: the result ${bad[0]} is ${bad[1]}`);
    this.flush();
    this.files[FILES.metrics] = { bytes: this.bytes, sha256: this.written.copy().digest('hex') };
    if (arrays !== undefined) this.writeFinal(arrays);
    if (tokenizer !== undefined) this.write(FILES.tokenizer, `${JSON.stringify(tokenizer)}\n`);
    this.writeEnvironment();
    const files = this.unchangedFiles();
    const seconds = [...this.earlier.map((entry) => entry.seconds), this.seconds()].reduce(
      (sum, part) => sum + part,
      0,
    );
    const finished = seal({ result, seconds: Math.round(seconds * 100) / 100, files } satisfies Finished);
    this.write(FILES.done, `${JSON.stringify(finished, null, 2)}\n`);
    rmSync(join(this.folder, FILES.last), { force: true });
  }

  private writeFinal(arrays: HostArrays<Floats>): void {
    const path = join(this.folder, FILES.final);
    const hash = createHash('sha256');
    writeSafetensors(path, arrays, {}, { check: () => this.lock.check(), hash });
    this.files[FILES.final] = { bytes: statSync(path).size, sha256: hash.digest('hex') };
  }

  /**
   * What was written of each file, in the order in which a finished mark names them. Throws DamagedError when a file on
   * the disk is another: somebody changed it while the run worked.
   */
  private unchangedFiles(): Finished['files'] {
    const names = FINISHED_FILES.filter((name) => this.files[name] !== undefined);
    for (const name of names) checkFile(this.folder, this.files, name);
    return Object.fromEntries(names.map((name) => [name, this.files[name]!]));
  }

  close(): void {
    closeSync(this.metrics);
  }
}

/** Hash of a saved state: whose it is, position, and names, shapes and values of its arrays. */
function stateHash({ arrays, position }: Snapshot, metricsBytes: number, run?: string): string {
  const of = run === undefined ? [position, metricsBytes] : [position, metricsBytes, run];
  const hash = createHash('sha256').update(JSON.stringify(of));
  for (const name of Object.keys(arrays).sort()) {
    const { shape, values } = arrays[name]!;
    hash
      .update(JSON.stringify([name, shape, values.constructor.name]))
      .update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  }
  return hash.digest('hex');
}
