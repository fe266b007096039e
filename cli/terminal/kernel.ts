/** What users are told of the particle kernel. */
import { kernel, threadCount, whyNotNative } from '../../theory/kernel/kernel.js';

/** Which particle kernel computes, on how many threads. */
export interface KernelReport {
  readonly name: string;
  readonly threads: number;
  /** Why it is not the native one, or null. */
  readonly reason: string | null;
}

/** The particle kernel of this machine; the first call builds the native one where there is a compiler. */
export function kernelReport(): KernelReport {
  return { name: kernel().name, threads: threadCount(), reason: whyNotNative() ?? null };
}
