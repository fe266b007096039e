/**
 * One run by several workers. Worker 0 has the store: it tells the others which run begins, from which saved state, and
 * hands them what earlier runs left. The others compute the same, on their shares of the batches, and write nothing.
 */
import { FailureError, InterruptedError } from '../core/errors.js';
import type { Workers } from '../core/workers.js';
import type { Floats, HostArrays } from '../core/host-array.js';
import { cellId, type Cell, type Executor, type RunContext, type Snapshot } from '../core/run.js';
import { say, type Said } from './arrays.js';

/** Time between two calls of `alive` while worker 0 waits for its store, in milliseconds. */
const PAUSE = 250;

/**
 * The time in which worker 0 waits for its store and computes nothing: until the lock of a run is free, until the data
 * of a run are hashed. `alive` is called meanwhile, which tells the others so.
 */
export class StoreWait {
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly alive: () => void) {}

  begin(): void {
    this.timer ??= setInterval(this.alive, PAUSE);
  }

  end(): void {
    clearInterval(this.timer);
    this.timer = undefined;
  }
}

/** Worker 0's executor: the others are told of the run before it begins, and of `waits` for the store. */
export function leading(executor: Executor, workers: Workers, waits?: StoreWait): Executor {
  const lead = leadingRun(executor, workers, waits);
  return async (context) => {
    waits?.end();
    try {
      return await lead(context);
    } finally {
      waits?.begin();
    }
  };
}

function leadingRun(executor: Executor, workers: Workers, waits: StoreWait | undefined): Executor {
  return async (context) => {
    const { cell, seed, resumed } = context;
    const words = { run: cellId(cell), position: resumed?.position ?? null };
    await say(workers, { words, arrays: resumed?.arrays ?? {} });
    return executor({
      cell,
      seed,
      resumed,
      workers,
      log: (row) => context.log(row),
      progress: (stage, done, total) => context.progress(stage, done, total),
      shouldSave: () => context.shouldSave(),
      save: (snapshot) => context.save(snapshot),
      require: async (required) => {
        waits?.begin();
        const arrays = await context.require(required).finally(() => waits?.end());
        await say(workers, { words: {}, arrays });
        return arrays;
      },
    });
  };
}

/** Tells the others that there are no more runs. */
export async function endRuns(workers: Workers): Promise<void> {
  await say(workers, { words: { end: true }, arrays: {} });
}

/** What a worker other than 0 works with. */
export interface Following {
  /** Every run that worker 0 may begin, by id. */
  readonly cells: ReadonlyMap<string, Cell>;
  readonly executors: Readonly<Record<string, Executor>>;
  /** Aborted when all workers are to stop after this step. */
  readonly signal: AbortSignal;
  readonly progress: (cell: Cell, stage: string, done: number, total: number) => void;
}

/** Takes part in worker 0's runs until there are no more. Throws InterruptedError when they were stopped. */
export async function followRuns(workers: Workers, following: Following): Promise<void> {
  for (;;) {
    const said = await say(workers);
    if (said.words.end === true) return;
    await follow(workers, following, said);
  }
}

async function follow(workers: Workers, following: Following, { words, arrays }: Said): Promise<void> {
  const { run, position } = words;
  const cell = typeof run === 'string' ? following.cells.get(run) : undefined;
  if (cell === undefined)
    throw new FailureError(`worker 0 begins a run that this worker does not know: ${JSON.stringify(run)}`);
  const resumed: Snapshot | undefined = typeof position === 'string' ? { position, arrays } : undefined;
  await following.executors[cell.kind]!(new Follower(cell, resumed, workers, following));
}

/** What an executor gets on a worker without a store. */
class Follower implements RunContext {
  readonly seed: number;

  constructor(
    readonly cell: Cell,
    readonly resumed: Snapshot | undefined,
    readonly workers: Workers,
    private readonly following: Following,
  ) {
    this.seed = cell.seed;
  }

  /** Worker 0 logs; what this worker alone has met, such as files that cannot be read, is sent to it. */
  log(): void {}

  progress(stage: string, done: number, total: number): void {
    this.following.progress(this.cell, stage, done, total);
  }

  shouldSave(): boolean {
    return this.following.signal.aborted;
  }

  save(): void {
    throw new InterruptedError('stopped; worker 0 has saved the state');
  }

  /** Worker 0 hands out what the run left, or runs it first, with this worker. */
  async require(): Promise<HostArrays<Floats>> {
    for (;;) {
      const said = await say(this.workers);
      if (said.words.run === undefined) return said.arrays;
      await follow(this.workers, this.following, said);
    }
  }
}
