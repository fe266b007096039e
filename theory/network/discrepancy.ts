/**
 * Distances between a thin net S and a wide net B with as many layers and the same read maps, on points x [N, d] ([N,
 * inputs] with a read-in).
 */
import { checkGiven } from '../model/arrays.js';
import { checkList } from '../../src/core/range.js';
import { activations, layerForward, output, outputFrom } from './network.js';
import { inputsOf, outputsOf, type Net } from '../model/particles.js';

/** Throws RangeError unless two nets have as many layers, of one dimension. */
function checkPair(what: string, thin: Net, wide: Net): void {
  for (const [name, net] of Object.entries({ thin, wide })) checkGiven(`${what}: ${name}`, net);
  if (thin.layers.length !== wide.layers.length || thin.d !== wide.d)
    throw new RangeError(
      `${what}: expected nets of one depth and dimension, ` +
        `got ${thin.layers.length} x ${thin.d} and ${wide.layers.length} x ${wide.d}`,
    );
}

/**
 * Throws RangeError unless `values` are those of all states z_0 .. z_L of a net, in one shape, on as many samples as x
 * [N, inputs] has.
 */
export function checkStates(what: string, net: Net, values: readonly Float64Array[], x: Float64Array): void {
  const { d, layers } = net;
  const [first] = values;
  const fits = values.length === layers.length + 1 && values.every(({ length }) => length === first!.length);
  if (!fits || first!.length === 0 || first!.length % d !== 0)
    throw new RangeError(
      `${what}: expected ${layers.length + 1} states [N, ${d}], got ${values.length} of ` +
        `${[...new Set(values.map(({ length }) => length))].join(', ')} numbers`,
    );
  const expected = (first!.length / d) * inputsOf(net);
  if (x.length !== expected)
    throw new RangeError(
      `${what}: expected states on the samples of x, got ${first!.length / d} of them and x of ${x.length} numbers, ` +
        `where they are ${expected}`,
    );
}

/** sqrt((1/N) sum_n |u_n - v_n|^2) of two arrays [N, d]. Throws RangeError unless both have that shape. */
export function rmsDistance(u: Float64Array, v: Float64Array, d: number): number {
  checkList('rmsDistance: u', u);
  checkList('rmsDistance: v', v);
  if (u.length !== v.length || u.length === 0 || !Number.isInteger(d) || d < 1 || u.length % d !== 0)
    throw new RangeError(`rmsDistance: expected two arrays [N, ${d}], got ${u.length} and ${v.length} numbers`);
  let sum = 0;
  for (let j = 0; j < u.length; j++) sum += (u[j]! - v[j]!) ** 2;
  return Math.sqrt(sum / (u.length / d));
}

/**
 * Root of the mean squared output, sqrt(E_x |B(x)|^2), by which a relative discrepancy is divided. `target` is B(x)
 * [N, d], where it is known already.
 */
export function outputSize(net: Net, x: Float64Array, target = output(net, x)): number {
  return rmsDistance(target, new Float64Array(target.length), outputsOf(net));
}

/** D[S, B] = sqrt(E_x |S(x) - B(x)|^2), with x [N, d]. `target` is B(x), where it is known already. */
export function discrepancy(thin: Net, wide: Net, x: Float64Array, target = output(wide, x)): number {
  return rmsDistance(output(thin, x), target, outputsOf(wide));
}

/**
 * D by layer: sqrt(E_x |S_{<=l}(x) - B_{<=l}(x)|^2) for l = 1 .. L, both fed with x; the last one is D, but for a
 * read-out, which D is measured behind. Throws RangeError when the nets differ in depth or dimension.
 */
export function discrepancies(thin: Net, wide: Net, x: Float64Array): number[] {
  checkPair('discrepancies', thin, wide);
  const [s, b] = [activations(thin, x), activations(wide, x)];
  return thin.layers.map((_, l) => rmsDistance(s[l + 1]!, b[l + 1]!, wide.d));
}

/**
 * eps_l: distance of layer l of S from layer l of B, both fed with B's activations; one number per layer. `values` are
 * B's activations on x, where they are known. Throws RangeError when the nets differ in depth or dimension.
 */
export function layerErrors(
  thin: Net,
  wide: Net,
  x: Float64Array,
  values: readonly Float64Array[] = activations(wide, x),
): number[] {
  checkPair('layerErrors', thin, wide);
  checkStates('layerErrors: values', wide, values, x);
  return thin.layers.map((layer, l) => rmsDistance(layerForward(thin, layer, values[l]!), values[l + 1]!, wide.d));
}

/**
 * The telescoped sum. With hybrids H_l = S_{>l} o B_{<=l} (H_0 = S, H_L = B), S - B = sum_l (H_{l-1} - H_l), so by the
 * triangle inequality D <= sum_l h_l with h_l = rms(H_{l-1} - H_l). No constants enter: bound I1. Returns h_1 .. h_L.
 * `values` are B's activations on x, where they are known. Throws RangeError when the nets differ in depth or
 * dimension.
 */
export function telescope(
  thin: Net,
  wide: Net,
  x: Float64Array,
  values: readonly Float64Array[] = activations(wide, x),
): number[] {
  checkPair('telescope', thin, wide);
  checkStates('telescope: values', wide, values, x);
  const hybrids = values.map((value, l) => outputFrom(thin, value, l));
  return thin.layers.map((_, l) => rmsDistance(hybrids[l]!, hybrids[l + 1]!, outputsOf(wide)));
}
