/**
 * Batches on their way through a network, from one boundary to the next, so that a procedure that goes through it
 * layer by layer need not begin at the input for each of them.
 */
import type { Tensor, Tensors } from '../../engine/tensor.js';
import { evaluation, type Scope } from '../../nn/layers.js';
import type { Network } from '../../nn/network.js';
import type { Weights } from './weights.js';

/** A batch's value at a boundary. */
interface Reached {
  readonly tap: string;
  readonly value: Tensor;
}

/** What a layer of a network read and gave; the listener copies what it keeps. */
export type Listener = NonNullable<Scope['trace']>;

/**
 * The values of some batches at the last boundary that each of them reached, in at most `limit` bytes. A batch whose
 * value would be beyond it is computed anew from its input, with the same result to the bit. {@link dispose} frees the
 * values.
 */
export class BoundaryValues {
  private readonly reached = new Map<number, Reached>();
  private bytes = 0;

  constructor(
    private readonly network: Network,
    private readonly limit: number,
  ) {}

  /**
   * Values of a batch with this input at every tap after the boundary that it reached, up to `until`, and there itself.
   * Every linear layer on the way is heard; layers that somebody listens to are made of single ops, so a value does not
   * depend on who listens. To be called inside a tidy: the caller frees all of them but the one that is kept here.
   */
  pass(weights: Weights, batch: number, input: Tensor, until: string, listener: Listener = () => {}): Tensors {
    const start = this.reached.get(batch);
    const scope: Scope = { ...evaluation(weights), trace: listener };
    if (start === undefined) return this.network.apply(scope, input, { until });
    if (start.tap === until) return { [until]: start.value };
    const further = this.network.apply(scope, start.value, { from: start.tap, input, until });
    return { [start.tap]: start.value, ...further };
  }

  /** Takes a batch's value at a boundary, to go on from there, or disposes it where it is beyond the limit. */
  reach(batch: number, tap: string, value: Tensor): void {
    this.forget(batch);
    const bytes = bytesOf(value);
    if (this.bytes + bytes > this.limit) return void value.dispose();
    this.bytes += bytes;
    this.reached.set(batch, { tap, value });
  }

  /** Frees the values. */
  dispose(): void {
    for (const batch of [...this.reached.keys()]) this.forget(batch);
  }

  private forget(batch: number): void {
    const before = this.reached.get(batch);
    if (before === undefined) return;
    this.bytes -= bytesOf(before.value);
    before.value.dispose();
    this.reached.delete(batch);
  }
}

/** Bytes of a tensor's values, four each. */
export function bytesOf({ size }: Tensor): number {
  return 4 * size;
}
