/**
 * How many (sample, particle) pairs a second one step of direct training moves, by width; beside JAX in the same run.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { FailureError, messageOf } from '../../src/core/errors.js';
import { normals, rngKey } from '../../src/core/rng.js';
import { peerPython } from '../../src/toolchain/python.js';
import { KERNELS, openKernel, threadCount, type KernelName } from '../../theory/kernel/kernel.js';
import { namesOf } from '../../src/core/registry.js';
import type { Kernel } from '../../theory/kernel/interface.js';
import { initialNet } from '../../theory/model/particles.js';

export interface BenchRow {
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

export interface Bench {
  readonly rows: readonly BenchRow[];
  /** What was not run, and why. */
  readonly notes: readonly string[];
  readonly setting: { readonly d: number; readonly N: number; readonly L: number; readonly flopsPerPair: number };
}

export interface BenchOptions {
  readonly widths: readonly number[];
  /** Seconds for each row. */
  readonly seconds: number;
  readonly peer: 'jax' | undefined;
  readonly threads?: readonly number[];
  readonly onRow?: (text: string) => void;
}

export const BENCH_WIDTHS: readonly number[] = [64, 256, 1024, 4096, 16_384, 65_536];
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
 * Best rates of every kernel on one thread and on all; the peer is measured first and last, and the better of both
 * counts.
 */
export async function benchParticles({
  widths,
  seconds,
  peer,
  threads = [...new Set([1, threadCount()])],
  onRow,
}: BenchOptions): Promise<Bench> {
  const now = (): number => performance.now() / 1000;
  const notes: string[] = [];
  const python =
    peer === undefined
      ? undefined
      : await peerPython('JAX', [JAX, 'numpy'], notes, (text) => onRow?.(text), [JAX, 'jax']);
  const measurePeer = (): Peer | undefined => {
    if (python === undefined) return undefined;
    onRow?.('JAX');
    return runJax(python, widths, seconds);
  };
  const before = measurePeer();
  const measured: { M: number; kernel: KernelName; threads: number; pairsPerSecond: number }[] = [];
  let peak: number | undefined;
  for (const name of namesOf(KERNELS)) {
    try {
      for (const count of threads) {
        const kernel = openKernel(name, count);
        peak ??= kernel.peak();
        for (const M of widths) {
          measured.push({ M, kernel: name, threads: count, pairsPerSecond: rate(kernel, M, seconds, now) });
          onRow?.(
            `${name} M = ${M}, ${count} thread${count > 1 ? 's' : ''}: ${(measured.at(-1)!.pairsPerSecond / 1e6).toFixed(0)} million pairs/s`,
          );
        }
      }
    } catch (error) {
      notes.push(`${name} was not run: ${messageOf(error)}`);
    }
  }
  const after = measurePeer();
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
