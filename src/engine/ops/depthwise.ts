/**
 * Gradients of depthwise convolutions x [B, H, W, C] with filters [h, w, C, 1] for backends that have none, composed of
 * one product for each place of the filter.
 */
import type { NamedAttrMap } from '@tensorflow/tfjs-core';
import { tf, type Tensor, type Tensor4D } from '../tensor.js';
import { around, geometryOf, type Geometry, type Pair } from './convolutions.js';

function depthwiseGeometry(input: readonly number[], filter: readonly number[], attributes: NamedAttrMap): Geometry {
  if (filter[3] !== 1)
    throw new RangeError(`depthwise convolution: expected a filter [h, w, C, 1], got [${filter.join(', ')}]`);
  return geometryOf(input, filter, attributes, true);
}

/** What each place of the filter [h, w] is given of x and dy: dfilter = sum over positions of x there times dy. */
export function depthwiseFilterGradient(x: Tensor4D, dy: Tensor4D, attributes: NamedAttrMap): Tensor {
  const geometry = depthwiseGeometry(x.shape, attributes.filterShape as number[], attributes);
  const [down, right] = geometry.strides;
  const [height, width] = geometry.output;
  const [batch, , , channels] = x.shape;
  const padded = tf.pad(x, around(geometry.before, geometry.after));
  const sums: Tensor[] = [];
  for (let i = 0; i < geometry.kernel[0]; i++) {
    for (let j = 0; j < geometry.kernel[1]; j++) {
      const end = [batch, i + down * (height - 1) + 1, j + right * (width - 1) + 1, channels];
      const seen = tf.stridedSlice(padded, [0, i, j, 0], end, [1, down, right, 1]);
      sums.push(tf.sum(tf.mul(seen, dy), [0, 1, 2]));
    }
  }
  return tf.stack(sums).reshape([...geometry.kernel, channels, 1]);
}

/** Values [B, h, w, C] with zeros between them, so that they stand `strides` apart. */
function spread(values: Tensor4D, [down, right]: Pair): Tensor4D {
  if (down === 1 && right === 1) return values;
  const [batch, height, width, channels] = values.shape;
  const rows = tf
    .pad(values.reshape([batch * height, 1, width * channels]), [
      [0, 0],
      [0, down - 1],
      [0, 0],
    ])
    .reshape([batch * height * down * width, 1, channels]);
  const all = tf
    .pad(rows, [
      [0, 0],
      [0, right - 1],
      [0, 0],
    ])
    .reshape([batch, height * down, width * right, channels]);
  return tf.slice(all, [0, 0, 0, 0], [batch, (height - 1) * down + 1, (width - 1) * right + 1, channels]) as Tensor4D;
}

/** dx = sum over the filter's places of dy, moved there, times the filter. */
export function depthwiseInputGradient(dy: Tensor4D, filter: Tensor4D, attributes: NamedAttrMap): Tensor {
  const inputShape = attributes.inputShape as [number, number, number, number];
  const geometry = depthwiseGeometry(inputShape, filter.shape, attributes);
  const [batch, inHeight, inWidth, channels] = inputShape;
  const [[top, left], [bottom, right]] = [geometry.before, geometry.after];
  const [height, width] = [inHeight + top + bottom, inWidth + left + right];
  const [h, w] = geometry.kernel;
  const apart = spread(dy, geometry.strides);
  const padded = tf.pad(apart, around([h - 1, w - 1], [height - apart.shape[1], width - apart.shape[2]]));
  const parts: Tensor[] = [];
  for (let i = 0; i < h; i++) {
    for (let j = 0; j < w; j++) {
      const moved = tf.slice(padded, [0, h - 1 - i, w - 1 - j, 0], [batch, height, width, channels]);
      parts.push(tf.mul(moved, tf.slice(filter, [i, j, 0, 0], [1, 1, channels, 1]).reshape([channels])));
    }
  }
  return tf.slice(tf.addN(parts), [0, top, left, 0], inputShape);
}
