/** Kernels of TensorFlow by their names, where tfjs composes them or tfjs-node calls slower ones. */
import { batchNormRelu, hasOneDnn, maxPoolGradient } from '../onednn.js';
import { FLOAT, INT, tensorflowOp } from '../tensorflow-op.js';
import { tf, type Tensor } from '../tensor.js';
import { TENSORFLOW_CONVOLUTIONS, type Override } from './convolutions.js';
import { withRelu, type Kernel, type OwnKernels } from './kernels.js';

/** Batch norm and its gradient take the same attributes. */
function batchNormOp(name: string, inputs: Tensor[], epsilon: number, outputs: number): Tensor[] {
  return tensorflowOp(name, { T: FLOAT, U: FLOAT, epsilon, data_format: 'NHWC', is_training: true }, inputs, outputs);
}

function reluGradient(dy: Tensor, y: Tensor): Tensor {
  return tensorflowOp('ReluGrad', { T: FLOAT }, [dy, y], 1)[0]!;
}

const forward: Kernel = ({ x, gamma, beta }, epsilon) => {
  const none = tf.tensor1d([]);
  const [y, mean, variance, reserve1, reserve2, reserve3] = batchNormOp(
    'FusedBatchNormV3',
    [x!, gamma!, beta!, none, none],
    epsilon,
    6,
  ) as Tensor[];
  none.dispose();
  return [y!, mean!, variance!, reserve1!, reserve2!, reserve3!];
};

/** Batch norm and ReLU, in one pass where oneDNN is there. */
const reluForward: Kernel = (inputs, epsilon) =>
  hasOneDnn()
    ? [...batchNormRelu([inputs.x!, inputs.gamma!, inputs.beta!], epsilon), tf.tensor1d([])]
    : withRelu(forward)(inputs, epsilon);

const backward: Kernel = ({ dy: upstream, x, y, gamma, reserve1, reserve2, reserve3 }, epsilon) => {
  const dy = y === undefined ? upstream : reluGradient(upstream!, y);
  const [dx, dgamma, dbeta, ...rest] = batchNormOp(
    'FusedBatchNormGradV3',
    [dy!, x!, gamma!, reserve1!, reserve2!, reserve3!],
    epsilon,
    5,
  );
  for (const tensor of rest) tensor.dispose();
  return [dx!, dgamma!, dbeta!];
};

/** Max pooling by oneDNN, which keeps a record of the maxima; TensorFlow's own looks for each maximum again. */
const maxPoolGradientByOneDnn: Override = ({ dy, input }, { filterSize, strides, pad }) => {
  if (!hasOneDnn() || pad !== 'valid') return undefined;
  const pair = (size: unknown): number[] => (typeof size === 'number' ? [size, size] : (size as number[]));
  return maxPoolGradient(
    { ksize: [1, ...pair(filterSize), 1], strides: [1, ...pair(strides), 1], padding: 'VALID' },
    input!,
    dy!,
  );
};

/**
 * TensorFlow checks the indices itself, where tfjs-node reads them back first: a compiled step cannot be read, and on a
 * GPU the engine would wait.
 */
const gatherUnread: Override = ({ x, indices }, { axis, batchDims }) => {
  if (x!.dtype !== 'float32' || indices!.dtype !== 'int32' || Number(batchDims) !== 0) return undefined;
  const inputs = [x!, indices!, tf.scalar(axis as number, 'int32')];
  return tensorflowOp('GatherV2', { Tparams: FLOAT, Tindices: INT, Taxis: INT }, inputs, 1)[0]!;
};

/** What the engine `tensorflow` has of its own. */
export const TENSORFLOW_KERNELS: OwnKernels = {
  batchNorm: [forward, reluForward, backward],
  reluGradient,
  overridden: { ...TENSORFLOW_CONVOLUTIONS, MaxPoolGrad: maxPoolGradientByOneDnn, GatherV2: gatherUnread },
};
