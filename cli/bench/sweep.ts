/**
 * What sweeps cost beside their cells: milliseconds for an empty cell, and seconds for a hundred thousand finished
 * ones.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { Option } from 'commander';
import { cellId, RUN_FORMAT, type Cell } from '../../src/core/run.js';
import { mergeStores } from '../../src/store/merge.js';
import { environment } from '../../src/store/environment.js';
import { FILES, folderOf, listRuns } from '../../src/store/runs.js';
import { seal, sha256 } from '../../src/store/seal.js';
import { runPool } from '../../src/sweep/backends/pool.js';
import { workOf, type Work } from '../../src/sweep/work.js';
import { wholeNumber } from '../terminal/options.js';
import { temporaryFolder } from '../terminal/stop.js';
import { textTable } from '../terminal/table.js';
import type { Bench } from './bench.js';
import { BENCH_RUNNERS, emptyCells } from './empty.js';

/** What a sweep costs beside its cells. */
interface SweepCost {
  readonly case: string;
  readonly cells: number;
  /** Milliseconds for each cell, beyond its own work. */
  readonly perCell: number | null;
  readonly seconds: number;
  readonly limit: string;
}

const quiet = { notice: () => {}, progress: () => {} };

/** Its module is loaded in processes of its own. */
const WORKER = { module: join(import.meta.dirname, 'sweep-worker.js'), args: [] } as const;

function workersOf(out: string, jobs: number): Parameters<typeof runPool>[1] {
  return {
    out,
    tensors: Promise.resolve({ engine: { name: 'wasm', why: '' }, devices: [] }),
    jobs,
    command: 'gowide bench sweep',
    runners: BENCH_RUNNERS,
    worker: WORKER,
    signal: new AbortController().signal,
    ...quiet,
  };
}

/** A store of finished runs, written without running them. */
async function fill(out: string, cells: readonly Cell[]): Promise<void> {
  const entry = JSON.stringify(
    [seal({ ...environment(null, 'gowide bench sweep'), resumed: false, seconds: 0 })],
    null,
    2,
  );
  mkdirSync(join(out, 'runs'), { recursive: true });
  for (const [i, cell] of cells.entries()) {
    if (i % 1000 === 0) await setImmediate(); // a signal is heard between two turns of the event loop
    const folder = folderOf(out, cell, new Map());
    const metrics = `${JSON.stringify({ seed: cell.seed })}\n`;
    const contents = {
      [FILES.spec]: `${JSON.stringify(seal({ format: RUN_FORMAT, id: cellId(cell), ...cell }), null, 2)}\n`,
      [FILES.environment]: entry,
      [FILES.metrics]: metrics,
    };
    mkdirSync(folder);
    for (const [name, text] of Object.entries(contents)) writeFileSync(join(folder, name), text);
    const files = Object.fromEntries(
      Object.entries(contents).map(([name, text]) => [name, { bytes: Buffer.byteLength(text), sha256: sha256(text) }]),
    );
    writeFileSync(
      join(folder, FILES.done),
      `${JSON.stringify(seal({ result: { seed: cell.seed }, seconds: 0, files }), null, 2)}\n`,
    );
  }
}

async function timed(act: () => unknown): Promise<number> {
  const started = performance.now();
  await act();
  return (performance.now() - started) / 1000;
}

function todo(out: string, cells: readonly Cell[]): Work {
  return workOf(out, cells, BENCH_RUNNERS, quiet.notice);
}

/** Empty cells of each case on one process. */
const COUNT = 300;

async function localCost(folder: string): Promise<SweepCost> {
  const run = (name: string, count: number): Promise<number> => {
    const out = join(folder, name);
    return timed(() => runPool(todo(out, emptyCells(count)), workersOf(out, 1)));
  };
  // a run of one cell first: the start of the process does not count
  const start = await run('local-one', 1);
  const seconds = await run('local', COUNT);
  return {
    case: 'empty cells, this machine, one process',
    cells: COUNT,
    perCell: (1000 * (seconds - start)) / (COUNT - 1),
    seconds,
    limit: '20 ms',
  };
}

/** Seconds of a sweep through Redis, of whose workers all are at work before the clock starts. */
async function redisSeconds(out: string, url: string, cells: number, workers: number, ms: number): Promise<number> {
  const { runQueue } = await import('../../src/sweep/backends/bullmq/sweep.js');
  const { serveQueue } = await import('../../src/sweep/backends/bullmq/worker.js');
  const place = { url, name: 'bench', ...quiet };
  const controllers = Array.from({ length: workers }, () => new AbortController());
  const serving = controllers.map(({ signal }, k) =>
    serveQueue({ ...workersOf(`${out}-worker-${k}`, 1), ...place, signal, lockSeconds: 30 }),
  );
  const sweepOf = (count: number, milliseconds: number): Promise<void> =>
    runQueue(todo(out, emptyCells(count, milliseconds)), { ...place, out, signal: new AbortController().signal });
  try {
    await sweepOf(4 * workers, 301);
    return await timed(() => sweepOf(cells, ms));
  } finally {
    controllers.forEach((controller) => controller.abort());
    await Promise.all(serving);
  }
}

async function* redisCosts(folder: string): AsyncGenerator<SweepCost> {
  const { findRedis, RedisServer } = await import('../selftest/redis.js');
  const redis = findRedis();
  if ('missing' in redis) {
    const name = `empty cells through Redis: not measured (${redis.missing})`;
    yield { case: name, cells: 0, perCell: null, seconds: 0, limit: '50 ms' };
    return;
  }
  const server = await RedisServer.start(join(folder, 'redis'), redis);
  try {
    const alone = await redisSeconds(join(folder, 'alone'), server.url, COUNT, 1, 0);
    yield {
      case: 'empty cells through Redis, one worker',
      cells: COUNT,
      perCell: (1000 * alone) / COUNT,
      seconds: alone,
      limit: '50 ms',
    };
    const workers = 4;
    const perWorker = 16;
    const seconds = await redisSeconds(join(folder, 'busy'), server.url, perWorker * workers, workers, 1000);
    yield {
      case:
        `cells of 1 s through Redis, ${workers} workers: ` +
        `${((100 * (seconds - perWorker)) / seconds).toFixed(1)} % lost`,
      cells: perWorker * workers,
      perCell: (1000 * (seconds - perWorker)) / perWorker,
      seconds,
      limit: '10 %',
    };
  } finally {
    await server.kill();
  }
}

/** A store of many finished runs: listed, looked through for what is open, and merged into an empty one. */
async function* storeCosts(folder: string, cells: number): AsyncGenerator<SweepCost> {
  const [store, other] = [join(folder, 'many'), join(folder, 'merged')];
  const all = emptyCells(cells);
  await fill(store, all);
  const acts: Readonly<Record<string, () => unknown>> = {
    'finished runs listed': () => listRuns(store),
    'finished cells found, every hash compared': () => todo(store, all),
    'finished runs merged into an empty store': () => mergeStores(other, store),
  };
  for (const [name, act] of Object.entries(acts))
    yield { case: name, cells, perCell: null, seconds: await timed(act), limit: '30 s' };
}

/** Every cost, one after the other, in a temporary folder. */
async function* costs(cells: number): AsyncGenerator<SweepCost> {
  const { folder, remove } = temporaryFolder('gowide-bench-sweep-');
  try {
    yield await localCost(folder);
    yield* redisCosts(folder);
    yield* storeCosts(folder, cells);
  } finally {
    remove();
  }
}

/** `gowide bench sweep`: what a sweep costs beside its cells. */
export const sweep: Bench<{ readonly cells: number }> = {
  description: 'what sweeps cost beside their cells: an empty cell here and through Redis, and many finished ones',
  options: () => [
    new Option('--cells <n>', 'finished runs to list, find and merge').default(100_000).argParser(wholeNumber(10)),
  ],
  examples: ['', '--cells 10000 --json'],
  run: async ({ cells }, say) => {
    const rows: SweepCost[] = [];
    for await (const row of costs(cells)) {
      rows.push(row);
      say(`${row.case}: ${row.seconds.toFixed(1)} s`);
    }
    const lines = rows.map(({ perCell, seconds, ...rest }) => ({
      ...rest,
      seconds: seconds.toFixed(1),
      'ms a cell': perCell === null ? '' : perCell.toFixed(1),
    }));
    return { data: { rows }, text: textTable(lines) };
  },
};
