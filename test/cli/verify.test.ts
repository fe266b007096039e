import { expect, test } from 'vitest';
import { gowide } from '../support/program.js';

test('verify --json: every check is met, with what was expected and measured; the first group is said as it begins', () => {
  const { status, stdout, stderr } = gowide(['verify', '--json']);
  const { checks } = JSON.parse(stdout) as {
    checks: { id: string; kind: string; expected: number; measured: number; tolerance: number; pass: boolean }[];
  };
  expect(status).toBe(0);
  expect(checks.filter(({ pass }) => !pass)).toEqual([]);
  expect(checks.length).toBeGreaterThan(15);
  expect(new Set(checks.map(({ id }) => id)).size).toBe(checks.length);
  expect(stderr).toContain('pinned numbers');
  expect(new Set(checks.map(({ kind }) => kind))).toEqual(new Set(['exact', 'rate', 'particle', 'bound']));
  for (const { kind, expected, measured, tolerance, pass } of checks)
    expect(pass).toBe(kind === 'bound' ? measured <= expected + tolerance : Math.abs(expected - measured) <= tolerance);
});
