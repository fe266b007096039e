/** Durations in passes over the data become steps before anything is run. */
import { expect, test } from 'vitest';
import type { Json } from '../../src/core/json.js';
import { parseTrainSpec } from '../../src/method/run/check-spec.js';
import { inSteps } from '../../src/method/spec/epochs.js';
import { DIRECT, THREE } from './support.js';

type Spec = { [key: string]: Json };
const spec = (changes: object, of: object = DIRECT): Spec => structuredClone({ ...of, ...changes }) as Spec;
const training: Omit<typeof DIRECT.training, 'steps'> & { steps?: number } = { ...DIRECT.training };
delete training.steps;
const unwarmed = { schedule: { kind: 'constant', peak: 0.1, warmup: 0 } };

test('epochs are as many steps as it takes to see the 64 training examples so often, in batches of 8', async () => {
  const stepsOf = async (epochs: number): Promise<number> =>
    parseTrainSpec(await inSteps(spec({ training: { ...training, ...unwarmed, epochs } }))).training.steps;
  expect(await stepsOf(3)).toBe(24);
  expect(await stepsOf(0.5)).toBe(4);
  expect(await stepsOf(0.001)).toBe(1);
});

test('each recipe of a spec by its own batch; a spec in steps stays as it is', async () => {
  expect(await inSteps(spec({}, THREE))).toEqual(THREE);
  const recipe = { ...training, batch: 16, epochs: 2 } as Partial<typeof DIRECT.training> & { epochs: number };
  delete recipe.objective;
  const found = parseTrainSpec(
    await inSteps(spec({ imitation: { ...THREE.imitation, recipe }, training: { ...THREE.training } }, THREE)),
  );
  expect(found.imitation).toMatchObject({ recipe: { steps: 8, batch: 16 } });
  expect(found.training.steps).toBe(THREE.training.steps);
});

test.each([
  [{ ...DIRECT.training, epochs: 2 }, 'training.epochs: steps are given, too'],
  [{ ...training, epochs: 0 }, 'training.epochs: expected a number above 0'],
  [{ ...training, epochs: '2' }, 'training.epochs: expected a number above 0'],
  [{ ...training, epochs: 1, batch: null }, 'training.batch: expected a whole number'],
])('%j is refused', async (changed, line) => {
  await expect(inSteps(spec({ training: changed }))).rejects.toThrow(line);
});
