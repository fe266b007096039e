/** The paper's three stages on particles, and direct training with as many steps of the thin net. */
import { trainDirect, type FlowOptions, type FlowResult } from './direct.js';
import { imitate, type ImitationOptions } from './imitation.js';
import { copyNet, thinNet, type Net } from '../model/particles.js';
import type { Samples } from '../model/task.js';

export interface ThinDraw {
  readonly m: number | readonly number[];
  readonly seed: number;
  readonly draw: number;
}

export interface Compressed {
  /** The thin net after stage 2, and after stage 3. */
  readonly imitated: Net;
  readonly tuned: Net;
  readonly imitation: readonly FlowResult[];
  readonly tuning: FlowResult;
}

/**
 * Stages 2 and 3: m of the trained wide net's particles per layer, layerwise imitation, then training on the data from
 * there. An explosion in a stage is marked in that stage's result. Throws RangeError when m > M.
 */
export function compress(
  wide: Net,
  samples: Samples,
  { m, seed, draw }: ThinDraw,
  options: { readonly imitation: ImitationOptions; readonly tuning: FlowOptions },
): Compressed {
  const imitated = thinNet(wide, m, seed, draw);
  const imitation = imitate(imitated, wide, samples.x, options.imitation);
  const tuned = copyNet(imitated);
  return { imitated, tuned, imitation, tuning: trainDirect(tuned, samples, options.tuning) };
}

export interface PipelineResult extends Compressed {
  /** The wide net after stage 1. */
  readonly wide: Net;
  readonly wideTraining: FlowResult;
}

/** All three stages from an untrained wide net, which stays as it is. */
export function threeStages(
  initial: Net,
  samples: Samples,
  thin: ThinDraw,
  options: { readonly wide: FlowOptions; readonly imitation: ImitationOptions; readonly tuning: FlowOptions },
): PipelineResult {
  const wide = copyNet(initial);
  const wideTraining = trainDirect(wide, samples, options.wide);
  return { wide, wideTraining, ...compress(wide, samples, thin, options) };
}
