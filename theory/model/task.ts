/** The regression task that particles learn. */
import { checkAllFinite, checkWhole } from '../../src/core/range.js';
import { normals, rngKey } from '../../src/core/rng.js';
import type { LossName } from './losses.js';

/** N inputs x [N, inputs] and targets y [N, outputs], row-major; both have d numbers unless a net has read maps. */
export interface Samples {
  readonly n: number;
  readonly x: Float64Array;
  readonly y: Float64Array;
  /** How outputs are compared with targets; by the squared distance unless given. */
  readonly loss?: LossName;
}

/** Samples to train on, and samples to measure on. */
export interface Task {
  readonly train: Samples;
  /** Points on which the discrepancy is measured. */
  readonly heldOut: Samples;
}

/**
 * The sine task: x ~ N(0, I_d), y = W2 sin(W1 x + b1) with 8d sine units, W1, b1 ~ N(0, 1), W2 ~ N(0, 1/(8d)).
 * Shapes: W1 [8d, d], W2 [outputs, 8d], with d outputs unless their number is given. Throws RangeError on a number that
 * is none of dimensions, or of samples.
 */
export function sineTask(seed: number, d: number, train: number, heldOut: number, outputs = d): Task {
  for (const [name, size] of Object.entries({ d, outputs })) checkWhole(`sineTask: ${name}`, size, 1);
  for (const [name, count] of Object.entries({ train, heldOut })) checkWhole(`sineTask: ${name}`, count);
  const units = 8 * d;
  const w1 = normals(rngKey(seed, 'task', 'w1'), units * d);
  const b1 = normals(rngKey(seed, 'task', 'b1'), units);
  const w2 = normals(rngKey(seed, 'task', 'w2'), outputs * units).map((z) => z / Math.sqrt(units));
  const samples = (name: string, n: number): Samples => {
    const x = normals(rngKey(seed, 'task', name), n * d);
    const y = new Float64Array(n * outputs);
    for (let i = 0; i < n; i++) {
      for (let u = 0; u < units; u++) {
        let angle = b1[u]!;
        for (let k = 0; k < d; k++) angle += w1[u * d + k]! * x[i * d + k]!;
        const value = Math.sin(angle);
        for (let k = 0; k < outputs; k++) y[i * outputs + k]! += w2[k * units + u]! * value;
      }
    }
    return { n, x, y };
  };
  return { train: samples('train', train), heldOut: samples('held out', heldOut) };
}

/**
 * Samples whose targets y [N, outputs] become the classes of their largest coordinates, one-hot. Throws RangeError on
 * targets of another shape, or one that is not finite.
 */
export function asClasses(samples: Samples, outputs: number): Samples {
  checkWhole('asClasses: outputs', outputs, 1);
  if (samples.y.length !== samples.n * outputs)
    throw new RangeError(
      `asClasses: y: expected [${samples.n}, ${outputs}], ${samples.n * outputs} numbers, got ${samples.y.length}`,
    );
  checkAllFinite('asClasses: y', samples.y);
  const y = new Float64Array(samples.y.length);
  for (let i = 0; i < samples.n; i++) {
    const row = samples.y.subarray(i * outputs, (i + 1) * outputs);
    y[i * outputs + row.indexOf(Math.max(...row))] = 1;
  }
  return { ...samples, y };
}
