/** Kernels of tfjs' WebGPU backend that compute nothing where a device has too few places for what they read. */
import { tf, type Tensor } from '../tensor.js';
import type { Override } from './convolutions.js';
import type { OwnKernels } from './kernels.js';

/** Tensors that WebGPU's kernels may read at once beside the one that they write: a device has at least 8 in all. */
const SUMMANDS = 7;

/**
 * tfjs' kernel reads all summands at once: with more than the device allows it computes nothing, says so on the console
 * alone, and leaves what was in the memory. So many are added by groups.
 */
const addByGroups: Override = (inputs) => {
  const summands = Object.values(inputs) as Tensor[];
  if (summands.length <= SUMMANDS) return undefined;
  const groups = Array.from({ length: Math.ceil(summands.length / SUMMANDS) }, (_, i) =>
    summands.slice(i * SUMMANDS, (i + 1) * SUMMANDS),
  );
  return tf.addN(groups.map((group) => (group.length === 1 ? group[0]! : tf.addN(group))));
};

/** What the engine `webgpu` has of its own. */
export const WEBGPU_KERNELS: OwnKernels = { overridden: { AddN: addByGroups } };
