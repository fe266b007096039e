import { beforeAll, describe, expect, test } from 'vitest';
import { disposeAll, tf } from '../../src/engine/tensor.js';
import { NetworkSpec, networkOf, parameterCount, preset } from '../../src/models/index.js';
import { ResnetSpec, scaleWidth } from '../../src/models/families/resnet/network.js';
import { countValues } from '../../src/core/host-array.js';
import { toTensors } from '../../src/engine/host-memory.js';
import { evaluation } from '../../src/nn/layers.js';
import { forwardFlops } from '../../src/nn/network.js';
import type { Scope } from '../../src/nn/layers.js';
import { THIN } from '../method/support.js';
import { anyEngine } from '../support/engines.js';
import { relativeError, TOLERANCE } from '../support/tolerance.js';

const SPEC: ResnetSpec = { ...THIN, blocks: [2, 1], planes: 2, mid: 2 };
const BASIC: ResnetSpec = { ...SPEC, block: 'basic', stem: { kind: 'imagenet', channels: 4 } };
const CONVNET: NetworkSpec = {
  family: 'convnet',
  numLayers: 4,
  width: 5,
  skip: true,
  activation: 'tanh',
  classes: 10,
  channels: 1,
};
const MLP: NetworkSpec = {
  family: 'mlp',
  numLayers: 3,
  width: 6,
  skip: false,
  activation: 'relu',
  classes: 10,
  inputs: 256,
};
const FAMILIES: [string, NetworkSpec][] = [
  ['bottleneck', SPEC],
  ['basic, 7x7 stem', BASIC],
  ['without skips', { ...SPEC, skip: false }],
  ['convnet', CONVNET],
  ['mlp', MLP],
];

describe('parameter counts are torchvision’s', () => {
  // sum(p.numel() for p in torchvision.models.resnet50().parameters()), and so on
  test.each([
    ['resnet18', 11_689_512],
    ['resnet34', 21_797_672],
    ['resnet50', 25_557_032],
    ['resnet101', 44_549_160],
    ['resnet152', 60_192_808],
    ['wide_resnet50_2', 68_883_240],
    ['wide_resnet101_2', 126_886_696],
  ])('%s', (name, expected) => {
    expect(parameterCount(preset(name))).toBe(expected);
  });

  test('thinner nets keep their shape; an unknown name is refused with the known ones', () => {
    const half = scaleWidth(preset('resnet50', 'resnet'), 0.5);
    expect([half.planes, half.stem.channels]).toEqual([32, 32]);
    expect(() => preset('resnet51')).toThrow(
      'unknown network "resnet51"; expected one of: resnet18, resnet34, resnet50',
    );
  });

  test('ResNet-50 takes 4.09 G multiply-adds at 224 pixels', () => {
    // torchvision's model card: 4.09 GFLOPS (multiply-adds)
    expect(forwardFlops(networkOf(preset('resnet50')), [224, 224, 3]) / 2e9).toBeCloseTo(4.09, 2);
  });
});

describe.each(FAMILIES)('%s', (_, spec) => {
  beforeAll(anyEngine);
  const network = networkOf(spec);
  const scopeOf = (): Scope => {
    const { params, state } = network.init(3);
    return evaluation({ params: toTensors(params), state: toTensors(state) });
  };
  const input = () => tf.randomNormal([2, 16, 16, 1], 0, 1, 'float32', 1);

  test('the count without values is that of the values, and every parameter has an owner and names for its axes', () => {
    const { params, state } = network.init(3);
    expect(countValues(params)).toBe(parameterCount(spec));
    for (const [path, { shape }] of Object.entries({ ...params, ...state })) {
      expect(network.axes![path]).toHaveLength(shape.length);
      expect(network.taps).toContain(network.owner(path));
    }
  });

  test('gives every tap with its width, and can be cut at any of them and put together again', async () => {
    const scope = scopeOf();
    const x = input();
    const taps = network.apply(scope, x);
    expect(Object.keys(taps)).toEqual(network.taps);
    for (const tap of network.taps) expect(taps[tap]!.shape.at(-1)).toBe(network.width(tap));
    const whole = await taps.logits!.data();
    for (const tap of network.taps.slice(0, -1)) {
      const begin = network.apply(scope, x, { until: tap });
      expect(Object.keys(begin).at(-1)).toBe(tap);
      const end = network.apply(scope, begin[tap]!, { from: tap });
      expect(relativeError(await end.logits!.data(), whole)).toBeLessThan(TOLERANCE.f32);
    }
    expect(() => network.apply(scope, x, { until: 'stage9' })).toThrow(
      `unknown tap "stage9"; expected one of: ${network.taps.join(', ')}`,
    );
    disposeAll(scope.params, scope.state);
  });

  test('is pure: twice the same input, twice the same bits, and nothing observed in evaluation', async () => {
    const scope = scopeOf();
    const seen: string[] = [];
    const watched = { ...scope, observe: (path: string) => seen.push(path) };
    const x = input();
    const [a, b] = [await network.apply(watched, x).logits!.data(), await network.apply(watched, x).logits!.data()];
    expect([...a]).toEqual([...b]);
    expect(seen).toEqual([]);
    network.apply({ ...watched, train: true }, x);
    expect(seen.sort()).toEqual(Object.keys(scope.state).sort());
  });

  test('the channels that a tap’s readers read are as many as the tap has', () => {
    const { params } = network.init(3);
    for (const tap of network.boundaries.block) {
      const readers = network.readers(tap);
      if ('obstacle' in readers) expect(readers.obstacle).toMatch(/skip connection of .* adds it unchanged/);
      else for (const path of readers.kernels) expect(params[path]!.shape.at(-2)).toBe(network.width(tap));
    }
  });
});

test('a spec with an unknown key or a wrong value is refused', () => {
  expect(NetworkSpec.safeParse({ ...SPEC, width: 3 }).success).toBe(false);
  expect(ResnetSpec.safeParse({ ...SPEC, planes: 0 }).success).toBe(false);
  expect(ResnetSpec.safeParse(SPEC).success).toBe(true);
});
