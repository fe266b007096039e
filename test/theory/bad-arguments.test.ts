/** What users of the library may give it by mistake: one error of a known kind that names the argument. */
import { describe, expect, test } from 'vitest';
import { rngKey } from '../../src/core/rng.js';
import * as theory from '../../theory/index.js';
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
    ['samples of a batch', () => theory.batchesOf(train, { batch: count, seed: 1 }), 'trainSgd: expected a batch'],
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
    ['trainDirect', (steps, dt) => theory.trainHalved(smallNet(), train, { steps, dt }, x)],
    ['trainSgd', (steps, dt) => theory.trainSgd(smallNet(), train, { steps, dt, batch: 2, seed: 1 })],
    ['training', (steps, dt) => theory.trainLangevin(smallNet(), train, { steps, dt, temperature: 0, noise })],
    ['training', (steps, dt) => theory.trainMomentum(smallNet(), train, { steps, dt, friction: 0 })],
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
    'a friction below 0',
    () => theory.trainMomentum(smallNet(), train, { steps: 1, dt: 0.1, friction: -1 }),
    'trainMomentum: friction',
  ],
  [
    'samples of two numbers',
    () => theory.batchesOf({ ...train, n: 4 }, { batch: 2, seed: 1 }),
    'trainSgd: x: expected 4 samples, got 18 numbers',
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
    'committee: expected Q [K, K]',
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
    [{ particles: { first: 8, most: 4 } }, 'limitsOf: particles.most'],
  ] as const)
    await expect(theory.limitsOf({ ...settings, ...wrong })).rejects.toThrow(message);
});
