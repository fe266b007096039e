#!/usr/bin/env node
/** The executable: pairs each declaration with its executor, and the command line with both. */
import { fileURLToPath } from 'node:url';
import { writeReport } from '../reports/report.js';
import { WORKER_COMMAND } from '../src/cli/app.js';
import { runProgram } from '../src/cli/program.js';
import { serveOneJob } from '../src/sweep/worker.js';
import { STUDIES } from '../theory/studies/index.js';
import { EXPERIMENTS, RUNNERS, THEORY_EXPERIMENTS, TRAIN_EXPERIMENTS } from './registry.js';

const [first] = process.argv.slice(2);
if (first === WORKER_COMMAND && process.send !== undefined) {
  serveOneJob(RUNNERS);
} else {
  const app = {
    experiments: EXPERIMENTS,
    studies: THEORY_EXPERIMENTS.map((experiment) => ({ ...experiment, law: STUDIES[experiment.name]!.law })),
    trainings: TRAIN_EXPERIMENTS,
    runners: RUNNERS,
    report: writeReport,
    // mathjs is large: it is loaded when it is needed
    verify: async () => (await import('../theory/verify.js')).verifyAll(),
    executable: fileURLToPath(import.meta.url),
  };
  process.exitCode = await runProgram(app, process.argv.slice(2));
}
