/**
 * How many (sample, particle) pairs a second one step of direct training moves, by width; beside JAX in the same run.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { Option } from 'commander';
import { FailureError, messageOf } from '../../src/core/errors.js';
import { namesOf } from '../../src/core/registry.js';
import { normals, rngKey } from '../../src/core/rng.js';
import { peerPython } from '../../src/toolchain/python.js';
import type { Kernel } from '../../theory/kernel/interface.js';
import { KERNELS, openKernel, threadCount, type KernelName } from '../../theory/kernel/kernel.js';
import { initialNet } from '../../theory/model/particles.js';
import { wholeNumbersTo } from '../terminal/options.js';
import { textTable } from '../terminal/table.js';
import { peerOption, secondsOption, type Bench } from './bench.js';

/** The rate of one kernel at one width on one number of threads. */
interface BenchRow {
  readonly M: number;
  readonly kernel: KernelName;
  readonly threads: number;
  readonly pairsPerSecond: number;
  /**
   * Share of the arithmetic peak of as many threads, as the native kernel measures it; null where that is not known.
   */
  readonly peakFraction: number | null;
  readonly peer: { readonly name: string; readonly version: string; readonly pairsPerSecond: number } | null;
  /** pairsPerSecond over the peer's. */
  readonly ratio: number | null;
}

/** Rates by kernel, width and threads, and the setting that they were measured in. */
interface ParticleSpeeds {
  readonly rows: readonly BenchRow[];
  /** What was not run, and why. */
  readonly notes: readonly string[];
  readonly setting: { readonly d: number; readonly N: number; readonly L: number; readonly flopsPerPair: number };
}

interface Given {
  readonly widths?: readonly number[];
  /** Seconds for each row. */
  readonly seconds: number;
  readonly peer?: 'jax';
}

const WIDTHS: readonly number[] = [64, 256, 1024, 4096, 16_384, 65_536];
/** Some 9 GB of parameters in the four layers. */
const MOST_WIDTH = 2 ** 24;
const [D, SAMPLES, DEPTH] = [8, 256, 4] as const;

/**
 * Operations that one pair costs the kernel: 7 d multiply-adds (a . z in both passes, b t, b . p, and the gradients by
 * a, b and z), and two tanh of 25 operations each: activations are not stored between the passes.
 */
const FLOPS_PER_PAIR = 2 * 7 * D + 50;
const JAX = 'jax==0.10.2';

function rate(kernel: Kernel, m: number, seconds: number, now: () => number): number {
  const net = initialNet(1, { depth: DEPTH, m, d: D, alpha: 1, c: 1 }, { rho: 0 });
  const [x, y] = [normals(rngKey(1, 'x'), SAMPLES * D), normals(rngKey(1, 'y'), SAMPLES * D)];
  const pairs = m * SAMPLES * DEPTH;
  let [steps, best, spent] = [1, 0, 0];
  kernel.descend(net, x, y, 1e-3, new Float64Array(1));
  while (spent < seconds) {
    const start = now();
    kernel.descend(net, x, y, 1e-3, new Float64Array(steps));
    const took = now() - start;
    spent += took;
    best = Math.max(best, (pairs * steps) / took);
    if (took < 0.05) steps *= 2;
  }
  return best;
}

interface Peer {
  readonly name: string;
  readonly version: string;
  readonly rows: readonly { readonly M: number; readonly pairsPerSecond: number }[];
}

function runJax(python: string, widths: readonly number[], seconds: number): Peer {
  const input = JSON.stringify({ d: D, N: SAMPLES, L: DEPTH, widths, seconds });
  const env = { ...process.env, JAX_PLATFORMS: 'cpu' };
  const { status, stdout, stderr } = spawnSync(python, [join(import.meta.dirname, 'peer_jax.py')], {
    input,
    env,
    encoding: 'utf8',
  });
  if (status !== 0) throw new FailureError(`JAX failed: ${stderr.trim().split('\n').at(-1)}`);
  return JSON.parse(stdout) as Peer;
}

/**
 * Best rates of every kernel on one thread and on all. The peer is measured first and last, the peak beside every row,
 * as either may be disturbed; the best of each counts.
 */
async function measure(
  { widths = WIDTHS, seconds, peer }: Given,
  say: (line: string) => void,
): Promise<ParticleSpeeds> {
  const now = (): number => performance.now() / 1000;
  const notes: string[] = [];
  const python = peer === undefined ? undefined : await peerPython('JAX', [JAX, 'numpy'], notes, say, [JAX, 'jax']);
  const measurePeer = (): Peer | undefined => {
    if (python === undefined) return undefined;
    say('JAX');
    return runJax(python, widths, seconds);
  };
  const before = measurePeer();
  const measured: { M: number; kernel: KernelName; threads: number; pairsPerSecond: number }[] = [];
  const peaks: number[] = [];
  for (const name of namesOf(KERNELS)) {
    try {
      for (const count of new Set([1, threadCount()])) {
        const kernel = openKernel(name, count);
        for (const M of widths) {
          measured.push({ M, kernel: name, threads: count, pairsPerSecond: rate(kernel, M, seconds, now) });
          const peak = kernel.peak();
          if (peak !== undefined) peaks.push(peak);
          say(
            `${name} M = ${M}, ${count} thread${count > 1 ? 's' : ''}: ` +
              `${(measured.at(-1)!.pairsPerSecond / 1e6).toFixed(0)} million pairs/s`,
          );
        }
      }
    } catch (error) {
      notes.push(`${name} was not run: ${messageOf(error)}`);
    }
  }
  const after = measurePeer();
  const peak = peaks.length === 0 ? undefined : Math.max(...peaks);
  const rows = measured.map((row): BenchRow => {
    const rates = [before, after].map((part) => part?.rows.find(({ M }) => M === row.M)?.pairsPerSecond ?? 0);
    const best = Math.max(...rates);
    return {
      ...row,
      peakFraction: peak === undefined ? null : (row.pairsPerSecond * FLOPS_PER_PAIR) / (peak * row.threads),
      peer: before === undefined ? null : { name: before.name, version: before.version, pairsPerSecond: best },
      ratio: best > 0 ? row.pairsPerSecond / best : null,
    };
  });
  return { rows, notes, setting: { d: D, N: SAMPLES, L: DEPTH, flopsPerPair: FLOPS_PER_PAIR } };
}

function tableOf({ rows, notes }: ParticleSpeeds): string {
  const million = (rate: number): string => (rate / 1e6).toFixed(1);
  const lines = rows.map(({ M, kernel, threads, pairsPerSecond, peakFraction, peer, ratio }) => ({
    M,
    kernel,
    threads,
    'million pairs/s': million(pairsPerSecond),
    'of peak': peakFraction === null ? '' : `${(100 * peakFraction).toFixed(0)} %`,
    ...(peer !== null && {
      [`${peer.name} ${peer.version}`]: million(peer.pairsPerSecond),
      ratio: ratio === null ? '' : ratio.toFixed(2),
    }),
  }));
  return [textTable(lines), ...notes].join('\n');
}

/** `gowide bench particles`: pairs of sample and particle per second of one training step, by width. */
export const particles: Bench<Given> = {
  description:
    'pairs (sample x particle) per second of one training step, by width: d = 8, 256 samples, 4 layers, float64',
  options: () => [
    peerOption('jax'),
    new Option('--widths <list>', `particles per layer, up to ${MOST_WIDTH} (default: ${WIDTHS.join(',')})`).argParser(
      wholeNumbersTo(MOST_WIDTH),
    ),
    secondsOption('time for each row', 1),
  ],
  examples: ['', '--peer jax --json'],
  run: async (given, say) => {
    const data = await measure(given, say);
    if (data.rows.length === 0) throw new FailureError(`no rate was measured: ${data.notes.join('; ')}`);
    return { data, text: tableOf(data) };
  },
};
