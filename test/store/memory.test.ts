/** What a run logs is on the disk, and not in the memory of the process too. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Cell } from '../../src/core/run.js';
import { environment } from '../../src/store/environment.js';
import { executeRun } from '../../src/store/execute.js';

const CELL: Cell = { experiment: 'test', arm: 'rows', scale: 'minutes', kind: 'rows', spec: {}, seed: 1 };

/** Rows between two looks at the heap, and how many looks. */
const [ROWS, LOOKS] = [5000, 6];

/** Bytes a row that the heap may grow by; garbage collectors and compilers keep a little of their own. */
const MOST = 200;

test('a process’s memory does not grow with the rows that its run logs and saves', async () => {
  const collect = (globalThis as { gc?: () => void }).gc!;
  const heap: number[] = [];
  await executeRun(CELL, {
    out: mkdtempSync(join(tmpdir(), 'gowide-memory-')),
    environment: environment(null, 'test'),
    executors: {
      rows: async (context) => {
        for (let look = 0; look < LOOKS; look++) {
          for (let k = 0; k < ROWS; k++) context.log({ step: look * ROWS + k, loss: Math.sqrt(k) });
          context.save({ arrays: {}, position: String(look) });
          collect();
          const { heapUsed, external, arrayBuffers } = process.memoryUsage();
          heap.push(heapUsed + external + arrayBuffers);
        }
        return { result: {} };
      },
    },
    signal: new AbortController().signal,
    progress: () => {},
  });
  expect((heap.at(-1)! - heap[1]!) / (ROWS * (LOOKS - 2))).toBeLessThan(MOST);
});
