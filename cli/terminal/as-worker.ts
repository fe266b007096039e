/** One of several processes that train together: it opens its engine, finds the others, and does its part. */
import { InterruptedError } from '../../src/core/errors.js';
import { runnerOf } from '../../src/core/experiment.js';
import { hashOf } from '../../src/core/json.js';
import { cellId, type Cell, type InputFiles } from '../../src/core/run.js';
import { checkTask, isLocal, workerName, type Address } from '../../src/distributed/address.js';
import { joinWorkers } from '../../src/distributed/join.js';
import { followRuns } from '../../src/distributed/run.js';
import type { WorkerMesh } from '../../src/distributed/mesh.js';
import { openEngine, tuneFor, type Engine, type EngineChoice } from '../../src/engine/engines/choose.js';
import { environment } from '../../src/store/environment.js';
import { readInputs } from '../../src/store/inputs.js';
import { withRequired } from '../../src/sweep/work.js';
import { runnerOptions } from '../../src/sweep/worker.js';
import { RUNNERS } from '../../experiments/runners.js';
import { stopSignal } from './stop.js';

/** Where a process is among the workers. */
export interface Place {
  readonly addresses: readonly Address[];
  readonly task: number;
  readonly secret: string;
  readonly seconds: number;
  /** Cores of this machine for a large network, where other workers have the rest; all of them if undefined. */
  readonly cores?: number;
}

/** Takes part in the runs of worker 0. */
export async function followCells(
  cells: readonly Cell[],
  choice: EngineChoice,
  place: Place,
  notice: (line: string) => void,
): Promise<void> {
  await asWorker(cells, choice, place, { notice }, async ({ workers, signal }) => {
    const { executors } = runnerOptions(RUNNERS);
    const all = withRequired(cells, RUNNERS);
    await followRuns(workers, { cells: all, executors, signal, progress: () => workers.alive() });
  });
}

interface Joined {
  readonly workers: WorkerMesh;
  readonly engine: Engine;
  /** Aborted when the user of any worker wants to stop, on every worker after the same step. */
  readonly signal: AbortSignal;
}

/**
 * Opens the engine, finds the others, and tells them why when this worker's part ends with an error. Throws UsageError
 * for a task that is none of theirs, before anything is opened.
 */
export async function asWorker(
  cells: readonly Cell[],
  { name, why }: EngineChoice,
  { addresses, task, secret, seconds, cores }: Place,
  { notice, lost }: { readonly notice: (line: string) => void; readonly lost?: AbortSignal | undefined },
  act: (joined: Joined) => Promise<void>,
): Promise<void> {
  checkTask(task, addresses);
  tuneFor(Math.max(...cells.map((cell) => runnerOf(cell, RUNNERS).stepFlops?.(cell) ?? 0)) / addresses.length, cores);
  const engine = await openEngine(name, undefined, notice, why);
  notice(
    `Engine: ${engine.name} (${engine.version}), ${engine.device}, threads: ${engine.threads}; ${engine.why}. ` +
      `This is ${workerName(task, addresses)} of ${addresses.length}.`,
  );
  const asked = stopSignal(notice);
  const before = new AbortController();
  const giveUp = (): void => before.abort(new InterruptedError('stopped before all workers had come'));
  const isLost = (): void => before.abort(lost!.reason);
  asked.addEventListener('abort', giveUp);
  lost?.addEventListener('abort', isLost);
  const stop = new AbortController();
  const { package: version, commit } = environment(null, '');
  const ids = cells.map(cellId);
  const workers = await joinWorkers({
    addresses,
    task,
    secret,
    seconds,
    facts: {
      'version of gowide': commit === null ? version : `${version} (${commit.slice(0, 12)})`,
      'list of workers': addresses.map((_, k) => workerName(k, addresses)).join(', '),
      spec: ids.length === 1 ? `run ${ids[0]}` : `${ids.length} runs, ${hashOf(ids)}`,
      engine: engine.name,
    },
    notice,
    onStop: () => stop.abort(),
    signal: before.signal,
  });
  asked.removeEventListener('abort', giveUp);
  asked.addEventListener('abort', () => workers.requestStop());
  if (asked.aborted) workers.requestStop();
  try {
    // workers of one machine read the same files
    if (!addresses.every(isLocal)) await agreeOnFiles(workers, filesOf(cells));
    await act({ workers, engine, signal: stop.signal });
  } catch (error) {
    workers.abandon(error);
    throw error;
  }
  workers.close();
}

/** Every file that the runs of these cells read, once. */
function filesOf(cells: readonly Cell[]): InputFiles[] {
  const all = [...withRequired(cells, RUNNERS).values()].flatMap((cell) => runnerOf(cell, RUNNERS).files?.(cell) ?? []);
  return [...new Map(all.map((one) => [JSON.stringify(one), one])).values()];
}

/**
 * Throws FailureError that names a worker, and a file that holds something else there than on worker 0: a wide net of
 * other weights, or other data, would change every gradient of its share.
 */
export async function agreeOnFiles(workers: WorkerMesh, files: readonly InputFiles[]): Promise<void> {
  for (const one of files) {
    const [input] = await readInputs([one], { progress: () => workers.alive() });
    const { path, bytes, sha256 } = input!;
    await workers.agree(`content in ${path}`, `${bytes} bytes, SHA-256 ${sha256.slice(0, 16)}`);
  }
}
