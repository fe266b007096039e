/**
 * Layers of transformers as pure functions of (parameters, input). Letters: B batch, T tokens, H hidden width, N heads.
 */
import { UsageError } from '../core/errors.js';
import * as fused from '../engine/ops/fused.js';
import { isRecording } from '../engine/ops/gradients.js';
import { randomUniform } from '../engine/ops/random.js';
import { multiply } from '../engine/ops/matrix.js';
import { tf, type Tensor, type Tensor1D, type Tensor2D } from '../engine/tensor.js';
import { dense, denseParameters, parameter, type Scope } from './layers.js';

/** Keeps tensors for the gradient. */
type Save = (tensors: Tensor[]) => void;

/** Layer normalisation over the last axis, x [..., H] with scale and shift. Ba, Kiros, Hinton 2016. */
export function layerNorm(scope: Scope, path: string, x: Tensor, epsilon: number): Tensor {
  const [gamma, beta] = [parameter(scope.params, `${path}/gamma`), parameter(scope.params, `${path}/beta`)];
  return fused.hasFused() ? fusedNorm(x, gamma, beta, epsilon) : composedNorm(x, gamma, beta, epsilon);
}

function composedNorm(x: Tensor, gamma: Tensor, beta: Tensor, epsilon: number): Tensor {
  const op = tf.customGrad((...given) => {
    const [value, scale, shift, save] = given as unknown as [Tensor, Tensor, Tensor, Save];
    const centred = tf.sub(value, tf.mean(value, -1, true));
    const inverse = tf.rsqrt(tf.add(tf.mean(tf.square(centred), -1, true), epsilon));
    const normalised = tf.mul(centred, inverse);
    save([normalised, inverse, scale]);
    return {
      value: tf.add(tf.mul(normalised, scale), shift),
      // dx = inverse (g - mean(g) - xhat mean(g xhat)) with g = dy gamma
      gradFunc: (dy: Tensor, saved: Tensor[]) => {
        const [hat, inv, weight] = saved as [Tensor, Tensor, Tensor];
        const along = tf.mul(dy, hat);
        const g = tf.mul(dy, weight);
        const dx = tf.mul(
          inv,
          tf.sub(tf.sub(g, tf.mean(g, -1, true)), tf.mul(hat, tf.mean(tf.mul(along, weight), -1, true))),
        );
        const columns = (tensor: Tensor): Tensor => tf.sum(rowsOf(tensor), 0);
        return [dx, columns(along), columns(dy)];
      },
    };
  });
  return op(x, gamma, beta);
}

function fusedNorm(x: Tensor, gamma: Tensor, beta: Tensor, epsilon: number): Tensor {
  if (!isRecording()) return tf.tidy(() => fused.norm(x, { gamma, beta }, epsilon, false)[0]);
  const op = tf.customGrad((...given) => {
    const [value, scale, shift, save] = given as unknown as [Tensor, Tensor, Tensor, Save];
    const [y, hat, inverse] = fused.norm(value, { gamma: scale, beta: shift }, epsilon, true);
    save([hat, inverse, scale]);
    return {
      value: y,
      gradFunc: (dy: Tensor, saved: Tensor[]) =>
        fused.normGradient(dy, ...(saved as [Tensor, Tensor, Tensor])).slice(0, 3),
    };
  });
  return op(x, gamma, beta);
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
  const op = tf.customGrad((...given) => {
    const [rows, weight, shift, skip, scale, offset, save] = given as unknown as [
      Tensor,
      Tensor,
      Tensor,
      Tensor,
      Tensor,
      Tensor,
      Save,
    ];
    const [y, hat, inverse] = fused.denseNorm(
      { x: rows, matrix: weight, bias: shift },
      skip,
      { gamma: scale, beta: offset },
      epsilon,
      true,
    );
    save([rows, weight, hat, inverse, scale]);
    return {
      value: y,
      gradFunc: (dy: Tensor, saved: Tensor[]) => {
        const [input, weights, normalised, inv, factor] = saved as [Tensor, Tensor, Tensor, Tensor, Tensor];
        const [slope, dgamma, dbeta, dbias] = fused.normGradient(dy, normalised, inv, factor);
        return [multiply(slope, weights, false, true), multiply(input, slope, true), dbias, slope, dgamma, dbeta];
      },
    };
  });
  return op(x, matrix, bias, residual, gamma, beta) as Tensor2D;
}

const ROOT_HALF = Math.SQRT1_2;
const INVERSE_ROOT_TAU = 1 / Math.sqrt(2 * Math.PI);

/** x Phi(x) with Phi the normal distribution function, by the error function. Hendrycks, Gimpel 2016. */
export function gelu(x: Tensor): Tensor {
  const op = tf.customGrad((...given) => {
    const [value, save] = given as unknown as [Tensor, Save];
    const share = tf.mul(tf.add(tf.erf(tf.mul(value, ROOT_HALF)), 1), 0.5);
    save([value, share]);
    return {
      value: tf.mul(value, share),
      gradFunc: (dy: Tensor, saved: Tensor[]) => {
        const [v, phi] = saved as [Tensor, Tensor];
        return tf.mul(dy, tf.add(phi, tf.mul(v, tf.mul(tf.exp(tf.mul(tf.square(v), -0.5)), INVERSE_ROOT_TAU))));
      },
    };
  });
  return op(x);
}

/** gelu(dense(x)) of rows. */
export function denseGelu(scope: Scope, path: string, x: Tensor2D): Tensor2D {
  if (!usesFused(scope)) return gelu(dense(scope, path, x)) as Tensor2D;
  const [matrix, bias] = denseParameters(scope, path, x);
  if (!isRecording()) return tf.tidy(() => fused.denseGelu({ x, matrix, bias }, false)[0]) as Tensor2D;
  const op = tf.customGrad((...given) => {
    const [rows, weight, shift, save] = given as unknown as [Tensor, Tensor, Tensor, Save];
    const [y, product] = fused.denseGelu({ x: rows, matrix: weight, bias: shift }, true);
    save([rows, weight, product, shift]);
    return {
      value: y,
      gradFunc: (dy: Tensor, saved: Tensor[]) => {
        const [input, weights, before, offset] = saved as [Tensor, Tensor, Tensor, Tensor];
        const [slope, dbias] = fused.biasGeluGradient(before, offset, dy);
        return [multiply(slope, weights, false, true), multiply(input, slope, true), dbias];
      },
    };
  });
  return op(x, matrix, bias) as Tensor2D;
}

/** Whether {@link dropout} does anything. */
export function drops(scope: Scope, rate: number): scope is Scope & Required<Pick<Scope, 'random'>> {
  return rate > 0 && scope.train && scope.random !== undefined;
}

/**
 * In training each value is 0 with probability `rate`, and else 1 / (1 - rate) times what it was. Srivastava et al.
 * 2014.
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
  return tf.gather(parameter(scope.params, `${path}/kernel`), indices as Tensor1D);
}

/** What is added to the scores of tokens that must not be attended to: they come to exactly 0 after the softmax. */
const NEVER = -3.4e38;
/** Far below every score, and far above {@link NEVER}, to which it is added. */
const OTHER_SIDE = 1e4;

export interface AttentionOptions {
  readonly heads: number;
  /** Tokens of a sequence: x has B T rows. */
  readonly tokens: number;
  /** Is added to the scores, [B or 1, 1 or N, 1 or T, T]: see {@link scoreBias}. */
  readonly bias?: Tensor | undefined;
  /** Rate of dropout on the weights of the tokens. */
  readonly dropped?: number;
}

/** Multi-head self-attention without its output layer: x [B T, H] -> [B T, N d]. Vaswani et al. 2017. */
export function selfAttention(
  scope: Scope,
  path: string,
  x: Tensor2D,
  { heads, tokens, bias, dropped = 0 }: AttentionOptions,
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
      shape,
    );
  return attend(names.map((name) => dense(scope, name, x)) as [Tensor2D, Tensor2D, Tensor2D], shape);
}

/**
 * What is added to the scores of attention in every layer: far below 0 where the mask [B, T] is 0 and not 1, and a bias
 * by distance where a slope is given.
 */
export function scoreBias({
  heads,
  tokens,
  mask,
  slope,
}: {
  heads: number;
  tokens: number;
  mask: Tensor | undefined;
  slope: number | undefined;
}): Tensor | undefined {
  const padding = mask && tf.mul(tf.sub(1, mask.reshape([-1, 1, 1, tokens])), NEVER);
  const distance = slope === undefined ? undefined : distanceBias(heads, tokens, slope);
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
  const joined = (x: Tensor): Tensor => tf.transpose(x, [0, 2, 1, 3]).reshape([batch * tokens, heads * size]);
  const op = tf.customGrad((...given) => {
    const save = given.at(-1) as unknown as Save;
    const [q, k, v] = given.slice(0, 3).map((x) => split(x as Tensor)) as [Tensor, Tensor, Tensor];
    const scores = tf.mul(multiply(q, k, false, true), scale);
    const weights = tf.softmax(bias === undefined ? scores : tf.add(scores, bias));
    const used = kept === undefined ? weights : tf.mul(weights, kept);
    save([q, k, v, weights, ...(kept === undefined ? [] : [used, kept])]);
    return {
      value: joined(multiply(used, v)),
      gradFunc: (dy: Tensor, saved: Tensor[]) => {
        const [queries, keys, values, shares, mixed = shares, factors] = saved as [
          Tensor,
          Tensor,
          Tensor,
          Tensor,
          Tensor?,
          Tensor?,
        ];
        const slope = split(dy);
        const toMixed = multiply(slope, values, false, true);
        const along = tf.mul(factors === undefined ? toMixed : tf.mul(toMixed, factors), shares);
        const toScores = tf.mul(tf.sub(along, tf.mul(shares, tf.sum(along, -1, true))), scale);
        return [multiply(toScores, keys), multiply(toScores, queries, true), multiply(mixed, slope, true)].map(joined);
      },
    };
  });
  return op(...inputs) as Tensor2D;
}

/** The same with the three dense layers before it: parameters are kernel and bias of query, key and value. */
function denseAttend(x: Tensor2D, parameters: readonly Tensor[], { tokens, heads, bias, kept }: Heads): Tensor2D {
  const shape = { heads, tokens, kept };
  if (!isRecording()) return tf.tidy(() => fused.attention(x, parameters, bias, shape, false)[0]) as Tensor2D;
  const op = tf.customGrad((...given) => {
    const [rows, ...dense] = given.slice(0, 7) as [Tensor, ...Tensor[]];
    const save = given.at(-1) as unknown as Save;
    const [value, ...used] = fused.attention(rows, dense, bias, shape, true);
    save([rows, dense[0]!, dense[2]!, dense[4]!, ...used, ...(kept === undefined ? [] : [kept])]);
    return {
      value,
      gradFunc: (dy: Tensor, saved: Tensor[]) => {
        const [input, toQuery, toKey, toValue, weights, q, k, v, factors] = saved as [
          Tensor,
          Tensor,
          Tensor,
          Tensor,
          Tensor,
          Tensor,
          Tensor,
          Tensor,
          Tensor?,
        ];
        const slopes = fused.attentionGradient(dy, [weights, q, k, v], { heads, tokens, kept: factors });
        const byInput = tf.addN(
          [toQuery, toKey, toValue].map((kernel, i) => multiply(slopes[i]!, kernel, false, true)),
        );
        return [byInput, ...[0, 1, 2].flatMap((i) => [multiply(input, slopes[i]!, true), slopes[3 + i]!])];
      },
    };
  });
  return op(x, ...parameters) as Tensor2D;
}

/**
 * [1, N, T, T]: even heads see the tokens before, odd ones those after, `slope` less for each step away, half as steep
 * in every next pair of heads. A token sees itself as it sees one two steps away, so that no row is empty and the
 * neighbour comes first.
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
