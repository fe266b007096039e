/** What programs may give to `executeRun` by mistake: one line that says what was expected, before anything is done. */
import { existsSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { FailureError, UsageError } from '../../src/core/errors.js';
import type { Cell, Executor, Outcome } from '../../src/core/run.js';
import { environment } from '../../src/store/environment.js';
import { executeRun, type ExecuteOptions } from '../../src/store/execute.js';

const CELL: Cell = { experiment: 'mine', arm: 'a', scale: 'custom', kind: 'mine', spec: { steps: 1 }, seed: 1 };

function options(executor: Executor = () => Promise.resolve({ result: { value: 1 } })): ExecuteOptions {
  return {
    out: join(mkdtempSync(join(tmpdir(), 'gowide-wrong-calls-')), 'out'),
    environment: environment(null, 'test'),
    executors: { mine: executor },
    signal: new AbortController().signal,
    progress: () => {},
  };
}

test.each([
  ['out', 'string'],
  ['environment', 'object'],
  ['executors', 'object'],
  ['signal', 'object'],
  ['progress', 'function'],
])('an option that is left out is named: %s', async (name, type) => {
  const call = executeRun(CELL, { ...options(), [name]: undefined });
  await expect(call).rejects.toThrow(UsageError);
  await expect(call).rejects.toThrow(
    `executeRun: ${name}: expected a${type === 'object' ? 'n' : ''} ${type}, got nothing`,
  );
});

test.each<[what: string, cell: unknown]>([
  ['nothing', undefined],
  ['a seed below 0', { ...CELL, seed: -1 }],
  ['a name with a slash', { ...CELL, experiment: 'a/b' }],
])('a cell whose run could not be read again is refused before it is run: %s', async (_, cell) => {
  const given = options(() => expect.unreachable('it was run'));
  await expect(executeRun(cell as Cell, given)).rejects.toThrow('not a cell');
  expect(existsSync(given.out)).toBe(false);
});

test('a member of a spec that is undefined is as one that is left out', async () => {
  const given = options();
  const run = await executeRun({ ...CELL, spec: { steps: 1, clip: undefined } }, given);
  expect(run.cell.spec).toEqual({ steps: 1 });
  expect((await executeRun(CELL, given)).id).toBe(run.id);
});

test.each<[outcome: unknown, message: string]>([
  [undefined, 'gave nothing; expected an outcome as { result: { name: value } }'],
  [{}, 'gave no result'],
  [{ result: {}, arrays: { a: [1] } }, 'a: expected a tensor as { shape, values }'],
])('an executor that gives no outcome is named: %j', async (outcome, message) => {
  const call = executeRun(
    CELL,
    options(() => Promise.resolve(outcome as Outcome)),
  );
  await expect(call).rejects.toThrow(message);
});

test('what an executor logs is a row', async () => {
  const call = executeRun(
    CELL,
    options((context) => {
      context.log(undefined as never);
      return Promise.resolve({ result: {} });
    }),
  );
  await expect(call).rejects.toThrow(FailureError);
  await expect(call).rejects.toThrow('mine a, seed 1: log: expected a row of values by name, got undefined');
});
