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
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { FailureError, UsageError } from '../core/errors.js';
import { cellId, RUN_FORMAT, type Cell, type HostArrays, type Row } from '../core/run.js';
import { asFileError } from './atomic.js';
import { liveOwner } from './lock.js';
import { readSafetensors, type NamedArray } from './safetensors.js';

export const FILES = {
  spec: 'spec.json',
  environment: 'env.json',
  metrics: 'metrics.jsonl',
  last: 'last.safetensors',
  final: 'final.safetensors',
  done: 'DONE',
  lock: 'lock',
} as const;

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
export interface Finished {
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
  const own = join(runsFolder(out), folderName(cell));
  if (existsSync(own)) return own;
  const id = cellId(cell);
  const known = listFolders(out).find((name) => name.endsWith(`.${id}`));
  return known === undefined ? own : join(runsFolder(out), known);
}

/** Whether the run of this cell is done. */
export function isFinished(out: string, cell: Cell): boolean {
  return existsSync(join(folderOf(out, cell), FILES.done));
}

function listFolders(out: string): string[] {
  const root = runsFolder(out);
  if (!existsSync(root)) return [];
  return readdirSync(root, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort();
}

export function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw error instanceof SyntaxError ? new FailureError(`${path}: not valid JSON; it is damaged`) : asFileError(error, path);
  }
}

/** Reads one run's record. Throws FailureError naming a file that is missing or damaged. */
export function readRun(folder: string): RunRecord {
  const spec = readJson(join(folder, FILES.spec)) as Cell & { id: string; format: number };
  if (spec.format !== RUN_FORMAT) throw new FailureError(`${folder}: written by another version (format ${spec.format}, this one reads ${RUN_FORMAT})`);
  const cell: Cell = { experiment: spec.experiment, arm: spec.arm, scale: spec.scale, kind: spec.kind, spec: spec.spec, seed: spec.seed };
  if (cellId(cell) !== spec.id) throw new FailureError(`${join(folder, FILES.spec)}: its spec does not have the id ${spec.id} that it names; it was changed by hand`);
  const done = existsSync(join(folder, FILES.done)) ? (readJson(join(folder, FILES.done)) as Finished) : undefined;
  const environments = existsSync(join(folder, FILES.environment)) ? (readJson(join(folder, FILES.environment)) as SessionRecord[]) : [];
  const status = done ? 'finished' : liveOwner(join(folder, FILES.lock)) ? 'running' : 'unfinished';
  return { id: spec.id, folder, cell, status, result: done?.result, seconds: done?.seconds, environments };
}

/** The engine with which an unfinished run that has a saved state was begun; undefined when there is no such run. */
export function unfinishedEngine(out: string, cell: Cell): EngineInfo | undefined {
  const folder = folderOf(out, cell);
  if (existsSync(join(folder, FILES.done)) || !existsSync(join(folder, FILES.last)) || !existsSync(join(folder, FILES.environment))) return undefined;
  return (readJson(join(folder, FILES.environment)) as SessionRecord[])[0]?.engine ?? undefined;
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
    if (!existsSync(join(folder, FILES.spec))) {
      problems.push(`${folder}: no ${FILES.spec}; not a run, or stopped before it began`);
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
  const { files } = readJson(join(run.folder, FILES.done)) as Finished;
  const path = join(run.folder, FILES.metrics);
  const text = readFileSync(path);
  if (files[FILES.metrics]?.sha256 !== sha256(text)) throw new FailureError(`${path}: not what the run wrote (its SHA-256 differs); delete the folder to run it again`);
  return text.toString().split('\n').filter(Boolean).map((line) => JSON.parse(line) as Row); // prettier-ignore
}

/** SHA-256 of a finished run's metrics, as noted when it ended. */
export function metricsHash(run: RunRecord): string | undefined {
  return (readJson(join(run.folder, FILES.done)) as Finished).files[FILES.metrics]?.sha256;
}

/** Arrays that a finished run left, checked against the finished mark. */
export function readArrays(run: RunRecord): HostArrays {
  const { files } = readJson(join(run.folder, FILES.done)) as Finished;
  const path = join(run.folder, FILES.final);
  const expected = files[FILES.final];
  if (expected === undefined) throw new FailureError(`${run.folder}: this run left no arrays`);
  if (sha256(readFileSync(path)) !== expected.sha256) throw new FailureError(`${path}: not what the run wrote (its SHA-256 differs); delete the folder to run it again`);
  return toHostArrays(readSafetensors(path).tensors);
}

export function toHostArrays(tensors: ReadonlyMap<string, NamedArray>): HostArrays {
  return Object.fromEntries([...tensors].map(([name, { shape, data }]) => [name, { shape, values: data instanceof Float64Array ? data : (data as Float32Array) }]));
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
