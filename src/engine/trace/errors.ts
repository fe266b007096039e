/** What a step is told that cannot be compiled, or be run as it was compiled, whichever engine it is for. */
import { UsageError } from '../../core/errors.js';

/** The step reads a value back while it is recorded: one of the op of this name, else an input. */
export function readBack(what: string, op: string | undefined): UsageError {
  return new UsageError(
    `${what}: the step reads the value of ${op === undefined ? 'an input' : `an op "${op}"`} back; ` +
      'a compiled step can be read only when it has ended',
  );
}

/** A compiled step cannot stand for this one, for this reason: the ops of a second recording were others, say. */
export function notCompilable(what: string, reason: string): UsageError {
  return new UsageError(`${what} cannot be compiled: ${reason}; GOWIDE_TRACE=0 runs it op by op`);
}

/** A tensor from outside that a recording holds has been disposed. */
export function disposedSince(shape: readonly number[]): UsageError {
  return new UsageError(`a compiled step reads a tensor [${shape.join(', ')}] that was disposed since it was recorded`);
}
