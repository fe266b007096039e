/** The mutants of `npm run test:mutants` cannot rot: each still applies to the sources, and names tests that exist. */
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { CHECKS } from '../../cli/selftest/selftest.js';
import { mutated } from './mutant.js';
import { MUTANTS } from './mutants.js';
import { COPIED } from './workspace.js';

const ROOT = resolve(import.meta.dirname, '../..');

test('mutants have names of their own', () => {
  expect(new Set(MUTANTS.map(({ name }) => name)).size).toBe(MUTANTS.length);
});

describe.each(MUTANTS.map((mutant) => [mutant.name, mutant] as const))('%s', (_, mutant) => {
  test('applies to the source exactly once, and changes it', () => {
    const source = readFileSync(join(ROOT, mutant.file), 'utf8');
    expect(mutated(source, mutant)).not.toBe(source);
  });

  test('names a test that there is', () => {
    const { noticedBy } = mutant;
    if ('selftest' in noticedBy) expect(CHECKS.map(({ id }) => id)).toContain(noticedBy.selftest);
    else expect(existsSync(join(ROOT, noticedBy.vitest))).toBe(true);
  });
});

test('the copy in which they are made has all that the package ships', () => {
  const { files } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { files: string[] };
  const shipped = files.filter((path) => !['packed-from.json', 'types'].includes(path)); // made when it is packed
  expect(COPIED).toEqual(expect.arrayContaining([...new Set(shipped.map((path) => path.split('/')[0]!))]));
});

test('a text that stands nowhere, or twice, is refused', () => {
  const mutant = { ...MUTANTS[0]!, name: 'x', file: 'y.ts', find: 'ab', replace: '$&' };
  expect(mutated('cabd', mutant)).toBe('c$&d');
  expect(() => mutated('cd', mutant)).toThrow('x: the text to replace stands 0 times in y.ts, expected once: ab');
  expect(() => mutated('abab', mutant)).toThrow('stands 2 times');
});
