/**
 * The WebAssembly module of our own (assembly/index.ts), which works in the memory of tfjs' backend: its functions, and
 * the tensors that they read and write.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import type { TensorInfo } from '@tensorflow/tfjs-core';
import { oncePer } from '../../core/memo.js';
import { tf } from '../tensor.js';
import { heard, type Callee } from './webassembly-calls.js';

/** Functions of assembly/ by name; they take addresses in bytes, 0 for what is not there, then counts and flags. */
type Functions = Readonly<Record<AssemblyFunction, (...given: (number | boolean)[]) => void>>;
type AssemblyFunction =
  | 'adamw'
  | 'addBias'
  | 'attention'
  | 'attentionGradient'
  | 'batchNorm'
  | 'batchNormGradient'
  | 'biasGelu'
  | 'columnSums'
  | 'convolution'
  | 'crossEntropy'
  | 'crossEntropyGradient'
  | 'divergence'
  | 'divergenceGradient'
  | 'exp'
  | 'filterGradient'
  | 'gather'
  | 'geluGradient'
  | 'geometry'
  | 'inputGradient'
  | 'norm'
  | 'normGradient'
  | 'product'
  | 'reluGradient'
  | 'rowSums'
  | 'scaleShift'
  | 'scatter'
  | 'sgd'
  | 'squareSum';

declare const WebAssembly: {
  readonly validate: (bytes: Uint8Array) => boolean;
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: Functions };
};

/** What is used of tfjs' backend: its memory, and where in it the values of a tensor stand. */
interface WasmBackend {
  readonly wasm: { readonly asm: { readonly memory: object }; readonly HEAPU8: Uint8Array };
  readonly dataIdMap: { get(dataId: object): { readonly memoryOffset: number } };
  makeOutput(shape: readonly number[], dtype: TensorInfo['dtype']): TensorInfo;
  disposeData(dataId: object): boolean;
  incRef(dataId: object): void;
  typedArrayFromHeap(tensor: TensorInfo): unknown;
}

/** The module in the memory of a backend, and what its functions are given. */
export interface Assembly {
  readonly backend: WasmBackend;
  readonly functions: Functions;
  /** Address of a tensor's values in bytes, 0 for one that is not there. It holds until the next tensor is made. */
  readonly at: (tensor: TensorInfo | undefined) => number;
  /** A new tensor; of floats by default. */
  readonly make: (shape: readonly number[], dtype?: TensorInfo['dtype']) => TensorInfo;
  /** Calls `use` with the address of memory for `count` float32 numbers, which is free again afterwards. */
  readonly withScratch: (count: number, use: (address: number) => void) => void;
}

/** Whether the engine in use is WebAssembly, in whose memory the module works. */
export function onWebAssembly(): boolean {
  return tf.getBackend() === 'wasm';
}

const compiled = oncePer(compile);

/** The module in the memory of a backend of tfjs; it is compiled when it is first asked for. */
export function assemblyIn(given: unknown): Assembly {
  return compiled(given as WasmBackend);
}

/**
 * The module with fused multiply-add (relaxed SIMD), which multiplies matrices up to 1.3 times as fast as the other; in
 * Node 20 it is behind a flag. The last digits then depend on whether the processor can do it, as those of TensorFlow.
 */
function bytesOfModule(): Uint8Array {
  const file = (name: string): Uint8Array => readFileSync(join(import.meta.dirname, `${name}.wasm`));
  const relaxed = file('assembly-relaxed');
  try {
    if (!WebAssembly.validate(relaxed)) setFlagsFromString('--experimental-wasm-relaxed-simd');
  } catch {
    // what is not V8 has no such flag
  }
  return WebAssembly.validate(relaxed) ? relaxed : file('assembly');
}

function compile(backend: WasmBackend): Assembly {
  const module = new WebAssembly.Module(bytesOfModule());
  const { exports } = new WebAssembly.Instance(module, { env: { memory: backend.wasm.asm.memory } });
  const at: Assembly['at'] = (tensor) => (tensor === undefined ? 0 : backend.dataIdMap.get(tensor.dataId).memoryOffset);
  const make: Assembly['make'] = (shape, dtype = 'float32') => backend.makeOutput(shape, dtype);
  const withScratch: Assembly['withScratch'] = (count, use) => {
    const scratch = make([count]);
    use(at(scratch));
    backend.disposeData(scratch.dataId);
  };
  const functions = Object.fromEntries(
    Object.entries(exports).map(([name, callee]) => [
      name,
      typeof callee === 'function' ? heard(callee as Callee) : callee,
    ]),
  ) as Functions;
  return { backend, functions, at, make, withScratch };
}

/** Bytes of a number of each type that tensors are moved as. */
export const NUMBER_BYTES: Readonly<Record<string, number>> = { float32: 4, int32: 4, bool: 1 };

/** Numbers of a tensor. */
export function sizeOf({ shape }: TensorInfo): number {
  return tf.util.sizeFromShape([...shape]);
}

/** Numbers that a panel of `k` rows takes: sixteen columns, of 256 rows at once (assembly/product.ts). */
export function panelSize(k: number): number {
  return 16 * Math.min(k, 256);
}

/** Rows of x [..., columns], and its columns. */
export function rowsAndColumns({ shape }: TensorInfo): [rows: number, columns: number] {
  return [tf.util.sizeFromShape(shape.slice(0, -1)), shape.at(-1)!];
}
