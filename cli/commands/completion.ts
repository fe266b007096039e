import { Command } from 'commander';
import { lookUp } from '../../src/core/registry.js';
import { completionModel } from '../completion/model.js';
import { SHELLS } from '../completion/shells.js';
import { NamedArgument } from '../terminal/choices.js';
import { examples } from '../terminal/options.js';

/** `gowide completion`. */
export function command(whole: () => Promise<Command>): Command {
  const setUps = Object.entries(SHELLS).map(([name, { setUp }]) => [name, setUp] as const);
  return new Command('completion')
    .description('a script that has a shell complete commands, options and names')
    .addArgument(new NamedArgument('shell', 'the shell', Object.fromEntries(setUps)))
    .addHelpText('after', examples(setUps.map(([, setUp]) => setUp)))
    .action(async (name: string) => {
      const { script } = lookUp('shell', SHELLS, name);
      process.stdout.write(script(completionModel(await whole())));
    });
}
