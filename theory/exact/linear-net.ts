/**
 * Deep linear nets of infinitely many particles (activation "identity"), and their fluctuations. A particle theta = (a,
 * bias, b) moves by dtheta/dt = A theta with A of its layer alone, and the layer sees its particles through C = E[theta
 * theta^T] only. So the flow closes on the second moments: an Euler step is C -> (1 + dt A) C (1 + dt A)^T.
 */
import { checkAllFinite, checkFinite, checkPositive, checkWhole } from '../../src/core/range.js';
import { checkLaw, type InitialLaw } from '../model/particles.js';
import type { Samples } from '../model/task.js';
import { product, transposed, type Rows } from '../numerics/linear.js';

/** A linear net, its training by Euler steps, and the points on which the discrepancy is measured. */
export interface LinearSetting {
  readonly depth: number;
  readonly d: number;
  readonly alpha: number;
  readonly c: number;
  readonly law: InitialLaw;
  readonly train: Samples;
  /** [N, d]. */
  readonly points: Float64Array;
  readonly steps: number;
  readonly dt: number;
}

/** S with theta = S x, x standard normal: a = sa x_a, bias = sbias x_0, b = sb (rho x_a + sqrt(1 - rho^2) x_b). */
function factorOf(d: number, { rho, sa = 1, sb = 1, sbias = 0.5 }: InitialLaw): Rows {
  const size = 2 * d + 1;
  return Array.from({ length: size }, (_, i) =>
    Array.from({ length: size }, (_, j) => {
      if (i < d) return i === j ? sa : 0;
      if (i === d) return i === j ? sbias : 0;
      return j === i ? sb * Math.sqrt(1 - rho * rho) : j === i - d - 1 ? sb * rho : 0;
    }),
  );
}

/** z_l of every layer at x [N, d], as rows: alpha z + c (E[b a^T] z + E[b bias]). */
function states({ d, alpha, c }: LinearSetting, moments: readonly Rows[], x: Float64Array): Rows[] {
  const all = [Array.from({ length: x.length / d }, (_, n) => [...x.subarray(n * d, (n + 1) * d)])];
  for (const C of moments)
    all.push(
      all.at(-1)!.map((z) =>
        z.map((value, k) => {
          const row = C[d + 1 + k]!;
          return alpha * value + c * z.reduce((sum, other, j) => sum + row[j]! * other, row[d]!);
        }),
      ),
    );
  return all;
}

/** One Euler step of all layers' moments. */
function step(setting: LinearSetting, moments: readonly Rows[]): Rows[] {
  const { d, alpha, c, train, dt } = setting;
  const z = states(setting, moments, train.x);
  let p = z.at(-1)!.map((row, n) => row.map((value, k) => value - train.y[n * d + k]!));
  const next: Rows[] = [];
  for (let l = moments.length - 1; l >= 0; l--) {
    const C = moments[l]!;
    // G = E_n[p (z, 1)^T], [d, d + 1]: da = -c G_z^T b, dbias = -c G_1 . b, db = -c (G_z a + G_1 bias)
    const move = C.map((_, i) => C.map((_, j) => (i === j ? 1 : 0)));
    for (let k = 0; k < d; k++)
      for (let j = 0; j <= d; j++) {
        const G = p.reduce((sum, row, n) => sum + row[k]! * (j < d ? z[l]![n]![j]! : 1), 0) / train.n;
        move[j]![d + 1 + k]! -= dt * c * G;
        move[d + 1 + k]![j]! -= dt * c * G;
      }
    next.unshift(product(product(move, C), transposed(move)));
    p = p.map((row) =>
      row.map((value, j) => alpha * value + c * row.reduce((sum, other, k) => sum + C[d + 1 + k]![j]! * other, 0)),
    );
  }
  return next;
}

/** The output on the points after training from the moments, as one list. */
function outputFrom(setting: LinearSetting, initial: readonly Rows[]): number[] {
  let moments = [...initial];
  for (let k = 0; k < setting.steps; k++) moments = step(setting, moments);
  return states(setting, moments, setting.points).at(-1)!.flat();
}

/**
 * lim sqrt(m) D of direct training of a linear net, at the scheme's own dt: sqrt(m) (C_m - C) = S H S^T with H
 * symmetric, H_ij ~ N(0, 1) and H_ii ~ N(0, 2), independent in each layer, so that the limit is the root of a finite
 * sum of squared derivatives, which are taken as central differences. To 1e-8 of its value. Throws RangeError on sizes,
 * steps or samples that do not fit, a law that is none, and where the training leaves float64.
 */
export function linearNetLimit(setting: LinearSetting): number {
  const { depth, d, alpha, c, law, train, points, steps, dt } = setting;
  for (const [name, size] of Object.entries({ depth, d })) checkWhole(`linearNetLimit: ${name}`, size, 1);
  checkWhole('linearNetLimit: steps', steps, 0, 1e9);
  checkPositive('linearNetLimit: dt', dt);
  for (const [name, scale] of Object.entries({ alpha, c })) checkFinite(`linearNetLimit: ${name}`, scale);
  checkLaw('linearNetLimit', law);
  for (const [name, values] of Object.entries({ 'train.x': train.x, 'train.y': train.y }))
    if (values.length !== train.n * d)
      throw new RangeError(`linearNetLimit: ${name}: expected [${train.n}, ${d}], got ${values.length} numbers`);
  if (points.length === 0 || points.length % d !== 0)
    throw new RangeError(`linearNetLimit: points: expected [N, ${d}] with N >= 1, got ${points.length} numbers`);
  for (const [name, values] of Object.entries({ 'train.x': train.x, 'train.y': train.y, points }))
    checkAllFinite(`linearNetLimit: ${name}`, values);
  const S = factorOf(setting.d, setting.law);
  const C = product(S, transposed(S));
  const start = Array.from({ length: setting.depth }, () => C);
  const h = 1e-5;
  let sum = 0;
  for (let l = 0; l < setting.depth; l++)
    for (let i = 0; i < S.length; i++)
      for (let j = 0; j <= i; j++) {
        const H = S.map((_, r) => S.map((_, s) => ((r === i && s === j) || (r === j && s === i) ? 1 : 0)));
        const change = product(product(S, H), transposed(S));
        const [up, down] = [h, -h].map((size) =>
          outputFrom(
            setting,
            start.map((at, k) => (k === l ? at.map((row, r) => row.map((v, s) => v + size * change[r]![s]!)) : at)),
          ),
        );
        const variance = i === j ? 2 : 1;
        sum += variance * up!.reduce((total, value, n) => total + ((value - down![n]!) / (2 * h)) ** 2, 0);
      }
  const limit = Math.sqrt(sum / (points.length / d));
  if (!Number.isFinite(limit))
    throw new RangeError(`linearNetLimit: the training leaves float64; a smaller dt than ${dt} is needed`);
  return limit;
}
