/** Explicit Runge-Kutta methods by their tableaux, each with the order that it declares and a test fits. */
import { unknownName } from '../../src/core/errors.js';

export interface Integrator {
  readonly name: IntegratorName;
  /** The error at a fixed time falls as dt^order. */
  readonly order: number;
  /** Coefficients of the earlier stages in each stage's position. */
  readonly stages: readonly (readonly number[])[];
  readonly weights: readonly number[];
}

export type IntegratorName = 'euler' | 'heun' | 'rk4';

/** Hairer, Norsett, Wanner, Solving Ordinary Differential Equations I, section II.1. */
export const INTEGRATORS: Readonly<Record<IntegratorName, Integrator>> = {
  euler: { name: 'euler', order: 1, stages: [[]], weights: [1] },
  heun: { name: 'heun', order: 2, stages: [[], [1]], weights: [1 / 2, 1 / 2] },
  rk4: { name: 'rk4', order: 4, stages: [[], [1 / 2], [0, 1 / 2], [0, 0, 1]], weights: [1 / 6, 1 / 3, 1 / 3, 1 / 6] },
};

/** Throws UsageError with the known names. */
export function integratorByName(name: string): Integrator {
  if (!Object.hasOwn(INTEGRATORS, name)) throw unknownName('integrator', name, Object.keys(INTEGRATORS));
  return INTEGRATORS[name as IntegratorName];
}

/** One step of length dt of y' = f(y) for a small system; returns the new state. */
export function stepSystem(
  { stages, weights }: Integrator,
  f: (y: Float64Array) => Float64Array,
  y: Float64Array,
  dt: number,
): Float64Array {
  const slopes: Float64Array[] = [];
  const moved = (coefficients: readonly number[]): Float64Array => {
    const result = y.slice();
    coefficients.forEach((weight, j) => {
      if (weight !== 0) for (let i = 0; i < result.length; i++) result[i]! += dt * weight * slopes[j]![i]!;
    });
    return result;
  };
  for (const stage of stages) slopes.push(f(moved(stage)));
  return moved(weights);
}

/** y(time) of y' = f(y) from y(0), by `steps` steps of classical Runge-Kutta. */
export function integrate(
  f: (y: Float64Array) => Float64Array,
  initial: Float64Array,
  time: number,
  steps: number,
  method: Integrator = INTEGRATORS.rk4,
): Float64Array {
  let y = initial;
  for (let step = 0; step < steps; step++) y = stepSystem(method, f, y, time / steps);
  return y;
}
