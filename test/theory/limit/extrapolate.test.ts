/** The limit against what is known in closed form, and against its own certificate. */
import { expect, test } from 'vitest';
import { normals, rngKey } from '../../../src/core/rng.js';
import { cltConstant } from '../../../theory/exact/clt.js';
import { linearNetLimit } from '../../../theory/exact/linear-net.js';
import { gaussianWeights, limitsOf, NoLimit, type LimitSettings } from '../../../theory/limit/extrapolate.js';
import { initialNet, type Net } from '../../../theory/model/particles.js';
import { sineTask } from '../../../theory/model/task.js';

const SPENT = { target: 0.1, particles: { first: 128, most: 1024 }, nets: 64 };

/** Nets of the law, as the limit draws them. */
function drawn(seed: number, shape: Omit<Net, 'layers'> & { depth: number }, rho: number): LimitSettings['draw'] {
  return (m, draw) => initialNet(seed, { ...shape, m }, { rho }, ['limit', m, draw]);
}

/** Within 1.5 half-widths of the 95 % interval: with a fixed seed, a pass stays a pass. */
const ALLOWED = 1.5;

test('at time zero the limit is the central limit theorem’s, at depths 1 and 4', async () => {
  for (const depth of [1, 4]) {
    const shape = { depth, d: 4, alpha: 1, c: 1, activation: 'tanh' } as const;
    const [found] = await limitsOf({
      ...SPENT,
      seed: 1,
      draw: drawn(1, shape, 0),
      // many points, as the closed form is a mean over all of them
      course: {
        ...{ train: sineTask(1, 4, 4, 1).train },
        points: normals(rngKey(1, 'points'), 4000),
        flow: { steps: 0, dt: 1 },
      },
    });
    expect(found!.error / found!.sqrtMD).toBeLessThan(SPENT.target);
    expect(Math.abs(found!.sqrtMD - cltConstant({ d: 4, depth })) / found!.error).toBeLessThan(ALLOWED);
  }
});

test('linear nets: trained, with a whole skip and with half of one, the limit is that of their second moments', async () => {
  const { train, heldOut } = sineTask(2, 2, 8, 16);
  for (const { alpha, rho } of [
    { alpha: 1, rho: 0 },
    { alpha: 0.5, rho: 0.5 },
  ]) {
    const shape = { depth: 2, d: 2, alpha, c: 1, activation: 'identity' } as const;
    const flow = { steps: 10, dt: 0.1 };
    const course = { train, points: heldOut.x, flow };
    const [found] = await limitsOf({ ...SPENT, target: 0.15, seed: 2, draw: drawn(2, shape, rho), course });
    const expected = linearNetLimit({ ...shape, law: { rho }, train, points: heldOut.x, ...flow });
    expect(Math.abs(found!.sqrtMD - expected) / found!.error, `${alpha}: ${found!.sqrtMD} ${expected}`).toBeLessThan(
      ALLOWED,
    );
  }
});

test('to T = 50: a linear net’s limit is that of its second moments, and the loss never rises', async () => {
  const { train, heldOut } = sineTask(2, 2, 32, 16);
  const shape = { depth: 1, d: 2, alpha: 1, c: 0.1, activation: 'identity' } as const;
  const flow = { steps: 100, dt: 0.5 };
  const course = { train, points: heldOut.x, flow };
  const [found] = await limitsOf({ ...SPENT, target: 0.3, seed: 2, draw: drawn(2, shape, 0), course });
  const expected = linearNetLimit({ ...shape, law: { rho: 0 }, train, points: heldOut.x, ...flow });
  expect(Math.abs(found!.sqrtMD - expected) / found!.error, `${found!.sqrtMD} ${expected}`).toBeLessThan(ALLOWED);
  expect(found!.lossRises).toBe(0);
});

test('the closed form of linear nets is the central limit theorem’s at time zero', () => {
  // the mean of |x|^2 over 1,000 points is within 10 % of its own
  const points = normals(rngKey(3, 'points'), 1000 * 2);
  const empty = { n: 1, x: Float64Array.of(0, 0), y: Float64Array.of(0, 0) };
  const setting = { depth: 3, d: 2, alpha: 1, c: 1, law: { rho: 0 }, train: empty, points, steps: 0, dt: 1 };
  const expected = cltConstant({ d: 2, depth: 3, activation: 'identity' });
  expect(Math.abs(linearNetLimit(setting) / expected - 1)).toBeLessThan(0.1);
});

test('layers of other widths count by their own: half the particles in all layers is a factor of sqrt 2', async () => {
  const shape = { depth: 2, d: 2, alpha: 1, c: 1, activation: 'tanh' } as const;
  const course = {
    train: sineTask(1, 2, 8, 1).train,
    points: normals(rngKey(1, 'p'), 64),
    flow: { steps: 4, dt: 0.1 },
  };
  const settings = { ...SPENT, target: 0.2, seed: 1, draw: drawn(1, shape, 0), course };
  const [one] = await limitsOf(settings);
  const [two] = await limitsOf({ ...settings, shares: [2, 2] });
  expect(two!.sqrtMD / one!.sqrtMD).toBeCloseTo(Math.SQRT2, 10);
});

test('what does not converge gives no figure, and says how far it came', async () => {
  const shape = { depth: 2, d: 2, alpha: 1, c: 1, activation: 'tanh' } as const;
  const course = {
    train: sineTask(1, 2, 8, 1).train,
    points: normals(rngKey(1, 'p'), 64),
    flow: { steps: 2, dt: 0.1 },
  };
  const settings = { seed: 1, draw: drawn(1, shape, 0), course, particles: { first: 8, most: 16 }, nets: 8 };
  await expect(limitsOf({ ...settings, target: 0.001 })).rejects.toThrow(
    /^limit: no convergence: with 8 nets of 16 particles the error is still \d+ %, above 0\.1 %; .*more particles than 16, /,
  );
  // nets of the most particles that may be drawn: what is in the way are their number
  await expect(limitsOf({ ...settings, particles: { first: 16, most: 16 }, target: 0.01 })).rejects.toThrow(
    /more nets than 8 \(about \d+ by their scatter\), more particles than 16, a shorter time or a larger target may help$/,
  );
});

test('of several probes those that converged are kept with the error', async () => {
  const shape = { depth: 1, d: 2, alpha: 1, c: 1, activation: 'tanh' } as const;
  const { train } = sineTask(1, 2, 8, 1);
  const course = { train, points: normals(rngKey(1, 'p'), 64), flow: { steps: 6, dt: 0.1 }, probes: [0, 6] };
  const settings = { seed: 1, draw: drawn(1, shape, 0), course, particles: { first: 64, most: 64 }, nets: 8 };
  const both = await limitsOf({ ...settings, target: 100 });
  const errors = both.map(({ sqrtMD, error }) => error / sqrtMD);
  const failure = await limitsOf({ ...settings, target: (errors[0]! + errors[1]!) / 2 }).catch(
    (error: unknown) => error,
  );
  expect(failure).toBeInstanceOf(NoLimit);
  expect((failure as NoLimit).converged).toEqual(errors[0]! < errors[1]! ? [both[0], undefined] : [undefined, both[1]]);
});

test('weights are centred, and have the variance of draws from a law', () => {
  const g = gaussianWeights(5000, 2, rngKey(1, 'g'));
  expect(Math.abs(g.reduce((sum, value) => sum + value, 0))).toBeLessThan(1e-7);
  // five standard errors of a chi-square of 4,999 degrees of freedom
  expect(Math.abs(g.reduce((sum, value) => sum + value * value, 0) / 5000 / 10_000 - 1)).toBeLessThan(0.1);
  expect([...gaussianWeights(1, 1, rngKey(1, 'g'))]).toEqual([0]);
});
