/**
 * Networks that read texts padded to the longest of each batch. How many positions of padding there are differs from
 * batch to batch, so nothing may depend on them. Letters: B batch, T tokens.
 */
import type { Dataset } from '../../data/dataset.js';
import { tf, type Tensor, type Tensors } from '../../engine/tensor.js';
import type { Scope } from '../../nn/layers.js';
import type { ApplyOptions, Network } from '../../nn/network.js';
import { atTokens } from '../../nn/presence.js';

/** The row of an example [3, T] or [4, T] that is 1 where there is a token, and 0 where there is padding. */
const MASK_ROW = 2;

/** 1 for each position of examples x [B, rows, T] with a token and 0 for padding, [B T, 1]. */
function presenceIn(x: Tensor): Tensor {
  const [batch, , tokens] = x.shape as [number, number, number];
  return tf.cast(tf.slice(x, [0, MASK_ROW, 0], [batch, 1, tokens]).reshape([batch * tokens, 1]), 'float32');
}

/** {@link atTokens} that gives one tensor for all who read the same value. */
function remembering(presence: Tensor): (value: Tensor) => Tensor {
  const known = new Map<object, Tensor[]>();
  return (value) => {
    const before = known.get(value.dataId) ?? [];
    const same = before.find(({ shape }) => String(shape) === String(value.shape));
    if (same !== undefined) return same;
    const made = atTokens(value, presence);
    known.set(value.dataId, [...before, made]);
    return made;
  };
}

function listening(scope: Scope, shown: (value: Tensor) => Tensor): Scope {
  const { trace } = scope;
  if (trace === undefined) return scope;
  return { ...scope, trace: (path, input, output, windows) => trace(path, shown(input), shown(output), windows) };
}

/**
 * The network with hidden states of tokens alone: at positions of padding its taps, and what its layers read and give,
 * are 0. So sums of squares, moments and relative distances are those of tokens.
 */
export function withoutPadding(network: Network): Network {
  return {
    ...network,
    presence: presenceIn,
    apply: (scope, x, options: ApplyOptions = {}) => {
      const input = options.from === undefined ? x : options.input;
      if (options.only === true || input === undefined) return network.apply(scope, x, options);
      const pass = (): Tensors => {
        const shown = remembering(presenceIn(input));
        const taps = network.apply(listening(scope, shown), x, options);
        return Object.fromEntries(Object.entries(taps).map(([tap, value]) => [tap, shown(value)]));
      };
      // what a gradient or a listener may read stays until its own tidy ends; else the values with padding are freed
      return scope.train || scope.trace !== undefined ? pass() : tf.tidy(pass);
    },
  };
}

/** The network as data are to show it: without padding where its length differs from batch to batch. */
export function forData(network: Network, { isRagged = false }: Pick<Dataset, 'isRagged'>): Network {
  return isRagged ? withoutPadding(network) : network;
}
