/** TensorFlow's kernels by name, past tfjs. The backend `tensorflow` must be the one in use. */
import type { TensorInfo } from '@tensorflow/tfjs-core';
import { tf, type Tensor } from './tensor.js';

/** The element type of all our networks. */
export const FLOAT: unique symbol = Symbol('float32');
/** TensorFlow’s type of shapes and indices, int32. */
export const INT: unique symbol = Symbol('int32');

/** A number is written as a float, a list as integers (`shape` as a shape). */
type Attribute = typeof FLOAT | typeof INT | boolean | string | number | readonly number[];
/** Attributes of a TensorFlow op by their names. */
export type Attributes = Readonly<Record<string, Attribute>>;

/** The part of tfjs-node's backend that reaches kernels by name. */
interface TensorflowBackend {
  executeMultipleOutputs(
    name: string,
    attributes: { name: string; type: number; value: unknown }[],
    inputs: readonly TensorInfo[],
    outputs: number,
  ): Tensor[];
  binding: Record<string, number>;
}

/** Whether the engine in use is TensorFlow. */
export function onTensorflow(): boolean {
  return tf.getBackend() === 'tensorflow';
}

/** The first `outputs` results of an op. Throws Error with TensorFlow's message. */
export function tensorflowOp(
  name: string,
  attributes: Attributes,
  inputs: readonly Tensor[],
  outputs: number,
): Tensor[] {
  const backend = tf.backend() as unknown as TensorflowBackend;
  const { TF_ATTR_TYPE, TF_ATTR_FLOAT, TF_ATTR_INT, TF_ATTR_STRING, TF_ATTR_BOOL, TF_ATTR_SHAPE, TF_FLOAT, TF_INT32 } =
    backend.binding;
  const encoded = Object.entries(attributes).map(([key, value]) => {
    if (value === FLOAT || value === INT)
      return { name: key, type: TF_ATTR_TYPE!, value: value === FLOAT ? TF_FLOAT : TF_INT32 };
    if (typeof value === 'boolean') return { name: key, type: TF_ATTR_BOOL!, value };
    if (typeof value === 'string') return { name: key, type: TF_ATTR_STRING!, value };
    if (typeof value === 'number') return { name: key, type: TF_ATTR_FLOAT!, value };
    return { name: key, type: key === 'shape' ? TF_ATTR_SHAPE! : TF_ATTR_INT!, value };
  });
  return backend.executeMultipleOutputs(name, encoded, inputs, outputs);
}
