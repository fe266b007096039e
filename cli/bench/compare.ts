/**
 * Speed and memory of networks, here and in PyTorch: each case in a process of its own, so that its peak memory is its
 * own.
 */
import { join } from 'node:path';
import { FailureError } from '../../src/core/errors.js';
import { lookUp } from '../../src/core/registry.js';
import { median } from '../../src/core/stats.js';
import type { Dataset, HostBatch } from '../../src/data/dataset.js';
import { disposeAll, type Tensor } from '../../src/engine/tensor.js';
import { trainStages } from '../../src/method/training/stages.js';
import type { TrainingStage } from '../../src/method/training/training-step.js';
import { moveWeights } from '../../src/method/values/weights.js';
import { evaluation } from '../../src/nn/layers.js';
import { outputOf, type Network } from '../../src/nn/network.js';
import { predictor } from '../../src/nn/predictor.js';
import { crossEntropy, klDivergence } from '../../src/optim/losses.js';
import type { OptimizerSpec } from '../../src/optim/optimizer.js';
import { nvidiaSmi } from '../../src/toolchain/nvidia.js';
import { peerPython } from '../../src/toolchain/python.js';
import { runTool } from '../../src/toolchain/tools.js';

/** Speed and memory of a process that measured one thing. */
export interface Measured {
  /** Throughput, in the bench's unit a second. */
  readonly perSecond: number;
  /** The largest share of main memory; of a GPU, what nvidia-smi says that the process holds after its last step. */
  readonly peakMemoryBytes: number;
}

/** What another program, PyTorch or JAX, takes on a case of this bench. */
export interface Peer extends Measured {
  readonly name: string;
  readonly version: string;
}

/** A case with the faster of its two rounds. */
export interface BenchRow extends Measured {
  readonly case: string;
  readonly engine: string;
  readonly peer: Peer | null;
  /** perSecond over the peer's. */
  readonly ratio: number | null;
}

/** One thing that is measured about a network. */
export interface Case {
  /** Examples of a step. */
  readonly batch: number;
  /** Whether its size is one for a GPU: it is measured where it is asked for by its name. */
  readonly onRequest?: boolean;
  /** Milliseconds of each step. */
  readonly times: (seconds: number) => Promise<readonly number[]>;
  /** What peer_torch.py is told to do. */
  readonly peer: Readonly<Record<string, string | number | boolean>>;
}

/** A network whose speed is measured: its cases, and what feeds its training. */
export interface NetworkCases {
  /** What is counted: images, sequences. */
  readonly unit: string;
  readonly cases: Readonly<Record<string, Case>>;
  /** Name of the Python environment, and what has to be in it. */
  readonly environment: string;
  readonly packages: readonly string[];
  /** What feeds the training. */
  readonly feed: (seconds: number) => Promise<Measured & { readonly case: string; readonly engine: string }>;
}

/** One case on the engine that is open in this process, whose device is named, for about `seconds`. */
export async function measureCase({ batch, times }: Case, seconds: number, device: string): Promise<Measured> {
  const perSecond = medianRate(batch, await times(seconds));
  const onGpu = device !== 'cpu' ? deviceMemory() : undefined;
  return { perSecond, peakMemoryBytes: onGpu ?? process.resourceUsage().maxRSS * 1024 };
}

/** Bytes of a GPU's memory that this process holds, as NVIDIA's driver counts them; undefined where it does not. */
function deviceMemory(): number | undefined {
  const listed = nvidiaSmi('--query-compute-apps=pid,used_memory') ?? '';
  const line = listed.split('\n').find((text) => Number(text.split(',')[0]) === process.pid);
  const mebibytes = Number(line?.split(',')[1]);
  return mebibytes > 0 ? mebibytes * 2 ** 20 : undefined;
}

/** Examples per second: the median over the steps after the first three. */
export function medianRate(batch: number, times: readonly number[]): number {
  return (1000 * batch) / median(times.slice(Math.min(3, times.length - 1)));
}

/** What a network is trained on: the same batch again and again. */
export interface Work extends Pick<Dataset, 'shape' | 'classes' | 'questions'> {
  readonly examples: HostBatch;
  readonly optimizer: OptimizerSpec;
  /** Learning rate. */
  readonly rate: number;
  /** Largest joint norm of the gradients; none by default. */
  readonly clip?: number;
}

/** Batches in an epoch of the examples that are made up, all of them the same: each epoch has an order of its own. */
const BATCHES = 50;

/**
 * Milliseconds of each training step, of which there are as many as fit into the time: by labels, or by the KL
 * divergence to the outputs of a teacher.
 */
export async function trainingTimes(
  network: Network,
  batch: number,
  { examples, optimizer, rate, clip, ...asked }: Work,
  seconds: number,
  teacher?: Network,
): Promise<number[]> {
  const source = { count: BATCHES * batch, batch: () => examples };
  const data: Dataset = { ...asked, train: source, validation: source, test: source };
  const taught = teacher && { network: teacher, weights: await moveWeights(teacher.init(2)) };
  const stage: TrainingStage = {
    name: 'bench',
    recipe: { steps: 100_000, batch, schedule: { kind: 'constant', peak: rate, warmup: 0 }, optimizer, clip },
    trainable: () => true,
    ...(taught === undefined
      ? { loss: (scope, { x, y }) => crossEntropy(outputOf(network, scope, x), y) }
      : {
          targets: (x) => ({ logits: outputOf(taught.network, evaluation(taught.weights), x) }),
          loss: (scope, { x }, { logits }) => klDivergence(outputOf(network, scope, x), logits!),
        }),
  };
  const times: number[] = [];
  let last = performance.now();
  const started = last;
  const enough = new FailureError('enough');
  const log = (): void => {
    const now = performance.now();
    times.push(now - last);
    last = now;
    if (now - started > 1000 * seconds && times.length > 4) throw enough;
  };
  const context = { seed: 1, resumed: undefined, log, progress: () => {}, shouldSave: () => false, save: () => {} };
  try {
    await trainStages(context, data, () => Promise.resolve(network.init(1)), [stage]);
  } catch (error) {
    if (error !== enough) throw error;
  } finally {
    if (taught !== undefined) disposeAll(taught.weights.params, taught.weights.state);
  }
  return times;
}

/** Milliseconds of each pass to the network's last tap, of which there are as many as fit into the time. Disposes x. */
export async function inferenceTimes(network: Network, x: Tensor, seconds: number): Promise<number[]> {
  const weights = await moveWeights(network.init(1));
  const predict = predictor(network, weights);
  const times: number[] = [];
  const started = performance.now();
  while (times.length < 5 || performance.now() - started < 1000 * seconds) {
    const from = performance.now();
    const output = predict(x);
    await output.data();
    output.dispose();
    times.push(performance.now() - from);
  }
  x.dispose();
  predict.dispose();
  disposeAll(weights.params, weights.state);
  return times;
}

/** What is compared, and how. */
export interface CompareOptions {
  readonly seconds: number;
  readonly peer: 'torch' | undefined;
  /** Some of the cases; by default those for a GPU are left out. */
  readonly cases: readonly string[] | undefined;
  /** Measures one case in a new process of this program. */
  readonly spawnCase: (name: string) => Promise<Measured & { readonly engine: string }>;
  /** Takes what is known on the way. */
  readonly say: (line: string) => void;
}

/** Speeds of the cases, and what was not measured. */
export interface SpeedTable {
  readonly unit: string;
  readonly rows: readonly BenchRow[];
  readonly notes: readonly string[];
}

/**
 * Every case twice, the peer in between; the better of the two counts on both sides. Throws UsageError on a case that
 * does not exist.
 */
export async function compare(
  network: NetworkCases,
  { seconds, peer, cases, spawnCase, say }: CompareOptions,
): Promise<SpeedTable> {
  const usual = Object.keys(network.cases).filter((name) => !network.cases[name]!.onRequest);
  const chosen = (cases ?? usual).map((name) => [name, lookUp('case', network.cases, name)] as const);
  const notes: string[] = [];
  const { environment, packages, unit } = network;
  const python =
    peer === undefined ? undefined : await peerPython('PyTorch', packages, notes, say, [environment, 'torch']);
  const rows: BenchRow[] = [];
  for (const [name, { peer: work, batch }] of chosen) {
    const ours: (Measured & { engine: string })[] = [];
    const theirs: Peer[] = [];
    for (let round = 0; round < 2; round++) {
      ours.push(await spawnCase(name));
      if (python !== undefined) theirs.push(await measurePeer(python, { ...work, batch, seconds }));
    }
    const fastest = <T extends Measured>(list: readonly T[]): T =>
      list.reduce((best, one) => (one.perSecond > best.perSecond ? one : best));
    const mine = fastest(ours);
    const other = theirs.length === 0 ? null : fastest(theirs);
    rows.push({ case: name, ...mine, peer: other, ratio: other === null ? null : mine.perSecond / other.perSecond });
    say(
      `${name}: ${mine.perSecond.toFixed(1)} ` +
        `${unit}/s${other === null ? '' : `, PyTorch ${other.perSecond.toFixed(1)}`}`,
    );
  }
  rows.push({ ...(await network.feed(Math.min(seconds, 5))), peer: null, ratio: null });
  return { unit, rows, notes };
}

async function measurePeer(python: string, work: Readonly<Record<string, string | number | boolean>>): Promise<Peer> {
  return JSON.parse(await runTool(python, [join(import.meta.dirname, 'peer_torch.py'), JSON.stringify(work)])) as Peer;
}
