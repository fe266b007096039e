/** Training that ends with its best weights on the validation split. */
import { beforeAll, expect, test } from 'vitest';
import { isEvaluated } from '../../src/method/training/stages.js';
import { readMetrics } from '../../src/store/runs.js';
import { anyEngine } from '../support/engines.js';
import { bytes, newFolder, run } from './arms.js';
import { cell, DIRECT } from './support.js';

beforeAll(async () => void (await anyEngine()));

/** A rate that is too high: accuracy goes up and down. */
const spec = {
  ...DIRECT,
  training: { ...DIRECT.training, steps: 12, evaluations: 6, schedule: { kind: 'constant', peak: 1, warmup: 0 } },
} as const;

test('the weights at the end are those of the best evaluation', async () => {
  const done = await run(cell(spec), newFolder());
  const accuracies = readMetrics(done)
    .filter(({ event, when }) => event === 'evaluation' && when === 'train')
    .map(({ accuracy }) => Number(accuracy));
  expect(accuracies).toHaveLength(6);
  expect(done.result!.validationAccuracy).toBeCloseTo(Math.max(...accuracies), 4);
  expect(accuracies.at(-1)).toBeLessThan(Math.max(...accuracies));
});

test('a run that is stopped between two evaluations ends with the same bits', async () => {
  const [whole, out, stop] = [await run(cell(spec), newFolder()), newFolder(), new AbortController()];
  const progress = (_: unknown, __: string, step: number): void => void (step === 7 && stop.abort());
  await expect(run(cell(spec), out, { signal: stop.signal, progress })).rejects.toThrow('stopped');
  expect(bytes((await run(cell(spec), out)).folder)).toEqual(bytes(whole.folder));
});

test('evaluations are spread evenly, the last one after the last step', () => {
  const at = (steps: number, count: number): number[] =>
    Array.from({ length: steps }, (_, i) => i + 1).filter((step) => isEvaluated(step, steps, count));
  expect(at(10, 3)).toEqual([4, 7, 10]);
  expect(at(3, 10)).toEqual([1, 2, 3]);
  expect(at(5, 0)).toEqual([]);
});
