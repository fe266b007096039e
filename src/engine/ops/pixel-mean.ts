/** The mean over the pixels of an image, with its gradient: what the head of a convolutional network reads. */
import { tf, type Tensor, type Tensor2D, type Tensor4D } from '../tensor.js';
import { fusedPixelMean, fusedPixelMeanGradient, hasFusedOnTensorflow } from './fused.js';
import { withGradient } from './with-gradient.js';

/** Mean over height and width of x [B, H, W, C], [B, C]. */
export function pixelMean(x: Tensor): Tensor2D {
  if (!hasFusedOnTensorflow()) return tf.mean(x, [1, 2]);
  const [, height, width] = x.shape as Tensor4D['shape'];
  return withGradient(
    [x],
    () => ({ value: fusedPixelMean(x) as Tensor2D, saved: {} }),
    (dy) => [fusedPixelMeanGradient(dy, [height, width])],
  );
}
