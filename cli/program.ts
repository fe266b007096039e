/** The command line: one line for every error, and an exit status that says whose it was. */
import { Command, CommanderError } from 'commander';
import { asFileError } from '../src/store/atomic.js';
import { codeOf, InterruptedError, messageOf, UsageError } from '../src/core/errors.js';
import { asMissingPackage, packageVersion } from '../src/core/package.js';
import { hideAddresses, withoutPasswords } from '../src/sweep/address.js';
import { addCommands, type Commands } from './terminal/group.js';

/** Every command, in the order in which help lists them. A new one is a file in `commands/` and a line here. */
export const COMMANDS: Commands = {
  reproduce: () => import('./commands/reproduce.js'),
  demo: () => import('./commands/demo.js'),
  theory: () => import('./commands/theory/index.js'),
  train: () => import('./commands/train.js'),
  tune: () => import('./commands/tune.js'),
  frontier: () => import('./commands/frontier.js'),
  thin: () => import('./commands/thin.js'),
  params: () => import('./commands/params.js'),
  predict: () => import('./commands/predict.js'),
  squad: () => import('./commands/squad.js'),
  sweep: () => import('./commands/sweep.js'),
  worker: () => import('./commands/worker.js'),
  runs: () => import('./commands/runs/index.js'),
  report: () => import('./commands/report.js'),
  watch: () => import('./commands/watch.js'),
  plan: () => import('./commands/plan.js'),
  verify: () => import('./commands/verify.js'),
  selftest: () => import('./commands/selftest.js'),
  bench: () => import('./commands/bench.js'),
  doctor: () => import('./commands/doctor.js'),
  engine: () => import('./commands/engine.js'),
};

/** The program with the commands that its arguments need. */
async function buildProgram(args: readonly string[]): Promise<Command> {
  const program = new Command('gowide')
    .description('Mean-field theory simulator and experiment suite for “Go Wide, Then Narrow” (Zhou et al., ICML 2020)')
    .version(packageVersion())
    .option('--debug', 'print stack traces')
    .addHelpText(
      'after',
      '\nExamples:\n  gowide demo                          the kept report, at once\n  gowide reproduce --scale minutes     run everything, write gowide-out/report.html\n  gowide theory run all                the theory studies alone\n  gowide train resnet --arm direct     one arm of one experiment\n  gowide doctor                        what this machine has\n\nExit status: 0 done, 1 failed, 2 wrong use, 130 stopped.',
    );
  const [first = ''] = args;
  if (!['-V', '--version'].includes(first)) await addCommands(program, COMMANDS, args);
  for (const command of everyCommand(program)) {
    command
      .exitOverride(rethrowWith(command))
      .configureOutput({ outputError: () => {} })
      .showSuggestionAfterError(true);
    if (command !== program) command.option('--debug', 'print stack traces');
  }
  everyCommand(program)
    .filter(({ commands }) => commands.length > 0)
    .forEach(addHelp);
  program.hook('preAction', (_, command) => refuseEmpty(command));
  return program;
}

/** `help [command]` for what is below a command; commander's own prints everything there is for an unknown name. */
function addHelp(group: Command): void {
  const help = new Command('help')
    .argument('[command]')
    .description('display help for command')
    .helpOption(false)
    .exitOverride(rethrowWith(group))
    .action((name?: string) => {
      const found = group.commands.find((command) => command.name() === name);
      if (name !== undefined && found === undefined)
        group.error(`error: unknown command '${name}'`, { code: 'commander.unknownCommand' });
      (found ?? group).help();
    });
  group.helpCommand(false).addCommand(help);
}

/** Throws UsageError where a value was given as nothing, as an unset variable of a script leaves it. */
function refuseEmpty(command: Command): void {
  const [argument] = command.registeredArguments.filter((_, i) => [command.processedArgs[i]].flat().includes(''));
  const [option] = command.options.filter(
    (one) =>
      command.getOptionValueSource(one.attributeName()) === 'cli' && command.getOptionValue(one.attributeName()) === '',
  );
  const name = argument?.name() ?? option?.flags;
  if (name !== undefined) throw new UsageError(`${name}: nothing was given. See: ${fullName(command)} --help`);
}

/** What commander found wrong, with what the command allows. */
function rethrowWith(command: Command): (error: CommanderError) => never {
  return (error) => {
    const options = command.options.map((option) => option.long ?? option.short ?? '').join(', ');
    const names = command.commands.map((child) => child.name());
    const commands = names.filter((name) => name !== 'help').join(', ');
    const allowed =
      error.code === 'commander.unknownOption'
        ? `; options here: ${options}`
        : error.code === 'commander.unknownCommand'
          ? `; commands: ${commands}`
          : '';
    throw new CommanderError(
      error.exitCode,
      error.code,
      `${error.message
        .replaceAll(/\s*\n\s*/g, ' ')
        .trimEnd()
        .replace(/\.+$/, '')}${allowed}. See: ${fullName(command)} --help`,
    );
  };
}

function fullName(command: Command): string {
  return command.parent === null ? command.name() : `${fullName(command.parent)} ${command.name()}`;
}

function everyCommand(command: Command): Command[] {
  return [command, ...command.commands.flatMap(everyCommand)];
}

/** Runs the program and returns its exit status. */
export async function runProgram(args: readonly string[]): Promise<number> {
  hideAddresses();
  try {
    await (await buildProgram(args)).parseAsync(args, { from: 'user' });
    return 0;
  } catch (error) {
    return fail(asMissingPackage(error), args.includes('--debug'));
  }
}

function fail(error: unknown, debug: boolean): number {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return 0; // --help, --version
    if (error.code !== 'commander.help') process.stderr.write(`${withoutPasswords(error.message)}\n`);
    return 2;
  }
  const known =
    codeOf(error) !== undefined && error instanceof Error && error.name === 'Error'
      ? asFileError(error, (error as NodeJS.ErrnoException).path ?? 'file')
      : error;
  const prefix = known instanceof InterruptedError ? '' : 'error: ';
  process.stderr.write(`${prefix}${withoutPasswords(messageOf(known)).replaceAll(/\s*\n\s*/g, ' ')}\n`);
  if (debug && error instanceof Error) process.stderr.write(`${withoutPasswords(error.stack ?? '')}\n`);
  if (known instanceof InterruptedError) return 130;
  return known instanceof UsageError ? 2 : 1;
}
