import { execFileSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parseCell } from '../../src/core/run.js';
import { readConfig, readDeclaration, readJson, readText } from '../../src/store/config.js';
import { fromCsv, NUMBERS, toCsv } from '../../reports/data/csv.js';
import { namesOfHere } from '../../reports/page/watch.js';

const folder = mkdtempSync(join(tmpdir(), 'gowide-config-'));

test('JSON that is nested without end is refused in one line; brackets in texts do not count', () => {
  const path = join(folder, 'deep.json');
  writeFileSync(path, `{"a":${'['.repeat(200_000)}${']'.repeat(200_000)}}`);
  expect(() => readConfig(path)).toThrow(/deep.json: lists and objects within each other more than 200 deep/);
  writeFileSync(path, JSON.stringify({ a: `"\\${'['.repeat(1000)}` }));
  expect(readConfig(path)).toEqual({ a: `"\\${'['.repeat(1000)}` });
});

test.each(['', ' \n\n', '\ufeff'])('of a file without a declaration it is said that it is empty (%j)', (content) => {
  const path = join(folder, 'empty.json');
  writeFileSync(path, content);
  const said = `${path}: the file is empty; expected a JSON object`;
  expect(() => readConfig(path)).toThrow(said);
  expect(() => readDeclaration(path, () => {})).toThrow(said);
  expect(() => readJson(path)).toThrow(`${path}: the file is empty; expected JSON`);
});

test('a NUL character is refused with its line; of texts and tables a few are dropped, and a binary file is not read', () => {
  const path = join(folder, 'nul.txt');
  const said = (line: number): RegExp =>
    new RegExp(`nul.txt: not a text file: line ${line} has a NUL character; expected a text in UTF-8$`);
  writeFileSync(path, 'a\nb\0c\n');
  expect(() => readText(path)).toThrow(said(2));
  expect(readText(path, { dropNul: true })).toBe('a\nbc\n');
  const long = `${'a line of text\n'.repeat(20)}b\0c\0\n${'a line of text\n'.repeat(20)}`;
  writeFileSync(path, long);
  expect(readText(path, { dropNul: true })).toBe(long.replace('b\0c\0', 'bc'));
  for (const text of ['two words', 'два слова в одной строке']) {
    writeFileSync(path, Buffer.from(`${text}\n`.repeat(9), 'utf16le'));
    expect(() => readText(path, { dropNul: true })).toThrow(said(1));
  }
  writeFileSync(path, Buffer.alloc(100));
  expect(() => readText(path, { dropNul: true })).toThrow(said(1));
});

test('a key that stands twice in one object of a declaration is refused with its path; in two objects it is not', () => {
  const path = join(folder, 'twice.json');
  const notices: string[] = [];
  const read = (): unknown => readDeclaration(path, (line) => notices.push(line));
  for (const [text, where] of [
    ['{"a":1,"a":2}', ''],
    ['{"x":[1,[2,3],{"y":{}}],"b":["a,",{"a":{}, "c": "}", "a":1}]}', ', "b.1"'],
    ['{"c":{"b":{"d":[0,1],"a":1,"\\u0061":2}}}', ', "c.b"'],
  ] as const) {
    writeFileSync(path, text);
    expect(read).toThrow(
      `twice.json: the key "a" stands twice in one object${where}; expected each key once, remove one of them`,
    );
    expect(readConfig(path)).toEqual(JSON.parse(text)); // others' files may have it
  }
  const fine = { a: { a: 1, b: '"a":{' }, b: [{ a: 1 }, { a: 'a' }], c: '\\"', d: 'a' };
  writeFileSync(path, JSON.stringify(fine));
  expect(read()).toEqual(fine);
  expect(notices).toEqual([]);
});

test.runIf(process.platform !== 'win32')('a pipe or a device is refused, and never waited for', () => {
  execFileSync('mkfifo', [join(folder, 'pipe')], { timeout: 10_000, killSignal: 'SIGKILL' });
  for (const path of [join(folder, 'pipe'), '/dev/zero']) expect(() => readConfig(path)).toThrow(/not a regular file/);
});

test('names that lead out of a folder, and those of prototypes, are no cells', () => {
  const cell = { experiment: 'a', arm: 'b', scale: 'minutes', kind: 'train', spec: {}, seed: 1 };
  expect(parseCell(cell)).toEqual(cell);
  for (const name of ['../../../x', '..', '.x', 'a/b', 'a\\b', 'a\nb', 'a\u0000'])
    expect(() => parseCell({ ...cell, experiment: name })).toThrow(/not a cell: the name/);
  expect(() => parseCell({ ...cell, scale: '../x' })).toThrow(/not a cell/);
  expect(parseCell({ ...cell, arm: 'with / without' }).arm).toBe('with / without');
});

test('no cell of a table is a formula, and all are read back as they were', () => {
  const values = Object.fromEntries(NUMBERS.map((name) => [name, 1]));
  for (const arm of ['=1+1', '+x', '-x', '@x', "'=x", "''=x", "'''", "'", '＝1+1', '＋x', '＠x', 'plain']) {
    const rows = [{ arm, seed: 1, run: 'r', values }];
    const text = toCsv(rows);
    expect(text.split('\n')[1]).not.toMatch(/^"?[=+\-@＝＋－＠]/);
    expect(fromCsv(text)).toEqual(rows);
  }
});

test('at port 80 browsers name no port', () => {
  expect(namesOfHere(80)).toContain('localhost');
  expect(namesOfHere(4747)).toEqual(['127.0.0.1:4747', 'localhost:4747']);
});
