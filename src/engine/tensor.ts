/**
 * The one door to tensors: the tfjs namespace, its types, and readback. Everything outside src/engine imports tensors
 * from here and never from `@tensorflow/*` (test/architecture.test.ts).
 */
import { createRequire } from 'node:module';
import type * as tfjs from '@tensorflow/tfjs-core';
import type {} from '@tensorflow/tfjs-core/dist/public/chained_ops/register_all_chained_ops.js';
import { asMissingPackage } from '../core/package.js';

const require = createRequire(import.meta.url);
let loaded: typeof tfjs | undefined;

/**
 * The namespace of tfjs. It is loaded at the first use of one of its members and not on import, because that takes
 * longer than all of the program else: a command that computes nothing with tensors starts without it.
 */
export const tf = new Proxy({} as typeof tfjs, {
  get: (_, name) => Reflect.get((loaded ??= load()), name) as unknown,
});

function load(): typeof tfjs {
  try {
    const core = require('@tensorflow/tfjs-core') as typeof tfjs;
    require('./tfjs-gradients.cjs'); // the part that the package's file for Node lacks (build.mjs)
    return core;
  } catch (error) {
    throw asMissingPackage(error, 'training');
  }
}

/** A tensor of tfjs, of any rank. */
export type Tensor = tfjs.Tensor;
/** A tensor of rank 1, [n]. */
export type Tensor1D = tfjs.Tensor1D;
/** A tensor of rank 2, [rows, columns]. */
export type Tensor2D = tfjs.Tensor2D;
/** A tensor of rank 4, [batch, height, width, channels] unless said otherwise. */
export type Tensor4D = tfjs.Tensor4D;
/** A tensor of rank 0. */
export type Scalar = tfjs.Scalar;

/**
 * Named tensors, keyed by path (`stage2/block1/conv1/kernel`). Whoever makes a set disposes it with {@link disposeAll}.
 */
export type Tensors = Readonly<Record<string, Tensor>>;

/** Frees every tensor of the given sets. */
export function disposeAll(...sets: Tensors[]): void {
  for (const set of sets) for (const tensor of Object.values(set)) tensor.dispose();
}

/** A tensor's shape as messages show it: `[8, 128]`. */
export function shapeText(tensor: Tensor): string {
  return `[${tensor.shape.join(', ')}]`;
}
