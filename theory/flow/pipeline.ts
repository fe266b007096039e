/** The paper's three stages on particles, and direct training with as many steps of the thin net. */
import { checkObject } from '../../src/core/range.js';
import { trainDirect, type FlowOptions, type FlowResult } from './direct.js';
import { imitate, type ImitationOptions } from './imitation.js';
import { copyNet, thinNet, type Net } from '../model/particles.js';
import type { Samples } from '../model/task.js';

/** A thin net to draw: its width or widths, its seed, and the number of the draw. */
export interface ThinDraw {
  readonly m: number | readonly number[];
  readonly seed: number;
  readonly draw: number;
}

/** A thin net after stages 2 and 3, and how they went. */
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
  thin: ThinDraw,
  options: { readonly imitation: ImitationOptions; readonly tuning: FlowOptions },
): Compressed {
  checkObject('compress: draw', thin, ['m', 'seed', 'draw']);
  checkObject('compress: options', options, ['imitation', 'tuning']);
  const imitated = thinNet(wide, thin.m, thin.seed, thin.draw);
  const imitation = imitate(imitated, wide, samples.x, options.imitation);
  const tuned = copyNet(imitated);
  return { imitated, tuned, imitation, tuning: trainDirect(tuned, samples, options.tuning) };
}

/** A wide net after stage 1, and its thin net after stages 2 and 3. */
export interface PipelineResult extends Compressed {
  /** The wide net after stage 1. */
  readonly wide: Net;
  readonly wideTraining: FlowResult;
}

/** All three stages, from an untrained wide net that stays as it is. Throws RangeError when m > M. */
export function threeStages(
  initial: Net,
  samples: Samples,
  thin: ThinDraw,
  options: { readonly wide: FlowOptions; readonly imitation: ImitationOptions; readonly tuning: FlowOptions },
): PipelineResult {
  checkObject('threeStages: options', options, ['wide', 'imitation', 'tuning']);
  const wide = copyNet(initial);
  const wideTraining = trainDirect(wide, samples, options.wide);
  return { wide, wideTraining, ...compress(wide, samples, thin, options) };
}
