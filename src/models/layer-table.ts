/** The linear layers of a network as a list, from which initial values, names of axes and costs follow. */
import type { HostArray } from '../core/host-array.js';
import { constant, heNormal, orthogonal, uniformFanIn } from '../nn/init.js';
import type { HostWeights } from '../nn/network.js';

export interface Linear {
  readonly path: string;
  /** The tap that it is needed for. */
  readonly tap: string;
  /** Convolution [h, w, in, out], or dense layer [in, out]. */
  readonly shape: readonly [number, number, number, number] | readonly [number, number];
  /** Names of the channels that it reads and writes. */
  readonly reads: string;
  readonly writes: string;
  /** Path of the batch norm that follows, if one does. */
  readonly norm: string | undefined;
  readonly bias: boolean;
  readonly init: 'he' | 'uniform' | 'orthogonal';
  /** Side of the network's input over the side of this layer's output. */
  readonly downsampling: number;
}

/** The batch norm that follows a convolution: `.../conv2` has `.../norm2`. */
export function normOf(convolution: string): string {
  return convolution.replace(/conv(\d?)$/, 'norm$1');
}

const INITIAL: Readonly<Record<Linear['init'], (seed: number, path: string, shape: Linear['shape']) => HostArray>> = {
  he: (seed, path, shape) => heNormal(seed, path, shape),
  uniform: (seed, path, shape) => uniformFanIn(seed, path, shape, fanIn(shape)),
  orthogonal: (seed, path, shape) => orthogonal(seed, path, shape as readonly [number, number]),
};

function fanIn(shape: readonly number[]): number {
  return shape.slice(0, -1).reduce((product, size) => product * size, 1);
}

export function initLinears(seed: number, layers: readonly Linear[]): HostWeights {
  const params: Record<string, HostArray> = {};
  const state: Record<string, HostArray> = {};
  for (const { path, shape, norm, bias, init } of layers) {
    const channels = [shape.at(-1)!];
    params[`${path}/kernel`] = INITIAL[init](seed, `${path}/kernel`, shape);
    if (bias)
      params[`${path}/bias`] =
        init === 'uniform' ? uniformFanIn(seed, `${path}/bias`, channels, fanIn(shape)) : constant(channels, 0);
    if (norm === undefined) continue;
    params[`${norm}/gamma`] = constant(channels, 1);
    params[`${norm}/beta`] = constant(channels, 0);
    state[`${norm}/mean`] = constant(channels, 0);
    state[`${norm}/variance`] = constant(channels, 1);
  }
  return { params, state };
}

export function axesOf(layers: readonly Linear[]): Record<string, readonly string[]> {
  const entries = layers.flatMap(({ path, shape, norm, bias, reads, writes }): [string, string[]][] => [
    [`${path}/kernel`, shape.length === 4 ? ['', '', reads, writes] : [reads, writes]],
    ...(bias ? [[`${path}/bias`, [writes]] as [string, string[]]] : []),
    ...(norm === undefined
      ? []
      : ['gamma', 'beta', 'mean', 'variance'].map((name): [string, string[]] => [`${norm}/${name}`, [writes]])),
  ]);
  return Object.fromEntries(entries);
}

/** Shape of every parameter, by path. */
export function shapesOf(layers: readonly Linear[]): Record<string, readonly number[]> {
  const entries = layers.flatMap(({ path, shape, norm, bias }): [string, readonly number[]][] => [
    [`${path}/kernel`, shape],
    ...(bias ? [[`${path}/bias`, [shape.at(-1)!]] as [string, number[]]] : []),
    ...(norm === undefined
      ? []
      : ['gamma', 'beta'].map((name): [string, number[]] => [`${norm}/${name}`, [shape.at(-1)!]])),
  ]);
  return Object.fromEntries(entries);
}

/** Multiply-adds times two of one example [H, W, C], by tap. */
export function flopsOf(layers: readonly Linear[], [height, width]: readonly number[]): Record<string, number> {
  const flops: Record<string, number> = {};
  for (const { tap, shape, downsampling } of layers) {
    const positions = shape.length === 4 ? Math.ceil(height! / downsampling) * Math.ceil(width! / downsampling) : 1;
    flops[tap] = (flops[tap] ?? 0) + 2 * positions * shape.reduce((a: number, b) => a * b, 1);
  }
  return flops;
}

/** The tap of the layer that a parameter belongs to. */
export function ownerIn(layers: readonly Linear[]): (path: string) => string {
  const owners = new Map(
    layers.flatMap(({ path, norm, tap }) =>
      [path, ...(norm === undefined ? [] : [norm])].map((prefix) => [prefix, tap] as const),
    ),
  );
  return (path) => {
    const tap = owners.get(path.slice(0, path.lastIndexOf('/')));
    if (tap === undefined) throw new RangeError(`no layer has the parameter "${path}"`);
    return tap;
  };
}
