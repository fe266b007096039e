/** What a run says of files that cannot be read: each once, however often it is drawn, also after it was resumed. */
import { beforeAll, expect, test } from 'vitest';
import type { Row, Snapshot } from '../../src/core/run.js';
import { notingSkipped, type Dataset, type Source } from '../../src/data/dataset.js';
import { trainThin } from '../../src/method/three-stage/pipeline.js';
import type { StageContext } from '../../src/method/training/stages.js';
import { disposeWeights } from '../../src/method/values/weights.js';
import { anyEngine } from '../support/engines.js';
import { chain } from './chain.js';
import { LABELS, memory, recipe } from './support.js';

beforeAll(anyEngine);

/** Four examples, one of which cannot be read. */
const source: Source = {
  count: 4,
  batch: (indices) => {
    const kept = Array.from(indices).filter((index) => index !== 2);
    return {
      values: Float32Array.from(kept.flatMap((index) => [index, 1])),
      labels: Int32Array.from(kept, (index) => index % 2),
      ...(kept.length < indices.length && { skipped: [{ file: 'broken.jpg', reason: 'cut off' }] }),
    };
  },
};
/** What was told of files that were not read here. */
const counted: string[] = [];
const data: Dataset = {
  ...{ shape: [2], classes: 2, train: source, validation: source, test: source },
  countSkipped: (files) => counted.push(...files.map(({ file }) => file)),
};

async function train(context: StageContext): Promise<void> {
  const training = { ...recipe(6, 1e-3), batch: 4, objective: LABELS };
  disposeWeights(await trainThin(context, { start: 'random', imitation: null, training }, { thin: chain(2, 2), data }));
}

/** A run that is stopped when it is first asked to save after `isDue`, with what it saved. */
async function stopped(
  isDue: (rows: readonly Row[]) => boolean,
): Promise<{ readonly first: ReturnType<typeof memory>; readonly saved: Snapshot }> {
  const first = memory();
  let saved: Snapshot | undefined;
  const stop = new Error('stopped');
  const stopping: StageContext = {
    ...first,
    shouldSave: () => isDue(first.rows),
    save: (snapshot) => {
      saved = snapshot;
      throw stop;
    },
  };
  await expect(train(stopping)).rejects.toBe(stop);
  return { first, saved: saved! };
}

const namesOf = (rows: readonly Row[]): unknown[] =>
  rows.flatMap(({ event, file }) => (event === 'skipped' ? [file] : []));

test('a file that is drawn in every epoch is logged once', async () => {
  const context = memory();
  await train(context);
  expect(namesOf(context.rows)).toEqual(['broken.jpg']);
});

test('files of validation and test are named with their split, each once', async () => {
  const told: unknown[] = [];
  const noting = notingSkipped(data, (split, { file, reason }) => told.push([split, file, reason]));
  const all = Uint32Array.of(0, 1, 2, 3);
  for (const split of ['test', 'validation', 'test'] as const)
    expect((await noting[split].batch(all)).labels).toHaveLength(3);
  expect(told).toEqual([['test', 'broken.jpg', 'cut off']]);
  expect([...noting.named]).toEqual(['broken.jpg']);
});

test('and not again by a run that goes on from a saved state', async () => {
  const { first, saved } = await stopped((rows) => rows.length > 3);
  const second = memory();
  await train({ ...second, resumed: saved });
  expect([namesOf(first.rows), namesOf(second.rows)]).toEqual([['broken.jpg'], []]);
  expect(second.rows.at(-1)).toMatchObject({ totalStep: 6 });
  expect(counted).toEqual(['broken.jpg']); // against the limit, as if the run had not been stopped
});

test('a run is saved when it has taken its steps, where that is due, and goes on behind them', async () => {
  const { saved } = await stopped((rows) => rows.some(({ totalStep }) => totalStep === 6));
  expect(JSON.parse(saved.position)).toMatchObject({ stage: 0, step: 6 });
  const second = memory();
  await train({ ...second, resumed: saved });
  expect(second.rows.filter(({ loss }) => loss !== undefined)).toEqual([]);
});
