#!/usr/bin/env node
/** The executable: a worker where a pool has started it, and else the command line. */
import { runProgram } from './program.js';
import { apartFromHere } from './terminal/apart.js';
import { FOLLOW_COMMAND, WORKER_COMMAND } from './terminal/executable.js';
import { watchStandardOutput } from './terminal/standard-output.js';

const args = process.argv.slice(2);
if (args[0] === WORKER_COMMAND && process.send !== undefined) {
  const { serveJobs } = await import('../src/sweep/worker.js');
  const { RUNNERS } = await import('../experiments/runners.js');
  serveJobs(RUNNERS);
} else if (args[0] === FOLLOW_COMMAND && process.send !== undefined) {
  const { serveLocalWorker } = await import('./terminal/local-workers.js');
  serveLocalWorker();
} else {
  const statusOf = watchStandardOutput();
  process.exitCode = statusOf(await runProgram(args, apartFromHere()));
}
