/** The term 1/L of deep residual nets: how infinitely wide ones come to infinitely many blocks, without sampling. */
import { z } from 'zod';
import { exampleCount, layerCount, listOf, stepCount, width } from '../../src/core/magnitudes.js';
import { FailureError } from '../../src/core/errors.js';
import { normals, rngKey } from '../../src/core/rng.js';
import { namesOf } from '../../src/core/registry.js';
import type { Row } from '../../src/core/run.js';
import { rms } from '../../src/core/stats.js';
import { infiniteEnds, trainedResidual } from '../exact/linear-residual.js';
import { flowResult, type FlowResult } from '../flow/direct.js';
import { residualForward, residualLawNet, trainResidual } from '../flow/residual.js';
import { ACTIVATIONS } from '../model/activations.js';
import { lossScale } from '../network/network.js';
import { bandRule, type Band } from './rule.js';
import { residualSeconds } from './residual.js';
import { increasing, type Study } from './study.js';

const ResidualDepthSpec = z
  .strictObject({
    study: z.literal('residual-depth'),
    activation: z.enum(namesOf(ACTIVATIONS)),
    /** Embedding width; infinite unless given, which linear nets alone can be. */
    D: width(1, 4).optional(),
    /** Quadrature over each coordinate of the units' input weights and of their output weights. */
    nodes: z.strictObject({ u: z.int().min(2).max(64), v: z.int().min(2).max(64) }).default({ u: 8, v: 4 }),
    /** Numbers of blocks L, each beside 2 L. */
    depths: listOf(layerCount(), 2),
    samples: exampleCount(),
    inputs: width(),
    outputs: width(),
    steps: stepCount(1),
    eta: z.number().positive(),
  })
  .refine(...increasing('depths'))
  .refine(({ activation, D }) => activation === 'identity' || D !== undefined, {
    path: ['D'],
    message: 'expected a number: nets of infinite embedding width are computed for "identity" alone',
  })
  .refine(({ D = 1, nodes }) => (nodes.u * nodes.v) ** D <= 100_000, {
    path: ['nodes'],
    message: 'expected at most 100000 units: (u v)^D',
  });
type ResidualDepthSpec = z.infer<typeof ResidualDepthSpec>;

/** The distance from L to 2 L blocks falls as 1/L. */
export const RESIDUAL_DEPTH: Band = {
  statistic: 'exponent of the change of the output from L to 2 L blocks, over the deeper half of the depths',
  from: -1.1,
  to: -0.9,
};

/** A net after training: its output [N, outputs], and how the training went. */
interface Trained {
  readonly output: readonly number[];
  readonly result: FlowResult;
}

function rowsOf(values: Float64Array, columns: number): number[][] {
  return Array.from({ length: values.length / columns }, (_, i) => [
    ...values.subarray(i * columns, (i + 1) * columns),
  ]);
}

/** The net of L blocks, trained on a seed's data. Throws FailureError when it explodes. */
function trained(spec: ResidualDepthSpec, seed: number, L: number): Trained {
  const { activation, D, nodes, samples, inputs, outputs, steps, eta } = spec;
  const x = normals(rngKey(seed, 'residual-depth', 'x'), samples * inputs);
  const y = normals(rngKey(seed, 'residual-depth', 'y'), samples * outputs);
  const found = (): Trained => {
    if (D === undefined) {
      const data = { x: rowsOf(x, inputs), y: rowsOf(y, outputs), eta, steps };
      const { output, losses } = trainedResidual({ ...data, blocks: L, ...infiniteEnds(inputs, outputs) });
      return { output: output.flat(), result: flowResult(losses, lossScale({ n: y.length, x, y })) };
    }
    const model = residualLawNet(seed, { D, L, inputs, outputs, activation }, nodes);
    const result = trainResidual(model, x, y, eta, steps);
    return { output: [...residualForward(model, x).output], result };
  };
  const { output, result } = found();
  if (result.exploded !== undefined)
    throw new FailureError(
      `the residual net of ${L} blocks exploded at step ${result.exploded}; a smaller eta than ${eta} is needed`,
    );
  return { output, result };
}

/** How fast infinitely wide residual nets approach infinitely many blocks. */
export const residualDepthStudy: Study<ResidualDepthSpec> = {
  name: 'residual-depth',
  law: 'deep residual nets of infinitely many units: error O(1/L) to infinitely many blocks (arXiv 2509.10167)',
  rule: bandRule(RESIDUAL_DEPTH),
  schema: ResidualDepthSpec,
  cost: ({ D, nodes, depths, samples, steps }, kernel) => {
    const blocks = [...new Set(depths.flatMap((depth) => [depth, 2 * depth]))].reduce((sum, depth) => sum + depth, 0);
    if (D === undefined) return 4e-6 * blocks * (steps + 1) * Math.max(16, samples) + 0.2;
    const units = blocks * (nodes.u * nodes.v) ** D;
    return residualSeconds({ D, units, samples, steps }, kernel) + 0.1;
  },
  run: async (spec, seed, tick) => {
    const known = new Map<number, Trained>();
    const of = (L: number): Trained => {
      const found = known.get(L) ?? trained(spec, seed, L);
      known.set(L, found);
      return found;
    };
    const rows: Row[] = [];
    for (const [i, depth] of spec.depths.entries()) {
      await tick(i, spec.depths.length);
      const [one, twice] = [of(depth), of(2 * depth)];
      const change = rms(one.output.map((value, j) => twice.output[j]! - value));
      rows.push({
        depth,
        change,
        // what 1/L is multiplied by, were the change that of this term alone
        term: 2 * depth * change,
        loss: one.result.losses.at(-1)!,
        lossIncreases: one.result.increases + twice.result.increases,
      });
    }
    return rows;
  },
};
