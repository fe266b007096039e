/** JSON that carries the hash of its own content: a bit that flips in it is found, and never becomes a figure. */
import { createHash } from 'node:crypto';

/** An object with the hash of its own content. */
export type Sealed<T extends object> = T & { readonly seal: string };

/** SHA-256 of bytes, or of a text in UTF-8, as 64 hexadecimal digits. */
export function sha256(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** An object with its seal, the SHA-256 of the rest of it as JSON. */
export function seal<T extends object>(value: T): Sealed<T> {
  return { ...value, seal: sha256(JSON.stringify(value)) };
}

/** Whether a parsed object is what was sealed. */
export function isSealed(value: unknown): boolean {
  if (value === null || typeof value !== 'object') return false;
  const { seal: given, ...rest } = value as { seal?: unknown };
  return given === sha256(JSON.stringify(rest));
}
