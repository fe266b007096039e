/** Runs on disk: made once, listed, shown, and taken by the report. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SpawnSyncReturns } from 'node:child_process';
import { expect, test } from 'vitest';
import { gowide, newFolder } from '../support/program.js';

const out = newFolder();
const run = (): SpawnSyncReturns<string> =>
  gowide(['theory', 'run', 'tanh-saddle', '--seeds', '3', '--seed', '5', '--out', out, '--json']);

test('gives rows with seeds, does not do again what is done, and the report takes them', () => {
  const first = run();
  expect([first.status, first.stderr.includes('rror')]).toEqual([0, false]);
  const records = JSON.parse(first.stdout) as { seed: number; rows: object[] }[];
  expect(records.map(({ seed }) => seed)).toEqual([5, 6, 7]);
  expect(records.every(({ rows }) => rows.length === 4)).toBe(true);
  const done = readdirSync(join(out, 'runs')).map((name) => readFileSync(join(out, 'runs', name, 'DONE'), 'utf8'));
  const again = run();
  expect(again.stdout).toBe(first.stdout);
  expect(readdirSync(join(out, 'runs')).map((name) => readFileSync(join(out, 'runs', name, 'DONE'), 'utf8'))).toEqual(
    done,
  );
  const report = gowide(['report', out, '--json']);
  const { verdicts } = JSON.parse(report.stdout) as { verdicts: { id: string; outcome: string }[] };
  expect(verdicts.find(({ id }) => id === 'tanh-saddle-growth')!.outcome).toMatch(/supported|inconclusive/);
  expect(existsSync(join(out, 'report.html'))).toBe(false); // nothing is written where it reads
});

test('runs list and show', () => {
  const { runs } = JSON.parse(gowide(['runs', 'list', '--out', out, '--json']).stdout) as {
    runs: { run: string; status: string }[];
  };
  expect(runs.map(({ status }) => status)).toEqual(['finished', 'finished', 'finished']);
  expect(gowide(['runs', 'show', runs[0]!.run.slice(0, 8), '--out', out]).stdout).toContain('"study": "tanh-saddle"');
  expect(gowide(['runs', 'show', runs[0]!.run, '--metrics', '--out', out]).stdout.trim().split('\n')).toHaveLength(4);
  const { stdout: listed } = gowide(['runs', 'show', runs[0]!.run, '--metrics', '--json', '--out', out]);
  expect(JSON.parse(listed)).toHaveLength(4);
  expect(gowide(['runs', 'show', 'zz', '--out', out]).stderr).toMatch(/no run "zz"/);
});
