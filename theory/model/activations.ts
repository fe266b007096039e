/**
 * Activations of the particles, and all that the simulator, the bounds and the exact limits know about each. One is
 * added as a line here and a formula in both forms of the kernel (kernel/native.cc, kernel/assembly/kernel.ts).
 */
import { erf } from '../numerics/erf.js';

/** sup |act'| and sup |act''| of an activation whose own bound is 1. */
export interface ActivationBound {
  readonly derivative: number;
  readonly secondDerivative: number;
}

/** One activation, as functions of a pre-activation u. */
export interface ActivationLaw {
  /** Its number in both forms of the kernel. */
  readonly code: number;
  /** act(u) and act'(u). */
  readonly at: (u: number) => readonly [value: number, derivative: number];
  /** act''(u); undefined where act' jumps, so that a flow with it has no derivative by its initial values. */
  readonly secondDerivative: ((u: number) => number) | undefined;
  /** sup |act'|. */
  readonly lipschitz: number;
  /** Undefined for one that is not bounded by 1 and twice differentiable. */
  readonly bound: ActivationBound | undefined;
  /** E act(sqrt(q) Z)^2 for Z ~ N(0, 1). */
  readonly meanSquare: (q: number) => number;
}

const ROOT_TWO_OVER_PI = Math.sqrt(2 / Math.PI);

/** P(Z <= u) for Z ~ N(0, 1). */
function normalBelow(u: number): number {
  return (1 + erf(u * Math.SQRT1_2)) / 2;
}

/** q from which a mean square is its limit to all digits, and formulas in q^2 may leave float64. */
const ENDLESS = 1e100;

/** q from which the sum runs over u = sqrt(q) z, on the scale of tanh, and not over z. */
const WIDE = 16;

/**
 * E U^p tanh(U / r)^2 for U ~ N(0, q), p = 0 or 2, by the trapezoidal rule, which converges exponentially for a
 * function that is analytic near the line: over U = sqrt(q) z with the step h in z the nearest poles, at r pi i / 2,
 * give an error of exp(-pi^2 r / (sqrt(q) h)), far below 1e-15 for q <= 16. Beyond, it is E U^p - E U^p sech(U / r)^2
 * over U itself, whose poles lie as far away.
 */
function tanhMoment(q: number, { power, stretch }: { readonly power: 0 | 2; readonly stretch: number }): number {
  if (q > ENDLESS) return power === 0 ? 1 : q;
  if (q > WIDE) {
    const h = 0.2 * stretch;
    let sum = power === 0 ? 0.5 : 0;
    for (let u = h; u < 20 * stretch; u += h)
      sum += (u ** power * Math.exp((-u * u) / (2 * q))) / Math.cosh(u / stretch) ** 2;
    return (power === 0 ? 1 : q) - (2 * h * sum) / Math.sqrt(2 * Math.PI * q);
  }
  const h = 0.025;
  let sum = 0;
  for (let z = h; z < 12; z += h) {
    const u = Math.sqrt(q) * z;
    sum += u ** power * Math.tanh(u / stretch) ** 2 * Math.exp((-z * z) / 2);
  }
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
    secondDerivative: (u) => {
      const t = Math.tanh(u);
      return -2 * t * (1 - t * t);
    },
    lipschitz: 1,
    bound: { derivative: 1, secondDerivative: 4 / (3 * Math.sqrt(3)) },
    meanSquare: (q) => tanhMoment(q, { power: 0, stretch: 1 }),
  },
  /** erf(u / sqrt 2), as in Saad & Solla 1995; its second derivative is largest at u = 1. */
  erf: {
    code: 1,
    at: (u) => [erf(u * Math.SQRT1_2), ROOT_TWO_OVER_PI * Math.exp((-u * u) / 2)],
    secondDerivative: (u) => -u * ROOT_TWO_OVER_PI * Math.exp((-u * u) / 2),
    lipschitz: ROOT_TWO_OVER_PI,
    bound: { derivative: ROOT_TWO_OVER_PI, secondDerivative: ROOT_TWO_OVER_PI * Math.exp(-1 / 2) },
    /** (2/pi) asin(q / (1 + q)), as an arctangent. Williams 1997. */
    meanSquare: (q) => (q > ENDLESS ? 1 : (2 / Math.PI) * Math.atan2(q, Math.sqrt(1 + 2 * q))),
  },
  relu: {
    code: 2,
    at: (u) => (u > 0 ? [u, 1] : [0, 0]),
    secondDerivative: undefined,
    lipschitz: 1,
    bound: undefined,
    meanSquare: (q) => q / 2,
  },
  /** u Phi(u), with Phi the normal distribution (not its tanh approximation); its derivative is largest at sqrt 2. */
  gelu: {
    code: 3,
    at: (u) => {
      const phi = normalBelow(u);
      return [u * phi, phi + (u * Math.exp((-u * u) / 2)) / Math.sqrt(2 * Math.PI)];
    },
    secondDerivative: (u) => ((2 - u * u) * Math.exp((-u * u) / 2)) / Math.sqrt(2 * Math.PI),
    lipschitz: normalBelow(Math.SQRT2) + 1 / (Math.E * Math.sqrt(Math.PI)),
    bound: undefined,
    /** (q + E U^2 e(U)^2) / 4 with e = erf(u / sqrt 2): E U^2 f(U) = q E f + 2 q^2 dE f/dq, and E e^2 as above. */
    meanSquare: (q) => {
      if (q > ENDLESS) return q / 2;
      const root = Math.sqrt(1 + 2 * q);
      return (q + (2 / Math.PI) * q * Math.atan2(q, root) + ((4 / Math.PI) * q * q) / ((1 + q) * root)) / 4;
    },
  },
  /** u / (1 + exp(-u)), also called swish; its derivative is largest where u tanh(u / 2) = 2. */
  silu: {
    code: 4,
    at: (u) => {
      const sigma = 1 / (1 + Math.exp(-u));
      return [u * sigma, sigma * (1 + u / (1 + Math.exp(u)))];
    },
    secondDerivative: (u) => {
      const [sigma, rest] = [1 / (1 + Math.exp(-u)), 1 / (1 + Math.exp(u))];
      return sigma * rest * (2 + u * (rest - sigma));
    },
    lipschitz: 1.0998393201288668,
    bound: undefined,
    /** (q + E U^2 tanh(U / 2)^2) / 4, as the logistic function is (1 + tanh(u / 2)) / 2. */
    meanSquare: (q) => (q > ENDLESS ? q / 2 : (q + tanhMoment(q, { power: 2, stretch: 2 })) / 4),
  },
  /** Linear nets, whose laws can be written down. */
  identity: {
    code: 5,
    at: (u) => [u, 1],
    secondDerivative: () => 0,
    lipschitz: 1,
    bound: undefined,
    meanSquare: (q) => q,
  },
} satisfies Readonly<Record<string, ActivationLaw>>;

/** Name of an activation; `erf` stands for erf(u / sqrt 2). */
export type Activation = keyof typeof DEFINED;

/** Every activation by its name. */
export const ACTIVATIONS: Readonly<Record<Activation, ActivationLaw>> = DEFINED;
