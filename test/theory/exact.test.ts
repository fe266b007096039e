import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { UsageError } from '../../src/core/errors.js';
import { normals, rngKey } from '../../src/core/rng.js';
import { rms } from '../../src/core/stats.js';
import {
  chainAmplification,
  chainDiscrepancy,
  chainProduct,
  chainSensitivity,
  chainWeights,
} from '../../theory/exact/chain.js';
import { cltConstant, secondMoment } from '../../theory/exact/clt.js';
import { ACTIVATIONS } from '../../theory/model/activations.js';
import { arcsineKernel, arcsineDerivativeKernel, shiftedDeterminant } from '../../theory/exact/kernels.js';
import { LIMITS, limitByName, registerLimit, type Limit } from '../../theory/verify/limits.js';
import { gaussLegendre } from '../../theory/numerics/quadrature.js';
import { radialMean, radialMeanDerivative, solveRadial, type Radial } from '../../theory/exact/radial.js';
import {
  committeeSgd,
  committeeVelocity,
  generalizationError,
  solveCommittee,
  type Committee,
} from '../../theory/exact/saad-solla.js';
import { particleVariance, sampledLayerVariance } from '../../theory/exact/sampling.js';
import { processKernel, tangentKernel } from '../../theory/exact/tangent.js';
import { chainByMeans, chainByParticles } from '../../theory/instances/chain.js';
import {
  directLimit,
  growthRate,
  layerMeans,
  saddleDiscrepancy,
  saddleTelescope,
  telescopedLimit,
  trainSaddle,
} from '../../theory/instances/saddle.js';
import {
  linearizedTanhSaddle,
  saddleInputs,
  tanhMeans,
  tanhSaddleDiscrepancy,
  tanhSaddleGradient,
  tanhSaddleTelescope,
  squaredDerivatives,
  trainTanhSaddle,
} from '../../theory/instances/tanh-saddle.js';
import { measureExact, PINNED, verifyExact, type Pinned } from '../../theory/verify/pinned.js';
import { smallNet } from './support.js';

interface Reference {
  readonly limit: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly expected: unknown;
}

/** Values by exact_mpmath.py, every parameter over six decades. */
const REFERENCES = JSON.parse(
  readFileSync(new URL('exact-limits.json', import.meta.url), 'utf8'),
) as readonly Reference[];

const RELATIVE = 2e-9;

/** Every number of `expected` against the same one of `found`; `start` has its size at time 0. */
function expectNear(found: unknown, expected: unknown, start: unknown, path: string): void {
  if (typeof expected === 'number') {
    const size = Math.max(Math.abs(expected), typeof start === 'number' ? 1e-3 * Math.abs(start) : 0);
    const error = Math.abs((found as number) - expected);
    expect(error, `${path}: ${String(found)}, expected ${expected}`).toBeLessThanOrEqual(RELATIVE * size);
    return;
  }
  for (const [key, part] of Object.entries(expected as object)) {
    const before = (start as Record<string, unknown> | undefined)?.[path.endsWith('rows') ? 0 : key];
    expectNear((found as Record<string, unknown>)[key], part, before, `${path}.${key}`);
  }
}

const measured = measureExact();
test.each(Object.keys(PINNED) as (keyof Pinned)[])('a wrong digit in "%s" is found', (id) => {
  const failed = verifyExact({ ...PINNED, [id]: PINNED[id] * (1 + 1e-7) }, measured).filter((check) => !check.pass);
  expect(failed.map((check) => check.id)).toEqual([id]);
});

describe('chain', () => {
  test('conserves w_1^2 - w_2^2 and goes to the target [b]', () => {
    const w = chainWeights([0.9, 1, 1.1], 2, 0.7);
    expect(w[0]! ** 2 - w[1]! ** 2).toBeCloseTo(0.81 - 1, 10);
    expect(chainProduct([0.9, 1, 1.1], 2, 20)).toBeCloseTo(2, 8);
  });
  test('a time that a step all but reaches is reached: its rest is no collapsed step [a]', () => {
    // exact_mpmath.py's chain(), 30 digits; both were refused, as if they left float64
    const first = [-0.016186010488193885, 0.3426491389302834, -0.034279640012531476, 0.04092448210326531];
    const one = chainSensitivity(first, -0.0887034942622471, 0.0238712293386974);
    expect(one.w[0]).toBeCloseTo(-0.016184992559206524, 14);
    expect(Math.hypot(...one.gradient)).toBeCloseTo(0.0005649742189090497, 12);
    const second = chainSensitivity(
      Array<number>(5).fill(0.6212253258298918),
      -0.13919893941083097,
      0.0035857168279043554,
    );
    expect(second.w[4]).toBeCloseTo(0.6211016516811716, 13);
    expect(Math.hypot(...second.gradient)).toBeCloseTo(0.3323665356725562, 11);
  });

  test('rests at the target for ever, and passes through a weight of zero', () => {
    expect(chainProduct([0.9, 1, 1.1], 2, 5000)).toBeCloseTo(2, 10);
    expect(chainDiscrepancy([0.9, 1, 1.1], 2, 5000)).toBeLessThan(1e-11);
    const w = chainWeights([-0.5, 1], 1, 3);
    expect(w[0]).toBeGreaterThan(0);
    expect(w[1]! ** 2 - w[0]! ** 2).toBeCloseTo(0.75, 10);
    expect(() => chainProduct([1e200, 1e200], 2, 1)).toThrow(/float64/);
  });
});

describe('the limit of the chain’s discrepancy', () => {
  test('is the gradient of P(T) by the initial weights, by central differences [c]', () => {
    const initial = [0.9, 1, 1.1];
    const h = 1e-5;
    const gradient = initial.map((_, k) => {
      const moved = (sign: number): number =>
        chainProduct(
          initial.map((w, i) => (i === k ? w + sign * h : w)),
          2,
          0.3,
        );
      return (moved(1) - moved(-1)) / (2 * h);
    });
    expect(chainDiscrepancy(initial, 2, 0.3)).toBeCloseTo(Math.hypot(...gradient), 8);
    expect(chainSensitivity(initial, 2, 0).jacobian).toEqual([
      [1, 0, 0],
      [0, 1, 0],
      [0, 0, 1],
    ]);
  });
  test('a perturbation that is equal in all layers never grows much, at any depth', () => {
    for (const depth of [2, 4, 8, 12])
      for (const time of [0.01, 0.05, 0.1, 0.5])
        expect(chainAmplification(1.2, 3 * 1.2 ** depth, depth, time / 1.2 ** (2 * depth))).toBeLessThan(1.09);
  });
  test('particles and exactly drawn means go the same way', () => {
    expect(
      chainByParticles({ initial: [0.9, 1, 1.1], y: 2, time: 0.2 }, { m: 100_000, seed: 1, steps: 2000 }),
    ).toBeCloseTo(chainProduct([0.9, 1, 1.1], 2, 0.2), 1);
    expect(chainByMeans([0.9, 1, 1.1], 2, 0.2, 1e16, 1)).toBeCloseTo(chainProduct([0.9, 1, 1.1], 2, 0.2), 6);
  });
});

const same = {
  Q: [
    [1, 0],
    [0, 1],
  ],
  R: [
    [1, 0],
    [0, 1],
  ],
  T: [
    [1, 0],
    [0, 1],
  ],
};

describe('committee', () => {
  test('a student that is the teacher has no error, and stays [b]', () => {
    expect(generalizationError(same)).toBeCloseTo(0, 14);
    const { Q, R } = committeeVelocity(same, 0.5);
    for (const value of [...Q.flat(), ...R.flat()]) expect(Math.abs(value)).toBeLessThan(1e-14);
  });
  test('K = 3, M = 1 and K = 1, M = 4 run; overlaps that are none are refused', () => {
    const three = solveCommittee(
      {
        Q: [
          [0.2, 0, 0],
          [0, 0.3, 0],
          [0, 0, 0.1],
        ],
        R: [[0.1], [0], [0.05]],
        T: [[1]],
      },
      0.3,
      2,
    );
    expect(generalizationError(three)).toBeLessThan(0.3);
    const four = solveCommittee(
      { Q: [[0.2]], R: [[0.1, 0, 0, 0]], T: [0, 1, 2, 3].map((i) => [0, 1, 2, 3].map((j) => (i === j ? 1 : 0))) },
      0.3,
      2,
    );
    expect(four.R[0]).toHaveLength(4);
    expect(() => solveCommittee({ Q: [[1]], R: [[0.1, 0.2]], T: [[1]] }, 0.3, 1)).toThrow(/expected Q \[K, K\]/);
  });
});

describe('overlaps of a committee that are none are refused by their matrix', () => {
  const JOINT = /^committee: the joint matrix \[\[Q, R\], \[R\^T, T\]\] is not positive semidefinite/;
  const T = [
    [1, 0],
    [0, 1],
  ];
  test.each<[string, Committee, RegExp]>([
    ['a student of length 0 with an overlap', { Q: [[0]], R: [[0.5]], T: [[1]] }, JOINT],
    ['a teacher of length 0 with an overlap', { Q: [[1]], R: [[0.5]], T: [[0]] }, JOINT],
    ['a correlation above 1', { Q: [[0.1]], R: [[0.9]], T: [[1]] }, JOINT],
    ['a correlation above 1 of a short student', { Q: [[1e-14]], R: [[5e-7]], T: [[1]] }, JOINT],
    // each pair is possible, all three are not: 1 - 3 (0.8)^2 + 2 (0.8)^2 (-0.8) < 0
    [
      'three vectors',
      {
        Q: [
          [1, 0.8],
          [0.8, 1],
        ],
        R: [[0.8], [-0.8]],
        T: [[1]],
      },
      JOINT,
    ],
    [
      'Q that is not symmetric',
      {
        Q: [
          [1, 0.5],
          [0.1, 1],
        ],
        R: [[0], [0]],
        T: [[1]],
      },
      /^committee: Q: expected a symmetric matrix, got 0.5 in row 1, column 2 and 0.1 in row 2, column 1/,
    ],
    [
      'T that is not symmetric',
      {
        Q: [[1]],
        R: [[0, 0]],
        T: [
          [1, 0.5],
          [0, 1],
        ],
      },
      /^committee: T: expected a symmetric/,
    ],
    [
      'Q that is indefinite',
      {
        Q: [
          [0, 1],
          [1, 0],
        ],
        R: [
          [0, 0],
          [0, 0],
        ],
        T,
      },
      /^committee: Q is not positive semidefinite/,
    ],
    ['a negative length', { Q: [[-1]], R: [[0]], T: [[1]] }, /^committee: Q is not positive/],
  ])('%s', (_, committee, message) => {
    const { evaluate } = LIMITS['saad-solla']!;
    expect(() => solveCommittee(committee, 0.5, 1)).toThrow(message);
    expect(() => committeeSgd(committee, 0.5, [1], 8, 1)).toThrow(message);
    expect(() => evaluate({ ...committee, eta: 0.5, times: [0] })).toThrow(UsageError);
    // 5e-7 is less than the error that a solution of size 1 may have
    if (committee.R[0]![0] === 5e-7) return;
    expect(() => generalizationError(committee)).toThrow(message);
  });

  test('while singular ones, and what a solution comes to, are taken', () => {
    const start = { Q: [[0]], R: [[0]], T: [[1]] };
    // (1/2) (2/pi) asin(1/2), of a student that says 0
    expect(generalizationError(start)).toBeCloseTo(1 / 6, 14);
    expect(generalizationError(solveCommittee({ Q: [[0.5]], R: [[0.1]], T: [[1]] }, 0.5, 200))).toBeLessThan(1e-9);
    expect(() => solveCommittee(same, 0.5, 10)).not.toThrow();
  });
});

describe('radial', () => {
  const radial: Radial = { taus: [1.4, 0.6], targets: [1, -1], scale: 6, shape: 4, rate: 4 };
  test('the derivative of the mean is that by central differences [c]', () => {
    for (const s of [0.1, 0.7, 2])
      expect(radialMeanDerivative(s)).toBeCloseTo((radialMean(s + 1e-6) - radialMean(s - 1e-6)) / 2e-6, 8);
  });
  test('the risk falls along the flow', () => {
    const risks = [0, 0.2, 0.5, 1, 2].map((time) => solveRadial(radial, time).risk);
    expect([...risks].sort((a, b) => b - a)).toEqual(risks);
  });
});

describe('clt', () => {
  test('grows with the root of depth and with the scales, and the moment lies between 0 and 1; odd d too', () => {
    expect(cltConstant({ d: 4, depth: 9 })).toBeCloseTo(3 * cltConstant({ d: 4, depth: 1 }), 12);
    expect(cltConstant({ d: 4, depth: 1, c: 2, sb: 3 })).toBeCloseTo(6 * cltConstant({ d: 4, depth: 1 }), 12);
    const moments = [1, 2, 3, 8, 64].map((d) => secondMoment({ d, depth: 1 }));
    expect([...moments].sort((a, b) => a - b)).toEqual(moments);
    expect(moments.at(-1)!).toBeLessThan(1);
    expect(secondMoment({ d: 3, depth: 1, activation: 'relu' })).toBeCloseTo((3 + 0.25) / 2, 10);
    expect(() => secondMoment({ d: 2.5, depth: 1 })).toThrow('secondMoment: d: expected a whole number');
  });
});

describe('kernels', () => {
  test('one variable: the arcsine is the mean square; the derivatives’ kernel is its derivative by C_uv [c]', () => {
    expect(ACTIVATIONS.erf.meanSquare(0.7)).toBe(arcsineKernel({ uu: 0.7, uv: 0.7, vv: 0.7 }));
    const at = (uv: number): number => arcsineKernel({ uu: 0.8, uv, vv: 1.1 });
    // Price's theorem: d E[g(u) g(v)] / d C_uv = E[g'(u) g'(v)]
    expect(arcsineDerivativeKernel({ uu: 0.8, uv: 0.3, vv: 1.1 })).toBeCloseTo(
      (at(0.3 + 1e-6) - at(0.3 - 1e-6)) / 2e-6,
      8,
    );
  });
  test('keep their digits at a covariance of 1e15, where (1 + C)(1 + C) - C^2 has none', () => {
    // (2/pi) asin(C / (1 + C)) and (2/pi) / sqrt(1 + 2 C), by mpmath at 40 digits (exact_mpmath.py)
    const C = { uu: 1e15, uv: 1e15, vv: 1e15 };
    expect(shiftedDeterminant(C)).toBe(2e15 + 1);
    expect(arcsineKernel(C)).toBeCloseTo(0.9999999715294983, 15);
    expect(arcsineDerivativeKernel(C) / 1.423525086834353e-8).toBeCloseTo(1, 13);
  });
  test('are symmetric in their points, and largest where these agree', () => {
    const law = { c: 1, sa: 1, sb: 1, sbias: 0.5 };
    const [x, y] = [Float64Array.of(0.3, -1), Float64Array.of(1, 0.2)];
    for (const kernel of [processKernel, tangentKernel]) {
      expect(kernel(law, x, y)).toBe(kernel(law, y, x));
      expect(kernel(law, x, y) ** 2).toBeLessThan(kernel(law, x, x) * kernel(law, y, y));
    }
  });
});

test('Gauss-Legendre integrates polynomials of degree 2n - 1 exactly', () => {
  const { nodes, weights } = gaussLegendre(5, -1, 3);
  const integral = nodes.reduce((sum, x, i) => sum + weights[i]! * x ** 9, 0);
  expect(integral).toBeCloseTo((3 ** 10 - 1) / 10, 7);
});

describe('exact limits as questions', () => {
  test.each(Object.values(LIMITS))(
    '$name: the example is answered with finite numbers, an unknown key is named',
    ({ example, evaluate }) => {
      const numbers: unknown[] = [];
      JSON.stringify(
        evaluate(example),
        (_, value: unknown) => (typeof value === 'number' && numbers.push(value), value),
      );
      expect(numbers.length).toBeGreaterThan(0);
      expect(numbers.every(Number.isFinite)).toBe(true);
      expect(() => evaluate({ ...example, depht: 3 })).toThrow(/depht/);
      expect(() => evaluate({})).toThrow(/invalid config of "exact/);
    },
  );
  test.each(
    REFERENCES.map(({ limit, config, expected }) => [limit, JSON.stringify(config), { config, expected }] as const),
  )('%s %s: the reference of 40 digits [a]', (name, _, { config, expected }) => {
    const limit = limitByName(name);
    const found = limit.evaluate(config);
    // What has decayed by ten digits is 0 for all that float64 knows: errors count against the value at time 0.
    const start = 'times' in config ? limit.evaluate({ ...config, times: [0] }) : found;
    expectNear(found, expected, start, name);
  });
  test('a number that leaves float64 is an error that names it, and no null', () => {
    const saddle = { g: 1.3, kappa: 4, depth: 6, times: [0, 100] };
    expect(() => limitByName('saddle').evaluate(saddle)).toThrow(/"rows.1.limit" leaves float64/);
    const chain = { weights: [1e110, 1e110, 1e110], target: 1, times: [1] };
    expect(() => limitByName('chain').evaluate(chain)).toThrow(/float64/);
  });
  test('give the pinned values, and say what is wrong with values that are none', () => {
    const chain = limitByName('chain').evaluate({ weights: [0.9, 1, 1.1], target: 2, times: [0.5] }) as {
      rows: { product: number }[];
    };
    expect(chain.rows[0]!.product).toBeCloseTo(PINNED['chain P(0.5)'], 10);
    expect(() => limitByName('arcsine').evaluate({ uu: 1, uv: 2, vv: 1 })).toThrow(/covariance/);
    expect(() => limitByName('chain').evaluate({ weights: [0], target: 1, times: [1] })).toThrow(/no weight of 0/);
    expect(() => limitByName('saddle').evaluate({ g: 1, kappa: 2, depth: 3, times: [1], start: [0.1] })).toThrow(
      /3 layer means, got 1/,
    );
    expect(() => limitByName('chains')).toThrow(/unknown exact limit/);
  });
});

test('the finite-population variance is 0 for the whole population', () => {
  const net = smallNet(1, 1, 10);
  expect(sampledLayerVariance(net, net.layers[0]!, normals(rngKey(1), 9), 10)).toBe(0);
  expect(sampledLayerVariance(net, net.layers[0]!, normals(rngKey(1), 9), 1)).toBeCloseTo(
    1.5 ** 2 * particleVariance(net, net.layers[0]!, normals(rngKey(1), 9)),
    12,
  );
});

describe('saddle', () => {
  const saddle = { g: 1, kappa: 4, depth: 6 };

  test('without an error it stays where it is; the sign of the error does not matter [b]', () => {
    const still = trainSaddle(saddle, new Float64Array(6), 0.4, 100);
    expect(saddleDiscrepancy(saddle, still)).toBe(0);
    const start = normals(rngKey(1), 6).map((z) => z * 1e-3);
    const [up, down] = [start, start.map((z) => -z)].map((theta) =>
      saddleDiscrepancy(saddle, trainSaddle(saddle, theta, 0.4, 100)),
    );
    expect(up).toBeCloseTo(down!, 10);
  });

  test('real particles follow the closed form: m = 4096, 200 draws, within 5 standard errors [e]', () => {
    const m = 4096;
    const squares = Array.from({ length: 200 }, (_, draw) => {
      const theta = layerMeans(normals(rngKey(draw, 'particles'), 6 * m), 6);
      return m * saddleDiscrepancy(saddle, trainSaddle(saddle, theta, 0.1, 100)) ** 2;
    });
    const centre = squares.reduce((a, b) => a + b, 0) / squares.length;
    const expected = directLimit(saddle, 0.1) ** 2;
    // D^2 is a squared normal: its standard deviation is sqrt(2) times its mean.
    expect(Math.abs(centre / expected - 1)).toBeLessThan(5 * Math.sqrt(2 / squares.length));
  });

  test('the telescoped sum bounds D, and meets its limit', () => {
    const sums = Array.from({ length: 500 }, (_, draw) => {
      const theta = normals(rngKey(draw, 'telescope'), 6).map((z) => z * 1e-6);
      const sum = saddleTelescope(saddle, theta);
      expect(saddleDiscrepancy(saddle, theta)).toBeLessThanOrEqual(sum * (1 + 1e-9));
      return sum * 1e6;
    });
    expect(rms(sums)).toBeGreaterThan(telescopedLimit(saddle));
    expect(Math.abs(sums.reduce((a, b) => a + b, 0) / 500 / telescopedLimit(saddle) - 1)).toBeLessThan(0.05);
  });

  test('the rate of B1 is (kappa - 2) L - (kappa - 1)', () => {
    expect([2, 5, 9].map((depth) => growthRate({ g: 1, kappa: 4, depth }))).toEqual([1, 7, 15]);
  });
});

describe('tanh saddle', () => {
  const saddle = { g: 1.3, kappa: 4, depth: 4, spread: 0.2 };
  const train = saddleInputs(saddle, 32, 1, true);
  const heldOut = saddleInputs(saddle, 40, 1, false);

  test('the training points are closed under the swap of modes, the held-out ones are not', () => {
    for (let i = 0; i < 32; i += 2)
      expect([train[2 * i], train[2 * i + 1]]).toEqual([train[2 * i + 3], train[2 * i + 2]]);
    expect(heldOut[0]).not.toBe(heldOut[3]);
  });
  test('the gradient is the derivative of the loss [c], and vanishes in the symmetric direction at w = 0 [b]', () => {
    const w = Float64Array.of(0.1, -0.2, 0.05, 0.3);
    const loss = (at: Float64Array): number => {
      let sum = 0;
      for (let j = 0; j < train.length; j++) {
        let z = train[j]!;
        for (const value of at) z = saddle.g * z + (j % 2 === 0 ? 1 : -1) * value * Math.tanh(z);
        sum += (z - saddle.kappa * saddle.g ** 4 * train[j]!) ** 2;
      }
      return sum / train.length;
    };
    tanhSaddleGradient(saddle, w, train).forEach((value, l) => {
      const moved = (sign: number): number => loss(w.map((entry, i) => (i === l ? entry + sign * 1e-6 : entry)));
      expect(value).toBeCloseTo((moved(1) - moved(-1)) / 2e-6, 6);
    });
    for (const value of tanhSaddleGradient(saddle, new Float64Array(4), train))
      expect(Math.abs(value)).toBeLessThan(1e-14);
  });
  test('small errors grow at the linearized rate, and the telescoped sum bounds D', () => {
    const theta = new Float64Array(4 * 8).fill(1e-5);
    const before = tanhSaddleDiscrepancy(saddle, tanhMeans(theta, 4), heldOut);
    expect(before).toBeLessThanOrEqual(tanhSaddleTelescope(saddle, tanhMeans(theta, 4), heldOut) * (1 + 1e-9));
    const linear = linearizedTanhSaddle(saddle, tanhMeans(theta, 4), train, squaredDerivatives(theta, 4), 0.1);
    trainTanhSaddle(saddle, theta, train, 0.1, 2000);
    const after = tanhSaddleDiscrepancy(saddle, tanhMeans(theta, 4), heldOut);
    expect(after).toBeGreaterThan(1.05 * before);
    expect(after / tanhSaddleDiscrepancy(saddle, linear, heldOut)).toBeCloseTo(1, 3);
  });
});

test('adding an exact limit is registering one object; a name twice or unknown is refused', () => {
  const double: Limit = {
    name: 'double',
    law: 'twice the value',
    example: { value: 2 },
    evaluate: (config) => ({ double: 2 * (config as { value: number }).value }),
  };
  registerLimit(double);
  try {
    expect(limitByName('double').evaluate({ value: 3 })).toEqual({ double: 6 });
    expect(() => registerLimit(double)).toThrow('the exact limit "double" is registered already');
    expect(() => limitByName('duble')).toThrow(/Did you mean "double"\?/);
  } finally {
    delete LIMITS.double;
  }
  expect(Object.values(LIMITS).map(({ name }) => name)).toEqual(Object.keys(LIMITS));
});
