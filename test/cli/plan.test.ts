import { beforeAll, describe, expect, test } from 'vitest';
import { measureThroughput } from '../../cli/bench/throughput.js';
import { planOf, planScale, measuredSpec, slownessOf, wideSpec } from '../../cli/plan/plan.js';
import { bertGlosses, bertSquad } from '../../experiments/bert.js';
import { FRONTIERS } from '../../experiments/frontiers.js';
import { theoryExperiments, trainExperiments } from '../../experiments/registry.js';
import { resnetDigits } from '../../experiments/resnet.js';
import { armSpecs, cellsOf, type Scale } from '../../src/core/experiment.js';
import { parseTrainSpec } from '../../src/method/run/check-spec.js';
import {
  costOf,
  expectedActivations,
  expectedMemory,
  stepFlops,
  stepMemory,
  stepSeconds,
} from '../../src/method/cost/cost.js';
import { parameterCount } from '../../src/models/index.js';
import { isTrained, type TrainSpec } from '../../src/method/spec/spec.js';
import type { KernelName } from '../../theory/kernel/kernel.js';
import { anyEngine } from '../support/engines.js';

const measured = { flopsPerSecond: 1e9, bytesPerExample: 1e6, slowness: 2 };

test('every run counts once, wide nets included, and operations are those of the budgets', () => {
  const { rows } = planOf([resnetDigits], 'minutes', new Map([['resnet-digits', measured]]));
  const arms = resnetDigits.arms('minutes');
  // the wide net is an arm of its own, and what the others need
  const wide = costOf(arms.wide!.spec as unknown as TrainSpec).flops;
  const expected = Object.values(arms).reduce((sum, { spec, seeds = resnetDigits.seeds.minutes! }) => {
    const { flops, teacherFlops } = costOf(spec as unknown as TrainSpec);
    return sum + seeds * (flops + teacherFlops - (spec.teacher === null ? 0 : wide));
  }, 0);
  expect(rows[0]).toMatchObject({ experiment: 'resnet-digits', runs: cellsOf(resnetDigits, 'minutes', 1).length });
  expect(rows[0]!.petaflops! * 1e15).toBeCloseTo(expected, -6);
  expect(rows[0]!.memoryBytes).toBeGreaterThan(32e6);
});

test('the memory of a step is one estimate: planned with measured activations, expected with those of its operations', () => {
  const spec = parseTrainSpec(armSpecs(resnetDigits, 'laptop').wide);
  const parameters = parameterCount(spec.network);
  // values, gradients and the momentum of SGD, four bytes each
  expect(stepMemory(spec, 1000)).toBe(12 * parameters + 1000);
  expect(expectedMemory(spec) - stepMemory(spec, 0)).toBeCloseTo(2 ** 29 + 0.005 * stepFlops(spec), 0);
  const taught = parseTrainSpec(armSpecs(resnetDigits, 'laptop').kd);
  expect(stepMemory(taught, 0)).toBe(12 * parameterCount(taught.network) + 4 * parameters);
  const fitted = (images: number): number =>
    expectedMemory({ ...taught, start: 'selected', imitation: { by: 'ridge', images, ridge: 1e-3 } });
  expect(fitted(100)).toBeGreaterThanOrEqual(expectedMemory(taught));
  expect(fitted(1e6)).toBeGreaterThan(fitted(100) + 2 ** 30); // what is kept of so many examples
});

test('a batch that is computed in parts takes the memory of one part', () => {
  const { accumulate, ...whole } = parseTrainSpec(armSpecs(bertGlosses, 'paper').direct).training;
  const spec = { ...parseTrainSpec(armSpecs(bertGlosses, 'paper').direct), training: whole };
  const parts = { ...spec, training: { ...whole, accumulate: accumulate! } };
  const own = stepMemory(spec, 2 ** 29);
  expect((expectedMemory(spec) - own) / (expectedMemory(parts) - own)).toBeCloseTo(accumulate!, 6);
});

test('a wide net that is trained in parts leaves the memory of the thin net’s own step', () => {
  const spec = parseTrainSpec(armSpecs(resnetDigits, 'laptop').kd);
  const { teacher } = spec;
  if (!isTrained(teacher)) throw new Error('the wide net is trained');
  const parts = { ...spec, teacher: { ...teacher, recipe: { ...teacher.recipe, accumulate: teacher.recipe.batch } } };
  expect(expectedMemory(parts)).toBeLessThan(expectedMemory(spec));
  expect(expectedMemory(parts)).toBe(2 ** 29 + stepMemory(spec, expectedActivations(spec)));
});

test('experiments that share runs: each run counts once in all, with the memory of its own experiment', () => {
  const large = { ...measured, bytesPerExample: 1e8 };
  const { rows, total } = planOf(
    [bertGlosses, bertSquad],
    'paper',
    new Map([
      ['bert-glosses', large],
      ['bert-squad', measured],
    ]),
  );
  const [glosses, squad] = rows;
  // the first seed's pre-training is in both
  expect(total.runs).toBe(squad!.runs);
  expect(total.deviceHours).toBeCloseTo(squad!.deviceHours, 6);
  expect(squad!.memoryBytes).toBe(glosses!.memoryBytes);
});

test('the theory takes what the kernel of the machine does', () => {
  const experiments = theoryExperiments().filter(({ name }) => ['limit', 'saddle'].includes(name));
  const hours = (kernel?: KernelName): number[] =>
    planOf(experiments, 'minutes', new Map(), kernel).rows.map(({ deviceHours }) => deviceHours);
  const [native, wasm] = [hours('native'), hours('wasm')];
  expect(hours()).toEqual(native);
  expect(wasm[0]! / native[0]!).toBeGreaterThan(2);
  expect(wasm[1]).toBe(native[1]); // without particles in the kernel
});

test('a machine that is twice as slow takes twice as long', () => {
  const hours = (slowness: number): number =>
    planOf([resnetDigits], 'minutes', new Map([['resnet-digits', { ...measured, slowness }]])).rows[0]!.deviceHours;
  expect(hours(4) / hours(2)).toBeCloseTo(2, 10);
});

test('a step that is measured with fewer examples than the recipe’s is compared with what so many let expect', () => {
  const spec = measuredSpec(bertGlosses, 'paper')!;
  const flops = stepFlops(spec) / spec.training.batch;
  const few = 2;
  // as fast as expected of a step of two examples, whose passes are not those of the whole batch
  const seconds = stepSeconds({ ...spec, training: { ...spec.training, batch: few } }, few * flops);
  const measuredFew = { flopsPerSecond: (few * flops) / seconds, batch: few };
  expect(slownessOf(spec, measuredFew)).toBeCloseTo(1, 10);
});

test('the memory of a plan is that of the wide net’s step, by the wide net’s own activations', () => {
  const memory = (wideBytesPerExample?: number): number => {
    const found = { ...measured, ...(wideBytesPerExample !== undefined && { wideBytesPerExample }) };
    return planOf([resnetDigits], 'minutes', new Map([['resnet-digits', found]])).rows[0]!.memoryBytes!;
  };
  const { batch } = wideSpec(resnetDigits, 'minutes')!.training;
  expect(memory(1e8)).toBeGreaterThan(1e8 * batch);
  // an arm of the thin net has larger batches
  expect(memory(1)).toBe(memory());
});

test('a claim takes the runs of its arms and what they need', () => {
  const { claims } = planOf([resnetDigits], 'minutes', new Map([['resnet-digits', measured]]));
  const seeds = resnetDigits.seeds.minutes!;
  // three-stage, direct, wide
  expect(claims.find(({ id }) => id === 'resnet-three-stage')).toMatchObject({ runs: 3 * seeds });
  expect(claims.every(({ deviceHours }) => deviceHours > 0)).toBe(true);
});

test('claims that a scale leaves to a larger one are named, and take no time', () => {
  const { claims, left } = planOf([bertGlosses], 'minutes', new Map([['bert-glosses', measured]]));
  expect(claims.map(({ id }) => id)).toEqual(['bert-imitation', 'merging-exact']);
  // by the list of the scale, and as the deeper net is no arm of it
  for (const id of ['bert-three-stage', 'bert-deeper'])
    expect(left).toContainEqual({ id, experiment: 'bert-glosses', scale: 'laptop' });
});

test('the scale paper is planned without measuring where the throughput is given', async () => {
  const { rows, data } = await planScale(
    'paper',
    1e14,
    () => Promise.reject(new Error('nothing is to be measured')),
    () => {},
  );
  expect(rows.map(({ experiment }) => experiment)).toEqual(['resnet-digits', 'bert-glosses', 'bert-squad']);
  expect(data).toHaveLength(3);
  expect(rows.every(({ diskBytes, deviceHours }) => diskBytes > 1e9 && deviceHours > 1)).toBe(true);
  // activations of 256 pictures of 224 x 224 alone are more than 20 GB, as measured elsewhere
  expect(rows[0]!.memoryBytes).toBeGreaterThan(20e9);
});

test('the thin net that is measured is the one trained directly', () => {
  expect(measuredSpec(resnetDigits, 'minutes')!.network).toEqual(
    (armSpecs(resnetDigits, 'minutes').direct as unknown as TrainSpec).network,
  );
});

test('the nets that are measured are found by the facts of arms, whatever these are called', () => {
  for (const experiment of Object.values(trainExperiments()).flat())
    for (const scale of Object.keys(experiment.seeds) as Scale[]) {
      const specs = Object.values(experiment.arms(scale)).map(({ spec }) => parseTrainSpec(spec));
      const least = Math.min(...specs.map(({ network }) => parameterCount(network)));
      expect(parameterCount(measuredSpec(experiment, scale)!.network), `${experiment.name} ${scale}`).toBe(least);
      const wide = wideSpec(experiment, scale);
      if (wide !== undefined) expect(parameterCount(wide.network)).toBeGreaterThan(1.5 * least);
    }
  expect(wideSpec(FRONTIERS['resnet-hierarchy']!.experiment, 'minutes')!.teacher).toBeNull();
});

describe('measured', () => {
  beforeAll(anyEngine);

  test('a net with batch norm whose last channels are down to one value', async () => {
    const spec = parseTrainSpec(armSpecs(resnetDigits, 'minutes').direct);
    const data = { set: 'imagefolder', folder: 'none', size: 8, resize: 8, validation: 1, corrupt: 0 } as const;
    const network = { ...spec.network, stem: { kind: 'imagenet', channels: 8 }, channels: 3 } as TrainSpec['network'];
    expect((await measureThroughput({ ...spec, data, network }, 0.01)).bytesPerExample).toBeGreaterThan(0);
  });
});
