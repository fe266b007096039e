/**
 * What training costs in steps and floating-point operations, known before it starts. A multiply-add counts as two
 * operations, and a gradient as twice its forward pass.
 */
import { groupBy } from '../../core/group.js';
import { sizeOf } from '../../core/host-array.js';
import { normOf } from '../../models/parts/layer-table.js';
import { forwardFlops, type Network } from '../../nn/network.js';
import { cloneFlops } from '../imitation/clone.js';
import type { Group } from '../maps/groups.js';
import { KEPT_BYTES, RIDGE_BATCH } from '../imitation/ridge.js';
import type { MapKind } from '../maps/apply.js';
import { mapsIn } from '../imitation/ways.js';
import type { CloneImitation, GradientImitation, ImitationSpec, RidgeImitation } from '../spec/spec.js';
import { readersOf } from '../start/greedy.js';
import { STARTS, type StartKind } from '../start/start.js';
import { EXAMPLES } from '../values/moments.js';
import { BATCHES } from '../values/statistics.js';

interface Length {
  readonly steps: number;
  readonly batch: number;
}

/** A training, as far as its cost depends on it. */
interface Training extends Length {
  /** Where it ends with moving averages of its weights, by how much. */
  readonly ema?: number | undefined;
}

/** Cost of a run, in steps and floating-point operations. */
export interface Cost {
  /** Steps of the thin net's own training. */
  readonly steps: number;
  /** Operations of the thin net's training. */
  readonly flops: number;
  /** Operations of the wide net's forward passes meanwhile. */
  readonly teacherFlops: number;
}

/** What the cost of training a thin net depends on. */
export interface Plan {
  readonly thin: Network;
  readonly wide: Network | undefined;
  /** Shape of one example. */
  readonly shape: readonly number[];
  readonly start: StartKind;
  readonly groups: readonly Group[];
  /** Groups that there is something to imitate in. */
  readonly imitated: readonly Group[];
  readonly imitation: ImitationSpec | null;
  readonly training: Training;
  /** Whether the wide net is asked for its outputs while the thin one is fine-tuned. */
  readonly watches: boolean;
  /** Whether its layers are hints then. */
  readonly hints: boolean;
}

/** Floating-point operations of training a whole network: three forward passes for each example of each step. */
export function trainingFlops(network: Network, shape: readonly number[], { steps, batch }: Length): number {
  return 3 * steps * batch * forwardFlops(network, shape);
}

/**
 * Kernels of the linear layers between a tap and the one before it, those together that read the same channels. A layer
 * that is fitted has a bias or a norm for the intercept, which a table of embeddings has not.
 */
function readersAt({ shapes, axes, owner }: Network, tap: string): string[][] {
  const kernels = Object.keys(shapes).filter((path) => {
    const layer = path.replace(/\/kernel$/, '');
    const norm = normOf(layer);
    const isLinear = `${layer}/bias` in shapes || (norm !== layer && `${norm}/gamma` in shapes);
    return layer !== path && isLinear && owner(path) === tap;
  });
  return [...groupBy(kernels, (path) => axes?.[path]?.at(-2) ?? path).values()];
}

/**
 * Products of what a tap's linear layers read, for one example: with itself and with what they are to give. All layers
 * of the tap are taken to have the same number of positions, and its operations to be theirs (attention has others).
 */
function productFlops({ shapes }: Network, readers: readonly (readonly string[])[], flops: number): number {
  const sizes = readers.flat().map((path) => sizeOf(shapes[path]!));
  const positions = flops / (2 * sizes.reduce((sum, size) => sum + size, 0));
  const products = readers.flatMap((paths) =>
    paths.map((path, i) => {
      const outputs = shapes[path]!.at(-1)!;
      const inputs = sizeOf(shapes[path]!) / outputs + 1;
      const isShared = i > 0 && shapes[path]!.length === 2; // rows have one set of products for all that read them
      return 2 * inputs * (outputs + (isShared ? 0 : inputs));
    }),
  );
  return positions * products.reduce((sum, size) => sum + size, 0);
}

/**
 * Positions of one example that a tap's linear layers write, by its operations; those of the input for tables, and of
 * the tap before for one without kernels (the end of a stage).
 */
function positionsAt(network: Network, tap: string, shape: readonly number[]): number {
  const { shapes, owner, flops, taps } = network;
  const kernels = Object.keys(shapes).filter((path) => path.endsWith('/kernel') && owner(path) === tap);
  const before = taps[taps.indexOf(tap) - 1];
  if (kernels.length === 0 && before !== undefined) return positionsAt(network, before, shape);
  const size = kernels.reduce((sum, path) => sum + sizeOf(shapes[path]!), 0);
  const own = flops(shape)[tap] ?? 0;
  const input = shape.length === 3 ? shape[0]! * shape[1]! : shape.at(-1)!;
  return size === 0 || own === 0 ? input : own / (2 * size);
}

/** Values of one example at the boundary where a network has most of them. */
function mostBoundaryValues(network: Network, shape: readonly number[]): number {
  return Math.max(
    0,
    ...network.boundaries.block.map((tap) => positionsAt(network, tap, shape) * network.width(tap, shape)),
  );
}

/** Two networks and the shape of an example. */
interface Nets {
  readonly thin: Network;
  readonly wide: Network;
  readonly shape: readonly number[];
}

/** Bytes of a number on the engine, and of one in the matrices that are solved. */
const [SINGLE, DOUBLE] = [4, 8];
/** Bytes that a forward pass keeps for each of its operations: a third of what a training step does, see cost.ts. */
const PASS_BYTES = 0.015;

/**
 * Memory of imitation in closed form in bytes, both nets' parameters aside: the inputs and both nets' values at a
 * boundary, which are kept up to a limit; a batch on its way through both nets, with what a layer reads of it twice
 * over; and the largest system of equations, three matrices of its size. An estimate, as operations give positions.
 */
function ridgeMemory({ images }: RidgeImitation, { thin, wide, shape }: Nets): number {
  const kept = [sizeOf(shape), mostBoundaryValues(thin, shape), mostBoundaryValues(wide, shape)];
  let [rows, inputs] = [0, 0];
  for (const tap of thin.taps)
    for (const path of readersAt(thin, tap).flat()) {
      const read = sizeOf(thin.shapes[path]!) / thin.shapes[path]!.at(-1)! + 1;
      rows = Math.max(rows, positionsAt(thin, tap, shape) * read);
      inputs = Math.max(inputs, read);
    }
  const pass = PASS_BYTES * (forwardFlops(thin, shape) + forwardFlops(wide, shape)) + 2 * SINGLE * rows;
  return (
    kept.reduce((sum, values) => sum + Math.min(KEPT_BYTES, SINGLE * images * values), 0) +
    Math.min(images, RIDGE_BATCH) * pass +
    3 * DOUBLE * inputs ** 2
  );
}

/**
 * Imitation in closed form: both nets go from boundary to boundary, with a pass of the way there for each value that
 * linear layers read, one more of the thin net once they are fitted, and one where the norm at the boundary is fitted,
 * too. Solving for the weights is not counted.
 */
function ridgeCost({ images }: RidgeImitation, { thin, wide, shape }: Nets): Cost {
  const [own, theirs] = [thin.flops(shape), wide.flops(shape)];
  const block = new Set(thin.boundaries.block);
  const fitsNorms = thin.scales !== undefined && [...block].some((tap) => thin.width(tap) !== wide.width(tap));
  const cost = { flops: 0, teacherFlops: 0 };
  let part = { flops: 0, teacherFlops: 0, values: 0 };
  for (const tap of thin.taps) {
    const readers = readersAt(thin, tap);
    if (readers.length > 0) cost.flops += productFlops(thin, readers, own[tap] ?? 0);
    part.flops += own[tap] ?? 0;
    part.teacherFlops += theirs[tap] ?? 0;
    part.values += readers.length;
    if (!block.has(tap) && tap !== thin.taps.at(-1)) continue;
    const further = block.has(tap) ? 1 + Number(fitsNorms) : 0;
    cost.flops += (part.values + further) * part.flops;
    cost.teacherFlops += Math.max(part.values, Number(block.has(tap))) * part.teacherFlops;
    part = { flops: 0, teacherFlops: 0, values: 0 };
  }
  return { steps: 0, flops: images * cost.flops, teacherFlops: images * cost.teacherFlops };
}

/** A low-rank clone: whole steps of the thin net, the products that its matrices are, and the wide net's outputs. */
function cloneCost({ recipe }: CloneImitation, { thin, wide, shape }: Nets): Cost {
  const { steps, batch } = recipe;
  return {
    steps,
    flops: trainingFlops(thin, shape, recipe) + 3 * steps * cloneFlops(thin, wide),
    teacherFlops: steps * batch * forwardFlops(wide, shape),
  };
}

/** Imitation by gradient: of each stage what its groups read and learn, and the wide net up to their ends. */
function gradientCost(imitation: GradientImitation, { thin, wide, shape }: Nets, imitated: readonly Group[]): Cost {
  const { steps, batch } = imitation.recipe;
  const upTo = (network: Network, tap: string | undefined): number =>
    tap === undefined ? 0 : forwardFlops(network, shape, tap);
  const stages = imitation.order === 'joint' ? [imitated] : imitated.map((group) => [group]);
  const parts = stages
    .filter((which) => which.length > 0)
    .map((which) => {
      const last = which.at(-1)!.tap;
      const learnt = which.reduce((sum, { tap, from }) => sum + upTo(thin, tap) - upTo(thin, from), 0);
      const read = imitation.inputs === 'own' ? upTo(thin, last) : learnt;
      return { flops: steps * batch * (read + 2 * learnt), teacherFlops: steps * batch * upTo(wide, last) };
    });
  return {
    steps: steps * parts.length,
    flops: parts.reduce((sum, { flops }) => sum + flops, 0),
    teacherFlops: parts.reduce((sum, { teacherFlops }) => sum + teacherFlops, 0),
  };
}

/** What a way to imitate costs. */
interface WayCost<Spec> {
  readonly cost: (imitation: Spec, nets: Nets, imitated: readonly Group[]) => Cost;
  /** Bytes of what it computes beside the steps of training, both nets' parameters aside. */
  readonly memory?: (imitation: Spec, nets: Nets) => number;
  /** Whether the running statistics are estimated anew when it ends. */
  readonly estimates?: true;
}

const COSTS: { readonly [By in ImitationSpec['by']]: WayCost<Extract<ImitationSpec, { by: By }>> } = {
  gradient: { cost: gradientCost, estimates: true },
  ridge: { cost: ridgeCost, memory: ridgeMemory },
  clone: { cost: cloneCost },
};

function costsOf({ by }: ImitationSpec): WayCost<ImitationSpec> {
  return COSTS[by] as WayCost<ImitationSpec>;
}

function imitationCost({ thin, wide, shape, imitated, imitation }: Plan): Cost {
  if (imitation === null || wide === undefined) return { steps: 0, flops: 0, teacherFlops: 0 };
  return costsOf(imitation).cost(imitation, { thin, wide, shape }, imitated);
}

/** Bytes that imitation takes beside the steps of training, both nets' parameters aside; 0 where it takes none. */
export function imitationMemory(imitation: ImitationSpec, nets: Nets): number {
  return costsOf(imitation).memory?.(imitation, nets) ?? 0;
}

/** Whether a network has running statistics: those are named beside its parameters, where there are names. */
function hasStatistics({ axes, shapes, init }: Network): boolean {
  return axes === undefined
    ? Object.keys(init(0).state).length > 0
    : Object.keys(axes).some((path) => !Object.hasOwn(shapes, path));
}

/** Forward passes by which a network's running statistics are estimated anew, over {@link BATCHES} training batches. */
function statisticsFlops(network: Network, shape: readonly number[], batch: number): number {
  return hasStatistics(network) ? BATCHES * batch * forwardFlops(network, shape) : 0;
}

/** A training of the whole network, and its statistics anew where it ends with averages of its weights. */
export function wholeTrainingFlops(network: Network, shape: readonly number[], training: Training): number {
  const averaged = training.ema === undefined ? 0 : statisticsFlops(network, shape, training.batch);
  return trainingFlops(network, shape, training) + averaged;
}

/** Which maps there are at first between groups whose widths differ. */
function mapsOf({ imitation, hints }: Plan): MapKind {
  if (imitation !== null) return mapsIn(imitation);
  return hints ? 'up' : 'none';
}

/** Operations of products at some taps, for one example: of each channel there with so many others. */
function productsAt(
  network: Network,
  taps: readonly string[],
  shape: readonly number[],
  columns: (tap: string) => number,
): number {
  const products = taps.map((tap) => 2 * positionsAt(network, tap, shape) * network.width(tap, shape) * columns(tap));
  return products.reduce((sum, one) => sum + one, 0);
}

/** First maps between the groups, over {@link EXAMPLES} examples: passes of both nets, and products of their values. */
function mapCost(kind: MapKind, { thin, shape, groups }: Plan, wide: Network): Omit<Cost, 'steps'> {
  const m = (tap: string): number => thin.width(tap, shape);
  const M = (tap: string): number => wide.width(tap, shape);
  const different = groups.map(({ tap }) => tap).filter((tap) => m(tap) !== M(tap));
  const last = different.at(-1);
  if (kind === 'none' || last === undefined) return { flops: 0, teacherFlops: 0 };
  const [own, theirs] = [thin, wide].map((net) => forwardFlops(net, shape, last)) as [number, number];
  if (kind === 'stream') {
    // the wide net's values in the basis, and what of each net is multiplied with itself
    const inBasis = productsAt(wide, different, shape, m) + productsAt(thin, different, shape, m);
    return {
      flops: EXAMPLES * (own + productsAt(thin, different, shape, m)),
      teacherFlops: EXAMPLES * (theirs + inBasis),
    };
  }
  // the way up: all groups of the thin net, whose values meet themselves and the wide net's; of a pair each group reads
  // the wide net's through the way down, which is of the wide net's moments
  const whole = forwardFlops(thin, shape, groups.at(-1)!.tap);
  const up = whole + productsAt(thin, different, shape, (tap) => m(tap) + M(tap));
  const read = groups.flatMap(({ from }) => (from !== undefined && different.includes(from) ? [from] : []));
  const down = theirs + productsAt(wide, different, shape, M) + productsAt(wide, read, shape, m);
  return { flops: EXAMPLES * up, teacherFlops: EXAMPLES * (theirs + (kind === 'pair' ? down : 0)) };
}

/**
 * What is read off both nets beside all steps: the wide net's moments, by which a basis, channels and first maps are
 * chosen, over {@link EXAMPLES} examples, and running statistics, which imitation leaves unfit.
 */
export function readingCost(plan: Plan): Omit<Cost, 'steps'> {
  const { thin, wide, shape, start, imitated, imitation, training } = plan;
  if (wide === undefined) return { flops: 0, teacherFlops: 0 };
  const kind = mapsOf(plan);
  const { projects, imitates } = STARTS[start];
  let { flops, teacherFlops } = mapCost(kind, plan, wide);
  const stages = thin.boundaries.stage;
  const needsBasis = thin.stream !== undefined && (projects || kind === 'stream');
  if (needsBasis && thin.width(stages[0]!) !== wide.width(stages[0]!)) {
    const moments = productsAt(wide, stages, shape, (tap) => wide.width(tap, shape));
    teacherFlops += EXAMPLES * (forwardFlops(wide, shape, stages.at(-1)!) + moments);
  }
  const readers = imitates ? [...readersOf(thin, wide).values()].flat() : [];
  if (readers.length > 0) {
    const products = readers.map((layer) => {
      const kernel = wide.shapes[`${layer}/kernel`]!;
      const read = sizeOf(kernel) / kernel.at(-1)!;
      return 2 * positionsAt(wide, wide.owner(`${layer}/kernel`), shape) * read ** 2;
    });
    teacherFlops += EXAMPLES * products.reduce((sum, one) => sum + one, forwardFlops(wide, shape));
  }
  if (imitation !== null && costsOf(imitation).estimates && imitated.length > 0)
    flops += statisticsFlops(thin, shape, training.batch);
  return { flops, teacherFlops };
}

/** Cost of imitation and fine-tuning together, without the wide net's own training. */
export function totalCost(plan: Plan): Cost {
  const { thin, wide, shape, training, watches } = plan;
  const [imitation, reading] = [imitationCost(plan), readingCost(plan)];
  return {
    steps: imitation.steps + training.steps,
    flops: imitation.flops + reading.flops + wholeTrainingFlops(thin, shape, training),
    teacherFlops:
      imitation.teacherFlops +
      reading.teacherFlops +
      (watches && wide !== undefined ? training.steps * training.batch * forwardFlops(wide, shape) : 0),
  };
}
