/**
 * What a step asks of WebAssembly: functions of tfjs' module and of our own are called through here, so that somebody
 * can listen (trace/replay.ts).
 */
import type { KernelConfig, TensorInfo } from '@tensorflow/tfjs-core';
import { tf } from '../tensor.js';

/** A function of a WebAssembly module. */
export type Callee = (...given: unknown[]) => unknown;

/** An op as it was asked for: a kernel of tfjs, or a fused op. */
export interface Asked {
  readonly name: string;
  readonly inputs: Readonly<Record<string, TensorInfo | undefined>>;
  readonly attributes: unknown;
  /** The op itself; it may be given other inputs of the same shapes. */
  readonly run: (inputs: Asked['inputs']) => TensorInfo | TensorInfo[];
}

/** Who hears of every call. */
export interface Listener {
  /** A function is about to be called. */
  called(callee: Callee, given: readonly unknown[]): void;
  /** Runs an op. */
  op(asked: Asked): TensorInfo | TensorInfo[];
  /** The op at work does more than its calls, which are not to be made without it. */
  more(): void;
  /** Numbers are about to be made that the step's inputs do not decide. */
  random(): void;
}

let listener: Listener | undefined;

/** Runs `act` with somebody who hears of all calls in it. Not to be nested. */
export function listening<T>(to: Listener, act: () => T): T {
  const kernels = tf.getKernelsForBackend('wasm') as { -readonly [K in keyof KernelConfig]: KernelConfig[K] }[];
  const own = kernels.map(({ kernelFunc }) => kernelFunc);
  kernels.forEach((kernel, i) => {
    const { kernelName: name } = kernel;
    kernel.kernelFunc = ({ inputs, attrs, backend }) =>
      to.op({
        name,
        inputs,
        attributes: attrs,
        run: (given) => own[i]!({ inputs: given as typeof inputs, attrs: attrs!, backend }),
      });
  });
  listener = to;
  try {
    return act();
  } finally {
    listener = undefined;
    kernels.forEach((kernel, i) => (kernel.kernelFunc = own[i]!));
  }
}

/** A function whose calls are heard. */
export function heard<F extends Callee>(callee: F): F {
  return ((...given: unknown[]) => {
    listener?.called(callee, given);
    return callee(...given);
  }) as F;
}

/** Runs an op that is no kernel of tfjs. */
export function heardOp(asked: Asked): TensorInfo | TensorInfo[] {
  return listener === undefined ? asked.run(asked.inputs) : listener.op(asked);
}

/** Says that the op at work does more than its calls. */
export function heardMore(): void {
  listener?.more();
}

/** Says that numbers are drawn. */
export function heardRandom(): void {
  listener?.random();
}

const watched = new WeakSet<object>();

/** Makes the calls of tfjs' own kernels heard; their functions are looked up again. */
export function hearKernels(): void {
  const backend = tf.backend() as unknown as { readonly wasm: { cwrap: (...given: unknown[]) => Callee } };
  if (watched.has(backend)) return;
  watched.add(backend);
  const { cwrap } = backend.wasm;
  backend.wasm.cwrap = (...given) => heard(cwrap(...given));
  for (const { setupFunc } of tf.getKernelsForBackend('wasm')) setupFunc?.(tf.backend());
  backend.wasm.cwrap = cwrap;
}
