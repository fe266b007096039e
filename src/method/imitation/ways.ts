/** Every way to imitate. One is added by a file here, its schema in spec.ts and its cost in cost/budget.ts. */
import type { MapKind } from '../maps/apply.js';
import type { Division } from '../maps/groups.js';
import type { ImitationSpec } from '../spec/spec.js';
import { byClone } from './clone.js';
import { byGradient } from './gradient.js';
import { byRidge } from './ridge.js';
import type { ImitationWay } from './way.js';

const WAYS: { readonly [By in ImitationSpec['by']]: ImitationWay<Extract<ImitationSpec, { by: By }>> } = {
  gradient: byGradient,
  ridge: byRidge,
  clone: byClone,
};

/** The way that a declaration asks for. */
export function wayOf(spec: ImitationSpec): ImitationWay<ImitationSpec> {
  return WAYS[spec.by] as ImitationWay<ImitationSpec>;
}

/** How a declaration divides the network into groups; undefined where it leaves that open. */
export function divisionIn(spec: ImitationSpec | null): Division | undefined {
  return spec === null ? undefined : wayOf(spec).division?.(spec);
}

/** Which linear maps a declaration has between groups of other widths. */
export function mapsIn(spec: ImitationSpec): MapKind {
  return wayOf(spec).maps?.(spec) ?? 'none';
}
