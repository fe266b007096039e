/**
 * The small networks of the experiments: training, evaluation and distillation, beside PyTorch and JAX on the same
 * networks.
 */
import { join } from 'node:path';
import { Option } from 'commander';
import { requestedEngine, tuneFor, useThreads } from '../../src/engine/engines/choose.js';
import { lookUp } from '../../src/core/registry.js';
import { normals, rngKey, uniforms } from '../../src/core/rng.js';
import { tf } from '../../src/engine/tensor.js';
import { trainingFlops } from '../../src/method/cost/budget.js';
import { networkOf, type NetworkSpec } from '../../src/models/index.js';
import { peerPython } from '../../src/toolchain/python.js';
import { runTool } from '../../src/toolchain/tools.js';
import { engineOption } from '../terminal/run-options.js';
import { printedBy } from '../terminal/executable.js';
import { wholeNumber } from '../terminal/options.js';
import { textTable } from '../terminal/table.js';
import { openForCommand } from '../terminal/work.js';
import { caseOptions, secondsOption, type Bench, type Measurement } from './bench.js';
import { inferenceTimes, medianRate, trainingTimes, type Peer, type Work } from './compare.js';
import { onProcessors } from './cpus.js';

/** A network as peer_small.py builds it, and the spec of ours. */
interface Small {
  readonly net: Readonly<Record<string, string | number | readonly number[]>>;
  readonly spec: NetworkSpec;
  readonly batch: number;
}

const DIGITS = [14, 14, 1] as const;
const STRINGS = [1, 16, 8] as const;

function residual(planes: number, mid: number, [...shape]: readonly number[], classes: number, batch: number): Small {
  const [blocks, stem] = [[2, 2, 2], 8];
  const common = { blocks, planes, mid, classes };
  const spec: NetworkSpec = {
    family: 'resnet',
    block: 'bottleneck',
    ...common,
    stem: { kind: 'small', channels: stem },
    skip: true,
    channels: shape.at(-1)!,
  };
  return { net: { kind: 'resnet', ...common, stem, shape }, spec, batch };
}

function plain(depth: number, width: number): Small {
  const spec: NetworkSpec = {
    family: 'mlp',
    numLayers: depth,
    width,
    skip: false,
    activation: 'tanh',
    classes: 10,
    inputs: 196,
  };
  return { net: { kind: 'mlp', depth, width, classes: 10, shape: DIGITS }, spec, batch: 64 };
}

function language(hidden: number): Small {
  const [vocabulary, tokens, layers, heads, masked] = [2048, 64, 2, hidden / 32, 18];
  const spec: NetworkSpec = {
    family: 'bert',
    vocabSize: vocabulary,
    maxPositions: tokens,
    typeVocabSize: 2,
    hiddenSize: hidden,
    numLayers: layers,
    numHeads: heads,
    intermediateSize: 4 * hidden,
    initializerRange: 0.05,
    distance: { slope: 1 },
    dropout: 0,
    head: { kind: 'masked-lm', maskedPositions: masked },
  };
  return { net: { kind: 'bert', vocabulary, tokens, hidden, layers, heads, masked }, spec, batch: 16 };
}

const NETWORKS: Readonly<Record<string, Small>> = {
  'digits thin': residual(2, 1, DIGITS, 10, 32),
  'digits wide': residual(2, 4, DIGITS, 10, 64),
  'strings thin': residual(2, 1, STRINGS, 8, 64),
  'strings wide': residual(2, 8, STRINGS, 8, 64),
  '4 layers': plain(4, 16),
  '16 layers': plain(16, 16),
  '32 layers': plain(32, 16),
  'bert thin': language(64),
  'bert wide': language(128),
};

/** Thin nets that learn from the outputs of a wide one, as most arms do: name, thin net, wide net. */
const TAUGHT: Readonly<Record<string, readonly [thin: Small, wide: Small]>> = {
  digits: [NETWORKS['digits thin']!, NETWORKS['digits wide']!],
  strings: [NETWORKS['strings thin']!, NETWORKS['strings wide']!],
  '16 layers': [NETWORKS['16 layers']!, plain(16, 64)],
  bert: [NETWORKS['bert thin']!, NETWORKS['bert wide']!],
};

interface SmallCase {
  readonly small: Small;
  readonly train: boolean;
  readonly teacher?: Small;
}

/** Everything that is measured, by name: each network in training and in evaluation, and some with a teacher. */
const CASES: Readonly<Record<string, SmallCase>> = Object.fromEntries<SmallCase>([
  ...Object.entries(NETWORKS).map(([name, small]) => [`train ${name}`, { small, train: true }] as const),
  ...Object.entries(TAUGHT).map(
    ([name, [small, teacher]]) => [`distil ${name}`, { small, train: true, teacher }] as const,
  ),
  ...Object.entries(NETWORKS).map(([name, small]) => [`evaluate ${name}`, { small, train: false }] as const),
]);

/** Programs to compare with, by the names that peer_small.py has for them. */
const PEERS = { torch: 'PyTorch, eager', jax: 'JAX, jit' } as const;
type PeerName = keyof typeof PEERS;

const ENVIRONMENT = 'small-torch-2.15.0-jax-0.10.0';
const PACKAGES = ['torch==2.15.0', 'numpy', 'jax[cpu]==0.10.0'];

interface SmallOptions {
  /** One case, measured in this process. */
  readonly case?: string;
  readonly cases?: readonly string[];
  readonly peer?: readonly PeerName[];
  readonly threads: number;
  readonly seconds: number;
  readonly engine?: string;
}

interface SmallRow {
  readonly case: string;
  readonly engine: string;
  readonly threads: number;
  readonly stepsPerSecond: number;
  /** Steps a second of each peer, and ours over theirs. */
  readonly peers: Readonly<
    Record<string, { readonly version: string; readonly stepsPerSecond: number; readonly ratio: number }>
  >;
}

/** Steps of the networks that the experiments train, as many a second as one or two threads make. */
export const small: Bench<SmallOptions> = {
  description:
    'steps per second of the small networks that the experiments train (ResNets of the digits and of the strings, ' +
    'plain nets, BERTs), training, distillation and evaluation',
  options: () => [
    new Option(
      '--peer <list>',
      'measure other programs in the same run (torch, jax); makes a Python environment in the cache',
    ).argParser(peersOf),
    ...caseOptions(Object.keys(CASES), 'all of them'),
    new Option('--threads <n>', 'threads of each program').default(1).argParser(wholeNumber(1)),
    secondsOption('time for each measurement', 5),
    engineOption(),
  ],
  examples: ['', '--peer torch,jax', '--peer torch,jax --threads 2 --json'],
  run: (given, say) => (given.case === undefined ? measureAll(given, say) : measureOne(given.case, given)),
};

function peersOf(text: string): PeerName[] {
  const names = text.split(',');
  for (const name of names) lookUp('peer', PEERS, name);
  return names as PeerName[];
}

async function measureOne(name: string, { seconds, threads, engine: asked }: SmallOptions): Promise<Measurement> {
  const { small: one, train, teacher } = lookUp('case', CASES, name);
  const network = networkOf(one.spec);
  const work = madeUp(one);
  const { batch } = one;
  useThreads(threads);
  const nets = [network, ...(teacher === undefined ? [] : [networkOf(teacher.spec)])];
  tuneFor(Math.max(...nets.map((net) => trainingFlops(net, work.shape, { steps: 1, batch }))));
  const engine = await openForCommand(asked);
  const { values } = work.examples;
  const shape = [batch, ...work.shape];
  const times = train
    ? await trainingTimes(network, batch, work, seconds, teacher && networkOf(teacher.spec))
    : await inferenceTimes(
        network,
        tf.tensor(values, shape, values instanceof Int32Array ? 'int32' : 'float32'),
        seconds,
      );
  const stepsPerSecond = medianRate(1, times);
  return {
    data: { case: name, engine: `${engine.name} (${engine.device})`, threads, stepsPerSecond },
    text: `${stepsPerSecond.toFixed(1)} steps a second`,
  };
}

/** Examples that are the same at every step. */
function madeUp({ net, batch }: Small): Work {
  if (net.kind === 'bert') {
    const { tokens, masked, vocabulary } = net as Readonly<Record<string, number>>;
    const values = new Int32Array(batch * 4 * tokens!);
    const draws = uniforms(rngKey(1, 'bench'), batch * tokens!);
    for (let b = 0; b < batch; b++) {
      const at = b * 4 * tokens!;
      for (let t = 0; t < tokens!; t++) values[at + t] = Math.floor(draws[b * tokens! + t]! * vocabulary!);
      values.fill(1, at + 2 * tokens!, at + 3 * tokens!);
      for (let k = 0; k < masked!; k++) values[at + 3 * tokens! + k] = 3 * k + 1;
    }
    const labels = Int32Array.from({ length: batch * masked! }, (_, i) => (97 * i) % vocabulary!);
    const optimizer = { kind: 'adamw', beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01 } as const;
    return {
      shape: [4, tokens!],
      classes: vocabulary!,
      questions: masked!,
      examples: { values, labels },
      optimizer,
      rate: 1e-4,
      clip: 1,
    };
  }
  const { shape, classes } = net as { shape: readonly number[]; classes: number };
  const size = shape.reduce((product, n) => product * n, 1);
  const values = Float32Array.from(normals(rngKey(1, 'bench'), batch * size));
  const examples = { values, labels: Int32Array.from({ length: batch }, (_, i) => i % classes) };
  if (net.kind === 'resnet')
    return { shape, classes, examples, optimizer: { kind: 'sgd', momentum: 0.9, weightDecay: 5e-4 }, rate: 0.01 };
  const optimizer = { kind: 'adamw', beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 1e-4 } as const;
  return { shape, classes, examples, optimizer, rate: 1e-4, clip: 1 };
}

/** Every program in turn, three rounds; the fastest of each counts. */
async function measureAll(given: SmallOptions, say: (line: string) => void): Promise<Measurement> {
  const { peer = [], cases, threads, engine } = given;
  const names = cases ?? Object.keys(CASES);
  for (const name of names) lookUp('case', CASES, name);
  const notes: string[] = [];
  const python =
    peer.length === 0
      ? undefined
      : await peerPython('PyTorch and JAX', PACKAGES, notes, say, [ENVIRONMENT, 'torch, jax']);
  requestedEngine(engine);
  const rows = await onProcessors(threads, notes, () => rowsOf(names, given, python, say));
  return { data: { rows, notes }, text: [textTable(rows.map((row) => lineOf(row, peer))), ...notes].join('\n') };
}

async function rowsOf(
  names: readonly string[],
  { peer = [], seconds, threads, engine }: SmallOptions,
  python: string | undefined,
  say: (line: string) => void,
): Promise<SmallRow[]> {
  const asked = engine === undefined ? [] : ['--engine', engine];
  const rows: SmallRow[] = [];
  for (const name of names) {
    const args = ['bench', 'small', '--case', name, '--seconds', String(seconds), '--threads', String(threads)];
    const ours: SmallRow[] = [];
    const theirs = new Map<PeerName, Peer[]>(peer.map((one) => [one, []]));
    for (let round = 0; round < 3; round++) {
      ours.push(await printedBy<SmallRow>([...args, '--json', ...asked]));
      if (python !== undefined)
        for (const one of peer) theirs.get(one)!.push(await measurePeer(python, one, name, { seconds, threads }));
    }
    const best = ours.reduce((a, b) => (b.stepsPerSecond > a.stepsPerSecond ? b : a));
    const { batch } = CASES[name]!.small;
    const peers = [...theirs]
      .filter(([, list]) => list.length > 0)
      .map(([one, list]) => {
        const fastest = Math.max(...list.map(({ perSecond }) => perSecond)) / batch;
        const { name: program, version } = list[0]!;
        return [
          one,
          { version: `${program} ${version}`, stepsPerSecond: fastest, ratio: best.stepsPerSecond / fastest },
        ] as const;
      });
    rows.push({ ...best, peers: Object.fromEntries(peers) });
    say(
      `${name}: ${best.stepsPerSecond.toFixed(1)} ` +
        `steps/s${peers.map(([one, { stepsPerSecond }]) => `, ${one} ${stepsPerSecond.toFixed(1)}`).join('')}`,
    );
  }
  return rows;
}

function lineOf(
  { case: name, engine, threads, stepsPerSecond, peers }: SmallRow,
  asked: readonly PeerName[],
): Record<string, string | number> {
  const others = asked.flatMap((one): [string, string][] => [
    [one, peers[one] === undefined ? '' : peers[one].stepsPerSecond.toFixed(1)],
    [`ratio to ${one}`, peers[one] === undefined ? '' : peers[one].ratio.toFixed(2)],
  ]);
  return { case: name, engine, threads, 'steps/s': stepsPerSecond.toFixed(1), ...Object.fromEntries(others) };
}

async function measurePeer(
  python: string,
  peer: PeerName,
  name: string,
  { seconds, threads }: { readonly seconds: number; readonly threads: number },
): Promise<Peer> {
  const { small: one, train, teacher } = CASES[name]!;
  const { net, batch } = one;
  const asked = JSON.stringify({ peer, net, teacher: teacher?.net ?? null, batch, train, threads, seconds });
  return JSON.parse(await runTool(python, [join(import.meta.dirname, 'peer_small.py'), asked])) as Peer;
}
