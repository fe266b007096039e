/**
 * Nodes and weights of n-point Gauss-Legendre quadrature on [from, to]: exact for polynomials of degree 2n - 1. Newton
 * on P_n.
 */
export function gaussLegendre(
  n: number,
  from: number,
  to: number,
): { readonly nodes: Float64Array; readonly weights: Float64Array } {
  const [nodes, weights] = [new Float64Array(n), new Float64Array(n)];
  const [middle, half] = [(from + to) / 2, (to - from) / 2];
  for (let i = 0; i < n; i++) {
    let x = Math.cos((Math.PI * (i + 0.75)) / (n + 0.5));
    let derivative = 1;
    for (let round = 0; round < 8; round++) {
      let [before, value] = [1, x];
      for (let k = 2; k <= n; k++) [before, value] = [value, ((2 * k - 1) * x * value - (k - 1) * before) / k];
      derivative = (n * (x * value - before)) / (x * x - 1);
      x -= value / derivative;
    }
    nodes[i] = middle + half * x;
    weights[i] = (2 * half) / ((1 - x * x) * derivative * derivative);
  }
  return { nodes, weights };
}

/**
 * Nodes and weights of n-point Gauss-Hermite quadrature of the standard normal law: E f(z) for polynomials f of degree
 * 2n - 1 exactly. Roots by bisection: as many of them lie above x as the sequence of orthonormal polynomials at x
 * changes its sign (Sturm).
 */
export function gaussHermite(n: number): { readonly nodes: Float64Array; readonly weights: Float64Array } {
  const [nodes, weights] = [new Float64Array(n), new Float64Array(n)];
  const sequence = (x: number): number[] => {
    const values = [1, x];
    for (let k = 1; k < n; k++) values.push((x * values[k]! - Math.sqrt(k) * values[k - 1]!) / Math.sqrt(k + 1));
    return values;
  };
  const above = (x: number): number => sequence(x).filter((value, k, all) => k > 0 && value * all[k - 1]! < 0).length;
  // from another end on each side, so that no middle is exactly 0, where every second polynomial is 0
  const [bottom, top] = [-2 * Math.sqrt(n) - 1.1, 2 * Math.sqrt(n) + 1];
  for (let i = 0; i < n; i++) {
    let [low, high] = [bottom, top];
    for (let round = 0; round < 70; round++) {
      const middle = (low + high) / 2;
      if (above(middle) > n - 1 - i) low = middle;
      else high = middle;
    }
    nodes[i] = (low + high) / 2;
    weights[i] = 1 / (n * sequence(nodes[i]!)[n - 1]! ** 2);
  }
  return { nodes, weights };
}
