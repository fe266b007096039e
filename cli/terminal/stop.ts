/** Ctrl-C and SIGTERM: what a process does at them. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { typedCommand } from './options.js';

/** The first signal asks the work to stop after its step, the second ends the process at once. */
export function stopSignal(notice: (line: string) => void): AbortSignal {
  const controller = new AbortController();
  const stop = (): void => {
    if (controller.signal.aborted) process.exit(130);
    notice('stopping after this step and saving; press Ctrl-C again to quit at once');
    controller.abort();
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  return controller.signal;
}

/** A folder for as long as something is measured. */
export interface Temporary {
  readonly folder: string;
  /** Takes it away, and the process ends at signals as it did before. */
  readonly remove: () => void;
}

/** Makes a temporary folder, which is taken away where Ctrl-C or SIGTERM ends the process, which says so, too. */
export function temporaryFolder(prefix: string): Temporary {
  const folder = mkdtempSync(join(tmpdir(), prefix));
  const clear = (): void => rmSync(folder, { recursive: true, force: true });
  const stop = (): void => {
    process.stderr.write(`stopped; nothing was kept. To run it again: ${typedCommand()}\n`);
    process.exit(130);
  };
  process.on('SIGINT', stop).on('SIGTERM', stop).on('exit', clear);
  return {
    folder,
    remove: () => {
      process.off('SIGINT', stop).off('SIGTERM', stop).off('exit', clear);
      clear();
    },
  };
}
