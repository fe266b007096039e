/** What each form of the kernel takes, by which studies are priced (docs/notes/2026-11-29-prices-by-kernel.md). */
import { checkObject } from '../../src/core/range.js';
import type { KernelName } from './kernel.js';

/** Seconds for one particle and one sample of d dimensions: `fixed + each * d`. */
export interface Linear {
  readonly fixed: number;
  readonly each: number;
}

/** What a form of the kernel takes on one thread. */
export interface KernelSeconds {
  /** Samples that it computes at once: others are added up to a multiple of it. */
  readonly block: number;
  /** A training step, forward and backward. */
  readonly step: Linear;
  /** A forward pass. */
  readonly pass: Linear;
  /**
   * A training step's change in one direction of several, the step itself and what its caller does with the change
   * included.
   */
  readonly tangent: Linear;
}

/** Measured for tanh with d from 2 to 128, on one core of an EPYC of the fourth generation (2026-11-29). */
export const KERNEL_SECONDS: Readonly<Record<KernelName, KernelSeconds>> = {
  native: {
    block: 8,
    step: { fixed: 0.6e-9, each: 0.48e-9 },
    pass: { fixed: 0.8e-9, each: 0.12e-9 },
    tangent: { fixed: 0, each: 2.2e-9 },
  },
  wasm: {
    block: 4,
    step: { fixed: 1.8e-9, each: 1.6e-9 },
    pass: { fixed: 2.5e-9, each: 1e-9 },
    tangent: { fixed: 13e-9, each: 4e-9 },
  },
};

/** What a kernel is to do on batches of so many samples of d dimensions. */
export interface KernelWork {
  readonly d: number;
  readonly samples: number;
  /** Training steps times the particles of all layers. */
  readonly steps?: number;
  /** Forward passes times the particles of all layers. */
  readonly passes?: number;
  /** Training steps times the particles of all layers times the directions. */
  readonly tangents?: number;
}

/** Expected seconds on one core by what a form of the kernel takes, the native one unless given. */
export function kernelSeconds(work: KernelWork, kernel: KernelSeconds = KERNEL_SECONDS.native): number {
  checkObject('kernelSeconds: work', work, ['d', 'samples']);
  checkObject('kernelSeconds: kernel', kernel, ['block', 'step', 'pass', 'tangent']);
  const { d, samples, steps = 0, passes = 0, tangents = 0 } = work;
  const { block, step, pass, tangent } = kernel;
  const computed = block * Math.ceil(samples / block);
  const of = ({ fixed, each }: Linear): number => fixed + each * d;
  return computed * (steps * of(step) + passes * of(pass) + tangents * of(tangent));
}
