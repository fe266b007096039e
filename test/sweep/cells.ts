/** A sweep with requirements, small enough for tests, and a store for it. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Runner } from '../../src/core/experiment.js';
import type { Cell } from '../../src/core/run.js';

// Worker processes load this module as it stands, so it is JavaScript, which the type check does not read.
const module = './cells.mjs';
const cells = (await import(module)) as {
  readonly cellOf: (arm: string, seed: number, spec?: Cell['spec']) => Cell;
  readonly RUNNERS: Readonly<Record<string, Runner>>;
};

export const PROGRAM = resolve(import.meta.dirname, '../../dist/cli/main.js');
/** What a worker pool starts to run the cells of these tests. */
export const WORKER = { module: resolve(import.meta.dirname, 'worker.mjs'), args: [] } as const;
export const newFolder = (): string => mkdtempSync(join(tmpdir(), 'gowide-sweep-'));

/** A cell of the sweep: `milliseconds` in its spec is how long it takes. */
export const cellOf = cells.cellOf;

/** Thin cells need the wide one of their seed. */
export const RUNNERS = cells.RUNNERS;
