/** Errors of schemas in our own words: never those of zod, one line, with a suggestion where there is one. */
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { issueWords, whatIsWrong } from '../../src/core/issues.js';
import { TrainSpec } from '../../src/method/spec/spec.js';
import { DIRECT, THREE } from '../method/support.js';

function wrong(schema: z.ZodType, value: unknown): string {
  const parsed = schema.safeParse(value, { error: issueWords });
  return parsed.success ? '' : whatIsWrong(parsed.error, value);
}

const EITHER = 'expected true or false, "on", "off" or a number, got "of" (did you mean "on"?)';
const RAW = /Invalid|expected (string|number|int|boolean|array|record)\b|received|Unrecognized|Too (small|big)|\n|✖/;

describe('each kind of problem', () => {
  test.each<[z.ZodType, unknown, string]>([
    [z.int().min(1), 0, 'expected at least 1, got 0'],
    [z.number().positive(), 0, 'expected more than 0, got 0'],
    [z.number().max(0.9), 1, 'expected at most 0.9, got 1'],
    [z.number().lt(1), 1, 'expected less than 1, got 1'],
    [z.array(z.string()).min(2), ['a'], 'expected at least 2 entries, got ["a"]'],
    [z.boolean(), 'yes', 'expected true or false, got "yes"'],
    [z.array(z.int()), {}, 'expected a list, got {}'],
    [z.enum(['relu', 'tanh']), 'rely', 'expected one of: relu, tanh; got "rely" (did you mean "relu"?)'],
    [z.literal('gelu'), 'relu', 'expected "gelu"; got "relu" (did you mean "gelu"?)'],
    [z.union([z.string(), z.int()]), null, 'expected a text or a number, got null'],
    [z.union([z.string(), z.int().min(16)]), 3, 'expected at least 16, got 3'],
    [z.union([z.number(), z.array(z.number()), z.literal('1/L')]), {}, 'expected a number, a list or "1/L", got {}'],
    [
      z.union([z.number(), z.array(z.number()), z.literal('1/L')]),
      '1/l',
      'expected a number, a list or "1/L", got "1/l" (did you mean "1/L"?)',
    ],
    [z.strictObject({ c: z.union([z.number(), z.literal('1/L')]) }), {}, 'c: missing; expected a number or "1/L"'],
    [z.union([z.literal(1), z.literal(2)]), 3, 'expected 1 or 2, got 3'],
    [z.union([z.union([z.boolean(), z.enum(['on', 'off'])]), z.int()]), 'of', EITHER],
    [z.union([z.array(z.number()), z.literal('1/L')]), ['x'], '0: expected a number, got "x"'],
    [z.record(z.string(), z.int()), { a: 'x' }, 'a: expected a number, got "x"'],
    [z.strictObject({ a: z.int() }).refine(() => false, { error: 'too much of it' }), { a: 1 }, 'too much of it'],
    [z.string(), 'x'.repeat(3), ''],
    [z.int(), 'y'.repeat(200), `expected a number, got "${'y'.repeat(59)}...`],
  ])('%#', (schema, value, message) => {
    expect(wrong(schema, value)).toBe(message);
  });

  test('of alternatives the one that the value comes nearest to is said', () => {
    const schema = z.union([
      z.strictObject({ experiment: z.string(), arm: z.string() }),
      z.strictObject({ network: z.string(), weights: z.string() }),
    ]);
    expect(wrong(schema, { network: 'x', weight: 'y' })).toBe(
      'unknown key "weight" (did you mean "weights"?); weights: missing; expected a text',
    );
    const kinds = z.discriminatedUnion('kind', [
      z.strictObject({ kind: z.literal('sgd'), rate: z.number() }),
      z.strictObject({ kind: z.literal('adamw') }),
    ]);
    expect(wrong(z.strictObject({ by: kinds }), { by: { kind: 'adam' } })).toBe(
      'by.kind: expected one of: sgd, adamw; got "adam" (did you mean "adamw"?)',
    );
  });

  test('five are said, and how many more there are', () => {
    const schema = z.strictObject(Object.fromEntries([...'abcdefg'].map((key) => [key, z.int()])));
    expect(wrong(schema, {})).toBe(
      `${[...'abcde'].map((key) => `${key}: missing; expected a number`).join('; ')}; and 2 more`,
    );
  });
});

describe('of training specs', () => {
  test.each<[unknown, string]>([
    [{}, 'data: missing; expected an object'],
    [{ ...DIRECT, start: 'rondom' }, 'start: expected one of: random, shared, selected'],
    [
      { ...DIRECT, training: { ...DIRECT.training, stepz: 1 } },
      'training: unknown key "stepz" (did you mean "steps"?)',
    ],
    [
      { ...DIRECT, network: { ...DIRECT.network, blockz: [1] } },
      'network: unknown key "blockz" (did you mean "block"?)',
    ],
    [{ ...DIRECT, network: { family: 'resnt' } }, 'Did you mean "resnet"?'],
    [{ ...DIRECT, teacher: {} }, 'teacher'],
    [{ ...DIRECT, pretrained: { weights: 3 } }, 'pretrained'],
    [{ ...THREE, imitation: { by: 'magic' } }, 'imitation.by: expected one of: gradient, ridge, clone; got "magic"'],
    [{ ...DIRECT, training: { ...DIRECT.training, optimizer: { kind: 'adam' } } }, '(did you mean "adamw"?)'],
  ])('%#', (spec, message) => {
    const said = wrong(TrainSpec, spec);
    expect(said).toContain(message);
    expect(said).not.toMatch(RAW);
    expect(said.length).toBeLessThan(600);
  });
});
