/** Whether a step is small enough: one start, integrated at dt and at dt/2. */
import { rmsDistance } from '../network/discrepancy.js';
import { output } from '../network/network.js';
import { copyNet, outputsOf, type Net } from '../model/particles.js';
import type { Samples } from '../model/task.js';
import { trainDirect, type FlowOptions, type FlowResult, checkSteps } from './direct.js';

/** One training at dt and at dt/2. */
export interface Halving {
  /** The result at dt, where the net is left. */
  readonly result: FlowResult;
  /**
   * rms distance on x between the nets at dt and at dt/2, in the units of the output: what the step contributes to any
   * discrepancy.
   */
  readonly difference: number;
  /** The result at dt/2. */
  readonly half: FlowResult;
}

/**
 * Trains `net` in place at dt, and a copy from the same start at dt/2 over the same time; compares their outputs on `x`
 * [N, d]. The error at dt is about difference / (1 - 2^-order). An explosion of either gives an infinite difference.
 */
export function trainHalved(net: Net, samples: Samples, options: FlowOptions, x: Float64Array): Halving {
  checkSteps('trainHalved', options);
  const fine = copyNet(net);
  const result = trainDirect(net, samples, options);
  const half = trainDirect(fine, samples, { ...options, steps: options.steps * 2, dt: options.dt / 2 });
  const whole = result.exploded === undefined && half.exploded === undefined;
  return { result, half, difference: whole ? rmsDistance(output(net, x), output(fine, x), outputsOf(net)) : Infinity };
}
