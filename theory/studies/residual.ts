/** Modern rates: how fast a finite deep residual net approaches its limit, in embedding width D and in L M. */
import { z } from 'zod';
import { listOf, exampleCount, layerCount, stepCount, width } from '../../src/core/magnitudes.js';
import { FailureError } from '../../src/core/errors.js';
import { normals, rngKey } from '../../src/core/rng.js';
import type { FlowResult } from '../flow/direct.js';
import {
  residualForward,
  residualNet,
  trainResidual,
  type ResidualDraws,
  type ResidualShape,
  type ResidualState,
} from '../flow/residual.js';
import { kernelSeconds, type KernelSeconds } from '../kernel/seconds.js';
import { solveLinear } from '../numerics/linear.js';
import { bandRule, type Band } from './rule.js';
import type { Study } from './study.js';
import type { Row } from '../../src/core/run.js';

/** Seconds that a training step takes for each number of the blocks, beside the kernel. */
const NUMBER_SECONDS = 18e-9;

/** Expected seconds on one core of training residual nets that have so many units together, in D dimensions. */
export function residualSeconds(
  {
    D,
    units,
    samples,
    steps,
  }: { readonly D: number; readonly units: number; readonly samples: number; readonly steps: number },
  kernel?: KernelSeconds,
): number {
  const work = { d: D, samples, steps: units * steps, passes: units * (steps + 2) };
  return kernelSeconds(work, kernel) + units * (2 * D + 1) * steps * NUMBER_SECONDS;
}

const ResidualSpec = z
  .strictObject({
    study: z.literal('residual'),
    /** Embedding widths and block widths, every pair of them; the reference is the largest net. */
    embeddings: listOf(width(2), 2),
    widths: listOf(width(), 2),
    reference: z.strictObject({ D: width(2), M: width() }),
    blocks: layerCount(),
    samples: exampleCount(),
    inputs: width(),
    outputs: width(),
    /** Updates before the errors are measured: the published ones are measured before the 15th. */
    steps: stepCount(0),
    eta: z.number().positive(),
  })
  .refine(
    ({ embeddings, widths, reference }) => Math.max(...embeddings) < reference.D && Math.max(...widths) <= reference.M,
    {
      message: 'expected every net to be smaller than "reference"',
    },
  );
type ResidualSpec = z.infer<typeof ResidualSpec>;

interface NetRow {
  readonly D: number;
  readonly M: number;
  readonly L: number;
  readonly hidden: number;
  readonly output: number;
  readonly referenceD: number;
}

/**
 * Constants a, b of error^2 = a^2 (D/(L M))^power + b^2 (1/D - 1/D_ref) + e, by least squares on relative squares. The
 * reference is finite: its own embedding error is taken out of the second term, and e, which depends on it alone, takes
 * up its own scatter. A negative square counts as 0.
 */
function constants(
  name: string,
  rows: readonly NetRow[],
  error: (row: NetRow) => number,
  power: number,
): Record<string, number> {
  const design = rows.map((row) =>
    [(row.D / (row.L * row.M)) ** power, 1 / row.D - 1 / row.referenceD, 1].map((value) => value / error(row) ** 2),
  );
  const normal = [0, 1, 2].map((i) => [0, 1, 2].map((j) => design.reduce((sum, line) => sum + line[i]! * line[j]!, 0)));
  const right = [0, 1, 2].map((i) => design.reduce((sum, line) => sum + line[i]!, 0));
  const [sampling, embedding] = solveLinear(normal, right).map((square) => Math.sqrt(Math.max(0, square))) as [
    number,
    number,
  ];
  return { [`${name}Sampling`]: sampling, [`${name}Embedding`]: embedding };
}

/** The published constants, at D and M up to 2,000. arXiv 2603.18168. */
export const PUBLISHED = {
  hiddenSampling: 0.8,
  hiddenEmbedding: 2.5,
  outputSampling: 0.15,
  outputEmbedding: 0.9,
} as const;

/** Name of a published constant, as the rows have it. */
export type PublishedConstant = keyof typeof PUBLISHED;

/** All repetitions have one set of data, as the published ones do. */
const DATA_SEED = 1;

/** Factor within which a constant counts as the published one. */
export const EQUIVALENT = 1.25;

/**
 * The values that count as a published constant: a band about it, so that few seeds, whose intervals are wide, decide
 * less.
 */
export function publishedBand(name: PublishedConstant): Band {
  const [from, to] = [PUBLISHED[name] / EQUIVALENT, PUBLISHED[name] * EQUIVALENT];
  return { statistic: `our fit of ${name}`, from: Number(from.toFixed(4)), to: Number(to.toFixed(4)) };
}

/** How fast deep residual nets approach their limit, in embedding width and in L M. */
export const residualStudy: Study<ResidualSpec> = {
  name: 'residual',
  law:
    'deep residual nets at scale 1/(L M): error O(sqrt(D/(L M)) + 1/sqrt D) to the limit ' +
    '(arXiv 2509.10167, 2603.18168)',
  rule: Object.keys(PUBLISHED)
    .map((name) => bandRule(publishedBand(name as PublishedConstant)))
    .join('; '),
  schema: ResidualSpec,
  cost: ({ embeddings, widths, reference, blocks, steps, samples }, kernel) => {
    const nets = embeddings.flatMap((D) => widths.map((M) => ({ D, M })));
    // two nets of each size, and one reference
    return [...nets, ...nets, reference].reduce(
      (sum, { D, M }) => sum + residualSeconds({ D, units: M * blocks, samples, steps }, kernel),
      0,
    );
  },
  run: async (spec, seed, tick) => {
    const { blocks: L, inputs, outputs, samples } = spec;
    const x = normals(rngKey(DATA_SEED, 'residual', 'x'), samples * inputs);
    const y = normals(rngKey(DATA_SEED, 'residual', 'y'), samples * outputs);
    const trained = (D: number, M: number, draws: ResidualDraws): ResidualState & Pick<FlowResult, 'increases'> => {
      const shape: ResidualShape = { D, M, L, inputs, outputs };
      const model = residualNet(seed, shape, draws);
      const result = trainResidual(model, x, y, spec.eta, spec.steps);
      if (result.exploded !== undefined)
        throw new FailureError(
          `the residual net of D = ${D}, M = ${M} exploded at step ${result.exploded}; a smaller eta than ` +
            `${spec.eta} is needed`,
        );
      return { ...residualForward(model, x), increases: result.increases };
    };
    const sizes = spec.embeddings.flatMap((D) => spec.widths.map((M) => [D, M] as const));
    await tick(0, sizes.length + 1);
    const reference = trained(spec.reference.D, spec.reference.M, {});
    const rows: (Row & NetRow)[] = [];
    for (const [i, [D, M]] of sizes.entries()) {
      await tick(i + 1, sizes.length + 1);
      // Embedding and readout are shared with the reference where hidden states are compared, and blocks are not; the
      // outputs that are compared share nothing.
      const state = trained(D, M, { blocks: ['blocks', i] });
      const free = trained(D, M, { blocks: ['free', i], ends: ['free', i] });
      let [hidden, output] = [0, 0];
      for (let s = 0; s < samples; s++)
        for (let k = 0; k < D; k++)
          hidden += (state.hidden[s * D + k]! - reference.hidden[s * spec.reference.D + k]!) ** 2 / (samples * D);
      for (let j = 0; j < free.output.length; j++)
        output += (free.output[j]! - reference.output[j]!) ** 2 / free.output.length;
      rows.push({
        row: 'net',
        D,
        M,
        L,
        hidden: Math.sqrt(hidden),
        output: Math.sqrt(output),
        referenceD: spec.reference.D,
        referenceM: spec.reference.M,
        lossIncreases: state.increases + free.increases + reference.increases,
      });
    }
    const fit: Row = {
      row: 'fit',
      ...constants('hidden', rows, ({ hidden }) => hidden, 1),
      ...constants('output', rows, ({ output }) => output, 2),
    };
    return [...rows, fit];
  },
};
