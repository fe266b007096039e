/**
 * Direct training: the running Gronwall bound. Thin particles theta_i and ideal ones thetabar_i, the wide net's own at
 * the coupled indices, are stepped together; everything below is per datum n, a bar marks the wide side.
 *
 * delta_l = rms_i |theta_i - thetabar_i|, e_l = |z_l - zbar_l|, q_l = |p_l - pbar_l|, A = rowNorm(a), B = rowNorm(b),
 * zt = sqrt(|z|^2 + 1). xi_l = |S^sub_l(zbar) - B_l(zbar)| and xi'_l = ||J^sub - J^B||_F: the sampling errors of the
 * ideal subset.
 *
 * Forward. z_l - zbar_l = [S_l(z) - S_l(zbar)] + [S_l(zbar) - S^sub_l(zbar)] + [S^sub_l(zbar) - B_l(zbar)]; the second
 * is (c/m) sum (b - bbar) t + bbar (t - tbar), |t| <= 1 and |t - tbar| <= g1 |Delta(a, bias)| zt:
 *   e_l <= G_l e_{l-1} + F_l delta_l + xi_l,  F_l = c sqrt(1 + (g1 Bbar ztbar)^2),  e_0 = 0.
 * Backward. p_{l-1} - pbar_{l-1} = J^T (p_l - pbar_l) + (J - Jbar)^T pbar_l, and J - J^sub = (c/m) sum s (b a^T - bbar
 * abar^T) + (s - sbar) bbar abar^T,
 * |s - sbar| <= k |u - ubar| <= k (|Delta_i| zt + |abar_i| e_{l-1}):
 *   q_L = e_L,  q_{l-1} <= G_l q_l + (H delta_l + K e_{l-1} + xi'_l) |pbar_l|,
 *   H = c [g1 sqrt(A^2 + Bbar^2) + k zt rms_i(|abar||bbar|)],  K = c k mean_i(|bbar||abar|^2).
 * Particles. db = -c E[p t], d(a, bias) = -c E[(b.p) s (z, 1)]; rho_l = delta_l zt + Abar e_{l-1} bounds rms_i |u_i -
 * ubar_i|:
 *   d delta_l/dt <= c E_n[ q_l + g1 |pbar_l| rho_l + g1 zt (|p_l| delta_l + Bbar q_l)
 *                          + zt k max_i |bbar_i| |pbar_l| rho_l + g1 Bbar |pbar_l| e_{l-1} ].
 * g1 = sup |act'|, k = sup |act''|. All is linear with coefficients >= 0, so that Euler iterates of the right side
 * dominate those of the simulator: rigorous for the discrete scheme, step by step. Then D_train(t) <= rms_n e_L.
 */
import { filled } from '../../src/core/host-array.js';
import { checkFinite, checkWhole } from '../../src/core/range.js';
import { largest, rms } from '../../src/core/stats.js';
import { checkNet } from '../model/check.js';
import { rmsDistance } from '../network/discrepancy.js';
import { checkSteps, trainDirect } from '../flow/direct.js';
import { ACTIVATIONS } from '../model/activations.js';
import { checkUniform, copyNet, pickNet, thinIndices, type Layer, type Net } from '../model/particles.js';
import type { Samples } from '../model/task.js';
import { activationBound, layerLipschitz, rowNorm } from './constants.js';

/** z_l [N, d] for l = 0 .. L, p_l [N, d] for l = 1 .. L, and the layers' Jacobians J_l [N, d, d]. */
export interface Trace {
  readonly z: readonly Float64Array[];
  readonly p: readonly Float64Array[];
  readonly J: readonly Float64Array[];
}

/** Output [N, d] and Jacobian [N, d, d] of one layer at z [N, d]. */
function layerTrace(
  { alpha, c, d, activation }: Net,
  { m, a, b, bias }: Layer,
  z: Float64Array,
): { out: Float64Array; J: Float64Array } {
  const act = ACTIVATIONS[activation].at;
  const n = z.length / d;
  const out = z.map((value) => alpha * value);
  const J = new Float64Array(n * d * d);
  for (let s = 0; s < n; s++) {
    for (let k = 0; k < d; k++) J[s * d * d + k * d + k] = alpha;
    for (let i = 0; i < m; i++) {
      let u = bias[i]!;
      for (let k = 0; k < d; k++) u += a[i * d + k]! * z[s * d + k]!;
      const [t, derivative] = act(u);
      for (let k = 0; k < d; k++) {
        const weight = (c / m) * b[i * d + k]!;
        out[s * d + k]! += weight * t;
        for (let j = 0; j < d; j++) J[s * d * d + k * d + j]! += weight * derivative * a[i * d + j]!;
      }
    }
  }
  return { out, J };
}

/**
 * Activations, gradients by activations and Jacobians of every layer on samples [N, d], in plain TypeScript. Throws
 * RangeError on a shape that does not fit.
 */
export function traceNet(net: Net, { x, y, loss }: Samples): Trace {
  checkUniform('bounds', net, loss);
  checkNet(net);
  const samples = Object.entries({ x, y });
  for (const [name, { length }] of samples)
    if (length === 0 || length % net.d !== 0 || length !== x.length)
      throw new RangeError(`bounds: ${name}: expected [N, ${net.d}] as y has, got ${length} numbers`);
  const { d } = net;
  const z = [x];
  const J: Float64Array[] = [];
  for (const layer of net.layers) {
    const step = layerTrace(net, layer, z.at(-1)!);
    z.push(step.out);
    J.push(step.J);
  }
  const p: Float64Array[] = [z.at(-1)!.map((value, j) => value - y[j]!)];
  for (let l = net.layers.length - 1; l > 0; l--) {
    const above = p[0]!;
    const below = new Float64Array(above.length);
    for (let s = 0; s < above.length / d; s++)
      for (let k = 0; k < d; k++)
        for (let j = 0; j < d; j++) below[s * d + j]! += J[l]![s * d * d + k * d + j]! * above[s * d + k]!;
    p.unshift(below);
  }
  return { z, p, J };
}

const norms = (rows: Float64Array, d: number): Float64Array =>
  filled(new Float64Array(rows.length / d), (i) => Math.hypot(...rows.subarray(i * d, (i + 1) * d)));
const difference = (u: Float64Array, v: Float64Array): Float64Array => u.map((value, j) => value - v[j]!);

/** Coefficients of one layer at one time; arrays are per datum. */
interface Coefficients {
  readonly G: number;
  readonly F: Float64Array;
  readonly H: Float64Array;
  readonly K: number;
  readonly xi: Float64Array;
  readonly xiJ: Float64Array;
  readonly zt: Float64Array;
  readonly Abar: number;
  readonly Bbar: number;
  readonly bMax: number;
  /** |p_l| and |pbar_l|. */
  readonly p: Float64Array;
  readonly pbar: Float64Array;
}

function coefficients(
  thin: Net,
  wide: Net,
  ideal: Net,
  samples: Samples,
): { layers: Coefficients[]; own: Trace; bar: Trace } {
  const { d } = thin;
  const c = Math.abs(thin.c);
  const { derivative: g1, secondDerivative: k } = activationBound(thin.activation);
  const [own, bar] = [traceNet(thin, samples), traceNet(wide, samples)];
  const layers = thin.layers.map((layer, l): Coefficients => {
    const twin = ideal.layers[l]!;
    const sub = layerTrace(thin, twin, bar.z[l]!);
    const [A, Abar, Bbar] = [rowNorm(layer.a, d), rowNorm(twin.a, d), rowNorm(twin.b, d)];
    const [aNorm, bNorm] = [norms(twin.a, d), norms(twin.b, d)];
    const zt = norms(own.z[l]!, d).map((value) => Math.hypot(value, 1));
    const ztbar = norms(bar.z[l]!, d).map((value) => Math.hypot(value, 1));
    const product = rms(aNorm.map((value, i) => value * bNorm[i]!));
    return {
      G: layerLipschitz(thin, layer),
      F: ztbar.map((value) => c * Math.hypot(1, g1 * Bbar * value)),
      H: zt.map((value) => c * (g1 * Math.hypot(A, Bbar) + k * value * product)),
      K: (c * k * aNorm.reduce((sum, value, i) => sum + value * value * bNorm[i]!, 0)) / layer.m,
      xi: norms(difference(sub.out, bar.z[l + 1]!), d),
      xiJ: norms(difference(sub.J, bar.J[l]!), d * d),
      zt,
      Abar,
      Bbar,
      bMax: largest(bNorm),
      p: norms(own.p[l]!, d),
      pbar: norms(bar.p[l]!, d),
    };
  });
  return { layers, own, bar };
}

/** d delta/dt [L] and e_L [N] for given delta [L]; with `sampling` false, the linear part alone. */
function rightSide(
  layers: readonly Coefficients[],
  delta: ArrayLike<number>,
  { c, activation }: Net,
  sampling = true,
): { rate: Float64Array; last: Float64Array } {
  const { derivative: g1, secondDerivative: k } = activationBound(activation);
  const L = layers.length;
  const n = layers[0]!.zt.length;
  const rate = new Float64Array(L);
  const last = new Float64Array(n);
  const on = sampling ? 1 : 0;
  const e = new Float64Array(L + 1);
  for (let s = 0; s < n; s++) {
    layers.forEach(({ G, F, xi }, l) => (e[l + 1] = G * e[l]! + F[s]! * delta[l]! + on * xi[s]!));
    last[s] = e[L]!;
    let q = e[L]!;
    for (let l = L - 1; l >= 0; l--) {
      const { G, H, K, xiJ, zt, Abar, Bbar, bMax, p, pbar } = layers[l]!;
      const rho = delta[l]! * zt[s]! + Abar * e[l]!;
      const particles =
        q +
        g1 * pbar[s]! * rho +
        g1 * zt[s]! * (p[s]! * delta[l]! + Bbar * q) +
        zt[s]! * k * bMax * pbar[s]! * rho +
        g1 * Bbar * pbar[s]! * e[l]!;
      rate[l]! += (Math.abs(c) * particles) / n;
      q = G * q + (H[s]! * delta[l]! + K * e[l]! + on * xiJ[s]!) * pbar[s]!;
    }
  }
  return { rate, last };
}

/**
 * Throws RangeError unless the three nets have one depth, dimension, activation, alpha and c, and the ideal one has the
 * thin one's widths.
 */
function checkTrio(thin: Net, wide: Net, ideal: Net): void {
  checkNet(ideal);
  checkUniform('bounds', ideal);
  for (const name of ['activation', 'alpha', 'c'] as const)
    if (wide[name] !== thin[name] || ideal[name] !== thin[name])
      throw new RangeError(`bounds: ${name}: expected that of the thin net, ${thin[name]}, in all three nets`);
  const fits =
    [wide, ideal].every(({ d, layers }) => d === thin.d && layers.length === thin.layers.length) &&
    ideal.layers.every(({ m }, l) => m === thin.layers[l]!.m);
  if (!fits || thin.layers.length === 0)
    throw new RangeError(
      'bounds: expected nets of one depth and dimension, and an ideal one of as many particles as the thin one',
    );
}

/**
 * Lambda_L: spectral radius of the map delta -> d delta/dt without sampling errors, by power iteration (the map has no
 * negative entry). Throws RangeError on nets that do not fit each other, and for an activation without bounds.
 */
export function gronwallRate(thin: Net, wide: Net, ideal: Net, samples: Samples): number {
  checkTrio(thin, wide, ideal);
  const { layers } = coefficients(thin, wide, ideal, samples);
  let delta = new Float64Array(layers.length).fill(1);
  let value = 0;
  for (let round = 0; round < 200; round++) {
    const { rate } = rightSide(layers, delta, thin, false);
    value = Math.hypot(...rate);
    if (value === 0) return 0;
    delta = rate.map((entry) => entry / value);
  }
  return value;
}

/** One step of the running bound. */
export interface GronwallStep {
  /** Flow time. */
  readonly time: number;
  /** Measured D on the training points, and the largest layer's rms particle distance. */
  readonly discrepancy: number;
  readonly distance: number;
  /** Their bounds; infinite once they leave float64. */
  readonly bound: number;
  readonly distanceBound: number;
}

/** Largest constants over layers, data and time that the closed form is evaluated with. */
export interface UniformConstants {
  readonly depth: number;
  readonly c: number;
  /** >= every layer's Lipschitz constant, thin and wide, and at least 1. */
  readonly G: number;
  readonly A: number;
  readonly B: number;
  /** max_i |b_i|. */
  readonly b: number;
  /** max sqrt(|z|^2 + 1). */
  readonly Z: number;
  /** max |p_L|, thin and wide. */
  readonly R: number;
  readonly F: number;
  readonly H: number;
  readonly K: number;
  readonly xi: number;
  readonly xiJ: number;
  /** sup |act'| and sup |act''|. */
  readonly derivative: number;
  readonly secondDerivative: number;
}

/** The largest constants over layers and data, at one time. Throws RangeError as {@link gronwallRate} does. */
export function uniformConstants(thin: Net, wide: Net, ideal: Net, samples: Samples): UniformConstants {
  checkTrio(thin, wide, ideal);
  return uniformOf(thin, wide, ideal, coefficients(thin, wide, ideal, samples));
}

/** The larger of each constant. */
function larger(one: UniformConstants | undefined, two: UniformConstants): UniformConstants {
  if (one === undefined) return two;
  return Object.fromEntries(
    Object.entries(two).map(([name, value]) => [name, Math.max(value as number, one[name as keyof UniformConstants])]),
  ) as unknown as UniformConstants;
}

function uniformOf(
  thin: Net,
  wide: Net,
  ideal: Net,
  { layers, bar }: ReturnType<typeof coefficients>,
): UniformConstants {
  const { derivative, secondDerivative } = activationBound(thin.activation);
  const max = (value: (layer: Coefficients) => number): number => largest(layers.map(value));
  const top = layers.at(-1)!;
  const both = [thin, wide, ideal];
  const ztbar = largest(bar.z.map((z) => largest(norms(z, thin.d).map((value) => Math.hypot(value, 1)))));
  return {
    depth: layers.length,
    c: Math.abs(thin.c),
    G: Math.max(1, ...both.flatMap((net) => net.layers.map((layer) => layerLipschitz(net, layer)))),
    A: Math.max(...[thin, ideal].flatMap((net) => net.layers.map(({ a }) => rowNorm(a, net.d)))),
    B: Math.max(...[thin, ideal].flatMap((net) => net.layers.map(({ b }) => rowNorm(b, net.d)))),
    b: max(({ bMax }) => bMax),
    Z: Math.max(
      ztbar,
      max(({ zt }) => largest(zt)),
    ),
    R: Math.max(largest(top.p), largest(top.pbar)),
    F: max(({ F }) => largest(F)),
    H: max(({ H }) => largest(H)),
    K: max(({ K }) => K),
    xi: max(({ xi }) => largest(xi)),
    xiJ: max(({ xiJ }) => largest(xiJ)),
    derivative,
    secondDerivative,
  };
}

/** A thin net, its wide net and the bound on their distance, stepped together. */
export interface GronwallRun {
  /** One row for each step, the start included. */
  readonly rows: readonly GronwallStep[];
  /** The largest constants of all steps: the closed form holds for the whole run with those. */
  readonly constants: UniformConstants;
  /** Both nets at the end. */
  readonly thin: Net;
  readonly wide: Net;
  /** The step at which either net exploded, after which nothing was run, or undefined. */
  readonly exploded: number | undefined;
}

/**
 * Trains a thin net of m coupled particles beside the wide one for `steps` Euler steps, with the bound stepped along.
 * `initial` is the wide net before training. Throws RangeError for an activation that the bound does not cover, and on
 * steps or a dt that are none.
 */
export function runningGronwall(
  initial: Net,
  samples: Samples,
  thin: { m: number; seed: number; draw: number },
  steps: number,
  dt: number,
): GronwallRun {
  checkSteps('runningGronwall', { steps, dt });
  const indices = thinIndices(initial, thin.m, thin.seed, thin.draw);
  const wide = copyNet(initial);
  const net = pickNet(initial, indices);
  let delta = new Float64Array(net.layers.length);
  const rows: GronwallStep[] = [];
  let constants: UniformConstants | undefined;
  for (let step = 0; ; step++) {
    const ideal = pickNet(wide, indices);
    const all = coefficients(net, wide, ideal, samples);
    const { layers, own, bar } = all;
    constants = larger(constants, uniformOf(net, wide, ideal, all));
    const { rate, last } = rightSide(layers, delta, net);
    const distances = net.layers.map(({ m, a, b, bias }, l) => {
      const twin = ideal.layers[l]!;
      const squares = [difference(a, twin.a), difference(b, twin.b), difference(bias, twin.bias)].reduce(
        (sum, part) => sum + part.reduce((total, value) => total + value * value, 0),
        0,
      );
      return Math.sqrt(squares / m);
    });
    rows.push({
      time: step * dt,
      discrepancy: rmsDistance(own.z.at(-1)!, bar.z.at(-1)!, net.d),
      distance: Math.max(...distances),
      bound: rms(last),
      distanceBound: Math.max(...delta),
    });
    if (step === steps) return { rows, constants, thin: net, wide, exploded: undefined };
    delta = delta.map((value, l) => value + dt * rate[l]!);
    const results = [net, wide].map((one) => trainDirect(one, samples, { steps: 1, dt }));
    if (results.some(({ exploded }) => exploded !== undefined))
      return { rows, constants, thin: net, wide, exploded: step };
  }
}

const CONSTANTS = [
  ...(['depth', 'c', 'G', 'A', 'B', 'b', 'Z', 'R', 'F', 'H', 'K', 'xi', 'xiJ'] as const),
  ...(['derivative', 'secondDerivative'] as const),
] satisfies readonly (keyof UniformConstants)[];

/** Logarithm of a sum of numbers [n] given by theirs; of none, or of zeros alone, -Infinity. */
function logSum(...logs: readonly number[]): number {
  const top = Math.max(-Infinity, ...logs);
  if (!Number.isFinite(top)) return top;
  return top + Math.log(logs.reduce((sum, log) => sum + Math.exp(log - top), 0));
}

/** Logarithm of a product of numbers given by theirs: that of 0, -Infinity, whatever the others. */
function logProduct(...logs: readonly number[]): number {
  return logs.includes(-Infinity) ? -Infinity : logs.reduce((sum, log) => sum + log, 0);
}

/** Logarithms of the terms of {@link closedForm}: of its rate and source, of S F and of S xi. */
interface Logarithms {
  readonly rate: number;
  readonly source: number;
  readonly F: number;
  readonly xi: number;
}

/** The terms of {@link closedForm} by logarithms, where they leave float64 themselves. */
function logarithms(constants: UniformConstants): Logarithms {
  const log = Object.fromEntries(CONSTANTS.map((name) => [name, Math.log(constants[name])])) as Record<
    (typeof CONSTANTS)[number],
    number
  >;
  const { depth: L, G } = constants;
  // (G^L - 1) / (G - 1)
  const power = L * log.G;
  const S = G === 1 ? log.depth : (power > 40 ? power : Math.log(Math.expm1(power))) - Math.log(G - 1);
  const [F, xi] = [logProduct(S, log.F), logProduct(S, log.xi)];
  const common = logSum(0, logProduct(log.derivative, log.B, log.Z));
  const bent = logSum(log.derivative, logProduct(log.secondDerivative, log.b, log.Z));
  const all = (moved: number, bend: number, own: number, second: number): number =>
    logProduct(
      logProduct(log.c, power),
      logSum(
        logProduct(common, logSum(moved, logProduct(log.depth - log.G, log.R, logSum(bend, logProduct(log.K, moved))))),
        logProduct(
          log.R,
          logSum(
            logProduct(logSum(own, logProduct(log.A, moved)), bent),
            second,
            logProduct(log.derivative, log.B, moved),
          ),
        ),
      ),
    );
  const rate = all(F, log.H, log.Z, logProduct(log.derivative, log.Z));
  return { rate, source: all(xi, log.xiJ, -Infinity, -Infinity), F, xi };
}

function byLogarithms(
  { rate, source, F, xi }: Logarithms,
  time: number,
): { readonly rate: number; readonly logBound: number } {
  const grown = Math.exp(logProduct(rate, Math.log(time)));
  // (e^x - 1) / x is 1 for small x
  const growth = grown < 1e-12 ? Math.log(time) : (grown > 30 ? grown : Math.log(Math.expm1(grown))) - rate;
  return { rate: Math.exp(rate), logBound: logSum(logProduct(F, source, growth), xi) };
}

/**
 * The closed form, with uniform constants and S_L = sum_{j<L} G^j. From the recursions above, |pbar_l| <= G^{L-l} R:
 *   e_L <= S_L (F delta + xi),  q_l <= G^L [e_L + (L/G) R (H delta + K e_L + xi')],
 *   Lambda = c G^L { (1 + g1 B Z)[S_L F + (L/G) R (H + K S_L F)]
 *                    + R [(Z + A S_L F)(g1 + k b Z) + g1 Z + g1 B S_L F] } = O(L G^{2L}),
 *   s = the same with F delta -> xi, H delta -> xi' and delta -> 0,
 *   delta(T) <= s (e^{Lambda T} - 1) / Lambda,  D(T) <= S_L (F delta(T) + xi):
 * the double exponential exp(T e^{2 L log G}) / sqrt m of the paper, when G > 1. With G = 1 + O(1/L) Lambda/c stays
 * bounded. The answer is the natural logarithm of the bound, as the bound itself soon leaves float64; it and the rate
 * are infinite where they do so, too. Throws RangeError on a constant or a time that is none or missing, and on a G
 * below 1, for which the recursions do not give this bound.
 */
export function closedForm(
  constants: UniformConstants,
  time: number,
): { readonly rate: number; readonly logBound: number } {
  for (const name of CONSTANTS) checkFinite(`closedForm: ${name}`, constants[name], name === 'G' ? 1 : 0);
  checkWhole('closedForm: depth', constants.depth, 1);
  checkFinite('closedForm: time', time, 0);
  const { depth: L, c, G, A, B, b, Z, R, F, H, K, xi, xiJ, derivative: g1, secondDerivative: k } = constants;
  let S = 0;
  for (let j = 0; j < L; j++) S += G ** j;
  const power = G ** L;
  const common = 1 + g1 * B * Z;
  const rate =
    c *
    power *
    (common * (S * F + (L / G) * R * (H + K * S * F)) +
      R * ((Z + A * S * F) * (g1 + k * b * Z) + g1 * Z + g1 * B * S * F));
  const source =
    c *
    power *
    (common * (S * xi + (L / G) * R * (xiJ + K * S * xi)) + R * (A * S * xi * (g1 + k * b * Z) + g1 * B * S * xi));
  const logs = logarithms(constants);
  const parts = [
    [rate, logs.rate],
    [source, logs.source],
    [S * F, logs.F],
    [S * xi, logs.xi],
    [rate * time, logs.rate + Math.log(time)],
  ] as const;
  if (!parts.every(([value, log]) => (value > 1e-290 && value < Infinity) || (value === 0 && log === -Infinity)))
    return byLogarithms(logs, time);
  // log of source (e^{rate T} - 1) / rate, without overflow; with c = 0 nothing moves, and the rate is 0
  const grown = rate * time;
  const logDelta =
    rate === 0 ? Math.log(source * time) : Math.log(source / rate) + (grown > 30 ? grown : Math.log(Math.expm1(grown)));
  const [one, two] = [Math.log(S * F) + logDelta, Math.log(S * xi)];
  const top = Math.max(one, two);
  if (top === -Infinity) return { rate, logBound: top };
  return { rate, logBound: top + Math.log(Math.exp(one - top) + Math.exp(two - top)) };
}
