/** Channels that are chosen greedily: against the theory's own rule, and against what the wide net's layers give. */
import { Matrix } from 'ml-matrix';
import { beforeAll, describe, expect, test } from 'vitest';
import { normals, rngKey } from '../../src/core/rng.js';
import { loadDigits } from '../../src/data/digits.js';
import { tf, type Tensor } from '../../src/engine/tensor.js';
import { alignByDepth } from '../../src/method/matching/align.js';
import { contributionsOf, greedyChoice, ofUnits, type ChannelChoice } from '../../src/method/start/greedy.js';
import { startWeights, type StartKind } from '../../src/method/start/start.js';
import { disposeWeights, weightsOf, type Teacher } from '../../src/method/values/weights.js';
import { networkOf, type NetworkSpec } from '../../src/models/index.js';
import { evaluation } from '../../src/nn/layers.js';
import type { Network } from '../../src/nn/network.js';
import { SELECTIONS } from '../../theory/flow/selection.js';
import { anyEngine } from '../support/engines.js';
import { CONVNET, MLP, THIN } from './support.js';

/** Inner products of N random vectors with a common part. */
function products(N: number, seed: number): Matrix {
  const z = normals(rngKey(seed, 'greedy'), N * 6);
  const vectors = new Matrix(
    Array.from({ length: N }, (_, i) => [...z.subarray(i * 6, i * 6 + 6)].map((v) => v + 0.5)),
  );
  return vectors.mmul(vectors.transpose());
}

/** |sum of the factors times their contributions - sum of all|^2. */
function errorOf(G: Matrix, { indices, factors }: ChannelChoice): number {
  const all = Array.from({ length: G.rows }, (_, i) => (indices.includes(i) ? factors[indices.indexOf(i)]! : 0) - 1);
  return all.reduce((sum, p, i) => sum + all.reduce((row, q, j) => row + p * q * G.get(i, j), 0), 0);
}

test('one channel: the nearest multiple of any, by trying all of them', () => {
  for (const seed of [1, 2, 3]) {
    const G = products(9, seed);
    const sums = Array.from({ length: 9 }, (_, i) => G.getRow(i).reduce((sum, one) => sum + one, 0));
    const errors = sums.map((sum, i) => G.sum() - Math.max(0, sum) ** 2 / G.get(i, i));
    const choice = greedyChoice(G, 1);
    expect(choice.indices[0]).toBe(errors.indexOf(Math.min(...errors)));
    expect(errorOf(G, choice)).toBeCloseTo(Math.min(...errors), 8);
  }
});

test('every further channel brings the mixture nearer, and channels that are alike count for each other', () => {
  const G = products(12, 4);
  const errors = Array.from({ length: 12 }, (_, k) => errorOf(G, greedyChoice(G, k + 1)));
  errors.slice(1).forEach((error, k) => expect(error).toBeLessThanOrEqual(errors[k]! + 1e-9));
  expect(errors.at(-1)! / G.sum()).toBeLessThan(0.02);
  // four channels: three are copies of one, which then stands for all of them
  const same = new Matrix([
    [1, 1, 1, 0],
    [1, 1, 1, 0],
    [1, 1, 1, 0],
    [0, 0, 0, 1],
  ]);
  expect(greedyChoice(same, 2)).toEqual({ indices: Uint32Array.of(0, 3), factors: Float64Array.of(3, 1) });
  // the theory’s rule, of means, chooses the same two
  const features = {
    count: 4,
    squares: Float64Array.of(1, 1, 1, 1),
    withMean: Float64Array.of(0.75, 0.75, 0.75, 0.25),
    withOne: (j: number, out: Float64Array) => out.set(same.getRow(j)),
  };
  const [theirs] = SELECTIONS.greedy(features, [2]);
  expect([...theirs!.indices]).toEqual([0, 3]);
  expect([...theirs!.weights].map((weight) => 4 * weight)).toEqual([3, 1]);
});

test('channels that are one unit are taken together, by the sum of what they contribute', () => {
  const G = products(6, 4);
  const units = ofUnits(G, 2);
  expect(units.rows).toBe(3);
  expect(units.get(0, 1)).toBeCloseTo(G.get(0, 2) + G.get(0, 3) + G.get(1, 2) + G.get(1, 3), 12);
  expect(units.sum()).toBeCloseTo(G.sum(), 10);
  expect(ofUnits(G, 1)).toBe(G);
});

describe('on an engine', () => {
  beforeAll(anyEngine);
  const data = loadDigits(200);

  /** What a linear layer gives for the first images, [n, C] in rows. */
  async function outputOf(network: Network, weights: Teacher['weights'], path: string, of?: Uint32Array) {
    const images = await data.train.batch(Uint32Array.from({ length: 100 }, (_, i) => i));
    const value = tf.tidy(() => {
      let found: Tensor | undefined;
      const trace = (name: string, _: Tensor, output: Tensor): void => void (name === path && (found = output));
      network.apply({ ...evaluation(weights), trace }, tf.tensor(images.values, [100, 14, 14, 1]));
      return of === undefined ? found! : tf.gather(found!, tf.tensor1d(Int32Array.from(of), 'int32'), found!.rank - 1);
    });
    const values = await value.data();
    value.dispose();
    return values;
  }

  test('one pass hears all layers; a pass for each, where memory is short, gives the same bits', async () => {
    const [thin, plain] = [networkOf(CONVNET), networkOf({ ...CONVNET, width: 12 })];
    let passes = 0;
    const apply: Network['apply'] = (...given) => {
      passes++;
      return plain.apply(...given);
    };
    const network = { ...plain, apply };
    const host = plain.init(3);
    const teacher = { network, host, weights: weightsOf(host) };
    const before = tf.memory().numTensors;
    const together = await contributionsOf(thin, teacher, data);
    expect(passes).toBe(2); // a few examples show who reads what; 200 images are one batch
    passes = 0;
    const apart = await contributionsOf(thin, teacher, data, 1);
    expect(passes).toBe(1 + Object.keys(apart).length);
    expect(tf.memory().numTensors).toBe(before);
    disposeWeights(teacher.weights);
    expect(Object.keys(together).length).toBeGreaterThan(2);
    for (const [name, products] of Object.entries(together))
      expect(apart[name]!.to1DArray()).toEqual(products.to1DArray());
  });

  test('a wide net of other layers gives what its own layers give, under the thin net’s names', async () => {
    // layers 1, 4, 7, 10 stand beside 1 to 4
    const [thin, wide] = [networkOf(MLP), networkOf({ ...MLP, width: 16, numLayers: 10 })];
    const view = alignByDepth(wide, thin);
    const host = wide.init(3);
    const weights = weightsOf(host);
    const aligned = await contributionsOf(thin, { network: view.network, host: view.weights(host), weights }, data);
    const own = await contributionsOf(networkOf({ ...MLP, numLayers: 10 }), { network: wide, host, weights }, data);
    disposeWeights(weights);
    const readBy = { layer1: 'layer3', layer2: 'layer6', layer3: 'layer9', layer4: 'layer10' };
    expect(Object.keys(aligned).sort()).toEqual(Object.keys(readBy));
    for (const [name, theirs] of Object.entries(readBy))
      expect(aligned[name]!.to1DArray()).toEqual(own[theirs]!.to1DArray());
  });

  test.each([
    ['an MLP', MLP, { ...MLP, width: 16 }, 'layer2'],
    ['a convnet', CONVNET, { ...CONVNET, width: 12 }, 'layer2/conv'],
    ['a ResNet', { ...THIN, mid: 4 }, { ...THIN, mid: 16 }, 'stage1/block1/conv3'],
  ] as [string, NetworkSpec, NetworkSpec, string][])(
    'greedy channels of %s bring what reads them nearer to the wide net’s output than the largest channels do',
    async (_, thinSpec, wideSpec, path) => {
      const [thin, network] = [networkOf(thinSpec), networkOf(wideSpec)];
      const host = network.init(3);
      const teacher = { network, host, weights: weightsOf(host) };
      const before = tf.memory().numTensors;
      const contributions = await contributionsOf(thin, teacher, data);
      expect(tf.memory().numTensors).toBe(before);
      const error = async (kind: StartKind): Promise<number> => {
        const start = startWeights(kind, 1, thin, teacher, { contributions });
        const weights = weightsOf(start.host);
        const name = thin.axes![`${path}/kernel`]!.at(-1)!;
        const own = await outputOf(thin, weights, path);
        const theirs = await outputOf(network, teacher.weights, path, start.selection[name]);
        disposeWeights(weights);
        expect(own.length).toBe(theirs.length);
        const square = (values: ArrayLike<number>): number => Array.from(values).reduce((sum, v) => sum + v * v, 0);
        return square(Array.from(own, (value, i) => value - theirs[i]!)) / square(theirs);
      };
      const [greedy, selected] = [await error('greedy'), await error('selected')];
      expect(greedy, `${greedy} and ${selected}`).toBeLessThan(selected);
      disposeWeights(teacher.weights);
    },
  );
});
