/**
 * The linear maps of the paper between a thin network S and its wide one: at each boundary `up` [m, M] raises the thin
 * width to the wide one, and `down` [M, m] brings it back for the next group, so that S-bar = S with these maps can be
 * compared with the wide net group by group. The map of a boundary as a whole, up times down [m, m], is merged into the
 * kernels that read it; then the network is exactly S. No biases: zero padding stays zero. Letters: m thin, M wide
 * channels.
 */
import { detach } from '../../engine/ops/gradients.js';
import { tf, type Tensor, type Tensor2D, type Tensors } from '../../engine/tensor.js';
import { linearMap, type Scope } from '../../nn/layers.js';
import type { Network } from '../../nn/network.js';
import type { Group } from './groups.js';

/** Names of the kinds of maps; `GradientImitation.maps` says what each means. */
export const MAP_KINDS = ['none', 'up', 'pair', 'stream'] as const;
/** Which maps there are between the groups: one of {@link MAP_KINDS}. */
export type MapKind = (typeof MAP_KINDS)[number];

/** Path of the stream's basis [M, m]; the maps of a boundary are then scales [m] beside it. */
export const BASIS = 'maps/stream';

/** Path of a boundary's map up, [m, M], or [m] beside a basis. */
export const upPath = (tap: string): string => `maps/${tap}/up`;
/** Path of a boundary's map down, [M, m], or [m] beside a basis. */
export const downPath = (tap: string): string => `maps/${tap}/down`;

/** Whether a parameter is one of the maps, and not one of the thin net's own. */
export function isMap(path: string): boolean {
  return path.startsWith('maps/');
}

/** The thin net's own parameters, without the maps that are kept beside them. */
export function withoutMaps<Value>(params: Readonly<Record<string, Value>>): Record<string, Value> {
  return Object.fromEntries(Object.entries(params).filter(([path]) => !isMap(path)));
}

/** The thin output as the wide net's, where there is a map. */
export function mapUp(params: Tensors, tap: string, value: Tensor): Tensor {
  const up = params[upPath(tap)];
  if (up === undefined) return value;
  return up.shape.length === 1
    ? linearMap(tf.mul(value, up), tf.transpose(params[BASIS] as Tensor2D))
    : linearMap(value, up as Tensor2D);
}

/** A wide value as the next thin group reads it. */
export function mapDown(params: Tensors, tap: string, value: Tensor): Tensor {
  const down = params[downPath(tap)];
  if (down === undefined) return value;
  return down.shape.length === 1
    ? tf.mul(linearMap(value, params[BASIS] as Tensor2D), down)
    : linearMap(value, down as Tensor2D);
}

/** What the next thin group reads of the thin net's own value: through both maps where there is a pair. */
export function mapAcross(params: Tensors, tap: string, value: Tensor): Tensor {
  const [up, down] = [params[upPath(tap)], params[downPath(tap)]];
  if (up === undefined || down === undefined) return value;
  return down.shape.length === 1 ? tf.mul(value, tf.mul(up, down)) : mapDown(params, tap, mapUp(params, tap, value));
}

/**
 * {@link mapAcross} for a value that is a constant, of a group that was imitated beside the next one: a map up is
 * trained by the group that it ends alone. A stream's scales act by their product only, and both groups move it.
 */
export function mapAcrossConstant(params: Tensors, tap: string, value: Tensor): Tensor {
  const up = params[upPath(tap)];
  if (up === undefined || up.shape.length === 1) return mapAcross(params, tap, value);
  return mapAcross({ ...params, [upPath(tap)]: detach(up) }, tap, value);
}

/** S-bar's logits: the thin net with its maps between the groups. */
export function applyWithMaps(thin: Network, scope: Scope, groups: readonly Group[], x: Tensor): Tensor {
  let value = x;
  for (const { tap, from } of groups)
    value = mapAcross(scope.params, tap, thin.apply(scope, value, { from, input: x, until: tap })[tap]!);
  return thin.apply(scope, value, { from: groups.at(-1)?.tap, input: x })[thin.taps.at(-1)!]!;
}
