import { expect, test } from 'vitest';
import { imitationMemory, totalCost, trainingFlops, type Plan } from '../../src/method/cost/budget.js';
import { forwardFlops, type Network } from '../../src/nn/network.js';
import { networkOf } from '../../src/models/index.js';
import { groupsOf } from '../../src/method/maps/groups.js';
import { KEPT_BYTES } from '../../src/method/imitation/ridge.js';
import { chain } from './chain.js';
import { IMITATION, recipe } from './support.js';

// multiply-adds times two of one example: layer1 12, layer2 18, logits 24; and 20, 50, 40 in the wide net
const [thin, wide] = [chain(2, 3, 3, 4), chain(2, 5, 5, 4)];
const [THIN, WIDE] = [12 + 18 + 24, 20 + 50 + 40];

const training = { steps: 7, batch: 5 };
const gradient = { ...IMITATION, recipe: { ...recipe(10), batch: 4 } };
const plan: Plan = {
  thin,
  wide,
  shape: [2],
  start: 'random',
  groups: groupsOf(thin, { unit: 'stage', size: 1 }),
  imitated: groupsOf(thin, { unit: 'stage', size: 1 }),
  imitation: gradient,
  training,
  watches: false,
  hints: false,
};
const none = totalCost({ ...plan, imitation: null });

/** What imitation costs beside the training after it. */
function imitation(changes: Partial<Plan>): Record<string, number> {
  const { steps, flops, teacherFlops } = totalCost({ ...plan, ...changes });
  return { steps: steps - none.steps, flops: flops - none.flops, teacherFlops: teacherFlops - none.teacherFlops };
}

test('a step of training is three forward passes of its batch', () => {
  expect(trainingFlops(thin, [2], training)).toBe(3 * 7 * 5 * THIN);
  expect(none).toEqual({ steps: 7, flops: 3 * 7 * 5 * THIN, teacherFlops: 0 });
});

test('a wide net that is asked while the thin one is fine-tuned costs a forward pass of each batch', () => {
  expect(totalCost({ ...plan, imitation: null, watches: true }).teacherFlops).toBe(7 * 5 * WIDE);
  expect(totalCost({ ...plan, imitation: null, wide: undefined, watches: true }).teacherFlops).toBe(0);
});

test('bottom-up: each group has its own steps, reads what is below it, and has gradients of its own layers', () => {
  expect(imitation({})).toEqual({
    steps: 2 * 10,
    flops: 10 * 4 * (12 + 2 * 12) + 10 * 4 * (12 + 18 + 2 * 18),
    teacherFlops: 10 * 4 * 20 + 10 * 4 * (20 + 50),
  });
});

test('on the wide net’s inputs, nothing below a group is computed', () => {
  expect(imitation({ imitation: { ...gradient, inputs: 'wide' } })).toEqual({
    steps: 2 * 10,
    flops: 10 * 4 * 3 * 12 + 10 * 4 * 3 * 18,
    teacherFlops: 10 * 4 * 20 + 10 * 4 * (20 + 50),
  });
});

test('joint: one pass serves all groups', () => {
  expect(imitation({ imitation: { ...gradient, order: 'joint' } })).toEqual({
    steps: 10,
    flops: 10 * 4 * 3 * (12 + 18),
    teacherFlops: 10 * 4 * (20 + 50),
  });
});

test('closed form: a pass of each part for every value that its linear layers read, and their products; no step', () => {
  const bertOf = (size: number): Network =>
    networkOf({
      ...{ family: 'bert', vocabSize: 50, maxPositions: 6, typeVocabSize: 2, numLayers: 1, dropout: 0, headSize: 4 },
      ...{ hiddenSize: 4 * size, numHeads: size, intermediateSize: 8 * size, head: { kind: 'classify', classes: 2 } },
    });
  const imitationOf: Plan['imitation'] = { by: 'ridge', images: 100, ridge: 1e-3 };
  // of 6 tokens: attention, its layers and its scores; the second half; the pooler and the classes
  const [own, theirs] = [
    [4 * 192 + 576, 2 * 384, 32 + 16],
    [4 * 768 + 1152, 2 * 1536, 128 + 32],
  ] as const;
  // queries, keys and values read the same: two values in each part. The thin net is passed once more to fit the norm,
  // and once to go on
  const passes = 4 * own[0] + 4 * own[1] + 2 * own[2];
  // [inputs and a one, the same and the outputs], once for queries, keys and values
  const halves = [2 * 5 * (5 + 3 * 4) + 2 * 5 * (5 + 4), 2 * 5 * (5 + 8) + 2 * 9 * (9 + 4)] as const;
  const products = (own[0] / 128) * halves[0] + 6 * halves[1] + 2 * 5 * (5 + 4) + 2 * 5 * (5 + 2);
  const nets = { thin: bertOf(1), wide: bertOf(2), shape: [3, 6] };
  const [all, trained] = [imitationOf, null].map((one) => totalCost({ ...plan, ...nets, imitation: one }));
  expect(all!.steps).toBe(trained!.steps);
  expect(all!.flops - trained!.flops).toBeCloseTo(100 * (passes + products), 3);
  expect(all!.teacherFlops).toBe(100 * 2 * (theirs[0] + theirs[1] + theirs[2]));
});

test('closed form: what is kept grows with the examples up to its limits, and with the widths', () => {
  const shape = [32, 32, 3];
  const base = { family: 'resnet', block: 'basic', blocks: [1, 1], mid: 1, skip: true, classes: 10, channels: 3 };
  const net = (planes: number): Network =>
    networkOf({ ...base, planes, stem: { kind: 'small', channels: planes } } as Parameters<typeof networkOf>[0]);
  const memory = (images: number, wide = 16): number =>
    imitationMemory({ by: 'ridge', images, ridge: 1e-3 }, { thin: net(8), wide: net(wide), shape });
  // inputs, and the most values at a boundary: 8 and 16 channels of 32 x 32 pixels, four bytes each
  expect(memory(1000) - memory(500)).toBeCloseTo(4 * 500 * 32 * 32 * (3 + 8 + 16), -3);
  expect(memory(10 ** 7)).toBe(memory(10 ** 6));
  expect(memory(10 ** 6)).toBeGreaterThan(3 * KEPT_BYTES);
  expect(memory(500, 32)).toBeGreaterThan(memory(500, 16));
});

test('groups that are shared with the wide net cost nothing', () => {
  expect(imitation({ imitated: [] })).toEqual({ steps: 0, flops: 0, teacherFlops: 0 });
  expect(imitation({ imitated: [], imitation: { ...gradient, order: 'joint' } }).steps).toBe(0);
});

// beside the steps, over 512 examples: the way to the last boundary where widths differ, 3 and 5 channels at both
const [TO_THIN, TO_WIDE] = [12 + 18, 20 + 50];
const [OWN, CROSS, THEIRS] = [2 * 2 * 3 * 3, 2 * 2 * 3 * 5, 2 * 2 * 5 * 5];
const without = imitation({});

/** What a change adds to the cost of imitation. */
function added(changes: Partial<Plan>): Record<string, number> {
  const { flops, teacherFlops } = imitation(changes);
  return { flops: flops! - without.flops!, teacherFlops: teacherFlops! - without.teacherFlops! };
}

test('first maps cost the passes and the products by which they are fitted', () => {
  const up = { flops: 512 * (TO_THIN + OWN + CROSS), teacherFlops: 512 * TO_WIDE };
  expect(added({ imitation: { ...gradient, maps: 'up' } })).toEqual(up);
  // layer2 reads five channels of layer1 through the way down to three
  expect(added({ imitation: { ...gradient, maps: 'pair' } })).toEqual({
    ...up,
    teacherFlops: up.teacherFlops + 512 * (TO_WIDE + THEIRS + 2 * 5 * 3),
  });
  expect(imitation({ imitation: null, hints: true })).toEqual({ steps: 0, ...up });
  const same = { thin: wide, groups: groupsOf(wide, { unit: 'stage', size: 1 }) };
  expect(imitation({ ...same, imitation: { ...gradient, maps: 'pair' } })).toEqual(imitation(same));
});

test('where widths differ at the first boundary alone, the thin net goes on to the last, the wide one does not', () => {
  const partly = { thin: chain(2, 3, 5, 4), groups: groupsOf(chain(2, 3, 5, 4), { unit: 'stage', size: 1 }) };
  const [up, none] = ['up', 'none'].map((maps) =>
    imitation({ ...partly, imitation: { ...gradient, maps: maps as 'up' | 'none' } }),
  ) as [Record<string, number>, Record<string, number>];
  expect(up.flops! - none.flops!).toBe(512 * (12 + 30 + 2 * 3 * (3 + 5)));
  expect(up.teacherFlops! - none.teacherFlops!).toBe(512 * 20);
});

test('a basis of the stream costs the wide net’s moments, and its scales those of both nets in it', () => {
  const stream = { thin: { ...thin, stream: 'layer1' } };
  const moments = 512 * (TO_WIDE + THEIRS);
  expect(added({ ...stream, start: 'projected' })).toEqual({ flops: 0, teacherFlops: moments });
  expect(added({ start: 'projected' })).toEqual({ flops: 0, teacherFlops: 0 });
  expect(added({ ...stream, imitation: { ...gradient, maps: 'stream' } })).toEqual({
    flops: 512 * (TO_THIN + OWN),
    teacherFlops: moments + 512 * (TO_WIDE + CROSS + OWN),
  });
});

test('channels that are chosen to imitate cost a pass, and the products of what reads them', () => {
  // layer2 and the logits read five channels, where the thin net has three
  expect(added({ start: 'greedy' })).toEqual({ flops: 0, teacherFlops: 512 * (20 + 50 + 40 + 2 * (2 * 5 * 5)) });
  const same = { thin: wide, groups: groupsOf(wide, { unit: 'stage', size: 1 }) };
  expect(imitation({ ...same, start: 'greedy' })).toEqual(imitation(same));
});

test('the end of a stage has the positions of its last block', () => {
  const net = (planes: number): Network =>
    networkOf({
      ...{ family: 'resnet', block: 'basic', blocks: [1, 1], planes, mid: 1, skip: true, classes: 10, channels: 3 },
      stem: { kind: 'small', channels: planes },
    } as Parameters<typeof networkOf>[0]);
  const nets = { thin: net(4), wide: net(8), shape: [8, 8, 3] };
  const groups = groupsOf(nets.thin, { unit: 'stage', size: 1 });
  const [hints, without] = [true, false].map((hints) =>
    totalCost({ ...plan, ...nets, groups, imitated: [], imitation: null, hints }),
  );
  // 64 positions of the stem and of stage 1, 4 to 8 channels; 16 of stage 2, 8 to 16
  const products = 2 * (64 + 64) * 4 * (4 + 8) + 2 * 16 * 8 * (8 + 16);
  const toLast = forwardFlops(nets.thin, nets.shape, 'stage2');
  expect(hints!.flops - without!.flops).toBeCloseTo(512 * (toLast + products), 3);
});

test('averages of weights cost the passes by which their statistics are estimated, without a wide net, too', () => {
  const named = { ...thin, axes: { ...thin.axes, 'layer1/mean': ['layer1'] } };
  const [ema, plain] = [{ ...training, ema: 0.99 }, training].map((one) =>
    totalCost({ ...plan, thin: named, wide: undefined, imitated: [], imitation: null, training: one }),
  );
  expect(ema!.flops - plain!.flops).toBe(30 * training.batch * THIN);
  expect(totalCost({ ...plan, training: { ...training, ema: 0.99 } })).toEqual(totalCost(plan));
});

test('statistics that imitation leaves unfit cost 30 forward passes of the whole net', () => {
  const statistics = 30 * training.batch * THIN;
  const named = { ...thin, axes: { ...thin.axes, 'layer1/mean': ['layer1'] } };
  const state = { 'layer1/mean': { shape: [3], values: new Float32Array(3) } };
  const nameless = { ...thin, axes: undefined, init: (seed: number) => ({ ...thin.init(seed), state }) };
  for (const net of [named, nameless]) {
    expect(added({ thin: net })).toEqual({ flops: statistics, teacherFlops: 0 });
    expect(imitation({ thin: net, imitated: [] })).toEqual({ steps: 0, flops: 0, teacherFlops: 0 });
    expect(imitation({ thin: net, imitation: null })).toEqual({ steps: 0, flops: 0, teacherFlops: 0 });
  }
  expect(added({ thin: { ...thin, axes: undefined } })).toEqual({ flops: 0, teacherFlops: 0 });
});
