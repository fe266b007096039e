/** How outputs are compared with targets. One is added as an entry here. */
import { namesOf } from '../../src/core/registry.js';

/** One loss of outputs z [N, k] against targets y [N, k]. */
export interface LossLaw {
  /** Its mean over the samples; N times its gradient by the outputs goes into p [N, k]. */
  readonly mean: (z: Float64Array, y: Float64Array, p: Float64Array, k: number) => number;
  /** What is wrong with a sample's target that begins at `at`, or undefined. */
  readonly refuse: (y: Float64Array, at: number, k: number) => string | undefined;
  /** Whether targets are classes: a task without any is given its largest coordinate as one. */
  readonly classes: boolean;
}

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
    refuse: () => undefined,
    classes: false,
  },
  /** mean -sum_j y_j log softmax(z)_j, with the probabilities y of k classes; its gradient is softmax(z) - y. */
  'cross-entropy': {
    mean: (z, y, p, k) => {
      let total = 0;
      for (let at = 0; at < z.length; at += k) {
        let largest = -Infinity;
        for (let j = at; j < at + k; j++) largest = Math.max(largest, z[j]!);
        let sum = 0;
        for (let j = at; j < at + k; j++) sum += Math.exp(z[j]! - largest);
        for (let j = at; j < at + k; j++) {
          const log = z[j]! - largest - Math.log(sum);
          if (y[j]! !== 0) total -= y[j]! * log;
          p[j] = Math.exp(log) - y[j]!;
        }
      }
      return total / (z.length / k);
    },
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
