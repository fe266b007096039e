import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import type { ThinOptions } from '../../src/thin/options.js';
import type { SentencesResult } from '../../src/thin/sentences.js';
import type { ThinResult } from '../../src/thin/result.js';
import { requestedEngine } from '../../src/engine/engines/choose.js';
import { parseNumber } from '../../src/core/number.js';
import { ARMS, TRIES } from '../../src/thin/arms.js';
import { DATA_FORMS } from '../../src/thin/data/index.js';
import { SOURCE_FORMATS } from '../../src/thin/sources/index.js';
import { columnsOption } from '../terminal/columns.js';
import {
  checkOut,
  DEFAULT_OUT,
  examples,
  jsonOption,
  positiveNumber,
  seedOption,
  typedCommand,
  wholeNumber,
  wholeNumbers,
} from '../terminal/options.js';
import { Progress } from '../terminal/progress.js';
import { engineOption } from '../terminal/run-options.js';
import { stopSignal } from '../terminal/stop.js';
import { openForCommand, sayingHowToGoOn } from '../terminal/work.js';

interface Options extends Omit<ThinOptions, 'model' | 'finetune' | 'out'> {
  readonly out: string;
  readonly fineTune?: boolean;
  readonly plan?: boolean;
  readonly engine?: string;
  readonly json?: boolean;
}

/** A number with `k`, `M` or `G` behind it. */
function amount(text: string): number {
  const [, digits = '', unit = ''] = /^(.*?)([kmg]?)$/i.exec(text) ?? [];
  const factor = { '': 1, k: 1e3, m: 1e6, g: 1e9 }[unit.toLowerCase()]!;
  const value = (parseNumber(digits) ?? NaN) * factor;
  if (!(value >= 1 && value <= Number.MAX_SAFE_INTEGER))
    throw new InvalidArgumentError('Expected a number such as 5M, 300k or 1200000, from 1 to 9007199254740991.');
  return Math.floor(value);
}

/** Bound of the times that a thin net may be faster. */
const MOST_TIMES = 1_000_000;

/** `2x`, or `2`. */
function times(text: string): number {
  const value = parseNumber(text.replace(/x$/i, ''));
  if (value === undefined || !(value > 1 && value < MOST_TIMES))
    throw new InvalidArgumentError(`Expected a factor above 1 and below ${MOST_TIMES}, such as 2x.`);
  return value;
}

/** {@link TRIES} as they are typed. */
const TYPED_TRIES = TRIES.map(String);

/** One of {@link TYPED_TRIES}, as a number. */
function tries(text: string): number {
  if (!TYPED_TRIES.includes(text)) throw new InvalidArgumentError(`Allowed choices are ${TYPED_TRIES.join(', ')}.`);
  return Number(text);
}

/** A factor that leaves fewer channels. */
function factor(text: string): number {
  const value = parseNumber(text);
  if (value !== undefined && value > 0 && value < 1) return value;
  throw new InvalidArgumentError('Expected a factor above 0 and below 1: the thin net is the narrower one.');
}

/** `600`, or `256,1024,4096`. */
function samples(text: string): number | number[] {
  const values = wholeNumbers(text);
  return values.length === 1 ? values[0]! : values;
}

/** What was found of an encoder of sentences, for people. */
function sentencesText({ test, parameters, written, card, page }: SentencesResult): string {
  return (
    `cosines between held-out texts agree with the wide net's: rank correlation ` +
    `${test.spearman.toFixed(4)}, the same ` +
    `nearest neighbor for ${test.neighbors.toFixed(1)} %; ${parameters.thin.toLocaleString('en')} of ` +
    `${parameters.wide.toLocaleString('en')} parameters\nwritten: ${[...written, card, page].join(', ')}\n`
  );
}

/** What was found of a network with classes, for people. */
function resultText({ wide, thin, taken, written, card, page }: ThinResult): string {
  return (
    `test accuracy ${thin.test.accuracy.toFixed(1)} %, wide ${wide.test.accuracy.toFixed(1)} %; ` +
    `${thin.parameters.toLocaleString('en')} of ${wide.parameters.toLocaleString('en')} parameters; ` +
    `arm ${taken.arm}\nwritten: ${[...written, card, page].join(', ')}\n`
  );
}

/** What was found of a network with classes, for scripts. */
function resultFigures({ wide, thin, taken, written, card, page }: ThinResult): Record<string, unknown> {
  return {
    ...{ accuracy: thin.test.accuracy, wideAccuracy: wide.test.accuracy, arm: taken.arm, rates: taken.rates },
    ...{ parameters: thin.parameters, written, card, page },
  };
}

/** The lines of `--plan`: what would be done, and what it costs. The data are divided in a folder that is removed. */
export async function planLines(asked: ThinOptions): Promise<string[]> {
  const { describeSentences, setUpSentences } = await import('../../src/thin/sentences.js');
  const { describe } = await import('../../src/thin/describe.js');
  const { DEFAULT_OUT: usual } = await import('../../src/thin/options.js');
  const { setUp } = await import('../../src/thin/plan.js');
  const { checkDataPlace, checkPlace } = await import('../../src/thin/place.js');
  const { out = usual } = asked;
  checkPlace(out, asked.model, asked.data);
  const options = { ...asked, out: mkdtempSync(join(tmpdir(), 'gowide-plan-')) };
  try {
    const sentences = setUpSentences(options);
    if (sentences !== undefined) return describeSentences(sentences);
    const setup = await setUp(options);
    checkDataPlace(out, setup.spec);
    return describe(setup);
  } finally {
    rmSync(options.out, { recursive: true, force: true });
  }
}

/** Makes the network thin, and prints what was found. */
async function run(model: string, { fineTune, plan, engine, json, ...rest }: Options): Promise<void> {
  requestedEngine(engine);
  const options: ThinOptions = { ...rest, model, finetune: fineTune };
  if (plan) {
    const lines = await planLines(options);
    return void process.stdout.write(`${json ? JSON.stringify({ plan: lines }, null, 2) : lines.join('\n')}\n`);
  }
  const { setUpSentences, thinSentences } = await import('../../src/thin/sentences.js');
  const { setUp } = await import('../../src/thin/plan.js');
  const { thinSetUp } = await import('../../src/thin/thin.js');
  // all is checked before a folder is left or an engine is installed
  const sentences = setUpSentences(options);
  const setup = sentences === undefined ? await setUp(options) : undefined;
  checkOut(rest.out);
  const progress = new Progress();
  const notice = (line: string): void => progress.line(line);
  const signal = stopSignal(notice);
  const work = async () => ({
    ...{ signal, onNotice: notice, command: typedCommand(), engine: await openForCommand(engine) },
    onProgress: (share: number, detail: string, first: number) => progress.update('thin', share, detail, first),
  });
  if (setup === undefined) {
    const found = await sayingHowToGoOn(progress, async () => thinSentences(sentences!, await work()));
    process.stdout.write(json ? `${JSON.stringify(found, null, 2)}\n` : sentencesText(found));
    return;
  }
  const result = await sayingHowToGoOn(progress, async () => thinSetUp(setup, await work()));
  process.stdout.write(json ? `${JSON.stringify(resultFigures(result), null, 2)}\n` : resultText(result));
}

/** `gowide thin`. */
export function command(): Command {
  return new Command('thin')
    .argument(
      '<model>',
      Object.values(SOURCE_FORMATS)
        .map(({ looks }) => looks)
        .join('; or '),
    )
    .description(
      'make a trained network thin: three stages on your data, rates tuned, a net in its own format and a card',
    )
    .option(
      '--data <path>',
      `${Object.values(DATA_FORMS)
        .map(({ looks }) => looks)
        .join('; or ')} (default: a run’s own)`,
    )
    .addOption(new Option('--width <factor>', 'factor on the channels (default: 0.5)').argParser(factor))
    .addOption(new Option('--params <n>', 'parameters at most, such as 5M').argParser(amount))
    .addOption(new Option('--speed <n>', 'operations fewer by this factor, such as 2x').argParser(times))
    .addOption(new Option('--out <dir>', 'folder of the result').default('gowide-thin'))
    .addOption(new Option('--runs <dir>', `folder in which a run’s id is looked for (default: ${DEFAULT_OUT})`))
    .option('--compare', `train every rival to the end at the same thin steps: ${Object.keys(ARMS).join(', ')}`)
    .option('--fine-tune', 'train the wide net on the data first although its head fits')
    .addOption(new Option('--epochs <n>', 'passes over the data in the final run').argParser(positiveNumber()))
    .addOption(
      new Option('--wide-epochs <n>', 'the same of the wide net, where it is trained').argParser(positiveNumber()),
    )
    .addOption(new Option('--batch <n>', 'examples of a step').argParser(wholeNumber(1)))
    .addOption(
      new Option('--tries <n>', 'settings of the rates that each arm is tried with (default: 6)')
        .choices(TYPED_TRIES)
        .argParser(tries),
    )
    .addOption(
      new Option(
        '--samples <n,...>',
        'unlabeled examples by which closed-form fits layers (default: 600); with --compare several: a curve',
      ).argParser(samples),
    )
    .addOption(new Option('--rows <n>', 'training examples that are used, at most').argParser(wholeNumber(8)))
    .addOption(
      new Option('--tokens <n>', 'tokens of an example (default: what the data need)').argParser(wholeNumber(8)),
    )
    .addOption(
      new Option('--size <n>', 'side of the pictures (default: what the network is for)').argParser(wholeNumber(8)),
    )
    .addOption(
      new Option('--corrupt <n>', 'pictures that may be unreadable, and are left out (default: 16)').argParser(
        wholeNumber(0),
      ),
    )
    .addOption(columnsOption(['text', 'label'], 'pair'))
    .option('--plan', 'say what would be done and what it costs, and do nothing')
    .addOption(seedOption())
    .addOption(engineOption())
    .addOption(jsonOption())
    .addHelpText(
      'after',
      examples(
        [
          'gowide thin ./my-bert --data reviews.csv --width 0.5',
          'gowide thin resnet50.safetensors --data pictures --params 5M --out small',
          'gowide thin ./all-MiniLM-L6-v2 --data texts --width 0.5',
          'gowide thin 3f2a91 --speed 2x --compare',
        ],
        'Stopped, it goes on by the same command. Nothing is chosen by the test split.',
      ),
    )
    .action(run);
}
