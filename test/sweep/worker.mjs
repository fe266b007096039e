/** A worker process that runs the cells of these tests. */
import { serveJobs } from '../../dist/src/sweep/worker.js';
import { RUNNERS } from './cells.mjs';

serveJobs(RUNNERS);
