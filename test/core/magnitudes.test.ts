/** Specs of impossible sizes are refused where they are read: at once, in one line that names the key and the bound. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { resnetDigits } from '../../experiments/resnet.js';
import { bertGlosses } from '../../experiments/bert.js';
import { armSpecs } from '../../src/core/experiment.js';
import { UsageError } from '../../src/core/errors.js';
import { checkValues, listOf, MOST_VALUES } from '../../src/core/magnitudes.js';
import { parseTrainSpec } from '../../src/method/run/check-spec.js';
import { readConfig } from '../../src/store/config.js';
import { parseSimulation } from '../../theory/simulate/declaration.js';
import { STUDIES } from '../../theory/studies/index.js';
import { parseStudySpec } from '../../theory/studies/study.js';
import { LIMITS } from '../../theory/verify/limits.js';
import { newFolder } from '../support/program.js';

const SIMULATION = { model: { depth: 2, d: 2, width: 8 }, flow: { steps: 2, dt: 0.1 } };
const TIME = {
  study: 'time',
  regime: 'skip',
  ...{ alpha: 1, c: 1, rho: 0, d: 4, time: 4, imitationTime: 2, dt: 0.05, train: 32, heldOut: 64, wide: 128 },
  ...{ m: 16, depth: 3, times: [0, 1], draws: 2 },
};
const first = (specs: Readonly<Record<string, unknown>>) => Object.values(specs)[0] as Record<string, never>;
const RESNET = first(armSpecs(resnetDigits, 'minutes'));
const BERT = first(armSpecs(bertGlosses, 'minutes'));

/** A copy of a value with another one at a path. */
function withAt(value: object, path: string, inner: unknown): object {
  const copy = structuredClone(value) as Record<string, unknown>;
  const keys = path.split('.');
  const place = keys.slice(0, -1).reduce((at, key) => at[key] as Record<string, unknown>, copy);
  place[keys.at(-1)!] = inner;
  return copy;
}

const study = (value: unknown): unknown => parseStudySpec(STUDIES.time!, value);

describe.each([
  ['simulation', parseSimulation, SIMULATION, 'model.depth', 1e9],
  ['simulation', parseSimulation, SIMULATION, 'model.width', 2 ** 40],
  ['simulation', parseSimulation, SIMULATION, 'flow.steps', 1e15],
  ['study', study, TIME, 'depth', 1e9],
  ['study', study, TIME, 'wide', 2 ** 40],
  ['study', study, TIME, 'times', Array.from({ length: 500_000 }, () => 1)],
  ['study', study, TIME, 'time', 1e300],
  ['training spec', parseTrainSpec, RESNET, 'network.planes', 2 ** 40],
  ['training spec', parseTrainSpec, RESNET, 'training.steps', 1e12],
  ['training spec', parseTrainSpec, BERT, 'network.numLayers', 1e9],
  ['training spec', parseTrainSpec, BERT, 'network.hiddenSize', 2 ** 50],
] as const)('%s', (_, parse, whole, path, value) => {
  test(`with ${path} of ${Array.isArray(value) ? `${value.length} entries` : String(value)} is refused`, () => {
    expect(() => parse(whole)).not.toThrow();
    const wrong = (): unknown => parse(withAt(whole, path, value));
    expect(wrong).toThrow(UsageError);
    expect(wrong).toThrow(new RegExp(`^[^\\n]*${path.replaceAll('.', '\\.')}: expected at most [^\\n]*$`));
  });
});

test('sizes that are possible each, and not together, are refused by what they come to', () => {
  const model = { depth: 10_000, d: 64, width: 2 ** 24 };
  expect(() => parseSimulation({ ...SIMULATION, model })).toThrow(/2\.16e\+13 values, expected at most 8589934592/);
  expect(() => study({ ...TIME, depth: 10_000, wide: 2 ** 24, d: 64 })).toThrow(/particles and samples: 2\.16e\+13/);
  expect(() => parseTrainSpec(withAt(RESNET, 'training.batch', 1e9))).toThrow(/examples of a batch: .* values/);
  expect(() => checkValues('x', MOST_VALUES)).not.toThrow();
});

test('an exact limit has no more times, and no deeper net, than bounds allow', () => {
  const times = Array.from({ length: 500_000 }, () => 1);
  expect(() => LIMITS.chain!.evaluate({ weights: [1], target: 2, times })).toThrow(
    /times: expected at most 10000 entries/,
  );
  expect(() => LIMITS.clt!.evaluate({ d: 4, depth: 1e9 })).toThrow(/depth: expected at most 10000/);
});

test('JSON that is nested 200,000 deep is refused by its depth', () => {
  const file = join(newFolder(), 'deep.json');
  writeFileSync(file, `{"a":${'['.repeat(200_000)}${']'.repeat(200_000)}}`);
  expect(() => readConfig(file)).toThrow(/more than 200 deep/);
});

test.each([
  [[8, 16, 8], 'expected each value once, got 8 again'],
  [[0, -0], 'expected each value once, got 0 again'],
  [[], 'Too small: expected array to have >=1 items'],
])('a list of widths is not %j', (values, message) => {
  expect(
    listOf(z.number(), 1)
      .safeParse(values)
      .error?.issues.map((issue) => issue.message),
  ).toEqual([message]);
});
