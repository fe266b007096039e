/** Applies a network tap by tap. */
import { UsageError } from '../../core/errors.js';
import { tf, type Tensor } from '../../engine/tensor.js';
import type { Scope } from '../../nn/layers.js';
import type { ApplyOptions, Network } from '../../nn/network.js';

/** Names of the taps after `from` up to `until`. Throws UsageError on a tap that does not exist. */
export function tapsBetween(taps: readonly string[], { from, until = taps.at(-1)! }: ApplyOptions): readonly string[] {
  for (const name of [from, until]) {
    if (name !== undefined && !taps.includes(name))
      throw new UsageError(`unknown tap "${name}"; expected one of: ${taps.join(', ')}`);
  }
  return taps.slice(from === undefined ? 0 : taps.indexOf(from) + 1, taps.indexOf(until) + 1);
}

/**
 * A network's `apply` from one function that computes a tap's value from that of the tap before it, the first from the
 * input. Values that neither a gradient nor a trace needs are freed after each tap.
 */
export function applyTaps(
  taps: readonly string[],
  step: (scope: Scope, tap: string, x: Tensor) => Tensor,
): Network['apply'] {
  return (scope, input, options = {}) => {
    const values: Record<string, Tensor> = {};
    let value = input;
    for (const tap of tapsBetween(taps, options)) {
      const x = value;
      value = scope.train || scope.trace ? step(scope, tap, x) : tf.tidy(() => step(scope, tap, x));
      values[tap] = value;
    }
    return values;
  };
}
