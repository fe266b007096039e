/** What users of the library may give it by mistake: one error of a known kind that names the argument. */
import { describe, expect, test } from 'vitest';
import { rngKey } from '../../src/core/rng.js';
import * as theory from '../../theory/index.js';
import { factorLinear } from '../../theory/numerics/linear.js';
import { smallNet } from './support.js';

const net = smallNet();
const wide = smallNet(2, 3, 12);
const thin = (): theory.Net => theory.thinNet(wide, 4, 1, 0);
const { train, heldOut } = theory.sineTask(1, 3, 6, 6);
const { x } = train;
const noise = theory.particleNoise(net, 1);
const committee = { Q: [[1]], R: [[0]], T: [[1]] };
const residual = { blocks: 2, ...theory.infiniteEnds(1, 1), x: [[1]], y: [[1]], eta: 0.1, steps: 1 };
const saddle = { g: 1, kappa: 2, depth: 3 };
const bent = { g: 1, kappa: 2, depth: 2, spread: 1 };
const theta = (length: number): Float64Array => new Float64Array(length).fill(0.1);
const law = { c: 1, sa: 1, sb: 1, sbias: 1 };
const shape = { depth: 2, m: 3, d: 2, alpha: 1, c: 1 };
const radial = { taus: [1, 2], targets: [0, 1], scale: 1, shape: 2, rate: 1 } as const;

/** Counts that are none, of what has to be there at least once. */
const COUNTS = [0, -1, 1.5, NaN, Infinity];

describe.each(COUNTS)('a count of %d', (count) => {
  test.each<[name: string, call: () => unknown, message: string]>([
    ['widths of a drawn net', () => theory.initialNet(1, { ...shape, m: count }, { rho: 0 }), 'widths: m'],
    ['dimensions of a drawn net', () => theory.initialNet(1, { ...shape, d: count }, { rho: 0 }), 'initialNet: d'],
    ['inputs of read maps', () => theory.readMaps(1, { d: 2, inputs: count }), 'readMaps: inputs'],
    ['a thin net’s particles', () => theory.thinNet(wide, count, 1, 0), 'widths: m'],
    ['a fresh net’s particles', () => theory.freshNet(wide, count, { rho: 0 }, 1, 0), 'widths: m'],
    ['dimensions of a task', () => theory.sineTask(1, count, 2, 2), 'sineTask: d'],
    ['outputs of classes', () => theory.asClasses(train, count), 'asClasses: outputs'],
    ['samples of a batch', () => theory.batchesOf(train, { batch: count, seed: 1 }), 'batchesOf: expected a batch'],
    ['particles of weights', () => theory.gaussianWeights(count, 1, rngKey(1)), 'gaussianWeights: m'],
    [
      'particles of a sample',
      () => theory.sampledLayerVariance(net, net.layers[0]!, x, count),
      'sampledLayerVariance: m',
    ],
    ['steps of a system', () => theory.integrate((y) => y, theta(2), 1, count), 'integrate: steps'],
    ['layers of a limit', () => theory.cltConstant({ d: 2, depth: count }), 'cltConstant: depth'],
    ['blocks of a linear net', () => theory.linearResidual({ ...residual, blocks: count }), 'linearResidual: blocks'],
    ['ends of a linear net', () => theory.infiniteEnds(count, 1), 'infiniteEnds: inputs'],
    [
      'particles of a chain',
      () => theory.chainByParticles({ initial: [1], y: 1, time: 1 }, { m: count, seed: 1, steps: 1 }),
      'chainByParticles: m',
    ],
    [
      'steps of a chain',
      () => theory.chainByParticles({ initial: [1], y: 1, time: 1 }, { m: 2, seed: 1, steps: count }),
      'chainByParticles: steps',
    ],
    ['dimensions of a machine', () => theory.committeeSgd(committee, 1, [0], count, 1), 'committeeSgd: N'],
    ['dimensions of radial data', () => theory.radialSgd(radial, { D: count, m: 1, dt: 1 }, 1, 1), 'radialSgd: D'],
    ['points of a saddle', () => theory.saddleInputs(bent, count, 1, false), 'saddleInputs: n'],
    ['layers of means', () => theory.layerMeans(theta(6), count), 'layerMeans: depth'],
    ['layers of tanh means', () => theory.tanhMeans(theta(6), count), 'tanhMeans: depth'],
    ['dimensions of rows', () => theory.rowNorm(theta(6), count), 'rowNorm: d'],
    ['steps of a saddle', () => theory.trainTanhSaddle(bent, theta(4), theta(2), 1, count), 'trainTanhSaddle: steps'],
  ])('%s is refused by name', (_, call, message) => {
    expect(call).toThrow(RangeError);
    expect(call).toThrow(message);
  });
});

describe('flows', () => {
  const FLOWS: readonly (readonly [name: string, run: (steps: number, dt: number) => unknown])[] = [
    ['trainDirect', (steps, dt) => theory.trainDirect(smallNet(), train, { steps, dt })],
    ['trainHalved', (steps, dt) => theory.trainHalved(smallNet(), train, { steps, dt }, x)],
    ['trainSgd', (steps, dt) => theory.trainSgd(smallNet(), train, { steps, dt, batch: 2, seed: 1 })],
    ['trainLangevin', (steps, dt) => theory.trainLangevin(smallNet(), train, { steps, dt, temperature: 0, noise })],
    ['trainMomentum', (steps, dt) => theory.trainMomentum(smallNet(), train, { steps, dt, friction: 0 })],
    ['imitate', (steps, dt) => theory.imitate(thin(), wide, x, { steps, dt })],
    ['imitate', (steps, dt) => theory.imitate(thin(), wide, x, { steps, dt, inputs: 'thin' })],
    ['runningGronwall', (steps, dt) => theory.runningGronwall(wide, train, { m: 2, seed: 1, draw: 0 }, steps, dt)],
    ['responsesOf: flow', (steps, dt) => theory.responsesOf(net, [], { train, points: x, flow: { steps, dt } })],
  ];
  test.each(FLOWS)('%s refuses steps and a dt that are none, and does not run for ever', (name, run) => {
    for (const steps of [-1, 0.5, NaN, Infinity, 1e12])
      expect(() => run(steps, 0.1)).toThrow(
        `${name}: steps: expected a whole number from 0 to 1000000000, got ${steps}`,
      );
    for (const dt of [0, -0.1, NaN, Infinity])
      expect(() => run(1, dt)).toThrow(`${name}: dt: expected a finite number above 0, got ${dt}`);
  });
});

test.each<[what: string, call: () => unknown, message: string]>([
  [
    'scales of another depth',
    () => theory.initialNet(1, { ...shape, c: [1] }, { rho: 0 }),
    'initialNet: c: expected one for each of 2 layers, got 1',
  ],
  [
    'a correlation above 1',
    () => theory.initialNet(1, shape, { rho: 1.1 }),
    'initialNet: rho: expected a number from -1 to 1, got 1.1',
  ],
  [
    'a deviation below 0',
    () => theory.initialNet(1, shape, { rho: 0, sb: -1 }),
    'initialNet: sb: expected a finite number of at least 0',
  ],
  ['a seed that is none', () => theory.initialNet(NaN, shape, { rho: 0 }), 'rngKey: expected finite numbers'],
  [
    'an activation that is none',
    () => theory.initialNet(1, { ...shape, activation: 'swish' as 'silu' }, { rho: 0 }),
    'initialNet: activation: expected one of tanh',
  ],
  [
    'no scale',
    () => theory.initialNet(1, { ...shape, depth: 0, m: 4, alpha: [], c: [] }, { rho: 0 }),
    'initialNet: alpha: expected one number for a net without layers, got an empty list',
  ],
  [
    'a layer of another dimension',
    () => theory.pick(net.layers[0]!, 2, Uint32Array.of(0)),
    'pick: layer: a [m, d]: expected 12 numbers in a Float64Array, got 18 of them',
  ],
  ...(
    [
      ['trainDirect', (method) => theory.trainDirect(smallNet(), train, { steps: 1, dt: 0.1, method })],
      ['trainDirect', (method) => theory.trainHalved(smallNet(), train, { steps: 1, dt: 0.1, method }, x)],
      ['imitate', (method) => theory.imitate(thin(), wide, x, { steps: 1, dt: 0.1, method })],
      ['imitate', (method) => theory.imitate(thin(), wide, x, { steps: 1, dt: 0.1, method, inputs: 'thin' })],
      ['integrate', (method) => theory.integrate((y) => y, theta(1), 1, 1, method)],
      ['stepSystem', (method) => theory.stepSystem(method, (y) => y, theta(1), 1)],
      [
        'responsesOf: flow',
        (method) => theory.responsesOf(net, [], { train, points: x, flow: { steps: 1, dt: 0.1, method } }),
      ],
    ] satisfies [string, (method: theory.Integrator) => unknown][]
  ).map(([name, call]): [string, () => unknown, string] => [
    `a method by its name (${name})`,
    () => call('rk4' as unknown as theory.Integrator),
    `${name}: method: expected an integrator, such as INTEGRATORS.rk4 or integratorByName("rk4"), got "rk4"`,
  ]),
  [
    'a particle that is not there',
    () => theory.pick(net.layers[0]!, 3, Uint32Array.of(6)),
    'pick: indices: expected a whole number from 0 to 5, got 6',
  ],
  [
    'too few lists of particles',
    () => theory.pickNet(net, [Uint32Array.of(0)]),
    'pickNet: indices: expected one list for each of 3 layers, got 1',
  ],
  [
    'a layer that is not there',
    () => theory.singleLayer(net, 3),
    'singleLayer: l: expected a layer from 0 to 2, got 3',
  ],
  ['targets of another number', () => theory.asClasses(train, 2), 'asClasses: y: expected [6, 2], 12 numbers, got 18'],
  [
    'a target that is none',
    () => theory.asClasses({ ...train, y: train.y.map((v, i) => (i === 4 ? NaN : v)) }, 3),
    'asClasses: y: expected finite numbers, got NaN at place 4',
  ],
  [
    'distances of two shapes',
    () => theory.rmsDistance(theta(4), theta(6), 2),
    'rmsDistance: expected two arrays [N, 2], got 4 and 6',
  ],
  [
    'nets of two depths',
    () => theory.telescope(smallNet(1, 2), net, x),
    'telescope: expected nets of one depth and dimension, got 2 x 3 and 3 x 3',
  ],
  ['nets of two depths', () => theory.layerErrors(smallNet(1, 2), net, x), 'layerErrors: expected nets of one depth'],
  [
    'nets of two depths',
    () => theory.discrepancies(smallNet(1, 2), net, x),
    'discrepancies: expected nets of one depth',
  ],
  [
    'states of another net',
    () => theory.layerErrors(net, net, x, [x]),
    'layerErrors: values: expected 4 states [N, 3], got 1 of 18',
  ],
  [
    'targets of another net',
    () => theory.imitate(thin(), wide, x, { steps: 1, dt: 0.1, targets: [x] }),
    'imitate: targets: expected 4 states',
  ],
  [
    'inputs that are none',
    () => theory.imitate(thin(), wide, x, { steps: 1, dt: 0.1, inputs: 'own' as 'thin' }),
    'imitate: inputs: expected "wide" or "thin", got own',
  ],
  [
    'a ridge below 0',
    () => theory.imitateByRidge(thin(), wide, x, { ridge: -1 }),
    'imitateByRidge: ridge: expected a finite number of at least 0, got -1',
  ],
  [
    'a rule that is none',
    () => theory.selectNets(wide, x, 'best' as 'greedy', [2]),
    'unknown selection "best"; expected one of: greedy, herding',
  ],
  ['no width', () => theory.selectNets(wide, x, 'greedy', []), 'selectNets: expected increasing widths'],
  [
    'a temperature below 0',
    () => theory.trainLangevin(smallNet(), train, { steps: 1, dt: 0.1, temperature: -1, noise }),
    'trainLangevin: temperature',
  ],
  [
    'a decay of more than a step',
    () => theory.trainLangevin(smallNet(), train, { steps: 1, dt: 0.5, temperature: 0, decay: 3, noise }),
    'trainLangevin: decay: expected decay times dt of at most 1, got 1.5',
  ],
  ['a singular matrix', () => factorLinear([[0]]), 'factorLinear: the matrix is singular'],
  ['a scale beyond reach', () => theory.solveRadial({ ...radial, scale: 1e9 }, 2), 'expected a smaller scale'],
  ['a law of endless points', () => theory.solveRadial({ ...radial, shape: 1e-7 }, 2), 'a larger shape'],
  [
    'a friction below 0',
    () => theory.trainMomentum(smallNet(), train, { steps: 1, dt: 0.1, friction: -1 }),
    'trainMomentum: friction',
  ],
  [
    'samples of two numbers',
    () => theory.batchesOf({ ...train, n: 4 }, { batch: 2, seed: 1 }),
    'batchesOf: x: expected 4 samples, got 18 numbers',
  ],
  [
    'weights of another width',
    () => theory.responsesOf(net, [[theta(6)]], { train, points: x, flow: { steps: 1, dt: 0.1 } }),
    'responsesOf: weights 0, layer 2: expected 6 of them, got none',
  ],
  [
    'more particles than there are',
    () => theory.sampledLayerVariance(net, net.layers[0]!, x, 7),
    'sampledLayerVariance: m: expected a whole number from 1 to 6, got 7',
  ],
  ['an activation without bounds’ name', () => theory.activationBound('swish' as 'silu'), 'unknown activation "swish"'],
  ['rows of another dimension', () => theory.rowNorm(theta(5), 2), 'rowNorm: rows: expected [m, 2]'],
  [
    'points of another dimension',
    () => theory.traceNet(net, { ...heldOut, x: theta(5) }),
    'bounds: x: expected [N, 3]',
  ],
  ['no weight', () => theory.chainProduct([], 1, 1), 'chain: initial: expected at least one weight'],
  ['no particle', () => theory.chainByMeans([1], 1, 1, 0, 1), 'chainByMeans: m: expected a finite number above 0'],
  [
    'a time before the start',
    () => theory.chainProduct([1], 1, -1),
    'chain: time: expected a finite number of at least 0',
  ],
  ['overlaps of two sizes', () => theory.generalizationError({ ...committee, R: [] }), 'committee: expected Q [K, K]'],
  [
    'overlaps of two sizes',
    () => theory.committeeVelocity({ ...committee, T: [[1, 0]] }, 1),
    'committee: expected Q [K, K], R [K, M], T [M, M], got Q [1, 1], R [1, 1], T [1, 2]',
  ],
  [
    'times that fall',
    () => theory.committeeSgd(committee, 1, [1, 0.5], 4, 1),
    'committeeSgd: times: expected finite numbers from 0 on, increasing',
  ],
  [
    'weights of other norms',
    () => theory.radialRisk(radial, theta(2), theta(3)),
    'radialRisk: expected as many weights as norms, got 3 and 2',
  ],
  [
    'points of two dimensions',
    () => theory.tangentKernel(law, theta(2), theta(3)),
    'kernel of a layer: expected two points of one dimension',
  ],
  [
    'rows of another data set',
    () => theory.linearResidual({ ...residual, y: [[1], [2]] }),
    'linearResidual: y: expected [1, 1], got 2 rows of 1',
  ],
  [
    'means of another depth',
    () => theory.saddleDiscrepancy(saddle, theta(2)),
    'saddle: theta: expected one for each of 3 layers, got 2',
  ],
  [
    'means of another depth',
    () => theory.tanhSaddleGradient(bent, theta(3), theta(2)),
    'tanh saddle: w: expected one for each of 2 layers, got 3',
  ],
  [
    'points of one number',
    () => theory.tanhSaddleTelescope(bent, theta(2), theta(3)),
    'tanh saddle: x: expected [n, 2]',
  ],
  [
    'an odd number of mirrored points',
    () => theory.saddleInputs(bent, 3, 1, true),
    'saddleInputs: n: expected an even number',
  ],
  ['particles that no depth divides', () => theory.layerMeans(theta(5), 2), 'layerMeans: particles: expected [2, m]'],
])('%s are refused by name', (_, call, message) => {
  expect(call).toThrow(message);
  try {
    call();
  } catch (error) {
    expect(['RangeError', 'UsageError']).toContain((error as Error).name);
  }
});

describe('numbers that are none are refused by name, and never answered', () => {
  const gronwall = { depth: 2, c: 1, G: 1, A: 1, B: 1, b: 1, Z: 1, R: 1, F: 1, H: 1, K: 1, xi: 0, xiJ: 0 };
  const constants = { ...gronwall, derivative: 1, secondDerivative: 1 };
  const langevin = { alpha: 0, c: 1, target: 1, temperature: 1, decay: 1 };
  const linear = { depth: 1, d: 1, alpha: 1, c: 1, law: { rho: 0 }, steps: 1, dt: 0.1, points: theta(2) };
  const linearNet = (change: object) => () =>
    theory.linearNetLimit({ ...linear, train: { n: 2, x: theta(2), y: theta(2) }, ...change });
  const trio = (d: number) => [smallNet(1, 2, 4, d), smallNet(2, 2, 8, d), smallNet(3, 2, 4, d)] as const;
  const task = theory.sineTask(1, 3, 4, 4).train;
  const NONE: readonly [name: string, values: readonly number[], call: (value: number) => unknown][] = [
    ['langevinStationary: d', [-2, 0, 1.5, NaN], (d) => theory.langevinStationary({ ...langevin, d })],
    ['langevinStationary: alpha', [NaN, Infinity], (alpha) => theory.langevinStationary({ ...langevin, alpha })],
    ['langevinStationary: c', [NaN], (c) => theory.langevinStationary({ ...langevin, c })],
    ['langevinStationary: target', [NaN], (target) => theory.langevinStationary({ ...langevin, target })],
    ['langevinStationary: decay', [0, -1, NaN], (decay) => theory.langevinStationary({ ...langevin, decay })],
    [
      'langevinStationary: temperature',
      [0, NaN, Infinity],
      (temperature) => theory.langevinStationary({ ...langevin, temperature }),
    ],
    ['growthRate: g', [NaN, 0, -1], (g) => theory.growthRate({ ...saddle, g })],
    ['growthRate: kappa', [NaN], (kappa) => theory.growthRate({ ...saddle, kappa })],
    ['growthRate: depth', [0, 1.5, NaN], (depth) => theory.growthRate({ ...saddle, depth })],
    ['directLimit: time', [-1, NaN], (time) => theory.directLimit(saddle, time)],
    ['directLimit: std', [-1, NaN], (std) => theory.directLimit(saddle, 1, std)],
    ['telescopedLimit: g', [NaN], (g) => theory.telescopedLimit({ ...saddle, g })],
    ['telescopedLimit: std', [-1], (std) => theory.telescopedLimit(saddle, std)],
    ['saddle: g', [NaN, -1], (g) => theory.saddleDiscrepancy({ ...saddle, g }, theta(3))],
    ['saddle: kappa', [NaN], (kappa) => theory.saddleTelescope({ ...saddle, kappa }, theta(3))],
    ['saddleVelocity: theta', [NaN], (value) => theory.saddleVelocity(saddle, theta(3).fill(value))],
    ['trainSaddle: initial', [NaN], (value) => theory.trainSaddle(saddle, theta(3).fill(value), 1, 10)],
    ['trainSaddle: time', [-1, NaN], (time) => theory.trainSaddle(saddle, theta(3), time, 10)],
    ['saddleInputs: spread', [-1, NaN], (spread) => theory.saddleInputs({ ...bent, spread }, 2, 1, false)],
    ['tanh saddle: g', [NaN], (g) => theory.tanhSaddleGradient({ ...bent, g }, theta(2), theta(2))],
    ['tanh saddle: w', [NaN], (w) => theory.tanhSaddleDiscrepancy(bent, theta(2).fill(w), theta(2))],
    [
      'linearizedTanhSaddle: time',
      [-1, NaN],
      (time) => theory.linearizedTanhSaddle(bent, theta(2), theta(2), theta(2), time),
    ],
    ['trainTanhSaddle: time', [-1], (time) => theory.trainTanhSaddle(bent, theta(4), theta(2), time, 2)],
    ['trainTanhSaddle: x', [NaN, Infinity], (x) => theory.trainTanhSaddle(bent, theta(4), theta(2).fill(x), 1, 2)],
    ['trainTanhSaddle: x: expected [n, 2]', [0, 1, 3], (n) => theory.trainTanhSaddle(bent, theta(4), theta(n), 1, 2)],
    [
      'trainTanhSaddle: particles',
      [NaN],
      (value) => theory.trainTanhSaddle(bent, theta(4).fill(value), theta(2), 1, 2),
    ],
    ['chainAmplification: depth', [0, 1.5, NaN], (depth) => theory.chainAmplification(1, 2, depth, 1)],
    ['chainAmplification: w0', [NaN], (w0) => theory.chainAmplification(w0, 2, 2, 1)],
    ['chainAmplification: time', [-1, NaN], (time) => theory.chainAmplification(1, 2, 2, time)],
    [
      'chainByParticles: y',
      [NaN],
      (y) => theory.chainByParticles({ initial: [1], y, time: 1 }, { m: 2, seed: 1, steps: 1 }),
    ],
    [
      'chainByParticles: time',
      [-1],
      (time) => theory.chainByParticles({ initial: [1], y: 1, time }, { m: 2, seed: 1, steps: 1 }),
    ],
    ['secondMoment: d', [0, 171, NaN], (d) => theory.secondMoment({ d, depth: 1 })],
    ['secondMoment: sa', [-1, NaN], (sa) => theory.secondMoment({ d: 1, depth: 1, sa })],
    ['cltConstant: sb', [-1, NaN], (sb) => theory.cltConstant({ d: 1, depth: 1, sb })],
    ['cltConstant: c', [NaN], (c) => theory.cltConstant({ d: 1, depth: 1, c })],
    ['arcsineKernel: uu', [-1, NaN], (uu) => theory.arcsineKernel({ uu, uv: 0, vv: 1 })],
    ['arcsineKernel: expected a covariance', [2, -2], (uv) => theory.arcsineKernel({ uu: 1, uv, vv: 1 })],
    ['arcsineDerivativeKernel: vv', [-1], (vv) => theory.arcsineDerivativeKernel({ uu: 1, uv: 0, vv })],
    ['kernel of a layer: sa', [-1, NaN], (sa) => theory.processKernel({ ...law, sa }, theta(2), theta(2))],
    ['kernel of a layer: c', [NaN], (c) => theory.tangentKernel({ ...law, c }, theta(2), theta(2))],
    ['kernel of a layer: x', [NaN], (x) => theory.tangentKernel(law, theta(2).fill(x), theta(2))],
    ['radialMean: s', [NaN], (s) => theory.radialMean(s)],
    ['radialMeanDerivative: s', [Infinity], (s) => theory.radialMeanDerivative(s)],
    [
      'radialRisk: weights',
      [NaN, 0.3, -1],
      (weight) => theory.radialRisk(radial, theta(2), theta(2).fill(weight, 0, 1).fill(0.5, 1)),
    ],
    ['radialRisk: r', [NaN], (r) => theory.radialRisk(radial, theta(2).fill(r), theta(2).fill(0.5))],
    ['solveRadial: taus', [-1, NaN], (tau) => theory.solveRadial({ ...radial, taus: [1, tau] }, 1)],
    ['radialSgd: scale', [NaN], (scale) => theory.radialSgd({ ...radial, scale }, { D: 2, m: 2, dt: 0.1 }, 0.1, 1)],
    ['committeeVelocity: eta', [NaN], (eta) => theory.committeeVelocity(committee, eta)],
    ['committeeSgd: eta', [NaN], (eta) => theory.committeeSgd(committee, eta, [1], 4, 1)],
    [
      'linearResidual: the training leaves float64 at step',
      [1e200, 1e308],
      (eta) => theory.linearResidual({ ...residual, eta, steps: 4 }),
    ],
    [
      'linearResidual: the training leaves float64 at step 0; smaller samples',
      [1e200],
      (y) => theory.linearResidual({ ...residual, y: [[y]] }),
    ],
    ['linearResidual: x', [NaN], (x) => theory.linearResidual({ ...residual, x: [[x]] })],
    [
      'linearResidual: start: A',
      [NaN],
      (value) => {
        const identity = [
          [1, 0],
          [0, value],
        ];
        return theory.linearResidual({
          ...residual,
          start: [0, 1].map(() => ({ A: identity, B: identity, C: identity })),
        });
      },
    ],
    ['linearNetLimit: rho', [2, NaN], (rho) => linearNet({ law: { rho } })()],
    ['linearNetLimit: dt', [-0.1, 0], (dt) => linearNet({ dt })()],
    ['linearNetLimit: c', [NaN], (c) => linearNet({ c })()],
    ['linearNetLimit: points', [NaN], (value) => linearNet({ points: theta(2).fill(value) })()],
    ['linearNetLimit: the training leaves float64', [1e200], (dt) => linearNet({ dt, steps: 20 })()],
    ['posteriorCap: thinLoss', [-1, NaN], (loss) => theory.posteriorCap(loss, 1)],
    ['closedForm: G', [-1, 0, 0.5, NaN], (G) => theory.closedForm({ ...constants, G }, 1)],
    [
      'closedForm: K: expected a finite number of at least 0, got undefined',
      [NaN],
      () => {
        const { K: _, ...rest } = constants;
        return theory.closedForm(rest as typeof constants, 1);
      },
    ],
    ['closedForm: time', [-1, NaN], (time) => theory.closedForm(constants, time)],
    ['net: c', [NaN], (c) => theory.layerLipschitz({ ...net, c }, net.layers[0]!)],
    [
      'bounds: expected nets of one depth',
      [2, 4],
      (d) => theory.gronwallRate(trio(3)[0], trio(3)[1], trio(d)[2], task),
    ],
    ['rmsDistance', [1.5, NaN, 0], (d) => theory.rmsDistance(theta(3), theta(3), d)],
    ['stepSystem: dt', [NaN], (dt) => theory.stepSystem(theory.INTEGRATORS.rk4, (y) => y, theta(1), dt)],
  ];
  test.each(NONE)('%s', (name, values, call) => {
    for (const value of values) {
      expect(() => call(value), String(value)).toThrow(RangeError);
      expect(() => call(value), String(value)).toThrow(name);
    }
  });

  test('a limit at no time, and laws without a pull, are exact', () => {
    for (const change of [{ c: 0 }, { alpha: 1 }]) {
      const { covariance, variance } = theory.langevinStationary({ ...langevin, target: 1, ...change });
      expect(covariance).toBe(0);
      expect(variance).toBe(1);
    }
    expect(theory.cltConstant({ d: 2, depth: 1, c: -1 })).toBe(theory.cltConstant({ d: 2, depth: 1 }));
    // a layer's factor g - theta may be 0: (1/2) ((P+ - y) (g + theta_2) - (P- - y) (g - theta_2)), by hand
    const [g, kappa, second] = [1, 2, 0.5];
    const [first] = theory.saddleVelocity({ g, kappa, depth: 2 }, Float64Array.of(1, second));
    expect(first).toBeCloseTo(-0.5 * ((3 - 2) * 1.5 - (0 - 2) * 0.5), 14);
  });
});

test('all of a layer’s particles leave no variance, of one particle, too', () => {
  const one = smallNet(1, 1, 1);
  expect(theory.sampledLayerVariance(one, one.layers[0]!, x, 1)).toBe(0);
  expect(theory.sampledLayerVariance(net, net.layers[0]!, x, 6)).toBe(0);
});

test('settings of a limit that are none are refused by name', async () => {
  const settings = {
    seed: 1,
    draw: (m: number) => smallNet(1, 1, m),
    course: { train, points: x, flow: { steps: 0, dt: 0.1 } },
    target: 0.5,
    particles: { first: 4, most: 8 },
    nets: 8,
  };
  for (const [wrong, message] of [
    [{ target: 0 }, 'limitsOf: target'],
    [{ target: NaN }, 'limitsOf: target'],
    [{ nets: NaN }, 'limitsOf: nets'],
    [{ nets: 0 }, 'limitsOf: nets'],
    [{ particles: { first: NaN, most: 8 } }, 'limitsOf: particles.first'],
    [{ particles: { first: 5, most: 8 } }, 'limitsOf: particles.first: expected an even number, got 5'],
    [{ particles: { first: 8, most: 4 } }, 'limitsOf: particles.most'],
  ] as const)
    await expect(theory.limitsOf({ ...settings, ...wrong })).rejects.toThrow(message);
});
