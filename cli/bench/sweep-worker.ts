/** The worker process of `gowide bench sweep`: it runs empty cells, too. */
import { serveJobs } from '../../src/sweep/worker.js';
import { BENCH_RUNNERS } from './empty.js';

serveJobs(BENCH_RUNNERS);
