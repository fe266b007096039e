/** The limit of a declaration: what it says, what it refuses, and that real thin nets come to it. */
import { expect, test } from 'vitest';
import { rms } from '../../../src/core/stats.js';
import { langevinStationary } from '../../../theory/exact/langevin.js';
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

const NOISE = { ...CONFIG.flow, kind: 'langevin', temperature: 0.3, decay: 0.5 };
const BALL = { steps: 10, dt: 0.3, kind: 'momentum', friction: 1, batch: 4 };
const SHAPE = { ...CONFIG.model, alpha: [1, 0.5], c: [-1, 2], inputs: 3, outputs: 4 };

test.each([
  ['direct, coupled', { m: 32 }],
  ['direct, fresh', { m: 32, coupling: 'fresh' }],
  ['imitation', { m: 32, ...IMITATION }],
  ['imitation on thin inputs, layers of two widths', { m: [32, 64], ...IMITATION, inputs: 'thin' }],
  ['Langevin dynamics', { m: 32 }, { flow: NOISE }],
  ['a heavy ball, on batches', { m: 32 }, { flow: BALL }],
  ['cross-entropy, read maps, alpha and c by layer', { m: 32 }, { model: SHAPE, loss: 'cross-entropy' }],
  [
    'imitation of Langevin dynamics, read maps, alpha and c by layer',
    { m: 32, ...IMITATION, inputs: 'thin' },
    { model: SHAPE, flow: NOISE },
  ],
])(
  '%s: thin nets of real particles are as far from the wide net as the limit says',
  async (_, thin, change: object = {}) => {
    const config = { ...CONFIG, ...change };
    const limit = await declaredLimit({ ...config, thin }, {}, OPTIONS);
    const fresh = 'coupling' in thin;
    // other particles for each draw, and one task and read maps: those of the declared seed
    const { arrays } = simulate({ ...config, flow: { steps: 0, dt: 1 } }, {});
    const data = Object.fromEntries(Object.entries(arrays).filter(([name]) => !/^layer|^output$/.test(name)));
    const D = Array.from({ length: 24 }, (_, draw) => {
      const { summary } = simulate({ ...config, seed: 100 + draw, thin }, data);
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
  },
);

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

test('own particles under noise are refused, and taken without', async () => {
  const { arrays } = simulate({ ...CONFIG, flow: { steps: 0, dt: 1 } });
  await expect(declaredLimit({ ...CONFIG, flow: NOISE }, arrays, OPTIONS)).rejects.toThrow(
    /^limit: particles of your own are taken as the law itself, which noise leaves/,
  );
  const still = { ...NOISE, temperature: 0, decay: 0 };
  const [flow, limit] = await Promise.all(
    [CONFIG.flow, still].map((one) => declaredLimit({ ...CONFIG, flow: one }, arrays, OPTIONS)),
  );
  expect(limit!.sqrtMD).toBeCloseTo(flow!.sqrtMD, 10);
});

test('a heavy ball whose friction takes all of its momentum is gradient descent at the rate dt^2', async () => {
  const [ball, flow] = await Promise.all(
    [
      { steps: 6, dt: 0.4, kind: 'momentum', friction: 2.5 },
      { steps: 6, dt: 0.16 },
    ].map((one) => declaredLimit({ ...CONFIG, flow: one }, {}, OPTIONS)),
  );
  expect(ball!.sqrtMD).toBeCloseTo(flow!.sqrtMD, 10);
});

test('Langevin dynamics come to rest at the closed fluctuation of the Gibbs law [e]', async () => {
  const setting = { alpha: 0.25, c: 1, target: 1.5, temperature: 0.2, decay: 1 };
  // E x = 0 and E x^2 = 1, exactly
  const x = { shape: [2, 1], values: Float64Array.of(1, -1) };
  const y = { shape: [2, 1], values: x.values.map((value) => setting.target * value) };
  const { temperature, decay, alpha, c } = setting;
  const config = {
    model: { depth: 1, d: 1, width: 256, alpha, c, activation: 'identity' },
    flow: { kind: 'langevin', steps: 50, dt: 0.1, temperature, decay },
  };
  const { sqrtMD } = await declaredLimit(config, { x, y, 'heldOut/x': x }, OPTIONS);
  // a half-width of 15 %, of which this takes 1.5 (three standard errors), and 10 % for the step
  expect(Math.abs(sqrtMD / langevinStationary(setting).sqrtMD - 1), `${sqrtMD}`).toBeLessThan(0.32);
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

test('a loss that rose is said: beside a limit that converged, and in the error of one that did not', async () => {
  const model = { depth: 3, d: 2, width: 256, alpha: 0, c: 3, law: { rho: 0.9 } };
  const config = { ...CONFIG, model, flow: { steps: 12, dt: 0.25 }, thin: { m: 32, ...IMITATION } };
  const { lossRises, warnings } = await declaredLimit(config, {}, { ...OPTIONS, target: 0.5 });
  expect(lossRises).toBeGreaterThan(0);
  expect(warnings).toEqual([
    `the loss of the wide nets rose on up to ${lossRises} of 12 steps, which a gradient flow never does; try a smaller dt than 0.25`,
  ]);
  await expect(
    declaredLimit(config, {}, { target: 1e-3, particles: { first: 128, most: 128 }, nets: 8 }),
  ).rejects.toThrow(/^limit: no convergence: .* above 0\.1 %; the loss rose on up to \d+ steps; a smaller dt, /);
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
