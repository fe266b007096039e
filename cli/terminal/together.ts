/** Runs cells by several processes that train each network together, here or on many machines. */
import { Option, type Command } from 'commander';
import { UsageError } from '../../src/core/errors.js';
import type { Cell } from '../../src/core/run.js';
import { checkSecret, checkTask, parseAddresses, workerName } from '../../src/distributed/address.js';
import { endRuns, leading, StoreWait } from '../../src/distributed/run.js';
import { SLURM_PORT, slurmWorkers } from '../../src/distributed/slurm.js';
import { requestedEngine, type EngineChoice } from '../../src/engine/engines/choose.js';
import { checkedSpec } from '../../src/method/run/runner.js';
import { checkShares } from '../../src/method/training/share.js';
import { environment } from '../../src/store/environment.js';
import { executeRun } from '../../src/store/execute.js';
import { checkInputs, workOf, type Work } from '../../src/sweep/work.js';
import { runnerOptions } from '../../src/sweep/worker.js';
import type { TensorSetup } from '../../src/sweep/worker-pool.js';
import { RUNNERS } from '../../experiments/runners.js';
import { followCells, asWorker, type Place } from './as-worker.js';
import { startLocalWorkers } from './local-workers.js';
import { checkCell } from './check-cell.js';
import { checkOut, typedCommand, wholeNumber } from './options.js';
import { Progress } from './progress.js';
import { reporter, sayingHowToGoOn, tensorSetup, type WorkOptions } from './work.js';

/** What the options of {@link withWorkerOptions} give. */
export interface TogetherOptions extends WorkOptions {
  readonly workers?: string;
  readonly task?: number;
  readonly localWorkers?: number;
  readonly workerTimeout?: number;
}

/** Seconds that a worker may be silent, unless given. */
const WORKER_TIMEOUT = 60;

/** Adds the options by which several processes train one network together. */
export function withWorkerOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--workers <list>',
        'train together with the processes at these addresses, host:port,host:port in the order of their tasks; ' +
          `or slurm[:port], by the variables of srun (port ${SLURM_PORT})`,
      ).conflicts('jobs'),
    )
    .option('--task <n>', 'which of --workers this process is, from 0; task 0 writes the runs', wholeNumber(0))
    .addOption(
      new Option('--local-workers <n>', 'train together by so many processes of this machine')
        .argParser(wholeNumber(2, 1024))
        .conflicts('jobs'),
    )
    .option(
      '--worker-timeout <seconds>',
      `end when a worker has not come, or has said nothing, for so long (default: ${WORKER_TIMEOUT})`,
      wholeNumber(1),
    );
}

/** `--workers` by the variables of Slurm, with the port where it is given. */
const SLURM = /^slurm(?::(\d{1,5}))?$/;
/** Whether Slurm's variables are meant, also with a port that is none: one word, where addresses have commas. */
const isSlurm = (workers: string): boolean => /^slurm(:[^,]*)?$/.test(workers);

/** Whether the options ask for several workers. Throws UsageError on options that do not fit each other. */
export function wantsWorkers({ workers, task, localWorkers, workerTimeout }: TogetherOptions): boolean {
  if (workers !== undefined && localWorkers !== undefined)
    throw new UsageError('--workers and --local-workers: expected one of them');
  if (task !== undefined && (workers === undefined || isSlurm(workers)))
    throw new UsageError('--task: expected with --workers host:port,host:port only');
  if (workers !== undefined && isSlurm(workers) && !SLURM.test(workers))
    throw new UsageError(`--workers ${workers}: expected slurm, or slurm:PORT with a port from 1 to 65535`);
  if (workers !== undefined && task === undefined && !isSlurm(workers))
    throw new UsageError('--workers: --task is needed, the place of this process in the list, from 0');
  const together = workers !== undefined || localWorkers !== undefined;
  if (workerTimeout !== undefined && !together)
    throw new UsageError('--worker-timeout: expected with --workers or --local-workers only');
  return together;
}

/**
 * The place that `--workers` and `--task` give. Throws UsageError for a task that the list does not have, and where the
 * secret is missing: neither is to wait for an engine, which may be downloaded first.
 */
function placeOf({ workers = '', task = 0, workerTimeout = WORKER_TIMEOUT }: TogetherOptions): Place {
  const secret = process.env.GOWIDE_WORKERS_SECRET ?? '';
  const [slurm, port] = SLURM.exec(workers) ?? [];
  const found =
    slurm === undefined
      ? { addresses: parseAddresses(workers), task }
      : slurmWorkers(process.env, port === undefined ? undefined : Number(port));
  checkTask(found.task, found.addresses);
  checkSecret(secret, found.addresses);
  return { ...found, secret, seconds: workerTimeout };
}

/**
 * Runs all cells that are not finished, each by all workers; whether this process is worker 0, which has the runs.
 * Throws InterruptedError with the command that goes on, and FailureError that names a worker which is gone.
 */
export async function workTogether(cells: readonly Cell[], options: TogetherOptions): Promise<boolean> {
  for (const cell of cells) checkCell(cell);
  const request = requestedEngine(options.engine);
  const progress = new Progress();
  const notice = (line: string): void => progress.line(line);
  const local = options.localWorkers;
  const place = local === undefined ? placeOf(options) : undefined;
  for (const { spec } of cells) checkShares(checkedSpec(spec), local ?? place!.addresses.length);
  return sayingHowToGoOn(progress, async () => {
    if (place !== undefined && place.task > 0) {
      await followCells(cells, (await tensorSetup(request, progress)).engine, place, notice);
      notice(`Done; ${workerName(0, place.addresses)} has the runs.`);
      return false;
    }
    const out = checkOut(options.out);
    const work = workOf(out, cells, RUNNERS, notice);
    await checkInputs(out, work, RUNNERS, { notice });
    if (local !== undefined && work.open.size === 0) return true;
    const setup = await tensorSetup(request, progress);
    if (place !== undefined) await leadCells(cells, work, setup.engine, place, { out, progress });
    else
      await leadLocally(cells, work, setup, local!, {
        out,
        progress,
        seconds: options.workerTimeout ?? WORKER_TIMEOUT,
      });
    return true;
  });
}

interface Leading {
  readonly out: string;
  readonly progress: Progress;
  /** Aborted when a worker of this machine has ended, with its error. */
  readonly lost?: AbortSignal;
}

async function leadLocally(
  cells: readonly Cell[],
  work: Work,
  { engine, devices }: TensorSetup,
  count: number,
  { out, progress, seconds }: Omit<Leading, 'lost'> & { readonly seconds: number },
): Promise<void> {
  const workers = startLocalWorkers(count, devices, (place) => ({ cells, engine, place: { ...place, seconds } }));
  try {
    await leadCells(cells, work, engine, { ...workers.place, seconds }, { out, progress, lost: workers.lost });
    await workers.ended();
  } finally {
    workers.end();
  }
}

async function leadCells(
  cells: readonly Cell[],
  { open }: Work,
  choice: EngineChoice,
  place: Place,
  { out, progress, lost }: Leading,
): Promise<void> {
  const notice = (line: string): void => progress.line(line);
  const report = reporter(progress, 0);
  await asWorker(cells, choice, place, { notice, lost }, async ({ workers, engine, signal }) => {
    const command = typedCommand();
    const waits = new StoreWait(() => workers.alive());
    const given = runnerOptions(RUNNERS);
    const executors = Object.fromEntries(
      Object.entries(given.executors).map(([kind, execute]) => [kind, leading(execute, workers, waits)]),
    );
    waits.begin();
    try {
      for (const [i, cell] of [...open.values()].entries())
        await executeRun(cell, {
          out,
          environment: { ...environment(engine, command), workers: workers.size },
          ...given,
          executors,
          signal,
          notice,
          progress: (at, stage, done, total) => {
            workers.alive();
            report(at, stage, done, total, { share: (i + done / (total || 1)) / open.size });
          },
        });
    } finally {
      waits.end();
    }
    await endRuns(workers);
  });
}
