/** docs/results.md: its corrected p-values are those of docs/verdicts.md, which a test of the report draws anew. */
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';

const DOCS = resolve(import.meta.dirname, '../../docs');
const read = (name: string): string => readFileSync(join(DOCS, name), 'utf8');

const verdicts = [
  ...read('verdicts.md').matchAll(/p ([\d.]+(?:e−\d+)?), with Holm’s correction for \d+ claims ([\d.]+)/g),
];
const told = [...read('results.md').matchAll(/p (0\.\d+) alone, (0\.\d+)/g)].map(([, alone, corrected]) => [
  alone!,
  corrected!,
]);

test('it tells of some', () => expect(told.length).toBeGreaterThan(1));

test.each(told)('a claim has p %s alone and %s corrected', (...pair) => {
  const digits = pair.map((text) => text.length - '0.'.length);
  const pairs = verdicts.map(([, ...texts]) =>
    texts.map((text, i) => Number(text!.replace('−', '-')).toFixed(digits[i])),
  );
  expect(pairs).toContainEqual(pair);
});
