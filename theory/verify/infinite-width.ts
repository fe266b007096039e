/** The infinite-width limit of sqrt(m) D against closed forms, and against real particles. */
import { mean, standardDeviation } from '../../src/core/stats.js';
import { normals, rngKey } from '../../src/core/rng.js';
import { cltConstant } from '../exact/clt.js';
import {
  infiniteEnds,
  linearResidual,
  residualDepthLimit,
  type LinearResidualState,
} from '../exact/linear-residual.js';
import { linearNetLimit, type LinearSetting } from '../exact/linear-net.js';
import { residualForward, residualNet, trainResidual } from '../flow/residual.js';
import { trainDirect } from '../flow/direct.js';
import { limitsOf, type LimitSettings, type WidthLimit } from '../limit/extrapolate.js';
import { copyNet, initialNet, thinNet, type Shape } from '../model/particles.js';
import { sineTask } from '../model/task.js';
import { discrepancy } from '../network/discrepancy.js';
import { check, repeat, type Check } from './check.js';

type Drawn = Omit<Shape, 'm'>;

const SPENT = { seed: 1, target: 0.08, particles: { first: 256, most: 2048 }, nets: 256 };

function draws(shape: Drawn, rho: number): LimitSettings['draw'] {
  return (m, draw) => initialNet(1, { ...shape, m }, { rho }, ['limit', m, draw]);
}

/** A limit beside its closed form: within 1.5 half-widths of the 95 % interval, three standard errors. */
function beside(id: string, expected: number, { sqrtMD, error }: WidthLimit): Check {
  return check(id, 'particle', expected, sqrtMD, 1.5 * error);
}

/** At time zero, where the central limit theorem knows it. */
async function atTimeZero(depth: number): Promise<Check> {
  const shape = { depth, d: 4, alpha: 1, c: 1 };
  const points = normals(rngKey(1, 'infinite width', 'points'), 2000 * shape.d);
  const course = { train: sineTask(1, 4, 4, 1).train, points, flow: { steps: 0, dt: 1 } };
  const [limit] = await limitsOf({ ...SPENT, course, draw: draws(shape, 0) });
  return beside(`sqrt(m) D in the limit, T = 0, L = ${depth}`, cltConstant({ d: 4, depth }), limit!);
}

/** A trained linear net, whose second moments close. */
const LINEAR = { depth: 3, d: 2, alpha: 1, c: 1 };
const TRAINED = { steps: 10, dt: 0.1 };

function linearSetting(): LinearSetting {
  const { train, heldOut } = sineTask(1, 2, 8, 16);
  return { ...LINEAR, law: { rho: 0.3 }, train, points: heldOut.x, ...TRAINED };
}

/** lim sqrt(m) D of that net, pinned on 2026-11-26; the limit by particles, a second route, is compared with it. */
const LINEAR_LIMIT = 1.3518100117;

async function linearNets(): Promise<Check[]> {
  const { train, points } = linearSetting();
  const course = { train, points, flow: TRAINED };
  const [limit] = await limitsOf({ ...SPENT, course, draw: draws({ ...LINEAR, activation: 'identity' }, 0.3) });
  const exact = linearNetLimit(linearSetting());
  // |x|^2 = d at every point, so that the theorem's mean over x is the points'
  const corners = Float64Array.of(1, 1, 1, -1);
  const atZero = linearNetLimit({ ...linearSetting(), law: { rho: 0 }, points: corners, steps: 0 });
  const expected = cltConstant({ d: 2, depth: LINEAR.depth, activation: 'identity' });
  return [
    check('linear net, sqrt(m) D, T = 0', 'exact', expected, atZero, 1e-8 * expected),
    check('linear net, sqrt(m) D, T = 1', 'exact', LINEAR_LIMIT, exact, 1e-7 * LINEAR_LIMIT),
    beside('linear net, sqrt(m) D in the limit, T = 1', exact, limit!),
  ];
}

/** m D^2 of trained thin nets of real particles beside the limit's, coupled, with what a finite M takes away. */
async function realParticles(name: string, { alpha, c, rho }: { alpha: number; c: number; rho: number }) {
  const [M, m, count] = [4096, 128, 24];
  const shape = { depth: 2, d: 2, alpha, c };
  const { train, heldOut } = sineTask(1, 2, 16, 32);
  const flow = { steps: 10, dt: 0.1 };
  const [limit] = await limitsOf({ ...SPENT, course: { train, points: heldOut.x, flow }, draw: draws(shape, rho) });
  const initial = initialNet(2, { ...shape, m: M }, { rho });
  const wide = copyNet(initial);
  trainDirect(wide, train, flow);
  const squares = repeat(count, (draw) => {
    const thin = thinNet(initial, m, 2, draw);
    trainDirect(thin, train, flow);
    return (m * discrepancy(thin, wide, heldOut.x) ** 2) / (1 - m / M);
  });
  const { sqrtMD, error } = limit!;
  // a half-width of 95 % is two standard errors
  const standard = Math.hypot(standardDeviation(squares) / Math.sqrt(count), sqrtMD * error);
  return check(`m D^2 of real particles, ${name}, T = 1`, 'particle', sqrtMD ** 2, mean(squares), 3 * standard);
}

/** The deep residual nets' setting: 10 samples in R^5, 5 outputs, 14 steps (studies/residual.ts). */
function residualSetting(eta: number) {
  const rows = (name: string): number[][] => {
    const values = normals(rngKey(1, 'residual', name), 10 * 5);
    return Array.from({ length: 10 }, (_, i) => [...values.subarray(5 * i, 5 * i + 5)]);
  };
  return { x: rows('x'), y: rows('y'), eta, steps: 14 };
}

/**
 * Loss of the linear ones in the joint limit M = D = infinity, pinned on 2026-11-26: of 50 blocks at eta = 1, and for
 * L = infinity at eta = 0.2, with the term 1/L.
 */
const RESIDUAL_LOSS = { blocks: 0.27461624594949585, infinite: 0.3257069597878, term: 0.0198414872 };

/** The output of real units after training beside the recursion's, of the moments that they have at the start. */
function unitsCheck(): Check {
  const [D, M, L, inputs, outputs, n] = [6, 9, 5, 2, 2, 4];
  const [x, y] = ['x', 'y'].map((name) => normals(rngKey(2, 'residual', name), n * inputs)) as [
    Float64Array,
    Float64Array,
  ];
  const rows = (values: Float64Array, columns: number, scale = 1): number[][] =>
    Array.from({ length: values.length / columns }, (_, i) =>
      Array.from(values.subarray(i * columns, (i + 1) * columns), (value) => scale * value),
    );
  const model = residualNet(1, { D, M, L, inputs, outputs, activation: 'identity' });
  // a = u / D and b = v
  const start = model.net.layers.map(({ a, b }) => {
    const [u, v] = [rows(a, D, D), rows(b, D)];
    const moment = (left: number[][], right: number[][]): number[][] =>
      Array.from({ length: D }, (_, i) =>
        Array.from(
          { length: D },
          (_row, k) => left.reduce((sum, one, j) => sum + one[i]! * right[j]![k]!, 0) / (M * D),
        ),
      );
    return { A: moment(u, u), B: moment(v, v), C: moment(v, u) };
  });
  const ends = {
    embedding: rows(model.embedding, inputs, 1 / Math.sqrt(D)),
    readout: rows(model.readout, outputs, 1 / Math.sqrt(D)),
  };
  const training = { x: rows(x, inputs), y: rows(y, outputs), eta: 0.2, steps: 6 };
  const expected = linearResidual({ blocks: L, ...ends, ...training, start }).output.flat();
  trainResidual(model, x, y, training.eta, training.steps);
  const { output } = residualForward(model, x);
  const largest = expected.reduce((most, value, i) => Math.max(most, Math.abs(output[i]! - value)), 0);
  return check('linear residual net, real units beside the recursion', 'exact', 0, largest, 1e-10);
}

function residualNets(): Check[] {
  const lossOf = ({ losses }: LinearResidualState): number => losses.at(-1)!;
  const found = lossOf(linearResidual({ ...residualSetting(1), blocks: 50, ...infiniteEnds(5, 5) }));
  const { value, term } = residualDepthLimit(residualSetting(0.2), lossOf);
  const pinned = (what: string, expected: number, measured: number): Check =>
    check(`linear residual net, M = D = infinity, ${what}`, 'exact', expected, measured, 1e-8 * Math.abs(expected));
  return [
    pinned('loss, L = 50', RESIDUAL_LOSS.blocks, found),
    pinned('loss, L = infinity', RESIDUAL_LOSS.infinite, value),
    // extrapolated once more, from differences of losses
    check('linear residual net, term 1/L of the loss', 'exact', RESIDUAL_LOSS.term, term, 1e-6 * RESIDUAL_LOSS.term),
    unitsCheck(),
  ];
}

/** Closed forms at time zero and of linear nets, residual ones, too; real particles with a skip and without. */
export async function infiniteWidthChecks(): Promise<Check[]> {
  return [
    await atTimeZero(1),
    await atTimeZero(4),
    ...(await linearNets()),
    ...residualNets(),
    await realParticles('skip', { alpha: 1, c: 1, rho: 0 }),
    await realParticles('no skip', { alpha: 0, c: 2, rho: 0.9 }),
  ];
}
