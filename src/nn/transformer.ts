/** Layers of transformers as pure functions of (parameters, input). Letters: B batch, T tokens, H hidden width, N heads. */
import { UsageError } from '../core/errors.js';
import { randomUniform } from '../engine/random.js';
import { tf, type Tensor, type Tensor1D, type Tensor2D } from '../engine/tensor.js';
import { dense, parameter, type Scope } from './layers.js';

/** Layer normalisation over the last axis, x [..., H] with scale and shift. Ba, Kiros, Hinton 2016. */
export function layerNorm(scope: Scope, path: string, x: Tensor, epsilon: number): Tensor {
  const [gamma, beta] = [parameter(scope.params, `${path}/gamma`), parameter(scope.params, `${path}/beta`)];
  const width = x.shape.at(-1)!;
  const op = tf.customGrad((...given) => {
    const [value, scale, shift, save] = given as unknown as [Tensor, Tensor, Tensor, (tensors: Tensor[]) => void];
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
        const dx = tf.mul(inv, tf.sub(tf.sub(g, tf.mean(g, -1, true)), tf.mul(hat, tf.mean(tf.mul(along, weight), -1, true))));
        const columns = (tensor: Tensor): Tensor => tf.sum(tensor.reshape([-1, width]), 0);
        return [dx, columns(along), columns(dy)];
      },
    };
  });
  return op(x, gamma, beta);
}

const ROOT_HALF = Math.SQRT1_2;
const INVERSE_ROOT_TAU = 1 / Math.sqrt(2 * Math.PI);

/** x Phi(x) with Phi the normal distribution function, by the error function. Hendrycks, Gimpel 2016. */
export function gelu(x: Tensor): Tensor {
  const op = tf.customGrad((...given) => {
    const [value, save] = given as unknown as [Tensor, (tensors: Tensor[]) => void];
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

/** In training each value is 0 with probability `rate`, and else 1 / (1 - rate) times what it was. Srivastava et al. 2014. */
export function dropout(scope: Scope, path: string, x: Tensor, rate: number): Tensor {
  if (rate === 0 || !scope.train || scope.random === undefined) return x;
  const kept = tf.cast(tf.greaterEqual(randomUniform(x.shape, scope.random(path)), rate), 'float32');
  return tf.mul(x, tf.mul(kept, 1 / (1 - rate)));
}

/** Dense layer at every position: x [..., in] times kernel [in, out] plus bias [out]. */
export function denseAt(scope: Scope, path: string, x: Tensor): Tensor {
  const y = dense(scope, path, x.reshape([-1, x.shape.at(-1)!]) as Tensor2D);
  return y.reshape([...x.shape.slice(0, -1), y.shape[1]]);
}

/** Rows of a table [V, H] for whole numbers [...]; [..., H]. */
export function embed(scope: Scope, path: string, indices: Tensor): Tensor {
  return tf.gather(parameter(scope.params, `${path}/kernel`), indices as Tensor1D);
}

/** What is added to the scores of tokens that must not be attended to: they come to exactly 0 after the softmax. */
const NEVER = -3.4e38;

/**
 * Multi-head self-attention without its output layer: x [B, T, H] -> [B, T, H]. `mask` [B, T]: 1 for tokens, 0 for padding; all tokens without one.
 * `dropped`: rate of dropout on the weights of the tokens.
 * Vaswani et al. 2017.
 */
export function selfAttention(scope: Scope, path: string, x: Tensor, heads: number, mask: Tensor | undefined, dropped = 0): Tensor {
  const [batch, tokens] = x.shape as [number, number, number];
  const split = (name: string): Tensor => {
    const y = denseAt(scope, `${path}/${name}`, x);
    const width = y.shape.at(-1)!;
    if (width % heads !== 0) throw new UsageError(`${path}: ${width} channels cannot be divided among ${heads} heads`);
    return tf.transpose(y.reshape([batch, tokens, heads, width / heads]), [0, 2, 1, 3]);
  };
  const [query, key, value] = [split('query'), split('key'), split('value')];
  const scores = tf.mul(tf.matMul(query, key, false, true), 1 / Math.sqrt(query.shape.at(-1)!));
  const masked = mask === undefined ? scores : tf.add(scores, tf.mul(tf.sub(1, mask.reshape([batch, 1, 1, tokens])), NEVER));
  const mixed = tf.matMul(dropout(scope, `${path}/scores`, tf.softmax(masked), dropped), value);
  return tf.transpose(mixed, [0, 2, 1, 3]).reshape([batch, tokens, -1]);
}
