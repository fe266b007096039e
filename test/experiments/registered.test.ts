/** What a program registers beside the suite's own experiments, and what is refused before a command meets it. */
import { expect, test } from 'vitest';
import { checkExperiment } from '../../experiments/checks.js';
import {
  checkDeclaration,
  FRONTIER_WAYS,
  type FrontierDeclaration,
  type FrontierSize,
} from '../../experiments/frontier.js';
import { FRONTIERS, registerFrontier } from '../../experiments/frontiers.js';
import { EXPERIMENTS, registerExperiment } from '../../experiments/registry.js';
import { CLAIMS, decideClaims, registerClaim } from '../../reports/claims/index.js';
import { FIGURES } from '../../reports/figures/index.js';
import { drawnOf } from '../../reports/figures/figure.js';
import { renderFigure } from '../../reports/page/figure-block.js';
import type { Experiment } from '../../src/core/experiment.js';
import { registerDataset } from '../../src/data/index.js';

const { experiment: _, teacherBudget: __, arm: ___, ...digits } = FRONTIERS['resnet-digits']!;
const MINE: FrontierDeclaration = { ...digits, name: 'frontier-mine', key: 'mine' };

test('the suite’s own experiments and frontiers are as they should be', () => {
  for (const experiment of Object.values(EXPERIMENTS)) checkExperiment(experiment);
  for (const frontier of Object.values(FRONTIERS)) checkDeclaration(frontier);
});

test('a frontier brings its experiment, its claims and its figure, whenever it is registered', () => {
  registerFrontier({ ...MINE, claims: { setting: 'mine', where: 'In mine' } });
  expect(EXPERIMENTS['frontier-mine']).toBe(FRONTIERS.mine!.experiment);
  const idsOf = (registry: object, name: string): string[] =>
    Object.keys(registry)
      .filter((id) => id.startsWith(name))
      .map((id) => id.replace(name, ''));
  expect(idsOf(CLAIMS, 'frontier-mine')).toEqual(idsOf(CLAIMS, 'frontier-digits'));
  expect(idsOf(FIGURES, 'frontier-mine')).toEqual(['']);
  expect(() => registerFrontier({ ...MINE, key: 'other' })).toThrow(
    'the experiment "frontier-mine" is registered already',
  );
  expect(Object.keys(FRONTIERS)).not.toContain('other');
});

const sizeOf = (only: FrontierSize['only']): FrontierDeclaration['sizes'] => ({
  laptop: { budgets: [1, 2], seeds: 3, ...(only !== undefined && { only }) },
});

test.each<[string, Partial<FrontierDeclaration>, string]>([
  ['a name that files cannot have', { name: 'a/b' }, 'frontier: name: expected letters of a to z, digits, "-" and "_"'],
  ['no step', { baseSteps: 0 }, 'frontier "frontier-new": baseSteps: expected a whole number from 1 on, got 0'],
  ['no scale', { sizes: {} }, 'sizes: expected a scale at least, got none'],
  [
    'a scale that is none',
    { sizes: { laptp: { budgets: [1], seeds: 3 } } as never },
    'sizes: unknown scale "laptp"; expected one of: minutes, laptop, overnight, gpu, paper. Did you mean "laptop"?',
  ],
  ['budgets that fall', { sizes: { minutes: { budgets: [2, 1], seeds: 3 } } }, 'minutes: budgets: expected numbers'],
  [
    'parts of a step',
    { sizes: { minutes: { budgets: [0.001], seeds: 3 } } },
    'steps of budget 0.001: expected a whole',
  ],
  ['no seed', { sizes: { minutes: { budgets: [1], seeds: 0 } } }, 'minutes: seeds: expected a whole number from 1 on'],
  [
    'long budgets of a way that there is not',
    { sizes: sizeOf({ above: 1, ways: ['direct', 'three-stages'] }) },
    'laptop: only: unknown way of training "three-stages"; expected one of: direct, deeper, kd',
  ],
  [
    'long budgets without a way that claims compare',
    { sizes: sizeOf({ above: 1, ways: ['direct', 'deeper', 'wide'] }) },
    'laptop: only: ways: expected "three-stage" among them',
  ],
  [
    'a few ways above its last budget',
    { sizes: sizeOf({ above: 2, ways: [] }) },
    'laptop: only: above: expected a budget that others follow, 1, got 2',
  ],
  ['no rates', { rates: {} }, 'rates: expected those of a budget at least, got none'],
  ['no baseline', { ways: { wide: FRONTIER_WAYS.wide! } }, 'ways: expected "direct" among them'],
  [
    'claims about one budget',
    { sizes: { minutes: { budgets: [1, 2], seeds: 3 } } },
    'sizes: expected two budgets at scale laptop or overnight, by which its claims judge',
  ],
])('a frontier with %s is refused', (_name, changed, message) => {
  const claims = { setting: 'new', where: 'In new' };
  expect(() => registerFrontier({ ...MINE, name: 'frontier-new', key: 'new', claims, ...changed })).toThrow(message);
  expect(Object.keys(FRONTIERS)).not.toContain('new');
});

test('a frontier without distillation has no teacher of that name, and needs none', () => {
  const { direct, wide } = FRONTIER_WAYS;
  const { claims: ___, ...silent } = MINE;
  registerFrontier({ ...silent, name: 'frontier-two', key: 'two', ways: { direct: direct!, wide: wide! } });
  expect(FRONTIERS.two!.teacherBudget(1)).toBeUndefined();
});

const COIN: Experiment = {
  name: 'coin',
  group: 'coins',
  title: 'Coins',
  kind: 'theory',
  seeds: { minutes: 3 },
  arms: () => ({ fair: { spec: { study: 'coin' } } }),
};

test.each<[string, object, string]>([
  ['a name with a dot', { name: 'coin.v2' }, 'experiment: name: expected letters of a to z, digits, "-" and "_"'],
  ['a name with a slash', { name: 'me/coin' }, 'got "me/coin"'],
  [
    'a kind that is none',
    { kind: 'trian' },
    'experiment "coin": unknown kind of run "trian"; expected one of: theory, train.',
  ],
  ['a scale that is none', { seeds: { laptp: 3 } }, 'experiment "coin": seeds: unknown scale "laptp"'],
  ['seeds below 1', { seeds: { minutes: -2 } }, 'seeds: minutes: expected a whole number from 1 on, got -2'],
  ['seeds as a text', { seeds: { minutes: '3' } }, 'seeds: minutes: expected a whole number from 1 on, got "3"'],
  ['no arm', { arms: () => ({}) }, 'arms at scale minutes: expected an object with an arm at least, got none'],
  ['an arm without a spec', { arms: () => ({ fair: {} }) }, 'arm "fair": spec: expected an object, got nothing'],
  [
    'a baseline that is none',
    { baseline: 'fare' },
    'unknown baseline "fare"; expected one of: fair, wide. Did you mean "fair"?',
  ],
  [
    'a metric without words',
    { metric: { key: 'x' } },
    'experiment "coin": metric: label: expected a string, got nothing',
  ],
  [
    'arms that cannot be made',
    {
      arms: (scale: string) => {
        throw new TypeError(`no ${scale}`);
      },
    },
    'experiment "coin": arms at scale minutes: no minutes',
  ],
])('an experiment with %s is refused', (_name, changed, message) => {
  expect(() => registerExperiment({ ...COIN, ...changed })).toThrow(message);
  expect(Object.keys(EXPERIMENTS)).not.toContain('coin');
});

test('a data set whose spec is no schema is refused', () => {
  expect(() =>
    registerDataset({ name: 'bare', spec: {} as never, open: () => Promise.reject(new Error()), shape: () => [1] }),
  ).toThrow('data set: spec: expected a schema, got object');
});

const ROW = { run: 'r', experiment: 'width', arm: 'all', scale: 'minutes', seed: 1, values: {}, facts: {} };
const input = { scale: 'paper', rows: [ROW as never], results: [], curves: [] };

test('a claim or a figure that fails is named', async () => {
  const [claim] = Object.values(CLAIMS);
  const judging = (judge: () => unknown, id: string): void => {
    registerClaim({ ...claim!, id, rows: ({ rows }) => rows, judge: judge as never });
    try {
      decideClaims(input);
    } finally {
      delete CLAIMS[id];
    }
  };
  const wrong = (): never => {
    throw new TypeError('no x in it');
  };
  expect(() => judging(wrong, 'mine-one')).toThrow('the claim "mine-one" cannot be judged: no x in it');
  expect(() => judging(() => ({ outcome: 'suported', evidence: 'x' }), 'mine-two')).toThrow(
    'the claim "mine-two": judge: expected evidence as a text and an outcome, one of: supported, not supported, inconclusive, not run; got {"outcome":"suported","evidence":"x"}',
  );
  expect(() => judging(() => undefined, 'mine-three')).toThrow('inconclusive, not run; got nothing');
  expect(() => drawnOf({ id: 'mine', draw: wrong }, input, () => {})).toThrow(
    'the figure "mine" cannot be drawn: no x in it',
  );
  const figure = {
    ...{ id: 'mine', title: 't', alt: 'a', caption: 'c', scale: 'minutes', command: 'x' },
    data: [],
    runs: [],
  };
  await expect(renderFigure({ ...figure, spec: { mark: 'pont', data: { values: [] }, encoding: {} } })).rejects.toThrow(
    'the spec of the figure "mine" cannot be drawn: ',
  );
});
