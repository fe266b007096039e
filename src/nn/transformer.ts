/**
 * Layers of transformers as pure functions of (parameters, input). Letters: B batch, T tokens, H hidden width, N heads.
 */
import { UsageError } from '../core/errors.js';
import * as fused from '../engine/ops/fused.js';
import { isRecording } from '../engine/ops/gradients.js';
import { randomUniform } from '../engine/ops/random.js';
import { multiply } from '../engine/ops/matrix.js';
import { withGradient } from '../engine/ops/with-gradient.js';
import { tf, type Tensor, type Tensor1D, type Tensor2D } from '../engine/tensor.js';
import { dense, denseParameters, parameter, type Scope } from './layers.js';

/** Layer normalization over the last axis, x [..., H] with scale and shift. Ba, Kiros, Hinton 2016. */
export function layerNorm(scope: Scope, path: string, x: Tensor, epsilon: number): Tensor {
  const [gamma, beta] = [parameter(scope.params, `${path}/gamma`), parameter(scope.params, `${path}/beta`)];
  return fused.hasFused() ? fusedNorm(x, gamma, beta, epsilon) : composedNorm(x, gamma, beta, epsilon);
}

function composedNorm(x: Tensor, gamma: Tensor, beta: Tensor, epsilon: number): Tensor {
  return withGradient(
    [x, gamma, beta],
    () => {
      const centred = tf.sub(x, tf.mean(x, -1, true));
      const inverse = tf.rsqrt(tf.add(tf.mean(tf.square(centred), -1, true), epsilon));
      const hat = tf.mul(centred, inverse);
      return { value: tf.add(tf.mul(hat, gamma), beta), saved: { hat, inverse, gamma } };
    },
    // dx = inverse (g - mean(g) - xhat mean(g xhat)) with g = dy gamma
    (dy, saved) => {
      const { hat, inverse } = saved;
      const along = tf.mul(dy, hat);
      const g = tf.mul(dy, saved.gamma);
      const dx = tf.mul(
        inverse,
        tf.sub(tf.sub(g, tf.mean(g, -1, true)), tf.mul(hat, tf.mean(tf.mul(along, saved.gamma), -1, true))),
      );
      const columns = (tensor: Tensor): Tensor => tf.sum(rowsOf(tensor), 0);
      return [dx, columns(along), columns(dy)];
    },
  );
}

function fusedNorm(x: Tensor, gamma: Tensor, beta: Tensor, epsilon: number): Tensor {
  if (!isRecording()) return tf.tidy(() => fused.norm(x, { gamma, beta }, epsilon, false)[0]);
  return withGradient(
    [x, gamma, beta],
    () => {
      const [value, hat, inverse] = fused.norm(x, { gamma, beta }, epsilon, true);
      return { value, saved: { hat, inverse, gamma } };
    },
    (dy, saved) => {
      const [dx, dgamma, dbeta] = fused.normGradient(dy, saved.hat, saved.inverse, saved.gamma);
      return [dx, dgamma, dbeta];
    },
  );
}

/** layerNorm(dense(x) + residual) of rows, with the parameters at two paths. */
export function denseNorm(
  scope: Scope,
  path: { readonly dense: string; readonly norm: string },
  x: Tensor2D,
  residual: Tensor2D,
  epsilon: number,
): Tensor2D {
  if (!usesFused(scope))
    return layerNorm(scope, path.norm, tf.add(dense(scope, path.dense, x), residual), epsilon) as Tensor2D;
  const [matrix, bias] = denseParameters(scope, path.dense, x);
  const [gamma, beta] = [parameter(scope.params, `${path.norm}/gamma`), parameter(scope.params, `${path.norm}/beta`)];
  if (!isRecording())
    return tf.tidy(
      () => fused.denseNorm({ x, matrix, bias }, residual, { gamma, beta }, epsilon, false)[0],
    ) as Tensor2D;
  return withGradient(
    [x, matrix, bias, residual, gamma, beta],
    () => {
      const [y, hat, inverse] = fused.denseNorm({ x, matrix, bias }, residual, { gamma, beta }, epsilon, true);
      return { value: y as Tensor2D, saved: { x, matrix, hat, inverse, gamma } };
    },
    (dy, saved) => {
      const [dsum, dgamma, dbeta, dbias] = fused.normGradient(dy, saved.hat, saved.inverse, saved.gamma);
      const [dx, dmatrix] = [multiply(dsum, saved.matrix, false, true), multiply(saved.x, dsum, true)];
      return [dx, dmatrix, dbias, dsum, dgamma, dbeta];
    },
  );
}

const ROOT_HALF = Math.SQRT1_2;
const INVERSE_ROOT_TAU = 1 / Math.sqrt(2 * Math.PI);

/** x Phi(x) with Phi the normal distribution function, by the error function. Hendrycks, Gimpel 2016. */
export function gelu(x: Tensor): Tensor {
  return withGradient(
    [x],
    () => {
      const phi = tf.mul(tf.add(tf.erf(tf.mul(x, ROOT_HALF)), 1), 0.5);
      return { value: tf.mul(x, phi), saved: { x, phi } };
    },
    (dy, saved) => {
      const density = tf.mul(tf.exp(tf.mul(tf.square(saved.x), -0.5)), INVERSE_ROOT_TAU);
      return [tf.mul(dy, tf.add(saved.phi, tf.mul(saved.x, density)))];
    },
  );
}

/** gelu(dense(x)) of rows. */
export function denseGelu(scope: Scope, path: string, x: Tensor2D): Tensor2D {
  if (!usesFused(scope)) return gelu(dense(scope, path, x)) as Tensor2D;
  const [matrix, bias] = denseParameters(scope, path, x);
  if (!isRecording()) return tf.tidy(() => fused.denseGelu({ x, matrix, bias }, false)[0]) as Tensor2D;
  return withGradient(
    [x, matrix, bias],
    () => {
      const [y, derivative] = fused.denseGelu({ x, matrix, bias }, true);
      return { value: y as Tensor2D, saved: { x, matrix, derivative } };
    },
    (dy, saved) => {
      const [dproduct, dbias] = fused.geluGradient(saved.derivative, dy);
      return [multiply(dproduct, saved.matrix, false, true), multiply(saved.x, dproduct, true), dbias];
    },
  );
}

/** Whether {@link dropout} does anything. */
export function drops(scope: Scope, rate: number): scope is Scope & Required<Pick<Scope, 'random'>> {
  return rate > 0 && scope.train && scope.random !== undefined;
}

/**
 * Dropout: in training each value is 0 with probability `rate`, and else 1 / (1 - rate) times what it was. Srivastava
 * et al. 2014.
 */
export function dropout(scope: Scope, path: string, x: Tensor, rate: number): Tensor {
  if (!drops(scope, rate)) return x;
  const kept = tf.cast(tf.greaterEqual(randomUniform(x.shape, scope.random(path)), rate), 'float32');
  return tf.mul(x, tf.mul(kept, 1 / (1 - rate)));
}

/** Positions one after the other: [..., C] -> [rows, C]. */
export function rowsOf(x: Tensor): Tensor2D {
  return x.reshape([-1, x.shape.at(-1)!]) as Tensor2D;
}

/** The first token of each example: [B, T, C] -> [B, C]. */
export function firstToken(x: Tensor): Tensor2D {
  const [batch, , channels] = x.shape as [number, number, number];
  return tf.slice(x, [0, 0, 0], [batch, 1, channels]).reshape([batch, channels]);
}

/**
 * x [..., C] as the layers of rows below take it: as rows, or as it is where the fused ops alone see it, which look at
 * the last axis only.
 */
export function asRows(scope: Scope, x: Tensor): Tensor2D {
  return usesFused(scope) && !isRecording() ? (x as Tensor2D) : rowsOf(x);
}

/** Layers that somebody listens to are made of single steps. */
function usesFused({ trace }: Scope): boolean {
  return trace === undefined && fused.hasFused();
}

/** Rows of a table [V, H] for whole numbers [...]; [..., H]. */
export function embed(scope: Scope, path: string, indices: Tensor): Tensor {
  return rowsAt(parameter(scope.params, `${path}/kernel`) as Tensor2D, indices);
}

/** The rows of x [R, C] with these numbers [...], [..., C]; each may be there several times. */
export function rowsAt(x: Tensor2D, indices: Tensor): Tensor {
  const [rows] = x.shape;
  return withGradient(
    [x],
    () => ({ value: tf.gather(x, indices as Tensor1D), saved: { indices } }),
    // tfjs' own turns both sides around and back again
    (dy, saved) => [tf.unsortedSegmentSum(rowsOf(dy), saved.indices.flatten() as Tensor1D, rows)],
  );
}

/** What is added to the scores of tokens that must not be attended to: they come to exactly 0 after the softmax. */
export const NEVER = -3.4e38;
/** Far below every score, and far above {@link NEVER}, to which it is added. */
export const OTHER_SIDE = 1e4;

/** What a transformer's spec says of its heads. */
interface HeadSizes {
  readonly hiddenSize: number;
  readonly numHeads: number;
  readonly headSize?: number | undefined;
}

/** Channels of a head: those that the spec says, else hiddenSize / numHeads, as published. */
export function headSizeOf({ hiddenSize, numHeads, headSize }: HeadSizes): number {
  return headSize ?? hiddenSize / numHeads;
}

/** Whether the channels of a head are known by a spec; {@link UNDIVIDED} says what is wrong otherwise. */
export function isDivided({ hiddenSize, numHeads, headSize }: HeadSizes): boolean {
  return headSize !== undefined || hiddenSize % numHeads === 0;
}

/** What a schema says of a spec of which {@link isDivided} is not so. */
export const UNDIVIDED = { error: 'hiddenSize cannot be divided among the heads; give "headSize"' };

/** Shape and options of self-attention. */
export interface AttentionOptions {
  readonly numHeads: number;
  /** Tokens of a sequence: x has B T rows. */
  readonly tokens: number;
  /** Is added to the scores, [B or 1, 1 or N, 1 or T, T]: see {@link scoreBias}. */
  readonly bias?: Tensor | undefined;
  /** Rate of dropout on the weights of the tokens. */
  readonly dropped?: number;
  /** Rows of x of which attention is asked for, as many of each sequence, without dropout; all of them by default. */
  readonly asking?: fused.Asking | undefined;
}

/**
 * Multi-head self-attention without its output layer: x [B T, H] -> [B T, N d], or one row for each of those that ask.
 * Throws UsageError where the channels cannot be divided among the heads. Vaswani et al. 2017.
 */
export function selfAttention(
  scope: Scope,
  path: string,
  x: Tensor2D,
  { numHeads: heads, tokens, bias, dropped = 0, asking }: AttentionOptions,
): Tensor2D {
  const names = ['query', 'key', 'value'].map((name) => `${path}/${name}`);
  const [inputs, width] = parameter(scope.params, `${names[0]!}/kernel`).shape as [number, number];
  if (width % heads !== 0) throw new UsageError(`${path}: ${width} channels cannot be divided among ${heads} heads`);
  const batch = x.size / inputs / tokens;
  const kept = drops(scope, dropped)
    ? dropout(scope, `${path}/scores`, tf.ones([batch, heads, tokens, tokens]), dropped)
    : undefined;
  const shape = { batch, tokens, heads, bias, kept };
  if (usesFused(scope))
    return denseAttend(
      x,
      names.flatMap((name) => denseParameters(scope, name, x)),
      { ...shape, asking },
    );
  const y = attend(names.map((name) => dense(scope, name, x)) as [Tensor2D, Tensor2D, Tensor2D], shape);
  return asking === undefined ? y : (rowsAt(y, asking.places) as Tensor2D);
}

/**
 * What is added to the scores of attention in every layer: far below 0 where the mask [B, T] is 0 and not 1, and a bias
 * by distance where a slope is given.
 */
export function scoreBias({
  numHeads,
  tokens,
  mask,
  slope,
}: {
  numHeads: number;
  tokens: number;
  mask: Tensor | undefined;
  slope: number | undefined;
}): Tensor | undefined {
  const padding = mask && tf.mul(tf.sub(1, mask.reshape([-1, 1, 1, tokens])), NEVER);
  const distance = slope === undefined ? undefined : distanceBias(numHeads, tokens, slope);
  return padding && distance ? tf.add(padding, distance) : (padding ?? distance);
}

interface Heads {
  readonly batch: number;
  readonly tokens: number;
  readonly heads: number;
  /** Is added to the scores, [B or 1, 1 or N, 1 or T, T]. */
  readonly bias: Tensor | undefined;
  /** Factors of the weights, [B, N, T, T]. */
  readonly kept: Tensor | undefined;
}

/** softmax(q k^T / sqrt(d) + bias) v for each head, with its gradient; q, k, v and what comes back are [B T, N d]. */
function attend(
  inputs: readonly [Tensor2D, Tensor2D, Tensor2D],
  { batch, tokens, heads, bias, kept }: Heads,
): Tensor2D {
  const size = inputs[0].shape[1] / heads;
  const scale = 1 / Math.sqrt(size);
  const split = (x: Tensor): Tensor => tf.transpose(x.reshape([batch, tokens, heads, size]), [0, 2, 1, 3]);
  const joined = (x: Tensor): Tensor2D => tf.transpose(x, [0, 2, 1, 3]).reshape([batch * tokens, heads * size]);
  return withGradient(
    inputs,
    () => {
      const [q, k, v] = inputs.map(split) as [Tensor, Tensor, Tensor];
      const scores = tf.mul(multiply(q, k, false, true), scale);
      const weights = tf.softmax(bias === undefined ? scores : tf.add(scores, bias));
      const used = kept === undefined ? undefined : tf.mul(weights, kept);
      return { value: joined(multiply(used ?? weights, v)), saved: { q, k, v, weights, used, kept } };
    },
    (given, { q, k, v, weights, used = weights, ...saved }) => {
      const dy = split(given);
      const dused = multiply(dy, v, false, true);
      const along = tf.mul(saved.kept === undefined ? dused : tf.mul(dused, saved.kept), weights);
      const dscores = tf.mul(tf.sub(along, tf.mul(weights, tf.sum(along, -1, true))), scale);
      return [joined(multiply(dscores, k)), joined(multiply(dscores, q, true)), joined(multiply(used, dy, true))];
    },
  );
}

/**
 * Attention with the three dense layers before it, fused, with its gradient: parameters are kernel and bias of query,
 * key and value.
 */
function denseAttend(
  x: Tensor2D,
  parameters: readonly Tensor[],
  { tokens, heads, bias, kept, asking }: Heads & Pick<AttentionOptions, 'asking'>,
): Tensor2D {
  const shape = { heads, tokens, kept, asking };
  if (!isRecording()) return tf.tidy(() => fused.attention(x, parameters, bias, shape, false)[0]) as Tensor2D;
  const askers = asking === undefined ? [] : [asking.rows];
  return withGradient(
    [x, ...parameters, ...askers],
    () => {
      const [value, weights, q, k, v] = fused.attention(x, parameters, bias, shape, true);
      const [query, , key, , values] = parameters as [Tensor, Tensor, Tensor, Tensor, Tensor];
      const rows = asking?.rows;
      return { value: value as Tensor2D, saved: { x, rows, query, key, values, weights, q, k, v, kept } };
    },
    (dy, { x, rows = x, query, key, values, weights, q, k, v, ...saved }) => {
      const gradients = fused.attentionGradient(dy, [weights, q, k, v], { heads, tokens, kept: saved.kept });
      const [dq, dk, dv] = [query, key, values].map((kernel, i) => multiply(gradients[i]!, kernel, false, true)) as [
        Tensor,
        Tensor,
        Tensor,
      ];
      const matrices = [rows, x, x].map((of, i) => multiply(of, gradients[i]!, true));
      const dense = matrices.flatMap((matrix, i) => [matrix, gradients[3 + i]!]);
      return askers.length > 0 ? [tf.add(dk, dv), ...dense, dq] : [tf.addN([dq, dk, dv]), ...dense];
    },
  );
}

/**
 * [1, N, T, T]: even heads see the tokens before, odd ones those after, `slope` less for each step away, half as steep
 * in every next pair of heads. A token sees itself as it sees one two steps away, so that no row is empty and the
 * neighbor comes first.
 */
function distanceBias(heads: number, tokens: number, slope: number): Tensor {
  const values = new Float32Array(heads * tokens * tokens);
  for (let head = 0; head < heads; head++) {
    const [side, steepness] = [head % 2 === 0 ? 1 : -1, slope * 2 ** -Math.floor(head / 2)];
    for (let i = 0; i < tokens; i++) {
      for (let j = 0; j < tokens; j++) {
        const away = side * (i - j);
        values[(head * tokens + i) * tokens + j] =
          away > 0 ? -steepness * (away - 1) : away === 0 ? -steepness : -OTHER_SIDE;
      }
    }
  }
  return tf.tensor(values, [1, heads, tokens, tokens]);
}
