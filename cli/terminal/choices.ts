/** Arguments whose values are names of a registry: help and completion list them, and so does an error without one. */
import { Argument, type Option } from 'commander';

/** Names that an argument takes, each with what help says of it. */
export type Choices = Readonly<Record<string, string>>;

/**
 * An argument that names something registered. Its command checks the name itself, with the error of that registry, so
 * that names which were registered later are taken, too.
 */
export class NamedArgument extends Argument {
  constructor(
    name: string,
    description: string,
    readonly choicesInWords: Choices,
  ) {
    super(name, description);
    this.argChoices = Object.keys(choicesInWords);
  }
}

/** Lines that list choices with what is said of each, which {@link wrapLines} wraps. */
export function choiceLines(choices: Choices): string {
  const width = Math.max(...Object.keys(choices).map((name) => name.length));
  return Object.entries(choices)
    .map(([name, words]) => `  ${name.padEnd(width)}  ${words}`.trimEnd())
    .join('\n');
}

/** An option whose value is a name of a registry, which its command checks itself. */
export function namedOption(option: Option, names: readonly string[]): Option {
  option.argChoices = [...names];
  return option;
}
