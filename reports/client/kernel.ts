/** The particle kernel in a browser: one thread, on memory that is not shared. */
import type { Kernel } from '../../theory/kernel/interface.js';
import { webAssemblyKernel, type WebAssembly as Platform } from '../../theory/kernel/webassembly.js';

declare const WebAssembly: typeof Platform;

let current: Kernel | undefined;

export function startKernel(bytes: Uint8Array): void {
  current = webAssemblyKernel(new WebAssembly.Module(bytes), new WebAssembly.Memory({ initial: 1, maximum: 65_536 }));
}

export function kernel(): Kernel {
  if (current === undefined) throw new Error('the kernel has not been started');
  return current;
}
