/** The limit of a declaration: what it says, what it refuses, and that real thin nets come to it. */
import { expect, test } from 'vitest';
import { rms } from '../../../src/core/stats.js';
import { declaredLimit, firstParticles } from '../../../theory/limit/declared.js';
import { parseSimulation } from '../../../theory/simulate/declaration.js';
import { simulate } from '../../../theory/simulate/simulate.js';

const CONFIG = {
  seed: 3,
  model: { depth: 2, d: 2, width: 256 },
  data: { train: 16, heldOut: 32 },
  flow: { steps: 10, dt: 0.1 },
};
const IMITATION = { training: 'imitation', imitation: { steps: 6, dt: 0.1 } };
const OPTIONS = { target: 0.15, particles: { first: 128, most: 512 }, nets: 32 };

test.each([
  ['direct, coupled', { m: 32 }],
  ['direct, fresh', { m: 32, coupling: 'fresh' }],
  ['imitation', { m: 32, ...IMITATION }],
  ['imitation on thin inputs, layers of two widths', { m: [32, 64], ...IMITATION, inputs: 'thin' }],
])('%s: thin nets of real particles are as far from the wide net as the limit says', async (_, thin) => {
  const limit = await declaredLimit({ ...CONFIG, thin }, {}, OPTIONS);
  const fresh = 'coupling' in thin;
  const D = Array.from({ length: 24 }, (_, draw) => {
    // other particles for each draw, and one task: that of the declared seed
    const task = simulate({ ...CONFIG, flow: { steps: 0, dt: 1 } }, {}).arrays;
    const data = { x: task.x!, y: task.y!, 'heldOut/x': task['heldOut/x']!, 'heldOut/y': task['heldOut/y']! };
    const { summary } = simulate({ ...CONFIG, seed: 100 + draw, thin }, data);
    return (summary.thin as { discrepancy: number }).discrepancy;
  });
  const M = CONFIG.model.width;
  const [first, second] = [thin.m].flat();
  // layers of two widths have two ratios m/M, of which the first weighs more
  const ratio = (first! / M + (second ?? first!) / M) / 2;
  const predicted = limit.discrepancy ?? limit.sqrtMD * Math.sqrt((1 - ratio) / first!);
  expect(limit.coupling).toBe(fresh ? 'fresh' : 'coupled');
  expect(limit.m).toBe(32);
  // three times the scatter of 24 draws of a mean square (20 % of its root), with the limit's error
  expect(Math.abs(rms(D) / predicted - 1), `${rms(D)} and ${predicted}`).toBeLessThan(0.45);
});

test('the certificate has its parts, and without a thin net one of direct training is meant', async () => {
  const { warnings, ...limit } = await declaredLimit({ ...CONFIG, halving: true }, {}, OPTIONS);
  expect(limit).toMatchObject({ training: 'direct', coupling: 'coupled', m: undefined, lossRises: 0 });
  expect(limit.error / limit.sqrtMD).toBeLessThan(OPTIONS.target);
  expect(limit.nets).toBeGreaterThanOrEqual(8);
  expect(limit.particles).toBeGreaterThanOrEqual(128);
  expect(warnings).toEqual([expect.stringContaining('"halving" has no effect')]);
});

test('own particles are the law: nothing is extrapolated, and their number is what was used', async () => {
  const { arrays } = simulate({ ...CONFIG, flow: { steps: 0, dt: 1 } });
  const { error, ...limit } = await declaredLimit({ ...CONFIG, thin: { m: 32 } }, arrays, OPTIONS);
  expect(limit).toMatchObject({ extrapolated: 0, particles: 256 });
  expect(error).toBeGreaterThan(0);
});

test('the first nets have more particles for every layer without a skip, within the most that are allowed', () => {
  const first = (change: object, most = 8192, rest: object = {}): number =>
    firstParticles(parseSimulation({ ...CONFIG, ...rest, model: { ...CONFIG.model, ...change } }), most);
  expect([1, 2, 3, 4, 5, 6].map((depth) => first({ depth, alpha: 0 }))).toEqual([512, 1024, 2048, 4096, 8192, 8192]);
  expect([1, 4, 30].map((depth) => first({ depth }))).toEqual([256, 256, 256]);
  expect(first({ depth: 4, alpha: 0.5 })).toBe(1024);
  expect(first({ depth: 4, alpha: -1 })).toBe(256);
  // a number of particles that has halves
  expect(first({ depth: 30, alpha: 0 }, 3001)).toBe(2048);
  // nothing is trained directly
  expect(first({ depth: 4, alpha: 0 }, 8192, { thin: { m: 32, ...IMITATION } })).toBe(256);
  expect(first({ depth: 4, alpha: 0 }, 8192, { flow: { steps: 0, dt: 1 } })).toBe(256);
});

test('c = 0: thin nets are the wide one, and the limit is 0 with no error', async () => {
  const model = { ...CONFIG.model, c: 0 };
  expect(await declaredLimit({ ...CONFIG, model }, {}, OPTIONS)).toMatchObject({ sqrtMD: 0, error: 0 });
});

test.each([
  [{ thin: { m: 32, ...IMITATION, from: 'initial' } }, /^limit: imitation from initial particles stops/],
  [{ thin: { m: 32, ...IMITATION, coupling: 'fresh' } }, /^limit: imitation from initial particles stops/],
  [
    { thin: { m: 32, ...IMITATION, training: 'three-stages', tuning: { steps: 2, dt: 0.1 } } },
    /^limit: "thin.training" is "three-stages"/,
  ],
  [{ model: { ...CONFIG.model, activation: 'relu' } }, /^limit: "model.activation" is "relu"/],
  [{ thin: { m: 300 } }, /^config: "thin.m": layer 1 has M = 256/],
  [{ flow: { steps: 4, dt: 0.1, batch: 17 } }, /^config: "flow.batch": expected at most the 16 samples, got 17/],
  [{ flow: { steps: 50, dt: 500 } }, /^limit: the wide net exploded at step \d+/],
  [{ depth: 3 }, /^invalid config: unknown key "depth"/],
])('%j is refused in one line', async (change, message) => {
  await expect(declaredLimit({ ...CONFIG, ...change }, {}, OPTIONS)).rejects.toThrow(message);
});
