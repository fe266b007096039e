import { expect, test } from 'vitest';
import { checkTaps, groupsOf } from '../../src/method/maps/groups.js';
import { chain } from './chain.js';

const network = chain(1, 1, 1, 1, 1, 1, 1);

test('groups end at every size-th boundary; the last may be smaller, and the head is in none', () => {
  const ends = (size: number): (readonly [string | undefined, string])[] =>
    groupsOf(network, { unit: 'block', size }).map(({ from, tap }) => [from, tap]);
  expect(ends(2)).toEqual([
    [undefined, 'layer2'],
    ['layer2', 'layer4'],
    ['layer4', 'layer5'],
  ]);
  expect(ends(5)).toEqual([[undefined, 'layer5']]);
  expect(ends(1)).toHaveLength(5);
});

test('every parameter but the head’s belongs to one group; maps belong to none', () => {
  const groups = groupsOf(network, { unit: 'stage', size: 2 });
  const owners = (path: string): number[] => groups.flatMap(({ owns }, i) => (owns(path) ? [i] : []));
  expect([1, 2, 3, 4, 5].map((i) => owners(`layer${i}/kernel`))).toEqual([[0], [0], [1], [1], [2]]);
  expect(owners('logits/kernel')).toEqual([]);
  expect(owners('maps/layer2/up')).toEqual([]);
});

test('a wide net without the taps at which the groups end is refused, with those that it has', () => {
  expect(() => checkTaps(network, chain(1, 1, 1, 1), { unit: 'block', size: 2 })).toThrow(
    'imitation: the wide net has no tap layer4, layer5; its taps: layer1, layer2, logits',
  );
  expect(() => checkTaps(network, chain(1, 9, 9, 9, 9, 9, 1), { unit: 'block', size: 2 })).not.toThrow();
});
