import { Argument, Command, Option } from 'commander';
import { readDeclaration } from '../../../src/store/config.js';
import { limitByName, LIMITS } from '../../../theory/verify/limits.js';
import { alternatives, examples, jsonOption, warn } from '../../terminal/options.js';

function lines(values: Readonly<Record<string, unknown>>, indent = ''): string[] {
  return Object.entries(values).flatMap(([name, value]) => {
    if (name === 'rows' && Array.isArray(value))
      return value.flatMap((row: Record<string, unknown>) => [
        `${indent}time ${String(row.time)}`,
        ...lines(Object.fromEntries(Object.entries(row).filter(([key]) => key !== 'time')), `${indent}  `),
      ]);
    return [`${indent}${name.padEnd(14)} ${typeof value === 'number' ? value : JSON.stringify(value)}`];
  });
}

/** `gowide theory exact`. */
export function command(): Command {
  return new Command('exact')
    .description('an exact limit at the values of a JSON config; without a config its example is shown')
    .addArgument(new Argument('<limit>', alternatives(Object.keys(LIMITS))))
    .addOption(new Option('--config <file>', 'JSON'))
    .addOption(jsonOption())
    .addHelpText(
      'after',
      examples([
        'gowide theory exact chain                        an example config',
        'gowide theory exact chain --config chain.json --json',
      ]),
    )
    .action((name: string, options: { config?: string; json?: boolean }) => {
      const limit = limitByName(name);
      if (options.config === undefined) {
        process.stdout.write(
          options.json
            ? `${JSON.stringify(limit.example, null, 2)}\n`
            : `${limit.law}\nExample config:\n${JSON.stringify(limit.example, null, 2)}\n`,
        );
        return;
      }
      const result = limit.evaluate(readDeclaration(options.config, warn));
      process.stdout.write(`${options.json ? JSON.stringify(result, null, 2) : lines(result).join('\n')}\n`);
    });
}
