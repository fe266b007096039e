/** A sweep with requirements, small enough for tests, and a store for it. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { EMPTY_KIND, EMPTY_RUNNER } from '../../cli/bench/empty.js';
import type { Runner } from '../../src/core/experiment.js';
import type { Cell } from '../../src/core/run.js';

export const PROGRAM = resolve(import.meta.dirname, '../../dist/cli/main.js');
export const newFolder = (): string => mkdtempSync(join(tmpdir(), 'gowide-sweep-'));

export const cellOf = (arm: string, seed: number, spec: Cell['spec'] = {}): Cell => ({
  experiment: 'small',
  arm,
  scale: 'custom',
  kind: EMPTY_KIND,
  spec: { arm, ...spec },
  seed,
});

/** Thin cells need the wide one of their seed. */
export const RUNNERS: Readonly<Record<string, Runner>> = {
  [EMPTY_KIND]: {
    ...EMPTY_RUNNER,
    requires: (cell) => (cell.arm === 'wide' ? [] : [cellOf('wide', cell.seed)]),
    cost: (cell) => (cell.arm === 'wide' ? 3 : 1),
  },
};
