/** What is registered while the program runs is known to its commands: in help, in what they take, in their errors. */
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { registerExperiment } from '../../experiments/registry.js';
import { resnetDigits } from '../../experiments/resnet.js';
import { FAMILIES, registerFamily } from '../../src/models/index.js';
import { registerDataset } from '../../src/data/index.js';
import { registerImitationLoss, squaredError } from '../../src/optim/losses.js';
import { defineBackend } from '../../src/sweep/backends/backend.js';
import { registerBackend } from '../../src/sweep/backends/registry.js';
import { registerStudy, THEORY_KIND } from '../../theory/studies/index.js';
import { gowideHere } from '../support/program.js';

const specs = resnetDigits.arms('minutes');

registerExperiment({
  ...resnetDigits,
  name: 'vision-patches',
  group: 'vision',
  title: 'an experiment of a group of its own',
  arms: () => ({ narrow: specs.direct!, broad: specs.wide! }),
  baseline: 'narrow',
});
registerExperiment({
  ...resnetDigits,
  name: 'thirds',
  group: 'theory',
  kind: THEORY_KIND,
  arms: () => ({ only: { spec: { study: 'thirds', times: 3 } } }),
  baseline: 'only',
});
registerStudy({
  name: 'thirds',
  law: 'a third of a third is a ninth',
  rule: 'exactly: supported; otherwise: not supported',
  schema: z.strictObject({ study: z.literal('thirds'), times: z.int().min(1) }),
  cost: () => 1,
  run: () => Promise.resolve([]),
});
registerFamily({
  ...FAMILIES.resnet!,
  name: 'tower',
  spec: z.looseObject({ family: z.literal('tower') }),
  presets: { tower9: { family: 'tower' } },
});
registerDataset({
  name: 'checkers',
  spec: z.strictObject({ set: z.literal('checkers') }),
  open: () => Promise.reject(new Error('not opened here')),
  shape: () => [8, 8, 1],
});
registerImitationLoss('twice', squaredError);
registerBackend(
  defineBackend({
    ...{ name: 'abacus', description: 'beads on wires', selector: 'on-wires' },
    options: {
      'on-wires': { kind: 'switch', description: 'on wires' },
      'bead-count': { kind: 'whole', argument: 'n', least: 1, description: 'beads of a wire' },
      'bead-color': { kind: 'text', argument: 'color', description: 'their color', default: 'red' },
      'bead-name': { kind: 'list', argument: 'name', description: 'their names' },
    },
    run: (_, values) => Promise.reject(new Error(`got ${JSON.stringify(values)}`)),
  }),
);

const help = async (...args: string[]): Promise<string> => (await gowideHere([...args, '--help'])).stdout;

test.each([
  [['train'], ['vision', 'vision-patches', 'checkers', 'tower', 'twice']],
  [['tune'], ['vision', 'vision-patches']],
  [['params'], ['tower9']],
  [['predict'], ['tower9']],
  [
    ['sweep', 'run'],
    ['vision', 'vision-patches', 'thirds', 'abacus', 'beads', 'wires'],
  ],
  [['theory', 'run'], ['thirds']],
])('gowide %j --help lists it', async (args, names) => {
  const words = (await help(...args)).split(/[\s,]+/);
  for (const name of names) expect(words).toContain(name);
});

test('the options of a back end choose it, and come to it under their own names and alone', async () => {
  const flags = ['--on-wires', '--bead-count', '3', '--bead-name', 'one', '--bead-name', 'two'];
  expect((await gowideHere(['sweep', 'run', 'width', ...flags])).stderr).toContain(
    'got {"on-wires":true,"bead-count":3,"bead-color":"red","bead-name":["one","two"]}',
  );
  expect((await gowideHere(['sweep', 'run', 'width', '--bead-count', '3'])).stderr).toBe(
    'error: --bead-count is of the back end "abacus", and this sweep uses "pool"; add --on-wires, or leave --bead-count out\n',
  );
});

test('the study is listed with its law and its scales', async () => {
  const list = JSON.parse((await gowideHere(['theory', 'list', '--json'])).stdout) as { name: string }[];
  expect(list.find(({ name }) => name === 'thirds')).toEqual({
    name: 'thirds',
    law: 'a third of a third is a ninth',
    rule: 'exactly: supported; otherwise: not supported',
    scales: Object.keys(resnetDigits.seeds),
  });
});

test('the experiment’s specs are those that are printed', async () => {
  const { status, stdout } = await gowideHere(['train', 'vision', '--print-config']);
  expect(status).toBe(0);
  expect(JSON.parse(stdout)).toEqual({ narrow: specs.direct!.spec, broad: specs.wide!.spec });
  const theory = await gowideHere(['theory', 'run', 'thirds', '--print-config']);
  expect(JSON.parse(theory.stdout)).toEqual({ only: { study: 'thirds', times: 3 } });
});

describe('an unknown name ends in one line with the registered names and the nearest of them', () => {
  test.each<[string, string[], RegExp]>([
    [
      'group of experiments',
      ['train', 'visoin'],
      /unknown group of experiments "visoin"; expected one of: .*vision.* Did you mean "vision"\?/,
    ],
    [
      'experiment',
      ['train', 'vision', '--experiment', 'vision-patch'],
      /expected one of: vision-patches\. Did you mean/,
    ],
    [
      'arm',
      ['train', 'vision', '--arm', 'narow'],
      /unknown arm "narow"; expected one of: all, narrow, broad\. Did you/,
    ],
    ['experiment of a sweep', ['sweep', 'vision-patche'], /one of: .*vision-patches.* Did you mean "vision-patches"\?/],
    ['study', ['theory', 'run', 'third'], /unknown study "third"; expected one of: .*thirds.* Did you mean "thirds"\?/],
    [
      'data set',
      ['train', 'vision', '--arm', 'narrow', '--set', 'data.set=checkerz'],
      /unknown data set "checkerz"; expected one of: .*checkers.* Did you mean "checkers"\?/,
    ],
    ['engine', ['train', 'vision', '--engine', 'webgpo'], /unknown engine "webgpo"; .* Did you mean "webgpu"\?/],
    [
      'network family',
      ['train', 'vision', '--arm', 'narrow', '--set', 'network.family=towr'],
      /unknown network family "towr"; expected one of: .*tower\. Did you mean "tower"\?/,
    ],
    [
      'published network',
      ['params', 'tower'],
      /unknown network "tower"; expected one of: resnet18, .*tower9\. Did you mean "tower9"\?/,
    ],
  ])('%s', async (_, args, expected) => {
    const { status, stdout, stderr } = await gowideHere(args);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(expected);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  });
});

test('a name that is taken is refused', () => {
  expect(() => registerExperiment({ ...resnetDigits, group: 'vision' })).toThrow(
    'the experiment "resnet-digits" is registered already',
  );
  expect(() => registerDataset({ name: 'digits' } as Parameters<typeof registerDataset>[0])).toThrow(
    'the data set "digits" is registered already',
  );
});
