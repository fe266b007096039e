import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { Rename } from '../../src/core/renames.js';
import { currentKey, currentSpec, parseSpec } from '../../src/core/spec.js';

const RENAMES: readonly Rename[] = [
  { key: 'places', to: 'maskedPositions' },
  { key: 'hidden', to: 'hiddenSize', where: { family: 'bert' } },
  { key: 'start', value: 'ends', to: 'embeddings-and-head' },
  { key: 'model', to: 'network', holding: 'family' },
];

describe('a spec by the words of an earlier version', () => {
  test('is read by the new ones, at any depth and within lists, with a line for each', () => {
    const given = {
      start: 'ends',
      nets: [
        { family: 'bert', hidden: 8, head: { places: 2 } },
        { family: 'mlp', hidden: 4 },
      ],
    };
    const before = structuredClone(given);
    expect(currentSpec(given, RENAMES)).toEqual({
      value: {
        start: 'embeddings-and-head',
        nets: [
          { family: 'bert', hiddenSize: 8, head: { maskedPositions: 2 } },
          { family: 'mlp', hidden: 4 },
        ],
      },
      notes: [
        '"start": "ends" is now "embeddings-and-head"',
        '"nets.0.hidden" is now "nets.0.hiddenSize"',
        '"nets.0.head.places" is now "nets.0.head.maskedPositions"',
      ],
    });
    expect(given).toEqual(before);
  });

  test('keeps the order of its keys, so that its id is the one of the new words', () => {
    expect(JSON.stringify(currentSpec({ a: 1, places: 2, b: 3 }, RENAMES).value)).toBe(
      '{"a":1,"maskedPositions":2,"b":3}',
    );
  });

  test('by the words of this version it is left as it is', () => {
    const given = { start: 'shared', net: { family: 'bert', hiddenSize: 8 }, list: [1, null, 'ends'] };
    expect(currentSpec(given, RENAMES)).toEqual({ value: given, notes: [] });
  });

  test('with an old key beside the new one is refused', () => {
    expect(() => currentSpec({ net: { places: 2, maskedPositions: 3 } }, RENAMES)).toThrow(
      '"net.places" is now "net.maskedPositions", and here are both; remove the first',
    );
  });

  test('a single key is found by the object that it stands in', () => {
    expect(currentKey('hidden', { family: 'bert' }, RENAMES)).toBe('hiddenSize');
    expect(currentKey('hidden', { family: 'mlp' }, RENAMES)).toBe('hidden');
    expect(currentKey('start', {}, RENAMES)).toBe('start');
  });

  test('a key that has another meaning elsewhere is told by what it holds', () => {
    const [network, particles] = [{ model: { family: 'mlp' } }, { model: { depth: 3 } }];
    expect(currentSpec(network, RENAMES)).toEqual({
      value: { network: { family: 'mlp' } },
      notes: ['"model" is now "network"'],
    });
    expect(currentSpec(particles, RENAMES)).toEqual({ value: particles, notes: [] });
    expect(currentKey('model', { network: { family: 'mlp' } }, RENAMES)).toBe('network');
  });
});

describe('what a schema has against a spec is one line', () => {
  const schema = z.strictObject({ net: z.strictObject({ width: z.int(), layers: z.int() }) });

  test.each([
    [{ width: 1, layers: 2, layer: 3 }, 'net: unknown key "layer" (did you mean "layers"?)'],
    [{ width: 1, layers: 2, zzzz: 3 }, 'net: unknown key "zzzz" (known: width, layers)'],
    [
      { width: 1, layers: 2, widht: 3, zzzz: 1 },
      'net: unknown keys "widht" (did you mean "width"?), "zzzz" (known: width, layers)',
    ],
    [{ width: 1.5, layers: 2 }, 'net.width: expected a whole number, got 1.5'],
    [{ width: 'x', layers: 2 }, 'net.width: expected a number, got "x"'],
    [{ width: 1 }, 'net.layers: missing; expected a number'],
    [7, 'net: expected an object, got 7'],
  ])('%j', (net, message) => {
    expect(() => parseSpec(schema, 'drawing', { net })).toThrow(`invalid drawing: ${message}`);
  });
});
