/**
 * Deep linear residual nets in the scaling of arXiv 2509.10167 and 2603.18168 (theory/flow/residual.ts with the
 * activation "identity"): h_{l+1} = h_l + (1/(L M)) V U^T h_l / D, f = (1/D) W_U^T h_L. A step of gradient descent
 * moves a unit (u, v) of a block linearly, and the block sees its units through A = E[u u^T]/D, B = E[v v^T]/D and
 * C = E[v u^T]/D alone, so that training closes on these matrices. With h = sqrt(D) z, the gradient by h_L
 * sqrt(D) q / D and G = E_n[q_{l+1} z_l^T]:
 *
 *     z_{l+1} = z_l + C z_l / L,  q_l = q_{l+1} + C^T q_{l+1} / L,
 *     A <- A - r (G^T C + C^T G) + r^2 G^T B G,  B <- B - r (G C^T + C G^T) + r^2 G A G^T,
 *     C <- C - r (G A + B G) + r^2 G C^T G,  r = eta / outputs.
 *
 * M = infinity has A = B = 1 and C = 0 at the start, and all of G lies in the span of embedding and readout, whose
 * columns are orthogonal for D = infinity. So the joint limit is a recursion on matrices of inputs + outputs rows.
 */
import { checkAllFinite, checkFinite, checkWhole } from '../../src/core/range.js';
import { product, transposed, type Rows } from '../numerics/linear.js';

/** What a block knows of its units: second moments over them, divided by D. */
export interface BlockMoments {
  /** E[u u^T] / D. */
  readonly A: Rows;
  /** E[v v^T] / D. */
  readonly B: Rows;
  /** E[v u^T] / D. */
  readonly C: Rows;
}

/** A linear residual net in an orthonormal basis of k directions, and its training. */
export interface LinearResidual {
  /** Blocks L. */
  readonly blocks: number;
  /** W_E / sqrt(D) [k, inputs] and W_U / sqrt(D) [k, outputs] in the basis. */
  readonly embedding: Rows;
  readonly readout: Rows;
  /** Samples x [N, inputs] and y [N, outputs]. */
  readonly x: Rows;
  readonly y: Rows;
  readonly eta: number;
  readonly steps: number;
  /** Moments of each block at the start; those of infinitely many units unless given. */
  readonly start?: readonly BlockMoments[];
}

/** What the net computes after training. */
export interface LinearResidualState {
  /** f(x) [N, outputs]. */
  readonly output: Rows;
  /** h_L / sqrt(D) in the basis [N, k]. */
  readonly hidden: Rows;
  /** The loss (1/(2 N outputs)) sum |f - y|^2 before each step, and at the end. */
  readonly losses: readonly number[];
}

/** sum_i factors[i] matrices[i]. */
function combined(factors: readonly number[], matrices: readonly Rows[]): number[][] {
  return matrices[0]!.map((first, i) => {
    const out = new Array<number>(first.length).fill(0);
    for (let k = 0; k < factors.length; k++) {
      const [factor, row] = [factors[k]!, matrices[k]![i]!];
      for (let j = 0; j < out.length; j++) out[j]! += factor * row[j]!;
    }
    return out;
  });
}

/** One step of gradient descent of a block with gradient G. */
function descend({ A, B, C }: BlockMoments, G: Rows, rate: number): BlockMoments {
  const [Gt, Ct] = [transposed(G), transposed(C)];
  const by = [1, -rate, -rate, rate * rate];
  return {
    A: combined(by, [A, product(Gt, C), product(Ct, G), product(product(Gt, B), G)]),
    B: combined(by, [B, product(G, Ct), product(C, Gt), product(product(G, A), Gt)]),
    C: combined(by, [C, product(G, A), product(B, G), product(product(G, Ct), G)]),
  };
}

/** z_l [N, k] after every block, from z_0. */
function statesOf({ blocks: L, embedding, x }: LinearResidual, moments: readonly BlockMoments[]): number[][][] {
  const states = [product(x, transposed(embedding))];
  for (const { C } of moments) {
    const z = states.at(-1)!;
    states.push(combined([1, 1 / L], [z, product(z, transposed(C))]));
  }
  return states;
}

/** Throws RangeError on a net whose sizes do not fit each other, or whose steps are none. */
function checkResidual({ blocks, embedding, readout, x, y, eta, steps, start }: LinearResidual): void {
  checkWhole('linearResidual: blocks', blocks, 1);
  checkWhole('linearResidual: steps', steps, 0, 1e9);
  checkFinite('linearResidual: eta', eta);
  const sizes = [
    ['readout', readout, embedding.length, readout[0]?.length],
    ['x', x, x.length, embedding[0]?.length],
    ['y', y, x.length, readout[0]?.length],
  ] as const;
  for (const [name, rows, count, columns] of sizes)
    if (rows.length === 0 || rows.length !== count || rows.some(({ length }) => length !== columns))
      throw new RangeError(
        `linearResidual: ${name}: expected [${count}, ${columns}], got ${rows.length} rows of ` +
          `${[...new Set(rows.map(({ length }) => length))].join(', ')}`,
      );
  if (start !== undefined && start.length !== blocks)
    throw new RangeError(`linearResidual: start: expected one for each of ${blocks} blocks, got ${start.length}`);
  const k = embedding.length;
  for (const { A, B, C } of start ?? [])
    for (const [name, rows] of Object.entries({ A, B, C })) {
      if (rows.length !== k || rows.some(({ length }) => length !== k))
        throw new RangeError(`linearResidual: start: ${name}: expected [${k}, ${k}], got ${rows.length} rows`);
      checkAllFinite(`linearResidual: start: ${name}`, rows.flat());
    }
  for (const [name, rows] of Object.entries({ embedding, readout, x, y }))
    checkAllFinite(`linearResidual: ${name}`, rows.flat());
}

/**
 * Output, hidden state and losses of a linear residual net after `steps` steps of gradient descent: exactly, for the
 * units whose moments are given, or for infinitely many of them. Throws RangeError on shapes that do not fit, and where
 * the training leaves float64.
 */
export function linearResidual(net: LinearResidual): LinearResidualState {
  const state = trainedResidual(net);
  const left = state.losses.findIndex((loss) => !Number.isFinite(loss));
  if (left >= 0 || !state.hidden.flat().every(Number.isFinite))
    throw new RangeError(
      `linearResidual: the training leaves float64 at step ${left < 0 ? net.steps : left}; ` +
        (left === 0 ? 'smaller samples, ends or moments are needed' : `a smaller eta than ${net.eta} is needed`),
    );
  return state;
}

/**
 * What {@link linearResidual} gives, but for a training that leaves float64, whose losses then say at which step: they
 * are not finite from there on. Throws RangeError on shapes that do not fit.
 */
export function trainedResidual(net: LinearResidual): LinearResidualState {
  checkResidual(net);
  const { blocks: L, embedding, readout, x, y, eta, steps } = net;
  const [outputs, n] = [readout[0]!.length, x.length];
  const identity = embedding.map((_, i) => embedding.map((_row, j) => (i === j ? 1 : 0)));
  const zero = identity.map((row) => row.map(() => 0));
  let moments = net.start ?? Array.from({ length: L }, (): BlockMoments => ({ A: identity, B: identity, C: zero }));
  const rate = eta / outputs;
  const losses: number[] = [];
  for (let step = 0; ; step++) {
    const states = statesOf(net, moments);
    const hidden = states.at(-1)!;
    const output = product(hidden, readout);
    const error = combined([1, -1], [output, y]);
    losses.push(error.reduce((sum, row) => row.reduce((s, value) => s + value * value, sum), 0) / (2 * n * outputs));
    if (step === steps) return { output, hidden, losses };
    let q = product(error, transposed(readout));
    const next = [...moments];
    for (let l = L - 1; l >= 0; l--) {
      const G = product(transposed(q), states[l]!).map((row) => row.map((value) => value / n));
      next[l] = descend(moments[l]!, G, rate);
      // q^T (1 + C / L), row by row
      q = combined([1, 1 / L], [q, product(q, moments[l]!.C)]);
    }
    moments = next;
  }
}

/**
 * Embedding and readout for D = infinity, where their columns are orthogonal: E^T E = 1/inputs, R^T R = outputs. Throws
 * RangeError unless there is an input and an output.
 */
export function infiniteEnds(inputs: number, outputs: number): Pick<LinearResidual, 'embedding' | 'readout'> {
  for (const [name, count] of Object.entries({ inputs, outputs })) checkWhole(`infiniteEnds: ${name}`, count, 1);
  const rows = Array.from({ length: inputs + outputs }, (_, i) => i);
  return {
    embedding: rows.map((i) => Array.from({ length: inputs }, (_, j) => (i === j ? 1 / Math.sqrt(inputs) : 0))),
    readout: rows.map((i) => Array.from({ length: outputs }, (_, j) => (i === inputs + j ? Math.sqrt(outputs) : 0))),
  };
}

/** A number in the limit of infinitely many blocks, and how it comes there: value + term / L + O(1/L^2). */
export interface DepthLimit {
  readonly value: number;
  readonly term: number;
  /** How much the last extrapolation moved the value: large where eta is, as training is then not smooth in 1/L. */
  readonly error: number;
}

/** Blocks of the nets from which infinitely many are extrapolated: each twice as many as the ones before. */
const DEPTHS = [8, 16, 32, 64, 128];

/** Values of a series in 1/L at `DEPTHS`, extrapolated to L = infinity by Neville's scheme: one estimate each order. */
function extrapolated(values: readonly number[]): number[] {
  const estimates = [values.at(-1)!];
  let row = values;
  for (let order = 1; order < values.length; order++) {
    row = row.slice(1).map((value, i) => value + (value - row[i]!) / (2 ** order - 1));
    estimates.push(row.at(-1)!);
  }
  return estimates;
}

/**
 * What `measure` finds in the state of a net of infinite width and embedding, for L = infinity: the recursion is
 * Euler's method in l/L, whose error is a series in 1/L, so that it is extrapolated over depths 8 to 128. Throws
 * RangeError on a setting that does not fit, and where what is measured leaves float64.
 */
export function residualDepthLimit(
  setting: Omit<LinearResidual, 'blocks' | 'embedding' | 'readout' | 'start'>,
  measure: (state: LinearResidualState) => number,
): DepthLimit {
  const [inputs, outputs] = [setting.x[0]?.length ?? 0, setting.y[0]?.length ?? 0];
  const ends = infiniteEnds(inputs, outputs);
  const values = DEPTHS.map((blocks) => measure(linearResidual({ ...setting, ...ends, blocks })));
  checkAllFinite('residualDepthLimit: what is measured', values);
  const [before, value] = extrapolated(values).slice(-2) as [number, number];
  const term = extrapolated(values.map((one, i) => DEPTHS[i]! * (one - value))).at(-1)!;
  return { value, term, error: Math.abs(value - before) };
}
