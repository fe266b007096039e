/**
 * Activations of the particles, and all that the simulator, the bounds and the exact limits know about each. One is
 * added as a line here and a formula in both forms of the kernel (kernel/native.cc, kernel/assembly/kernel.ts).
 */
import { erf } from '../numerics/erf.js';

/** sup |act'| and sup |act''| of an activation whose own bound is 1. */
export interface ActivationBound {
  readonly derivative: number;
  readonly curvature: number;
}

/** One activation, as functions of a pre-activation u. */
export interface ActivationLaw {
  /** Its number in both forms of the kernel. */
  readonly code: number;
  /** act(u) and act'(u). */
  readonly at: (u: number) => readonly [value: number, derivative: number];
  /** sup |act'|. */
  readonly lipschitz: number;
  /** Undefined for one that is not bounded by 1 and twice differentiable. */
  readonly bound: ActivationBound | undefined;
  /** E act(sqrt(q) Z)^2 for Z ~ N(0, 1). */
  readonly meanSquare: (q: number) => number;
}

const ROOT_TWO_OVER_PI = Math.sqrt(2 / Math.PI);

/** q from which the sum runs over u = sqrt(q) z, on the scale of tanh, and not over z. */
const WIDE = 16;

/**
 * E tanh(sqrt(q) Z)^2 for Z ~ N(0, 1), by the trapezoidal rule, which converges exponentially for a function that is
 * analytic near the line: the poles of tanh lie pi / (2 sqrt(q)) away, so the step h gives an error of exp(-pi^2 /
 * (sqrt(q) h)), far below 1e-15 for q <= 16. Beyond, it is 1 - E sech(u)^2 over u = sqrt(q) z, whose poles lie pi / 2
 * away.
 */
function tanhMeanSquare(q: number): number {
  if (q > WIDE) {
    const h = 0.2;
    let sum = 0.5;
    for (let u = h; u < 20; u += h) sum += Math.exp((-u * u) / (2 * q)) / Math.cosh(u) ** 2;
    return 1 - (2 * h * sum) / Math.sqrt(2 * Math.PI * q);
  }
  const h = 0.025;
  let sum = 0;
  for (let z = h; z < 12; z += h) sum += Math.tanh(Math.sqrt(q) * z) ** 2 * Math.exp((-z * z) / 2);
  return (2 * h * sum) / Math.sqrt(2 * Math.PI);
}

const DEFINED = {
  /** max |tanh''| = 4 / (3 sqrt 3). */
  tanh: {
    code: 0,
    at: (u) => {
      const t = Math.tanh(u);
      return [t, 1 - t * t];
    },
    lipschitz: 1,
    bound: { derivative: 1, curvature: 4 / (3 * Math.sqrt(3)) },
    meanSquare: tanhMeanSquare,
  },
  /** erf(u / sqrt 2), as in Saad & Solla 1995; its second derivative is largest at u = 1. */
  erf: {
    code: 1,
    at: (u) => [erf(u * Math.SQRT1_2), ROOT_TWO_OVER_PI * Math.exp((-u * u) / 2)],
    lipschitz: ROOT_TWO_OVER_PI,
    bound: { derivative: ROOT_TWO_OVER_PI, curvature: ROOT_TWO_OVER_PI * Math.exp(-1 / 2) },
    /** (2/pi) asin(q / (1 + q)), as an arctangent. Williams 1997. */
    meanSquare: (q) => (2 / Math.PI) * Math.atan2(q, Math.sqrt(1 + 2 * q)),
  },
  relu: {
    code: 2,
    at: (u) => (u > 0 ? [u, 1] : [0, 0]),
    lipschitz: 1,
    bound: undefined,
    meanSquare: (q) => q / 2,
  },
} satisfies Readonly<Record<string, ActivationLaw>>;

/** Name of an activation; `erf` stands for erf(u / sqrt 2). */
export type Activation = keyof typeof DEFINED;

/** Every activation by its name. */
export const ACTIVATIONS: Readonly<Record<Activation, ActivationLaw>> = DEFINED;
