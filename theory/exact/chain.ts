/** Scalar linear chain, P = w_1 ... w_L trained to y by gradient flow: w_l' = (y - P) P / w_l. Saxe, McClelland, Ganguli 2014. */

/** Weights at time `time`, by classical Runge-Kutta with `steps` steps (error O(steps^-4)). */
export function chainWeights(initial: readonly number[], y: number, time: number, steps = 2000): number[] {
  const velocity = (w: readonly number[]): number[] => {
    const product = w.reduce((a, b) => a * b, 1);
    return w.map((value) => ((y - product) * product) / value);
  };
  const dt = time / steps;
  let w = [...initial];
  const add = (k: readonly number[], h: number): number[] => w.map((value, l) => value + h * k[l]!);
  for (let step = 0; step < steps; step++) {
    const k1 = velocity(w);
    const k2 = velocity(add(k1, dt / 2));
    const k3 = velocity(add(k2, dt / 2));
    const k4 = velocity(add(k3, dt));
    w = w.map((value, l) => value + (dt / 6) * (k1[l]! + 2 * k2[l]! + 2 * k3[l]! + k4[l]!));
  }
  return w;
}

/** The chain's output P = w_1 ... w_L at time `time`. */
export function chainProduct(initial: readonly number[], y: number, time: number, steps?: number): number {
  return chainWeights(initial, y, time, steps).reduce((a, b) => a * b, 1);
}
