/** This program's own file, and what is run in a process of its own from it. */
import { fileURLToPath } from 'node:url';
import { runTool } from '../../src/toolchain/tools.js';

/** Path of the executable: worker processes, tasks of a cluster and single measurements are started from it. */
export const EXECUTABLE = fileURLToPath(new URL('../main.js', import.meta.url));

/** Hidden command that makes the executable a worker of the pool. */
export const WORKER_COMMAND = 'run-cell';

/** Hidden command that makes the executable one of several workers that train together. */
export const FOLLOW_COMMAND = 'follow-runs';

/** What a command of this program prints as JSON, run in a process of its own. Throws FailureError when it fails. */
export async function printedBy<Printed>(args: readonly string[]): Promise<Printed> {
  return JSON.parse(await runTool(process.execPath, [EXECUTABLE, ...args], process.env, process.cwd())) as Printed;
}
