/**
 * Imitation in closed form: the output weights of each thin layer by ridge regression, its input weights as they are.
 */
import { filled } from '../../src/core/host-array.js';
import { checkAllFinite, checkFinite, checkObject } from '../../src/core/range.js';
import { largest } from '../../src/core/stats.js';
import { checkStates } from '../network/discrepancy.js';
import { ACTIVATIONS } from '../model/activations.js';
import { checkNet } from '../model/check.js';
import { checkGiven } from '../model/arrays.js';
import { checkUniform, type Net } from '../model/particles.js';
import { activations } from '../network/network.js';
import { factorLinear, singularValues } from '../numerics/linear.js';
import { exponentOf, timesPowerOfTwo } from '../numerics/scale.js';

/** How a layer's output weights are fitted. */
export interface RidgeOptions {
  /** The penalty, relative to the mean square of the features; 0 is the least squares fit of smallest weights. */
  readonly ridge: number;
  /** The wide net's activations on x, where they are known. */
  readonly targets?: readonly Float64Array[];
}

/** Ridge from which the Gram matrix, which squares the features' condition, is solved to all digits that count. */
const SQUARED = 1e-6;

/**
 * Replaces b of every layer of `thin`, in place, by the minimizer of (1/N) sum |S_l(A_{l-1}) - A_l|^2 + lambda |b|^2,
 * with A the wide net's activations on x [N, d] and lambda = ridge times the mean square of a sample's features (c/m)
 * act(a_i . A_{l-1} + bias_i). Solved in the N samples: (K + lambda) w = A_l - alpha A_{l-1} with K [N, N] the Gram
 * matrix, b_i = sum_n feature_ni w_n. A ridge below 1e-6 is solved by the features' singular values, in some ten times
 * the time, and where more than one b is a minimizer to float64, the smallest one is given: 0 where c is. Throws
 * RangeError when the nets differ in depth, dimension, alpha or c, on x, targets or a ridge that do not fit, and where
 * float64 ends; `thin` is then as it was.
 */
export function imitateByRidge(thin: Net, wide: Net, x: Float64Array, options: RidgeOptions): void {
  for (const [name, net] of Object.entries({ thin, wide })) checkGiven(`imitateByRidge: ${name}`, net);
  checkObject('imitateByRidge: options', options, ['ridge']);
  const { ridge, targets } = options;
  const { d, alpha, c } = thin;
  [thin, wide].forEach((net) => {
    checkUniform('imitateByRidge', net);
    checkNet(net);
  });
  if (thin.layers.length !== wide.layers.length || d !== wide.d || alpha !== wide.alpha || c !== wide.c)
    throw new RangeError('imitateByRidge: expected nets of one depth, dimension, alpha and c');
  checkFinite('imitateByRidge: ridge', ridge, 0);
  const { at } = ACTIVATIONS[thin.activation];
  const n = x.length / d;
  const values = targets ?? activations(wide, x);
  checkStates('imitateByRidge: targets', wide, values, x);
  for (const value of values) checkAllFinite('imitateByRidge: targets', value);
  const fitted = thin.layers.map(({ m, a, bias }, l) => {
    const [z, target] = [values[l]!, values[l + 1]!];
    const given = Array.from({ length: n }, (_, s) =>
      filled(new Float64Array(m), (i) => {
        let u = bias[i]!;
        for (let k = 0; k < d; k++) u += a[i * d + k]! * z[s * d + k]!;
        return (c / m) * at(u)[0];
      }),
    );
    // by a power of two, which changes no digit, so that squares neither overflow nor vanish
    const exponent = exponentOf(largest(given.map((row) => row.reduce((most, v) => Math.max(most, Math.abs(v)), 0))));
    const features = given.map((row) => row.map((value) => timesPowerOfTwo(value, -exponent)));
    const solve = (ridge >= SQUARED ? bySamples : bySingularValues)(features, ridge);
    const b = new Float64Array(m * d);
    for (let k = 0; k < d; k++) {
      const column = solve(filled(new Float64Array(n), (s) => target[s * d + k]! - alpha * z[s * d + k]!));
      for (let i = 0; i < m; i++) b[i * d + k] = timesPowerOfTwo(column[i]!, -exponent);
    }
    if (!b.every(Number.isFinite))
      throw new RangeError(
        `imitateByRidge: layer ${l + 1}: the output weights leave float64; particles, targets or a ridge of another size are needed`,
      );
    return b;
  });
  thin.layers.forEach(({ b }, l) => b.set(fitted[l]!));
}

/** Output weights [m] of one coordinate for its targets [N]. */
type Solver = (targets: Float64Array) => Float64Array;

/** The minimizer by the Gram matrix of features [N][m], for a ridge that makes it well-conditioned. */
function bySamples(features: readonly Float64Array[], ridge: number): Solver {
  const [n, m] = [features.length, features[0]!.length];
  const gram = features.map(() => new Array<number>(n));
  for (let s = 0; s < n; s++)
    for (let r = 0; r <= s; r++) {
      const [row, other] = [features[s]!, features[r]!];
      let sum = 0;
      for (let i = 0; i < m; i++) sum += row[i]! * other[i]!;
      gram[s]![r] = gram[r]![s] = sum;
    }
  const lambda = (ridge * gram.reduce((sum, row, s) => sum + row[s]!, 0)) / n;
  if (lambda === 0) return () => new Float64Array(m); // no feature
  const solve = factorLinear(gram.map((row, s) => row.map((value, r) => (r === s ? value + lambda : value))));
  return (targets) => {
    const weights = solve(targets);
    return filled(new Float64Array(m), (i) => features.reduce((sum, row, s) => sum + row[i]! * weights[s]!, 0));
  };
}

/** The minimizer by the singular values s of features [N][m], sum_j v_j s_j / (s_j^2 + lambda) (u_j . targets). */
function bySingularValues(features: readonly Float64Array[], ridge: number): Solver {
  const [n, m] = [features.length, features[0]!.length];
  const { values, left, right } = singularValues(features);
  const lambda = (ridge * values.reduce((sum, value) => sum + value * value, 0)) / n;
  // what is below is rounding of the features, and no direction of theirs
  const least = Number.EPSILON * Math.max(n, m) * largest(values);
  return (targets) => {
    const weights = new Float64Array(m);
    values.forEach((value, j) => {
      if (!(value > least)) return;
      const along = left[j]!.reduce((sum, entry, s) => sum + entry * targets[s]!, 0);
      const share = along / (value + lambda / value);
      for (let i = 0; i < m; i++) weights[i]! += share * right[j]![i]!;
    });
    return weights;
  };
}
