/** The one hash that random keys are made with, where there is no Node. */
import { sha256 } from '@noble/hashes/sha2.js';

interface Digest {
  readonly readUInt32LE: (offset: number) => number;
}

/**
 * SHA-256 of a text in the browser, in the form in which the simulator asks Node for it. Throws RangeError on another
 * hash.
 */
export function createHash(name: 'sha256'): { readonly update: (text: string) => { readonly digest: () => Digest } } {
  if (name !== 'sha256') throw new RangeError(`createHash: expected sha256, got ${String(name)}`);
  return {
    update: (text) => ({
      digest: () => {
        const bytes = sha256(new TextEncoder().encode(text));
        const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
        return { readUInt32LE: (offset) => view.getUint32(offset, true) };
      },
    }),
  };
}
