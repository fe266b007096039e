/** Values by a formula that the Python references repeat, so that no file has to be carried. */
import { sizeOf, type HostArray } from '../../src/core/host-array.js';

/** 2 fraction(43758.5453 sin(12.9898 k + h)) - 1. */
export function noise(count: number, h: number): Float64Array {
  return Float64Array.from({ length: count }, (_, k) => {
    const scaled = 43758.5453 * Math.sin(12.9898 * k + h);
    return 2 * (scaled - Math.floor(scaled)) - 1;
  });
}

/** A weight of that name: noise, scaled by what kind of weight it is. */
export function fill(name: string, shape: readonly number[]): HostArray {
  const count = sizeOf(shape);
  const wave = noise(count, [...name].reduce((sum, letter) => sum + letter.charCodeAt(0), 0) % 97);
  const value = (w: number): number => {
    if (name.endsWith('running_var')) return 1 + 0.5 * w;
    if (name.endsWith('running_mean') || name.endsWith('bias')) return 0.1 * w;
    return shape.length === 1 ? 0.6 + 0.3 * w : w * Math.sqrt(3 / (count / shape[0]!));
  };
  return { shape, values: Float32Array.from(wave, value) };
}
