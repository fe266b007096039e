/** What the method asks of a network: named taps, pure application, and names for the axes of its parameters. */
import type { Scalar, Tensor, Tensors } from '../engine/tensor.js';
import { UsageError } from '../core/errors.js';
import type { HostArrays } from '../core/host-array.js';
import { checkMembers, type Members } from '../core/registry.js';
import type { Scope } from './layers.js';

/** A network's values on the host, by path. */
export interface HostWeights {
  /** What gradients train. */
  readonly params: HostArrays;
  /** Running statistics of batch norm; empty where a network has none. */
  readonly state: HostArrays;
}

/** Which part of a network is applied; all of it by default. */
export interface ApplyOptions {
  /** Start after this tap, whose value is given, and not at the network's input. */
  readonly from?: string | undefined;
  /**
   * With `from`: the network's own input, where layers further on read more of it than the value at `from` (which
   * tokens are padding).
   */
  readonly input?: Tensor;
  /** Stop at this tap; at the last one by default. */
  readonly until?: string;
  /** Only the value at the tap where it stops is read: those on the way may be left out, or parts of them. */
  readonly only?: boolean;
}

/**
 * The kernels that read a tap's value and nothing else does, so that a linear map of it can be folded into them; or why
 * there are none.
 */
export type Readers = { readonly kernels: readonly string[] } | { readonly obstacle: string };

/** A network as the method sees it: pure functions of its parameters, with named taps along the forward pass. */
export interface Network {
  /** Names of the taps, in order; the last is `logits`. */
  readonly taps: readonly string[];
  /** Taps at which imitation may divide the network, by the size of the parts; `logits` is in neither. */
  readonly boundaries: { readonly stage: readonly string[]; readonly block: readonly string[] };
  /** Channels (last axis) of a tap; of a tap that has one for each token, for examples of this shape. */
  readonly width: (tap: string, shape?: readonly number[]) => number;
  /** Shape of every parameter, running statistics not included; known without drawing any. */
  readonly shapes: Readonly<Record<string, readonly number[]>>;
  /** Fresh parameters: a function of the seed alone. */
  readonly init: (seed: number) => HostWeights;
  /** x [B, ...] -> the taps on the way, by name. Throws UsageError on a tap that does not exist. */
  readonly apply: (scope: Scope, x: Tensor, options?: ApplyOptions) => Tensors;
  /** The tap that a parameter is needed for first. */
  readonly owner: (path: string) => string;
  readonly readers: (tap: string) => Readers;
  /** Weight of a batch in the running statistics, where it is not that of batch norm here, 0.1, as PyTorch's. */
  readonly statisticsWeight?: number | undefined;
  /** What the network itself adds to a loss on labels, outputs or hints, a scalar: penalties of its parameters. */
  readonly penalty?: (scope: Scope) => Scalar | undefined;
  /**
   * Floating-point operations of one example's forward pass, by tap: what it takes to get there from the tap before.
   */
  readonly flops: (shape: readonly number[]) => Readonly<Record<string, number>>;
  /**
   * A name for each axis of each parameter and running statistic; axes with the same name hold the same channels. Of a
   * kernel the last axis is written, the one before it is read. Undefined where it is not known: then no channels can
   * be selected.
   */
  readonly axes: Readonly<Record<string, readonly string[]>> | undefined;
  /** Channels of an axis that are taken together or not at all (a head's), by the axis's name; one by default. */
  readonly units?: Readonly<Record<string, number>>;
  /**
   * Name of the axis that skip connections carry from the first boundary to the last, so that one basis of it serves
   * all boundaries.
   */
  readonly stream?: string;
  /**
   * Parameters [channels] that multiply a tap's channels where they are written: a diagonal map of the tap can be
   * folded into them.
   */
  readonly scales?: (tap: string) => readonly string[];
  /**
   * For examples x [B, ...] 1 for each row of a tap with one row for each token, and 0 where the row is padding and
   * counts for nothing, [rows, 1]; left out where all rows count.
   */
  readonly presence?: (x: Tensor) => Tensor;
}

/** What a network of the caller's own has to have; `axes` may be undefined. */
const MEMBERS: Members<Omit<Network, 'axes'>> = {
  ...{ taps: 'array', boundaries: 'object', width: 'function', shapes: 'object', init: 'function' },
  ...{ apply: 'function', owner: 'function', readers: 'function', flops: 'function' },
};

/** Throws UsageError that names what a network lacks, or has of another type; `what` says where it was given. */
export function checkNetwork(what: string, network: Network): void {
  checkMembers<Omit<Network, 'axes'>>(what, network, MEMBERS);
}

/**
 * Throws UsageError where weights are not those of the network, naming the first that does not fit; `what` says where
 * they were given, and whose they are. Running statistics, whose shapes a network does not say, all have to be there.
 */
export function checkWeights(
  what: string,
  { shapes, axes = {} }: Pick<Network, 'shapes' | 'axes'>,
  weights: HostWeights,
): void {
  checkMembers<HostWeights>(what, weights, { params: 'object', state: 'object' });
  for (const [path, shape] of Object.entries(shapes)) {
    const found = weights.params[path]?.shape;
    if (String(found) !== String(shape))
      throw new UsageError(
        `${what} ${found === undefined ? `lack ${path}` : `have ${path} as [${found.join(', ')}]`}; ` +
          `expected [${shape.join(', ')}]`,
      );
  }
  const absent = Object.keys(axes).find((path) => !Object.hasOwn(shapes, path) && weights.state[path] === undefined);
  if (absent !== undefined)
    throw new UsageError(`${what} lack ${absent}; expected running statistics as a network's init has them`);
}

/** The value at the network's last tap, for x [B, ...]. */
export function outputOf(network: Network, scope: Scope, x: Tensor): Tensor {
  return network.apply(scope, x, { only: true })[network.taps.at(-1)!]!;
}

/** All operations of a forward pass, or of the way to one tap. */
export function forwardFlops(network: Network, shape: readonly number[], until?: string): number {
  const flops = network.flops(shape);
  const names = until === undefined ? network.taps : network.taps.slice(0, network.taps.indexOf(until) + 1);
  return names.reduce((sum, tap) => sum + (flops[tap] ?? 0), 0);
}
