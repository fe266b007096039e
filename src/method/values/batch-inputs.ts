/** Inputs of the batches that a procedure goes through again and again. */
import type { Tensor } from '../../engine/tensor.js';
import { bytesOf } from './boundary-values.js';

/**
 * Inputs of some batches, kept in at most `limit` bytes. A batch that is beyond it is read anew whenever it is asked
 * for, so that memory does not grow with the number of batches; `read` gives the same values each time.
 */
export class BatchInputs {
  private readonly kept = new Map<number, Tensor>();
  private bytes = 0;

  constructor(
    readonly count: number,
    private readonly read: (batch: number) => Promise<Tensor>,
    private readonly limit: number,
  ) {}

  /** What `use` makes of a batch's input, which stays the caller's to look at only until `use` returns. */
  async with<T>(batch: number, use: (input: Tensor) => T): Promise<T> {
    const before = this.kept.get(batch);
    if (before !== undefined) return use(before);
    const input = await this.read(batch);
    const isKept = this.bytes + bytesOf(input) <= this.limit;
    if (isKept) {
      this.bytes += bytesOf(input);
      this.kept.set(batch, input);
    }
    try {
      return use(input);
    } finally {
      if (!isKept) input.dispose();
    }
  }

  /** Frees what is kept. */
  dispose(): void {
    for (const input of this.kept.values()) input.dispose();
    this.kept.clear();
    this.bytes = 0;
  }
}
