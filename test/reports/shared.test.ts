/** Runs that more than one declaration has: made once, they count wherever they are declared and were asked for. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { finishedRuns } from '../../cli/terminal/work.js';
import { EXPERIMENTS } from '../../experiments/registry.js';
import { judgeOwn } from '../../reports/claims/own.js';
import { readRecords, type Records } from '../../reports/data/records.js';
import { keptRowsOf, originsOfTable } from '../../reports/data/tables.js';
import { cellsOf, CUSTOM_SCALE, type Scale } from '../../src/core/experiment.js';
import { cellId, type Cell } from '../../src/core/run.js';
import { requiredCells } from '../../src/method/run/required.js';
import type { TrainSpec } from '../../src/method/spec/spec.js';
import { environment } from '../../src/store/environment.js';
import { executeRun } from '../../src/store/execute.js';
import { listRuns, type Environment } from '../../src/store/runs.js';

const folder = (): string => mkdtempSync(join(tmpdir(), 'gowide-shared-'));

/** The cells of one seed of an experiment, by arm. */
function cells(name: string, scale: Scale, seed = 1): Record<string, Cell> {
  return Object.fromEntries(cellsOf(EXPERIMENTS[name]!, scale, seed, 1).map((cell) => [cell.arm, cell]));
}

/** Makes runs in a folder one after another, each of which logs a row. */
async function make(out: string, made: readonly Cell[], source: Partial<Environment> = {}): Promise<Records> {
  for (const cell of made)
    await executeRun(cell, {
      out,
      environment: { ...environment(null, 'gowide <test>'), ...source },
      executors: Object.fromEntries(
        ['train', 'theory'].map((kind) => [
          kind,
          (context) => {
            context.log({ event: 'merge', depth: 1, error: cell.seed });
            return Promise.resolve({
              result: { testAccuracy: cell.seed, parameters: Number.parseInt(cellId(cell), 16) },
            });
          },
        ]),
      ),
      signal: new AbortController().signal,
      progress: () => {},
    });
  return readRecords([out]);
}

const named = (list: Records['results'], experiment: string, scale: string): string[] =>
  list.filter((row) => row.experiment === experiment && row.scale === scale).map(({ arm, seed }) => `${arm} ${seed}`);

test('runs of a smaller scale that the larger one declares, too, count there once it has runs of its own', async () => {
  const out = folder();
  const minutes = Object.values(cells('resnet-ablations', 'minutes'));
  const laptop = Object.values(cells('resnet-ablations', 'laptop'));
  expect(named((await make(out, minutes)).results, 'resnet-ablations', 'laptop')).toEqual([]);
  // the second seed is begun: of the first there is every arm, of a third only one
  const [first] = Object.values(cells('resnet-ablations', 'minutes', 3));
  const records = await make(out, [...laptop, first!, ...Object.values(cells('resnet-ablations', 'laptop', 2))]);
  const arms = laptop.map(({ arm }) => arm);
  for (const list of [records.results, records.rows])
    expect(named(list, 'resnet-ablations', 'laptop').sort()).toEqual(
      arms.flatMap((arm) => [`${arm} 1`, `${arm} 2`]).sort(),
    );
  expect(named(records.results, 'resnet-ablations', 'minutes')).toHaveLength(minutes.length + 1);
  expect(records.runs).toHaveLength(minutes.length + 1 + laptop.length);
  const kept = keptRowsOf(records).find(
    ({ experiment, scale }) => `${experiment}.${scale}` === 'resnet-ablations.laptop',
  );
  expect(kept).toMatchObject({ results: { length: 2 * arms.length }, logged: { length: 2 * arms.length } });
  const [origin] = originsOfTable(records, 'resnet-ablations.laptop');
  expect(origin).toMatchObject({ runs: 2 * arms.length });
});

test('runs of another experiment count where a seed is begun, with their figures', async () => {
  const frontier = [1, 2].flatMap((seed) => {
    const { 'wide x4': wide, 'direct x4': direct } = cells('frontier-hierarchy', 'laptop', seed);
    return [wide!, direct!];
  });
  const { results, problems } = await make(folder(), [...frontier, cells('resnet-hierarchy', 'laptop').long!]);
  expect(named(results, 'resnet-hierarchy', 'laptop').sort()).toEqual(['direct 1', 'long 1', 'wide 1']);
  expect(named(results, 'frontier-hierarchy', 'laptop')).toHaveLength(4);
  expect(results.find(({ arm }) => arm === 'direct')!.facts).toMatchObject({ learnsFrom: 'labels' });
  expect(problems).toEqual([]);
});

test('a run of an older declaration counts where another experiment declares it still, and is one of the runs', async () => {
  const old = cells('frontier-hierarchy', 'laptop')['direct x4']!;
  const newer: Cell = { ...old, spec: cells('frontier-hierarchy', 'laptop')['direct x1']!.spec };
  const out = folder();
  await make(out, [old]);
  await sleep(5);
  const records = await make(out, [newer, cells('resnet-hierarchy', 'laptop').long!]);
  expect(named(records.results, 'resnet-hierarchy', 'laptop').sort()).toEqual(['direct 1', 'long 1']);
  expect(records.runs.map(({ id }) => id)).toContain(cellId(old));
  expect(originsOfTable(records, 'resnet-hierarchy.laptop')).toMatchObject([{ runs: 2 }]);
});

test('what is said of a run is said once, and of its commit wherever it counts', async () => {
  const out = folder();
  const elsewhere = cells('frontier-hierarchy', 'laptop')['direct x4']!;
  await make(out, [elsewhere], { commit: 'a'.repeat(40), dirty: false });
  const asked = [cells('resnet-hierarchy', 'laptop').long!];
  const { cautions } = await make(out, asked, { commit: 'b'.repeat(40), dirty: false });
  expect(cautions).toContainEqual(expect.stringMatching(/^resnet-hierarchy, scale laptop: its runs are of 2 commits/));
  const [run] = listRuns(out).runs.filter(({ id }) => id === cellId(elsewhere));
  rmSync(join(run!.folder, 'metrics.jsonl'));
  const { problems } = readRecords([out]);
  expect(problems.filter((line) => line.includes(run!.folder))).toHaveLength(1);
});

test('the wide nets that its arms require count in an experiment, too, each shape for itself', async () => {
  const cell = (scale: Scale, arm: string): Cell => cells('resnet-ablations', scale)[arm]!;
  const wide = requiredCells(cell('minutes', 'kl'), cell('minutes', 'kl').spec as unknown as TrainSpec);
  const small = cell('laptop', 'random, wide x1');
  const narrow = requiredCells(small, small.spec as unknown as TrainSpec);
  const out = folder();
  await make(out, [...wide, cell('minutes', 'kl')]);
  const { results } = await make(out, [...narrow, small]);
  expect(named(results, 'resnet-ablations', 'laptop').sort()).toHaveLength(4);
  const ids = results.filter(({ scale }) => scale === 'laptop').map(({ run }) => run);
  expect(ids.sort()).toEqual([...wide, cell('minutes', 'kl'), ...narrow, small].map(cellId).sort());
});

test('runs from a file that holds what is declared count in the declared experiment, and are judged apart once', async () => {
  const all = [1, 2, 3].flatMap((seed) => Object.values(cells('saddle', 'minutes', seed)));
  const own = all.filter(({ seed }) => seed < 3).map((cell): Cell => ({ ...cell, scale: CUSTOM_SCALE }));
  const records = await make(folder(), [...own, ...all]);
  expect(named(records.results, 'saddle', 'minutes').sort()).toEqual(
    all.map(({ arm, seed }) => `${arm} ${seed}`).sort(),
  );
  expect(named(records.results, 'saddle', CUSTOM_SCALE)).toHaveLength(own.length);
  expect(judgeOwn(records.runs, records).groups).toEqual(
    judgeOwn(records.runs, {
      rows: records.rows.filter(({ scale }) => scale === CUSTOM_SCALE),
      results: records.results.filter(({ scale }) => scale === CUSTOM_SCALE),
    }).groups,
  );
});

test('a command shows runs by the names under which it asks for them, whatever made them', async () => {
  const out = folder();
  await make(out, [cells('frontier-hierarchy', 'laptop')['direct x4']!]);
  const asked = cells('resnet-hierarchy', 'laptop').direct!;
  const own: Cell = { ...asked, experiment: 'custom', arm: 'mine', scale: CUSTOM_SCALE };
  const shown = finishedRuns([asked, own], out);
  expect(shown.map(({ cell }) => [cell.experiment, cell.arm])).toEqual([
    ['resnet-hierarchy', 'direct'],
    ['custom', 'mine'],
  ]);
  expect(new Set(shown.map(({ id }) => id)).size).toBe(1);
});
