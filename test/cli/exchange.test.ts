import { expect, test } from 'vitest';
import { assumedLink, exchangesOf, measureLink, sentBytes } from '../../cli/plan/exchange.js';
import { planOf } from '../../cli/plan/plan.js';
import { resnetDigits } from '../../experiments/resnet.js';
import { armSpecs } from '../../src/core/experiment.js';
import type { TrainSpec } from '../../src/method/spec/spec.js';
import { parameterCount } from '../../src/models/index.js';
import { gowideHere } from '../support/program.js';

test('each worker sends its share of the values to all others, and the sum of its part', () => {
  expect(sentBytes(1000, 2)).toBe(4000);
  expect(sentBytes(1000, 4)).toBe(6000);
});

test('a step by several workers: its share of the arithmetic, and the exchange', () => {
  const measured = { flopsPerSecond: 1e9, bytesPerExample: 1e6, slowness: 2 };
  const plan = planOf([resnetDigits], 'minutes', new Map([['resnet-digits', measured]]));
  const [wide, thin] = exchangesOf(plan, 4, { bytesPerSecond: 1e6, latency: 0.001 });
  expect([wide!.arm, thin!.arm]).toEqual(['wide', 'thin']);
  const { network } = armSpecs(resnetDigits, 'minutes').wide as unknown as TrainSpec;
  expect(wide!.bytes).toBe(6 * parameterCount(network));
  expect(wide!.exchangeSeconds).toBeCloseTo(0.001 + wide!.bytes / 1e6, 12);
  expect(wide!.togetherSeconds).toBeCloseTo(wide!.aloneSeconds / 4 + wide!.exchangeSeconds, 12);
  expect(exchangesOf(plan, 1e6, assumedLink(1e9)).map(({ togetherSeconds }) => togetherSeconds)).toEqual([null, null]);
  expect(assumedLink(2e9).bytesPerSecond).toBe(2e9);
});

test('the link within this machine is measured', async () => {
  const { bytesPerSecond, latency } = await measureLink();
  expect(bytesPerSecond).toBeGreaterThan(1e6);
  expect(latency).toBeGreaterThan(0);
});

test('gowide plan --workers says what the exchange costs', async () => {
  const args = ['plan', '--scale', 'paper', '--tflops', '60', '--workers', '8', '--bandwidth', '10'];
  const { status, stdout } = await gowideHere(args);
  expect(status).toBe(0);
  expect(stdout).toMatch(/One run by 8 workers .*10\.0 GB\/s each way/);
  expect(stdout).toMatch(/bert-glosses +wide/);
  const { workers, exchanges } = JSON.parse((await gowideHere([...args, '--json'])).stdout) as {
    workers: number;
    exchanges: { parameters: number; bytes: number }[];
  };
  expect(workers).toBe(8);
  for (const { parameters, bytes } of exchanges) expect(bytes).toBe(7 * parameters);
});
