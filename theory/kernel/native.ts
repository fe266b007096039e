/**
 * The native kernel: native.cc, compiled once per machine for its own vector instructions, loaded as a Node-API addon.
 */
import { join } from 'node:path';
import { isWithinReach, loadAddon, prepareAddon } from '../../src/toolchain/addon.js';
import { ACTIVATIONS } from '../model/activations.js';
import type { Layer, Net } from '../model/particles.js';
import type { Kernel } from './interface.js';

interface Addon {
  forward(numbers: Float64Array, arrays: Float64Array[], x: Float64Array, outs: (Float64Array | undefined)[]): number;
  descend(
    numbers: Float64Array,
    arrays: Float64Array[],
    x: Float64Array,
    y: Float64Array,
    dt: number,
    losses: Float64Array,
    to: Float64Array[],
  ): number;
  backward(
    numbers: Float64Array,
    arrays: Float64Array[],
    z: Float64Array,
    p: Float64Array,
    to: Float64Array[],
    back: Float64Array,
  ): number;
  tangent(
    numbers: Float64Array,
    arrays: Float64Array[],
    directions: Float64Array[],
    x: Float64Array,
    dx: Float64Array[],
    y: Float64Array | undefined,
    to: Float64Array[],
    tos: Float64Array[],
    outputs: (Float64Array | undefined)[],
    gradient: Float64Array[],
    back: Float64Array[],
  ): number;
  setThreads(threads: number): number;
  peak(): number;
}

const SOURCE = {
  name: 'kernel',
  what: 'the native kernel',
  without: 'the WebAssembly kernel runs without',
  source: join(import.meta.dirname, 'native.cc'),
} as const;

const flatten = (layers: readonly Layer[]): Float64Array[] => layers.flatMap(({ a, b, bias }) => [a, b, bias]);

/** Builds the native kernel if need be, aside. Throws FailureError with the reason. */
export const prepareNative = (): Promise<void> => prepareAddon(SOURCE);

/** Whether the native kernel was built, or there is a compiler that may build it. */
export const mayOpenNative = (): boolean => isWithinReach(SOURCE);

/** Opens the native kernel on `threads` threads, building it first if need be. Throws FailureError with what to do. */
export function openNative(threads: number): Kernel {
  const addon = loadAddon<Addon>(SOURCE);
  // Several kernels of one process share the addon's threads.
  const call = (): Addon => {
    if (shared !== threads) shared = addon.setThreads(threads);
    return addon;
  };
  const numbers = ({ d, alpha, c, activation }: Net, x: Float64Array): Float64Array =>
    Float64Array.of(d, alpha, c, ACTIVATIONS[activation].code, x.length / d);
  return {
    name: 'native',
    forward: (net, x, outs) => void call().forward(numbers(net, x), flatten(net.layers), x, [...outs]),
    descend: (net, x, y, dt, losses, to) =>
      call().descend(numbers(net, x), flatten(net.layers), x, y, dt, losses, to === undefined ? [] : flatten(to)),
    backward: (net, z, p, to, back) =>
      void call().backward(numbers(net, z), flatten(net.layers), z, p, flatten([to]), back),
    tangent: (
      net,
      directions,
      { x, dx = [], y, velocity = [], velocities = [], outputs = [], gradient = [], back = [] },
    ) =>
      call().tangent(
        numbers(net, x),
        flatten(net.layers),
        flatten(directions.flat()),
        x,
        [...dx],
        y,
        flatten(velocity),
        flatten(velocities.flat()),
        outputs.flat(),
        [...gradient],
        [...back],
      ),
    peak: () => addon.peak(),
  };
}

/** Threads that the addon was given last. */
let shared = 0;
