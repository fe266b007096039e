import { expect, test } from 'vitest';
import { productRounding } from '../../src/engine/rounding.js';
import { tf } from '../../src/engine/tensor.js';
import { mergeTolerance } from '../../src/method/maps/merging.js';
import { enginesUnderTest } from '../support/engines.js';

const engines = await enginesUnderTest();

test.each(engines)('products of $name are rounded as float32 is', async ({ name, missing }) => {
  if (missing !== undefined) return;
  await tf.setBackend(name);
  const rounding = await productRounding();
  expect(rounding).toBeGreaterThan(0);
  expect(rounding).toBeLessThan(2e-6);
});

test('merged maps may differ by what an engine rounds, and by no more', () => {
  expect(mergeTolerance(2e-7)).toBe(1e-4);
  expect(mergeTolerance(3e-4)).toBeCloseTo(3e-3, 12); // TF32, where a merged BERT differed by 3.02e-4
});
