import { expect, test } from 'vitest';
import { probeEngine } from '../../src/engine/engines/probe.js';
import { gowide } from '../support/program.js';

test('an engine that does not answer in time is ended, and said to be so', async () => {
  const { available, reason } = await probeEngine('wasm', 0.001);
  expect([available, reason]).toEqual([false, expect.stringMatching(/did not start and compute within 0.001 s/)]);
});

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
