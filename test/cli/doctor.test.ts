import { expect, test } from 'vitest';
import { gowide } from '../support/program.js';

test('doctor --json names every engine with rates, or with the reason why not', () => {
  const { stdout } = gowide(['doctor', '--json']);
  const report = JSON.parse(stdout) as {
    node: string;
    engines: { name: string; available: boolean; reason: string | null; gflops: Record<string, number> | null }[];
  };
  expect(report.node).toBe(process.version);
  expect(report.engines.map(({ name }) => name)).toEqual(['tensorflow', 'webgpu', 'wasm']);
  for (const { available, reason, gflops } of report.engines) {
    if (available) for (const rate of ['matmul', 'conv2d', 'conv2dGrad']) expect(gflops![rate]).toBeGreaterThan(0);
    else expect(reason!.length).toBeGreaterThan(10);
  }
});
