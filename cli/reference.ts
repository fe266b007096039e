/** docs/commands.md: every command’s help, as the program prints it. */
import type { Command } from 'commander';
import { inSentence } from '../src/core/errors.js';
import { groupBy } from '../src/core/group.js';
import { everyCommand, fullName } from './terminal/group.js';
import { withHelpStyle } from './terminal/help.js';

/** Columns of the help in the reference. */
const WIDTH = 100;

/**
 * The reference as Markdown: a list of commands by their groups, then the help of each. `apart` are the names of those
 * that compute in one stretch.
 */
export function commandReference(program: Command, apart: readonly string[]): string {
  const documented = everyCommand(program).filter((command) => command.name() !== 'help');
  const listed = program.commands.filter((child) => child.name() !== 'help');
  const groups = groupBy(listed, (command) => command.helpGroup());
  const lists = [...groups].map(([group, commands]) => {
    const lines = commands.map((command) => `- ${link(command)}: ${command.description()}`);
    return `**${group.replace(/:$/, '')}**\n\n${lines.join('\n')}`;
  });
  const blocks = documented
    .filter((command) => command !== program)
    .map((command) => `## ${fullName(command)}\n\n\`\`\`text\n${helpOf(command)}\n\`\`\``);
  return `# Commands

This page is made of the program’s own help; a test compares the two.
In a clone, write \`npx gowide\` or \`npm run -s gowide --\`.
Exit status: 0 done, 1 failed, 2 wrong use, 130 stopped.
Ctrl-C finishes the step, saves, and prints the command that goes on; of a step that takes longer than 30 s (\`GOWIDE_GRACE_SECONDS\`) it says that it was not saved. ${inSentence(apart.map((name) => `\`${name}\``))} save nothing on the way: it ends them at once, and they say so.
\`gowide completion bash|zsh|fish\` writes a script that has a shell complete all of this.

${lists.join('\n\n')}

${blocks.join('\n\n')}
`;
}

/** A link to a command’s help, with links to the commands below it. */
function link(command: Command): string {
  const below = command.commands.filter((child) => child.name() !== 'help');
  const to = (one: Command): string =>
    `[${one === command ? fullName(one) : one.name()}](#${fullName(one).replaceAll(' ', '-')})`;
  return [to(command), ...(below.length > 0 ? [`(${below.map(to).join(', ')})`] : [])].join(' ');
}

function helpOf(command: Command): string {
  let text = '';
  withHelpStyle(command, { width: WIDTH, out: (part) => (text += part) });
  command.outputHelp();
  return text.trim();
}
