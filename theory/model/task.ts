/** The regression task that particles learn. */
import { normals, rngKey } from '../../src/core/rng.js';

/** N inputs x [N, d] and targets y [N, d], row-major. */
export interface Samples {
  readonly n: number;
  readonly x: Float64Array;
  readonly y: Float64Array;
}

/** Samples to train on, and samples to measure on. */
export interface Task {
  readonly train: Samples;
  /** Points on which the discrepancy is measured. */
  readonly heldOut: Samples;
}

/**
 * The sine task: x ~ N(0, I_d), y = W2 sin(W1 x + b1) with 8d sine units, W1, b1 ~ N(0, 1), W2 ~ N(0, 1/(8d)).
 * Shapes: W1 [8d, d], W2 [d, 8d].
 */
export function sineTask(seed: number, d: number, train: number, heldOut: number): Task {
  const units = 8 * d;
  const w1 = normals(rngKey(seed, 'task', 'w1'), units * d);
  const b1 = normals(rngKey(seed, 'task', 'b1'), units);
  const w2 = normals(rngKey(seed, 'task', 'w2'), d * units).map((z) => z / Math.sqrt(units));
  const samples = (name: string, n: number): Samples => {
    const x = normals(rngKey(seed, 'task', name), n * d);
    const y = new Float64Array(n * d);
    for (let i = 0; i < n; i++) {
      for (let u = 0; u < units; u++) {
        let angle = b1[u]!;
        for (let k = 0; k < d; k++) angle += w1[u * d + k]! * x[i * d + k]!;
        const value = Math.sin(angle);
        for (let k = 0; k < d; k++) y[i * d + k]! += w2[k * units + u]! * value;
      }
    }
    return { n, x, y };
  };
  return { train: samples('train', train), heldOut: samples('held out', heldOut) };
}
