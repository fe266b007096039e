/**
 * Products of matrices for layers that bring their own gradients. On TensorFlow the op is called at once: tfjs wraps
 * each product in three reshapes and a batch of one, some 250 us of a small layer's time against 60
 * (src/engine/README.md). Only for layers whose gradient is not taken from the tape.
 */
import { hasOneDnn } from '../onednn.js';
import { FLOAT, onTensorflow, tensorflowOp } from '../tensorflow-op.js';
import { tf, type Tensor, type Tensor1D, type Tensor2D } from '../tensor.js';
import {
  columnSums,
  fusedDense,
  fusedDenseGradient,
  fusedProduct,
  fusesDense,
  fusesProduct,
  hasFusedOnTensorflow,
} from './fused.js';
import { withGradient } from './with-gradient.js';

/** Product of two matrices, either of them transposed. Engine `tensorflow` only. */
export function product(a: Tensor, b: Tensor, transposeA: boolean, transposeB: boolean): Tensor {
  if (fusesProduct(a, b, transposeB)) return fusedProduct(a, b, transposeA, transposeB);
  // oneDNN's product for stacks of matrices is up to a quarter faster than that for two where only the second is
  // transposed, else slower (src/engine/README.md)
  if (transposeB && !transposeA && hasOneDnn())
    return tensorflowOp('BatchMatMulV2', { T: FLOAT, adj_x: false, adj_y: transposeB }, [a, b], 1)[0]!;
  return tensorflowOp('MatMul', { T: FLOAT, transpose_a: transposeA, transpose_b: transposeB }, [a, b], 1)[0]!;
}

/** a b over the last two axes, either of them transposed, [..., rows, columns]; the axes before these are equal. */
export function multiply(a: Tensor, b: Tensor, transposeA = false, transposeB = false): Tensor {
  if (!onTensorflow()) return tf.matMul(a as Tensor2D, b as Tensor2D, transposeA, transposeB);
  if (a.shape.length === 2) return product(a, b, transposeA, transposeB);
  return tensorflowOp('BatchMatMulV2', { T: FLOAT, adj_x: transposeA, adj_y: transposeB }, [a, b], 1)[0]!;
}

function biasGradient(dy: Tensor2D): Tensor {
  return onTensorflow() ? tensorflowOp('BiasAddGrad', { T: FLOAT, data_format: 'NHWC' }, [dy], 1)[0]! : tf.sum(dy, 0);
}

/** x [rows, in] times kernel [in, out] plus bias [out], [rows, out], with its gradient. */
export function affine(x: Tensor2D, kernel: Tensor2D, bias: Tensor1D): Tensor2D {
  if (fusesDense(x, kernel))
    return withGradient(
      [x, kernel, bias],
      () => ({ value: fusedDense({ x, matrix: kernel, bias }) as Tensor2D, saved: { x, kernel } }),
      (dy, saved) => fusedDenseGradient(dy, saved.x, saved.kernel),
    );
  return withGradient(
    [x, kernel, bias],
    () => {
      const mixed = multiply(x, kernel);
      const value = onTensorflow()
        ? tensorflowOp('BiasAdd', { T: FLOAT, data_format: 'NHWC' }, [mixed, bias], 1)[0]!
        : tf.add(mixed, bias);
      return { value: value as Tensor2D, saved: { x, kernel } };
    },
    (dy, saved) => [multiply(dy, saved.kernel, false, true), multiply(saved.x, dy, true), biasGradient(dy as Tensor2D)],
  );
}

/** x [rows, C] plus a bias [C], with its gradient. */
export function plusBias(x: Tensor2D, bias: Tensor1D): Tensor2D {
  if (!hasFusedOnTensorflow()) return tf.add(x, bias);
  return withGradient(
    [x, bias],
    () => ({ value: tf.add<Tensor2D>(x, bias), saved: {} }),
    (dy) => [dy.clone(), columnSums(dy)],
  );
}

/** x [rows, in] times a kernel on its side [out, in], [rows, out], with its gradient. */
export function productWithTurned(x: Tensor2D, kernel: Tensor2D): Tensor2D {
  return withGradient(
    [x, kernel],
    () => ({ value: multiply(x, kernel, false, true) as Tensor2D, saved: { x, kernel } }),
    (dy, saved) => [multiply(dy, saved.kernel), multiply(dy, saved.x, true)],
  );
}
