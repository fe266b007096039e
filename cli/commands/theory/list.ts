import { Command } from 'commander';
import { theoryExperiments } from '../../../experiments/registry.js';
import { STUDIES } from '../../../theory/studies/index.js';
import { examples, jsonOption } from '../../terminal/options.js';

interface Listed {
  readonly name: string;
  readonly law: string;
  readonly rule: string;
  /** Scales at which sizes are declared; empty for a study that runs with --config alone. */
  readonly scales: readonly string[];
}

function linesOf({ name, law, rule, scales }: Listed): string {
  const indent = ' '.repeat(13);
  const sizes = scales.length > 0 ? scales.join(', ') : 'none; run it with --config';
  return `${name.padEnd(12)} ${law}\n${indent}rule: ${rule}\n${indent}scales: ${sizes}`;
}

/** `gowide theory list`. */
export function command(): Command {
  return new Command('list')
    .description('the studies and the laws that they test')
    .addOption(jsonOption())
    .addHelpText('after', examples(['gowide theory list', 'gowide theory list --json']))
    .action(({ json }: { json?: boolean }) => {
      const list = Object.values(STUDIES).map(({ name, law, rule }) => {
        const declared = theoryExperiments().find((experiment) => experiment.name === name);
        return { name, law, rule, scales: Object.keys(declared?.seeds ?? {}) };
      });
      process.stdout.write(`${json ? JSON.stringify(list, null, 2) : list.map(linesOf).join('\n')}\n`);
    });
}
