/** Environment variables: what they take, and that all of them are documented. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { checkSettings, choiceSetting, isSwitchedOff, numberSetting } from '../../src/core/settings.js';

const ROOT = join(import.meta.dirname, '..', '..');

afterEach(() => vi.unstubAllEnvs());

test.each([
  [
    'GOWIDE_SAVE_SECONDS',
    ['0', '0.05', '600', '.5', '1e3'],
    ['abc', '-1', ' ', ' 5', 'Infinity', 'NaN', '0x10', '5 s', '1e999'],
  ],
  ['GOWIDE_GRACE_SECONDS', ['0', '1.5'], ['soon', '-0.1', '٣']],
  ['GOWIDE_OPS_THREADS', ['1', '16', '9999'], ['0', '1.5', '10000', 'two', '-2']],
  ['GOWIDE_THREADS', ['1', '16', '9999'], ['0', '1.5', '10000', 'two', '-2']],
] as const)('%s holds a number, or says in one line what was expected', (name, good, bad) => {
  vi.stubEnv(name, undefined);
  expect(numberSetting(name)).toBeUndefined();
  vi.stubEnv(name, '');
  expect(numberSetting(name)).toBeUndefined();
  for (const text of good) {
    vi.stubEnv(name, text);
    expect(numberSetting(name)).toBe(Number(text));
    expect(checkSettings).not.toThrow();
  }
  for (const text of bad) {
    vi.stubEnv(name, text);
    const line = new RegExp(`^${name}: expected a (whole )?number [^\n]*, got "[^\n]*"$`);
    expect(() => numberSetting(name), text).toThrow(line);
    expect(checkSettings, text).toThrow(line);
  }
});

test.each(['GOWIDE_FUSED', 'GOWIDE_TRACE'] as const)('%s is 0, or as without it', (name) => {
  for (const [text, off] of [
    [undefined, false],
    ['', false],
    ['1', false],
    ['0', true],
  ] as const) {
    vi.stubEnv(name, text);
    expect(isSwitchedOff(name)).toBe(off);
  }
  for (const text of ['off', 'false', '00']) {
    vi.stubEnv(name, text);
    expect(() => isSwitchedOff(name)).toThrow(`${name}: expected 0 (off) or 1 (on, as without it), got "${text}"`);
    expect(checkSettings).toThrow(name);
  }
});

test('a choice is a name of its registry', () => {
  const registry = { native: 1, wasm: 2 };
  vi.stubEnv('GOWIDE_KERNEL', '');
  expect(choiceSetting('GOWIDE_KERNEL', 'kernel', registry)).toBeUndefined();
  vi.stubEnv('GOWIDE_KERNEL', 'wasm');
  expect(choiceSetting('GOWIDE_KERNEL', 'kernel', registry)).toBe('wasm');
  for (const text of ['waasm', 'toString']) {
    vi.stubEnv('GOWIDE_KERNEL', text);
    expect(() => choiceSetting('GOWIDE_KERNEL', 'kernel', registry)).toThrow(
      `GOWIDE_KERNEL: unknown kernel "${text}"; expected one of: native, wasm.`,
    );
  }
});

/** The variables that a text names. */
function variablesIn(text: string): string[] {
  return text.match(/\bGOWIDE_[A-Z]+(?:_[A-Z]+)*\b/g) ?? [];
}

test('docs/installing.md lists the variables that the sources read, and no other', () => {
  const sources = ['src', 'cli', 'theory', 'experiments', 'reports'].flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .filter((path) => /\.m?ts$|\.mjs$/.test(path))
      .map((path) => join(ROOT, folder, path)),
  );
  const named = new Set(sources.flatMap((path) => variablesIn(readFileSync(path, 'utf8'))));
  const page = readFileSync(join(ROOT, 'docs', 'installing.md'), 'utf8');
  const [, section = ''] = /\n## Environment variables\n(.*?)\n## /s.exec(page) ?? [];
  const rows = section.split('\n').filter((line) => line.startsWith('| `'));
  const listed = rows.flatMap((line) => variablesIn(line.split('|')[1]!));
  expect(listed.length).toBe(new Set(listed).size);
  expect(listed.sort()).toEqual([...named].sort());
});
