/** What a linear layer reads at each position, as rows. */
import { tf, type Tensor, type Tensor2D, type Tensor4D } from '../engine/tensor.js';

/** Every window of the input x [B, H, W, C] as a row [n, h w C], in the order of a kernel's own values. */
export function patches(
  x: Tensor4D,
  [height, width]: readonly [number, number, number, number],
  output: Tensor4D,
): Tensor2D {
  const [, rows, columns, channels] = x.shape;
  const [outRows, outColumns] = [output.shape[1], output.shape[2]];
  const stride = Math.max(Math.round(rows / outRows), Math.round(columns / outColumns));
  const [vertical, horizontal] = [(height - 1) / 2, (width - 1) / 2];
  const padded = tf.pad(x, [
    [0, 0],
    [vertical, vertical],
    [horizontal, horizontal],
    [0, 0],
  ]);
  const windows: Tensor[] = [];
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const end = [x.shape[0], row + stride * (outRows - 1) + 1, column + stride * (outColumns - 1) + 1, channels];
      windows.push(tf.stridedSlice(padded, [0, row, column, 0], end, [1, stride, stride, 1]));
    }
  }
  return (windows.length === 1 ? windows[0]! : tf.concat(windows, 3)).reshape([-1, height * width * channels]);
}
