#!/usr/bin/env node
/** The executable: a worker where a pool has started it, and else the command line. */
import { runProgram } from './program.js';
import { FOLLOW_COMMAND, WORKER_COMMAND } from './terminal/executable.js';

const args = process.argv.slice(2);
if (args[0] === WORKER_COMMAND && process.send !== undefined) {
  const { serveJobs } = await import('../src/sweep/worker.js');
  const { RUNNERS } = await import('../experiments/runners.js');
  serveJobs(RUNNERS);
} else if (args[0] === FOLLOW_COMMAND && process.send !== undefined) {
  const { serveLocalWorker } = await import('./terminal/local-workers.js');
  serveLocalWorker();
} else {
  let unwritten = false;
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0); // the reader (head, less) has gone
    // what is under way is brought to its end: only what was printed is lost
    if (!unwritten)
      process.stderr.write(
        `error: cannot write to standard output: ${error.code === 'ENOSPC' ? 'no space left there' : error.message}\n`,
      );
    unwritten = true;
    process.exitCode = 1;
  });
  const status = await runProgram(args);
  process.exitCode = status === 0 && unwritten ? 1 : status;
}
