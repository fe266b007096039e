/**
 * Stiff systems y' = f(y) with a step that is chosen for an accuracy: the linearly implicit Euler method, extrapolated
 * in its step. Deuflhard 1985; Hairer, Wanner, Solving Ordinary Differential Equations II, section IV.9 (SEULEX).
 */
import { factorLinear } from './linear.js';

/** Solves (1 - h J) x = b for x [n]. */
export type ShiftedSolver = (b: Float64Array) => Float64Array;

/** An autonomous system of n equations. */
export interface StiffSystem {
  /** dy/dt [n] at y [n]. */
  readonly velocity: (y: Float64Array) => Float64Array;
  /**
   * A solver of (1 - h J) x = b for every h, with J [n, n] the Jacobian of the velocity at y, or near it: the order
   * does not depend on J, the stability does.
   */
  readonly shifted: (y: Float64Array) => (h: number) => ShiftedSolver;
}

/** How accurate the end is to be. */
export interface StiffOptions {
  /**
   * Largest error of one step, relative to |y_i| + `floor`; below 1e-12 the extrapolation's own rounding stands above
   * it.
   */
  readonly tolerance?: number;
  /** Size below which a component counts as small: one number for all, or one for each. */
  readonly floor?: number | Float64Array;
  /** Largest number of steps. */
  readonly most?: number;
}

/** Columns of the extrapolation table: the order of the method. */
export const STIFF_ORDER = 7;

/** Limits of the ratio of two steps, and the safety factor of its estimate. */
const [SHRINK, GROW, SAFETY] = [0.1, 6, 0.85];

/** Share of the time that the first step has at least. */
const SHORTEST = 1e-300;

/** Share of the time that is left by which the last step may be longer than was chosen. */
const SPARE = 1e-6;

/**
 * y(time) [n] from y(0) = `initial`. Throws RangeError when a value leaves float64, or when more than `most` steps
 * would be needed; what it returns is within the tolerance.
 */
export function integrateStiff(
  system: StiffSystem,
  initial: Float64Array,
  time: number,
  { tolerance = 1e-12, floor = 1, most = 20_000 }: StiffOptions = {},
): Float64Array {
  let y = initial.slice();
  if (!allFinite(y)) throw new RangeError('the initial values leave float64');
  const floorOf = (i: number): number => (typeof floor === 'number' ? floor : floor[i]!);
  const distance = (u: Float64Array, at: Float64Array): number =>
    u.reduce((most, value, i) => Math.max(most, Math.abs(value) / (Math.abs(at[i]!) + floorOf(i))), 0);
  // a velocity may be beyond float64 times the size of a component near 0: steps grow from any length above 0
  const first = 1e-3 / Math.max(distance(system.velocity(y), y), 1e-3 / time);
  let h = time > 0 ? Math.min(time, Math.max(first, SHORTEST * time)) : 0;
  for (let [t, done] = [0, 0]; t < time; done++) {
    if (done >= most) throw new RangeError(`time ${time} was not reached in ${most} steps, only ${t.toPrecision(4)}`);
    const left = time - t;
    // what a step would leave is not to be so short that it counts as a step that has collapsed
    const step = h < left * (1 - SPARE) ? h : left;
    if (!(step > 1e-15 * t)) throw new RangeError(`values leave float64 at time ${t.toPrecision(4)}`);
    const found = extrapolated(system, y, step);
    const error = found === undefined ? Infinity : distance(found.error, y) / tolerance;
    if (error <= 1) {
      y = y.map((value, i) => value + found!.increment[i]!);
      t = step < left ? t + step : time;
    }
    const factor = error === 0 ? GROW : SAFETY * error ** (-1 / STIFF_ORDER);
    h = step * Math.min(GROW, Math.max(SHRINK, factor));
  }
  return y;
}

const allFinite = (values: Float64Array): boolean => values.every(Number.isFinite);

/**
 * The increment of y over a step, and the last correction of the extrapolation as its error; undefined when a value is
 * not finite. Increments are extrapolated, not positions: the rounding errors that extrapolation multiplies are theirs.
 */
function extrapolated(
  system: StiffSystem,
  y: Float64Array,
  step: number,
): { readonly increment: Float64Array; readonly error: Float64Array } | undefined {
  const shifted = system.shifted(y);
  let row: Float64Array[] = [];
  for (let j = 0; j < STIFF_ORDER; j++) {
    const first = linearlyImplicit(system, y, step / (j + 1), j + 1, shifted);
    if (!allFinite(first)) return undefined;
    const next = [first];
    // Neville's scheme for the harmonic sequence 1, 2, 3, ..: the errors fall in whole powers of the step.
    for (let k = 1; k <= j; k++) {
      const ratio = (j + 1) / (j + 1 - k) - 1;
      const [better, worse] = [next[k - 1]!, row[k - 1]!];
      next.push(better.map((value, i) => value + (value - worse[i]!) / ratio));
    }
    row = next;
  }
  const [increment, before] = [row[STIFF_ORDER - 1]!, row[STIFF_ORDER - 2]!];
  return { increment, error: increment.map((value, i) => value - before[i]!) };
}

/** The increment of y over `count` steps of length h of the linearly implicit Euler method. */
function linearlyImplicit(
  { velocity }: StiffSystem,
  y: Float64Array,
  h: number,
  count: number,
  shifted: (h: number) => ShiftedSolver,
): Float64Array {
  const solve = shifted(h);
  const increment = new Float64Array(y.length);
  for (let i = 0; i < count; i++) {
    const move = solve(velocity(y.map((value, k) => value + increment[k]!)).map((value) => value * h));
    for (let k = 0; k < increment.length; k++) increment[k]! += move[k]!;
  }
  return increment;
}

/** The system of a velocity of a few components, its Jacobian by differences of the velocity. */
export function denseSystem(velocity: StiffSystem['velocity']): StiffSystem {
  return {
    velocity,
    shifted: (y) => {
      const at = velocity(y);
      const columns = Array.from(y, (value, j) => {
        const moved = y.slice();
        const difference = 1e-7 * Math.max(Math.abs(value), 1e-3);
        moved[j] = value + difference;
        return velocity(moved).map((entry, i) => (entry - at[i]!) / difference);
      });
      return (h) => {
        const matrix = Array.from(y, (_, i) => columns.map((column, j) => (i === j ? 1 : 0) - h * column[i]!));
        const solve = factorLinear(matrix);
        return (b) => Float64Array.from(solve(b));
      };
    },
  };
}
