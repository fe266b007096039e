#!/usr/bin/env node
/** The executable: pairs each declaration with its executor, and the command line with both. */
import { fileURLToPath } from 'node:url';
import type { writeComparison } from '../reports/page/compare.js';
import type { writeReport } from '../reports/page/report.js';
import type { writeResults } from '../reports/page/results.js';
import type { watchRuns } from '../reports/page/watch.js';
import type { Scale } from '../src/core/experiment.js';
import { WORKER_COMMAND } from './terminal/app.js';
import { runProgram } from './program.js';
import type { BenchOptions as NetworkBench, Benchmark, Measured } from './bench/compare.js';
import { exportRun } from '../src/method/export.js';
import { countParameters, preparePredict } from '../src/models/files.js';
import type { scoreSquad } from '../src/data/squad-score.js';
import { serveJobs } from '../src/sweep/worker.js';
import { runTool } from '../src/toolchain/tools.js';
import type { BenchOptions } from './bench/particles.js';
import { kernel, threadCount, whyNotNative } from '../theory/kernel/kernel.js';
import type { simulate } from '../theory/simulate/simulate.js';
import { STUDIES } from '../theory/studies/index.js';
import type { SweepBench } from './bench/sweep.js';
import type { measureExperiment } from './plan/plan.js';
import type { SelftestOptions } from './selftest/selftest.js';
import { GRIDS } from '../experiments/rates.js';
import {
  EXPERIMENTS,
  RUNNERS,
  THEORY_EXPERIMENTS,
  TRAIN_EXPERIMENTS,
  trainExperiment,
} from '../experiments/registry.js';

/** Loaded when they are run. */
const BENCHMARKS: Readonly<Record<string, { readonly description: string; readonly load: () => Promise<Benchmark> }>> =
  {
    resnet50: {
      description:
        'images per second of ResNet-50: training (SGD with momentum) and inference at 224 and 32 pixels, and of the loader that feeds it',
      load: async () => (await import('./bench/resnet.js')).RESNET50,
    },
    'bert-base': {
      description:
        'sequences per second of BERT_BASE: masked-LM training (AdamW) and inference, 8 x 128 tokens, and of the tokenizer that feeds it',
      load: async () => (await import('./bench/bert.js')).BERT_BASE,
    },
  };

const [first] = process.argv.slice(2);
if (first === WORKER_COMMAND && process.send !== undefined) {
  serveJobs(RUNNERS);
} else {
  const app = {
    experiments: EXPERIMENTS,
    studies: THEORY_EXPERIMENTS.map((experiment) => ({
      ...experiment,
      law: STUDIES[experiment.name]!.law,
      rule: STUDIES[experiment.name]!.rule,
    })),
    trainings: TRAIN_EXPERIMENTS,
    training: trainExperiment,
    grids: GRIDS,
    runners: RUNNERS,
    // vega is large: it is loaded when it is needed
    report: async (...given: Parameters<typeof writeReport>) =>
      (await import('../reports/page/report.js')).writeReport(...given),
    compare: async (...given: Parameters<typeof writeComparison>) =>
      (await import('../reports/page/compare.js')).writeComparison(...given),
    writeResults: async (...given: Parameters<typeof writeResults>) =>
      (await import('../reports/page/results.js')).writeResults(...given),
    watch: async (...given: Parameters<typeof watchRuns>) =>
      (await import('../reports/page/watch.js')).watchRuns(...given),
    plan: async (
      scale: Scale,
      flopsPerSecond: number | undefined,
      engine: string | undefined,
      onLine: (text: string) => void,
    ) => {
      const measure = async (name: string): Promise<Awaited<ReturnType<typeof measureExperiment>>> => {
        const args = [
          'plan',
          '--scale',
          scale,
          '--measure',
          name,
          ...(engine === undefined ? [] : ['--engine', engine]),
        ];
        return JSON.parse(await runTool(process.execPath, [fileURLToPath(import.meta.url), ...args])) as Awaited<
          ReturnType<typeof measureExperiment>
        >;
      };
      return (await import('./plan/plan.js')).planScale(scale, flopsPerSecond, measure, onLine);
    },
    planStepFlops: async (name: string, scale: Scale) =>
      (await import('./plan/plan.js')).measuredStepFlops(name, scale),
    measurePlan: async (name: string, scale: Scale) => ({
      ...(await (await import('./plan/plan.js')).measureExperiment(name, scale, 3)),
    }),
    selftest: async (options: Omit<SelftestOptions, 'program'>) =>
      (await import('./selftest/selftest.js')).selftest({ ...options, program: fileURLToPath(import.meta.url) }),
    fuzzHere: async (folder: string, count: number) => (await import('./selftest/fuzz.js')).fuzzHere(folder, count),
    // mathjs is large: it is loaded when it is needed
    verify: async (onGroup: (name: string, done: number, total: number) => void) => {
      const { PINNED, verifyAll } = await import('../theory/verify/verify.js');
      return verifyAll(PINNED, onGroup);
    },
    limit: async (name: string) => (await import('../theory/verify/limits.js')).limitByName(name),
    simulate: async (...given: Parameters<typeof simulate>) =>
      (await import('../theory/simulate/simulate.js')).simulate(...given),
    benchSweep: async (options: SweepBench) => (await import('./bench/sweep.js')).benchSweep(options),
    benchParticles: async (options: Omit<BenchOptions, 'widths'> & { widths?: readonly number[] }) => {
      const { BENCH_WIDTHS, benchParticles } = await import('./bench/particles.js');
      return benchParticles({ ...options, widths: options.widths ?? BENCH_WIDTHS });
    },
    scoreSquad: async (...given: Parameters<typeof scoreSquad>) =>
      (await import('../src/data/squad-score.js')).scoreSquad(...given),
    countParameters,
    preparePredict,
    exportRun,
    benchmarks: Object.fromEntries(
      Object.entries(BENCHMARKS).map(([network, { description }]) => [network, description]),
    ),
    benchNetwork: async (
      network: string,
      options: Omit<NetworkBench, 'spawnCase'> & { engine: string | undefined },
    ) => {
      const { compare } = await import('./bench/compare.js');
      const engine = options.engine === undefined ? [] : ['--engine', options.engine];
      const spawnCase = async (name: string): Promise<Measured & { engine: string }> => {
        const args = ['bench', network, '--case', name, '--seconds', String(options.seconds), '--json', ...engine];
        return JSON.parse(await runTool(process.execPath, [fileURLToPath(import.meta.url), ...args])) as Measured & {
          engine: string;
        };
      };
      return compare(await BENCHMARKS[network]!.load(), { ...options, spawnCase });
    },
    measureNetwork: async (network: string, name: string, seconds: number) =>
      (await import('./bench/compare.js')).measureCase(await BENCHMARKS[network]!.load(), name, seconds),
    kernel: async () => ({ name: kernel().name, threads: threadCount(), reason: whyNotNative() ?? null }),
    executable: fileURLToPath(import.meta.url),
  };
  process.exitCode = await runProgram(app, process.argv.slice(2));
}
