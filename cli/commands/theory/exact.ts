import { Command, Option } from 'commander';
import { naming } from '../../../src/core/errors.js';
import { readDeclaration } from '../../../src/store/config.js';
import { limitByName, LIMITS, type Limit } from '../../../theory/verify/limits.js';
import { NamedArgument } from '../../terminal/choices.js';
import { notice } from '../../terminal/notices.js';
import { examples, jsonOption } from '../../terminal/options.js';

/** The numbers of an answer for people; `nulls` says what it means that one is null. */
function lines(values: Readonly<Record<string, unknown>>, nulls: Limit['nulls'] = {}, indent = ''): string[] {
  return Object.entries(values).flatMap(([name, value]) => {
    if (name === 'rows' && Array.isArray(value))
      return value.flatMap((row: Record<string, unknown>) => [
        `${indent}time ${String(row.time)}`,
        ...lines(Object.fromEntries(Object.entries(row).filter(([key]) => key !== 'time')), nulls, `${indent}  `),
      ]);
    const shown = value === null ? (nulls[name] ?? 'null') : typeof value === 'number' ? value : JSON.stringify(value);
    return [`${indent}${name.padEnd(14)} ${shown}`];
  });
}

/** It computes in one stretch. */
export const computesApart = true;

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
      process.stdout.write(
        `${options.json ? JSON.stringify(result, null, 2) : lines(result, limit.nulls).join('\n')}\n`,
      );
    });
}
