/** Bounds on the discrepancy after imitation, on points x [N, d]. S is the thin net, B the wide one. */
import { layerErrors, rmsDistance, telescope } from '../network/discrepancy.js';
import { activations, layerForward } from '../network/network.js';
import type { Net } from '../model/particles.js';
import { tailLipschitz } from './constants.js';

/**
 * I1: D <= sum_l h_l. With hybrids H_l = S_{>l} o B_{<=l} (H_0 = S, H_L = B), S - B = sum_l (H_{l-1} - H_l); the
 * triangle inequality in L2(x). Nothing but measured distances enters.
 */
export function telescopedBound(thin: Net, wide: Net, x: Float64Array): number {
  return telescope(thin, wide, x).reduce((sum, h) => sum + h, 0);
}

/**
 * I2: D <= sum_l Lip(S_{>l}) eps_l, as H_{l-1} - H_l = S_{>l}(S_l(z)) - S_{>l}(B_l(z)) at z = B_{<l}(x), and eps_l =
 * rms |S_l(z) - B_l(z)| is what imitation with wide inputs trains. Lip by global operator norms: exponential in L
 * unless they are 1 + O(1/L).
 */
export function lipschitzBound(thin: Net, wide: Net, x: Float64Array): number {
  const tails = tailLipschitz(thin);
  return layerErrors(thin, wide, x).reduce((sum, error, l) => sum + carried(tails[l]!, error), 0);
}

/** What an error becomes behind layers of this Lipschitz constant: none stays none, behind an infinite one, too. */
const carried = (tail: number, error: number): number => (error === 0 ? 0 : tail * error);

/**
 * I2': the same with the wide net's tails and errors on the thin net's own inputs, D <= sum_l Lip(B_{>l}) rms
 * |S_l(S_{<l}) - B_l(S_{<l})|: the other way to telescope, B_{>l} o S_{<=l}. The form of the paper's l_B.
 */
export function wideTailBound(thin: Net, wide: Net, x: Float64Array): number {
  const tails = tailLipschitz(wide);
  const own = activations(thin, x);
  return thin.layers.reduce(
    (sum, _, l) =>
      sum + carried(tails[l]!, rmsDistance(own[l + 1]!, layerForward(wide, wide.layers[l]!, own[l]!), wide.d)),
    0,
  );
}
