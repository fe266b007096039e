/** What the page runs in the reader's browser: bundles that the build makes of client/. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { FailureError } from '../../src/core/errors.js';

/** The bundles that a page carries. */
export interface Client {
  /** Figures and laboratory; the page without it is whole, but does not move. */
  readonly main: string;
  /** The laboratory's worker, and the particle kernel in base64. */
  readonly worker: string;
  readonly kernel: string;
}

function read(name: string): Buffer {
  const path = join(import.meta.dirname, '..', 'client', 'bundle', name);
  if (!existsSync(path)) throw new FailureError(`${path} is missing; npm run build makes it`);
  return readFileSync(path);
}

let client: Client | undefined;

/** The bundles of the page, read once. Throws FailureError when they are missing. */
export function readClient(): Client {
  return (client ??= {
    main: read('main.js').toString(),
    worker: read('worker.js').toString(),
    kernel: read('kernel.wasm').toString('base64'),
  });
}
