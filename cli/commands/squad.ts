import { Command, InvalidArgumentError, Option } from 'commander';
import { plural } from '../../src/core/errors.js';
import { parseNumber } from '../../src/core/number.js';
import { notice } from '../terminal/notices.js';
import { examples, jsonOption } from '../terminal/options.js';
import { textTable } from '../terminal/table.js';

interface Options {
  readonly nullOdds?: string;
  readonly threshold?: number;
  readonly json?: boolean;
}

function real(text: string): number {
  const value = parseNumber(text);
  if (value === undefined) throw new InvalidArgumentError('Expected a number.');
  return value;
}

/** `gowide squad`. */
export function command(): Command {
  return new Command('squad')
    .argument('<dataset>', 'a file in SQuAD’s format, 1.1 or 2.0')
    .argument('<predictions>', 'a JSON file with the answer to each question by its id; "" for no answer')
    .description('exact match and F1 of answers, as SQuAD’s official scripts compute them')
    .option(
      '--null-odds <file>',
      'a JSON file that says, by id, how sure it is that there is no answer (2.0); ' +
        'the best threshold is then looked for',
    )
    .addOption(
      new Option('--threshold <number>', 'questions above it count as having no answer (default: 1)').argParser(real),
    )
    .addOption(jsonOption())
    .addHelpText(
      'after',
      examples([
        'gowide squad dev-v1.1.json predictions.json',
        'gowide squad dev-v2.0.json predictions.json --null-odds null_odds.json --threshold 0 --json',
      ]),
    )
    .action(async (dataset: string, predictions: string, options: Options) => {
      const { scoreSquad } = await import('../../src/data/squad-score.js');
      const { scores, missing } = await scoreSquad(
        { dataset, predictions, ...(options.nullOdds !== undefined && { noAnswer: options.nullOdds }) },
        options.threshold,
      );
      if (missing.length > 0)
        notice(
          `${plural(missing.length, 'question')} ${missing.length === 1 ? 'has' : 'have'} no prediction: ` +
            `${missing.slice(0, 5).join(', ')}${missing.length > 5 ? ', ...' : ''}`,
        );
      process.stdout.write(
        options.json
          ? `${JSON.stringify(scores, null, 2)}\n`
          : `${textTable(Object.entries(scores).map(([score, value]) => ({ score, value })))}\n`,
      );
    });
}
