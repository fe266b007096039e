/** Second opinions: mathjs' ODE solver, derivatives of formulas as symbols, and plain quadrature. */
import * as mathjs from 'mathjs';
import type { Saddle } from '../instances/saddle.js';
import type { Covariance } from '../exact/kernels.js';
import { gaussLegendre } from '../numerics/quadrature.js';
import { committeeVelocity, type Committee } from '../exact/saad-solla.js';

/** Exported by mathjs 15, but missing from its types. */
const { solveODE } = mathjs as unknown as {
  solveODE: (
    velocity: (t: number, y: number[]) => number[],
    span: [number, number],
    start: number[],
    options: object,
  ) => { y: number[][] };
};

const TOLERANCE = { method: 'RK45', tol: 1e-12, minStep: 1e-9, maxStep: 0.01 };

/** The scalar chain's output at `time`, by mathjs' adaptive Runge-Kutta 4(5) (theory/exact/chain.ts has our own). */
export function chainBySolver(initial: readonly number[], y: number, time: number): number {
  const velocity = (_: number, w: number[]): number[] => {
    const product = w.reduce((a, b) => a * b, 1);
    return w.map((value) => ((y - product) * product) / value);
  };
  return solveODE(velocity, [0, time], [...initial], TOLERANCE)
    .y.at(-1)!
    .reduce((a, b) => a * b, 1);
}

/** Overlaps of the committee machine at `alpha`, by the same solver. */
export function committeeBySolver(start: Committee, eta: number, alpha: number): Committee {
  const [K, M] = [start.Q.length, start.T.length];
  const unpack = (y: number[]): Committee => ({
    Q: Array.from({ length: K }, (_, i) => y.slice(i * K, (i + 1) * K)),
    R: Array.from({ length: K }, (_, i) => y.slice(K * K + i * M, K * K + (i + 1) * M)),
    T: start.T,
  });
  const velocity = (_: number, y: number[]): number[] => {
    const { Q, R } = committeeVelocity(unpack(y), eta);
    return [...Q.flat(), ...R.flat()];
  };
  return unpack(solveODE(velocity, [0, alpha], [...start.Q.flat(), ...start.R.flat()], TOLERANCE).y.at(-1)!);
}

/** - d loss / d theta_l of the saddle instance, from the formula of its loss. */
export function saddleVelocityBySymbols({ g, kappa, depth }: Saddle, theta: Float64Array): number[] {
  const names = [...theta].map((_, l) => `t${l + 1}`);
  const product = (sign: string): string => names.map((name) => `(g ${sign} ${name})`).join(' * ');
  const loss = `((${product('+')} - y)^2 + (${product('-')} - y)^2) / 4`;
  const scope = { g, y: kappa * g ** depth, ...Object.fromEntries(names.map((name, l) => [name, theta[l]!])) };
  return names.map((name) => -Number(mathjs.derivative(loss, name).evaluate(scope)));
}

/** - d/d(a, b, bias) of (1/2) (b tanh(a x + bias) - y)^2: one particle of one layer, in one dimension. */
export function tanhVelocityBySymbols(scope: { a: number; b: number; bias: number; x: number; y: number }): {
  a: number;
  b: number;
  bias: number;
} {
  const velocity = (name: string): number =>
    -Number(mathjs.derivative('(b * tanh(a * x + bias) - y)^2 / 2', name).evaluate(scope));
  return { a: velocity('a'), b: velocity('b'), bias: velocity('bias') };
}

/** E[erf(u/sqrt 2) erf(v/sqrt 2)] from its definition, by Gauss-Legendre in two dimensions. */
export function arcsineByQuadrature({ uu, uv, vv }: Covariance): number {
  const { nodes, weights } = gaussLegendre(80, -9, 9);
  const rest = Math.sqrt(vv - (uv * uv) / uu);
  let sum = 0;
  nodes.forEach((p, i) =>
    nodes.forEach((q, j) => {
      const density = Math.exp(-(p * p + q * q) / 2) / (2 * Math.PI);
      const [u, v] = [Math.sqrt(uu) * p, (uv / Math.sqrt(uu)) * p + rest * q];
      sum += weights[i]! * weights[j]! * density * mathjs.erf(u * Math.SQRT1_2) * mathjs.erf(v * Math.SQRT1_2);
    }),
  );
  return sum;
}
