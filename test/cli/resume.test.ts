/** `runs resume` brings runs of every kind to their end, and says in one line what kind it does not know. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { EXPERIMENTS } from '../../experiments/registry.js';
import { RUNNERS } from '../../experiments/runners.js';
import { DivergedError } from '../../src/core/errors.js';
import { armSpecs, runnerOf } from '../../src/core/experiment.js';
import type { Cell } from '../../src/core/run.js';
import { environment } from '../../src/store/environment.js';
import { executeRun } from '../../src/store/execute.js';
import { listRuns } from '../../src/store/runs.js';
import { BERT, bertFolder } from '../thin/support.js';
import { MLP, recipe } from '../method/support.js';
import { anyEngine } from '../support/engines.js';
import { ENGINE, gowide, newFolder } from '../support/program.js';

beforeAll(async () => {
  await anyEngine();
});

/** A short spec of each kind. */
function specsByKind(): Record<string, Cell['spec']> {
  const model = bertFolder();
  const texts = Object.fromEntries(
    ['train', 'validation', 'test'].map((split) => {
      const folder = newFolder();
      mkdirSync(folder, { recursive: true });
      const path = join(folder, `${split}.txt`);
      writeFileSync(path, 'good film\nbad plot\nthe film\na fine plot\ndull\nnice\n');
      return [split, path];
    }),
  );
  const wide = { ...BERT, head: { kind: 'none' } } as const;
  return {
    theory: Object.values(armSpecs(EXPERIMENTS['tanh-saddle']!, 'minutes'))[0]!,
    train: {
      ...{ data: { set: 'digits', train: 64 }, network: MLP, teacher: null, start: 'random', imitation: null },
      training: { ...recipe(6), objective: { labels: 1 } },
    } as unknown as Cell['spec'],
    'thin-sentences': {
      ...{ wide: { network: wide, weights: model }, network: { ...wide, numHeads: 1, hiddenSize: 8 } },
      ...{ pooling: 'mean', vocabulary: model, texts, tokens: 6, imitation: recipe(2), training: recipe(2) },
    } as unknown as Cell['spec'],
  };
}

test('an unfinished run of every kind is brought to its end', async () => {
  const [out, specs] = [newFolder(), specsByKind()];
  expect(Object.keys(specs).sort()).toEqual(Object.keys(RUNNERS).sort());
  for (const [kind, spec] of Object.entries(specs)) {
    const cell: Cell = { experiment: 'test', arm: kind, scale: 'custom', kind, spec, seed: 1 };
    const stopped = executeRun(cell, {
      ...{ out, environment: environment(null, 'test'), signal: AbortSignal.abort(), progress: () => {} },
      executors: { [kind]: runnerOf(cell, RUNNERS).execute },
      files: (one) => runnerOf(one, RUNNERS).files?.(one) ?? [],
    });
    await expect(stopped, kind).rejects.toThrow('stopped');
  }
  const statuses = (): string[] => listRuns(out).runs.map(({ status }) => status);
  expect(statuses()).toEqual(['unfinished', 'unfinished', 'unfinished']);
  const resumed = gowide(['runs', 'resume', '--engine', ENGINE, '--jobs', '1', '--out', out]);
  expect([resumed.status, resumed.stderr.includes('annot read')], resumed.stderr).toEqual([0, false]);
  expect(statuses()).toEqual(['finished', 'finished', 'finished']);
});

test('a run that diverged is left alone unless it is named: it would diverge again', async () => {
  const out = newFolder();
  const cell: Cell = { ...{ experiment: 'test', arm: 'x', scale: 'custom', kind: 'train', seed: 1 }, spec: {} };
  const diverged = executeRun(cell, {
    ...{ out, environment: environment(null, 'test'), signal: new AbortController().signal, progress: () => {} },
    executors: { train: (context) => Promise.reject(new DivergedError(`${context.cell.arm}: loss is NaN`)) },
  });
  await expect(diverged).rejects.toThrow('loss is NaN');
  expect(gowide(['runs', 'list', '--out', out]).stdout).toMatch(/ diverged/);
  const { status, stdout } = gowide(['runs', 'resume', '--out', out]);
  expect([status, stdout]).toEqual([0, 'no run is unfinished\n']);
  const { id } = listRuns(out).runs[0]!;
  expect(gowide(['runs', 'resume', id, '--out', out]).status).not.toBe(0);
});

test('a kind that nobody knows is named in one line', async () => {
  const out = newFolder();
  const cell: Cell = { experiment: 'test', arm: 'x', scale: 'custom', kind: 'trian', spec: {}, seed: 1 };
  const stopped = executeRun(cell, {
    ...{ out, environment: environment(null, 'test'), signal: new AbortController().signal, progress: () => {} },
    executors: { trian: () => Promise.reject(new Error('ended')) },
  });
  await expect(stopped).rejects.toThrow('ended');
  const { status, stderr } = gowide(['runs', 'resume', '--out', out]);
  expect([status, stderr.trim().split('\n').length]).toEqual([2, 1]);
  expect(stderr).toContain(
    'unknown kind of run "trian"; expected one of: theory, train, thin-sentences. Did you mean "train"?',
  );
});
