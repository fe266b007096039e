/** Explicit Runge-Kutta methods by their tableaux, each with the order that it declares and a test fits. */
import { checkFinite, checkWhole } from '../../src/core/range.js';
import { lookUp } from '../../src/core/registry.js';

/** An explicit Runge-Kutta method of fixed step. */
export interface Integrator {
  /** Its key in {@link INTEGRATORS}. */
  readonly name: string;
  /** The error at a fixed time falls as dt^order. */
  readonly order: number;
  /** Coefficients of the earlier stages' velocities in each stage's position. */
  readonly stages: readonly (readonly number[])[];
  /** Coefficients of the stages' velocities in the step. */
  readonly weights: readonly number[];
}

const DEFINED = {
  euler: { name: 'euler', order: 1, stages: [[]], weights: [1] },
  heun: { name: 'heun', order: 2, stages: [[], [1]], weights: [1 / 2, 1 / 2] },
  rk4: { name: 'rk4', order: 4, stages: [[], [1 / 2], [0, 1 / 2], [0, 0, 1]], weights: [1 / 6, 1 / 3, 1 / 3, 1 / 6] },
} satisfies Readonly<Record<string, Integrator>>;

/** Name of an integrator. */
export type IntegratorName = keyof typeof DEFINED;

/** Every integrator by its name. Hairer, Norsett, Wanner, Solving Ordinary Differential Equations I, section II.1. */
export const INTEGRATORS: Readonly<Record<IntegratorName, Integrator>> = DEFINED;

/** The integrator of that name. Throws UsageError with the known names. */
export function integratorByName(name: string): Integrator {
  return lookUp('integrator', INTEGRATORS, name);
}

/**
 * Throws RangeError unless a method is an {@link Integrator}, and not its name, as JSON has it; `what` names the
 * function.
 */
export function checkIntegrator(what: string, method: Integrator): void {
  const { stages, weights } = (method ?? {}) as Partial<Integrator>;
  if (Array.isArray(stages) && Array.isArray(weights) && stages.length === weights.length) return;
  throw new RangeError(
    `${what}: method: expected an integrator, such as INTEGRATORS.rk4 or integratorByName("rk4"), ` +
      `got ${JSON.stringify(method)}`,
  );
}

/** The state after one step of length dt of y' = f(y), for a small system. Throws RangeError unless dt is finite. */
export function stepSystem(
  method: Integrator,
  f: (y: Float64Array) => Float64Array,
  y: Float64Array,
  dt: number,
): Float64Array {
  checkFinite('stepSystem: dt', dt);
  checkIntegrator('stepSystem', method);
  const { stages, weights } = method;
  const velocities: Float64Array[] = [];
  const moved = (coefficients: readonly number[]): Float64Array => {
    const result = y.slice();
    coefficients.forEach((weight, j) => {
      if (weight !== 0) for (let i = 0; i < result.length; i++) result[i]! += dt * weight * velocities[j]![i]!;
    });
    return result;
  };
  for (const stage of stages) velocities.push(f(moved(stage)));
  return moved(weights);
}

/**
 * y(time) of y' = f(y) from y(0) = `initial`, by `steps` equal steps, of classical Runge-Kutta unless told otherwise.
 * Throws RangeError on less than one step, and on a time that is not finite.
 */
export function integrate(
  f: (y: Float64Array) => Float64Array,
  initial: Float64Array,
  time: number,
  steps: number,
  method: Integrator = INTEGRATORS.rk4,
): Float64Array {
  checkFinite('integrate: time', time);
  checkWhole('integrate: steps', steps, 1);
  checkIntegrator('integrate', method);
  let y = initial;
  for (let step = 0; step < steps; step++) y = stepSystem(method, f, y, time / steps);
  return y;
}
