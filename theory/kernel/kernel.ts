/**
 * The particle kernel: the only place that runs through (sample, particle) pairs. Two forms with the same results to
 * 1e-12, native (built on this machine) and WebAssembly; which one runs, and on how many threads, changes no result
 * beyond that.
 */
import { availableParallelism } from 'node:os';
import { messageOf, UsageError } from '../../src/core/errors.js';
import { checkMembers, lookUp, namesOf } from '../../src/core/registry.js';
import { choiceSetting, numberSetting } from '../../src/core/settings.js';
import { checked } from './checked.js';
import type { Kernel } from './interface.js';
import { mayOpenNative, openNative, prepareNative } from './native.js';
import { openWasm } from './wasm.js';

/** How each form of the kernel is opened, by its name; its passes throw RangeError on arrays that do not fit. */
export const KERNELS = {
  native: (threads) => checked(openNative(threads)),
  wasm: (threads) => checked(openWasm(threads)),
} as const satisfies Record<string, (threads: number) => Kernel>;
/** Name of a form of the kernel, as `$GOWIDE_KERNEL` takes it. */
export type KernelName = keyof typeof KERNELS;

/** Threads of one process: `$GOWIDE_THREADS`, else one for each core. Throws UsageError on another value. */
export function threadCount(): number {
  return numberSetting('GOWIDE_THREADS') ?? availableParallelism();
}

/**
 * Opens a form of the kernel on `threads` threads, from 1 to 9999. Throws FailureError where the native one cannot be
 * built or loaded, UsageError on another name or number.
 */
export function openKernel(name: KernelName, threads = threadCount()): Kernel {
  const open = lookUp('kernel', KERNELS, name);
  if (!Number.isInteger(threads) || threads < 1 || threads > 9999)
    throw new UsageError(`openKernel: threads: expected a whole number from 1 to 9999, got ${threads}`);
  return open(threads);
}

/** The form of the kernel that `$GOWIDE_KERNEL` names. */
function askedFor(): KernelName | undefined {
  return choiceSetting('GOWIDE_KERNEL', 'kernel', KERNELS);
}

let current: Kernel | undefined;
let reason: string | undefined;

/**
 * The kernel in use: `$GOWIDE_KERNEL`, else native where there is a C++ compiler, else WebAssembly. The first call of a
 * machine builds the native one (some seconds). Throws UsageError on an unknown name.
 */
export function kernel(): Kernel {
  if (current !== undefined) return current;
  const asked = askedFor();
  if (asked !== undefined) return (current = openKernel(asked));
  try {
    current = openKernel('native');
  } catch (error) {
    reason = messageOf(error);
    current = openKernel('wasm');
  }
  return current;
}

/**
 * Name of the kernel that {@link kernel} will open, as far as that can be told before one is built. Throws UsageError
 * on an unknown `$GOWIDE_KERNEL`.
 */
export function expectedKernel(): KernelName {
  const open = current === undefined ? undefined : namesOf(KERNELS).find((name) => name === current!.name);
  return open ?? askedFor() ?? (mayOpenNative() ? 'native' : 'wasm');
}

/** Builds the native kernel, where it would be in use, while this process goes on with other things. */
export async function prepareKernel(): Promise<void> {
  if ((askedFor() ?? 'native') !== 'native') return;
  // kernel() says what is wrong
  await prepareNative().catch(() => {});
}

/** Why the native kernel is not in use although it was not declined, or undefined. */
export function whyNotNative(): string | undefined {
  kernel();
  return reason;
}

/**
 * Makes another kernel the one in use, for benchmarks and tests; undefined makes {@link kernel} choose again. Throws
 * UsageError on what is no kernel, such as the name of one, which {@link openKernel} opens.
 */
export function useKernel(next: Kernel | undefined): void {
  if (next !== undefined)
    checkMembers('useKernel', next, {
      ...{ name: 'string', forward: 'function', descend: 'function', backward: 'function' },
      ...{ tangent: 'function', peak: 'function' },
    });
  current = next;
  reason = undefined;
}
