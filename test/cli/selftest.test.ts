/** The selftest in its shorter form; the whole one is `gowide selftest --faults`. */
import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { CHECKS, type Result } from '../../cli/selftest/selftest.js';

const PROGRAM = resolve(import.meta.dirname, '../../dist/cli/main.js');
/** Percent of the kills, damages, inputs and steps. */
const SHARES: Readonly<Record<string, number>> = { fuzz: 5, 'long-run': 60, 'queue-kill': 20, 'redis-kill': 20 };

test.each(CHECKS.map(({ id, what }) => [id, what]))('%s: %s', (id) => {
  const { stdout, stderr } = spawnSync(
    process.execPath,
    [PROGRAM, 'selftest', '--faults', '--checks', id, '--percent', String(SHARES[id] ?? 3), '--json'],
    { encoding: 'utf8' },
  );
  const [result] = (JSON.parse(stdout) as { results: Result[] }).results;
  if (result!.pass === undefined) process.stderr.write(`${id}: ${result!.figure}\n`);
  expect(result!.pass, `${result!.figure} ${stderr}`).not.toBe(false);
});
