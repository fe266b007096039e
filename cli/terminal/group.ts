/** Commands as records of files: a command's file is loaded when that command is asked for, and not before. */
import type { Command } from 'commander';

/** What the file of a command exports. */
export interface CommandFile {
  /** `whole` makes the program with every command there is, for commands that speak of all of them. */
  readonly command: (whole: () => Promise<Command>) => Command;
  /** The commands below it, where it is a group. */
  readonly commands?: Commands;
  /**
   * Whether it computes in one stretch, in which a process can hear no signal, and saves nothing on the way: it is then
   * run in a process of its own (apart.ts).
   */
  readonly computesApart?: boolean;
}

/** Loaders of commands, by name, in the order in which help lists them. */
export type Commands = Readonly<Record<string, () => Promise<CommandFile>>>;

/**
 * Adds the commands of a record to their parent: the one that the arguments name, with what is below it, or all of them
 * where they name none, for help and for the message that lists what there is.
 */
export async function addCommands(
  parent: Command,
  commands: Commands,
  args: readonly string[],
  whole: () => Promise<Command>,
): Promise<void> {
  const [name, ...rest] = args.filter((arg) => !arg.startsWith('-') && arg !== 'help');
  const asked = name !== undefined && Object.hasOwn(commands, name) ? name : undefined;
  for (const [, load] of Object.entries(commands).filter(([key]) => asked === undefined || key === asked)) {
    const file = await load();
    const command = file.command(whole);
    if (file.commands !== undefined && asked !== undefined) await addCommands(command, file.commands, rest, whole);
    parent.addCommand(command);
  }
}

/** Adds every command of a record, and all that is below. */
export async function addEveryCommand(
  parent: Command,
  commands: Commands,
  whole: () => Promise<Command>,
): Promise<void> {
  for (const load of Object.values(commands)) {
    const file = await load();
    const command = file.command(whole);
    await addEveryCommand(command, file.commands ?? {}, whole);
    parent.addCommand(command);
  }
}

/** The file of the command that the arguments name; undefined where they name none. */
export async function fileNamed(commands: Commands, args: readonly string[]): Promise<CommandFile | undefined> {
  const [name, ...rest] = args.filter((arg) => !arg.startsWith('-'));
  if (name === undefined || !Object.hasOwn(commands, name)) return undefined;
  const file = await commands[name]!();
  return file.commands === undefined ? file : fileNamed(file.commands, rest);
}

/** The words of the commands of a record, and of those below, that compute apart. */
export async function namesApart(commands: Commands): Promise<string[]> {
  const names: string[] = [];
  for (const [name, load] of Object.entries(commands)) {
    const file = await load();
    if (file.computesApart === true) names.push(name);
    names.push(...(await namesApart(file.commands ?? {})).map((below) => `${name} ${below}`));
  }
  return names;
}

/** A command and all that are below it, from the top down. */
export function everyCommand(command: Command): Command[] {
  return [command, ...command.commands.flatMap(everyCommand)];
}

/** The words with which a command is called: `gowide theory run`. */
export function fullName(command: Command): string {
  return command.parent === null ? command.name() : `${fullName(command.parent)} ${command.name()}`;
}
