/** Experiments as help lists them. */
import type { Experiment } from '../../src/core/experiment.js';

/** Names of experiments, a line for each group. */
export function experimentList(groups: Readonly<Record<string, readonly Experiment[]>>): string {
  const width = Math.max(...Object.keys(groups).map((group) => group.length));
  const lines = Object.entries(groups).map(
    ([group, experiments]) => `\n  ${group.padEnd(width)}  ${experiments.map(({ name }) => name).join(', ')}`,
  );
  return `\nExperiments:${lines.join('')}`;
}
