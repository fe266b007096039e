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
