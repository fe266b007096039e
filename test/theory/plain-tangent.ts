/** Tangents of a pass, pair by pair in plain float64: what both forms of the kernel do in vectors. */
import type { TangentPass } from '../../theory/kernel/interface.js';
import { ACTIVATIONS } from '../../theory/model/activations.js';
import type { Layer, Net } from '../../theory/model/particles.js';

/** What the forward pass leaves for the backward one: activations z_0 .. z_L, and their changes [K][L + 1]. */
interface Forward {
  readonly z: readonly Float64Array[];
  readonly dz: readonly (readonly Float64Array[])[];
}

const dot = (u: Float64Array, i: number, v: Float64Array, j: number, d: number): number => {
  let sum = 0;
  for (let k = 0; k < d; k++) sum += u[i + k]! * v[j + k]!;
  return sum;
};

const add = (to: Float64Array, at: number, factor: number, from: Float64Array, i: number, d: number): void => {
  for (let k = 0; k < d; k++) to[at + k]! += factor * from[i + k]!;
};

/** z' = alpha z + (c/m) sum_i b_i t_i and its changes alpha dz + (c/m) sum_i (db_i t_i + b_i s_i du_i). */
function forward(net: Net, directions: readonly (readonly Layer[])[], { x, dx }: TangentPass): Forward {
  const { d, alpha, c } = net;
  const n = x.length / d;
  const { at } = ACTIVATIONS[net.activation];
  const z = [x];
  const dz = directions.map((_, k) => [dx?.[k] ?? new Float64Array(x.length)]);
  net.layers.forEach(({ m, a, b, bias }, l) => {
    const [from, to] = [z[l]!, z[l]!.map((value) => alpha * value)];
    const changes = dz.map((all) => all[l]!.map((value) => alpha * value));
    for (let i = 0; i < m; i++)
      for (let j = 0; j < n; j++) {
        const [ai, zj] = [i * d, j * d];
        const [t, s] = at(dot(a, ai, from, zj, d) + bias[i]!);
        add(to, zj, (c / m) * t, b, ai, d);
        directions.forEach((direction, k) => {
          const { a: da, b: db, bias: dbias } = direction[l]!;
          const du = dot(da, ai, from, zj, d) + dot(a, ai, dz[k]![l]!, zj, d) + dbias[i]!;
          add(changes[k]!, zj, (c / m) * t, db, ai, d);
          add(changes[k]!, zj, (c / m) * s * du, b, ai, d);
        });
      }
    z.push(to);
    changes.forEach((change, k) => dz[k]!.push(change));
  });
  return { z, dz };
}

/**
 * Velocities of layer l and their changes, written into `pass`, with p [N, d] the gradient by the layer's output and dp
 * its changes; returns those by the layer's input.
 */
function backward(
  { net, directions, pass }: { net: Net; directions: readonly (readonly Layer[])[]; pass: TangentPass },
  { z, dz }: Forward,
  l: number,
  p: Float64Array,
  dp: readonly Float64Array[],
): { readonly p: Float64Array; readonly dp: Float64Array[] } {
  const { d, alpha, c } = net;
  const { m, a, b, bias } = net.layers[l]!;
  const { at, secondDerivative = () => 0 } = ACTIVATIONS[net.activation];
  const from = z[l]!;
  const n = from.length / d;
  const [velocity, velocities] = [pass.velocity![l]!, pass.velocities!.map((all) => all[l]!)];
  for (const layer of [velocity, ...velocities]) for (const part of [layer.a, layer.b, layer.bias]) part.fill(0);
  const back = p.map((value) => alpha * value);
  const backs = dp.map((change) => change.map((value) => alpha * value));
  for (let i = 0; i < m; i++)
    for (let j = 0; j < n; j++) {
      const [ai, zj] = [i * d, j * d];
      const u = dot(a, ai, from, zj, d) + bias[i]!;
      const [t, s] = at(u);
      const bp = dot(b, ai, p, zj, d);
      add(velocity.a, ai, (-c / n) * bp * s, from, zj, d);
      add(velocity.b, ai, (-c / n) * t, p, zj, d);
      velocity.bias[i]! -= (c / n) * bp * s;
      add(back, zj, (c / m) * bp * s, a, ai, d);
      directions.forEach((direction, k) => {
        const { a: da, b: db, bias: dbias } = direction[l]!;
        const [input, to] = [dz[k]![l]!, velocities[k]!];
        const du = dot(da, ai, from, zj, d) + dot(a, ai, input, zj, d) + dbias[i]!;
        const dslope = (dot(db, ai, p, zj, d) + dot(b, ai, dp[k]!, zj, d)) * s + bp * secondDerivative(u) * du;
        add(to.a, ai, (-c / n) * dslope, from, zj, d);
        add(to.a, ai, (-c / n) * bp * s, input, zj, d);
        add(to.b, ai, (-c / n) * s * du, p, zj, d);
        add(to.b, ai, (-c / n) * t, dp[k]!, zj, d);
        to.bias[i]! -= (c / n) * dslope;
        add(backs[k]!, zj, (c / m) * dslope, a, ai, d);
        add(backs[k]!, zj, (c / m) * bp * s, da, ai, d);
      });
    }
  return { p: back, dp: backs };
}

/**
 * The derivative of a pass in `directions` [K][L], written into the arrays of `pass`; returns the loss, or NaN without
 * targets. With t = act(u), s = act'(u), u = a . z + bias: dz_l = alpha dz_{l-1} + (c/m) sum (db t + b s du), and the
 * same rule for p_{l-1} = alpha p_l + (c/m) sum a (b . p_l) s and for each velocity.
 */
export function plainTangent(net: Net, directions: readonly (readonly Layer[])[], pass: TangentPass): number {
  const { gradient } = pass;
  if (gradient !== undefined) {
    const inputs = directions.map((_, k) => [pass.dx?.[k] ?? new Float64Array(pass.x.length)]);
    const known = { z: [pass.x], dz: inputs };
    const { p, dp } = backward({ net, directions, pass }, known, 0, gradient[0]!, gradient.slice(1));
    [p, ...dp].forEach((values, k) => pass.back?.[k]?.set(values));
    return NaN;
  }
  const found = forward(net, directions, pass);
  pass.outputs?.forEach((layers, k) => layers.forEach((out, l) => out?.set(found.dz[k]![l + 1]!)));
  const { y } = pass;
  if (y === undefined) return NaN;
  let p: Float64Array = found.z.at(-1)!.map((value, j) => value - y[j]!);
  let dp: readonly Float64Array[] = found.dz.map((all) => all.at(-1)!);
  const loss = p.reduce((sum, value) => sum + value * value, 0) / (2 * (y.length / net.d));
  if (pass.velocity === undefined || pass.velocities === undefined) return loss;
  for (let l = net.layers.length - 1; l >= 0; l--) ({ p, dp } = backward({ net, directions, pass }, found, l, p, dp));
  return loss;
}
