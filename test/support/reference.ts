/** Values by a formula that the Python references repeat, so that no file has to be carried. */
import { sizeOf, type HostArray } from '../../src/core/host-array.js';

/** 2 fraction(43758.5453 sin(12.9898 k + h)) - 1. */
export function noise(count: number, h: number): Float64Array {
  const values = new Float64Array(count);
  for (let k = 0; k < count; k++) {
    const scaled = 43758.5453 * Math.sin(12.9898 * k + h);
    values[k] = 2 * (scaled - Math.floor(scaled)) - 1;
  }
  return values;
}

/** What is added to the noise of a weight of that name, and what it is multiplied with. */
function affine(name: string, shape: readonly number[], count: number): [shift: number, scale: number] {
  if (name.endsWith('running_var')) return [1, 0.5];
  if (name.endsWith('running_mean') || name.endsWith('bias')) return [0, 0.1];
  return shape.length === 1 ? [0.6, 0.3] : [0, Math.sqrt(3 / (count / shape[0]!))];
}

/** A weight of that name: noise, scaled by what kind of weight it is. */
export function fill(name: string, shape: readonly number[]): HostArray {
  const count = sizeOf(shape);
  const wave = noise(count, [...name].reduce((sum, letter) => sum + letter.charCodeAt(0), 0) % 97);
  const [shift, scale] = affine(name, shape, count);
  const values = new Float32Array(count);
  for (let k = 0; k < count; k++) values[k] = shift + scale * wave[k]!;
  return { shape, values };
}
