/**
 * The WebAssembly module of our own (assembly/index.ts), which works in the memory of tfjs' backend: its functions, and
 * the tensors that they read and write.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TensorInfo } from '@tensorflow/tfjs-core';
import { tf } from '../tensor.js';

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
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: Functions };
};

/** What is used of tfjs' backend: its memory, and where in it the values of a tensor stand. */
export interface WasmBackend {
  readonly wasm: { readonly asm: { readonly memory: object }; readonly HEAPU8: Uint8Array };
  readonly dataIdMap: { get(dataId: object): { readonly memoryOffset: number } };
  makeOutput(shape: readonly number[], dtype: TensorInfo['dtype']): TensorInfo;
  disposeData(dataId: object): boolean;
  incRef(dataId: object): void;
}

const found = new WeakMap<WasmBackend, Functions>();

/** The functions of the module in the memory of a backend; it is compiled when it is first asked for. */
export function functionsIn(backend: WasmBackend): Functions {
  let functions = found.get(backend);
  if (functions === undefined) {
    const module = new WebAssembly.Module(readFileSync(join(import.meta.dirname, 'assembly.wasm')));
    functions = new WebAssembly.Instance(module, { env: { memory: backend.wasm.asm.memory } }).exports;
    found.set(backend, functions);
  }
  return functions;
}

/** Where the values of a tensor stand, in bytes; 0 for one that is not there. */
export function addressIn(backend: WasmBackend): (tensor: TensorInfo | undefined) => number {
  return (tensor) => (tensor === undefined ? 0 : backend.dataIdMap.get(tensor.dataId).memoryOffset);
}

/** Calls `use` with the address of memory for `count` float32 numbers, which is free again afterwards. */
export function withScratch(backend: WasmBackend, count: number, use: (address: number) => void): void {
  const scratch = backend.makeOutput([count], 'float32');
  use(addressIn(backend)(scratch));
  backend.disposeData(scratch.dataId);
}

/** Numbers that a panel of `k` rows takes: eight columns (assembly/product.ts). */
export function panelSize(k: number): number {
  return 8 * k;
}

/** Rows of x [..., columns], and its columns. */
export function rowsAndColumns({ shape }: TensorInfo): [rows: number, columns: number] {
  return [tf.util.sizeFromShape(shape.slice(0, -1)), shape.at(-1)!];
}
