/** Second opinions from mathjs: its ODE solver, and derivatives of formulas as symbols. */
import * as mathjs from 'mathjs';
import type { Saddle } from '../instances/saddle.js';

/** Exported by mathjs 15, but missing from its types. */
const { solveODE } = mathjs as unknown as {
  solveODE: (velocity: (t: number, y: number[]) => number[], span: [number, number], start: number[], options: object) => { y: number[][] };
};

/** The scalar chain's output at `time`, by mathjs' adaptive Runge-Kutta 4(5) (theory/exact/chain.ts has our own). */
export function chainBySolver(initial: readonly number[], y: number, time: number): number {
  const velocity = (_: number, w: number[]): number[] => {
    const product = w.reduce((a, b) => a * b, 1);
    return w.map((value) => ((y - product) * product) / value);
  };
  const solution = solveODE(velocity, [0, time], [...initial], { method: 'RK45', tol: 1e-12, minStep: 1e-9, maxStep: 0.01 });
  return solution.y.at(-1)!.reduce((a, b) => a * b, 1);
}

/** - d loss / d theta_l of the saddle instance, from the formula of its loss. */
export function saddleVelocityBySymbols({ g, kappa, depth }: Saddle, theta: Float64Array): number[] {
  const names = [...theta].map((_, l) => `t${l + 1}`);
  const product = (sign: string): string => names.map((name) => `(g ${sign} ${name})`).join(' * ');
  const loss = `((${product('+')} - y)^2 + (${product('-')} - y)^2) / 4`;
  const scope = { g, y: kappa * g ** depth, ...Object.fromEntries(names.map((name, l) => [name, theta[l]!])) };
  return names.map((name) => -Number(mathjs.derivative(loss, name).evaluate(scope)));
}
