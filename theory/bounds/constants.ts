/** Constants of one layer that the bounds are made of. */
import { checkAllFinite, checkWhole } from '../../src/core/range.js';
import { lookUp } from '../../src/core/registry.js';
import { ACTIVATIONS, type Activation, type ActivationBound } from '../model/activations.js';
import { checkNet } from '../model/check.js';
import { checkUniform, layerNet, singleLayer, type Layer, type Net } from '../model/particles.js';
import { symmetricEigenvalues } from '../numerics/linear.js';
import { exponentOf, safeProduct, timesPowerOfTwo } from '../numerics/scale.js';

/**
 * The constants of an activation that the bounds on direct training use. Throws RangeError for one that is not bounded
 * and twice differentiable (relu), which those bounds do not cover; UsageError for one that is none.
 */
export function activationBound(activation: Activation): ActivationBound {
  const { bound } = lookUp('activation', ACTIVATIONS, activation);
  if (bound === undefined)
    throw new RangeError(
      `the bounds on direct training need a bounded, smooth activation (tanh, erf), got ${activation}`,
    );
  return bound;
}

/**
 * sqrt(lambda_max((1/m) sum_i v_i v_i^T)) of rows v [m, d]: the operator norm that Cauchy-Schwarz over particles gives.
 * Throws RangeError unless rows are [m, d], and finite, and where the norm leaves float64.
 */
export function rowNorm(rows: Float64Array, d: number): number {
  checkWhole('rowNorm: d', d, 1);
  if (rows.length === 0 || rows.length % d !== 0)
    throw new RangeError(`rowNorm: rows: expected [m, ${d}] with m >= 1, got ${rows.length} numbers`);
  checkAllFinite('rowNorm: rows', rows);
  const m = rows.length / d;
  // by a power of two, which changes no digit, so that squares neither overflow nor vanish
  const exponent = exponentOf(rows.reduce((most, value) => Math.max(most, Math.abs(value)), 0));
  const scaled = rows.map((value) => timesPowerOfTwo(value, -exponent));
  const norm = timesPowerOfTwo(scaledRowNorm(scaled, m, d), exponent);
  if (!Number.isFinite(norm)) throw new RangeError('rowNorm: the norm leaves float64; smaller rows are needed');
  return norm;
}

function scaledRowNorm(rows: Float64Array, m: number, d: number): number {
  const gram = Array.from({ length: d }, () => new Array<number>(d).fill(0));
  for (let i = 0; i < m; i++)
    for (let k = 0; k < d; k++) for (let j = 0; j <= k; j++) gram[k]![j]! += (rows[i * d + k]! * rows[i * d + j]!) / m;
  if (d === 1) return Math.sqrt(gram[0]![0]!);
  for (let k = 0; k < d; k++) for (let j = 0; j < k; j++) gram[j]![k] = gram[k]![j]!;
  return Math.sqrt(Math.max(0, ...symmetricEigenvalues(gram)));
}

/**
 * G_l >= Lip(S_l): J = alpha I + (c/m) sum_i s_i b_i a_i^T, |s_i| <= sup |act'| <= 1, and for unit u, v Cauchy-Schwarz
 * over particles gives u^T (1/m) sum s_i b_i a_i^T v <= sqrt((1/m) sum (u.b_i)^2) sqrt((1/m) sum (a_i.v)^2) <=
 * rowNorm(b) rowNorm(a). alpha and c are the layer's own where it has some, as in `layerForward`. Throws RangeError on
 * a net or a layer whose numbers are none.
 */
export function layerLipschitz(net: Net, layer: Layer): number {
  checkNet({ ...net, layers: [layer] });
  const { alpha, c, d, activation } = layerNet(net, layer);
  const [{ lipschitz }, { a, b }] = [ACTIVATIONS[activation], layer];
  return Math.abs(alpha) + safeProduct(Math.abs(c), lipschitz, rowNorm(a, d), rowNorm(b, d));
}

/**
 * Lip(S_{>l}) <= prod_{k>l} G_k for l = 1 .. L; the last one is the empty product, 1. Infinite where that leaves
 * float64. Throws RangeError on a net that {@link layerLipschitz} refuses, and on scales of the layers' own.
 */
export function tailLipschitz(net: Net): number[] {
  checkUniform('bounds', net);
  const constants = net.layers.map((layer, l) => layerLipschitz(singleLayer(net, l), layer));
  const tails = new Array<number>(net.layers.length).fill(1);
  for (let l = net.layers.length - 2; l >= 0; l--) {
    tails[l] = tails[l + 1]! * constants[l + 1]!;
    // a product on the way may leave float64 where the whole does not
    if (!(tails[l]! > 1e-290 && tails[l]! < Infinity))
      tails[l] = constants.includes(0, l + 1) ? 0 : safeProduct(...constants.slice(l + 1).reverse());
  }
  return tails;
}
