/**
 * Scalar linear chain, P = w_1 ... w_L trained to y by gradient flow: w_l' = (y - P) P / w_l. Saxe, McClelland, Ganguli
 * 2014.
 */
import { integrate } from '../flow/integrators.js';

const productOf = (w: Iterable<number>): number => {
  let product = 1;
  for (const value of w) product *= value;
  return product;
};

/** dw/dt = (y - P) P / w [L] of the chain's weights w [L]. */
export function chainVelocity(w: Iterable<number>, y: number): Float64Array {
  const product = productOf(w);
  return Float64Array.from(w, (value) => ((y - product) * product) / value);
}

/**
 * Weights [L] at time `time`, by classical Runge-Kutta with `steps` steps (error O(steps^-4)). w_i^2 - w_j^2 does not
 * change.
 */
export function chainWeights(initial: readonly number[], y: number, time: number, steps = 2000): number[] {
  return [...integrate((w) => chainVelocity(w, y), Float64Array.from(initial), time, steps)];
}

/** The chain's output P = w_1 ... w_L at time `time`. */
export function chainProduct(initial: readonly number[], y: number, time: number, steps?: number): number {
  return productOf(chainWeights(initial, y, time, steps));
}

/**
 * dw(T)/dw(0) [L, L] and w(T), by the variational equation S' = (df/dw) S, df_i/dw_j = (y - 2P) P / (w_i w_j) - [i = j]
 * (y - P) P / w_i^2.
 */
export function chainSensitivity(
  initial: readonly number[],
  y: number,
  time: number,
  steps = 2000,
): { readonly w: number[]; readonly jacobian: number[][] } {
  const L = initial.length;
  const start = new Float64Array(L + L * L);
  start.set(initial);
  for (let i = 0; i < L; i++) start[L + i * L + i] = 1;
  const end = integrate(
    (state) => {
      const w = state.subarray(0, L);
      const product = productOf(w);
      const velocity = new Float64Array(L + L * L);
      velocity.set(chainVelocity(w, y));
      for (let i = 0; i < L; i++) {
        for (let j = 0; j < L; j++) {
          const entry =
            ((y - 2 * product) * product) / (w[i]! * w[j]!) - (i === j ? ((y - product) * product) / w[i]! ** 2 : 0);
          for (let k = 0; k < L; k++) velocity[L + i * L + k]! += entry * state[L + j * L + k]!;
        }
      }
      return velocity;
    },
    start,
    time,
    steps,
  );
  return {
    w: [...end.subarray(0, L)],
    jacobian: Array.from({ length: L }, (_, i) => [...end.subarray(L + i * L, L + (i + 1) * L)]),
  };
}

/**
 * lim sqrt(m) D(T) when layer l is the mean of m particles, theta_l,i ~ N(w_l(0), 1): the flow closes on the means,
 * whose errors are N(0, 1/m), so the limit is |grad_{w(0)} P(T)|.
 */
export function chainDiscrepancy(initial: readonly number[], y: number, time: number, steps?: number): number {
  const { w, jacobian } = chainSensitivity(initial, y, time, steps);
  const product = productOf(w);
  return Math.hypot(...initial.map((_, k) => jacobian.reduce((sum, row, i) => sum + (product / w[i]!) * row[k]!, 0)));
}

/**
 * Growth of a perturbation that is equal in all layers, of the chain with w_l(0) = w0: exactly w'(T)/w'(0), as w' =
 * f(w) is one-dimensional. It stays near 1 at any depth: this chain does not attain the double exponential.
 */
export function chainAmplification(w0: number, y: number, depth: number, time: number, steps = 2000): number {
  const f = (w: number): number => (y - w ** depth) * w ** (depth - 1);
  const end = integrate((w) => Float64Array.of(f(w[0]!)), Float64Array.of(w0), time, steps)[0]!;
  return f(end) / f(w0);
}
