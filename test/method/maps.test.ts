import { beforeAll, describe, expect, test } from 'vitest';
import { normals, rngKey } from '../../src/core/rng.js';
import { loadDigits } from '../../src/data/digits.js';
import { disposeAll, tf, type Tensors } from '../../src/engine/tensor.js';
import { groupsOf } from '../../src/method/maps/groups.js';
import { checkMaps } from '../../src/method/maps/check.js';
import { initialMaps } from '../../src/method/maps/initial.js';
import { applyWithMaps, downPath, upPath } from '../../src/method/maps/apply.js';
import { mergeMaps } from '../../src/method/maps/merge.js';
import { trainThin } from '../../src/method/three-stage/pipeline.js';
import { weightsOf, type Weights } from '../../src/method/values/weights.js';
import { networkOf, type NetworkSpec } from '../../src/models/index.js';
import { countValues } from '../../src/core/host-array.js';
import { evaluation } from '../../src/nn/layers.js';
import { anyEngine } from '../support/engines.js';
import { relativeError } from '../support/tolerance.js';
import { CONVNET, IMITATION, memory, MLP, recipe, TEACHER, THIN } from './support.js';

/** The bound that the merged function is to keep, relative. */
const MERGED = 1e-5;

const PAIRS: [string, NetworkSpec, NetworkSpec][] = [
  ['an MLP', MLP, { ...MLP, width: 9 } as NetworkSpec],
  ['a plain convnet', CONVNET, { ...CONVNET, width: 7 } as NetworkSpec],
  [
    'a bottleneck ResNet, at the ends of its stages',
    { ...THIN, stem: { kind: 'small', channels: 5 } },
    { ...THIN, planes: 3, stem: { kind: 'small', channels: 9 } },
  ],
  [
    'a basic ResNet',
    { ...THIN, block: 'basic', planes: 4, stem: { kind: 'small', channels: 3 } },
    { ...THIN, block: 'basic', planes: 6, stem: { kind: 'small', channels: 5 } },
  ],
];

const random = (path: string, shape: number[]): [string, ReturnType<typeof tf.tensor>] => [
  path,
  tf.tensor(Float32Array.from(normals(rngKey(1, path), shape[0]! * shape[1]!)), shape),
];

describe.each(PAIRS)('%s', (_, thinSpec, wideSpec) => {
  beforeAll(anyEngine);
  const [thin, wide] = [networkOf(thinSpec), networkOf(wideSpec)];
  const groups = groupsOf(thin, { unit: 'stage', size: 1 });
  const data = loadDigits(200);

  test('merging random maps leaves the function as it was, and exactly the thin net’s parameters', async () => {
    const own = weightsOf(thin.init(1));
    const maps: Tensors = Object.fromEntries(
      groups.flatMap(({ tap }) => [
        random(upPath(tap), [thin.width(tap), wide.width(tap)]),
        random(downPath(tap), [wide.width(tap), thin.width(tap)]),
      ]),
    );
    const weights: Weights = { params: { ...own.params, ...maps }, state: own.state };
    const merged = mergeMaps(thin, weights, groups);
    const x = tf.randomNormal([3, 14, 14, 1], 0, 1, 'float32', 1);
    const before = await applyWithMaps(thin, evaluation(weights), groups, x).data();
    const after = await thin.apply(evaluation(merged), x).logits!.data();
    expect(relativeError(after, before)).toBeLessThan(MERGED);
    expect(countValues(merged.params)).toBe(countValues(thin.init(1).params));
    expect(Object.keys(merged.params)).toEqual(Object.keys(thin.init(1).params));
  });

  test('trained pairs of maps are merged; what is logged says by how much that changed the logits', async () => {
    const host = wide.init(2);
    const teacher = { network: wide, host, weights: weightsOf(host) };
    const context = memory();
    const imitation = { ...IMITATION, maps: 'pair' as const, inputs: 'wide' as const, recipe: recipe(10, 0.002) };
    const procedure = { start: 'random' as const, imitation, training: { ...recipe(1, 1e-12), objective: TEACHER } };
    const weights = await trainThin(context, procedure, { thin, teacher, data });
    // least-squares maps start below the loss of a thin net that says nothing
    for (const row of context.rows.filter(({ step, stage }) => step === 1 && stage !== 'fine-tune'))
      expect(row.loss).toBeLessThan(1.1);
    expect(context.rows.find((row) => row.event === 'merge')!.difference).toBeLessThan(MERGED);
    expect(Object.keys(weights.params).sort()).toEqual(Object.keys(thin.init(1).params).sort());
    disposeAll(weights.params, weights.state, teacher.weights.params, teacher.weights.state);
  });
});

describe('initial maps', () => {
  beforeAll(anyEngine);

  test('take principal components, or the selected channels, and there is one up for each', async () => {
    const [thin, wide] = [networkOf(MLP), networkOf({ ...MLP, width: 9 } as NetworkSpec)];
    const host = wide.init(1);
    const teacher = { network: wide, host, weights: weightsOf(host) };
    const groups = groupsOf(thin, { unit: 'block', size: 1 });
    const maps = await initialMaps(
      'pair',
      { thin, start: thin.init(1), teacher, groups, selection: {} },
      loadDigits(100),
    );
    const down = maps[downPath('layer2')]!;
    expect(down.shape).toEqual([9, 4]);
    for (const [a, b] of [
      [0, 0],
      [0, 1],
      [2, 3],
    ] as const) {
      const product = Array.from({ length: 9 }, (_, i) => down.values[4 * i + a]! * down.values[4 * i + b]!).reduce(
        (sum, value) => sum + value,
        0,
      );
      expect(product).toBeCloseTo(a === b ? 1 : 0, 5);
    }
    const chosen = await initialMaps(
      'pair',
      { thin, start: thin.init(1), teacher, groups, selection: { layer2: Uint32Array.of(1, 3, 4, 8) } },
      loadDigits(100),
    );
    const selecting = chosen[downPath('layer2')]!;
    expect(Array.from({ length: 9 }, (_, i) => selecting.values[4 * i + 1])).toEqual([0, 0, 0, 1, 0, 0, 0, 0, 0]);
    expect(chosen[upPath('layer2')]!.shape).toEqual([4, 9]);
    expect(
      await initialMaps('none', { thin, start: thin.init(1), teacher, groups, selection: {} }, loadDigits(100)),
    ).toEqual({});
    disposeAll(teacher.weights.params, teacher.weights.state);
  });
});

test('maps that cannot be merged are named, with what stands in the way', () => {
  const thin = networkOf({ ...MLP, skip: true } as NetworkSpec);
  const wide = networkOf({ ...MLP, width: 8, skip: true } as NetworkSpec);
  const groups = groupsOf(thin, { unit: 'block', size: 1 });
  expect(() => checkMaps('pair', 'own', thin, wide, groups)).toThrow(
    'the map after layer1 cannot be merged: the skip connection of layer2 adds it unchanged',
  );
  expect(() => checkMaps('up', 'own', thin, wide, groups)).not.toThrow();
});
