/** The command line: one line for every error, and an exit status that says whose it was. */
import { Command, CommanderError } from 'commander';
import { asFileError } from '../src/store/atomic.js';
import { codeOf, InterruptedError, messageOf, nearestName, pathOf, UsageError } from '../src/core/errors.js';
import { asMissingPackage, packageVersion } from '../src/core/package.js';
import { checkSettings } from '../src/core/settings.js';
import { hideAddresses, withoutPasswords } from '../src/sweep/address.js';
import { choiceLines, NamedArgument } from './terminal/choices.js';
import { addCommands, addEveryCommand, everyCommand, fileNamed, fullName, type Commands } from './terminal/group.js';
import { widthOf, withHelpStyle, wrapLines } from './terminal/help.js';
import { setQuiet } from './terminal/notices.js';
import { examples, refuseTwice } from './terminal/options.js';

/** Every command by its group, in the order in which help lists them. A new one is a file in `commands/` and a line. */
const GROUPS: Readonly<Record<string, Commands>> = {
  Start: {
    demo: () => import('./commands/demo.js'),
    reproduce: () => import('./commands/reproduce.js'),
    report: () => import('./commands/report.js'),
    watch: () => import('./commands/watch.js'),
    cite: () => import('./commands/cite.js'),
  },
  Theory: {
    theory: () => import('./commands/theory/index.js'),
    verify: () => import('./commands/verify.js'),
  },
  Train: {
    train: () => import('./commands/train.js'),
    tune: () => import('./commands/tune.js'),
    frontier: () => import('./commands/frontier.js'),
    thin: () => import('./commands/thin.js'),
    params: () => import('./commands/params.js'),
    predict: () => import('./commands/predict.js'),
    squad: () => import('./commands/squad.js'),
  },
  Scale: {
    plan: () => import('./commands/plan.js'),
    sweep: () => import('./commands/sweep.js'),
    worker: () => import('./commands/worker.js'),
    bench: () => import('./commands/bench.js'),
  },
  Maintain: {
    runs: () => import('./commands/runs/index.js'),
    doctor: () => import('./commands/doctor.js'),
    engine: () => import('./commands/engine.js'),
    selftest: () => import('./commands/selftest.js'),
    completion: () => import('./commands/completion.js'),
  },
};

/** Every command by its name. */
export const COMMANDS: Commands = Object.assign({}, ...Object.values(GROUPS)) as Commands;

/** The program with no command yet. */
function emptyProgram(): Command {
  return new Command('gowide')
    .description('Mean-field theory simulator and experiment suite for “Go Wide, Then Narrow” (Zhou et al., ICML 2020)')
    .version(packageVersion())
    .addHelpText(
      'after',
      examples(
        [
          'gowide demo                         # the kept report, at once',
          'gowide reproduce --scale minutes    # run everything, write gowide-out/report.html',
          'gowide theory run all               # the theory studies alone',
          'gowide train resnet --arm direct    # one arm of one experiment',
          'gowide doctor                       # what this machine has',
        ],
        'Exit status: 0 done, 1 failed, 2 wrong use, 130 stopped.',
      ),
    );
}

/** The program with the commands that its arguments need. */
async function buildProgram(args: readonly string[]): Promise<Command> {
  const program = emptyProgram();
  const [first = ''] = args;
  if (!['-V', '--version'].includes(first)) await addCommands(program, COMMANDS, args, wholeProgram);
  finish(program);
  return program;
}

/** The program with every command, for what speaks of all of them: completion, and the reference in docs/. */
export async function wholeProgram(): Promise<Command> {
  const program = emptyProgram();
  await addEveryCommand(program, COMMANDS, wholeProgram);
  finish(program);
  return program;
}

/** Gives a program and its commands what all of them have: groups, the look of help, errors of one line. */
function finish(program: Command): void {
  for (const child of program.commands) {
    const [group] = Object.entries(GROUPS).find(([, commands]) => Object.hasOwn(commands, child.name())) ?? [];
    if (group !== undefined) child.helpGroup(`${group}:`);
  }
  for (const command of everyCommand(program)) {
    withHelpStyle(command);
    command
      .exitOverride(rethrowWith(command))
      .showSuggestionAfterError(true)
      .option('-q, --quiet', 'print results and errors alone')
      .option('--debug', 'print stack traces');
    refuseTwice(command);
  }
  everyCommand(program)
    .filter(({ commands }) => commands.length > 0)
    .forEach(addHelp);
  program.hook('preAction', (_, command) => {
    refuseEmpty(command);
    checkSettings();
    setQuiet(command.optsWithGlobals<{ quiet?: boolean }>().quiet ?? false);
  });
}

/**
 * `help [command...]` for what is below a command, at any depth; commander's own prints everything there is for an
 * unknown name.
 */
function addHelp(group: Command): void {
  const help = new Command('help')
    .argument('[command...]')
    .description('display help for command')
    .helpOption(false)
    .copyInheritedSettings(group)
    .exitOverride(rethrowWith(group))
    .action((names: readonly string[]) => names.reduce(commandBelow, group).help());
  if (group.parent === null) help.helpGroup(`${Object.keys(GROUPS).at(-1)}:`);
  group.helpCommand(false).addCommand(help);
}

/** The command of a name below another one, which refuses a name of none. */
function commandBelow(command: Command, name: string): Command {
  const found = command.commands.find((child) => child.name() === name);
  if (found !== undefined) return found;
  if (command.commands.length === 0)
    command.error(`error: '${name}': ${fullName(command)} has no commands below it`, {
      code: 'commander.excessArguments',
    });
  return command.error(`error: unknown command '${name}'`, { code: 'commander.unknownCommand' });
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
    const said = error.message
      .replaceAll(/\s*\n\s*/g, ' ')
      .trimEnd()
      .replace(/\.+$/, '');
    const { allowed = '', list = '' } = WORDS[error.code]?.(command, said) ?? {};
    const message = `${said}${allowed}. See: ${fullName(command)} --help${list === '' ? '' : `\n${list}`}`;
    throw new CommanderError(error.exitCode, error.code, message);
  };
}

/** What is said beside commander's own words, by the code of its error. */
const WORDS: Readonly<
  Record<string, (command: Command, said: string) => { readonly allowed?: string; readonly list?: string }>
> = {
  'commander.unknownOption': ({ options }) => ({
    allowed: `; options here: ${options.map(({ long, short }) => long ?? short ?? '').join(', ')}`,
  }),
  'commander.unknownCommand': ({ commands }, said) => {
    const names = commands.map((child) => child.name()).filter((name) => name !== 'help');
    const suggested = said.includes('Did you mean') ? '' : meant(/'([^']*)'/.exec(said)?.[1], names);
    return { allowed: `${suggested}; commands: ${names.join(', ')}` };
  },
  'commander.invalidArgument': (_, said) => {
    const [, given, names] = /argument '(.*)' is invalid\. Allowed choices are (.*)$/.exec(said) ?? [];
    return { allowed: names === undefined ? '' : meant(given, names.split(', ')) };
  },
  'commander.missingArgument': ({ registeredArguments }, said) => {
    const missing = registeredArguments.find((argument) => said.includes(`'${argument.name()}'`));
    return missing instanceof NamedArgument
      ? {
          allowed: '; choose one of those below',
          list: wrapLines(choiceLines(missing.choicesInWords), widthOf(process.stderr)),
        }
      : {};
  },
};

/** The known name that a wrong one may stand for, in brackets as commander has it; nothing where none is near. */
function meant(given: string | undefined, known: readonly string[]): string {
  const near = given === undefined ? undefined : nearestName(given, known);
  return near === undefined ? '' : ` (Did you mean ${near}?)`;
}

/** Runs the program and returns its exit status; `apart`, where it is given, runs those commands that compute apart. */
export async function runProgram(
  args: readonly string[],
  apart?: (args: readonly string[]) => Promise<number>,
): Promise<number> {
  hideAddresses();
  setQuiet(false);
  try {
    if (apart !== undefined && (await fileNamed(COMMANDS, args))?.computesApart === true) return await apart(args);
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
      ? asFileError(error, pathOf(error) ?? 'file')
      : error;
  const prefix = known instanceof InterruptedError ? '' : 'error: ';
  process.stderr.write(`${prefix}${withoutPasswords(messageOf(known)).replaceAll(/\s*\n\s*/g, ' ')}\n`);
  if (debug && error instanceof Error) process.stderr.write(`${withoutPasswords(error.stack ?? '')}\n`);
  if (known instanceof InterruptedError) return 130;
  return known instanceof UsageError ? 2 : 1;
}
