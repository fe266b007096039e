/** threeStage: its arguments, losses that are not finite, and calls that were stopped. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import type { Dataset, Source } from '../../src/data/dataset.js';
import { loadDigits } from '../../src/data/digits.js';
import { threeStage, type ThreeStageOptions } from '../../src/method/three-stage/call.js';
import { networkOf } from '../../src/models/index.js';
import { anyEngine } from '../support/engines.js';
import { IMITATION, MLP, recipe } from './support.js';

let data: Dataset;
beforeAll(async () => {
  await anyEngine();
  data = loadDigits(64);
});

const wide = networkOf({ ...MLP, width: 6 });
const call = (changes: Partial<ThreeStageOptions> = {}) =>
  threeStage({
    wide,
    thin: networkOf(MLP),
    data,
    wideTraining: recipe(4),
    imitation: { ...IMITATION, maps: 'up', recipe: recipe(3, 0.01) },
    finetune: recipe(4),
    ...changes,
  });

test.each([
  [
    'a warm-up that does not end',
    { finetune: { ...recipe(4), schedule: { kind: 'cosine', peak: 0.1, warmup: 5 } } },
    'threeStage: finetune.schedule.warmup: 5 steps, and steps is 4; expected at most as many',
  ],
  [
    'a temperature without the wide net’s outputs',
    { finetune: { ...recipe(4), objective: { labels: 1, temperature: 2 } } },
    'threeStage: finetune.objective.temperature: 2, and teacher beside it is 0; expected a weight of the divergence',
  ],
  [
    'a batch of more examples than there are',
    { imitation: { ...IMITATION, recipe: { ...recipe(4), batch: 65 } } },
    'threeStage: imitation.recipe.batch: 65, and the data have 64 training examples',
  ],
  ['a key that a recipe does not have', { finetune: { ...recipe(4), batchSize: 8 } }, 'invalid finetune: '],
  [
    'a rate that is none',
    { wideTraining: { ...recipe(4), schedule: { kind: 'cosine', peak: 0 } } },
    'invalid wideTraining: ',
  ],
  ['an order that is none', { imitation: { ...IMITATION, order: 'top-down' } }, 'invalid imitation: '],
  ['a start that is none', { start: 'best' }, 'invalid start: '],
  ['an option that is none', { finetuning: {} }, 'unknown option of threeStage "finetuning"'],
  ['no wide net', { wide: undefined }, 'threeStage: wide: expected an object, got nothing'],
  [
    'a network without taps',
    { thin: { ...networkOf(MLP), taps: undefined } },
    'threeStage: thin: taps: expected an array',
  ],
  ['data without a split', { data: { shape: [1], classes: 2 } }, 'threeStage: data: train: expected an object'],
  ['a recipe that is a text', { wideTraining: 'x' }, 'invalid wideTraining: expected an object'],
  ['weights that are none', { wideTraining: { params: undefined } }, 'threeStage: wideTraining: params: expected'],
  ['a wide net of other weights', { wideTraining: { params: {}, state: {} } }, "wideTraining: the wide net's"],
] as const)('%s is refused before anything is trained', async (_, changes, message) => {
  const seen: unknown[] = [];
  await expect(call({ ...(changes as object), onRow: (row) => seen.push(row) })).rejects.toThrow(message);
  expect(seen).toEqual([]);
});

test('a loss that is not finite stops it, naming step and stage', async () => {
  const broken = { ...MLP, width: 6, activation: 'relu' } as const;
  const peak = { kind: 'constant', peak: 1e30, warmup: 0 } as const;
  await expect(call({ wide: networkOf(broken), wideTraining: { ...recipe(20), schedule: peak } })).rejects.toThrow(
    /lower learning rate/,
  );
});

test('a call that was stopped goes on from its folder and ends with the same weights; another one is refused', async () => {
  const whole = await call();
  const folder = mkdtempSync(join(tmpdir(), 'gowide-three-stage-'));
  for (const steps of [2, 4, 3]) {
    const stop = new AbortController();
    let done = 0;
    const onProgress = (): void => void (++done === steps && stop.abort());
    await expect(call({ folder, signal: stop.signal, onProgress })).rejects.toThrow('the state is saved in');
  }
  expect((await call({ folder })).thin).toEqual(whole.thin);
  await expect(call({ folder, seed: 2 })).rejects.toThrow('the state of a call with other options (seed)');
});

test('a state is taken up by the call that it is of: with the same weights, options and data', async () => {
  const [own, other] = [wide.init(1), wide.init(2)];
  const whole = await call({ wideTraining: own });
  const folder = mkdtempSync(join(tmpdir(), 'gowide-three-stage-'));
  const stop = new AbortController();
  const onProgress = (_: string, done: number): void => void (done === 2 && stop.abort());
  await expect(call({ wideTraining: own, folder, signal: stop.signal, onProgress })).rejects.toThrow('is saved in');
  const { train } = data;
  const brighter: Source = {
    count: train.count,
    batch: async (indices, augment) => {
      const { values, labels } = await train.batch(indices, augment);
      return { values: values.map((value) => 2 * value), labels };
    },
  };
  const changed: [changes: Partial<ThreeStageOptions>, name: string][] = [
    [{ wideTraining: other }, 'wideTraining.params'],
    [{ wideTraining: recipe(4) }, 'wideTraining.steps'],
    [{ start: 'random' }, 'start'],
    [{ finetune: recipe(5) }, 'finetune.steps'],
    [{ finetune: { ...recipe(4), objective: { labels: 1 } } }, 'finetune.objective.labels'],
    [{ data: { ...data, train: brighter } }, 'examples.train'],
    [{ data: { ...data, test: data.validation } }, 'data.examples'],
    [{ data: { ...data, labels: Array.from({ length: 10 }, (_, i) => `digit ${i}`) } }, 'data.labels'],
    [{ wide: { ...wide, taps: wide.taps.map((tap) => tap) }, imitation: null }, 'imitation'],
  ];
  const seen: unknown[] = [];
  const onRow = (row: unknown): void => void seen.push(row);
  for (const [changes, name] of changed)
    await expect(call({ wideTraining: own, folder, onRow, ...changes }), name).rejects.toThrow(
      new RegExp(`thin-last.safetensors: the state of a call with other options \\(${name}`),
    );
  expect(seen).toEqual([]); // it is said before anything is trained
  expect((await call({ wideTraining: own, folder })).thin).toEqual(whole.thin);
});
