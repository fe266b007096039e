import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { resnetDigits } from '../../experiments/resnet.js';
import { RUNNERS } from '../../experiments/runners.js';
import { saddle } from '../../experiments/theory.js';
import { DivergedError } from '../../src/core/errors.js';
import { cellsOf } from '../../src/core/experiment.js';
import { WORKER_COMMAND } from '../../cli/terminal/executable.js';
import { atSteps } from '../../src/method/spec/recipe-steps.js';
import type { TrainSpec } from '../../src/method/spec/spec.js';
import { folderOf, isFinished, listRuns, readMetrics, readRun } from '../../src/store/runs.js';
import { cellId, type Cell } from '../../src/core/run.js';
import { runPool, type PoolOptions } from '../../src/sweep/backends/pool.js';
import { workOf } from '../../src/sweep/work.js';
import { cellOf, RUNNERS as SMALL, WORKER } from './cells.js';

const cells = cellsOf(saddle, 'minutes', 1, 3).map((cell) => ({
  ...cell,
  spec: { ...cell.spec, draws: 2, depths: [2, 4] },
}));

function options(out: string, extra: Partial<PoolOptions> = {}): PoolOptions {
  return {
    out,
    tensors: Promise.resolve({ engine: { name: 'wasm', why: 'test' }, devices: [] }),
    jobs: 2,
    command: 'test',
    runners: RUNNERS,
    signal: new AbortController().signal,
    worker: { module: resolve(import.meta.dirname, '../../dist/cli/main.js'), args: [WORKER_COMMAND] },
    notice: () => {},
    progress: () => {},
    ...extra,
  };
}

const run = async (list: readonly Cell[], given: PoolOptions): Promise<void> =>
  runPool(workOf(given.out, list, RUNNERS, given.notice), given);
const newFolder = (): string => mkdtempSync(join(tmpdir(), 'gowide-pool-'));
/** A recipe of two steps. */
const tiny = (spec: Cell['spec']): TrainSpec['training'] => ({
  ...atSteps((spec as unknown as TrainSpec).training, 2),
  batch: 8,
});
const rows = (out: string): unknown[] => listRuns(out).runs.map((run) => [run.id, readMetrics(run)]);

test('the number of workers changes nothing', async () => {
  const [one, three] = [newFolder(), newFolder()];
  await run(cells, options(one, { jobs: 1 }));
  await run(cells, options(three, { jobs: 3 }));
  expect(rows(three)).toEqual(rows(one));
  expect(rows(one)).toHaveLength(cells.length);
  expect(workOf(one, cells, RUNNERS, () => {}).open.size).toBe(0);
  expect(workOf(newFolder(), cells, RUNNERS, () => {})).toMatchObject({
    done: 0,
    open: new Map(cells.map((cell) => [cellId(cell), cell])),
  });
});

test('a failure is named, after the cells at work have ended; a stop is told from it', async () => {
  const out = newFolder();
  const wrong = { ...cells[0]!, spec: { ...cells[0]!.spec, draws: 0 } };
  await expect(run([wrong, ...cells], options(out, { jobs: 1 }))).rejects.toThrow(
    /invalid spec of study "saddle": .*draws/,
  );
  const controller = new AbortController();
  controller.abort();
  await expect(run(cells, options(newFolder(), { signal: controller.signal }))).rejects.toThrow(
    /stopped; finished runs are kept/,
  );
});

test('a cell that diverges holds up no other: it is named when all of them are finished', async () => {
  const out = newFolder();
  const lost = [cellOf('wide', 1, { diverges: true }), cellOf('thin', 1, { wide: { diverges: true } })];
  const others = [cellOf('wide', 2), cellOf('thin', 2)];
  const given = { ...options(out, { jobs: 1 }), runners: SMALL, worker: WORKER };
  const swept = runPool(workOf(out, [...lost, ...others], SMALL, given.notice), given);
  await expect(swept).rejects.toBeInstanceOf(DivergedError);
  await expect(swept).rejects.toThrow(/^2 runs diverged, the others are finished; the first: .*wide.*sum is NaN/);
  expect(others.map((cell) => isFinished(out, cell))).toEqual([true, true]);
  for (const cell of lost)
    expect(readRun(folderOf(out, cell)).environments.at(-1)?.diverged).toContain('wide, seed 1: sum is NaN');
});

describe('while the engine is set up', () => {
  const training = cellsOf(resnetDigits, 'minutes', 1, 1).find(({ arm }) => arm === 'direct')!;
  const network = { ...training, spec: { ...training.spec, training: tiny(training.spec) } };

  test('cells that need none run, and those that do come when it is there', async () => {
    const out = newFolder();
    const finished = (): number => listRuns(out).runs.filter(({ status }) => status === 'finished').length;
    let before = -1;
    const tensors = (async () => {
      while (finished() < cells.length) await sleep(20);
      before = finished();
      return { engine: { name: 'wasm', why: 'test' }, devices: [] } as const;
    })();
    await run([network, ...cells], options(out, { tensors }));
    expect([before, finished()]).toEqual([cells.length, cells.length + 1]);
  });

  test('when that fails the sweep fails with its reason, after the cells at work have ended', async () => {
    const out = newFolder();
    const tensors = sleep(500).then(() => Promise.reject(new Error('no disk left')));
    await expect(run([network, ...cells], options(out, { tensors }))).rejects.toThrow('no disk left');
    expect(listRuns(out).runs.every((each) => each.status === 'finished')).toBe(true);
  });
});
