/**
 * What sweeps cost beside their cells: milliseconds for an empty cell, and seconds for a hundred thousand finished
 * ones.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cellId, RUN_FORMAT, type Cell } from '../../src/core/run.js';
import { mergeStores } from '../../src/store/adopt.js';
import { environment } from '../../src/store/environment.js';
import { FILES, folderOf, listRuns } from '../../src/store/runs.js';
import { seal, sha256 } from '../../src/store/seal.js';
import { runPool, workOf, type Work } from '../../src/sweep/backends/pool.js';
import { runQueue } from '../../src/sweep/backends/queue.js';
import { serveQueue } from '../../src/sweep/backends/remote.js';
import { BENCH_RUNNERS, emptyCells } from './empty.js';
import { findRedis, RedisServer } from '../selftest/redis.js';

/** What a sweep costs beside its cells. */
export interface SweepCost {
  readonly case: string;
  readonly cells: number;
  /** Milliseconds for each cell, beyond its own work. */
  readonly perCell: number | null;
  readonly seconds: number;
  readonly limit: string;
}

export interface SweepBench {
  readonly cells: number;
  readonly onRow: (row: SweepCost) => void;
}

const quiet = { notice: () => {}, progress: () => {} };

/** Its module is loaded in processes of its own. */
const WORKER = { module: join(import.meta.dirname, 'sweep-worker.js'), args: [] } as const;

function crewOf(out: string, jobs: number): Parameters<typeof runPool>[1] {
  return {
    out,
    engine: { name: 'wasm', why: '' },
    jobs,
    command: 'gowide bench sweep',
    runners: BENCH_RUNNERS,
    devices: [],
    worker: WORKER,
    signal: new AbortController().signal,
    ...quiet,
  };
}

/** A store of finished runs, written without running them. */
function fill(out: string, cells: readonly Cell[]): void {
  const entry = JSON.stringify(
    [seal({ ...environment(null, 'gowide bench sweep'), resumed: false, seconds: 0 })],
    null,
    2,
  );
  mkdirSync(join(out, 'runs'), { recursive: true });
  for (const cell of cells) {
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

/** Measures all of it in a temporary folder. */
export async function benchSweep({ cells: many, onRow }: SweepBench): Promise<SweepCost[]> {
  const folder = mkdtempSync(join(tmpdir(), 'gowide-bench-sweep-'));
  const rows: SweepCost[] = [];
  const row = (given: SweepCost): void => {
    rows.push(given);
    onRow(given);
  };
  const todo = (out: string, cells: readonly Cell[]): Work => workOf(out, cells, BENCH_RUNNERS, quiet.notice);
  try {
    // one process first, so that its start does not count
    const local = async (name: string, count: number, jobs: number, milliseconds: number): Promise<number> => {
      const out = join(folder, name);
      return timed(() => runPool(todo(out, emptyCells(count, milliseconds)), crewOf(out, jobs)));
    };
    const few = await local('local-few', 1, 1, 0);
    const count = 300;
    const one = await local('local', count, 1, 0);
    row({
      case: 'empty cells, this machine, one process',
      cells: count,
      perCell: (1000 * (one - few)) / (count - 1),
      seconds: one,
      limit: '20 ms',
    });
    const redis = findRedis();
    if ('missing' in redis)
      row({
        case: `empty cells through Redis: not measured (${redis.missing})`,
        cells: 0,
        perCell: null,
        seconds: 0,
        limit: '50 ms',
      });
    else {
      const server = await RedisServer.start(join(folder, 'redis'), redis);
      try {
        const place = { url: server.url, name: 'bench', ...quiet };
        const sweep = async (name: string, number: number, workers: number, milliseconds: number): Promise<number> => {
          const controllers = Array.from({ length: workers }, () => new AbortController());
          const serving = controllers.map(({ signal }, k) =>
            serveQueue({
              ...crewOf(join(folder, `${name}-worker-${k}`), 1),
              ...place,
              signal,
              lockSeconds: 30,
            }),
          );
          const out = join(folder, name);
          try {
            // workers, and their processes, are at work before the clock starts
            await runQueue(todo(out, emptyCells(4 * workers, 301)), {
              ...place,
              out,
              signal: new AbortController().signal,
            });
            return await timed(() =>
              runQueue(todo(out, emptyCells(number, milliseconds)), {
                ...place,
                out,
                signal: new AbortController().signal,
              }),
            );
          } finally {
            controllers.forEach((controller) => controller.abort());
            await Promise.all(serving);
          }
        };
        const alone = await sweep('redis', count, 1, 0);
        row({
          case: 'empty cells through Redis, one worker',
          cells: count,
          perCell: (1000 * alone) / count,
          seconds: alone,
          limit: '50 ms',
        });
        const workers = 4;
        const busy = 16 * workers;
        const together = await sweep('redis-busy', busy, workers, 1000);
        const ideal = busy / workers;
        row({
          case: `cells of 1 s through Redis, ${workers} workers: ${((100 * (together - ideal)) / together).toFixed(1)} % lost`,
          cells: busy,
          perCell: (1000 * (together - ideal)) / (busy / workers),
          seconds: together,
          limit: '10 %',
        });
      } finally {
        await server.kill();
      }
    }
    const [store, other] = [join(folder, 'many'), join(folder, 'merged')];
    const all = emptyCells(many);
    fill(store, all);
    const list = await timed(() => listRuns(store));
    row({ case: 'finished runs listed', cells: many, perCell: null, seconds: list, limit: '30 s' });
    const resume = await timed(() => todo(store, all));
    row({
      case: 'finished cells found, every hash compared',
      cells: many,
      perCell: null,
      seconds: resume,
      limit: '30 s',
    });
    const merge = await timed(() => mergeStores(other, store));
    row({
      case: 'finished runs merged into an empty store',
      cells: many,
      perCell: null,
      seconds: merge,
      limit: '30 s',
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return rows;
}
