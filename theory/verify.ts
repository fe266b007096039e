/**
 * Every pinned number of the theory, computed again from scratch. Exact ones are compared digit by digit; particle ones within three
 * standard errors, so that one of them fails by chance in 370 checks; seeds are fixed, so that a pass stays a pass.
 */
import { normals, rngKey } from '../src/core/rng.js';
import { fitLine, mean, standardDeviation } from '../src/core/stats.js';
import { rmsDistance } from './discrepancy.js';
import { chainProduct } from './exact/chain.js';
import { cltConstant, tanhSecondMoment } from './exact/clt.js';
import { sampledLayerVariance } from './exact/sampling.js';
import { directLimit, growthRate, saddleDiscrepancy, saddleVelocity, telescopedLimit, trainSaddle } from './instances/saddle.js';
import { layerForward, output } from './network.js';
import { chainBySolver, saddleVelocityBySymbols } from './exact/symbolic.js';
import { initialNet, thinNet } from './particles.js';

export interface Check {
  readonly id: string;
  readonly kind: 'exact' | 'particle' | 'rate' | 'bound';
  readonly expected: number;
  readonly measured: number;
  /** Largest allowed |measured - expected|. */
  readonly tolerance: number;
  readonly pass: boolean;
}

/** Pinned values and where they come from. */
export const PINNED = {
  // Chain L = 3, w(0) = (0.9, 1, 1.1), y = 2: high-order integration, 12 digits.
  'chain P(0.1)': 1.297766145849,
  'chain P(0.2)': 1.570644982406,
  'chain P(0.5)': 1.941448328802,
  'chain P(1)': 1.99863822147,
  // E tanh(u)^2, u ~ N(0, |x|^2 + 1/4), x ~ N(0, I_d): two-dimensional quadrature.
  'clt E tanh^2, d = 2': 0.473712753822,
  'clt E tanh^2, d = 4': 0.601572645817,
  'clt constant, d = 2, L = 1': 0.9733578518,
  'clt constant, d = 4, L = 1': 1.5512222869,
  // Saddle B, g = 1.3, kappa = 4, L = 6: closed form.
  'saddle B growth rate': 124.0726426641,
  'saddle B sqrt(m) D, T = 0': 9.0947839507,
  'saddle B sqrt(m) D, T = 0.01': 31.4508963518,
  // Saddle B1 at L = 8: L sqrt(2/pi).
  'saddle B1 telescoped, L = 8': 6.3830764864,
} as const;

type PinnedId = keyof typeof PINNED;

const EXACT_RELATIVE = 1e-9;
const B = { g: 1.3, kappa: 4, depth: 6 };

const EXACT: Record<PinnedId, () => number> = {
  'chain P(0.1)': () => chainProduct([0.9, 1, 1.1], 2, 0.1),
  'chain P(0.2)': () => chainProduct([0.9, 1, 1.1], 2, 0.2),
  'chain P(0.5)': () => chainProduct([0.9, 1, 1.1], 2, 0.5),
  'chain P(1)': () => chainProduct([0.9, 1, 1.1], 2, 1),
  'clt E tanh^2, d = 2': () => tanhSecondMoment(2),
  'clt E tanh^2, d = 4': () => tanhSecondMoment(4),
  'clt constant, d = 2, L = 1': () => cltConstant(2, 1),
  'clt constant, d = 4, L = 1': () => cltConstant(4, 1),
  'saddle B growth rate': () => growthRate(B),
  'saddle B sqrt(m) D, T = 0': () => directLimit(B, 0),
  'saddle B sqrt(m) D, T = 0.01': () => directLimit(B, 0.01),
  'saddle B1 telescoped, L = 8': () => telescopedLimit({ g: 1, kappa: 4, depth: 8 }),
};

function check(id: string, kind: Check['kind'], expected: number, measured: number, tolerance: number): Check {
  return { id, kind, expected, measured, tolerance, pass: Math.abs(measured - expected) <= tolerance };
}

/** Growth rate of the integrated flow of instance B, from a deviation so small that it stays linear. */
function integratedRate(): number {
  const start = Float64Array.from({ length: B.depth }, () => 1e-9);
  const times = [0.01, 0.015, 0.02, 0.025, 0.03];
  return fitLine(times, times.map((time) => Math.log(saddleDiscrepancy(B, trainSaddle(B, start, time, 400))))).slope; // prettier-ignore
}

const PARTICLES = { d: 4, m: 1024, points: 64, seeds: 40 };

/** sqrt(m) D at time zero of nets of `depth` layers, against the infinitely wide one, which is the identity (alpha = 1, rho = 0). */
function particleClt(depth: number): Check {
  const { d, m, points, seeds } = PARTICLES;
  const squares = Array.from({ length: seeds }, (_, seed) => {
    const x = normals(rngKey(seed, 'verify', 'x'), points * d);
    const net = initialNet(seed, { depth, m, d, alpha: 1, c: 1 }, { rho: 0 });
    return m * rmsDistance(output(net, x), x, d) ** 2;
  });
  const error = standardDeviation(squares) / Math.sqrt(seeds);
  return check(`clt particles, d = 4, L = ${depth}, m D^2`, 'particle', cltConstant(d, depth) ** 2, mean(squares), 3 * error);
}

/** Mean squared error of sampled layers against the exact finite-population formula. */
function finitePopulation(): Check {
  const { d, points } = PARTICLES;
  const [wide, m, draws] = [512, 64, 200];
  const net = initialNet(1, { depth: 1, m: wide, d, alpha: 0, c: 3 }, { rho: 0.9 });
  const x = normals(rngKey(1, 'verify', 'population'), points * d);
  const full = layerForward(net, net.layers[0]!, x);
  const squares = Array.from({ length: draws }, (_, draw) => rmsDistance(output(thinNet(net, m, 1, draw), x), full, d) ** 2);
  const error = standardDeviation(squares) / Math.sqrt(draws);
  return check('finite population, M = 512, m = 64', 'particle', sampledLayerVariance(net, net.layers[0]!, x, m), mean(squares), 3 * error);
}

/** The same quantities by mathjs: another integrator, and derivatives of the loss as symbols. */
function byMathjs(): Check[] {
  const chain = chainBySolver([0.9, 1, 1.1], 2, 0.5);
  const saddle = { g: 1.3, kappa: 4, depth: 3 };
  const theta = Float64Array.of(0.1, -0.2, 0.3);
  const own = saddleVelocity(saddle, theta);
  const symbols = saddleVelocityBySymbols(saddle, theta);
  return [
    check('chain P(0.5), against the ODE solver of mathjs', 'exact', chain, chainProduct([0.9, 1, 1.1], 2, 0.5), EXACT_RELATIVE * chain),
    ...symbols.map((expected, l) => check(`saddle velocity ${l + 1}, against its symbolic derivative`, 'exact', expected, own[l]!, EXACT_RELATIVE * Math.abs(expected))),
  ];
}

/** All checks; `pinned` can be replaced to see that a wrong constant is found. */
export function verifyAll(pinned: Readonly<Record<PinnedId, number>> = PINNED): Check[] {
  const exact = (Object.keys(EXACT) as PinnedId[]).map((id) => check(id, 'exact', pinned[id], EXACT[id](), EXACT_RELATIVE * Math.abs(pinned[id])));
  const rate = check('saddle B, rate of the integrated flow', 'rate', growthRate(B), integratedRate(), 0.01);
  return [...exact, ...byMathjs(), rate, ...[1, 2, 4].map(particleClt), finitePopulation()];
}
