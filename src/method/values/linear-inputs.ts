/** What a linear layer reads at each position, as rows. */
import type { Tensor, Tensor2D, Tensor4D } from '../../engine/tensor.js';
import { windowRows, type Windows } from '../../nn/windows.js';

/**
 * What a linear layer with this kernel's shape reads, as rows [n, inputs] in the order of the kernel's own values: its
 * input where that has rows already, and every window of an input [B, H, W, C]. Windows that are not said are those of
 * this library's convolutions: (h - 1) / 2 zeros on every side, one stride for rows and columns.
 */
export function rowsRead(input: Tensor, kernel: readonly number[], output: Tensor, windows?: Windows): Tensor2D {
  if (input.rank !== 4) return input as Tensor2D;
  return windowRows(input as Tensor4D, windows ?? ownWindows(input as Tensor4D, kernel, output as Tensor4D));
}

function ownWindows(x: Tensor4D, kernel: readonly number[], output: Tensor4D): Windows {
  const [height, width] = kernel as [number, number];
  const [, rows, columns] = x.shape;
  const [outRows, outColumns] = [output.shape[1], output.shape[2]];
  const stride = Math.max(Math.round(rows / outRows), Math.round(columns / outColumns));
  const [vertical, horizontal] = [(height - 1) / 2, (width - 1) / 2];
  return {
    size: [height, width],
    strides: [stride, stride],
    padding: [
      [vertical, vertical],
      [horizontal, horizontal],
    ],
    output: [outRows, outColumns],
  };
}
