import { expect, test } from 'vitest';
import { gowide } from '../support/program.js';

test('verify --json: every check with what was expected and measured', () => {
  const { status, stdout } = gowide(['verify', '--json']);
  const { checks } = JSON.parse(stdout) as {
    checks: { id: string; kind: string; expected: number; measured: number; tolerance: number; pass: boolean }[];
  };
  expect(status).toBe(0);
  expect(checks.length).toBeGreaterThan(15);
  expect(new Set(checks.map(({ kind }) => kind))).toEqual(new Set(['exact', 'rate', 'particle', 'bound']));
  for (const { kind, expected, measured, tolerance, pass } of checks)
    expect(pass).toBe(kind === 'bound' ? measured <= expected + tolerance : Math.abs(expected - measured) <= tolerance);
});
