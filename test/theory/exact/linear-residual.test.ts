/** The recursion of linear residual nets: against real units, to rounding, and against its own limits. */
import { describe, expect, test } from 'vitest';
import { normals, rngKey } from '../../../src/core/rng.js';
import { rms } from '../../../src/core/stats.js';
import {
  infiniteEnds,
  linearResidual,
  residualDepthLimit,
  type BlockMoments,
} from '../../../theory/exact/linear-residual.js';
import { residualForward, residualNet, trainResidual, type ResidualNet } from '../../../theory/flow/residual.js';

/** Values in rows of `columns`. */
const rowsOf = (values: Float64Array, columns: number): number[][] =>
  Array.from({ length: values.length / columns }, (_, i) => [...values.subarray(i * columns, (i + 1) * columns)]);

function dataOf(samples: number, inputs: number, outputs: number): { x: Float64Array; y: Float64Array } {
  const of = (name: string, columns: number): Float64Array => normals(rngKey(5, 'residual', name), samples * columns);
  return { x: of('x', inputs), y: of('y', outputs) };
}

/** Second moments of a block's units, over D. */
function momentsOf({ shape: { D, M }, net }: ResidualNet): BlockMoments[] {
  return net.layers.map(({ a, b }) => {
    const moment = (left: Float64Array, right: Float64Array, scale: number): number[][] =>
      Array.from({ length: D }, (_, i) =>
        Array.from({ length: D }, (_unused, k) => {
          let sum = 0;
          for (let j = 0; j < M; j++) sum += left[j * D + i]! * right[j * D + k]!;
          return (scale * sum) / (M * D);
        }),
      );
    return { A: moment(a, a, D * D), B: moment(b, b, 1), C: moment(b, a, D) };
  });
}

/** The net's embedding and readout over sqrt(D), as rows. */
function endsOf({ shape: { D, inputs, outputs }, embedding, readout }: ResidualNet) {
  const over = (values: Float64Array, columns: number): number[][] =>
    rowsOf(values, columns).map((row) => row.map((value) => value / Math.sqrt(D)));
  return { embedding: over(embedding, inputs), readout: over(readout, outputs) };
}

const identity = { activation: 'identity' } as const;

describe('linear residual nets', () => {
  test.each([
    { D: 5, M: 7, L: 3, inputs: 2, outputs: 3, samples: 4, steps: 6, eta: 0.1 },
    { D: 4, M: 2, L: 6, inputs: 3, outputs: 1, samples: 2, steps: 3, eta: 0.2 },
    { D: 3, M: 40, L: 1, inputs: 1, outputs: 2, samples: 5, steps: 4, eta: 0.5 },
  ])('units of D = $D, M = $M, L = $L: trained as the recursion says, to rounding', (setting) => {
    const { samples, steps, eta, L, inputs, outputs, D, M } = setting;
    const { x, y } = dataOf(samples, inputs, outputs);
    const model = residualNet(3, { D, M, L, inputs, outputs, ...identity });
    const expected = linearResidual({
      ...{ blocks: L, x: rowsOf(x, inputs), y: rowsOf(y, outputs), eta, steps },
      ...{ ...endsOf(model), start: momentsOf(model) },
    });
    const { increases } = trainResidual(model, x, y, eta, steps);
    const found = residualForward(model, x);
    const of = (values: readonly (readonly number[])[]): number[] => values.flat();
    of(expected.output).forEach((value, i) => expect(found.output[i]).toBeCloseTo(value, 11));
    of(expected.hidden).forEach((value, i) => expect(found.hidden[i]! / Math.sqrt(D)).toBeCloseTo(value, 11));
    const { losses } = expected;
    expect(losses.filter((loss, i) => i > 0 && loss > losses[i - 1]!)).toHaveLength(increases);
  });

  test('more and more units and directions come to the recursion of infinitely many', () => {
    const [inputs, outputs, L, steps, eta] = [2, 2, 4, 4, 0.3];
    const { x, y } = dataOf(3, inputs, outputs);
    const data = { x: rowsOf(x, inputs), y: rowsOf(y, outputs), eta, steps };
    const limit = linearResidual({ ...data, blocks: L, ...infiniteEnds(inputs, outputs) }).output.flat();
    const error = (D: number, M: number): number => {
      const squares = Array.from({ length: 6 }, (_, seed) => {
        const model = residualNet(seed, { D, M, L, inputs, outputs, ...identity });
        trainResidual(model, x, y, eta, steps);
        return rms(Array.from(residualForward(model, x).output, (value, i) => value - limit[i]!));
      });
      return rms(squares) / rms(limit);
    };
    // 1/sqrt(D) + sqrt(D/(L M)): halved by four times the directions and sixteen times the units, 20 % of scatter
    const [small, large] = [error(16, 16), error(64, 256)];
    expect(large, `${small} and ${large}`).toBeLessThan(0.7 * small);
  });

  test('L to infinity: the term is the error of a deep net, and what is left of it falls as 1/L^2', () => {
    const { x, y } = dataOf(4, 2, 3);
    const setting = { x: rowsOf(x, 2), y: rowsOf(y, 3), eta: 0.3, steps: 4 };
    const measure = ({ output }: { readonly output: readonly (readonly number[])[] }): number => output[0]![1]!;
    const { value, term, error } = residualDepthLimit(setting, measure);
    expect(error).toBeLessThan(1e-8 * Math.abs(value));
    const left = (blocks: number): number =>
      measure(linearResidual({ ...setting, blocks, ...infiniteEnds(2, 3) })) - value - term / blocks;
    expect(Math.abs(left(30))).toBeLessThan(0.1 * Math.abs(term / 30));
    expect(left(30) / left(90)).toBeCloseTo(9, 0);
  });

  test('nothing is moved without steps: the output is that of the embedding read out, 0 for infinitely many directions', () => {
    const data = { x: [[1, 2]], y: [[3]], eta: 1, steps: 0, blocks: 7 };
    const { output, losses } = linearResidual({ ...data, ...infiniteEnds(2, 1) });
    expect(output).toEqual([[0]]);
    expect(losses).toEqual([4.5]);
  });
});
