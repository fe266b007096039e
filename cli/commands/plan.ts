import { Command, Option } from 'commander';
import { UsageError } from '../../src/core/errors.js';
import { parseScale, type Scale } from '../../src/core/experiment.js';
import { groupBy } from '../../src/core/group.js';
import { requestedEngine, tuneFor } from '../../src/engine/engines/choose.js';
import type { Exchange, Link } from '../plan/exchange.js';
import type { Measured, Plan } from '../plan/plan.js';
import { printedBy } from '../terminal/executable.js';
import { notice } from '../terminal/notices.js';
import { examples, jsonOption, numberFrom, scaleOption, wholeNumber } from '../terminal/options.js';
import { engineOption } from '../terminal/run-options.js';
import { textTable } from '../terminal/table.js';
import { openForCommand } from '../terminal/work.js';

interface Options {
  readonly scale: string;
  readonly devices: number;
  readonly workers?: number;
  readonly bandwidth?: number;
  readonly tflops?: number;
  readonly engine?: string;
  readonly json?: boolean;
  readonly measure?: string;
}

/** TFLOP/s of a device and GB/s of a network that may be assumed: far beyond what there is, and still in numbers. */
const POSSIBLE = [1e-6, 1e6] as const;

/** Processes that share a scale, at most. */
const MOST_DEVICES = 1e6;

/** A duration in the unit that suits it. */
function duration(hours: number): string {
  const seconds = hours * 3600;
  if (seconds < 0.05 && seconds > 0) return `${seconds.toExponential(1)} s`;
  if (hours < 1 / 60) return `${seconds.toFixed(1)} s`;
  if (hours < 1) return `${(hours * 60).toFixed(1)} min`;
  return hours < 48 ? `${hours.toFixed(1)} h` : `${(hours / 24).toFixed(hours < 2400 ? 1 : 0)} days`;
}

function bytes(value: number): string {
  return value < 1e9 ? `${(value / 1e6).toFixed(1)} MB` : `${(value / 1e9).toFixed(1)} GB`;
}

/** So many of what the machine is called, which begins with a plural. */
function several(count: number, machine: string): string {
  return `${count} ${count === 1 ? machine.replace(/^(device|process)(e?s)/, '$1') : machine}`;
}

/** Ids of the claims that are left to each larger scale. */
function leftByScale(left: Plan['left']): Map<Scale, readonly string[]> {
  const groups = groupBy(left, ({ scale }) => scale);
  return new Map([...groups].map(([scale, claims]) => [scale, claims.map(({ id }) => id)]));
}

function print({ rows, total, claims, left, data }: Plan, machine: string, devices: number): void {
  const table = rows.map((row) => ({
    experiment: row.experiment,
    arms: row.arms,
    runs: row.runs,
    PFLOP: row.petaflops === null ? '' : row.petaflops.toPrecision(3),
    'GFLOP/s': row.flopsPerSecond === null ? '' : (row.flopsPerSecond / 1e9).toPrecision(3),
    memory: row.memoryBytes === null ? '' : bytes(row.memoryBytes),
    disk: bytes(row.diskBytes),
    time: duration(row.deviceHours),
    [`on ${devices}`]: duration(row.deviceHours / devices),
  }));
  const { runs, deviceHours } = total;
  process.stdout.write(`${textTable(table)}\n`);
  process.stdout.write(
    `in all: ${duration(deviceHours)} of one process, ` +
      `${duration(deviceHours / devices)} on ${several(devices, machine)}\n`,
  );
  const listed = rows.reduce((sum, row) => sum + row.runs, 0);
  if (runs < listed)
    process.stdout.write(
      `Experiments share runs: the ${listed} of the table are ${runs}, each of which counts once.\n`,
    );
  process.stdout.write('\n');
  process.stdout.write(
    `${textTable(claims.map(({ id, experiment, runs, deviceHours }) => ({ claim: id, experiment, runs, time: duration(deviceHours) })))}\n`,
  );
  process.stdout.write('Claims share runs: what each would take alone.\n');
  for (const [scale, ids] of leftByScale(left)) process.stdout.write(`Left to scale ${scale}: ${ids.join(', ')}\n`);
  for (const line of data) process.stdout.write(`${line}\n`);
}

async function planTogether(
  plan: Plan,
  workers: number,
  bandwidth: number | undefined,
): Promise<{ readonly link: Link; readonly exchanges: readonly Exchange[] }> {
  const { assumedLink, exchangesOf, measureLink } = await import('../plan/exchange.js');
  const link = bandwidth === undefined ? await measureLink() : assumedLink(bandwidth * 1e9);
  return { link, exchanges: exchangesOf(plan, workers, link) };
}

function printExchanges(exchanges: readonly Exchange[], workers: number, { bytesPerSecond, latency }: Link): void {
  const milliseconds = (seconds: number): string => (1000 * seconds).toPrecision(3);
  const rows = exchanges.map(({ experiment, arm, parameters, ...step }) => ({
    experiment,
    net: arm,
    parameters,
    'exchange, bytes': bytes(step.bytes),
    'exchange, ms': milliseconds(step.exchangeSeconds),
    'step alone, ms': milliseconds(step.aloneSeconds),
    ...(step.togetherSeconds === null
      ? { [`by ${workers} workers, ms`]: `a batch of ${step.batch}: too many`, 'times as fast': '' }
      : {
          [`by ${workers} workers, ms`]: milliseconds(step.togetherSeconds),
          'times as fast': (step.aloneSeconds / step.togetherSeconds).toPrecision(3),
        }),
  }));
  const network = `${(bytesPerSecond / 1e9).toPrecision(3)} GB/s each way, ${milliseconds(latency)} ms for next to nothing`;
  process.stdout.write(`\nOne run by ${workers} workers (train --workers), which exchange its gradients: ${network}\n`);
  process.stdout.write(`${textTable(rows)}\n`);
}

/** Measures one experiment in this process, for the process that plans it. */
async function measureHere(experiment: string, scale: Scale, engine: string | undefined): Promise<void> {
  const { measuredStepFlops, measureExperiment } = await import('../plan/plan.js');
  tuneFor(measuredStepFlops(experiment, scale));
  await openForCommand(engine);
  process.stdout.write(`${JSON.stringify(await measureExperiment(experiment, scale, 3))}\n`);
}

/** Measures one experiment in a process of its own: an engine's threads are settled once, for one network. */
function measureApart(experiment: string, scale: Scale, engine: string | undefined): Promise<Measured> {
  const chosen = engine === undefined ? [] : ['--engine', engine];
  return printedBy(['plan', '--scale', scale, '--measure', experiment, ...chosen]);
}

/** Plans a scale, and prints what it takes. */
async function run(options: Options): Promise<void> {
  const { devices, workers, bandwidth, tflops, engine, json, measure } = options;
  const scale = parseScale(options.scale);
  requestedEngine(engine);
  if (bandwidth !== undefined && workers === undefined)
    throw new UsageError('--bandwidth: expected with --workers only');
  if (measure !== undefined) return measureHere(measure, scale, engine);
  if (workers !== undefined) (await import('../plan/exchange.js')).checkWorkers(scale, workers);
  const { planScale } = await import('../plan/plan.js');
  const machine =
    tflops === undefined
      ? 'processes as measured here'
      : `devices with ${tflops} TFLOP/s attained in training (assumed)`;
  const flopsPerSecond = tflops === undefined ? undefined : tflops * 1e12;
  const plan = await planScale(scale, flopsPerSecond, (name) => measureApart(name, scale, engine), notice);
  const together = workers === undefined ? undefined : await planTogether(plan, workers, bandwidth);
  if (json) {
    const { link, exchanges } = together ?? {};
    const more = together === undefined ? {} : { workers, link, exchanges };
    process.stdout.write(`${JSON.stringify({ machine, devices, ...plan, ...more }, null, 2)}\n`);
    return;
  }
  print(plan, machine, devices);
  if (together !== undefined) printExchanges(together.exchanges, workers!, together.link);
}

/** `gowide plan`. */
export function command(): Command {
  return new Command('plan')
    .description(
      'operations, memory, disk and time of a scale before anything is started, ' +
        'from a few training steps measured here',
    )
    .addOption(scaleOption())
    .option(
      '--devices <n>',
      'processes at once: small nets take one core each, large ones a machine or a GPU',
      wholeNumber(1, MOST_DEVICES),
      1,
    )
    .option('--workers <n>', 'what it costs that so many train one network together', wholeNumber(2, MOST_DEVICES))
    .option(
      '--bandwidth <n>',
      'with --workers: assume a network with so many GB/s each way instead of measuring this machine',
      numberFrom(...POSSIBLE),
    )
    .option(
      '--tflops <n>',
      'assume that many TFLOP/s attained in training instead of measuring this machine',
      numberFrom(...POSSIBLE),
    )
    .addOption(engineOption())
    .addOption(jsonOption())
    .addOption(new Option('--measure <experiment>', 'one measurement, in this process').hideHelp())
    .addHelpText(
      'after',
      examples([
        'gowide plan --scale paper',
        'gowide plan --scale paper --devices 8 --tflops 60',
        'gowide plan --scale laptop --json',
        'gowide plan --scale paper --tflops 60 --workers 8 --bandwidth 10',
      ]),
    )
    .action(run);
}
