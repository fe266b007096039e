/**
 * Every pinned number of the theory, computed again from scratch. Kinds: `exact` to 1e-8 relative or better; `particle`
 * within three standard errors of the simulation that is compared (a normal deviate passes them once in 370); `rate`, a
 * fitted order or growth within a stated band; `bound`, the largest measured share of a bound, at most 1. Seeds are
 * fixed, so that a pass stays a pass.
 */
import { namesOf } from '../../src/core/registry.js';
import { normals, rngKey } from '../../src/core/rng.js';
import { fitLine, mean, standardDeviation } from '../../src/core/stats.js';
import {
  closedForm,
  lipschitzBound,
  posteriorCap,
  runningGronwall,
  telescopedBound,
  uniformConstants,
  wideTailBound,
} from '../bounds/index.js';
import { discrepancy, rmsDistance } from '../network/discrepancy.js';
import { chainDiscrepancy, chainProduct, chainWeights } from '../exact/chain.js';
import { cltConstant, secondMoment } from '../exact/clt.js';
import { arcsineKernel } from '../exact/kernels.js';
import { radialSgd, solveRadial, type Radial } from '../exact/radial.js';
import { committeeSgd, generalizationError, solveCommittee } from '../exact/saad-solla.js';
import { sampledLayerVariance } from '../exact/sampling.js';
import {
  arcsineByQuadrature,
  chainBySolver,
  committeeBySolver,
  saddleVelocityBySymbols,
  tanhVelocityBySymbols,
} from './symbolic.js';
import { processKernel, tangentKernel } from '../exact/tangent.js';
import { lossOf, trainDirect } from '../flow/direct.js';
import { INTEGRATORS } from '../flow/integrators.js';
import { imitate } from '../flow/imitation.js';
import { chainByMeans, chainByParticles } from '../instances/chain.js';
import {
  directLimit,
  growthRate,
  layerMeans,
  saddleDiscrepancy,
  saddleTelescope,
  saddleVelocity,
  telescopedLimit,
  trainSaddle,
} from '../instances/saddle.js';
import { layerForward, output, velocity } from '../network/network.js';
import { copyNet, initialNet, pickNet, thinIndices, thinNet } from '../model/particles.js';
import { sineTask } from '../model/task.js';

export interface Check {
  readonly id: string;
  readonly kind: 'exact' | 'particle' | 'rate' | 'bound';
  readonly expected: number;
  readonly measured: number;
  /** Largest allowed |measured - expected|; of a bound: measured <= expected. */
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
  'chain w_1(1)': 1.182534922136,
  'chain w_2(1)': 1.260312993693,
  'chain w_3(1)': 1.341040208969,
  // |grad P(T)| by the initial weights: the limit of sqrt(m) D.
  'chain sqrt(m) D, T = 0': 1.732079675,
  'chain sqrt(m) D, T = 0.1': 1.7213842426,
  'chain sqrt(m) D, T = 0.2': 1.3556359191,
  'chain sqrt(m) D, T = 0.5': 0.24558114,
  'chain sqrt(m) D, T = 1': 0.00598447374459,
  // Soft committee machine K = M = 2, T = I, eta = 0.5 (Saad & Solla 1995, with the eta^2 terms).
  'committee eps_g(0)': 0.347137680647,
  'committee eps_g(5)': 0.025298525437,
  'committee eps_g(10)': 0.015391279175,
  'committee eps_g(20)': 0.014690689608,
  // Radial mean field, tau = (1.4, 0.6), y = +-1, scale 6, r(0) ~ Gamma(4, 1/4).
  'radial risk(0)': 1.595770294,
  'radial risk(0.5)': 0.430948776907,
  'radial risk(2)': 0.368412074845,
  'radial mean r(2)': 0.321838526,
  // E act(u)^2, u ~ N(0, |x|^2 + 1/4), x ~ N(0, I_d): two-dimensional quadrature; for erf the arcsine.
  'clt E tanh^2, d = 2': 0.473712753822,
  'clt E tanh^2, d = 4': 0.601572645817,
  'clt E erf^2, d = 2': 0.420586257271,
  'clt E erf^2, d = 4': 0.5550924772,
  'clt constant, d = 2, L = 1': 0.9733578518,
  'clt constant, d = 4, L = 1': 1.5512222869,
  // (2/pi) asin(0.5 / 2) and (2/pi) asin(1/3).
  'arcsine kernel, C = (1, 0.5, 1)': 0.16086124651,
  'arcsine kernel, C = (0.5, 0.5, 0.5)': 0.216346895939,
  // Saddle B, g = 1.3, kappa = 4, L = 6: closed form.
  'saddle B growth rate': 124.0726426641,
  'saddle B sqrt(m) D, T = 0': 9.0947839507,
  'saddle B sqrt(m) D, T = 0.01': 31.4508963518,
  // Saddle B1 at L = 8: L sqrt(2/pi).
  'saddle B1 telescoped, L = 8': 6.3830764864,
} as const;

type PinnedId = keyof typeof PINNED;
export type Pinned = Readonly<Record<PinnedId, number>>;

const EXACT_RELATIVE = 1e-9;
const CHAIN = [0.9, 1, 1.1];
const B = { g: 1.3, kappa: 4, depth: 6 };
const COMMITTEE = {
  Q: [
    [0.25, 0],
    [0, 0.16],
  ],
  R: [
    [0.1, 0.02],
    [0.03, 0.08],
  ],
  T: [
    [1, 0],
    [0, 1],
  ],
};
const RADIAL: Radial = { taus: [1.4, 0.6], targets: [1, -1], scale: 6, shape: 4, rate: 4 };

const committee = (alpha: number): number => generalizationError(solveCommittee(COMMITTEE, 0.5, alpha));

const EXACT: Record<PinnedId, () => number> = {
  'chain P(0.1)': () => chainProduct(CHAIN, 2, 0.1),
  'chain P(0.2)': () => chainProduct(CHAIN, 2, 0.2),
  'chain P(0.5)': () => chainProduct(CHAIN, 2, 0.5),
  'chain P(1)': () => chainProduct(CHAIN, 2, 1),
  'chain w_1(1)': () => chainWeights(CHAIN, 2, 1)[0]!,
  'chain w_2(1)': () => chainWeights(CHAIN, 2, 1)[1]!,
  'chain w_3(1)': () => chainWeights(CHAIN, 2, 1)[2]!,
  'chain sqrt(m) D, T = 0': () => chainDiscrepancy(CHAIN, 2, 0),
  'chain sqrt(m) D, T = 0.1': () => chainDiscrepancy(CHAIN, 2, 0.1),
  'chain sqrt(m) D, T = 0.2': () => chainDiscrepancy(CHAIN, 2, 0.2),
  'chain sqrt(m) D, T = 0.5': () => chainDiscrepancy(CHAIN, 2, 0.5),
  'chain sqrt(m) D, T = 1': () => chainDiscrepancy(CHAIN, 2, 1),
  'committee eps_g(0)': () => generalizationError(COMMITTEE),
  'committee eps_g(5)': () => committee(5),
  'committee eps_g(10)': () => committee(10),
  'committee eps_g(20)': () => committee(20),
  'radial risk(0)': () => solveRadial(RADIAL, 0).risk,
  'radial risk(0.5)': () => solveRadial(RADIAL, 0.5).risk,
  'radial risk(2)': () => solveRadial(RADIAL, 2).risk,
  'radial mean r(2)': () => solveRadial(RADIAL, 2).meanNorm,
  'clt E tanh^2, d = 2': () => secondMoment({ d: 2, depth: 1 }),
  'clt E tanh^2, d = 4': () => secondMoment({ d: 4, depth: 1 }),
  'clt E erf^2, d = 2': () => secondMoment({ d: 2, depth: 1, activation: 'erf' }),
  'clt E erf^2, d = 4': () => secondMoment({ d: 4, depth: 1, activation: 'erf' }),
  'clt constant, d = 2, L = 1': () => cltConstant({ d: 2, depth: 1 }),
  'clt constant, d = 4, L = 1': () => cltConstant({ d: 4, depth: 1 }),
  'arcsine kernel, C = (1, 0.5, 1)': () => arcsineKernel({ uu: 1, uv: 0.5, vv: 1 }),
  'arcsine kernel, C = (0.5, 0.5, 0.5)': () => arcsineKernel({ uu: 0.5, uv: 0.5, vv: 0.5 }),
  'saddle B growth rate': () => growthRate(B),
  'saddle B sqrt(m) D, T = 0': () => directLimit(B, 0),
  'saddle B sqrt(m) D, T = 0.01': () => directLimit(B, 0.01),
  'saddle B1 telescoped, L = 8': () => telescopedLimit({ g: 1, kappa: 4, depth: 8 }),
};

function check(id: string, kind: Check['kind'], expected: number, measured: number, tolerance: number): Check {
  return { id, kind, expected, measured, tolerance, pass: Math.abs(measured - expected) <= tolerance };
}

/** Mean of independent draws against its expected value: three standard errors. */
function particle(id: string, expected: number, draws: readonly number[]): Check {
  return check(id, 'particle', expected, mean(draws), (3 * standardDeviation(draws)) / Math.sqrt(draws.length));
}

const repeat = (n: number, draw: (i: number) => number): number[] => Array.from({ length: n }, (_, i) => draw(i));

/** The same quantities by mathjs: another integrator, derivatives as symbols, another quadrature. */
function byMathjs(): Check[] {
  const chain = chainBySolver(CHAIN, 2, 0.5);
  const saddle = { g: 1.3, kappa: 4, depth: 3 };
  const theta = Float64Array.of(0.1, -0.2, 0.3);
  const own = saddleVelocity(saddle, theta);
  const bySolver = committeeBySolver(COMMITTEE, 0.5, 2);
  const exact = (id: string, expected: number, measured: number): Check =>
    check(id, 'exact', expected, measured, 1e-8 * Math.abs(expected));
  const net = initialNet(4, { depth: 1, m: 1, d: 1, alpha: 0, c: 1 }, { rho: 0 });
  const { a, b, bias } = net.layers[0]!;
  const step = velocity(net, { n: 1, x: Float64Array.of(0.7), y: Float64Array.of(0.2) });
  const symbols = tanhVelocityBySymbols({ a: a[0]!, b: b[0]!, bias: bias[0]!, x: 0.7, y: 0.2 });
  return [
    exact('chain P(0.5), against the ODE solver of mathjs', chain, chainProduct(CHAIN, 2, 0.5)),
    exact('committee eps_g(2), against the ODE solver of mathjs', generalizationError(bySolver), committee(2)),
    ...saddleVelocityBySymbols(saddle, theta).map((expected, l) =>
      exact(`saddle velocity ${l + 1}, against its symbolic derivative`, expected, own[l]!),
    ),
    ...(['a', 'b', 'bias'] as const).map((name) =>
      exact(`kernel's velocity of ${name}, against its symbolic derivative`, symbols[name], step.layers[0]![name][0]!),
    ),
  ];
}

/** sqrt(m) D at time zero, L layers, from particles: one figure for each draw, rms over points. */
function particleClt(depth: number): Check {
  const [d, m, draws] = [4, 1024, 40];
  // For m = infinity every layer is the identity. New points for each draw, so that the draws are independent in both.
  const squares = repeat(draws, (draw) => {
    const x = normals(rngKey(draw, 'clt', 'x'), 256 * d);
    return m * rmsDistance(output(initialNet(draw, { depth, m, d, alpha: 1, c: 1 }, { rho: 0 }), x), x, d) ** 2;
  });
  return particle(`clt m D^2, particles, d = 4, L = ${depth}`, cltConstant({ d, depth }) ** 2, squares);
}

/** Mean square of a sampled layer's error against the finite-population formula. */
function finitePopulation(): Check {
  const [d, M, m, draws] = [4, 512, 64, 200];
  const net = initialNet(3, { depth: 1, m: M, d, alpha: 0, c: 3 }, { rho: 0.9 });
  const x = normals(rngKey(3, 'x'), 64 * d);
  const full = layerForward(net, net.layers[0]!, x);
  const squares = repeat(draws, (draw) => rmsDistance(output(thinNet(net, m, 1, draw), x), full, d) ** 2);
  return particle('finite population, M = 512, m = 64', sampledLayerVariance(net, net.layers[0]!, x, m), squares);
}

/** One layer of many particles against its Gaussian process and its tangent kernel (erf). */
function kernelsOfOneLayer(): Check[] {
  const law = { c: 1.5, sa: 1, sb: 1, sbias: 0.5 };
  const [x, y] = [Float64Array.of(0.8, -0.3), Float64Array.of(-0.2, 1.1)];
  const points = Float64Array.of(...x, ...y);
  const net = (seed: number) =>
    initialNet(seed, { depth: 1, m: 256, d: 2, alpha: 1, c: law.c, activation: 'erf' }, { rho: 0 });
  const products = repeat(600, (seed) => {
    const z = output(net(seed), points);
    return (256 * ((z[0]! - x[0]!) * (z[2]! - y[0]!) + (z[1]! - x[1]!) * (z[3]! - y[1]!))) / 2;
  });
  // dz(x)/dt at time zero when the only sample is y, with p(y) = z(y) - y_target = (1, 0) in the limit.
  const rates = repeat(100, (seed) => {
    const at = net(seed + 1000);
    const p = output(at, y);
    const { layers } = velocity(at, { n: 1, x: y, y: Float64Array.of(p[0]! - 1, p[1]!) });
    const h = 1e-6;
    const moved = copyNet(at);
    moved.layers.forEach((layer, l) =>
      (['a', 'b', 'bias'] as const).forEach((name) =>
        layer[name].forEach((_, i) => (layer[name][i]! += h * layers[l]![name][i]!)),
      ),
    );
    return -(output(moved, x)[0]! - output(at, x)[0]!) / h;
  });
  return [
    particle('one layer, Gaussian-process kernel, particles', processKernel(law, x, y), products),
    particle('one layer, tangent kernel, particles', tangentKernel(law, x, y), rates),
  ];
}

/** Instances by particles, by exactly drawn means, and in closed form. */
function instances(): Check[] {
  const B1 = { g: 1, kappa: 4, depth: 6 };
  const m = 4096;
  const theta = (draw: number): Float64Array =>
    layerMeans(normals(rngKey(draw, 'verify', 'saddle'), B1.depth * m), B1.depth);
  const drawn = (draw: number): Float64Array =>
    normals(rngKey(draw, 'verify', 'saddle means'), B1.depth).map((z) => z / 1e6);
  const wide = chainProduct(CHAIN, 2, 0.2);
  const limit = chainDiscrepancy(CHAIN, 2, 0.2) ** 2;
  return [
    particle(
      'saddle B1 m D^2, particles, T = 0.1',
      directLimit(B1, 0.1) ** 2,
      repeat(300, (i) => m * saddleDiscrepancy(B1, trainSaddle(B1, theta(i), 0.1, 50)) ** 2),
    ),
    particle(
      'saddle B1 m D^2, drawn means, T = 0.4',
      directLimit(B1, 0.4) ** 2,
      repeat(400, (i) => 1e12 * saddleDiscrepancy(B1, trainSaddle(B1, drawn(i), 0.4, 100)) ** 2),
    ),
    particle(
      'saddle B1 sqrt(m) sum h_l, drawn means',
      telescopedLimit(B1),
      repeat(400, (i) => 1e6 * saddleTelescope(B1, drawn(i))),
    ),
    particle(
      'chain m D^2, drawn means, T = 0.2',
      limit,
      repeat(300, (i) => 1e8 * (chainByMeans(CHAIN, 2, 0.2, 1e8, i) - wide) ** 2),
    ),
    particle(
      'chain m D^2, particles, T = 0.2',
      limit,
      repeat(200, (i) => 4096 * (chainByParticles(CHAIN, 2, 0.2, 4096, i, 500) - wide) ** 2),
    ),
  ];
}

/** Real stochastic gradient descent in many dimensions against the limits' ODEs. */
function realSgd(): Check[] {
  const errors = repeat(8, (seed) => committeeSgd(COMMITTEE, 0.5, [5], 1000, seed)[0]!);
  // D and 2 D dimensions: the 1/D term of the bias cancels in 2 risk(2D) - risk(D)
  const risks = repeat(
    8,
    (seed) =>
      2 * radialSgd(RADIAL, { D: 32, m: 1000, dt: 1e-4 }, 0.5, seed) -
      radialSgd(RADIAL, { D: 16, m: 1000, dt: 1e-4 }, 0.5, seed + 100),
  );
  return [
    particle('committee eps_g(5), SGD with N = 1000', committee(5), errors),
    particle('radial risk(0.5), SGD with D = 16 and 32', solveRadial(RADIAL, 0.5).risk, risks),
  ];
}

/** Fitted orders of the integrators, of the saddle's growth, and of D(m). */
function rates(): Check[] {
  const start = Float64Array.from({ length: B.depth }, () => 1e-9);
  const times = [0.01, 0.015, 0.02, 0.025, 0.03];
  const growth = fitLine(
    times,
    times.map((time) => Math.log(saddleDiscrepancy(B, trainSaddle(B, start, time, 400)))),
  ).slope;
  const task = sineTask(1, 3, 16, 16);
  const net = initialNet(4, { depth: 2, m: 8, d: 3, alpha: 1, c: 1.5 }, { rho: 0.5 });
  const at = (steps: number, method: keyof typeof INTEGRATORS): Float64Array => {
    const copy = copyNet(net);
    trainDirect(copy, task.train, { steps, dt: 0.5 / steps, method: INTEGRATORS[method] });
    return output(copy, task.heldOut.x);
  };
  const exact = at(1024, 'rk4');
  const orders = namesOf(INTEGRATORS).map((name) => {
    const { order } = INTEGRATORS[name];
    const steps = [16, 32, 64];
    const errors = steps.map((n) => Math.log(rmsDistance(at(n, name), exact, 3)));
    return check(`order of ${name}`, 'rate', order, -fitLine(steps.map(Math.log), errors).slope, 0.15);
  });
  const wide = initialNet(9, { depth: 3, m: 4096, d: 4, alpha: 1, c: 1 }, { rho: 0 });
  const x = normals(rngKey(9, 'x'), 64 * 4);
  const widths = [16, 64, 256];
  const logs = widths.map((m) =>
    Math.log(
      Math.sqrt(
        mean(repeat(24, (draw) => discrepancy(thinNet(wide, m, 2, draw), wide, x) ** 2)) * ((4096 - 1) / (4096 - m)),
      ),
    ),
  );
  return [
    check('saddle B, rate of the integrated flow', 'rate', growthRate(B), growth, 0.01),
    ...orders,
    check('exponent of D(m) of sampled nets', 'rate', -0.5, fitLine(widths.map(Math.log), logs).slope, 0.05),
  ];
}

/** Largest share of each bound that was measured: 1 would be attained, more is a violation. */
function bounds(): Check[] {
  const share = (id: string, measured: number): Check => ({
    id: `bound ${id}: largest share`,
    kind: 'bound',
    expected: 1,
    measured,
    tolerance: 1e-9,
    pass: measured <= 1 + 1e-9,
  });
  const task = sineTask(2, 3, 24, 48);
  const shares = { I1: 0, I2: 0, "I2'": 0, cap: 0, gronwall: 0, closed: 0 };
  const raise = (name: keyof typeof shares, value: number): void => void (shares[name] = Math.max(shares[name], value));
  for (const [alpha, c, rho] of [
    [1, 1, 0],
    [0, 3, 0.9],
    [1, 0.3, 0],
  ] as const) {
    for (const depth of [2, 4]) {
      const initial = initialNet(depth, { depth, m: 256, d: 3, alpha, c }, { rho });
      const wide = copyNet(initial);
      trainDirect(wide, task.train, { steps: 20, dt: 0.05 });
      for (const [steps, draw] of [
        [0, 0],
        [20, 1],
      ] as const) {
        const thin = thinNet(wide, 32, 1, draw);
        imitate(thin, wide, task.train.x, { steps, dt: 0.05 });
        const D = discrepancy(thin, wide, task.heldOut.x);
        raise('I1', D / telescopedBound(thin, wide, task.heldOut.x));
        raise('I2', D / lipschitzBound(thin, wide, task.heldOut.x));
        raise("I2'", D / wideTailBound(thin, wide, task.heldOut.x));
        raise(
          'cap',
          discrepancy(thin, wide, task.train.x) / posteriorCap(lossOf(thin, task.train), lossOf(wide, task.train)),
        );
      }
      const { rows } = runningGronwall(initial, task.train, { m: 32, seed: 1, draw: 0 }, 8, 0.02);
      rows.forEach((row) =>
        raise(
          'gronwall',
          Math.max(row.discrepancy / row.bound, row.distance === 0 ? 0 : row.distance / row.distanceBound),
        ),
      );
      const indices = thinIndices(initial, 32, 1, 0);
      const ideal = pickNet(initial, indices);
      raise(
        'closed',
        Math.exp(
          Math.log(rows[0]!.discrepancy) -
            closedForm(uniformConstants(ideal, initial, ideal, task.train), 1e-9).logBound,
        ),
      );
    }
  }
  return Object.entries(shares).map(([name, value]) => share(name, value));
}

/** Every pinned quantity, computed from scratch. */
export function measureExact(): Pinned {
  return Object.fromEntries(Object.entries(EXACT).map(([id, compute]) => [id, compute()])) as Record<PinnedId, number>;
}

/** The exact checks; `pinned` can be replaced to see that a wrong constant is found. */
export function verifyExact(pinned: Pinned = PINNED, measured: Pinned = measureExact()): Check[] {
  return (Object.keys(EXACT) as PinnedId[]).map((id) =>
    check(id, 'exact', pinned[id], measured[id], EXACT_RELATIVE * Math.abs(pinned[id])),
  );
}

/** Every check, as `gowide verify` prints them; `onGroup` hears what is done. */
export function verifyAll(
  pinned: Pinned = PINNED,
  onGroup: (name: string, done: number, total: number) => void = () => {},
): Check[] {
  const groups: [string, () => Check[]][] = [
    ['pinned numbers', () => verifyExact(pinned)],
    ['second opinions', () => [...byMathjs(), arcsineSecondOpinion()]],
    ['rates', rates],
    ['bounds', bounds],
    ['particles', () => [...[1, 2, 4, 8].map(particleClt), finitePopulation(), ...kernelsOfOneLayer()]],
    ['instances', instances],
    ['stochastic gradient descent', realSgd],
  ];
  return groups.flatMap(([name, group], i) => {
    onGroup(name, i, groups.length);
    return group();
  });
}

function arcsineSecondOpinion(): Check {
  const covariance = { uu: 1, uv: 0.5, vv: 1 };
  return check(
    'arcsine kernel, against quadrature of the definition',
    'exact',
    arcsineByQuadrature(covariance),
    arcsineKernel(covariance),
    1e-8,
  );
}
