import { expect, test } from 'vitest';
import { declaredOf } from '../../cli/terminal/work.js';
import { experimentGroups, reproducedExperiments } from '../../experiments/registry.js';
import type { Experiment } from '../../src/core/experiment.js';

const names = (experiments: readonly Experiment[]): string[] => experiments.map(({ name }) => name);

test('of a group, a scale has the experiments that are declared at it', () => {
  expect(names(declaredOf('resnet', experimentGroups().resnet!, 'gpu'))).toEqual(['resnet-digits', 'cifar10-resnet50']);
  expect(names(declaredOf('bert', experimentGroups().bert!, 'paper'))).toEqual(['bert-glosses', 'bert-squad']);
  expect(names(declaredOf('all', reproducedExperiments(), 'minutes'))).toEqual(names(reproducedExperiments()));
  expect(() => declaredOf('theory', experimentGroups().theory!, 'gpu')).toThrow(
    'theory: no experiment of it is declared at scale "gpu"; declared: minutes, laptop',
  );
});
