/** Runs on a command line: the check of the folder they are in, and how one is shown in a line. */
import { UsageError } from '../../src/core/errors.js';
import type { RunRecord } from '../../src/store/runs.js';
import { hasRuns, noRuns } from './options.js';

/** Throws UsageError where a folder holds no runs. */
export function requireRuns(out: string): void {
  if (!hasRuns(out))
    throw new UsageError(noRuns(out, 'name the folder with --out, or make some with: gowide reproduce'));
}

/** One line of a table of runs. */
export function brief(run: RunRecord): Record<string, string | number> {
  const { experiment, arm, scale, seed } = run.cell;
  return { run: run.id, experiment, arm, scale, seed, status: run.status, seconds: run.seconds ?? '' };
}
