/**
 * The two commands that back ends start elsewhere, for the cells of these tests: `task <cells.json> <out> <jobs>
 * --shard <i/n>` runs a part of a sweep as a task of a cluster does, and `worker <url> <queue> <out>` takes cells from
 * a queue.
 */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { serveQueue } from '../../dist/src/sweep/backends/bullmq/worker.js';
import { SHARD } from '../../dist/src/sweep/backends/shard.js';
import { RUNNERS } from './cells.mjs';

const controller = new AbortController();
process.on('SIGTERM', () => controller.abort());

const workersOf = (out, jobs) => ({
  out,
  tensors: Promise.resolve({ engine: { name: 'wasm', why: 'test' }, devices: [] }),
  jobs,
  command: 'test',
  runners: RUNNERS,
  worker: { module: resolve(import.meta.dirname, 'worker.mjs'), args: [] },
});
const told = { signal: controller.signal, notice: (line) => console.error(line), progress: () => {} };

const COMMANDS = {
  task: async ([cells, out, jobs, , shard]) => {
    const workers = () => Promise.resolve(workersOf(out, Number(jobs)));
    const sweep = { ...told, cells: JSON.parse(readFileSync(cells, 'utf8')), out, runners: RUNNERS, workers };
    await SHARD.run({ ...sweep, progress: () => () => {} }, { shard });
  },
  worker: ([url, name, out]) => serveQueue({ ...workersOf(out, 1), ...told, url, name, lockSeconds: 2 }),
};

const [command, ...args] = process.argv.slice(2);
try {
  await COMMANDS[command](args);
} catch (error) {
  console.error(error.message);
  process.exitCode = controller.signal.aborted ? 130 : 1;
}
