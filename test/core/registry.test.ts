import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { nearestName, UsageError } from '../../src/core/errors.js';
import { entryOf, lookUp, nameSchema, namesOf, register, specSchema } from '../../src/core/registry.js';
import { parseSpec } from '../../src/core/spec.js';
import { registerExperiment } from '../../experiments/registry.js';
import { registerFrontier } from '../../experiments/frontiers.js';
import { CLAIMS, registerClaim } from '../../reports/claims/index.js';
import { registerFigure } from '../../reports/figures/index.js';
import { registerSection } from '../../reports/page/sections.js';
import { registerDataset } from '../../src/data/index.js';
import { FAMILIES, registerFamily } from '../../src/models/index.js';
import { registerImitationLoss } from '../../src/optim/losses.js';
import { registerBackend } from '../../src/sweep/backends/registry.js';
import { registerDataForm } from '../../src/thin/data/index.js';
import { registerSourceFormat } from '../../src/thin/sources/index.js';
import { registerStudy } from '../../theory/studies/index.js';
import { registerLimit } from '../../theory/verify/limits.js';

test('a registered definition is found by its name, and its name is in the list', () => {
  const shapes: Record<string, number> = { square: 4 };
  register('shape', shapes, 'triangle', 3);
  expect(lookUp('shape', shapes, 'triangle')).toBe(3);
  expect(namesOf(shapes)).toEqual(['square', 'triangle']);
});

test('a name twice is refused, and the first definition stays', () => {
  const shapes: Record<string, number> = { square: 4 };
  expect(() => register('shape', shapes, 'square', 5)).toThrow('the shape "square" is registered already');
  expect(shapes.square).toBe(4);
});

test.each([
  ['squar', 'unknown shape "squar"; expected one of: square. Did you mean "square"?'],
  ['toString', 'unknown shape "toString"; expected one of: square.'],
  [undefined, 'unknown shape "undefined"; expected one of: square.'],
  [7, 'unknown shape "7"; expected one of: square.'],
])('the unknown name %j is refused with the known ones', (name, message) => {
  expect(() => lookUp('shape', { square: 4 }, name)).toThrow(message);
});

test('a schema of names knows what is registered after it was made', () => {
  const shapes: Record<string, number> = { square: 4 };
  const schema = z.strictObject({ shape: nameSchema('shape', shapes) });
  expect(() => parseSpec(schema, 'drawing', { shape: 'triangel' })).toThrow(
    'invalid drawing: shape: unknown shape "triangel"; expected one of: square',
  );
  expect(() => parseSpec(schema, 'drawing', {})).toThrow('shape: missing; expected a text');
  register('shape', shapes, 'triangle', 3);
  expect(parseSpec(schema, 'drawing', { shape: 'triangle' })).toEqual({ shape: 'triangle' });
});

test('a schema of specs checks each by the definition that it names, with the path of what is wrong', () => {
  const shapes: Record<string, { spec: z.ZodType<{ shape: string }> }> = {
    square: { spec: z.strictObject({ shape: z.literal('square'), side: z.number().positive() }) },
  };
  const drawing = z.strictObject({ parts: z.array(specSchema('shape', 'shape', shapes)) });
  const check = (part: unknown): unknown => parseSpec(drawing, 'drawing', { parts: [part] });
  expect(check({ shape: 'square', side: 2 })).toEqual({ parts: [{ shape: 'square', side: 2 }] });
  expect(() => check({ shape: 'square', side: -2 })).toThrow('parts.0.side: expected more than 0, got -2');
  expect(() => check({ shape: 'square', side: 2, hue: 1 })).toThrow('parts.0: unknown key "hue" (known: shape, side)');
  expect(() => check({ shape: 'sqare' })).toThrow(/parts.0.shape: .*Did you mean "square"\?/);
  expect(() => check('square')).toThrow('parts.0: expected an object, got "square"');
  const circle = z.strictObject({ shape: z.literal('circle'), radius: z.number().default(1) });
  register('shape', shapes, 'circle', { spec: circle });
  expect(check({ shape: 'circle' })).toEqual({ parts: [{ shape: 'circle', radius: 1 }] });
});

test.each(['__proto__', 'constructor', 'toString'])(
  'no definition is found under %s, which every object has',
  (name) => {
    expect(entryOf({ square: 4 }, name)).toBeUndefined();
    expect(entryOf({ square: 4 }, 'square')).toBe(4);
  },
);

test.each([
  ['zhs', 'zsh'],
  ['theroy', 'theory'],
  ['theori', 'theory'],
  ['xyz', undefined],
])('the name nearest to %s is %s: two letters that were swapped are one mistake', (given, near) => {
  expect(nearestName(given, ['bash', 'zsh', 'fish', 'theory'])).toBe(near);
});

describe('a definition that lacks something is refused when it is registered', () => {
  const add: Readonly<Record<string, (definition: never) => void>> = {
    ...{ registerBackend, registerClaim, registerDataForm, registerDataset, registerExperiment, registerFamily },
    ...{ registerFigure, registerFrontier, registerLimit, registerSection, registerSourceFormat, registerStudy },
  };

  test.each(Object.entries(add))('%s', (_, register) => {
    const name = 'incomplete';
    for (const definition of [
      undefined,
      null,
      3,
      {},
      { name, id: name, group: name, key: name, options: {}, presets: {} },
    ])
      expect(() => register(definition as never)).toThrow(UsageError);
  });

  test('the member is named, with what was expected', () => {
    expect(() => registerClaim({ ...Object.values(CLAIMS)[0]!, id: 'incomplete', rows: [] as never })).toThrow(
      'claim: rows: expected a function, got array',
    );
    expect(() => registerImitationLoss('incomplete', 3 as never)).toThrow('expected a function of two tensors');
  });

  test('a name that is none is asked for by the member that it stands in', () => {
    expect(() => registerClaim({ ...Object.values(CLAIMS)[0]!, id: 'two words' })).toThrow(
      'claim: id: expected a text without blanks, as options take it, got "two words"',
    );
    expect(() => registerSection({ title: 'T', text: 't' } as never)).toThrow('section: group: expected a text');
  });

  test('a family whose name is taken is refused by that, and by its presets where only they are', () => {
    const { resnet } = FAMILIES;
    expect(() => registerFamily(resnet!)).toThrow('the network family "resnet" is registered already');
    expect(() => registerFamily({ ...resnet!, name: 'other' })).toThrow('the network "resnet18" is registered already');
  });
});
