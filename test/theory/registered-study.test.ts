/** A study that one object registers, in a file of its own, is found by the command line and by its workers. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, expect, test } from 'vitest';

const DIST = resolve(import.meta.dirname, '../../dist');
const folder = mkdtempSync(join(tmpdir(), 'gowide-study-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const studies = JSON.stringify(pathToFileURL(join(DIST, 'theory/studies/index.js')).href);
const zod = JSON.stringify(pathToFileURL(resolve(DIST, '../node_modules/zod/index.js')).href);
const plugin = join(folder, 'halving.mjs');
writeFileSync(
  plugin,
  `import { registerStudy } from ${studies};
import { z } from ${zod};
const study = (name, row) => ({
  name,
  law: 'a half of a half is a quarter',
  rule: 'exactly: supported; otherwise: not supported',
  schema: z.strictObject({ study: z.literal(name), times: z.int().min(1) }),
  cost: ({ times }) => times * 1e-6,
  run: async ({ times }, seed) => Array.from({ length: times }, (_, i) => row(i, seed / 2 ** i)),
});
registerStudy(study('halving', (i, value) => ({ i, value })));
registerStudy(study('sowing', (i, seed) => ({ i, seed })));
`,
);
const config = join(folder, 'spec.json');
writeFileSync(config, JSON.stringify({ times: 3 }));

function gowide(...args: string[]): {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
} {
  return spawnSync(process.execPath, [join(DIST, 'cli/main.js'), 'theory', ...args], {
    encoding: 'utf8',
    timeout: 120_000,
    killSignal: 'SIGKILL',
    env: { ...process.env, NODE_OPTIONS: `--import ${pathToFileURL(plugin).href}` },
  });
}

test('theory list shows its law, its rule and that it has no sizes', () => {
  const { stdout } = gowide('list');
  expect(stdout).toContain('halving      a half of a half is a quarter');
  expect(stdout).toContain('scales: none; run it with --config');
});

test('theory run runs it with a spec, in a worker, and gives its rows', () => {
  const out = join(folder, 'out');
  const { status, stdout, stderr } = gowide(
    ...['run', 'halving', '--config', config, '--seed', '8', '--seeds', '1', '--out', out, '--json'],
  );
  expect({ status, stderr: stderr.includes('error') }).toEqual({ status: 0, stderr: false });
  const [record] = JSON.parse(stdout) as { study: string; rows: { i: number; value: number }[] }[];
  expect(record!.study).toBe('halving');
  expect(record!.rows.map(({ value }) => value)).toEqual([8, 4, 2]);
});

test('rows that have what a table has beside them are refused', () => {
  const { status, stderr } = gowide('run', 'sowing', '--config', config, '--seeds', '1', '--out', join(folder, 'sown'));
  expect(status).toBe(1);
  expect(stderr).toContain('the study "sowing": its rows have "seed", as kept tables call what a row is of');
});

test('without a spec it says what is missing, and a name that nearly fits is suggested', () => {
  expect(gowide('run', 'halving').stderr).toContain('study "halving" is declared at no scale; give it a spec');
  expect(gowide('run', 'halvin').stderr).toContain('Did you mean "halving"?');
});
