/** Initial values of the thin net: random ones, or ones that are taken from the wide net. */
import { UsageError } from '../../core/errors.js';
import { filled, sizeOf, type HostArray, type HostArrays } from '../../core/host-array.js';
import type { HostWeights, Network } from '../../nn/network.js';
import { greedyChoice, ofUnits, type ChannelChoice, type Contributions } from './greedy.js';
import { projectParameter, type StreamBasis } from './stream.js';

/** The thin net before training. */
export interface Start {
  readonly host: HostWeights;
  /** Indices of the wide net's channels that the thin net took, by name of the axis. */
  readonly selection: Selection;
  /**
   * The wide net's array at a path, narrowed along the axes that hold other channels than the stream. Throws UsageError
   * where the wide net has none of that rank, or one of other sizes.
   */
  readonly beforeProjection: (path: string) => HostArray;
}

/** Indices of the wide net's channels that the thin net took, ascending, by name of the axis. */
export type Selection = Readonly<Record<string, Uint32Array>>;

/** What a kind of start takes from the wide net. */
interface StartFacts {
  /** Whether parameters of the same path and shape are the wide net's. */
  readonly shares: boolean;
  /** Where parameters of another shape are a part of the wide net's. */
  readonly narrows: 'nowhere' | 'embeddings and head' | 'everywhere';
  /** Whether the channels that skip connections carry are projected on a basis. */
  readonly projects: boolean;
  /** Whether channels are chosen and weighed to imitate what the wide net's layers give (greedy.ts), not by size. */
  readonly imitates: boolean;
}

/** Every kind of start under the name that specs give it; `TrainSpec.start` says what each means. */
export const STARTS = {
  random: { shares: false, narrows: 'nowhere', projects: false, imitates: false },
  shared: { shares: true, narrows: 'nowhere', projects: false, imitates: false },
  selected: { shares: true, narrows: 'everywhere', projects: false, imitates: false },
  greedy: { shares: true, narrows: 'everywhere', projects: false, imitates: true },
  'projected-embeddings-and-head': { shares: true, narrows: 'embeddings and head', projects: true, imitates: false },
  projected: { shares: true, narrows: 'everywhere', projects: true, imitates: false },
} as const satisfies Record<string, StartFacts>;

/** Where the thin net starts: one of {@link STARTS}. */
export type StartKind = keyof typeof STARTS;

/** What some kinds of start need beside the networks. */
export interface StartInputs {
  /** The basis of the stream, for the projected kinds. */
  readonly basis?: StreamBasis | undefined;
  /** What takes the place of fresh values. */
  readonly pretrained?: HostWeights | undefined;
  /** What each of the wide net's channels contributes, for the kinds that imitate. */
  readonly contributions?: Contributions | undefined;
}

/**
 * The thin net's values before training. Throws UsageError when the network does not name the axes that a kind needs.
 */
export function startWeights(
  kind: StartKind,
  seed: number,
  thin: Network,
  wide?: { readonly network: Network; readonly host: HostWeights },
  { basis, pretrained, contributions }: StartInputs = {},
): Start {
  const fresh = withPretrained(thin.init(seed), pretrained);
  const { shares, narrows, imitates } = STARTS[kind];
  const choices: Readonly<Record<string, ChannelChoice>> =
    narrows === 'everywhere' && wide !== undefined
      ? selectChannels(kind, thin, fresh, wide, imitates ? contributions : {})
      : {};
  const beforeProjection = (path: string): HostArray => {
    const [other, own] = [wide?.host.params[path], fresh.params[path]!];
    const names = thin.axes?.[path] ?? [];
    const shape = own.shape.map((size, axis) => (names[axis] === thin.stream ? (other?.shape[axis] ?? 0) : size));
    const sameRank = other?.shape.length === own.shape.length;
    const taken = other && sameRank ? takeChannels(names, choices, other, { ...own, shape }) : undefined;
    if (taken === undefined) throw new UsageError(`start "${kind}": the wide net has no ${path} like the thin one's`);
    return taken;
  };
  if (!shares || wide === undefined) return { host: fresh, selection: {}, beforeProjection };
  const [first, last] = [thin.boundaries.stage[0]!, thin.boundaries.stage.at(-1)!].map((tap) =>
    thin.taps.indexOf(tap),
  ) as [number, number];
  const isNarrowed = (path: string): boolean => {
    if (narrows !== 'embeddings and head') return narrows === 'everywhere';
    const at = thin.taps.indexOf(thin.owner(path));
    return at <= first || at > last;
  };
  const take = (own: HostArrays, theirs: HostArrays): HostArrays =>
    Object.fromEntries(
      Object.entries(own).map(([path, value]) => {
        const other = theirs[path];
        if (other === undefined || other.shape.length !== value.shape.length) return [path, value];
        if (String(other.shape) === String(value.shape)) return [path, other];
        if (!isNarrowed(path)) return [path, value];
        const along =
          basis === undefined
            ? other
            : projectParameter(
                path,
                thin.axes![path]!.map((name) => name === thin.stream),
                other,
                basis,
              );
        return [path, takeChannels(thin.axes![path]!, choices, along, value) ?? value];
      }),
    );
  return {
    host: { params: take(fresh.params, wide.host.params), state: take(fresh.state, wide.host.state) },
    selection: Object.fromEntries(Object.entries(choices).map(([name, { indices }]) => [name, indices])),
    beforeProjection,
  };
}

function withPretrained(fresh: HostWeights, pretrained: HostWeights | undefined): HostWeights {
  if (pretrained === undefined) return fresh;
  const same = (value: HostArray, other: HostArray | undefined): other is HostArray =>
    String(other?.shape) === String(value.shape);
  const take = (own: HostArrays, theirs: HostArrays): HostArrays =>
    Object.fromEntries(
      Object.entries(own).map(([path, value]) => [path, same(value, theirs[path]) ? theirs[path] : value]),
    );
  return { params: take(fresh.params, pretrained.params), state: take(fresh.state, pretrained.state) };
}

/** Paths of the parameters that a start would share with the wide net; known without the wide net's values. */
export function sharedPaths(kind: StartKind, thin: Network, wide: Network): ReadonlySet<string> {
  const same = Object.keys(thin.shapes).filter((path) => String(thin.shapes[path]) === String(wide.shapes[path]));
  return new Set(STARTS[kind].shares ? same : []);
}

/**
 * The channels that the thin net takes, of each kind that it has fewer of: where contributions are known by greedy
 * selection, else the most important ones. A channel's importance is what it brings (|scale| of its batch norm, or the
 * norm of the kernel that writes it) times the norm of the kernels that read it; a kernel that reads n of N of them is
 * scaled by sqrt(N / n), so that its output keeps its size. Throws UsageError when the network does not name its axes.
 */
function selectChannels(
  kind: StartKind,
  thin: Network,
  fresh: HostWeights,
  { network, host }: { readonly network: Network; readonly host: HostWeights },
  contributions: Contributions = {},
): Readonly<Record<string, ChannelChoice>> {
  const { axes } = thin;
  if (axes === undefined || network.axes === undefined) {
    throw new UsageError(
      `start "${kind}": the network does not say which axes hold the same channels; use "shared" or "random"`,
    );
  }
  const sizes = (values: HostArrays): Map<string, number> =>
    new Map(
      Object.entries(values).flatMap(([path, { shape }]) =>
        shape.map((size, axis) => [axes[path]?.[axis] ?? '', size] as const),
      ),
    );
  const [own, theirs] = [sizes(fresh.params), sizes(host.params)];
  const projected = STARTS[kind].projects ? thin.stream : undefined;
  const narrower = [...own].filter(
    ([name, size]) => name !== '' && name !== projected && size < (theirs.get(name) ?? 0),
  );
  return Object.fromEntries(
    narrower.map(([name, size]) => {
      const unit = thin.units?.[name] ?? 1;
      if (unit !== (network.units?.[name] ?? 1))
        throw new UsageError(
          `start "${kind}": ${name} is in parts of ${unit} channels, ` +
            `in the wide net of ${network.units?.[name] ?? 1}; use "shared" or "random"`,
        );
      const known = contributions[name];
      if (known !== undefined) return [name, inChannels(greedyChoice(ofUnits(known, unit), size / unit), unit)];
      const scores = importance(name, theirs.get(name)!, axes, host.params);
      const sums = new Float64Array(scores.length / unit);
      for (let k = 0; k < scores.length; k++) sums[Math.floor(k / unit)]! += scores[k]!;
      const best = Array.from(sums.keys()).sort((p, q) => sums[q]! - sums[p]! || p - q);
      const indices = Uint32Array.from(best.slice(0, size / unit)).sort();
      const factors = new Float64Array(indices.length).fill(Math.sqrt(theirs.get(name)! / size));
      return [name, inChannels({ indices, factors }, unit)];
    }),
  );
}

/** A choice of units of `unit` channels as one of channels. */
function inChannels({ indices, factors }: ChannelChoice, unit: number): ChannelChoice {
  const count = indices.length * unit;
  return {
    indices: filled(new Uint32Array(count), (k) => indices[Math.floor(k / unit)]! * unit + (k % unit)),
    factors: filled(new Float64Array(count), (k) => factors[Math.floor(k / unit)]!),
  };
}

function importance(
  name: string,
  size: number,
  axes: Readonly<Record<string, readonly string[]>>,
  params: HostArrays,
): Float64Array {
  const sum = (paths: readonly string[], axis: number): Float64Array => {
    const total = new Float64Array(size);
    for (const path of paths)
      addSquares(params[path]!, (params[path]!.shape.length + axis) % params[path]!.shape.length, total);
    return total;
  };
  const having = (leaf: string, axis: number): string[] =>
    Object.keys(params).filter((path) => path.endsWith(`/${leaf}`) && axes[path]?.at(axis) === name);
  const gammas = having('gamma', -1);
  const brings = gammas.length > 0 ? sum(gammas, -1) : sum(having('kernel', -1), -1);
  const read = having('kernel', -2);
  const reads = read.length > 0 ? sum(read, -2) : new Float64Array(size).fill(1);
  return brings.map((value, i) => value * reads[i]!);
}

/** Adds to `total[i]` the sum of squares of slice i along `axis`. */
function addSquares({ shape, values }: HostArray, axis: number, total: Float64Array): void {
  const [size, inner] = [shape[axis]!, sizeOf(shape.slice(axis + 1))];
  for (let k = 0, slice = 0; k < values.length; slice++) {
    const i = slice % size;
    for (const end = k + inner; k < end; k++) total[i] = total[i]! + values[k]! ** 2;
  }
}

/**
 * The chosen channels of one of the wide net's arrays, in the thin shape; undefined when some axis is neither chosen
 * nor of the same size. What a kernel reads of a channel is multiplied by the channel's factor.
 */
function takeChannels(
  names: readonly string[],
  choices: Readonly<Record<string, ChannelChoice>>,
  wide: HostArray,
  thin: HostArray,
): HostArray | undefined {
  let taken = wide;
  for (const [axis, name] of names.entries()) {
    if (wide.shape[axis] === thin.shape[axis]) continue;
    const choice = choices[name];
    if (choice === undefined || choice.indices.length !== thin.shape[axis]) return undefined;
    taken = gather(taken, axis, choice.indices);
    if (names.length > 1 && axis === names.length - 2) {
      const { factors } = choice;
      const inner = taken.shape.at(-1)!;
      taken = { ...taken, values: timesFactors(taken.values, factors, inner) };
    }
  }
  return taken;
}

/** Values [.., factors, inner], each times the factor of its slice. */
function timesFactors(values: Float32Array, factors: Float64Array, inner: number): Float32Array {
  const out = new Float32Array(values.length);
  for (let k = 0, slice = 0; k < values.length; slice++) {
    const factor = factors[slice % factors.length]!;
    for (const end = k + inner; k < end; k++) out[k] = values[k]! * factor;
  }
  return out;
}

/** The slices `indices` of an array along one axis, in their order. */
export function gather({ shape, values }: HostArray, axis: number, indices: Uint32Array): HostArray {
  const [outer, size, inner] = [sizeOf(shape.slice(0, axis)), shape[axis]!, sizeOf(shape.slice(axis + 1))];
  const out = new Float32Array(outer * indices.length * inner);
  let to = 0;
  for (let o = 0; o < outer; o++)
    for (let i = 0; i < indices.length; i++) {
      const from = (o * size + indices[i]!) * inner;
      for (let k = 0; k < inner; k++) out[to++] = values[from + k]!;
    }
  return { shape: shape.map((old, k) => (k === axis ? indices.length : old)), values: out };
}
