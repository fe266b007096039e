/**
 * What a scale costs before anything is started: operations, memory, disk and time of every experiment and claim, at
 * the throughput of a machine.
 */
import { leftTo, type Claim } from '../../reports/claims/claim.js';
import { CLAIMS } from '../../reports/claims/index.js';
import { cellsOf, runnerOf, type Arm, type Experiment, type Scale } from '../../src/core/experiment.js';
import type { Cell } from '../../src/core/run.js';
import { unknownName } from '../../src/core/errors.js';
import { oncePer, remembered } from '../../src/core/memo.js';
import { FLOAT32_BYTES } from '../../src/core/memory.js';
import { lookUp } from '../../src/core/registry.js';
import { broughtFor, exampleShape } from '../../src/data/index.js';
import { trainingFlops } from '../../src/method/cost/budget.js';
import { parseTrainSpec } from '../../src/method/run/check-spec.js';
import {
  EXPECTED_FLOPS,
  expectedActivations,
  ownCost,
  stepFlops,
  stepMemory,
  stepSeconds,
} from '../../src/method/cost/cost.js';
import { TRAIN_KIND } from '../../src/method/run/required.js';
import { checkedSpec } from '../../src/method/run/runner.js';
import type { TrainSpec } from '../../src/method/spec/spec.js';
import { networkOf, parameterCount } from '../../src/models/index.js';
import { OPTIMIZER_STATE } from '../../src/optim/optimizer.js';
import { withRequired } from '../../src/sweep/work.js';
import { expectedKernel, type KernelName } from '../../theory/kernel/kernel.js';
import { EXPERIMENTS, trainExperiments } from '../../experiments/registry.js';
import { RUNNERS } from '../../experiments/runners.js';

/** Bytes of a line of metrics, about. */
const LINE = 110;

/**
 * Memory of a run's training step in bytes, by the activations that were measured, or else are expected: the measured
 * thin net has its own, and every other net, none of which is larger, those of the wide net.
 */
function memoryOf(spec: TrainSpec, { measured, thin }: MeasuredNet = {}): number {
  const { batch, accumulate = 1 } = spec.training;
  const isThin = thin !== undefined && JSON.stringify(thin) === JSON.stringify(spec.network);
  const { bytesPerExample = null, wideBytesPerExample = bytesPerExample } = measured ?? {};
  const own = isThin ? bytesPerExample : wideBytesPerExample;
  const activations = own === null ? expectedActivations(spec) : (own * batch) / accumulate;
  return stepMemory(spec, activations);
}

/** What was measured of an experiment, and the thin net that stood for it. */
interface MeasuredNet {
  readonly measured?: Measured | undefined;
  readonly thin?: TrainSpec['network'] | undefined;
}

/** Bytes that a run leaves, and bytes of its saved state while it is under way. */
const diskOf = oncePer((spec: TrainSpec): { readonly left: number; readonly underWay: number } => {
  const parameters = parameterCount(spec.network);
  return {
    left: FLOAT32_BYTES * parameters + LINE * ownCost(spec).steps,
    underWay: FLOAT32_BYTES * parameters * (1 + OPTIMIZER_STATE[spec.training.optimizer.kind].length),
  };
});

/** What a plan knows of the machine. */
interface Known {
  /** What its steps were measured, or assumed, to take, by experiment. */
  readonly throughputs: ReadonlyMap<string, Measured>;
  /** Its form of the particle kernel; the native one unless given. */
  readonly kernel?: KernelName;
}

/**
 * Seconds of a cell without what it requires: as expected, times what the machine took for the measured step over what
 * was expected of that.
 */
function secondsOf(cell: Cell, { throughputs, kernel }: Known): number {
  const expected = runnerOf(cell, RUNNERS).cost(cell, kernel === undefined ? {} : { kernel });
  return expected * (throughputs.get(cell.experiment)?.slowness ?? 1);
}

const hours = (cells: Iterable<Cell>, known: Known): number =>
  [...cells].reduce((sum, cell) => sum + secondsOf(cell, known), 0) / 3600;

/**
 * The spec whose throughput stands for an experiment: that of the arm with which others are compared, the experiment's
 * own or else that of the first which competes, as such an arm is on the thin net. Undefined for the theory.
 */
export function measuredSpec(experiment: Experiment, scale: Scale): TrainSpec | undefined {
  if (experiment.kind !== TRAIN_KIND) return undefined;
  const arms = experiment.arms(scale);
  const competing = (name = ''): Arm | undefined => (arms[name]?.reference === true ? undefined : arms[name]);
  const first = Object.values(arms).find(({ reference }) => reference !== true) ?? Object.values(arms)[0]!;
  return parseTrainSpec((competing(experiment.baseline) ?? competing(first.baseline) ?? first).spec);
}

/** The spec of an experiment's wide net: that of its first arm by which the others are measured; undefined without. */
export function wideSpec(experiment: Experiment, scale: Scale): TrainSpec | undefined {
  if (experiment.kind !== TRAIN_KIND) return undefined;
  const wide = Object.values(experiment.arms(scale)).find(({ reference }) => reference === true);
  return wide && parseTrainSpec(wide.spec);
}

/** What a scale costs before anything is started. */
export interface Plan {
  readonly scale: Scale;
  readonly rows: readonly {
    readonly experiment: string;
    /** Arms with runs, and runs: arms x seeds, and the runs that they need. */
    readonly arms: number;
    readonly runs: number;
    /** Operations of all training, in 1e15; null for the theory, whose cost is counted in time. */
    readonly petaflops: number | null;
    /**
     * Memory of the largest run's step, in bytes: parameters, gradients, optimizer state, activations. An upper
     * estimate.
     */
    readonly memoryBytes: number | null;
    /** Size of what the runs leave, and of the saved states of those under way. */
    readonly diskBytes: number;
    readonly deviceHours: number;
    /** Attained by its thin net in training, or assumed; null for the theory. */
    readonly flopsPerSecond: number | null;
  }[];
  /** Each claim that the scale is to decide alone, with every run that decides it; claims share runs. */
  readonly claims: readonly {
    readonly id: string;
    readonly experiment: string;
    readonly runs: number;
    readonly deviceHours: number;
  }[];
  /** Claims of these experiments that the scale does not decide, with the larger scale that is to. */
  readonly left: readonly { readonly id: string; readonly experiment: string; readonly scale: Scale }[];
  /** All experiments together: a run that several of them need counts once. */
  readonly total: { readonly runs: number; readonly deviceHours: number };
  /** What users bring. */
  readonly data: readonly string[];
}

/** What was measured of the experiment that a run is of, which may be another than the one that needs it. */
function measuredNet(name: string, scale: Scale, { throughputs }: Known): MeasuredNet {
  const measured = throughputs.get(name);
  return measured === undefined
    ? {}
    : { measured, thin: measuredSpec(lookUp('experiment', EXPERIMENTS, name), scale)?.network };
}

/** What an experiment takes with its cells and all that they require. */
function rowOf(experiment: Experiment, scale: Scale, mine: readonly Cell[], known: Known): Plan['rows'][number] {
  const { name, kind } = experiment;
  const common = {
    experiment: name,
    arms: Object.keys(experiment.arms(scale)).length,
    runs: mine.length,
    deviceHours: hours(mine, known),
  };
  const throughput = known.throughputs.get(name);
  if (kind !== TRAIN_KIND || throughput === undefined)
    return { ...common, petaflops: null, memoryBytes: null, diskBytes: mine.length * 20_000, flopsPerSecond: null };
  const trained = mine.filter((cell) => cell.kind === TRAIN_KIND);
  const specs = trained.map(({ spec }) => checkedSpec(spec));
  // seeds share a spec; the runs of another experiment that this one needs are of its nets and batches
  const nets = new Map<string, MeasuredNet>();
  const netOf = (name: string): MeasuredNet => remembered(nets, name, () => measuredNet(name, scale, known));
  const measured = new Map(trained.map((cell, i) => [specs[i]!, netOf(cell.experiment)]));
  const disk = specs.map(diskOf);
  return {
    ...common,
    petaflops: specs.map(ownCost).reduce((sum, { flops, teacherFlops }) => sum + flops + teacherFlops, 0) / 1e15,
    memoryBytes: [...measured].reduce((most, [spec, net]) => Math.max(most, memoryOf(spec, net)), 0),
    diskBytes:
      disk.reduce((sum, { left }) => sum + left, 0) + disk.reduce((most, { underWay }) => Math.max(most, underWay), 0),
    flopsPerSecond: throughput.flopsPerSecond,
  };
}

/** What a claim takes alone, or nothing where its experiment has no runs. */
function claimRow(
  { id, experiment, arms }: Claim,
  cells: ReadonlyMap<string, readonly Cell[]>,
  known: Known,
): Plan['claims'] {
  const all = cells.get(experiment.name) ?? [];
  const mine = withRequired(
    all.filter(({ arm }) => arms === undefined || arms.includes(arm)),
    RUNNERS,
  );
  if (mine.size === 0) return [];
  return [{ id, experiment: experiment.name, runs: mine.size, deviceHours: hours(mine.values(), known) }];
}

/**
 * What experiments cost at a scale, by what their thin nets were measured, or assumed, to attain (`throughputs`), and
 * with that form of the particle kernel, the native one unless given.
 */
export function planOf(
  experiments: readonly Experiment[],
  scale: Scale,
  throughputs: Known['throughputs'],
  kernel?: KernelName,
): Plan {
  const known = { throughputs, ...(kernel !== undefined && { kernel }) };
  const declared = experiments.filter(({ seeds }) => seeds[scale] !== undefined);
  const cells = new Map(declared.map((experiment) => [experiment.name, cellsOf(experiment, scale, 1)]));
  const brought = declared.flatMap((experiment) => {
    const spec = measuredSpec(experiment, scale);
    return spec === undefined ? [] : (broughtFor(spec.data) ?? []);
  });
  const required = new Map([...cells].map(([name, own]) => [name, withRequired(own, RUNNERS)]));
  const planned = Object.values(CLAIMS).filter(({ experiment }) => cells.has(experiment.name));
  const left = planned.flatMap((claim): Plan['left'] => {
    const to = leftTo(claim, scale);
    return to === undefined ? [] : [{ id: claim.id, experiment: claim.experiment.name, scale: to.scale }];
  });
  const isLeft = new Set(left.map(({ id }) => id));
  const all = new Map([...required.values()].flatMap((own) => [...own]));
  return {
    scale,
    total: { runs: all.size, deviceHours: hours(all.values(), known) },
    rows: declared.map((one) => rowOf(one, scale, [...required.get(one.name)!.values()], known)),
    claims: planned.filter(({ id }) => !isLeft.has(id)).flatMap((claim) => claimRow(claim, cells, known)),
    left,
    data: [...new Set(brought)],
  };
}

/** An experiment's thin net on a machine. */
export interface Measured {
  readonly flopsPerSecond: number;
  /** What a step keeps of an example for its gradients; null where that was not measured. */
  readonly bytesPerExample: number | null;
  /** What a step of its wide net keeps of an example; as much as one of the thin net unless given. */
  readonly wideBytesPerExample?: number | null;
  /** Seconds of a training step over those that {@link stepSeconds} expects. */
  readonly slowness: number;
}

/** Seconds of the step that was measured over those that {@link stepSeconds} expects of a step of its batch. */
export function slownessOf(
  spec: TrainSpec,
  { flopsPerSecond, batch }: { readonly flopsPerSecond: number; readonly batch: number },
): number {
  const flops = trainingFlops(networkOf(spec.network), exampleShape(spec.data), { steps: 1, batch });
  const measured = { ...spec, training: { ...spec.training, batch } };
  return flops / flopsPerSecond / stepSeconds(measured, flops);
}

/**
 * Measures one experiment's thin net in this process, on an engine that is open. Throws UsageError on a name that is
 * not of this scale.
 */
export async function measureExperiment(name: string, scale: Scale, seconds: number): Promise<Measured> {
  const experiment = trainedByName(name, scale);
  const spec = measuredSpec(experiment, scale)!;
  const wide = wideSpec(experiment, scale);
  const { forwardBytes, measureThroughput } = await import('../bench/throughput.js');
  const measured = await measureThroughput(spec, seconds);
  const { flopsPerSecond, bytesPerExample } = measured;
  const wideBytesPerExample = wide === undefined ? bytesPerExample : await forwardBytes(wide);
  return { flopsPerSecond, bytesPerExample, wideBytesPerExample, slowness: slownessOf(spec, measured) };
}

/**
 * Operations of a training step, by which an engine is tuned. Throws UsageError on a name that is not of this scale.
 */
export function measuredStepFlops(name: string, scale: Scale): number {
  return stepFlops(measuredSpec(trainedByName(name, scale), scale)!);
}

function trainedByName(name: string, scale: Scale): Experiment {
  const all = trained(scale);
  const experiment = all.find((one) => one.name === name);
  if (experiment !== undefined) return experiment;
  throw unknownName(
    'experiment',
    name,
    all.map((one) => one.name),
  );
}

function trained(scale: Scale): Experiment[] {
  return Object.values(trainExperiments())
    .flat()
    .filter(({ seeds }) => seeds[scale] !== undefined);
}

/**
 * Plans every experiment of a scale; `measure` runs {@link measureExperiment} in a process of its own. With
 * `flopsPerSecond` nothing is measured, and memory is what operations let expect.
 */
export async function planScale(
  scale: Scale,
  flopsPerSecond: number | undefined,
  measure: (experiment: string) => Promise<Measured>,
  onLine: (text: string) => void,
): Promise<Plan> {
  const known = new Map<string, Measured>();
  const found = new Map<string, Measured>();
  for (const experiment of trained(scale)) {
    const spec = measuredSpec(experiment, scale)!;
    const { batch, optimizer } = spec.training;
    const wide = wideSpec(experiment, scale)?.network;
    const key = JSON.stringify([spec.network, exampleShape(spec.data), batch, optimizer, wide]);
    let measured = known.get(key);
    if (measured === undefined) {
      measured =
        flopsPerSecond === undefined
          ? await measure(experiment.name)
          : { flopsPerSecond, bytesPerExample: null, slowness: EXPECTED_FLOPS / flopsPerSecond };
      if (flopsPerSecond === undefined)
        onLine(
          `${experiment.name}: ${(measured.flopsPerSecond / 1e9).toPrecision(3)} GFLOP/s in training its thin net`,
        );
    }
    known.set(key, measured);
    found.set(experiment.name, measured);
  }
  // an assumed machine is one that has a compiler
  const kernel = flopsPerSecond === undefined ? expectedKernel() : undefined;
  return planOf(Object.values(EXPERIMENTS), scale, found, kernel);
}
