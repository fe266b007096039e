/** What a worker tells the others when it leaves before the work is done. */
import { FailureError, InterruptedError } from '../core/errors.js';

/** Why a worker leaves. */
export interface Leaving {
  /** In one line. */
  readonly reason: string;
  /** Whether its user stopped it; else it failed. */
  readonly stopped: boolean;
  /** Whether the reason is about another worker, which it names. */
  readonly other: boolean;
}

/** What a worker sends of why it leaves: JSON in UTF-8. */
export function leavingBytes(leaving: Leaving): Uint8Array {
  return Buffer.from(JSON.stringify(leaving));
}

/** The error that ends the work of those who are told. */
export function leavingError(bytes: Uint8Array, name: string): Error {
  let leaving: Partial<Leaving>;
  try {
    leaving = JSON.parse(Buffer.from(bytes).toString()) as Partial<Leaving>;
  } catch {
    leaving = {};
  }
  const { reason = 'no reason was given', stopped, other } = leaving;
  const text = other === true ? reason : `${name} ended: ${reason}`;
  return stopped === true ? new InterruptedError(text) : new FailureError(text);
}
