/**
 * oneDNN's kernels with two steps in one, which TensorFlow's graph optimizer puts in and which its eager mode does not:
 * called by their names, where this build of TensorFlow has them and runs on the CPU (src/engine/README.md). Engine
 * `tensorflow` only.
 */
import { FLOAT, tensorflowOp, type Attributes } from './tensorflow-op.js';
import { tf, type Tensor } from './tensor.js';

let available: boolean | undefined;

/**
 * Whether oneDNN's joint kernels work here, tried once on a value: oneDNN can be switched off (single ops of small
 * networks are faster without) or missing (Arm, GPUs).
 */
export function hasOneDnn(): boolean {
  available ??= tf.tidy(() => {
    const backend = tf.backend() as unknown as { isUsingGpuDevice: boolean };
    if (backend.isUsingGpuDevice || process.env.TF_ENABLE_ONEDNN_OPTS === '0') return false;
    try {
      const x = tf.ones([1, 2, 2, 2]);
      const [y] = convolutionWithBias({ strides: [1, 1, 1, 1], padding: 'VALID' }, [
        x,
        tf.ones([1, 1, 2, 1]),
        tf.ones([1]),
      ]);
      const [z] = batchNormRelu([x, tf.ones([2]), tf.fill([2], 0.5)], 1e-5);
      const pooled = maxPoolGradient(
        { ksize: [1, 2, 2, 1], strides: [1, 2, 2, 1], padding: 'VALID' },
        x,
        tf.ones([1, 1, 1, 2]),
      );
      return y!.dataSync()[0] === 3 && Math.abs(z!.dataSync()[0]! - 0.5) < 1e-6 && tf.sum(pooled).dataSync()[0] === 2;
    } catch {
      return false;
    }
  });
  return available;
}

function oneDnnOp(name: string, attributes: Attributes, inputs: readonly Tensor[], outputs: number): Tensor[] {
  return tensorflowOp(
    `_MklNative${name}`,
    { T: FLOAT, data_format: 'NHWC', _kernel: 'MklNameChangeOp', ...attributes },
    inputs,
    outputs,
  );
}

/** `inputs` are x [B, H, W, C], kernel [h, w, C, O] and bias [O]; one result, their convolution plus the bias. */
export function convolutionWithBias(attributes: Attributes, inputs: readonly Tensor[]): Tensor[] {
  return oneDnnOp('Conv2DWithBias', { dilations: [1, 1, 1, 1], ...attributes }, inputs, 1);
}

/**
 * Batch norm of x [B, H, W, C] in training, then a ReLU: y, batch mean, batch variance (unbiased), and two reserves for
 * the gradient.
 */
export function batchNormRelu([x, gamma, beta]: readonly [Tensor, Tensor, Tensor], epsilon: number): Tensor[] {
  const none = tf.tensor1d([]);
  const outputs = oneDnnOp(
    'FusedBatchNormEx',
    { U: FLOAT, epsilon, is_training: true, activation_mode: 'Relu' },
    [x, gamma, beta, none, none],
    6,
  );
  tf.dispose([none, outputs.pop()!]); // the last is oneDNN's own mask of the ReLU
  return outputs;
}

/**
 * Gradient of max pooling by its input x, of x's shape. The forward pass is done again for its record of the maxima,
 * which takes a quarter of the time of TensorFlow's own gradient.
 */
export function maxPoolGradient(attributes: Attributes, x: Tensor, dy: Tensor): Tensor {
  const [y, record] = oneDnnOp(
    'MaxPool',
    { ...attributes, explicit_paddings: [], workspace_enabled: true },
    [x],
    2,
  ) as [Tensor, Tensor];
  const [dx] = oneDnnOp(
    'MaxPoolGrad',
    { ...attributes, explicit_paddings: [], workspace_enabled: true },
    [x, y, dy, record],
    1,
  );
  tf.dispose([y, record]);
  return dx!;
}
