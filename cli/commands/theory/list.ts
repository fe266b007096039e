import { Command } from 'commander';
import { THEORY_EXPERIMENTS } from '../../../experiments/registry.js';
import { studyByName } from '../../../theory/studies/index.js';
import { jsonOption } from '../../terminal/options.js';

/** `gowide theory list`. */
export function command(): Command {
  return new Command('list')
    .description('the studies and the laws that they test')
    .addOption(jsonOption())
    .addHelpText('after', '\nExamples:\n  gowide theory list\n  gowide theory list --json')
    .action(({ json }: { json?: boolean }) => {
      const list = THEORY_EXPERIMENTS.map(({ name, seeds }) => {
        const { law, rule } = studyByName(name);
        return { name, law, rule, scales: Object.keys(seeds) };
      });
      process.stdout.write(
        `${json ? JSON.stringify(list, null, 2) : list.map(({ name, law, rule, scales }) => `${name.padEnd(12)} ${law}\n${' '.repeat(13)}rule: ${rule}\n${' '.repeat(13)}scales: ${scales.join(', ')}`).join('\n')}\n`,
      );
    });
}
