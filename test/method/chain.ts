/** Dense layers without biases and nonlinearities, one after the other: networks whose every value is known by hand. */
import { tf, type Tensor, type Tensor2D } from '../../src/engine/tensor.js';
import { UsageError } from '../../src/core/errors.js';
import { sizeOf, type HostArrays } from '../../src/core/host-array.js';
import type { Network } from '../../src/nn/network.js';

/** A network of the given widths: input, `layer1`, `layer2`, ..., `logits`; its parameters start as ones. */
export function chain(...widths: readonly number[]): Network {
  const taps = widths.slice(1).map((_, i) => (i === widths.length - 2 ? 'logits' : `layer${i + 1}`));
  const boundaries = taps.slice(0, -1);
  const shapes = Object.fromEntries(taps.map((tap, i) => [`${tap}/kernel`, [widths[i]!, widths[i + 1]!]]));
  const at = (tap: string): number => {
    if (!taps.includes(tap)) throw new UsageError(`unknown tap "${tap}"`);
    return taps.indexOf(tap);
  };
  return {
    taps,
    boundaries: { stage: boundaries, block: boundaries },
    width: (tap) => widths[at(tap) + 1]!,
    shapes,
    init: () => ({ params: ones(shapes), state: {} }),
    apply: ({ params, trace }, x, { from, until = 'logits' } = {}) => {
      const values: Record<string, Tensor> = {};
      let value = x;
      for (const tap of taps.slice(from === undefined ? 0 : at(from) + 1, at(until) + 1)) {
        const input = value;
        value = tf.matMul(input as Tensor2D, params[`${tap}/kernel`] as Tensor2D);
        trace?.(tap, input, value);
        values[tap] = value;
      }
      return values;
    },
    owner: (path) => path.slice(0, path.indexOf('/')),
    readers: (tap) => ({ kernels: [`${taps[at(tap) + 1]!}/kernel`] }),
    flops: () => Object.fromEntries(taps.map((tap, i) => [tap, 2 * widths[i]! * widths[i + 1]!])),
    axes: Object.fromEntries(taps.map((tap, i) => [`${tap}/kernel`, [taps[i - 1] ?? 'inputs', tap]])),
  };
}

function ones(shapes: Network['shapes']): HostArrays {
  return Object.fromEntries(
    Object.entries(shapes).map(([path, shape]) => [path, { shape, values: new Float32Array(sizeOf(shape)).fill(1) }]),
  );
}
