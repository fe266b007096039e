import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { heldOutCounts } from '../../src/data/index.js';
import { expectedSeconds } from '../../src/method/cost/cost.js';
import type { TrainSpec } from '../../src/method/spec/spec.js';
import { trainExperiment } from '../../experiments/registry.js';
import { DIRECT, THREE } from './support.js';

test('how many examples are held out is read from the declaration alone', () => {
  const folder = mkdtempSync(join(tmpdir(), 'gowide-empty-'));
  expect(heldOutCounts({ set: 'digits', train: 64 })).toMatchObject({ validation: 1500, test: 3000 });
  expect(heldOutCounts({ set: 'cifar10', folder, padding: 4, validation: 5000 })).toEqual({
    validation: 5000,
    test: 10_000,
  });
  const idx = { set: 'idx', folder, size: 28, classes: 10, padding: 0, mirror: false } as const;
  expect(heldOutCounts({ ...idx, validation: 7 })).toEqual({ validation: 7 });
  const pictures = { set: 'imagefolder', folder, size: 32, resize: 32, corrupt: 0 } as const;
  expect(heldOutCounts({ ...pictures, validation: 'val' })).toEqual({});
  expect(heldOutCounts({ ...pictures, validation: 12 })).toEqual({ validation: 12 });
  const glosses = trainExperiment('bert', 'bert-glosses').arms('minutes').direct!.spec as unknown as TrainSpec;
  expect(heldOutCounts(glosses.data)).toEqual({ validation: 600, test: 600 });
});

test('a run is the dearer the more it looks at held-out examples', () => {
  const seconds = (spec: TrainSpec, validation?: number, held = 3000): number =>
    expectedSeconds(spec, 'tensorflow', { validation, test: held });
  expect(seconds(DIRECT, 1500)).toBeCloseTo(expectedSeconds(DIRECT, 'tensorflow'), 12);
  const look = seconds(DIRECT, 2500) - seconds(DIRECT, 1500);
  expect(look).toBeGreaterThan(0);
  expect(seconds(DIRECT, 1500, 4000) - seconds(DIRECT, 1500)).toBeCloseTo(look, 9);
  const often: TrainSpec = { ...DIRECT, training: { ...DIRECT.training, evaluations: 3 } };
  expect(seconds(often, 2500) - seconds(often, 1500)).toBeCloseTo(4 * look, 9);
  // the thin net at the end, after imitation and in two comparisons, the wide one in these
  expect(seconds(THREE, 2500) - seconds(THREE, 1500)).toBeGreaterThan(4 * look);
});
