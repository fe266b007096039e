/** Residual nets of infinitely many units, by quadrature: against the exact recursion, and against many real units. */
import { describe, expect, test } from 'vitest';
import { normals, rngKey } from '../../../src/core/rng.js';
import { rms } from '../../../src/core/stats.js';
import { linearResidual } from '../../../theory/exact/linear-residual.js';
import { residualForward, residualLawNet, residualNet, trainResidual } from '../../../theory/flow/residual.js';

const [inputs, outputs, samples] = [2, 3, 4];
const x = normals(rngKey(1, 'x'), samples * inputs);
const y = normals(rngKey(1, 'y'), samples * outputs);
const rows = (values: Float64Array, columns: number, scale = 1): number[][] =>
  Array.from({ length: values.length / columns }, (_, i) =>
    Array.from(values.subarray(i * columns, (i + 1) * columns), (value) => value * scale),
  );

describe('residual nets of infinitely many units', () => {
  test.each([1, 2])('linear ones are the exact recursion, as two nodes integrate squares (D = %i)', (D) => {
    const [L, steps, eta] = [3, 5, 0.3];
    const model = residualLawNet(4, { D, L, inputs, outputs, activation: 'identity' }, { u: 2, v: 2 });
    const ends = [rows(model.embedding, inputs, D ** -0.5), rows(model.readout, outputs, D ** -0.5)] as const;
    const expected = linearResidual({
      ...{ blocks: L, x: rows(x, inputs), y: rows(y, outputs), eta, steps },
      ...{ embedding: ends[0], readout: ends[1] },
    });
    trainResidual(model, x, y, eta, steps);
    const { output } = residualForward(model, x);
    expected.output.flat().forEach((value, j) => expect(output[j]).toBeCloseTo(value, 11));
  });

  test('of tanh: more nodes move little, and many real units come near', () => {
    const [D, L, steps, eta] = [1, 3, 4, 0.5];
    const trained = (model: ReturnType<typeof residualNet>): number[] => {
      trainResidual(model, x, y, eta, steps);
      return [...residualForward(model, x).output];
    };
    const shape = { D, L, inputs, outputs };
    const [few, many] = [8, 24].map((n) => trained(residualLawNet(4, shape, { u: n, v: n / 2 })));
    const real = trained(residualNet(4, { ...shape, M: 20_000 }));
    const distance = (one: readonly number[]): number => rms(one.map((value, j) => value - many![j]!)) / rms(many!);
    expect(distance(few!)).toBeLessThan(5e-3);
    // 1/sqrt(L M) is 0.004
    expect(distance(real)).toBeLessThan(0.03);
    expect(rms(many!)).toBeGreaterThan(0.05);
  });
});
