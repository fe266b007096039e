/** What a bench is, and the options that several take. */
import { InvalidArgumentError, Option } from 'commander';
import { parseNumber } from '../../src/core/number.js';

/** What was measured: as data for `--json`, and as text. */
export interface Measurement {
  readonly data: unknown;
  readonly text: string;
}

/** One of `gowide bench`: its help, and how it measures. `Given` are the values of its options. */
export interface Bench<Given = object> {
  readonly description: string;
  /** Made anew for each program, beside `--json`, which every bench has. */
  readonly options: () => readonly Option[];
  /** What stands after `gowide bench <name>` in the examples of its help. */
  readonly examples: readonly string[];
  /** Measures; `say` takes what is known on the way. */
  run(given: Given, say: (line: string) => void): Promise<Measurement>;
}

function positiveSeconds(text: string): number {
  const value = parseNumber(text);
  if (value === undefined || !(value > 0 && value <= 600))
    throw new InvalidArgumentError('Expected seconds above 0, at most 600.');
  return value;
}

/** `--seconds`: how long each measurement takes. */
export function secondsOption(what: string, seconds: number): Option {
  return new Option('--seconds <n>', what).default(seconds).argParser(positiveSeconds);
}

/** `--peer`: the other program that is measured in the same run. */
export function peerOption(name: string): Option {
  return new Option(
    '--peer <name>',
    'measure another program in the same run; makes a Python environment in the cache',
  ).choices([name]);
}

/** `--case` and `--cases`: one of the cases in this process, by itself, or some in processes of their own. */
export function caseOptions(cases: Iterable<string>, usual: string): Option[] {
  return [
    new Option('--case <name>', 'one case, in this process').conflicts(['cases', 'peer']),
    new Option(
      '--cases <list>',
      `some of the cases, with commas between: ${[...cases].join(', ')} (default: ${usual})`,
    ).argParser((text: string) => text.split(',')),
  ];
}
