/** `gowide tune`. */
import { expect, test } from 'vitest';
import { depthSkip } from '../../experiments/depth-skip.js';
import { gowide, newFolder } from '../support/program.js';

test('tune runs what lies beyond an end, and says where the best still is at one', () => {
  const args = ['tune', 'resnet', '--experiment', 'depth-skip', '--arm', '^4 plain direct$', '--json'];
  const { status, stdout } = gowide([...args, '--out', newFolder()], { GOWIDE_ENGINE: 'wasm' });
  expect(status).toBe(0);
  const { measured, best } = JSON.parse(stdout) as {
    measured: { arm: string; rate: number; accuracies: number[]; mean: number }[];
    best: Record<string, number[]>;
  };
  const rates = measured.map(({ rate }) => rate);
  const declared = depthSkip.tuning!.rates;
  expect(rates.slice(0, declared.length)).toEqual(declared);
  const top = measured.reduce((a, b) => (b.mean > a.mean ? b : a));
  expect(best['4 plain direct']).toEqual([top.rate]);
  // inside, or widened until it was, or three times
  const sorted = [...rates].sort((a, b) => a - b);
  expect(rates.length === declared.length + 3 || (top.rate > sorted[0]! && top.rate < sorted.at(-1)!)).toBe(true);
  for (const { accuracies } of measured) expect(accuracies).toHaveLength(2);
});
