/** Benches of networks: each case in a process of its own, beside PyTorch where that is asked for. */
import { requestedEngine } from '../../src/engine/engines/choose.js';
import { lookUp } from '../../src/core/registry.js';
import { engineOption } from '../terminal/run-options.js';
import { printedBy } from '../terminal/executable.js';
import { textTable } from '../terminal/table.js';
import { openForCommand } from '../terminal/work.js';
import { caseOptions, peerOption, secondsOption, type Bench, type Measurement } from './bench.js';
import { compare, measureCase, type Measured, type NetworkCases, type SpeedTable } from './compare.js';

/** Values of the options of a network’s bench. */
export interface NetworkOptions {
  /** One case, measured in this process. */
  readonly case?: string;
  readonly cases?: string[];
  readonly peer?: 'torch';
  readonly seconds: number;
  readonly engine?: string;
}

/** The bench `name` of a network whose cases are declared. */
export function networkBench(name: string, description: string, network: NetworkCases): Bench<NetworkOptions> {
  return {
    description,
    options: () => [
      peerOption('torch'),
      ...caseOptions(Object.keys(network.cases), 'those not for a GPU'),
      secondsOption('time for each measurement', 20),
      engineOption(),
    ],
    examples: ['', '--peer torch --json'],
    run: (given, say) =>
      given.case === undefined
        ? measureAll(name, network, given, say)
        : measureOne(network, given.case, given.seconds, given.engine),
  };
}

async function measureOne(
  network: NetworkCases,
  name: string,
  seconds: number,
  asked: string | undefined,
): Promise<Measurement> {
  const one = lookUp('case', network.cases, name);
  const engine = await openForCommand(asked);
  const measured = await measureCase(one, seconds, engine.device);
  return {
    data: { case: name, engine: `${engine.name} (${engine.device})`, ...measured },
    text: `${measured.perSecond.toFixed(2)} a second`,
  };
}

async function measureAll(
  bench: string,
  network: NetworkCases,
  { peer, cases, seconds, engine }: NetworkOptions,
  say: (line: string) => void,
): Promise<Measurement> {
  requestedEngine(engine);
  const asked = engine === undefined ? [] : ['--engine', engine];
  const spawnCase = (name: string): Promise<Measured & { engine: string }> =>
    printedBy(['bench', bench, '--case', name, '--seconds', String(seconds), '--json', ...asked]);
  const table = await compare(network, { seconds, peer, cases, spawnCase, say });
  return { data: table, text: speedText(table, peer !== undefined) };
}

function speedText({ unit, rows, notes }: SpeedTable, compared: boolean): string {
  const megabytes = (bytes: number): string => `${Math.round(bytes / 1e6)} MB`;
  const lines = rows.map(({ case: name, engine, perSecond, peakMemoryBytes, peer, ratio }) => ({
    case: name,
    engine,
    [`${unit}/s`]: perSecond.toFixed(1),
    memory: megabytes(peakMemoryBytes),
    ...(compared && {
      peer: peer === null ? '' : peer.perSecond.toFixed(1),
      'its memory': peer === null ? '' : megabytes(peer.peakMemoryBytes),
      ratio: ratio === null ? '' : ratio.toFixed(2),
    }),
  }));
  return [textTable(lines), ...notes].join('\n');
}
