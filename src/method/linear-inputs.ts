/** What a linear layer reads at each position, as rows. */
import type { Tensor2D, Tensor4D } from '../engine/tensor.js';
import { windowRows, type Windows } from '../nn/windows.js';

/**
 * Every window of the input x [B, H, W, C] as a row [n, h w C], in the order of a kernel's own values. Windows that are
 * not said are those of this library's convolutions: (h - 1) / 2 zeros on every side, one stride for rows and columns.
 */
export function patches(
  x: Tensor4D,
  [height, width]: readonly [number, number, number, number],
  output: Tensor4D,
  windows?: Windows,
): Tensor2D {
  const [, rows, columns] = x.shape;
  const [outRows, outColumns] = [output.shape[1], output.shape[2]];
  const stride = Math.max(Math.round(rows / outRows), Math.round(columns / outColumns));
  const [vertical, horizontal] = [(height - 1) / 2, (width - 1) / 2];
  const own: Windows = {
    size: [height, width],
    strides: [stride, stride],
    padding: [
      [vertical, vertical],
      [horizontal, horizontal],
    ],
    output: [outRows, outColumns],
  };
  return windowRows(x, windows ?? own);
}
