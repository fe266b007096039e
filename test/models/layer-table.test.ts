/** Tables of layers that no network can have are refused where they are made, not once a network is trained. */
import { expect, test } from 'vitest';
import { convolutionLayer, denseLayer, tableOf, type DenseOptions } from '../../src/models/parts/layer-table.js';

const dense = (options: Partial<DenseOptions>): DenseOptions => ({
  ...{ path: 'head', tap: 'logits', shape: [3, 4], reads: 'x', writes: 'classes', init: 'uniform' },
  ...options,
});

test('two layers with one path, of which the second would take the first one’s place', () => {
  expect(() => tableOf([denseLayer(dense({})), denseLayer(dense({ shape: [3, 5] }))])).toThrow(
    'tableOf: two layers have the parameter "head/kernel"; expected a path for each layer',
  );
});

test('a shape with too few sizes', () => {
  const layer = convolutionLayer({ path: 'conv', tap: 't', shape: [3, 3] as never, reads: 'x', writes: 'y' });
  expect(() => tableOf([layer])).toThrow('tableOf: conv/kernel: expected a shape of 4 sizes, as it has as many axes');
});

test.each([NaN, 0, -1, 1.5, undefined])('a size of %s', (size) => {
  expect(() => tableOf([denseLayer(dense({ shape: [3, size as number] }))])).toThrow(
    `tableOf: head/kernel: shape: expected a whole number of at least 1, got ${size}`,
  );
});

test('a way to draw kernels that there is not, which would be drawn as uniform ones', () => {
  expect(() => denseLayer(dense({ init: 'He' as 'he' }))).toThrow(
    'unknown init of the layer "head" "He"; expected one of: he, uniform, orthogonal. Did you mean "he"?',
  );
  expect(() => denseLayer(dense({ init: { std: NaN } }))).toThrow('layer "head": init.std: expected a finite number');
});
