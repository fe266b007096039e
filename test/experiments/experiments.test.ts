import { describe, expect, test } from 'vitest';
import { GRIDS, rateOf } from '../../experiments/rates.js';
import { TRAIN_EXPERIMENTS } from '../../experiments/registry.js';
import type { Experiment, Scale } from '../../src/core/experiment.js';
import { parseTrainSpec } from '../../src/method/check-spec.js';
import { costOf } from '../../src/method/cost.js';

const ALL = Object.values(TRAIN_EXPERIMENTS).flat();
const CASES = ALL.flatMap((experiment) =>
  (Object.keys(experiment.seeds) as Scale[]).map((scale): [string, Scale, Experiment] => [
    experiment.name,
    scale,
    experiment,
  ]),
);

describe.each(CASES)('%s at scale %s', (_, scale, experiment) => {
  const arms = experiment.arms(scale);

  test('every arm is a valid spec', () => {
    for (const spec of Object.values(arms)) parseTrainSpec(spec);
    expect(Object.keys(arms).length).toBeGreaterThan(3);
  });

  test('arms that are compared at equal steps have equal steps, imitation included', () => {
    if (experiment.name.endsWith('ablations') || experiment.name === 'depth-skip') return; // parts of the imitation are what changes there
    const steps = Object.entries(arms)
      .filter(([arm]) => !['wide', 'long'].includes(arm))
      .map(([, spec]) => costOf(parseTrainSpec(spec)).steps);
    expect(new Set(steps).size).toBe(1);
  });

  test('the long arm costs what the whole pipeline costs', () => {
    if (arms.long === undefined) return;
    const [long, pipeline] = [arms.long, arms['three-stage']].map((spec) => costOf(parseTrainSpec(spec)));
    if (parseTrainSpec(arms.long).pretrained !== undefined) return;
    expect(long!.flops / (pipeline!.flops + pipeline!.teacherFlops)).toBeCloseTo(1, 1);
  });
});

test('every tuned experiment has a rate on its own grid for each arm', () => {
  for (const [name, { rates }] of Object.entries(GRIDS)) {
    const experiment = ALL.find((one) => one.name === name)!;
    for (const arm of Object.keys(experiment.arms('laptop')))
      if (!arm.endsWith('wide'))
        expect(rates, `${name} ${arm}`).toContain(rateOf(name, arm.replace(/^\d+ (plain|skip) /, '')));
  }
});
