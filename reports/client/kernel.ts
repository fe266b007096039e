/** The particle kernel in a browser: one thread, on memory that is not shared. */
import type { Kernel } from '../../theory/kernel/interface.js';
import type { WebAssembly as Platform } from '../../theory/kernel/machine.js';
import { webAssemblyKernel } from '../../theory/kernel/webassembly.js';

declare const WebAssembly: typeof Platform;

let current: Kernel | undefined;

/** Makes the particle kernel of a WebAssembly module’s bytes. To be called before {@link kernel}. */
export function startKernel(bytes: Uint8Array): void {
  current = webAssemblyKernel(new WebAssembly.Module(bytes), new WebAssembly.Memory({ initial: 1, maximum: 65_536 }));
}

/** The particle kernel of the page. Throws Error before {@link startKernel} was called. */
export function kernel(): Kernel {
  if (current === undefined) throw new Error('the kernel has not been started');
  return current;
}
