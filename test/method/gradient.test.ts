import { beforeAll, describe, expect, test } from 'vitest';
import { differentiate } from '../../src/engine/ops/gradients.js';
import { tf, type Tensor, type Tensors } from '../../src/engine/tensor.js';
import { groupsOf, type Group } from '../../src/method/maps/groups.js';
import { hintLoss, imitatedGroups, imitationStages } from '../../src/method/imitation/gradient.js';
import { downPath, mapAcross, upPath } from '../../src/method/maps/apply.js';
import type { GradientImitation } from '../../src/method/spec/spec.js';
import type { TrainingStage } from '../../src/method/training/training-step.js';
import { weightsOf, type Teacher } from '../../src/method/values/weights.js';
import { networkOf } from '../../src/models/index.js';
import { evaluation } from '../../src/nn/layers.js';
import type { Network } from '../../src/nn/network.js';
import { anyEngine } from '../support/engines.js';
import { normalTensor } from '../support/tensors.js';
import { chain } from './chain.js';
import { IMITATION, MLP, THIN } from './support.js';

const MSE: GradientImitation = { ...IMITATION, loss: 'mse' };
const perLayer = (network: Network): Group[] => groupsOf(network, { unit: 'block', size: 1 });

function teacherOf(network: Network): Teacher {
  const host = network.init(7);
  return { network, host, weights: weightsOf(host) };
}

/** Loss of one batch, and its gradients by every parameter that the stage trains. */
function gradientsOf(
  stage: TrainingStage,
  params: Tensors,
  x: Tensor,
  targets: Tensors,
  state: Tensors = {},
): { loss: Tensor; gradients: Tensors } {
  const trained = Object.fromEntries(Object.entries(params).filter(([path]) => stage.trainable(path)));
  return differentiate(trained, (own) =>
    stage.loss(
      { params: { ...params, ...own }, state, train: true, observe: () => {} },
      { x, y: tf.zeros([1, 1]) },
      targets,
    ),
  );
}

const numbersOf = async (tensors: Tensors): Promise<Record<string, number[]>> =>
  Object.fromEntries(
    await Promise.all(
      Object.entries(tensors).map(async ([path, tensor]) => [path, Array.from(await tensor.data())] as const),
    ),
  );

beforeAll(anyEngine);

test('groups whose every parameter is the wide net’s own are not imitated', () => {
  const network = chain(1, 1, 1, 1);
  const [first, second] = perLayer(network) as [Group, Group];
  const paths = Object.keys(network.shapes);
  expect(imitatedGroups([first, second], paths, new Set(['layer1/kernel']))).toEqual([second]);
  expect(imitatedGroups([first, second], paths, new Set())).toEqual([first, second]);
});

describe('stages of imitation', () => {
  const network = chain(1, 1, 1, 1);
  const groups = perLayer(network);
  const paths = [
    'layer1/kernel',
    'layer2/kernel',
    'logits/kernel',
    ...['layer1', 'layer2'].flatMap((tap) => [upPath(tap), downPath(tap)]),
  ];
  const trained = (order: 'bottom-up' | 'joint'): Record<string, string[]> =>
    Object.fromEntries(
      imitationStages({ ...MSE, order }, network, teacherOf(network), groups, groups).map(({ name, trainable }) => [
        name,
        paths.filter(trainable),
      ]),
    );

  test('bottom-up: one for each group, which trains its own parameters and the maps on both sides of it', () => {
    expect(trained('bottom-up')).toEqual({
      'imitate layer1': ['layer1/kernel', upPath('layer1')],
      'imitate layer2': ['layer2/kernel', downPath('layer1'), upPath('layer2')],
    });
  });

  test('joint: one that trains them all, but neither the head nor the last map down', () => {
    const all = paths.filter((path) => path !== 'logits/kernel' && path !== downPath('layer2'));
    expect(trained('joint')).toEqual({ 'imitate all': all });
    expect(imitationStages({ ...MSE, order: 'joint' }, network, teacherOf(network), groups, [])).toEqual([]);
  });

  test('targets are the wide net’s values at the boundaries, up to the last that is compared', async () => {
    const [first, second] = imitationStages(MSE, network, teacherOf(chain(1, 2, 2, 1)), groups, groups);
    const x = tf.tensor2d([[3]]);
    expect(await numbersOf(first!.targets!(x))).toEqual({ layer1: [3, 3] });
    expect(await numbersOf(second!.targets!(x))).toEqual({ layer1: [3, 3], layer2: [6, 6] });
  });

  test('targets are what the wide net says when it is used, not while it is trained', async () => {
    const wide = chain(1, 2, 2, 1);
    const asked: boolean[] = [];
    const heard: Network = {
      ...wide,
      apply: (scope, ...rest) => (asked.push(scope.train), wide.apply(scope, ...rest)),
    };
    const stages = imitationStages(MSE, network, teacherOf(heard), groups, groups);
    for (const { targets } of stages) targets!(tf.tensor2d([[3]]));
    expect(asked).toEqual([false, false]);
  });
});

describe('one number through two layers, 2 x then 3 x, at x = 1; the wide net has 5 and 10', () => {
  const network = chain(1, 1, 1, 1);
  const groups = perLayer(network);
  const params = (): Tensors => ({
    'layer1/kernel': tf.tensor2d([[2]]),
    'layer2/kernel': tf.tensor2d([[3]]),
    'logits/kernel': tf.tensor2d([[1]]),
  });
  const [x, targets] = [
    () => tf.tensor2d([[1]]),
    (): Tensors => ({ layer1: tf.tensor2d([[5]]), layer2: tf.tensor2d([[10]]) }),
  ];
  const measured = async (spec: GradientImitation): Promise<Record<string, number[]>[]> => {
    const stages = imitationStages(spec, network, teacherOf(network), groups, groups);
    const all = stages.map((stage) => gradientsOf(stage, params(), x(), targets()));
    return Promise.all(all.map(({ loss, gradients }) => numbersOf({ loss, ...gradients })));
  };

  test('joint, own inputs: (2 - 5)^2 + (6 - 10)^2, and each group has the gradient of its own term only', async () => {
    // 2 (2 - 5) x 1 and 2 (6 - 10) x 2; with the second term's gradient through both layers, layer1 would have -30
    expect(await measured({ ...MSE, order: 'joint' })).toEqual([
      { loss: [25], 'layer1/kernel': [-6], 'layer2/kernel': [-16] },
    ]);
  });

  test('joint, wide inputs: the second layer reads 5', async () => {
    // (15 - 10)^2, and 2 (15 - 10) x 5
    expect(await measured({ ...MSE, order: 'joint', inputs: 'wide' })).toEqual([
      { loss: [9 + 25], 'layer1/kernel': [-6], 'layer2/kernel': [50] },
    ]);
  });

  test('bottom-up: the terms one after the other', async () => {
    expect(await measured(MSE)).toEqual([
      { loss: [9], 'layer1/kernel': [-6] },
      { loss: [16], 'layer2/kernel': [-16] },
    ]);
  });

  test('hints: the mean of the terms, with gradients through all layers', async () => {
    const { loss, gradients } = differentiate(params(), (own) => {
      const taps = network.apply(evaluation({ params: own, state: {} }), x());
      // the head is in no hint; a gradient is wanted all the same
      return tf.add(hintLoss('mse', groups, own, { taps, targets: targets() }), tf.mul(tf.sum(taps.logits!), 0));
    });
    expect(await numbersOf({ loss, ...gradients })).toEqual({
      loss: [12.5],
      'layer1/kernel': [-15],
      'layer2/kernel': [-8],
      'logits/kernel': [0],
    });
  });
});

describe.each([
  ['an MLP', networkOf(MLP)],
  ['a ResNet', networkOf(THIN)],
])('joint imitation of %s', (_, network) => {
  const groups = perLayer(network);

  test.each(['own', 'wide'] as const)('inputs %s: the loss of a group has no gradient in any other', async (inputs) => {
    const weights = weightsOf(network.init(1));
    const x = normalTensor('x', [4, 14, 14, 1]);
    const scope = { ...weights, train: true, observe: () => {} };
    const [stage] = imitationStages({ ...MSE, order: 'joint', inputs }, network, teacherOf(network), groups, groups);
    // what each group gives; where that is its target, too, its own term and its gradient are exactly zero
    const given: Record<string, Tensor> = {};
    for (const { tap, from } of groups)
      given[tap] = network.apply(scope, from === undefined ? x : given[from]!, { from, input: x, until: tap })[tap]!;
    for (const { tap, owns } of groups) {
      const targets = { ...given, [tap]: tf.add(given[tap]!, normalTensor(tap, given[tap]!.shape)) };
      const { gradients } = gradientsOf(stage!, weights.params, x, targets, weights.state);
      const sizes = await numbersOf(tf.tidy(() => sizesOf(gradients)));
      const moved = Object.keys(sizes).filter((path) => sizes[path]![0]! > 0);
      expect(moved.length).toBeGreaterThan(0);
      // with wide inputs the group after it reads the changed target, and has a term again
      const after = groups[groups.findIndex((group) => group.tap === tap) + 1];
      const may = (path: string): boolean => owns(path) || (inputs === 'wide' && after?.owns(path) === true);
      expect(moved.filter((path) => !may(path))).toEqual([]);
    }
  });

  test('hints, which do not stop them, have gradients in the groups before', async () => {
    const weights = weightsOf(network.init(1));
    const x = normalTensor('x', [4, 14, 14, 1]);
    const last = groups.at(-1)!;
    const trained = Object.fromEntries(Object.entries(weights.params).filter(([path]) => groups[0]!.owns(path)));
    const { gradients } = differentiate(trained, (own) => {
      const scope = { params: { ...weights.params, ...own }, state: weights.state, train: true, observe: () => {} };
      const taps = network.apply(scope, x);
      return hintLoss('mse', [last], scope.params, { taps, targets: { [last.tap]: tf.zerosLike(taps[last.tap]!) } });
    });
    const sizes = await numbersOf(sizesOf(gradients));
    expect(Math.max(...Object.values(sizes).flat())).toBeGreaterThan(0);
  });
});

function sizesOf(gradients: Tensors): Tensors {
  return Object.fromEntries(Object.entries(gradients).map(([path, tensor]) => [path, tf.sum(tf.abs(tensor))]));
}

test('of a pair of maps between two groups each learns by its own: up by the loss of the one before, down by that after', async () => {
  const network = chain(1, 1, 1, 1);
  const groups = perLayer(network);
  const params: Tensors = {
    ...weightsOf(network.init(1)).params,
    [upPath('layer1')]: tf.tensor2d([[1, 2]]),
    [downPath('layer1')]: tf.tensor2d([[3], [4]]),
    [upPath('layer2')]: tf.tensor2d([[1, 1]]),
  };
  const stages = imitationStages({ ...MSE, order: 'joint', maps: 'pair' }, network, teacherOf(network), groups, groups);
  const x = tf.tensor2d([[1]]);
  // the first group gives 1, raised (1, 2): equal to its target. The second reads 1 x 3 + 2 x 4 = 11 and gives (11, 11)
  expect([...(await mapAcross(params, 'layer1', x).data())]).toEqual([11]);
  const targets = { layer1: tf.tensor2d([[1, 2]]), layer2: tf.tensor2d([[10, 10]]) };
  const { gradients } = gradientsOf(stages[0]!, params, x, targets);
  // by the value that is read, the second term has the gradient 2 x (11 - 10) = 2
  expect(await numbersOf(gradients)).toEqual({
    'layer1/kernel': [0],
    'layer2/kernel': [22],
    [upPath('layer1')]: [0, 0],
    [downPath('layer1')]: [2, 4],
    [upPath('layer2')]: [11, 11],
  });
});
