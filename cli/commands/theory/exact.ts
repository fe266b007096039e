import { Command, Option } from 'commander';
import { naming } from '../../../src/core/errors.js';
import { readDeclaration } from '../../../src/store/config.js';
import { limitByName, LIMITS } from '../../../theory/verify/limits.js';
import { NamedArgument } from '../../terminal/choices.js';
import { notice } from '../../terminal/notices.js';
import { examples, jsonOption } from '../../terminal/options.js';

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
  const laws = Object.fromEntries(Object.entries(LIMITS).map(([name, { law }]) => [name, law]));
  return new Command('exact')
    .description('an exact limit at the values of a JSON config; without a config its example is shown')
    .addArgument(new NamedArgument('limit', 'what is computed', laws))
    .addOption(new Option('--config <file>', 'JSON'))
    .addOption(jsonOption())
    .addHelpText(
      'after',
      examples([
        'gowide theory exact chain                               # an example config',
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
      const config = readDeclaration(options.config, notice);
      const result = naming(options.config, () => limit.evaluate(config));
      process.stdout.write(`${options.json ? JSON.stringify(result, null, 2) : lines(result).join('\n')}\n`);
    });
}
