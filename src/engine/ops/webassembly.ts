/**
 * Products of matrices, and sums of columns and by index, on WebAssembly. tfjs' backend multiplies by XNNPACK only
 * where there is one pair of matrices and neither is transposed, and prepares the second one anew for each call; all
 * else goes through a plain loop. It sums columns by transposing first. So both are computed by a module of our own in
 * its memory (src/engine/README.md has the rates).
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { KernelFunc, TensorInfo } from '@tensorflow/tfjs-core';
import { tf, type Tensor } from '../tensor.js';

/** See assembly/matrix.ts; the first arguments are addresses in bytes. */
interface Functions {
  product(
    a: number,
    b: number,
    out: number,
    panel: number,
    pairs: number,
    m: number,
    n: number,
    k: number,
    transposeA: boolean,
    transposeB: boolean,
  ): void;
  columnSums(a: number, out: number, rows: number, columns: number): void;
}

declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: Functions };
};

/** What is used of tfjs' backend: its memory, and where in it the values of a tensor stand. */
interface WasmBackend {
  readonly wasm: { readonly asm: { readonly memory: object } };
  readonly dataIdMap: { get(dataId: object): { readonly memoryOffset: number } };
  makeOutput(shape: readonly number[], dtype: 'float32'): TensorInfo;
  disposeData(dataId: object): boolean;
}

/** Columns of the second matrix that stand side by side while they are multiplied. */
const PANEL = 8;

const found = new WeakMap<WasmBackend, Functions>();

function functionsIn(backend: WasmBackend): Functions {
  let functions = found.get(backend);
  if (functions === undefined) {
    const module = new WebAssembly.Module(readFileSync(join(import.meta.dirname, 'matrix.wasm')));
    functions = new WebAssembly.Instance(module, { env: { memory: backend.wasm.asm.memory } }).exports;
    found.set(backend, functions);
  }
  return functions;
}

function addressIn(backend: WasmBackend): (tensor: TensorInfo) => number {
  return ({ dataId }) => backend.dataIdMap.get(dataId).memoryOffset;
}

/**
 * The kernel `BatchMatMul`: a b over the last two axes, either of them transposed, [..., m, n]. Stacks whose outer axes
 * are not equal, empty matrices and integers are left to `original`.
 */
export function batchMatMul(original: KernelFunc): KernelFunc {
  return (call) => {
    const { a, b } = call.inputs as Record<'a' | 'b', TensorInfo>;
    const { transposeA, transposeB } = call.attrs as unknown as Record<'transposeA' | 'transposeB', boolean>;
    const outer = a.shape.slice(0, -2);
    const [m, k] = transposeA ? a.shape.slice(-2).reverse() : a.shape.slice(-2);
    const [inner, n] = transposeB ? b.shape.slice(-2).reverse() : b.shape.slice(-2);
    const pairs = tf.util.sizeFromShape(outer);
    if (
      a.dtype !== 'float32' ||
      b.dtype !== 'float32' ||
      inner !== k ||
      String(outer) !== String(b.shape.slice(0, -2)) ||
      pairs * m! * n! * k! === 0
    )
      return original(call);
    const backend = call.backend as WasmBackend;
    const functions = functionsIn(backend);
    const out = backend.makeOutput([...outer, m!, n!], 'float32');
    const panel = backend.makeOutput([PANEL * (k! + PANEL)], 'float32');
    const address = addressIn(backend);
    functions.product(address(a), address(b), address(out), address(panel), pairs, m!, n!, k!, transposeA, transposeB);
    backend.disposeData(panel.dataId);
    return out;
  };
}

/** The kernel `Sum`, where it is over the first axes of floats and some are left; all else is left to `original`. */
export function sum(original: KernelFunc): KernelFunc {
  return (call) => {
    const { x } = call.inputs as Record<'x', TensorInfo>;
    const { axis, keepDims } = call.attrs as unknown as { axis: number | number[]; keepDims: boolean };
    const axes = tf.util.parseAxisParam(axis, x.shape).sort((first, second) => first - second);
    const kept = x.shape.slice(axes.length);
    const rows = tf.util.sizeFromShape(x.shape.slice(0, axes.length));
    const columns = tf.util.sizeFromShape(kept);
    if (x.dtype !== 'float32' || kept.length === 0 || rows * columns === 0 || axes.some((each, i) => each !== i))
      return original(call);
    const backend = call.backend as WasmBackend;
    const out = backend.makeOutput(keepDims ? [...axes.map(() => 1), ...kept] : kept, 'float32');
    const address = addressIn(backend);
    functionsIn(backend).columnSums(address(x), address(out), rows, columns);
    return out;
  };
}

/**
 * Sums of the rows x [...N, ...] that have the same index in segments [...N], [count, ...]: the gradient of looking
 * rows up. An index outside 0 .. count − 1 is left out, as TensorFlow does.
 */
export function segmentSums(x: Tensor, segments: Tensor, count: number): Tensor {
  const shape = [count, ...x.shape.slice(segments.rank)];
  const width = tf.util.sizeFromShape(shape.slice(1));
  const [values, indices] = [x.dataSync<'float32'>(), segments.dataSync<'int32'>()];
  const sums = new Float32Array(count * width);
  for (const [row, index] of indices.entries()) {
    if (index < 0 || index >= count) continue;
    for (let i = 0; i < width; i++) sums[index * width + i]! += values[row * width + i]!;
  }
  return tf.tensor(sums, shape, 'float32');
}
