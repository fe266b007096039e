import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readSource } from '../../src/store/environment.js';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'gowide-source-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

test('an installed package says which commit it was packed from, and nothing where that cannot be read', () => {
  expect(readSource(root)).toEqual({ commit: null, dirty: null });
  writeFileSync(join(root, 'packed-from.json'), '{"commit": 1}');
  expect(readSource(root)).toEqual({ commit: null, dirty: null });
  writeFileSync(join(root, 'packed-from.json'), JSON.stringify({ commit: 'a1', dirty: false }));
  expect(readSource(root)).toEqual({ commit: 'a1', dirty: false });
});

test('a checkout says its own commit, whatever was packed from it', () => {
  writeFileSync(join(root, 'packed-from.json'), JSON.stringify({ commit: 'a1', dirty: false }));
  const git = (...args: string[]): string =>
    spawnSync('git', ['-C', root, '-c', 'user.name=a', '-c', 'user.email=a@b', ...args], {
      encoding: 'utf8',
      timeout: 60_000,
      killSignal: 'SIGKILL',
    }).stdout.trim();
  mkdirSync(join(root, 'sub'));
  git('init', '-q');
  writeFileSync(join(root, 'sub', 'a'), 'a');
  git('add', 'sub');
  git('commit', '-q', '-m', 'a');
  expect(readSource(root)).toEqual({ commit: git('rev-parse', 'HEAD'), dirty: false });
  writeFileSync(join(root, 'sub', 'a'), 'b');
  expect(readSource(root).dirty).toBe(true);
});
