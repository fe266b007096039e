/** What a shell has to know of the program to complete its command lines, read off the program itself. */
import type { Argument, Command, Option } from 'commander';
import { NamedArgument } from '../terminal/choices.js';
import { everyCommand, fullName } from '../terminal/group.js';

/** A word that can stand somewhere, with what is said of it. */
export interface Candidate {
  readonly word: string;
  readonly description: string;
}

/** What can stand for a value: one of the candidates, or the name of a file, of a folder, or anything. */
export interface Values {
  readonly candidates: readonly Candidate[];
  readonly kind: 'names' | 'file' | 'folder' | 'text';
}

/** An option of a command. */
export interface OptionModel extends Candidate {
  /** Every way to write it: `-q`, `--quiet`. */
  readonly names: readonly string[];
  /** What its value may be, or undefined where it takes none. */
  readonly values: Values | undefined;
}

/** A command, with the words that lead to it: `gowide theory run`. */
export interface CommandModel {
  readonly path: string;
  readonly commands: readonly Candidate[];
  readonly options: readonly OptionModel[];
  /** Its arguments in their order; the last one again and again where it is variadic. */
  readonly values: readonly Values[];
  readonly variadic: boolean;
}

/** Every command of a program. A group with a command that is its default takes that command's words, too. */
export function completionModel(program: Command): CommandModel[] {
  return everyCommand(program)
    .filter((command) => command.name() !== 'help')
    .map((command) => {
      const chosen = defaultOf(command);
      const taken = chosen === undefined ? [command] : [command, chosen];
      const options = new Map(taken.flatMap((one) => optionsOf(one).map((option) => [option.word, option])));
      const { registeredArguments } = chosen ?? command;
      return {
        path: fullName(command),
        commands: command.commands.map((child) => ({ word: child.name(), description: oneLine(child.description()) })),
        options: [...options.values()],
        values: registeredArguments.map(argumentValues),
        variadic: registeredArguments.at(-1)?.variadic ?? false,
      };
    });
}

function defaultOf(command: Command): Command | undefined {
  const name = (command as unknown as { readonly _defaultCommandName?: string | null })._defaultCommandName;
  return command.commands.find((child) => child.name() === name);
}

function optionsOf(command: Command): OptionModel[] {
  const { options } = command;
  const help: OptionModel = {
    word: '--help',
    names: ['-h', '--help'],
    description: 'display help for command',
    values: undefined,
  };
  return [...options.filter(({ hidden }) => !hidden).map(optionModel), help];
}

function optionModel(option: Option): OptionModel {
  const names = [option.short, option.long].filter((name) => name !== undefined);
  const value = /<(.*)>|\[(.*)\]/.exec(option.flags);
  return {
    word: names.at(-1)!,
    names,
    description: oneLine(option.description),
    values: value === null ? undefined : valuesOf(option.argChoices, value[1] ?? value[2]!),
  };
}

function argumentValues(argument: Argument): Values {
  if (argument instanceof NamedArgument)
    return {
      kind: 'names',
      candidates: Object.entries(argument.choicesInWords).map(([word, description]) => ({ word, description })),
    };
  return valuesOf(argument.argChoices, argument.name());
}

/** Values of a placeholder such as `<file>`, `<dir>` or `<n>`. */
function valuesOf(choices: readonly string[] | undefined, placeholder: string): Values {
  if (choices !== undefined) return { kind: 'names', candidates: choices.map((word) => ({ word, description: '' })) };
  const kind = FOLDERS.includes(placeholder) ? 'folder' : FILES.includes(placeholder) ? 'file' : 'text';
  return { kind, candidates: [] };
}

const FOLDERS = ['dir', 'folder', 'folders', 'sources'];
const FILES = ['file', 'path', 'dataset', 'predictions', 'model', 'name'];

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim();
}

/** The words that lead to each command below another: `gowide theory run`. */
export function pathsBelow(commands: readonly CommandModel[]): string[] {
  return commands.flatMap(({ path, commands: below }) =>
    below.filter(({ word }) => word !== 'help').map(({ word }) => `${path} ${word}`),
  );
}

/** Every option that takes a value: the words that end with it, one for each way to write it, and its values. */
export function valuedOptions(
  commands: readonly CommandModel[],
): { readonly words: readonly string[]; readonly values: Values }[] {
  return commands.flatMap(({ path, options }) =>
    options.flatMap(({ names, values }) =>
      values === undefined ? [] : [{ words: names.map((name) => `${path} ${name}`), values }],
    ),
  );
}
