/**
 * The limit of m D^2 by weighted particles, with its error: many independent wide nets of 2M particles, each beside its
 * own two halves, extrapolated to infinitely many particles.
 *
 * A net of M particles stands for the law with an error of order 1/M in the mean, so that twice the value of the whole
 * net less that of its halves is free of it (Richardson). Whole and halves share their particles and their Gaussian
 * weights, which leaves little noise in the difference (a multilevel Monte Carlo coupling, Giles 2008).
 */
import { FailureError } from '../../src/core/errors.js';
import { checkFinite, checkPositive, checkWhole } from '../../src/core/range.js';
import { normals, rngKey } from '../../src/core/rng.js';
import { mean, tInterval } from '../../src/core/stats.js';
import type { ParticleNoise } from '../flow/langevin.js';
import type { Layer, Net } from '../model/particles.js';
import { responsesOf, type Course, type Weights } from './fluctuation.js';

/** What is asked for, and how much may be spent on it. */
export interface LimitSettings {
  readonly seed: number;
  /** A wide net of so many particles in each layer; draws with different numbers are independent. */
  readonly draw: (particles: number, draw: number) => Net;
  /** A net whose particles are the law themselves, in place of draws: nothing is extrapolated then. */
  readonly fixed?: Net;
  readonly course: Course;
  /** Noise of such a net, for schemes that have some. */
  readonly noise?: (net: Net, particles: number, draw: number) => ParticleNoise;
  /** m over the thin net's particles of each layer; 1 each unless given. */
  readonly shares?: readonly number[];
  /** Half-width of the 95 % interval over the value at which to stop. */
  readonly target: number;
  /** Particles of the first nets, and the most that a net may have. */
  readonly particles: { readonly first: number; readonly most: number };
  /** The most nets of one size. */
  readonly nets: number;
  /** Called after each net, and awaited; may throw to stop. */
  readonly onNet?: (nets: number, particles: number, error: number) => void | Promise<void>;
}

/** A limit with its certificate. */
export interface WidthLimit {
  /** lim sqrt(m) D, the root of the mean square over thin nets. */
  readonly sqrtMD: number;
  /**
   * Half-width of its interval, nominally of 95 %: scatter over nets and weights, and half of what the extrapolation
   * moved. As nets are drawn until it is narrow enough, it has the limit in 92 to 94 % (targets of 0.05 to 0.3).
   */
  readonly error: number;
  /** Particles in each layer of the largest nets, and how many such nets there were. */
  readonly particles: number;
  readonly nets: number;
  /** Relative change of sqrtMD by the extrapolation. */
  readonly extrapolated: number;
  /** Most steps on which the loss of such a net rose: with many, the limit is that of an unstable scheme. */
  readonly lossRises: number;
}

/** Nothing says that there is a limit: with all that might be spent its error is too large at some probe. */
export class NoLimit extends FailureError {
  /** `converged`: the limit at each probe whose own error is below the target, undefined at the others. */
  constructor(
    message: string,
    readonly converged: readonly (WidthLimit | undefined)[],
  ) {
    super(message);
  }
}

/** Half-directions of each net: random weights, on the one half and on the other. */
export const DIRECTIONS = 2;

/** Nets before a first judgement. */
export const FIRST = 8;

/** The particles first .. last of a layer, sharing its arrays. */
function part({ a, b, bias, ...rest }: Layer, d: number, first: number, last: number): Layer {
  return {
    ...rest,
    m: last - first,
    a: a.subarray(first * d, last * d),
    b: b.subarray(first * d, last * d),
    bias: bias.subarray(first, last),
  };
}

/**
 * Gaussian weights of m particles: sqrt(m share) times independent normal numbers, less their mean, with the variance
 * of draws from the law. Linear responses to them have `share` times the covariance of one particle's. Throws
 * RangeError without a particle, and on a negative share.
 */
export function gaussianWeights(m: number, share: number, key: Parameters<typeof normals>[0]): Float64Array {
  checkWhole('gaussianWeights: m', m, 1);
  checkFinite('gaussianWeights: share', share, 0);
  const z = normals(key, m);
  const centre = mean(z);
  const scale = m === 1 ? 0 : Math.sqrt((m * share * m) / (m - 1));
  return z.map((value) => scale * (value - centre));
}

/** Values of m D^2 at each probe: of a net of 2M particles, and the mean of those of its halves. */
interface Pair {
  readonly whole: readonly number[];
  readonly halves: readonly number[];
  readonly lossRises: number;
}

/** Particles that are the law: one more set of weights, and no halves. */
function measureFixed({ seed, course, shares }: LimitSettings, net: Net, number: number): Pair {
  const weights = Array.from({ length: 2 * DIRECTIONS }, (_, k) =>
    net.layers.map(({ m }, l) => gaussianWeights(m, shares?.[l] ?? 1, rngKey(seed, 'limit', 'own', number, k, l))),
  );
  const { squares, lossRises } = responsesOf(net, weights, course);
  const whole = squares.map((all) => mean(all));
  return { whole, halves: whole, lossRises };
}

/** A net of 2M particles from the law, and its halves. */
function measurePair({ seed, draw, course, shares, noise }: LimitSettings, M: number, number: number): Pair {
  const net = draw(2 * M, number);
  const own = noise?.(net, 2 * M, number);
  const depth = net.layers.length;
  const onHalf = (half: number, k: number): Weights =>
    net.layers.map((_, l) =>
      gaussianWeights(M, shares?.[l] ?? 1, rngKey(seed, 'limit', M, number, 'weights', half, k, l)),
    );
  const weights = [0, 1].map((half) => Array.from({ length: DIRECTIONS }, (_, k) => onHalf(half, k)));
  const halves = [0, 1].map((half) => {
    const ofHalf = (layer: Layer): Layer => part(layer, net.d, half * M, (half + 1) * M);
    const kicks = own && ((step: number) => own(step).map(ofHalf));
    return responsesOf({ ...net, layers: net.layers.map(ofHalf) }, weights[half]!, course, kicks).squares;
  });
  // Weights on one half alone; with 1/(2M) in place of 1/M before the sum, sqrt(2) restores the variance of 2M.
  const spread = weights.flatMap((all, half) =>
    all.map((one) =>
      Array.from({ length: depth }, (_, l) => {
        const wide = new Float64Array(2 * M);
        wide.set(one[l]!, half * M);
        return wide.map((value) => Math.SQRT2 * value);
      }),
    ),
  );
  const { squares, lossRises } = responsesOf(net, spread, course, own);
  const [first, second] = halves.map((found) => found.map((all) => mean(all)));
  // the two halves' responses are independent, so that their squares add up
  return {
    whole: squares.map((all) => 2 * mean(all)),
    halves: first!.map((value, probe) => (value + second![probe]!) / 2),
    lossRises,
  };
}

/** m D^2 extrapolated, with its error and what the extrapolation moved. */
interface Estimate {
  readonly value: number;
  readonly error: number;
  /** The part of the error that more nets make smaller, and the one that larger nets do. */
  readonly scatter: number;
  readonly bias: number;
}

function estimate(pairs: readonly Pair[], probe: number): Estimate {
  const whole = pairs.map((pair) => pair.whole[probe]!);
  const moved = pairs.map((pair) => pair.whole[probe]! - pair.halves[probe]!);
  const interval = tInterval(whole.map((value, i) => value + moved[i]!));
  const scatter = (interval.high - interval.low) / 2;
  const bias = Math.abs(mean(moved)) / 2;
  return { value: interval.mean, error: Math.hypot(scatter, bias), scatter, bias };
}

/** The limit's certificate at one probe: an error of m D^2 is twice as large, relatively, as one of its root. */
function certificate(pairs: readonly Pair[], probe: number, particles: number): WidthLimit {
  const { value, error, bias } = estimate(pairs, probe);
  const root = Math.sqrt(Math.max(0, value));
  return {
    sqrtMD: root,
    error: value > 0 ? error / (2 * root) : Math.sqrt(error),
    particles,
    nets: pairs.length,
    extrapolated: value > 0 ? bias / value : 0,
    lossRises: Math.max(...pairs.map(({ lossRises }) => lossRises)),
  };
}

/** Relative error of sqrt(m) D at a probe, 0 where all of it is 0; and whether larger nets would make it smaller. */
function errorAt(pairs: readonly Pair[], probe: number): { readonly error: number; readonly byBias: boolean } {
  const { value, error, scatter, bias } = estimate(pairs, probe);
  return { error: error === 0 ? 0 : value > 0 ? error / (2 * value) : Infinity, byBias: bias > scatter };
}

/** The largest error of all probes. */
function worstError(pairs: readonly Pair[], probes: number): { readonly error: number; readonly byBias: boolean } {
  const found = Array.from({ length: probes }, (_, probe) => errorAt(pairs, probe));
  return found.reduce((worst, one) => (one.error > worst.error ? one : worst));
}

/**
 * lim sqrt(m) D at each of the course's probes, for m and the wide net's particles both infinite (m far below them).
 * More nets are drawn, or larger ones, until the error is below the target. Throws {@link NoLimit} when it is not with
 * all that may be spent, FailureError when a run explodes, RangeError on settings that are none.
 */
export async function limitsOf(settings: LimitSettings): Promise<WidthLimit[]> {
  const { target, particles, nets: most, onNet, fixed } = settings;
  checkPositive('limitsOf: target', target);
  checkWhole('limitsOf: nets', most, 1);
  checkWhole('limitsOf: particles.first', particles.first, 2);
  if (particles.first % 2 !== 0)
    throw new RangeError(`limitsOf: particles.first: expected an even number, got ${particles.first}`);
  checkWhole('limitsOf: particles.most', particles.most, particles.first);
  let pairs: Pair[] = [];
  for (let M = particles.first / 2; ;) {
    const size = fixed ? Math.max(...fixed.layers.map(({ m }) => m)) : 2 * M;
    const wanted = pairs.length === 0 ? Math.min(FIRST, most) : Math.min(2 * pairs.length, most);
    while (pairs.length < wanted) {
      pairs.push(fixed ? measureFixed(settings, fixed, pairs.length) : measurePair(settings, M, pairs.length));
      await onNet?.(pairs.length, size, pairs.length < 2 ? Infinity : worstError(pairs, pairs[0]!.whole.length).error);
    }
    const probes = pairs[0]!.whole.length;
    const { error, byBias } = worstError(pairs, probes);
    if (error <= target) return Array.from({ length: probes }, (_, probe) => certificate(pairs, probe, size));
    // As many nets as would be needed: the scatter falls as one over the root of their number.
    const enough = pairs.length * (error / target) ** 2 <= most && pairs.length < most;
    if ((byBias || !enough) && fixed === undefined && 4 * M <= particles.most) {
      M *= 2;
      pairs = [];
    } else if (!enough) {
      const converged = Array.from({ length: probes }, (_, probe) =>
        errorAt(pairs, probe).error <= target ? certificate(pairs, probe, size) : undefined,
      );
      const bound = { nets: most, particles: fixed === undefined ? particles.most : undefined, byBias };
      throw new NoLimit(divergence(pairs, size, error, target, bound), converged);
    }
  }
}

/** How many nets would bring the scatter to the target, in brackets; nothing where that cannot be told. */
function needed(nets: number, ratio: number): string {
  const count = Math.ceil(nets * ratio ** 2);
  return Number.isSafeInteger(count) ? ` (about ${Number(count.toPrecision(2))} by their scatter)` : '';
}

/** What kept a limit from being found, and which of the bounds on nets and on their particles was in the way. */
function divergence(
  pairs: readonly Pair[],
  particles: number,
  error: number,
  target: number,
  bound: { readonly nets: number; readonly particles: number | undefined; readonly byBias: boolean },
): string {
  const reached = Number.isFinite(error) ? `still ${(100 * error).toFixed(0)} %` : 'as large as the value';
  const rises = Math.max(...pairs.map(({ lossRises }) => lossRises));
  return (
    `limit: no convergence: with ${pairs.length} nets of ${particles} particles the error is ${reached}, ` +
    `above ${Number((100 * target).toPrecision(3))} %; ` +
    (rises > 0 ? `the loss rose on up to ${rises} steps; ` : '') +
    [
      ...(rises > 0 ? ['a smaller dt'] : []),
      ...(bound.byBias ? [] : [`more nets than ${bound.nets}${needed(pairs.length, error / target)}`]),
      ...(bound.particles === undefined ? [] : [`more particles than ${bound.particles}`]),
      'a shorter time or a larger target may help',
    ].join(', ')
  );
}
