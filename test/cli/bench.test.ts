import { expect, test } from 'vitest';
import { gowide } from '../support/program.js';

test('bench particles --json: a row for each kernel, width and number of threads', () => {
  const { status, stdout } = gowide(['bench', 'particles', '--widths', '64,128', '--seconds', '0.05', '--json'], {
    GOWIDE_THREADS: '2',
  });
  const { rows } = JSON.parse(stdout) as {
    rows: {
      M: number;
      kernel: string;
      threads: number;
      pairsPerSecond: number;
      peakFraction: number | null;
      peer: null;
      ratio: null;
    }[];
  };
  expect(status).toBe(0);
  expect(rows.filter(({ kernel }) => kernel === 'wasm').map(({ M, threads }) => [M, threads])).toEqual([
    [64, 1],
    [128, 1],
    [64, 2],
    [128, 2],
  ]);
  for (const { pairsPerSecond, peakFraction, peer, ratio } of rows) {
    expect(pairsPerSecond).toBeGreaterThan(1e5);
    expect([peer, ratio]).toEqual([null, null]);
    if (peakFraction !== null) expect(peakFraction).toBeLessThan(1);
  }
});
