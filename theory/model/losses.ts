/** How outputs are compared with targets. One is added as an entry here. */
import { namesOf } from '../../src/core/registry.js';

/** One loss of outputs z [N, k] against targets y [N, k]. */
export interface LossLaw {
  /** Its mean over the samples; N times its gradient by the outputs goes into p [N, k]. */
  readonly mean: (z: Float64Array, y: Float64Array, p: Float64Array, k: number) => number;
  /** Changes [N, k] of that gradient, to first order, where the outputs change by dz [N, k]. */
  readonly hessianProduct: (z: Float64Array, dz: Float64Array, k: number) => Float64Array;
  /** The loss of outputs that know nothing of N targets y [N, k]: all 0, or equal probabilities. */
  readonly blank: (y: Float64Array, n: number) => number;
  /** How much the rounding of outputs may raise a loss, with `unit` the loss of outputs of their own size. */
  readonly rounding: (loss: number, unit: number) => number;
  /** What is wrong with a sample's target that begins at `at`, or undefined. */
  readonly refuse: (y: Float64Array, at: number, k: number) => string | undefined;
  /** Whether targets are classes: a task without any is given its largest coordinate as one. */
  readonly classes: boolean;
}

/** log sum_j exp(z_j) of k outputs from `at` on, as the largest of them and the logarithm of the rest. */
function logSumExp(z: Float64Array, at: number, k: number): { readonly largest: number; readonly log: number } {
  let largest = -Infinity;
  for (let j = at; j < at + k; j++) largest = Math.max(largest, z[j]!);
  let sum = 0;
  for (let j = at; j < at + k; j++) sum += Math.exp(z[j]! - largest);
  return { largest, log: Math.log(sum) };
}

/** Share of its size by which rounding may move an output: the sums over particles of several layers. */
const ROUNDING = 1e-14;

const DEFINED = {
  /** (1/2) mean |z - y|^2. */
  squared: {
    mean: (z, y, p, k) => {
      let sum = 0;
      for (let j = 0; j < z.length; j++) {
        p[j] = z[j]! - y[j]!;
        sum += p[j]! ** 2;
      }
      return sum / (2 * (z.length / k));
    },
    hessianProduct: (_, dz) => dz,
    blank: (y, n) => y.reduce((sum, value) => sum + value * value, 0) / (2 * n),
    /** Rounding moves the root of the loss: (sqrt(loss) + ROUNDING sqrt(unit))^2 - loss. */
    rounding: (loss, unit) => 2 * ROUNDING * Math.sqrt(loss * unit) + ROUNDING ** 2 * unit,
    refuse: () => undefined,
    classes: false,
  },
  /** mean -sum_j y_j log softmax(z)_j, with the probabilities y of k classes; its gradient is softmax(z) - y. */
  'cross-entropy': {
    mean: (z, y, p, k) => {
      let total = 0;
      for (let at = 0; at < z.length; at += k) {
        const normalizer = logSumExp(z, at, k);
        for (let j = at; j < at + k; j++) {
          const log = z[j]! - normalizer.largest - normalizer.log;
          if (y[j]! !== 0) total -= y[j]! * log;
          p[j] = Math.exp(log) - y[j]!;
        }
      }
      return total / (z.length / k);
    },
    hessianProduct: (z, dz, k) => {
      const dp = new Float64Array(dz.length);
      for (let at = 0; at < z.length; at += k) {
        const { largest, log } = logSumExp(z, at, k);
        let mean = 0;
        for (let j = at; j < at + k; j++) {
          dp[j] = Math.exp(z[j]! - largest - log);
          mean += dp[j]! * dz[j]!;
        }
        for (let j = at; j < at + k; j++) dp[j]! *= dz[j]! - mean;
      }
      return dp;
    },
    blank: (y, n) => Math.log(y.length / n),
    rounding: (_, unit) => ROUNDING * unit,
    refuse: (y, at, k) => {
      let sum = 0;
      for (let j = at; j < at + k; j++) {
        if (y[j]! < 0) return `has ${y[j]}; probabilities of classes are at least 0`;
        sum += y[j]!;
      }
      return Math.abs(sum - 1) > 1e-9 ? `adds up to ${sum}; probabilities of classes add up to 1` : undefined;
    },
    classes: true,
  },
} satisfies Readonly<Record<string, LossLaw>>;

/** Name of a loss. */
export type LossName = keyof typeof DEFINED;

/** Every loss by its name. */
export const LOSSES: Readonly<Record<LossName, LossLaw>> = DEFINED;

/** Names of {@link LOSSES}. */
export const LOSS_NAMES = namesOf(DEFINED);
