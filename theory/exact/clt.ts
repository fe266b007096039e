/** Central limit of the thin net at time zero. */
import { checkFinite, checkWhole } from '../../src/core/range.js';
import { lookUp } from '../../src/core/registry.js';
import { ACTIVATIONS, type Activation } from '../model/activations.js';
import { gamma } from '../numerics/gamma.js';
import { safeProduct } from '../numerics/scale.js';

/** A net at time zero with alpha = 1 and rho = 0: constants that are left out are those of `InitialLaw`, and c = 1. */
export interface CltSetting {
  readonly d: number;
  readonly depth: number;
  readonly activation?: Activation;
  readonly c?: number;
  readonly sa?: number;
  readonly sb?: number;
  readonly sbias?: number;
}

/** Density of log |x| over its largest value below which points of the quadrature are left out. */
const NEGLIGIBLE = 1e-18;

/** Deviation from which, and up to whose inverse, every mean square is its limit to all digits. */
const ENDLESS = 1e100;

/**
 * E act(a . x + bias)^2 for x ~ N(0, I_d), a ~ N(0, sa^2 I), bias ~ N(0, sbias^2): given x the pre-activation is N(0,
 * sa^2 |x|^2 + sbias^2), and s = |x| has the density 2 s^(d-1) exp(-s^2/2) / (2^(d/2) Gamma(d/2)). By the trapezoidal
 * rule in log s, which converges exponentially at any scale of the weights. To 1e-12 of its value. Throws RangeError on
 * a d, or a std, that is none, and where the value leaves float64.
 */
export function secondMoment(setting: CltSetting): number {
  const root = rootAtTheEnds(setting);
  if (root === undefined) return integratedMoment(setting);
  if (!Number.isFinite(root * root))
    throw new RangeError('secondMoment: the moment leaves float64; a smaller sa or sbias is needed');
  return root * root;
}

/**
 * The root of {@link secondMoment} where sa and sbias are so large, or so small, that act is its limit: 1 in size, or a
 * share of the pre-activation, whose mean square is sa^2 d + sbias^2. Undefined between. Throws RangeError on numbers
 * that are none.
 */
function rootAtTheEnds({ d, activation = 'tanh', sa = 1, sbias = 0.5 }: CltSetting): number | undefined {
  checkWhole('secondMoment: d', d, 1, 170); // beyond, the density's factor Gamma(d/2) leaves its table
  for (const [name, std] of Object.entries({ sa, sbias })) checkFinite(`secondMoment: ${name}`, std, 0);
  const { bound, meanSquare } = lookUp('activation', ACTIVATIONS, activation);
  const largest = Math.max(sa, sbias);
  if (largest <= ENDLESS && largest >= 1 / ENDLESS) return undefined;
  if (largest > ENDLESS && bound !== undefined) return 1;
  const q = largest > 1 ? ENDLESS : 1 / ENDLESS;
  return Math.sqrt(meanSquare(q) / q) * Math.hypot(sa * Math.sqrt(d), sbias);
}

function integratedMoment({ d, activation = 'tanh', sa = 1, sbias = 0.5 }: CltSetting): number {
  const { meanSquare } = ACTIVATIONS[activation];
  const h = Math.min(0.1, 0.25 / Math.sqrt(d));
  const [middle, scale] = [Math.log(d) / 2, 2 / (2 ** (d / 2) * gamma(d / 2))];
  const density = (x: number): number => scale * Math.exp(d * x - Math.exp(2 * x) / 2);
  const largest = density(middle);
  let sum = 0;
  for (const side of [-1, 1])
    for (let i = side < 0 ? 1 : 0; ; i++) {
      const x = middle + side * i * h;
      const weight = density(x);
      if (!(weight > NEGLIGIBLE * largest)) break;
      sum += h * weight * meanSquare((sa * Math.exp(x)) ** 2 + sbias ** 2);
    }
  return sum;
}

/**
 * lim sqrt(m) D at time zero for alpha = 1 and rho = 0: |c| sb sqrt(L d E act^2). The infinitely wide layers add
 * nothing, so every layer sees x, and the layers' errors are independent: c^2/m times the variance of one particle's
 * output adds up, to leading order in 1/m. Throws RangeError as {@link secondMoment} does, on a depth or a scale that
 * is none, and where the limit leaves float64.
 */
export function cltConstant(setting: CltSetting): number {
  const { d, depth, c = 1, sb = 1 } = setting;
  checkWhole('cltConstant: depth', depth, 1);
  checkFinite('cltConstant: c', c);
  checkFinite('cltConstant: sb', sb, 0);
  const root = rootAtTheEnds(setting);
  // a moment may leave float64 where its root does not
  const size =
    root === undefined ? Math.sqrt(depth * d * integratedMoment(setting)) : safeProduct(Math.sqrt(depth * d), root);
  const limit = safeProduct(Math.abs(c), sb, size);
  if (!Number.isFinite(limit)) throw new RangeError('cltConstant: the limit leaves float64; smaller scales are needed');
  return limit;
}
