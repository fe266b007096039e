/**
 * A wide net with other layers than the thin one, BERT_LARGE over BERT_BASE: layer i of n stands beside layer round(i N
 * / n) of N, as in TinyBERT (Jiao et al. 2020). The wide net is seen through a view that bears the thin net's names, so
 * that nothing else has to know.
 */
import { UsageError } from '../../core/errors.js';
import type { Tensors } from '../../engine/tensor.js';
import { networkOf } from '../../models/index.js';
import type { Scope } from '../../nn/layers.js';
import type { HostWeights, Network } from '../../nn/network.js';
import type { TrainSpec } from '../spec/spec.js';

/** A wide net under the thin net's names. */
export interface View {
  readonly network: Network;
  /** The wide net's values under the view's names; layers that stand beside none are left out. */
  readonly weights: (host: HostWeights) => HostWeights;
}

/**
 * The wide net under the thin one's names, layer by layer at the same share of the depth. Throws UsageError when one of
 * the networks has a single boundary, or the wide one fewer than the thin one.
 */
export function alignByDepth(wide: Network, thin: Network): View {
  const toView = viewNames(wide.boundaries.stage, thin.boundaries.stage);
  const seen = (names: readonly string[]): string[] => names.flatMap((tap) => toView(tap) ?? []);
  const taps = seen(wide.taps);
  const back = new Map(wide.taps.map((tap) => [toView(tap), tap]));
  const toWide = (tap: string): string => {
    const found = back.get(tap);
    if (found === undefined) throw new UsageError(`unknown tap "${tap}"; expected one of: ${taps.join(', ')}`);
    return found;
  };
  const renamed = <T>(values: Readonly<Record<string, T>>): Record<string, T> =>
    Object.fromEntries(
      Object.entries(values).flatMap(([path, value]) => (toView(path) === undefined ? [] : [[toView(path)!, value]])),
    );
  const network: Network = {
    ...wide,
    taps,
    boundaries: { stage: seen(wide.boundaries.stage), block: seen(wide.boundaries.block) },
    width: (tap) => wide.width(toWide(tap)),
    shapes: renamed(wide.shapes),
    apply: (scope, x, { from, until, ...rest } = {}): Tensors =>
      renamed(
        wide.apply(renamedTrace(scope, toView), x, {
          ...rest,
          ...(from !== undefined && { from: toWide(from) }),
          ...(until !== undefined && { until: toWide(until) }),
        }),
      ),
    readers: (tap) => wide.readers(toWide(tap)),
    flops: (shape) => flopsAtTaps(wide, shape, toView),
    axes:
      wide.axes &&
      Object.fromEntries(
        Object.entries(renamed(wide.axes)).map(([path, names]) => [path, names.map((name) => toView(name) ?? name)]),
      ),
    units: wide.units && renamed(wide.units),
  };
  return { network, weights: ({ params, state }) => ({ params: renamed(params), state: renamed(state) }) };
}

/** The view's name of a tap or a parameter of the wide net; undefined for layers that stand beside none. */
type ToView = (name: string) => string | undefined;

function viewNames(theirs: readonly string[], ours: readonly string[]): ToView {
  if (ours.length < 2 || theirs.length < ours.length)
    throw new UsageError(
      `teacher.align "depth": the wide net has ${theirs.length} boundaries, the thin one ${ours.length}; ` +
        'expected at least two, and as many or more in the wide net',
    );
  const besides = new Map(
    ours.map((tap, i) => [theirs[Math.round((i * (theirs.length - 1)) / (ours.length - 1))]!, tap]),
  );
  const boundaries = new Set(theirs);
  return (name) => {
    const boundary = boundaries.has(name) ? name : theirs.find((tap) => name.startsWith(`${tap}/`));
    if (boundary === undefined) return name; // it comes before or after the layers
    const own = besides.get(boundary);
    return own === undefined ? undefined : `${own}${name.slice(boundary.length)}`;
  };
}

/** A scope whose trace hears the view's names, and of nothing that has none. */
function renamedTrace(scope: Scope, toView: ToView): Scope {
  const { trace } = scope;
  if (trace === undefined) return scope;
  return {
    ...scope,
    trace: (path, ...heard) => {
      const name = toView(path);
      if (name !== undefined) trace(name, ...heard);
    },
  };
}

/** Operations by tap of the view; layers that stand beside none count on the way to the next one that does. */
function flopsAtTaps(wide: Network, shape: readonly number[], toView: ToView): Record<string, number> {
  const flops = wide.flops(shape);
  const sums: Record<string, number> = {};
  let open = 0;
  for (const tap of wide.taps) {
    open += flops[tap] ?? 0;
    const name = toView(tap);
    if (name !== undefined) [sums[name], open] = [open, 0];
  }
  return sums;
}

/** The wide net of a spec, under the names by which the thin one is compared with it; undefined without a wide net. */
export function wideView({ network, teacher }: TrainSpec): View | undefined {
  if (teacher === null) return undefined;
  const wide = networkOf(teacher.network);
  return teacher.align === 'depth'
    ? alignByDepth(wide, networkOf(network))
    : { network: wide, weights: (host) => host };
}
