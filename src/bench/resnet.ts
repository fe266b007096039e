/** Images per second of ResNet-50, training and inference, each case in a process of its own so that its peak memory is its own. */
import { mkdtempSync, mkdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { FailureError, unknownName } from '../core/errors.js';
import { normals, rngKey } from '../core/rng.js';
import type { Dataset } from '../data/dataset.js';
import { Loader } from '../data/dataset.js';
import { openImageFolder } from '../data/imagefolder.js';
import { disposeAll, tf, type Tensor, type Tensor2D } from '../engine/tensor.js';
import { trainStages, type Stage } from '../method/stages.js';
import { resnet } from '../models/resnet.js';
import { preset } from '../models/index.js';
import { toTensors } from '../nn/init.js';
import { evaluation } from '../nn/layers.js';
import { crossEntropy } from '../optim/losses.js';
import { peerPython } from '../toolchain/python.js';
import { runTool } from '../toolchain/tools.js';

export interface Measured {
  readonly perSecond: number;
  readonly peakMemoryBytes: number;
}

export interface Peer extends Measured {
  readonly name: string;
  readonly version: string;
}

export interface BenchRow extends Measured {
  readonly case: string;
  readonly engine: string;
  readonly peer: Peer | null;
  /** perSecond over the peer's. */
  readonly ratio: number | null;
}

interface Case {
  readonly pixels: number;
  readonly batch: number;
  readonly train: boolean;
}

const CASES: Readonly<Record<string, Case>> = {
  'train 224 px batch 8': { pixels: 224, batch: 8, train: true },
  'inference 224 px batch 8': { pixels: 224, batch: 8, train: false },
  'train 32 px batch 128': { pixels: 32, batch: 128, train: true },
  'inference 32 px batch 128': { pixels: 32, batch: 128, train: false },
};

export const CASE_NAMES = Object.keys(CASES);
const TORCH = ['torch==2.15.0'];

function caseOf(name: string): Case {
  if (!Object.hasOwn(CASES, name)) throw unknownName('case', name, CASE_NAMES);
  return CASES[name]!;
}

/** One case on the engine that is open in this process. */
export async function measureCase(name: string, seconds: number): Promise<Measured> {
  const { pixels, batch, train } = caseOf(name);
  const network = resnet(preset('resnet50'));
  const values = Float32Array.from(normals(rngKey(1, 'bench'), batch * pixels * pixels * 3));
  const rate = train ? await trainingRate(network, values, pixels, batch, seconds) : await inferenceRate(network, values, pixels, batch, seconds);
  return { perSecond: rate, peakMemoryBytes: process.resourceUsage().maxRSS * 1024 };
}

/** Median over the steps after the first three. */
function medianRate(batch: number, times: readonly number[]): number {
  const kept = times.slice(Math.min(3, times.length - 1)).sort((a, b) => a - b);
  return (1000 * batch) / kept[Math.floor(kept.length / 2)]!;
}

async function trainingRate(network: ReturnType<typeof resnet>, values: Float32Array, pixels: number, batch: number, seconds: number): Promise<number> {
  const labels = Int32Array.from({ length: batch }, (_, i) => (i * 7) % 1000);
  const source = { count: batch, batch: () => ({ values, labels }) };
  const data: Dataset = { shape: [pixels, pixels, 3], classes: 1000, train: source, validation: source, test: source };
  const times: number[] = [];
  let last = performance.now();
  const started = last;
  const stop = new FailureError('enough');
  const stage: Stage = {
    name: 'bench',
    recipe: { steps: 100_000, batch, schedule: { kind: 'constant', peak: 0.01, warmup: 0 }, optimizer: { kind: 'sgd', momentum: 0.9, weightDecay: 1e-4 } },
    trainable: () => true,
    loss: (scope, { x, y }) => crossEntropy(network.apply(scope, x).logits as Tensor2D, y),
  };
  const log = (): void => {
    const now = performance.now();
    times.push(now - last);
    last = now;
    if (now - started > 1000 * seconds && times.length > 4) throw stop;
  };
  const context = { seed: 1, resumed: undefined, log, progress: () => {}, shouldSave: () => false, save: () => {} };
  await trainStages(context, data, () => Promise.resolve(network.init(1)), [stage]).catch((error: unknown) => {
    if (error !== stop) throw error;
  });
  return medianRate(batch, times);
}

async function inferenceRate(network: ReturnType<typeof resnet>, values: Float32Array, pixels: number, batch: number, seconds: number): Promise<number> {
  const model = network.init(1);
  const weights = { params: toTensors(model.params), state: toTensors(model.state) };
  const x: Tensor = tf.tensor4d(values, [batch, pixels, pixels, 3]);
  const times: number[] = [];
  const started = performance.now();
  while (times.length < 5 || performance.now() - started < 1000 * seconds) {
    const from = performance.now();
    const logits = tf.tidy(() => network.apply(evaluation(weights), x).logits!);
    await logits.data();
    logits.dispose();
    times.push(performance.now() - from);
  }
  x.dispose();
  disposeAll(weights.params, weights.state);
  return medianRate(batch, times);
}

/** Pictures per second of the loader at 224 pixels: JPEGs of 500 x 375, as ImageNet's are on average, random crops, all cores. */
export async function measureLoader(seconds: number): Promise<Measured> {
  const folder = mkdtempSync(join(tmpdir(), 'gowide-bench-'));
  try {
    await writePictures(folder);
    const data = openImageFolder({ folder, size: 224, resize: 256, validation: 1, corrupt: 0 });
    const batch = 8;
    const loader = new Loader(data.train, 1, batch);
    await loader.get(0);
    const started = performance.now();
    let steps = 0;
    while (performance.now() - started < 1000 * seconds) await loader.get(++steps);
    return { perSecond: (1000 * steps * batch) / (performance.now() - started), peakMemoryBytes: process.resourceUsage().maxRSS * 1024 };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function writePictures(folder: string): Promise<void> {
  const [width, height] = [500, 375];
  for (const [split, count] of [
    ['train', 16],
    ['val', 1],
  ] as const) {
    for (const name of ['a', 'b']) {
      mkdirSync(join(folder, split, name), { recursive: true });
      for (let i = 0; i < count; i++) {
        // smooth noise: a JPEG of some 100 kB, as ImageNet's
        const coarse = Float64Array.from(normals(rngKey(i, split, name), 63 * 47 * 3));
        const raw = Buffer.from(Uint8Array.from(coarse, (z) => Math.max(0, Math.min(255, 128 + 50 * z))));
        await sharp(raw, { raw: { width: 63, height: 47, channels: 3 } }).resize(width, height, { kernel: 'cubic', fit: 'fill' }).jpeg({ quality: 95 }).toFile(join(folder, split, name, `${i}.jpg`)); // prettier-ignore
      }
    }
  }
}

export interface BenchOptions {
  readonly seconds: number;
  readonly peer: 'torch' | undefined;
  readonly cases: readonly string[];
  /** Measures one case in a new process of this program. */
  readonly spawnCase: (name: string) => Promise<Measured & { readonly engine: string }>;
  readonly onRow?: (text: string) => void;
}

export interface Bench {
  readonly rows: readonly BenchRow[];
  readonly notes: readonly string[];
}

/** Every case twice, the peer in between; the better of the two counts on both sides. */
export async function benchResnet({ seconds, peer, cases, spawnCase, onRow }: BenchOptions): Promise<Bench> {
  cases.forEach(caseOf);
  const notes: string[] = [];
  const python = peer === undefined ? undefined : await peerPython('PyTorch', [...TORCH, 'numpy'], notes, (text) => onRow?.(text), ['torch-2.15.0', 'torch']);
  const rows: BenchRow[] = [];
  for (const name of cases) {
    const ours: (Measured & { engine: string })[] = [];
    const theirs: Peer[] = [];
    for (let round = 0; round < 2; round++) {
      ours.push(await spawnCase(name));
      if (python !== undefined) theirs.push(await measurePeer(python, caseOf(name), seconds));
    }
    const fastest = <T extends Measured>(list: readonly T[]): T => list.reduce((best, one) => (one.perSecond > best.perSecond ? one : best));
    const mine = fastest(ours);
    const other = theirs.length === 0 ? null : fastest(theirs);
    rows.push({ case: name, ...mine, peer: other, ratio: other === null ? null : mine.perSecond / other.perSecond });
    onRow?.(`${name}: ${mine.perSecond.toFixed(1)} images/s${other === null ? '' : `, PyTorch ${other.perSecond.toFixed(1)}`}`);
  }
  const loader = await measureLoader(Math.min(seconds, 5));
  rows.push({ case: 'loader 224 px', engine: `sharp ${sharp.versions.sharp ?? ''}`.trim(), ...loader, peer: null, ratio: null });
  return { rows, notes };
}

async function measurePeer(python: string, { pixels, batch, train }: Case, seconds: number): Promise<Peer> {
  const output = await runTool(python, [join(import.meta.dirname, 'peer_torch.py'), JSON.stringify({ pixels, batch, train, seconds })]);
  return JSON.parse(output) as Peer;
}
