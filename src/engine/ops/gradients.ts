/**
 * Loss, gradients and side results of one step, with every temporary tensor freed, and freed early.
 *
 * tfjs keeps whatever a backward pass computes, and all that the forward pass saved for it, until the pass is over:
 * twice the memory of PyTorch for a ResNet-50. So the tape that tfjs records is walked here, and each tensor goes when
 * nothing behind it can need it (src/engine/README.md).
 */
import { RELU_GRAD, releaseUnclaimedGradients } from './kernels.js';
import { tf, type Scalar, type Tensor, type Tensors } from '../tensor.js';
import { withGradient } from './with-gradient.js';

/** Results of {@link differentiate}. */
export interface Differentiated {
  readonly loss: Scalar;
  readonly gradients: Tensors;
  /** Tensors that the loss function put aside (batch statistics), by its names; the caller disposes them. */
  readonly aside: Tensors;
}

/** What tfjs records of an operation. */
interface TapeNode {
  readonly kernelName: string;
  readonly inputs: Readonly<Record<string, Tensor>>;
  readonly outputs: readonly Tensor[];
  readonly saved: readonly Tensor[];
  readonly gradient?: (dys: readonly (Tensor | null)[]) => Readonly<Record<string, () => Tensor>>;
}

/** The part of tfjs' engine that records operations. */
interface Recorder {
  startTape(): void;
  endTape(): void;
  readonly state: { activeTape: TapeNode[] | null; readonly gradientDepth: number };
}

/**
 * Gradients of `loss(params, keep)` by the tensors in `params`, of their shapes. `keep(name, tensor)` puts a tensor
 * aside, outside the gradient. The caller disposes all results. Not to be nested. Throws RangeError when the loss is no
 * scalar or does not depend on one of the parameters, or an op has no gradient.
 */
export function differentiate(
  params: Tensors,
  loss: (params: Tensors, keep: (name: string, tensor: Tensor) => void) => Scalar,
): Differentiated {
  const aside: Record<string, Tensor> = {};
  const keep = (name: string, tensor: Tensor): void => {
    aside[name] = tf.keep(tensor.clone());
  };
  const recorder = tf.engine() as unknown as Recorder;
  let tape: TapeNode[] = [];
  let value: Scalar | undefined;
  recorder.startTape();
  try {
    try {
      value = tf.tidy(() => loss(params, keep));
    } finally {
      tape = recorder.state.activeTape ?? [];
      recorder.state.activeTape = null;
      recorder.endTape();
    }
    if (value.rank !== 0) throw new RangeError(`the loss has the shape [${value.shape.join(', ')}]; expected a scalar`);
    return { loss: value, gradients: backward(tape, value, params), aside };
  } catch (error) {
    tf.dispose(Object.values(aside));
    // a loss may be a parameter itself, which is the caller's
    if (value !== undefined && !Object.values(params).includes(value)) value.dispose();
    throw error;
  } finally {
    for (const { saved } of tape) tf.dispose([...saved]);
    releaseUnclaimedGradients();
  }
}

/** Whether ops are recorded for a gradient at the moment. */
export function isRecording(): boolean {
  return (tf.engine() as unknown as Recorder).state.gradientDepth > 0;
}

/** Gradients of y by the named tensors. Throws RangeError when y does not depend on one of them. */
function backward(tape: readonly TapeNode[], y: Tensor, params: Tensors): Tensors {
  const wanted = new Set(Object.values(params).map(({ id }) => id));
  const path = between(tape, wanted, y);
  return tf.tidy(() => {
    const gradients = new Map<number, Tensor>([[y.id, tf.onesLike(y)]]);
    for (const node of [...path].reverse()) {
      propagate(node, gradients, (id) => path.depends.has(id));
      for (const { id } of node.outputs) {
        if (wanted.has(id)) continue;
        gradients.get(id)?.dispose();
        gradients.delete(id);
      }
      tf.dispose([...node.saved]);
    }
    return Object.fromEntries(
      Object.entries(params).map(([name, { id }]) => {
        const found = gradients.get(id);
        if (found === undefined) throw new RangeError(`the loss does not depend on "${name}"`);
        return [name, found];
      }),
    );
  });
}

/**
 * Operations on the way from the tensors `from` to y, in order; `depends` are the tensors on it. What the others saved
 * is freed.
 */
function between(
  tape: readonly TapeNode[],
  from: ReadonlySet<number>,
  y: Tensor,
): TapeNode[] & { readonly depends: ReadonlySet<number> } {
  const depends = new Set(from);
  const forward = tape.filter(({ inputs, outputs }) => {
    if (!Object.values(inputs).some(({ id }) => depends.has(id))) return false;
    for (const { id } of outputs) depends.add(id);
    return true;
  });
  const leads = new Set([y.id]);
  const path = forward.reverse().filter(({ inputs, outputs }) => {
    if (!outputs.some(({ id }) => leads.has(id))) return false;
    for (const { id } of Object.values(inputs)) leads.add(id);
    return true;
  });
  const kept = new Set(path);
  for (const node of tape) if (!kept.has(node)) tf.dispose([...node.saved]);
  return Object.assign(path.reverse(), { depends });
}

/** Adds to the gradients by a node's inputs what comes through its outputs. */
function propagate(
  { kernelName, inputs, outputs, gradient }: TapeNode,
  gradients: Map<number, Tensor>,
  depends: (id: number) => boolean,
): void {
  if (gradient === undefined) throw new RangeError(`no gradient is known for ${kernelName}`);
  const dys = outputs.map(({ id }) => gradients.get(id) ?? null);
  // what a custom gradient computes on the way is freed here, not at the end of the pass
  const sums = tf.tidy(() => {
    const parts = gradient(dys);
    const found = new Map<number, Tensor>();
    for (const [name, input] of Object.entries(inputs)) {
      if (!depends(input.id)) continue;
      const part = parts[name];
      if (part === undefined) throw new RangeError(`${kernelName} has no gradient by its input "${name}"`);
      const share = tf.tidy(() => part());
      const before = found.get(input.id) ?? gradients.get(input.id);
      // this may be dy itself, which is freed after this node
      found.set(input.id, before !== undefined ? tf.add(before, share) : dys.includes(share) ? share.clone() : share);
    }
    return [...found].map(([id, sum]) => ({ id, sum }));
  });
  for (const { id, sum } of sums) {
    gradients.get(id)?.dispose();
    gradients.set(id, sum);
  }
}

/** The value of x, through which no gradient goes: its gradient is zero. */
export function detach(x: Tensor): Tensor {
  return withGradient(
    [x],
    () => ({ value: x.clone(), saved: {} }),
    (dy) => [tf.zerosLike(dy)],
  );
}

/** relu(a + b) of two tensors of one shape, of which only the result is kept for the gradient. */
export function addRelu<T extends Tensor>(a: T, b: T): T {
  return withGradient(
    [a, b],
    () => {
      const y = tf.relu(tf.add(a, b)) as T;
      return { value: y, saved: { y } };
    },
    (dy, { y }) => {
      const gradient = tf.engine().runKernel(RELU_GRAD, { dy, y }) as Tensor;
      return [gradient, gradient.clone()];
    },
  );
}
