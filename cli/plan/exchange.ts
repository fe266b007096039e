/** What it costs that several workers train one network together: the gradients that they exchange in every step. */
import { rmSync } from 'node:fs';
import { UsageError } from '../../src/core/errors.js';
import type { Experiment } from '../../src/core/experiment.js';
import { joinWorkers } from '../../src/distributed/join.js';
import { localAddresses } from '../../src/distributed/sockets.js';
import { exampleShape } from '../../src/data/index.js';
import { trainingFlops } from '../../src/method/cost/budget.js';
import type { TrainSpec } from '../../src/method/spec/spec.js';
import { networkOf, parameterCount } from '../../src/models/index.js';
import { checkShares } from '../../src/method/training/share.js';
import { EXPERIMENTS, trainExperiments } from '../../experiments/registry.js';
import { measuredSpec, wideSpec, type Plan } from './plan.js';

/** A network between workers. */
export interface Link {
  /** Bytes per second that a worker sends, while it receives as many. */
  readonly bytesPerSecond: number;
  /** Seconds of an exchange of next to nothing. */
  readonly latency: number;
}

/** Seconds of an exchange over a network whose bandwidth is given. */
const ASSUMED_LATENCY = 5e-4;

/** A network of a given bandwidth, in bytes per second. */
export function assumedLink(bytesPerSecond: number): Link {
  return { bytesPerSecond, latency: ASSUMED_LATENCY };
}

/** Values of the exchange by which the bandwidth is measured, and how often it is done. */
const [VALUES, TIMES] = [4e6, 5] as const;

/**
 * What two workers of this machine exchange. Both ends are in this process, so that two processes are up to twice as
 * fast.
 */
export async function measureLink(): Promise<Link> {
  const { folder, addresses } = localAddresses(2, 'gowide-plan-');
  const common = { addresses, secret: '', facts: {}, seconds: 30, notice: () => {}, onStop: () => {} };
  try {
    const workers = await Promise.all([0, 1].map((task) => joinWorkers({ ...common, task })));
    const fastest = async (length: number): Promise<number> => {
      const values = workers.map(() => new Float32Array(length));
      let least = Infinity;
      for (let i = 0; i < TIMES; i++) {
        const started = performance.now();
        await Promise.all(workers.map((worker, task) => worker.sum(values[task]!)));
        least = Math.min(least, (performance.now() - started) / 1000);
      }
      return least;
    };
    await fastest(VALUES);
    const latency = await fastest(1);
    const seconds = Math.max((await fastest(VALUES)) - latency, 1e-6);
    workers.forEach((worker) => worker.close());
    return { bytesPerSecond: sentBytes(VALUES, 2) / seconds, latency };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Bytes that each of the workers sends, and receives, to sum so many values. */
export function sentBytes(values: number, workers: number): number {
  return (4 * values * 2 * (workers - 1)) / workers;
}

/** A training step of a network by several workers. */
export interface Exchange {
  readonly experiment: string;
  readonly arm: string;
  readonly parameters: number;
  /** Bytes that each worker sends in a step, and receives. */
  readonly bytes: number;
  readonly exchangeSeconds: number;
  /** Seconds of a step in one process with the whole batch. */
  readonly aloneSeconds: number;
  /** Seconds of a step of the workers, exchange included; null where the batch has too few examples for so many. */
  readonly togetherSeconds: number | null;
  /** Examples of a step. */
  readonly batch: number;
}

/** What several workers exchange for the wide net of each planned experiment, and for its thin one. */
export function exchangesOf({ scale, rows }: Plan, workers: number, { bytesPerSecond, latency }: Link): Exchange[] {
  return rows.flatMap(({ experiment, flopsPerSecond }) => {
    if (flopsPerSecond === null) return [];
    return specsOf(EXPERIMENTS[experiment]!, scale).map(([arm, spec]): Exchange => {
      const parameters = parameterCount(spec.network);
      const bytes = sentBytes(parameters, workers);
      const exchangeSeconds = latency + bytes / bytesPerSecond;
      const { batch } = spec.training;
      const flops = trainingFlops(networkOf(spec.network), exampleShape(spec.data), { steps: 1, batch });
      const aloneSeconds = flops / flopsPerSecond;
      const togetherSeconds = canShare(spec, workers) ? aloneSeconds / workers + exchangeSeconds : null;
      return { experiment, arm, parameters, bytes, exchangeSeconds, aloneSeconds, togetherSeconds, batch };
    });
  });
}

/** Whether so many workers can train a network together: `train` refuses others. */
function canShare(spec: TrainSpec, workers: number): boolean {
  try {
    checkShares(spec, workers);
    return true;
  } catch (error) {
    if (error instanceof UsageError) return false;
    throw error;
  }
}

/** Throws UsageError where no network of a scale can be trained by so many workers together. */
export function checkWorkers(scale: Plan['scale'], workers: number): void {
  const declared = Object.values(trainExperiments()).flat();
  const specs = declared
    .filter(({ seeds }) => seeds[scale] !== undefined)
    .flatMap((experiment) => specsOf(experiment, scale).map(([, spec]) => spec));
  if (specs.length === 0 || specs.some((spec) => canShare(spec, workers))) return;
  throw new UsageError(
    `--workers ${workers}: the largest batch at scale ${scale} has ` +
      `${Math.max(...specs.map(({ training }) => training.batch))} examples, of which each worker needs one; give fewer`,
  );
}

function specsOf(experiment: Experiment, scale: Plan['scale']): [string, TrainSpec][] {
  return Object.entries({ wide: wideSpec(experiment, scale), thin: measuredSpec(experiment, scale) }).flatMap(
    ([net, spec]): [string, TrainSpec][] => (spec === undefined ? [] : [[net, spec]]),
  );
}
