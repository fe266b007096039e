import { Command, Option } from 'commander';
import { FailureError, UsageError } from '../../src/core/errors.js';
import { EXECUTABLE } from '../terminal/executable.js';
import { examples, jsonOption, positiveNumber, wholeNumber } from '../terminal/options.js';
import { Progress } from '../terminal/progress.js';

interface Options {
  readonly faults?: boolean;
  readonly checks?: string;
  readonly percent: number;
  readonly minutes: number;
  readonly json?: boolean;
  readonly fuzzHere?: string;
  readonly fuzzCount?: number;
}

const sign = (pass: boolean | undefined): string => (pass === undefined ? 'skip' : pass ? 'pass' : 'FAIL');

/** `gowide selftest`. */
export function command(): Command {
  return new Command('selftest')
    .description(
      'break things on purpose: kill workers and Redis, fill disks, damage files and inputs, and count what was lost',
    )
    .option('--faults', 'run the checks')
    .option('--checks <names>', 'some of them, with commas between')
    .addOption(
      new Option('--percent <n>', 'of all kills, damages, inputs and steps, for a shorter form')
        .default(100)
        .argParser(wholeNumber(1)),
    )
    .addOption(new Option('--minutes <n>', 'longest time of one check').default(60).argParser(positiveNumber()))
    .addOption(new Option('--fuzz-here <folder>').hideHelp())
    .addOption(new Option('--fuzz-count <n>').argParser(wholeNumber(1)).hideHelp())
    .addOption(jsonOption())
    .addHelpText(
      'after',
      examples(['gowide selftest --faults', 'gowide selftest --faults --checks kill,damage --percent 10']),
    )
    .action(async ({ faults, checks, percent, minutes, json, fuzzHere, fuzzCount }: Options) => {
      if (fuzzHere !== undefined) {
        const { fuzzHere: fuzz } = await import('../selftest/fuzz.js');
        return void process.stdout.write(`${JSON.stringify(fuzz(fuzzHere, fuzzCount ?? 100))}\n`);
      }
      if (!faults) throw new UsageError('selftest: say what is to be tested: --faults');
      const progress = new Progress();
      const { selftest } = await import('../selftest/selftest.js');
      const results = await selftest({
        program: EXECUTABLE,
        checks: checks?.split(','),
        share: percent / 100,
        limitSeconds: 60 * minutes,
        onLine: (check, line) => progress.update(check, 0, line),
        onResult: ({ id, pass, figure, seconds, what }) => {
          progress.clear();
          if (!json) process.stdout.write(`${sign(pass)}  ${id.padEnd(14)} ${what}\n      ${figure} (${seconds} s)\n`);
        },
      });
      const count = (pass: boolean | undefined): number => results.filter((result) => result.pass === pass).length;
      if (json) process.stdout.write(`${JSON.stringify({ results }, null, 2)}\n`);
      else process.stdout.write(`${count(true)} passed, ${count(false)} failed, ${count(undefined)} skipped\n`);
      if (count(false) > 0)
        throw new FailureError(
          `${count(false)} checks failed: ${results
            .filter(({ pass }) => pass === false)
            .map(({ id }) => id)
            .join(', ')}`,
        );
    });
}
