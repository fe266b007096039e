/**
 * Equal arrays of numbers are told by one loop. Vitest asks for keys, prototypes and testers at every element, which
 * takes ten seconds for a million of them; it still has the word, and prints the difference, where they are not equal.
 */
import { expect } from 'vitest';

/** True for two arrays of the same numbers, to the bit of floats; else undefined, which leaves it to others. */
export function sameNumbers(a: unknown, b: unknown): true | undefined {
  if (ArrayBuffer.isView(a) && ArrayBuffer.isView(b)) return sameBytes(a, b) ? true : undefined;
  if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length || a.length === 0) return undefined;
  for (let i = 0; i < a.length; i++) if (typeof a[i] !== 'number' || !Object.is(a[i], b[i])) return undefined;
  return true;
}

function sameBytes(a: ArrayBufferView, b: ArrayBufferView): boolean {
  const bytes = (view: ArrayBufferView): Buffer => Buffer.from(view.buffer, view.byteOffset, view.byteLength);
  return Object.getPrototypeOf(a) === Object.getPrototypeOf(b) && bytes(a).equals(bytes(b));
}

// once: files that share a process share what was added, too
const added = globalThis as { sameNumbersAdded?: true };
if (added.sameNumbersAdded === undefined) expect.addEqualityTesters([sameNumbers]);
added.sameNumbersAdded = true;
