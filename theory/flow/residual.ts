/**
 * Deep residual nets with an embedding, in the scaling of Chizat 2025 (arXiv 2509.10167) and Chaintron, Chizat, Maass
 * 2026 (arXiv 2603.18168): h_0 = W_E x, h_{l+1} = h_l + (1/(L M)) V tanh(U^T h_l / D), f = (1/D) W_U^T h_L; U, V [D, M]
 * ~ sqrt(D) N(0, 1), W_E [D, in] ~ N(0, 1/in), W_U [D, out] ~ sqrt(out) N(0, 1), both frozen; gradient descent on U, V
 * with learning rate eta L M D, so that features move at order 1. A layer is one of the simulator's with d = D, alpha =
 * 1, c = 1/L, a_j = U_j / D, b_j = V_j and no bias.
 */
import { filled } from '../../src/core/host-array.js';
import { normals, rngKey } from '../../src/core/rng.js';
import { flowResult, isExplosion, type FlowResult } from './direct.js';
import { kernel } from '../kernel/kernel.js';
import { gaussHermite } from '../numerics/quadrature.js';
import { activations, lossScale } from '../network/network.js';
import type { Activation } from '../model/activations.js';
import { zerosLike, type Layer, type Net } from '../model/particles.js';

/** Sizes of a residual net. */
export interface ResidualShape {
  /** Embedding width D, width M of a block, and number L of blocks. */
  readonly D: number;
  readonly M: number;
  readonly L: number;
  readonly inputs: number;
  readonly outputs: number;
  /** "tanh" unless given. */
  readonly activation?: Activation;
}

/** A residual net: its blocks as layers of particles, between an embedding and a readout. */
export interface ResidualNet {
  readonly shape: ResidualShape;
  readonly net: Net;
  /** W_E [D, inputs] and W_U [D, outputs]. */
  readonly embedding: Float64Array;
  readonly readout: Float64Array;
  /** M times what each unit counts in its block, the same in all; 1 each unless given. */
  readonly weights?: Float64Array;
}

/** Names of the random numbers that a net does not share with others of its seed: of its blocks, and of its ends. */
export interface ResidualDraws {
  readonly blocks?: readonly (string | number)[];
  /** Embedding and readout. */
  readonly ends?: readonly (string | number)[];
}

/**
 * A residual net, drawn. Draws nest: coordinates i < D and units j < M have equal normals in every net of a seed with
 * equal `draws`, so that nets of different sizes can be compared.
 */
export function residualNet(
  seed: number,
  shape: ResidualShape,
  { blocks = [], ends = [] }: ResidualDraws = {},
): ResidualNet {
  const { D, M, L, inputs, outputs, activation = 'tanh' } = shape;
  const rows = (name: string, columns: number, scale: number): Float64Array =>
    normals(rngKey(seed, 'residual', ...ends, name), D * columns).map((z) => z * scale);
  const unit = (l: number, name: string, scale: number): Float64Array => {
    const out = new Float64Array(M * D);
    for (let j = 0; j < M; j++) {
      const z = normals(rngKey(seed, 'residual', ...blocks, name, l, j), D);
      for (let i = 0; i < D; i++) out[j * D + i] = z[i]! * scale;
    }
    return out;
  };
  const layers = Array.from({ length: L }, (_, l): Layer => ({
    m: M,
    a: unit(l, 'u', 1 / Math.sqrt(D)),
    b: unit(l, 'v', Math.sqrt(D)),
    bias: new Float64Array(M),
  }));
  return {
    shape,
    net: { d: D, alpha: 1, c: 1 / L, activation, layers },
    embedding: rows('embedding', inputs, 1 / Math.sqrt(inputs)),
    readout: rows('readout', outputs, Math.sqrt(outputs)),
  };
}

/** Points of the quadrature over each coordinate of a unit's u, and of its v. */
export interface UnitNodes {
  readonly u: number;
  readonly v: number;
}

/**
 * A residual net of infinitely many units in every block: its M = (u v)^D units are the nodes of a Gauss-Hermite
 * quadrature over U and V, and move as the units at these places do. Exact but for the quadrature: 8 and 4 nodes in
 * place of 12 and 6 move the loss by 1e-3 of it (D = 2, tanh, 14 steps at eta = 1). Embedding and readout are those of
 * {@link residualNet}.
 */
export function residualLawNet(
  seed: number,
  shape: Omit<ResidualShape, 'M'>,
  nodes: UnitNodes,
  draws: ResidualDraws = {},
): ResidualNet {
  const { D, L } = shape;
  let units: { readonly at: readonly number[]; readonly weight: number }[] = [{ at: [], weight: 1 }];
  const rules = { u: gaussHermite(nodes.u), v: gaussHermite(nodes.v) };
  for (const rule of [...Array.from({ length: D }, () => rules.u), ...Array.from({ length: D }, () => rules.v)])
    units = units.flatMap(({ at, weight }) =>
      Array.from(rule.nodes, (node, i) => ({ at: [...at, node], weight: weight * rule.weights[i]! })),
    );
  const M = units.length;
  const weights = filled(new Float64Array(M), (i) => M * units[i]!.weight);
  const part = (from: number, scale: (j: number) => number): Float64Array =>
    Float64Array.from(units.flatMap(({ at }, j) => at.slice(from, from + D).map((z) => z * scale(j))));
  const { net, embedding, readout } = residualNet(seed, { ...shape, M: 1, L: 0 }, draws);
  const layers = Array.from({ length: L }, (): Layer => ({
    m: M,
    a: part(0, () => 1 / Math.sqrt(D)),
    b: part(D, (j) => Math.sqrt(D) * weights[j]!),
    bias: new Float64Array(M),
  }));
  return { shape: { ...shape, M }, net: { ...net, c: 1 / L, layers }, embedding, readout, weights };
}

/** What a residual net computes. */
export interface ResidualState {
  /** h_L [N, D] and f [N, outputs]. */
  readonly hidden: Float64Array;
  readonly output: Float64Array;
}

/** Hidden state, output and first state W_E x [N, D] of a residual net at x [N, inputs]. */
export function residualForward(
  { shape, net, embedding, readout }: ResidualNet,
  x: Float64Array,
): ResidualState & { readonly start: Float64Array } {
  const { D, inputs, outputs } = shape;
  const n = x.length / inputs;
  const start = new Float64Array(n * D);
  for (let s = 0; s < n; s++)
    for (let i = 0; i < D; i++)
      for (let k = 0; k < inputs; k++) start[s * D + i]! += embedding[i * inputs + k]! * x[s * inputs + k]!;
  const hidden = activations(net, start).at(-1)!;
  const output = new Float64Array(n * outputs);
  for (let s = 0; s < n; s++)
    for (let i = 0; i < D; i++)
      for (let k = 0; k < outputs; k++)
        output[s * outputs + k]! += (readout[i * outputs + k]! * hidden[s * D + i]!) / D;
  return { hidden, output, start };
}

/**
 * Gradient descent of (1/(2 N outputs)) sum |f(x) - y|^2 in place, for `steps` steps at learning rate eta L M D; x [N,
 * inputs], y [N, outputs]. The mean is over samples and outputs, as in the published code. An explosion is not thrown:
 * training stops, and the result says at which step.
 */
export function trainResidual(
  model: ResidualNet,
  x: Float64Array,
  y: Float64Array,
  eta: number,
  steps: number,
): FlowResult {
  const { shape, net, readout, weights } = model;
  const { D, L, outputs } = shape;
  const n = x.length / shape.inputs;
  const velocity = zerosLike(net.layers);
  // of one output each, as the mean is over samples and outputs
  const scale = lossScale({ n: y.length, x, y });
  const losses: number[] = [];
  const rate = eta / outputs;
  for (let step = 0; ; step++) {
    const { hidden, output, start } = residualForward(model, x);
    const loss = output.reduce((sum, value, j) => sum + (value - y[j]!) ** 2, 0) / (2 * n * outputs);
    losses.push(loss);
    if (step === steps || isExplosion(loss, losses, scale)) return flowResult(losses, scale);
    // The kernel's gradient by h_L is h_L - target: the target that makes it (1/D) W_U (f - y).
    const target = hidden.slice();
    for (let s = 0; s < n; s++)
      for (let i = 0; i < D; i++)
        for (let k = 0; k < outputs; k++)
          target[s * D + i]! -= (readout[i * outputs + k]! * (output[s * outputs + k]! - y[s * outputs + k]!)) / D;
    kernel().descend(net, start, target, 1, new Float64Array(1), velocity);
    // velocity = - M times the gradient; V moves by eta L M D of it, and a = U / D by eta L M / D. A unit with a weight
    // has b = weight V, by which its a moves too fast, and its b too slowly.
    net.layers.forEach(({ a, b }, l) => {
      for (let i = 0; i < a.length; i++) {
        const weight = weights?.[Math.floor(i / D)] ?? 1;
        a[i]! += ((rate * L) / D) * (velocity[l]!.a[i]! / weight);
        b[i]! += rate * L * D * (velocity[l]!.b[i]! * weight);
      }
    });
  }
}
