/** Numbers that were computed once with high accuracy, and the code that computes them again. */
import { chainDiscrepancy, chainProduct, chainWeights } from '../exact/chain.js';
import { cltConstant, secondMoment } from '../exact/clt.js';
import { arcsineKernel } from '../exact/kernels.js';
import { solveRadial } from '../exact/radial.js';
import { generalizationError } from '../exact/saad-solla.js';
import { directLimit, growthRate, telescopedLimit } from '../instances/saddle.js';
import { B, CHAIN, COMMITTEE, committee, RADIAL } from './cases.js';
import { check, type Check } from './check.js';

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
/** A value for each pinned number. */
export type Pinned = Readonly<Record<PinnedId, number>>;

/** Relative tolerance of the pinned numbers. */
const EXACT_RELATIVE = 1e-9;

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
