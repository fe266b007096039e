/** How narrow the thin net is: by a factor, by a number of parameters, or by how many times faster it is. */
import { UsageError } from '../core/errors.js';
import { familyOf, networkOf, parameterCount, type NetworkSpec } from '../models/index.js';
import { forwardFlops } from '../nn/network.js';
import type { Thinning } from '../models/interface/family.js';

/** What the thin net is to be; one of the three. Half of the channels where none is given. */
export interface Size {
  /** Factor on the channels, above 0 and below 1. */
  readonly width?: number | undefined;
  /** Parameters, at most. */
  readonly params?: number | undefined;
  /** How many times fewer operations a forward pass is to have, at least. */
  readonly speed?: number | undefined;
}

/** Factor on the channels where nothing is said. */
const DEFAULT_WIDTH = 0.5;
/** Factors that are tried, so that a net is found that fits. */
const FACTORS = 64;

/** How networks of a declaration's family are made thin. Throws UsageError where they cannot be. */
export function thinningOf(spec: NetworkSpec): Thinning<NetworkSpec> {
  const { thinning } = familyOf(spec);
  if (thinning === undefined)
    throw new UsageError(`networks of the family "${spec.family}" cannot be made thin by this command`);
  return thinning as Thinning<NetworkSpec>;
}

/** From which difference on, as a share of what was asked for, it is said that channels are rounded. */
const ROUNDED = 0.1;

/** Where the factor that is asked for gives no whole number of heads or channels: which width is taken, a line. */
export function widthNotes(wide: NetworkSpec, thin: NetworkSpec, { width, params, speed }: Size): string[] {
  if (params !== undefined || speed !== undefined) return [];
  const sizes = (spec: NetworkSpec): { readonly numHeads?: number; readonly hiddenSize?: number } =>
    spec as { numHeads?: number; hiddenSize?: number };
  const [{ numHeads: all, hiddenSize: before }, { numHeads: taken, hiddenSize: after }] = [sizes(wide), sizes(thin)];
  const asked = width ?? DEFAULT_WIDTH;
  const inPlace = (share: number): string => `width ${Number(share.toPrecision(2))} in place of ${asked}`;
  if (all === undefined || taken === undefined || before === undefined || after === undefined) {
    const share = channelsOf(thin) / channelsOf(wide);
    return Math.abs(share - asked) < ROUNDED * asked ? [] : [`channels are rounded: ${inPlace(share)}`];
  }
  const share = after / before;
  return Math.abs(share - asked) < 0.005 ? [] : [`${taken} of ${all} heads: ${inPlace(share)}`];
}

/** Channels between the stages of a network, all of them together. */
function channelsOf(spec: NetworkSpec): number {
  const network = networkOf(spec);
  return network.boundaries.stage.reduce((sum, tap) => sum + network.width(tap), 0);
}

/** The thin net of a wide one. Throws UsageError where there is none that is narrower and as asked for. */
export function narrowed(wide: NetworkSpec, { width, params, speed }: Size, shape: readonly number[]): NetworkSpec {
  const thinning = thinningOf(wide);
  const narrow = (spec: NetworkSpec, factor: number): NetworkSpec => thinning.narrow(spec, factor);
  if ([width, params, speed].filter((one) => one !== undefined).length > 1)
    throw new UsageError('--width, --params and --speed say the same thing; give one of them');
  const before = parameterCount(wide);
  if (params === undefined && speed === undefined) {
    const factor = width ?? DEFAULT_WIDTH;
    if (!(factor > 0 && factor < 1))
      throw new UsageError(
        `--width ${factor}: expected a factor above 0 and below 1: the thin net is the narrower one`,
      );
    // a factor that leaves a layer without a channel is refused as `params` does
    familyOf(wide).vary?.(wide, { width: factor });
    const thin = narrow(wide, factor);
    if (parameterCount(thin) < before) return thin;
    throw new UsageError(
      `--width ${factor}: the network has too few channels to be narrower by that; take a smaller one`,
    );
  }
  const flops = (spec: NetworkSpec): number => forwardFlops(networkOf(spec), shape);
  if (params !== undefined && !(params >= 1))
    throw new UsageError(`--params ${params}: expected a number of parameters, at least 1`);
  if (params !== undefined && params >= before)
    throw new UsageError(`--params ${params}: the wide net has ${before} parameters; expected fewer`);
  if (speed !== undefined && !(speed > 1)) throw new UsageError(`--speed ${speed}: expected more than 1`);
  const most = speed === undefined ? Infinity : flops(wide) / speed;
  for (let i = FACTORS - 1; i >= 1; i--) {
    const thin = narrow(wide, i / FACTORS);
    if (parameterCount(thin) <= (params ?? before - 1) && flops(thin) <= most) return thin;
  }
  const least = narrow(wide, 1 / FACTORS);
  throw new UsageError(
    `${params === undefined ? `--speed ${speed}` : `--params ${params}`}: no width gives that; the narrowest has ${parameterCount(least)} parameters and ` +
      `${(flops(wide) / flops(least)).toFixed(1)} times fewer operations`,
  );
}
