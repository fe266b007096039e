/** What a convolution reads at each of its positions. Letters: B batch, H height, W width, C channels, n positions. */
import { tf, type Tensor, type Tensor2D, type Tensor4D } from '../engine/tensor.js';

/** The windows of a convolution, [rows, columns] each. */
export interface Windows {
  /** Rows and columns of the kernel. */
  readonly size: readonly [number, number];
  readonly strides: readonly [number, number];
  /** Zeros before and after the rows, and the columns. */
  readonly padding: readonly [readonly [number, number], readonly [number, number]];
  /** Rows and columns of the output. */
  readonly output: readonly [number, number];
}

/** Every window of x [B, H, W, C] as a row [n, h w C], in the order of a kernel's own values [h, w, C, out]. */
export function windowRows(x: Tensor4D, { size, strides, padding, output }: Windows): Tensor2D {
  const [height, width] = size;
  const [batch, , , channels] = x.shape;
  const padded = tf.pad(x, [[0, 0], [...padding[0]], [...padding[1]], [0, 0]]);
  const windows: Tensor[] = [];
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const end = [batch, row + strides[0] * (output[0] - 1) + 1, column + strides[1] * (output[1] - 1) + 1, channels];
      windows.push(tf.stridedSlice(padded, [0, row, column, 0], end, [1, strides[0], strides[1], 1]));
    }
  }
  return (windows.length === 1 ? windows[0]! : tf.concat(windows, 3)).reshape([-1, height * width * channels]);
}

/** Windows of `side` x `side` that stand side by side and fill x [B, H, W, C], as rows [n, side side C]. */
export function patchRows(x: Tensor4D, side: number): Tensor2D {
  const [batch, height, width, channels] = x.shape;
  return tf
    .transpose(x.reshape([batch, height / side, side, width / side, side * channels]), [0, 1, 3, 2, 4])
    .reshape([-1, side * side * channels]);
}
