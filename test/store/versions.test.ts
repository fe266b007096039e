/** Stores of other versions of the program: named, left as they are, and never mixed with this one's runs. */
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { emptyCells, EMPTY_KIND, EMPTY_RUNNER } from '../../cli/bench/empty.js';
import { environment } from '../../src/store/environment.js';
import { executeRun } from '../../src/store/execute.js';
import { seal } from '../../src/store/seal.js';
import { gowideHere } from '../support/program.js';

const newFolder = (): string => mkdtempSync(join(tmpdir(), 'gowide-versions-'));
const cells = emptyCells(2);

/** A store of two finished runs, rewritten as another version would have written it. */
async function storeOf(rewrite: (value: Record<string, unknown>) => object): Promise<string> {
  const out = newFolder();
  for (const cell of cells)
    await executeRun(cell, {
      out,
      environment: environment(null, 'test'),
      executors: { [EMPTY_KIND]: EMPTY_RUNNER.execute },
      signal: new AbortController().signal,
      progress: () => {},
    });
  for (const run of readdirSync(join(out, 'runs')))
    for (const name of ['spec.json', 'DONE']) {
      const path = join(out, 'runs', run, name);
      const value = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
      delete value.seal;
      writeFileSync(path, JSON.stringify(rewrite(value)));
    }
  return out;
}

const withFormat = (format: number, value: Record<string, unknown>): Record<string, unknown> =>
  'format' in value ? { ...value, format } : value;

const VERSIONS: readonly (readonly [string, () => Promise<string>])[] = [
  ['format 2', () => storeOf((value) => seal(withFormat(2, value)))],
  ['format 1, without seals', () => storeOf((value) => withFormat(1, value))],
];

describe.each(VERSIONS)('a store of %s', (_, make) => {
  let out = '';
  beforeAll(async () => {
    out = await make();
  });
  const NAMED = /written by another version \(format \d, this one reads \d\)/g;
  const all = (): string => readdirSync(join(out, 'runs')).join(' ');

  test.each([
    ['list', (): string[] => ['runs', 'list', '--out', out], 0],
    ['verify', (): string[] => ['runs', 'verify', '--out', out], 0],
    ['verify --repair', (): string[] => ['runs', 'verify', '--repair', '--out', out], 0],
    ['gc', (): string[] => ['runs', 'gc', '--out', out], 0],
    ['merge', (): string[] => ['runs', 'merge', out, '--out', newFolder()], 1],
    ['resume', (): string[] => ['runs', 'resume', '--out', out], 0],
    ['report', (): string[] => ['report', out, '--out', join(newFolder(), 'report.html')], 0],
  ])('%s names each run in one line and leaves it where it is', async (name, args, expected) => {
    const before = all();
    const { status, stdout, stderr } = await gowideHere(args());
    expect(status).toBe(expected);
    if (name !== 'gc') expect((stdout + stderr).match(NAMED)).toHaveLength(2);
    expect(stdout + stderr).not.toMatch(/damaged or was changed|\n\s+at /);
    expect(all()).toBe(before);
  });

  test('show and export say of a run that it is of another version', async () => {
    const [run] = readdirSync(join(out, 'runs'));
    for (const args of [
      ['runs', 'show', run!, '--out', out],
      ['runs', 'export', run!, '--out', out, '--output', join(newFolder(), 'x.safetensors')],
    ]) {
      const { status, stderr } = await gowideHere(args);
      expect(status).toBe(1);
      expect(stderr.match(NAMED)).toHaveLength(1);
    }
  });
});
