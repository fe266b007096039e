/** threeStage: its arguments, losses that are not finite, and calls that were stopped. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import type { Dataset } from '../../src/data/dataset.js';
import { loadDigits } from '../../src/data/digits.js';
import { threeStage, type ThreeStageOptions } from '../../src/method/three-stage.js';
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
  ['a key that a recipe does not have', { finetune: { ...recipe(4), batchSize: 8 } }, 'invalid finetune: '],
  [
    'a rate that is none',
    { wideTraining: { ...recipe(4), schedule: { kind: 'cosine', peak: 0 } } },
    'invalid wideTraining: ',
  ],
  ['an order that is none', { imitation: { ...IMITATION, order: 'top-down' } }, 'invalid imitation: '],
  ['a start that is none', { start: 'best' }, 'invalid start: '],
  ['an option that is none', { finetuning: {} }, 'unknown option of threeStage "finetuning"'],
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
  await expect(call({ folder, seed: 2 })).rejects.toThrow('the state of a call with other options');
});
