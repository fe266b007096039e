/** The plan of `thin` in words. */
import { plural } from '../core/errors.js';
import { networkOf, type NetworkSpec, parameterCount } from '../models/index.js';
import { forwardFlops } from '../nn/network.js';
import { memoryOf, partsOf, secondsOf } from './parts.js';
import type { Setup } from './setup.js';

/** A duration for people. */
export function duration(seconds: number): string {
  if (seconds < 90) return `${Math.max(1, Math.round(seconds))} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}

/** Units of floating-point operations, the smallest first. */
const UNITS = ['FLOP', 'kFLOP', 'MFLOP', 'GFLOP', 'TFLOP'] as const;

/** Floating-point operations for people, in the unit in which they are 1 or more: `37.2 kFLOP`. */
export function operations(flops: number): string {
  // three digits may be those of the next unit: 999,999 is 1 MFLOP
  const rounded = Number(flops.toPrecision(3));
  const power = Math.max(0, Math.min(UNITS.length - 1, Math.floor(Math.log10(Math.max(1, rounded)) / 3)));
  return `${Number((rounded / 1000 ** power).toPrecision(3))} ${UNITS[power]}`;
}

/** What will be done and what it costs, a line each; `parts` are {@link partsOf} the same set-up. */
export function describe(setup: Setup, parts = partsOf(setup)): string[] {
  const { source, wide, thin, data, training, left, options } = setup;
  const size = (spec: NetworkSpec): string =>
    `${parameterCount(spec).toLocaleString('en')} parameters, ` +
    `${operations(forwardFlops(networkOf(spec), data.shape))} an example`;
  return [
    `wide net: ${options.model} (${source.format}); ${size(wide)}`,
    `thin net: ${size(thin)}`,
    ...setup.notes,
    training === undefined
      ? 'stage 1 is skipped: the wide net is taken as it is'
      : `stage 1: the wide net is trained on the data first: ${training}`,
    ...left.map(({ arm, why }) => `${arm} is left out: ${why}`),
    ...parts.map(
      ({ name, runs, steps, seconds }) =>
        `${name}: ${plural(runs, 'run')} of ${plural(steps, 'step')}, about ${duration(seconds)}`,
    ),
    `about ${duration(secondsOf(parts))} in all on one core of a small machine, with ` +
      `${(memoryOf(setup) / 1e9).toFixed(1)} GB of memory; ` +
      'rates and arm are chosen on validation, nothing by the test split',
  ];
}
