/**
 * Imitation in closed form: the output weights of each thin layer by ridge regression, its input weights as they are.
 */
import { filled } from '../../src/core/host-array.js';
import { checkFinite } from '../../src/core/range.js';
import { checkStates } from '../network/discrepancy.js';
import { ACTIVATIONS } from '../model/activations.js';
import { checkUniform, type Net } from '../model/particles.js';
import { activations } from '../network/network.js';
import { factorLinear } from '../numerics/linear.js';

/** How a layer's output weights are fitted. */
export interface RidgeOptions {
  /** The penalty, relative to the mean square of the features. */
  readonly ridge: number;
  /** The wide net's activations on x, where they are known. */
  readonly targets?: readonly Float64Array[];
}

/**
 * Replaces b of every layer of `thin`, in place, by the minimizer of (1/N) sum |S_l(A_{l-1}) - A_l|^2 + lambda |b|^2,
 * with A the wide net's activations on x [N, d] and lambda = ridge times the mean square of a sample's features (c/m)
 * act(a_i . A_{l-1} + bias_i). Solved in the N samples: (K + lambda) w = A_l - alpha A_{l-1} with K [N, N] the Gram
 * matrix, b_i = sum_n feature_ni w_n. Throws RangeError when the nets differ in depth, dimension, alpha or c,
 * and on targets or a ridge that do not fit.
 */
export function imitateByRidge(thin: Net, wide: Net, x: Float64Array, { ridge, targets }: RidgeOptions): void {
  const { d, alpha, c } = thin;
  [thin, wide].forEach((net) => checkUniform('imitateByRidge', net));
  if (thin.layers.length !== wide.layers.length || d !== wide.d || alpha !== wide.alpha || c !== wide.c)
    throw new RangeError('imitateByRidge: expected nets of one depth, dimension, alpha and c');
  checkFinite('imitateByRidge: ridge', ridge, 0);
  const { at } = ACTIVATIONS[thin.activation];
  const n = x.length / d;
  const values = targets ?? activations(wide, x);
  checkStates('imitateByRidge: targets', wide, values);
  thin.layers.forEach(({ m, a, b, bias }, l) => {
    const [z, target] = [values[l]!, values[l + 1]!];
    const features = Array.from({ length: n }, (_, s) =>
      filled(new Float64Array(m), (i) => {
        let u = bias[i]!;
        for (let k = 0; k < d; k++) u += a[i * d + k]! * z[s * d + k]!;
        return (c / m) * at(u)[0];
      }),
    );
    const gram = features.map(() => new Array<number>(n));
    for (let s = 0; s < n; s++)
      for (let r = 0; r <= s; r++) {
        const [row, other] = [features[s]!, features[r]!];
        let sum = 0;
        for (let i = 0; i < m; i++) sum += row[i]! * other[i]!;
        gram[s]![r] = gram[r]![s] = sum;
      }
    const lambda = (ridge * gram.reduce((sum, row, s) => sum + row[s]!, 0)) / n;
    const solve = factorLinear(gram.map((row, s) => row.map((value, r) => (r === s ? value + lambda : value))));
    for (let k = 0; k < d; k++) {
      const weights = solve(filled(new Float64Array(n), (s) => target[s * d + k]! - alpha * z[s * d + k]!));
      for (let i = 0; i < m; i++) b[i * d + k] = features.reduce((sum, row, s) => sum + row[i]! * weights[s]!, 0);
    }
  });
}
