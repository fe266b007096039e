/** Checks of a cell before anything of a command is run. */
import { existsSync } from 'node:fs';
import { runnerOf } from '../../src/core/experiment.js';
import { entryOf } from '../../src/core/registry.js';
import type { Cell } from '../../src/core/run.js';
import { UsageError } from '../../src/core/errors.js';
import { EXPERIMENTS } from '../../experiments/registry.js';
import { RUNNERS } from '../../experiments/runners.js';

/**
 * Throws UsageError where a cell cannot be run: with all files at once that its experiment wants users to bring and
 * that are not there, where its spec still names them; else with what its runner finds.
 */
export function checkCell(cell: Cell): void {
  const { brought = {} } = entryOf(EXPERIMENTS, cell.experiment) ?? {};
  const named = Object.keys(brought).length === 0 ? '' : JSON.stringify(cell.spec);
  const missing = Object.entries(brought).filter(([path]) => named.includes(JSON.stringify(path)) && !existsSync(path));
  if (missing.length > 0)
    throw new UsageError(
      `experiment ${cell.experiment}: files are not found that you bring: ` +
        `${missing.map(([path, what]) => `${path} (${what})`).join(', ')}; ` +
        'put them there, or run the command in the folder that has them',
    );
  runnerOf(cell, RUNNERS).check(cell);
}
