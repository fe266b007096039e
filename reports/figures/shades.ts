/** Colors of arms that stand as lines in one figure. */
import type { Experiment } from '../../src/core/experiment.js';
import { groupBy } from '../../src/core/group.js';
import type { TableRow } from '../data/rows.js';
import { inOrder } from './figure.js';
import { SHADES, sourceOf, type SOURCES } from './theme.js';

/**
 * A color for each label of an experiment's arms, in the experiment's order: a shade of the color of what the arm
 * learns from. Every row has to be of an arm whose declaration says what that is.
 */
export function shadesOf(experiment: Experiment, rows: readonly TableRow[]): ReadonlyMap<string, string> {
  const byArm = groupBy(rows, (row) => row.arm);
  const palette = new Map<string, string>();
  const used = new Map<keyof typeof SOURCES, number>();
  for (const arm of inOrder(experiment, byArm.keys())) {
    const { facts } = byArm.get(arm)![0]!;
    if (palette.has(facts.label)) continue;
    const source = sourceOf(facts)!;
    const place = used.get(source) ?? 0;
    used.set(source, place + 1);
    palette.set(facts.label, SHADES[source][place % SHADES[source].length]!);
  }
  return palette;
}
