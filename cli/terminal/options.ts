/** Options that several commands share, and how their values are checked. */
import { readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { InvalidArgumentError, Option, type Command } from 'commander';
import { isTableName } from '../../reports/data/table-names.js';
import { SCALES, type Scale } from '../../src/core/experiment.js';
import { UsageError } from '../../src/core/errors.js';
import { isFolder } from '../../src/core/folder.js';
import { MOST_SEEDS } from '../../src/core/magnitudes.js';
import { parseNumber, parseWhole } from '../../src/core/number.js';
import { shellWord } from '../../src/core/shell.js';
import { makeWritable } from '../../src/store/atomic.js';
import { refuseInRuns } from '../../src/store/output.js';
import { isThere } from '../../src/store/regular.js';
import { withoutPasswords } from '../../src/sweep/address.js';

/** The folder of runs and report where `--out` names none, in the current one. */
export const DEFAULT_OUT = 'gowide-out';

/** The end of a command's help: command lines as examples, and what else is to be said. */
export function examples(lines: readonly string[], note?: string): string {
  return `\nExamples:${lines.map((line) => `\n  ${line}`).join('')}${note === undefined ? '' : `\n\n${note}`}`;
}

/** Options that may be given several times: their values are a list. */
const REPEATABLE = new WeakSet<Option>();

/** Makes an option one that may be given several times, with the list of its values; none unless given. */
export function repeatable(option: Option): Option {
  REPEATABLE.add(option);
  return option.default([]).argParser((value: string, list: readonly string[]) => [...list, value]);
}

/**
 * Has a command refuse an option that is given twice with different values, of which only the last would count; those
 * that may be given several times are left alone.
 */
export function refuseTwice(command: Command): void {
  for (const option of command.options) {
    if (REPEATABLE.has(option)) continue;
    let first: string | undefined;
    command.on(`option:${option.name()}`, (value: string | null) => {
      if (first !== undefined && value !== null && value !== first)
        command.error(`error: option '${option.flags}' is given twice, "${first}" and "${value}"; expected it once`);
      first = value ?? undefined;
    });
  }
}

/** Whether a text is a number that is too large for its option, though no bound is set there. */
const isHuge = (text: string): boolean => Number(text) > Number.MAX_SAFE_INTEGER;

/** Bounds that parsers of numbers have, in words, as help says them. */
const BOUNDS = new WeakMap<object, string>();

/** Upper bounds from here on are not said: nobody meets them. */
const VAST = 1e6;

/** A parser whose bounds help says, but those that go without saying, such as 1 for a number of things. */
function bounded<Parser extends object>(parser: Parser, low: number, high: number): Parser {
  const [isLow, isHigh] = [low > 1, high < VAST];
  const from = isLow ? `from ${low}${isHigh ? ` to ${high}` : ''}` : `at most ${high}`;
  if (isLow || isHigh) BOUNDS.set(parser, from);
  return parser;
}

/** The bounds of an option's number, in words; undefined where there are none to be said. */
export function boundsOf({ parseArg }: Option): string | undefined {
  return parseArg === undefined ? undefined : BOUNDS.get(parseArg);
}

/** Parser of a whole number that is at least `low`. */
export function wholeNumber(low: number, high = Number.MAX_SAFE_INTEGER): (text: string) => number {
  const parse = (text: string): number => {
    const most = high < Number.MAX_SAFE_INTEGER || isHuge(text) ? ` and at most ${high}` : '';
    const value = parseWhole(text);
    if (value === undefined || value > high || value < low)
      throw new InvalidArgumentError(`Expected a whole number of at least ${low}${most}.`);
    return value;
  };
  return bounded(parse, low, high);
}

/** Parser of a number from `low` to `high`. */
export function numberFrom(low: number, high: number): (text: string) => number {
  const parse = (text: string): number => {
    const value = parseNumber(text);
    if (value === undefined || value < low || value > high)
      throw new InvalidArgumentError(`Expected a number from ${low} to ${high}.`);
    return value;
  };
  BOUNDS.set(parse, `from ${low} to ${high}`);
  return parse;
}

/** Parser of a number above 0, and at most `high`. */
export function positiveNumber(high = Number.MAX_VALUE): (text: string) => number {
  const parse = (text: string): number => {
    const most = high < Number.MAX_VALUE || isHuge(text) ? `, at most ${high}` : '';
    const value = parseNumber(text);
    if (value === undefined || !(value > 0 && value <= high))
      throw new InvalidArgumentError(`Expected a number above 0${most}.`);
    return value;
  };
  return bounded(parse, 0, high);
}

/** Parser of whole numbers from 1 to `high` with commas between. */
export function wholeNumbersTo(high: number): (text: string) => number[] {
  const parse = (text: string): number[] =>
    text.split(',').map((part) => {
      const value = parseWhole(part);
      const most = high < Number.MAX_SAFE_INTEGER || isHuge(part) ? ` and at most ${high}` : '';
      if (value === undefined || value < 1 || value > high)
        throw new InvalidArgumentError(`Expected whole numbers of at least 1${most}, with commas between.`);
      return value;
    });
  return bounded(parse, 1, high);
}

/** Parser of whole numbers of at least 1 with commas between. */
export const wholeNumbers = wholeNumbersTo(Number.MAX_SAFE_INTEGER);

/** `--out`: the folder of runs and report. */
export const outOption = (): Option => new Option('--out <dir>', 'folder of runs and report').default(DEFAULT_OUT);
/** `--scale`: one of the sizes at which experiments are declared. */
export const scaleOption = (scales: readonly Scale[] = SCALES): Option =>
  new Option('--scale <name>', 'size of everything').choices(scales).default('minutes');
/** `--seed`: the first seed, from 0 on. */
export const seedOption = (): Option =>
  new Option('--seed <n>', 'first seed; the others follow').default(1).argParser(wholeNumber(0));
/** `--seeds`: how many seeds, as many as the scale declares unless given; `but`: where a command has other ones. */
export const seedsOption = (but?: string): Option => {
  const unlessGiven = `default: what the scale declares${but === undefined ? '' : `; ${but}`}`;
  return new Option('--seeds <n>', `number of seeds (${unlessGiven})`).argParser(wholeNumber(1, MOST_SEEDS));
};
/** `--json`: data on standard output in the place of text. */
export const jsonOption = (): Option => new Option('--json', 'print data as JSON on standard output');
/** `--jobs`: how many runs are at work at once. */
export const jobsOption = (): Option =>
  new Option('--jobs <n>', 'runs at once, each in a process of its own')
    .default(Math.min(4, availableParallelism()), 'one for each core, at most 4')
    .argParser(wholeNumber(1, 1024));

/**
 * Makes the output folder and checks that files can be written there, before any work is done; `option` is the one that
 * names it. Throws UsageError, also where it is among the runs of a store.
 */
export function checkOut(out: string, option = '--out'): string {
  const path = resolve(out);
  refuseInRuns(path);
  makeWritable(path, option);
  return path;
}

/** A folder with runs that is only read. */
export function hasRuns(out: string): boolean {
  const runs = join(resolve(out), 'runs');
  return isThere(runs) && isFolder(runs);
}

/** A folder with tables that `gowide report --tables` wrote. */
export function hasTables(folder: string): boolean {
  return isThere(folder) && isFolder(folder) && readdirSync(folder).some(isTableName);
}

/** What to say of a folder without runs: why there are none, and what to do; `remedy` is that of any other folder. */
export function noRuns(folder: string, remedy: string): string {
  const path = resolve(folder);
  if (!isThere(path)) return `${path}: no runs there, as there is no such folder; ${remedy}`;
  if (!isFolder(path)) return `${path}: no runs there, as it is a file; expected a folder with runs`;
  const store = [dirname(path), dirname(dirname(path))].find((above) =>
    [path, dirname(path)].includes(join(above, 'runs')),
  );
  if (store !== undefined && hasRuns(store))
    return `${path}: no runs there, as it is within the folder ${store}, which has them; name that one`;
  return `${path}: no runs there; ${remedy}`;
}

/** Throws UsageError where there is nothing to report. */
export function checkRuns(folder: string): void {
  if (!hasRuns(folder) && !hasTables(folder))
    throw new UsageError(noRuns(folder, `make some with: gowide reproduce --out ${shellWord(folder)}`));
}

/** The command as typed, without passwords, for records and for what is printed after a stop. */
export function typedCommand(): string {
  return withoutPasswords(['gowide', ...process.argv.slice(2).map(shellWord)].join(' '));
}
