/** Flags of sweep back ends, made of the options that the back ends declare. */
import { Option, type Command } from 'commander';
import type { BackendOption, BackendOptions } from '../../src/sweep/backends/backend.js';
import { BACKENDS } from '../../src/sweep/backends/registry.js';
import { choiceLines, namedOption } from './choices.js';
import { repeatable, wholeNumber } from './options.js';

/** How the flag of each kind of option is written, and how its value is read. */
const FLAGS: {
  readonly [Kind in BackendOption['kind']]: (option: Extract<BackendOption, { kind: Kind }>, name: string) => Option;
} = {
  switch: ({ description }, name) => new Option(`--${name}`, description),
  text: (option, name) => {
    const flag = new Option(`--${name} <${option.argument}>`, option.description).default(option.default);
    return option.env === undefined ? flag : flag.env(option.env);
  },
  whole: (option, name) =>
    new Option(`--${name} <${option.argument}>`, option.description)
      .default(option.default)
      .argParser(wholeNumber(option.least, option.most)),
  list: ({ argument, description }, name) => repeatable(new Option(`--${name} <${argument}>`, description)),
};

/** Every back end with what it says of itself, a line each. */
export function backendList(): string {
  const words = Object.entries(BACKENDS).map(([name, { description }]) => [name, description] as const);
  return `\nBack ends:\n${choiceLines(Object.fromEntries(words))}`;
}

/** Adds `--backend`, which offers those of the names, and a flag for each of the options. */
export function withBackendOptions(
  command: Command,
  options: BackendOptions,
  names: readonly string[] = Object.keys(BACKENDS),
): Command {
  const backend = new Option('--backend <name>', 'where cells run (default: what the other options choose)');
  command.addOption(namedOption(backend, names));
  for (const [name, option] of Object.entries(options)) {
    const flag = (FLAGS[option.kind] as (option: BackendOption, name: string) => Option)(option, name);
    flag.attributeName = () => name; // its value stands under its own name, not under the camel case of it
    command.addOption(option.conflicts === undefined ? flag : flag.conflicts([...option.conflicts]));
  }
  return command;
}
