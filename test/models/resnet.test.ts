import { beforeAll, describe, expect, test } from 'vitest';
import { disposeAll, tf, type Tensor4D } from '../../src/engine/tensor.js';
import { applyResnet, forwardFlops, initResnet, ResnetSpec, tapsOf } from '../../src/models/resnet.js';
import { countParameters, toTensors } from '../../src/nn/init.js';
import type { Scope } from '../../src/nn/layers.js';
import { anyEngine } from '../support/engines.js';
import { relativeError, TOLERANCE } from '../support/tolerance.js';

const SPEC: ResnetSpec = { family: 'resnet', blocks: [2, 1], planes: 2, mid: 2, stem: 4, classes: 10, channels: 1 };

describe('parameter counts are those of torchvision, but for the stem (3x3 here, 7x7 there)', () => {
  const stemDifference = 3 * 3 * 3 * 64 - 7 * 7 * 3 * 64;
  const imagenet = (blocks: number[], mid: number): ResnetSpec => ({ family: 'resnet', blocks, planes: 64, mid, stem: 64, classes: 1000, channels: 3 });
  test.each([
    ['resnet50', [3, 4, 6, 3], 1, 25_557_032],
    ['resnet101', [3, 4, 23, 3], 1, 44_549_160],
    ['wide_resnet50_2', [3, 4, 6, 3], 2, 68_883_240],
  ] as [string, number[], number, number][])('%s', (_, blocks, mid, expected) => {
    expect(countParameters(initResnet(1, imagenet(blocks, mid)).params)).toBe(expected + stemDifference);
  });
  test('ResNet-50 takes 4.1 G multiply-adds at 224 pixels (56 after its stem and pooling)', () => {
    const withoutStem = forwardFlops(imagenet([3, 4, 6, 3], 1), 56) / 2 - 9 * 3 * 64 * 56 * 56;
    expect(withoutStem / 1e9).toBeCloseTo(4.089 - (49 * 3 * 64 * 112 * 112) / 1e9 - 0.002, 1);
  });
});

describe('the network', () => {
  beforeAll(anyEngine);
  const evaluation = (): Scope => {
    const { params, state } = initResnet(3, SPEC);
    return { params: toTensors(params), state: toTensors(state), train: false, observe: () => {} };
  };

  test('gives every tap, with its shape', () => {
    const taps = applyResnet(SPEC, evaluation(), tf.ones([2, 8, 8, 1]) as Tensor4D);
    expect(Object.keys(taps)).toEqual(tapsOf(SPEC));
    expect(Object.fromEntries(Object.entries(taps).map(([name, tensor]) => [name, tensor.shape]))).toEqual({
      stem: [2, 8, 8, 4],
      stage1: [2, 8, 8, 8],
      stage2: [2, 4, 4, 16],
      logits: [2, 10],
    });
  });

  test('can be cut at any tap and put together again', async () => {
    const scope = evaluation();
    const x = tf.randomNormal([2, 8, 8, 1], 0, 1, 'float32', 1) as Tensor4D;
    const whole = await applyResnet(SPEC, scope, x).logits!.data();
    for (const tap of ['stem', 'stage1', 'stage2']) {
      const head = applyResnet(SPEC, scope, x, { until: tap });
      expect(Object.keys(head).at(-1)).toBe(tap);
      const tail = applyResnet(SPEC, scope, head[tap] as Tensor4D, { from: tap });
      expect(relativeError(await tail.logits!.data(), whole)).toBeLessThan(TOLERANCE.f32);
    }
    expect(() => applyResnet(SPEC, scope, x, { until: 'stage9' })).toThrow('unknown tap "stage9"; expected one of: stem, stage1, stage2, logits');
    disposeAll(scope.params, scope.state);
  });

  test('is pure: twice the same input, twice the same bits, and nothing observed in evaluation', async () => {
    const scope = evaluation();
    const seen: string[] = [];
    const watched = { ...scope, observe: (path: string) => seen.push(path) };
    const x = tf.randomNormal([2, 8, 8, 1], 0, 1, 'float32', 1) as Tensor4D;
    const [a, b] = [await applyResnet(SPEC, watched, x).logits!.data(), await applyResnet(SPEC, watched, x).logits!.data()];
    expect([...a]).toEqual([...b]);
    expect(seen).toEqual([]);
    applyResnet(SPEC, { ...watched, train: true }, x);
    expect(seen.sort()).toEqual(Object.keys(scope.state).sort());
  });
});

test('a spec with an unknown key or a wrong value is refused', () => {
  expect(ResnetSpec.safeParse({ ...SPEC, width: 3 }).success).toBe(false);
  expect(ResnetSpec.safeParse({ ...SPEC, planes: 0 }).success).toBe(false);
  expect(ResnetSpec.safeParse(SPEC).success).toBe(true);
});
