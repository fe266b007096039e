/**
 * Instance C: the saddle of instances/saddle.ts with tanh particles and tanh of the state, on Gaussian inputs. State z
 * = (s, d), s' = g s + w_l tanh(s), d' = g d - w_l tanh(d), w_l = mean_i tanh(theta_l,i); targets y = kappa g^L x. The
 * training set is closed under s <-> d, so that the infinitely wide net (w = 0) is stationary by symmetry, and
 * unstable. Here particles matter one by one: d theta_l,i / dt = - (d loss / d w_l) (1 - tanh^2 theta_l,i).
 */
import { filled } from '../../src/core/host-array.js';
import { FailureError } from '../../src/core/errors.js';
import { checkAllFinite, checkFinite, checkWhole } from '../../src/core/range.js';
import { normals, rngKey } from '../../src/core/rng.js';
import { integrate } from '../flow/integrators.js';
import { checkParticles, checkSaddle } from './check.js';

/** Constants of the saddle with tanh particles. */
export interface TanhSaddle {
  readonly g: number;
  readonly kappa: number;
  readonly depth: number;
  /** Standard deviation of the inputs. */
  readonly spread: number;
}

/**
 * n points (s, d) ~ N(0, spread^2 I), and with `symmetric` n / 2 of them, each with its mirror image (d, s); rows of
 * [n, 2]. Throws RangeError on an odd number of those.
 */
export function saddleInputs({ spread }: TanhSaddle, n: number, seed: number, symmetric: boolean): Float64Array {
  checkWhole('saddleInputs: n', n, 1);
  checkFinite('saddleInputs: spread', spread, 0);
  if (symmetric && n % 2 !== 0)
    throw new RangeError(`saddleInputs: n: expected an even number of points with their mirror images, got ${n}`);
  const half = normals(rngKey(seed, 'tanh saddle', symmetric ? 'train' : 'held out'), symmetric ? n : 2 * n).map(
    (z) => z * spread,
  );
  if (!symmetric) return half;
  const points = new Float64Array(2 * n);
  for (let i = 0; i < n / 2; i++) points.set([half[2 * i]!, half[2 * i + 1]!, half[2 * i + 1]!, half[2 * i]!], 4 * i);
  return points;
}

/** Layer means w [L] of particles theta [L, m]. */
export function tanhMeans(theta: Float64Array, depth: number): Float64Array {
  checkParticles('tanhMeans', theta, depth);
  const m = theta.length / depth;
  return filled(
    new Float64Array(depth),
    (l) => theta.subarray(l * m, (l + 1) * m).reduce((sum, t) => sum + Math.tanh(t), 0) / m,
  );
}

/** Throws RangeError on constants that are none, and unless there is one mean for each layer, and points [n, 2]. */
function checkMeans(saddle: TanhSaddle, w: Float64Array, x: Float64Array): void {
  checkSaddle('tanh saddle', saddle);
  checkAllFinite('tanh saddle: w', w);
  checkAllFinite('tanh saddle: x', x);
  const { depth } = saddle;
  if (w.length !== depth)
    throw new RangeError(`tanh saddle: w: expected one for each of ${depth} layers, got ${w.length}`);
  checkPoints('tanh saddle', x);
}

/** Throws RangeError unless points x are [n, 2]; `what` asks. */
function checkPoints(what: string, x: Float64Array): void {
  if (x.length === 0 || x.length % 2 !== 0)
    throw new RangeError(`${what}: x: expected [n, 2] with n >= 1, got ${x.length} numbers`);
}

function outputsOf({ g }: TanhSaddle, w: Float64Array, x: Float64Array, from = 0): Float64Array {
  const z = x.slice();
  for (let j = 0; j < z.length; j++) {
    const sign = j % 2 === 0 ? 1 : -1;
    for (let l = from; l < w.length; l++) z[j] = g * z[j]! + sign * w[l]! * Math.tanh(z[j]!);
  }
  return z;
}

const distance = (u: Float64Array, v: Float64Array): number =>
  Math.sqrt(u.reduce((sum, value, j) => sum + (value - v[j]!) ** 2, 0) / (u.length / 2));

/** D of layer means w [L] from the infinitely wide net, g^L x, on points x [n, 2]. */
export function tanhSaddleDiscrepancy(saddle: TanhSaddle, w: Float64Array, x: Float64Array): number {
  checkMeans(saddle, w, x);
  return distance(
    outputsOf(saddle, w, x),
    x.map((value) => value * saddle.g ** saddle.depth),
  );
}

/** sum_l h_l: hybrids of the wide net (w = 0) up to layer l and the thin one after it. */
export function tanhSaddleTelescope(saddle: TanhSaddle, w: Float64Array, x: Float64Array): number {
  checkMeans(saddle, w, x);
  const hybrids = Array.from({ length: saddle.depth + 1 }, (_, l) =>
    outputsOf(
      saddle,
      w,
      x.map((value) => value * saddle.g ** l),
      l,
    ),
  );
  return hybrids.slice(1).reduce((sum, hybrid, l) => sum + distance(hybrids[l]!, hybrid), 0);
}

/** d loss / d w [L], loss = (1/2n) sum |z_L - y|^2 over points x [n, 2]. */
export function tanhSaddleGradient(saddle: TanhSaddle, w: Float64Array, x: Float64Array): Float64Array {
  checkMeans(saddle, w, x);
  return gradientAt(saddle, w, x);
}

function gradientAt({ g, kappa, depth }: TanhSaddle, w: Float64Array, x: Float64Array): Float64Array {
  const gradient = new Float64Array(depth);
  const states = new Float64Array(depth);
  for (let j = 0; j < x.length; j++) {
    const sign = j % 2 === 0 ? 1 : -1;
    let z = x[j]!;
    for (let l = 0; l < depth; l++) {
      states[l] = z;
      z = g * z + sign * w[l]! * Math.tanh(z);
    }
    let p = z - kappa * g ** depth * x[j]!;
    for (let l = depth - 1; l >= 0; l--) {
      const t = Math.tanh(states[l]!);
      gradient[l]! += p * sign * t;
      p *= g + sign * w[l]! * (1 - t * t);
    }
  }
  return gradient.map((value) => value / (x.length / 2));
}

/**
 * Direct training of particles theta [L, m] in place: explicit Euler, `steps` steps over `time`. Throws RangeError on
 * arguments that are none, FailureError where the particles leave float64.
 */
export function trainTanhSaddle(
  saddle: TanhSaddle,
  theta: Float64Array,
  x: Float64Array,
  time: number,
  steps: number,
): void {
  const { depth } = saddle;
  checkParticles('trainTanhSaddle', theta, depth);
  checkWhole('trainTanhSaddle: steps', steps, 1);
  checkFinite('trainTanhSaddle: time', time, 0);
  checkSaddle('trainTanhSaddle', saddle);
  checkAllFinite('trainTanhSaddle: particles', theta);
  checkAllFinite('trainTanhSaddle: x', x);
  checkPoints('trainTanhSaddle', x);
  const m = theta.length / depth;
  const t = new Float64Array(theta.length);
  const w = new Float64Array(depth);
  for (let step = 0; step < steps; step++) {
    w.fill(0);
    for (let i = 0; i < theta.length; i++) {
      t[i] = Math.tanh(theta[i]!);
      w[Math.floor(i / m)]! += t[i]! / m;
    }
    const gradient = gradientAt(saddle, w, x);
    for (let i = 0; i < theta.length; i++)
      theta[i]! -= (time / steps) * gradient[Math.floor(i / m)]! * (1 - t[i]! * t[i]!);
  }
  if (!theta.every(Number.isFinite))
    throw new FailureError('tanh saddle: the particles leave float64; a shorter time or more steps are needed');
}

/**
 * The linearized flow: layer means w(T) [L] of w' = -K H w from w(0), with H the Hessian of the loss in w at w = 0, by
 * central differences of the gradient, and K the diagonal of E sech^4(theta) by layer (`squares` [L]): both the
 * particles' velocity and their share in w carry sech^2. Throws RangeError on another number of squares than of layer
 * means, and on numbers that are not finite.
 */
export function linearizedTanhSaddle(
  saddle: TanhSaddle,
  w: Float64Array,
  x: Float64Array,
  squares: Float64Array,
  time: number,
): Float64Array {
  checkMeans(saddle, w, x);
  if (squares.length !== w.length)
    throw new RangeError(
      `linearizedTanhSaddle: squares: expected one for each of ${w.length} layers, got ${squares.length}`,
    );
  checkAllFinite('linearizedTanhSaddle: squares', squares);
  checkFinite('linearizedTanhSaddle: time', time, 0);
  const h = 1e-5;
  const columns = Array.from(w, (_, l) => {
    const at = (sign: number): Float64Array =>
      gradientAt(
        saddle,
        filled(new Float64Array(w.length), (i) => (i === l ? sign * h : 0)),
        x,
      );
    const [up, down] = [at(1), at(-1)];
    return up.map((value, i) => (value - down[i]!) / (2 * h));
  });
  return integrate(
    (v) =>
      filled(
        new Float64Array(v.length),
        (i) => -squares[i]! * columns.reduce((sum, column, l) => sum + column[i]! * v[l]!, 0),
      ),
    w,
    time,
    200,
  );
}

/** E tanh'(theta)^2 = E sech^4(theta) of each layer's particles theta [L, m], [L]. */
export function squaredDerivatives(theta: Float64Array, depth: number): Float64Array {
  checkParticles('squaredDerivatives', theta, depth);
  const m = theta.length / depth;
  return filled(
    new Float64Array(depth),
    (l) => theta.subarray(l * m, (l + 1) * m).reduce((sum, t) => sum + (1 - Math.tanh(t) ** 2) ** 2, 0) / m,
  );
}
