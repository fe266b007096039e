import { beforeAll, describe, expect, test } from 'vitest';
import { tf, type Tensor2D } from '../../src/engine/tensor.js';
import { alignByDepth, wideView } from '../../src/method/matching/align.js';
import { weightsOf } from '../../src/method/values/weights.js';
import { evaluation } from '../../src/nn/layers.js';
import { anyEngine } from '../support/engines.js';
import { chain } from './chain.js';
import { THREE } from './support.js';

// boundaries 0 to 6 of the wide net; of the thin one 0, 1, 2 stand beside 0, 3, 6
const [wide, thin] = [chain(2, 3, 3, 3, 3, 3, 3, 3, 4), chain(2, 3, 3, 3, 4)];
const { network, weights } = alignByDepth(wide, thin);

test('layers at the same share of the depth bear the thin net’s names; those between them have none', () => {
  expect(network.taps).toEqual(['layer1', 'layer2', 'layer3', 'logits']);
  expect(network.boundaries.stage).toEqual(['layer1', 'layer2', 'layer3']);
  expect(Object.keys(network.shapes)).toEqual(network.taps.map((tap) => `${tap}/kernel`));
  const { params } = wide.init(1);
  expect(weights({ params, state: {} }).params['layer2/kernel']).toBe(params['layer4/kernel']);
  expect(network.width('layer3')).toBe(3);
});

test('operations of the layers between count on the way to the next boundary, and the sum stays', () => {
  expect(network.flops([2])).toEqual({ layer1: 12, layer2: 3 * 18, layer3: 3 * 18, logits: 24 });
});

test('names of channels are the view’s, too', () => {
  expect(network.axes!['layer2/kernel']![1]).toBe('layer2');
});

describe('applied', () => {
  beforeAll(anyEngine);
  const x = (): Tensor2D => tf.tensor2d([[1, 2]]);

  test('it gives the wide net’s values at the boundaries that stand beside one', async () => {
    const scope = evaluation(weightsOf(wide.init(1)));
    const values = network.apply(scope, x());
    expect(Object.keys(values)).toEqual(network.taps);
    // kernels of ones: 3, then three times as much at each layer
    const first = async (tap: string): Promise<number> => (await values[tap]!.data())[0]!;
    expect([await first('layer1'), await first('layer2'), await first('layer3')]).toEqual([3, 81, 2187]);
    expect(await first('logits')).toBe(6561);
  });

  test('it starts and stops at them, and traces only them', async () => {
    const traced: string[] = [];
    const scope = { ...evaluation(weightsOf(wide.init(1))), trace: (path: string) => void traced.push(path) };
    const values = network.apply(scope, tf.ones([1, 3]), { from: 'layer1', until: 'layer2' });
    expect([...(await values.layer2!.data())]).toEqual([27, 27, 27]);
    expect(Object.keys(values)).toEqual(['layer2']);
    expect(traced).toEqual(['layer2']);
    expect(() => network.apply(scope, tf.ones([1, 3]), { from: 'layer4' })).toThrow(
      'unknown tap "layer4"; expected one of: layer1, layer2, layer3, logits',
    );
  });
});

test('a wide net with fewer boundaries, or a thin one with a single one, cannot be aligned', () => {
  expect(() => alignByDepth(thin, wide)).toThrow('the wide net has 3 boundaries, the thin one 7');
  expect(() => alignByDepth(wide, chain(2, 3, 4))).toThrow('the wide net has 7 boundaries, the thin one 1');
});

test('layers of the same name stand beside each other unless the spec says "depth"', () => {
  expect(wideView({ ...THREE, teacher: null })).toBeUndefined();
  expect(wideView(THREE)!.network.taps).toContain('stage2');
});
