/**
 * Scalar linear chain, P = w_1 ... w_L trained to y by gradient flow: w_l' = (y - P) P / w_l. Saxe, McClelland, Ganguli
 * 2014.
 *
 * As w_i^2 - w_j^2 does not change, one weight q of smallest size carries all others, w_l = +-sqrt(q^2 + w_l(0)^2 -
 * q(0)^2), and q' = (y - P) R with R the product of the others. So the chain is one stiff equation, beside one linear
 * one for each derivative of q by an initial weight, and q may pass through zero, where the division by w_l may not.
 */
import { filled } from '../../src/core/host-array.js';
import { checkAllFinite, checkFinite, checkWhole } from '../../src/core/range.js';
import { integrateStiff, type StiffSystem } from '../numerics/stiff.js';

const productOf = (w: Iterable<number>): number => {
  let product = 1;
  for (const value of w) product *= value;
  return product;
};

/** Smallest size that a component is measured by: numbers far below have too few digits. */
const TINY = 1e-305;
/** Share of the size that a weight comes to below which its start says nothing of that size. */
const AT_ZERO = 1e-6;

/**
 * Size below which the smallest weight q counts as small, for the accuracy of its steps: its own at the start. One that
 * starts at 0, or near it, is measured by what it moves to, y R T, before what it pulls back by, R^2, or the change of
 * the `next` weight, stops that.
 */
function sizeOf(q: number, { y, R, next, time }: { y: number; R: number; next: number; time: number }): number {
  const reached = Math.min(Math.abs(y * R) * time, Math.abs(y / R), next);
  return Math.max(TINY, Math.abs(q) >= AT_ZERO * reached ? Math.abs(q) : reached);
}

/** A chain at one time. */
export interface ChainState {
  /** Weights [L]. */
  readonly w: number[];
  /** dw/dw(0) [L, L]. */
  readonly jacobian: number[][];
  /** dP/dw(0) [L]. */
  readonly gradient: number[];
}

/** The chain as functions of its smallest weight q. */
interface ReducedChain {
  /** The index of the smallest weight. */
  readonly smallest: number;
  /** All weights [L] at q. */
  readonly weights: (q: number) => Float64Array;
  /** R, the product of all weights but q. */
  readonly others: (w: Float64Array) => number;
}

function reduce(initial: readonly number[]): ReducedChain {
  const smallest = initial.reduce((least, w, l) => (Math.abs(w) < Math.abs(initial[least]!) ? l : least), 0);
  const start = Math.abs(initial[smallest]!);
  return {
    smallest,
    weights: (q) =>
      filled(new Float64Array(initial.length), (l) => {
        const w = initial[l]!;
        return l === smallest
          ? q
          : Math.sign(w) * Math.hypot(q, Math.sqrt((Math.abs(w) - start) * (Math.abs(w) + start)));
      }),
    others: (w) => productOf(w.filter((_, l) => l !== smallest)),
  };
}

/** Derivatives of q' = (y - P) R at weights w [L]: by q, and by each initial weight at fixed q. */
function derivatives(
  { smallest, others }: ReducedChain,
  initial: readonly number[],
  w: Float64Array,
  y: number,
): { readonly velocity: number; readonly byState: number; readonly byInitial: Float64Array; readonly R: number } {
  const [q, R] = [w[smallest]!, others(w)];
  const P = q * R;
  let [gain, bend, inverse] = [1, 0, 0]; // dP/dq = R gain, dR/dq = R bend
  w.forEach((value, l) => {
    if (l === smallest) return;
    gain += (q / value) ** 2;
    bend += q / value / value;
    inverse += 1 / value / value;
  });
  return {
    R,
    velocity: (y - P) * R,
    byState: -gain * R * R + (y - P) * R * bend,
    byInitial: w.map((value, k) => {
      const dR = k === smallest ? -R * initial[k]! * inverse : (R * initial[k]!) / value / value;
      return dR * (y - 2 * P);
    }),
  };
}

/** The chain's weights at `time`, with their derivatives by the initial ones. Throws RangeError as `chainWeights`. */
function solveChain(initial: readonly number[], y: number, time: number): ChainState {
  const chain = reduce(initial);
  const { smallest, weights, others } = chain;
  const L = initial.length;
  // State: q, then dq/dw_k(0) for k = 1 .. L. The Jacobian's diagonal alone makes the method stable.
  const system: StiffSystem = {
    velocity: (state) => {
      const { velocity, byState, byInitial } = derivatives(chain, initial, weights(state[0]!), y);
      return filled(new Float64Array(state.length), (i) =>
        i === 0 ? velocity : byState * state[i]! + byInitial[i - 1]!,
      );
    },
    shifted: (state) => {
      const { byState } = derivatives(chain, initial, weights(state[0]!), y);
      return (h) => (b) => b.map((value) => value / (1 - h * byState));
    },
  };
  const start = new Float64Array(L + 1);
  start[0] = initial[smallest]!;
  start[1 + smallest] = 1;
  const floor = new Float64Array(L + 1).fill(1);
  floor[0] = sizeOf(start[0], {
    ...{ y, R: others(weights(start[0])), time },
    next: Math.min(...initial.filter((_, l) => l !== smallest).map(Math.abs)),
  });
  const end = integrateStiff(system, start, time, { floor });
  const w = weights(end[0]!);
  const [q, R] = [end[0]!, others(w)];
  const { gain, inverse } = w.reduce(
    (sum, value, l) =>
      l === smallest ? sum : { gain: sum.gain + (q / value) ** 2, inverse: sum.inverse + 1 / value / value },
    { gain: 1, inverse: 0 },
  );
  const jacobian = Array.from(w, (value, l) =>
    initial.map((start, k) => {
      const v = end[1 + k]!;
      if (l === smallest) return v;
      const moved = k === l ? start : k === smallest ? -start : 0;
      return (q / value) * v + moved / value;
    }),
  );
  const gradient = initial.map((start, k) => {
    const dR = k === smallest ? -R * start * inverse : (R * start) / w[k]! / w[k]!;
    return R * gain * end[1 + k]! + q * dR;
  });
  return { w: [...w], jacobian, gradient };
}

/**
 * A chain with two weights of 0 or more, which rests: w does not move, nor P. Its linearized flow has df_i/dw_k = y Q
 * for two weights i and k of 0, with Q the product of all others, and no other entry; with three it has none.
 */
function chainAtRest(initial: readonly number[], y: number, time: number): ChainState {
  const [i, k] = initial.flatMap((w, l) => (w === 0 ? [l] : [])) as [number, number];
  const rate = y * productOf(initial.filter((_, l) => l !== i && l !== k));
  const angle = rate === 0 || time === 0 ? 0 : rate * time;
  const jacobian = initial.map((_, l) =>
    initial.map((_w, j) => {
      const [row, column] = [l === i || l === k, j === i || j === k];
      if (l === j) return row ? Math.cosh(angle) : 1;
      return row && column ? Math.sinh(angle) : 0;
    }),
  );
  return { w: [...initial], jacobian, gradient: initial.map(() => 0) };
}

/** A chain of finite numbers, or a RangeError that says where it leaves float64. */
function finite(state: ChainState, time: number): ChainState {
  if (![...state.w, ...state.gradient].every(Number.isFinite))
    throw new RangeError(`chain: the weights or their product leave float64 at time ${time}`);
  return state;
}

/**
 * Weights [L] at time `time`, with a step that keeps the error below 1e-10 of their size. w_i^2 - w_j^2 does not
 * change. Throws RangeError where float64 ends, which is where the square of the product does.
 */
export function chainWeights(initial: readonly number[], y: number, time: number): number[] {
  return checkedChain(initial, y, time).w;
}

/** The chain at `time`, of finite weights and gradient. Throws RangeError as {@link chainSensitivity}. */
function checkedChain(initial: readonly number[], y: number, time: number): ChainState {
  checkAllFinite('chain: initial', initial);
  if (initial.length === 0) throw new RangeError('chain: initial: expected at least one weight, got none');
  checkFinite('chain: y', y);
  checkFinite('chain: time', time, 0);
  const rests = initial.filter((w) => w === 0).length > 1;
  return finite((rests ? chainAtRest : solveChain)(initial, y, time), time);
}

/** The chain's output P = w_1 ... w_L at time `time`. */
export function chainProduct(initial: readonly number[], y: number, time: number): number {
  return productOf(chainWeights(initial, y, time));
}

/**
 * dw(T)/dw(0) [L, L] and w(T), by the variational equation S' = (df/dw) S, df_i/dw_j = (y - 2P) P / (w_i w_j) - [i = j]
 * (y - P) P / w_i^2, and dP(T)/dw(0) [L]. Throws RangeError without a weight, on a number that is not finite or a time
 * below 0, and where float64 ends.
 */
export function chainSensitivity(initial: readonly number[], y: number, time: number): ChainState {
  const state = checkedChain(initial, y, time);
  if (!state.jacobian.flat().every(Number.isFinite))
    throw new RangeError(`chain: the derivatives of the weights leave float64 at time ${time}`);
  return state;
}

/**
 * lim sqrt(m) D(T) when layer l is the mean of m particles, theta_l,i ~ N(w_l(0), 1): the flow closes on the means,
 * whose errors are N(0, 1/m), so the limit is |grad_{w(0)} P(T)|. Its error is at most 1e-10 of its value at time 0:
 * where it has fallen further, it is 0 for all that float64 knows.
 */
export function chainDiscrepancy(initial: readonly number[], y: number, time: number): number {
  return Math.hypot(...checkedChain(initial, y, time).gradient);
}

/**
 * Growth of a perturbation that is equal in all layers, of the chain with w_l(0) = w0: w'(T)/w'(0), as w' = f(w) is
 * one-dimensional, from v' = f'(w) v with v(0) = 1, so that it is known at rest, too. It stays near 1 at any depth:
 * this chain does not attain the double exponential. Throws RangeError on a depth or a time that is none, and where
 * float64 ends.
 */
export function chainAmplification(w0: number, y: number, depth: number, time: number): number {
  for (const [name, value] of Object.entries({ w0, y })) checkFinite(`chainAmplification: ${name}`, value);
  checkWhole('chainAmplification: depth', depth, 1);
  checkFinite('chainAmplification: time', time, 0);
  const f = (w: number): number => (y - w ** depth) * w ** (depth - 1);
  const derivative = (w: number): number =>
    -depth * w ** (2 * depth - 2) + (depth === 1 ? 0 : (y - w ** depth) * (depth - 1) * w ** (depth - 2));
  const system: StiffSystem = {
    velocity: ([w, v]) => Float64Array.of(f(w!), derivative(w!) * v!),
    shifted: ([w]) => {
      const at = derivative(w!);
      return (h) => (b) => b.map((value) => value / (1 - h * at));
    },
  };
  // of two layers and more nothing moves from 0
  const size = depth === 1 ? sizeOf(w0, { y, R: 1, next: Infinity, time }) : Math.max(TINY, Math.abs(w0));
  return integrateStiff(system, Float64Array.of(w0, 1), time, { floor: Float64Array.of(size, 1) })[1]!;
}
