/** Encoders of sentences made thin, by texts without labels (folders of sentence-transformers). */
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { FailureError, plural, UsageError } from '../core/errors.js';
import { CUSTOM_SCALE } from '../core/experiment.js';
import { countValues } from '../core/host-array.js';
import { permutation, rngKey } from '../core/rng.js';
import type { Cell } from '../core/run.js';
import { openEngine, requestedEngine, type Engine } from '../engine/engines/choose.js';
import { EXPECTED_FLOPS } from '../method/cost/cost.js';
import { disposeWeights, fromArrays, weightsOf } from '../method/values/weights.js';
import { readWeights } from '../models/read.js';
import { taskNetworks } from '../models/folders.js';
import { writeOnnx, writeWeights } from '../models/write.js';
import { modelMaxLength } from '../models/formats/huggingface-folder.js';
import { maxPositionsOf, networkOf, parameterCount, type NetworkSpec } from '../models/index.js';
import type { TokenizerFacts } from '../models/interface/family.js';
import { forwardFlops } from '../nn/network.js';
import { makeFolder, writeAtomic } from '../store/atomic.js';
import { linesOf, readText } from '../store/config.js';
import { readArrays, type RunRecord } from '../store/runs.js';
import { textFiles } from '../text/corpus.js';
import { readVocabulary } from '../text/vocabulary.js';
import { WordPiece } from '../text/wordpiece.js';
import { ratesOf, type Rates, type Tries } from './arms.js';
import { latencyText, madeBy } from './card.js';
import { TABLE, unlabelledTexts } from './data/tables.js';
import { halve, roundsOf, type Round } from './halving.js';
import { keepMade } from '../store/kept.js';
import { LATENCY_BATCHES, latencies } from './latency.js';
import { toHtml, toMarkdown, type Card } from './page.js';
import { checkPlace, replacedResult, whileAlone } from './place.js';
import { checkOptions, DEFAULT_OUT, type ThinOptions } from './options.js';
import { duration } from './describe.js';
import { batchOf, RECIPES, recipeOf, stepsFor } from './recipes.js';
import {
  agreementWith,
  MOST_COMPARED,
  openSentences,
  SENTENCES_KIND,
  SENTENCES_RUNNER,
  SentencesSpec,
  type Agreement,
} from './sentences-run.js';
import { narrowed, widthNotes } from './size.js';
import {
  isSentenceFolder,
  preparedSentence,
  readPooling,
  sentenceNotes,
  writePooling,
  type Pooling,
} from './sources/sentences.js';
import { Worker, type WorkOptions } from './work.js';
import { vocabularyNotes } from './vocabulary.js';

/** Share of the steps in which hidden states are imitated; the others go by cosines. */
const IMITATION_SHARE = 0.5;
/** Evaluations on the validation split in a run. */
const EVALUATIONS = 4;
const LEAST_TEXTS = 20;

/** Everything that is settled before the first step. */
export interface SentencesSetup {
  readonly out: string;
  readonly work: string;
  readonly model: string;
  readonly pooling: Pooling;
  readonly wide: NetworkSpec;
  readonly thin: NetworkSpec;
  readonly texts: SentencesSpec['texts'];
  readonly counts: Readonly<Record<'train' | 'validation' | 'test', number>>;
  readonly tokens: number;
  readonly batch: number;
  readonly steps: number;
  readonly seed: number;
  readonly tries: Tries;
  /** What there is to say of the network's files, a line each. */
  readonly notes: readonly string[];
}

/** What was found and written. */
export interface SentencesResult {
  readonly written: readonly string[];
  readonly card: string;
  readonly page: string;
  readonly rates: Rates;
  readonly run: string;
  /** On the test split, of the thin net and of its start before any step. */
  readonly test: Agreement;
  readonly parameters: { readonly wide: number; readonly thin: number };
}

/**
 * The texts at a path, where they have no labels: a .txt file or a folder of them, or a table without labels, with a
 * line on its columns.
 */
function textsAt(
  path: string,
  columns: Readonly<Record<string, string>>,
): { readonly texts: readonly string[]; readonly note?: string } | undefined {
  if (!existsSync(path)) return undefined;
  if (!statSync(path).isDirectory()) {
    if (TABLE.test(path)) return unlabelledTexts(path, columns);
    return path.endsWith('.txt') ? { texts: textsIn(path) } : undefined;
  }
  let files: string[];
  try {
    files = textFiles(path);
  } catch (error) {
    if (error instanceof UsageError) return undefined; // no .txt file in it
    throw error;
  }
  return { texts: files.flatMap(textsIn) };
}

function textsIn(file: string): string[] {
  return linesOf(readText(file, { dropNul: true }));
}

/** Throws UsageError where an option changes nothing of the imitation of sentences' embeddings on these texts. */
function checkEffects(options: ThinOptions, data: string): void {
  const others = {
    '--compare': options.compare,
    '--fine-tune': options.finetune,
    '--samples': options.samples,
    '--wide-epochs': options.wideEpochs,
  };
  const given = Object.entries(others).find(([, value]) => value !== undefined && value !== false);
  if (given !== undefined)
    throw new UsageError(`${given[0]} is for data with labels; embeddings of sentences are imitated without it`);
  const table = TABLE.test(data) && !statSync(data).isDirectory();
  const idle = {
    '--size': options.size,
    '--corrupt': options.corrupt,
    '--runs': options.runs,
    ...(!table && { '--columns': options.columns }),
  };
  const unused = Object.entries(idle).find(([, value]) => value !== undefined);
  if (unused !== undefined)
    throw new UsageError(
      `${unused[0]}: has no effect on the texts ${data} and the folder ${options.model}; leave it out`,
    );
}

/**
 * What is to be done where the network is an encoder of sentences and the data have no labels; undefined where one of
 * the two is otherwise. Throws UsageError with what does not fit.
 */
export function setUpSentences(options: ThinOptions): SentencesSetup | undefined {
  const { model, data, out = DEFAULT_OUT, columns = {}, rows = Infinity, seed = 1, tries = 3 } = options;
  if (data === undefined || !existsSync(model) || !isSentenceFolder(model)) return undefined;
  const found = textsAt(data, columns);
  if (found === undefined) return undefined;
  checkOptions(options);
  checkPlace(out, model, data);
  checkEffects(options, data);
  const pooling = readPooling(model);
  const { encoder } = taskNetworks(model);
  // the vector of a sentence is made of hidden states: a pooler would be a part that nothing reads
  const wide = { ...encoder, head: { kind: 'none' } } as NetworkSpec;
  const notes = vocabularyNotes(model, wide, readVocabulary(model).tokens.length);
  const work = join(out, 'work');
  const splits = split(
    data,
    found.texts.filter((text) => text.trim() !== '').map((text) => preparedSentence(text, pooling)),
    rows,
  );
  // as sentence-transformers has it where the folder says no length of its own
  const most = Math.min(pooling.mostTokens ?? modelMaxLength(model) ?? Infinity, maxPositionsOf(wide));
  const tokens = options.tokens ?? Math.min(lengthOf(splits.train, model), most);
  if (tokens > most) throw new UsageError(`--tokens ${tokens}: the network reads ${most}; expected at most as many`);
  const thin = narrowed(wide, options, [3, tokens]);
  notes.push(
    ...widthNotes(wide, thin, options),
    ...sentenceNotes(pooling),
    ...(found.note === undefined ? [] : [found.note]),
  );
  const base = RECIPES.adamw;
  const examples = splits.train.length;
  const batch = batchOf(options.batch, base, examples);
  const counts = { train: examples, validation: splits.validation.length, test: splits.test.length };
  const steps = stepsFor({ option: '--epochs', epochs: options.epochs ?? base.epochs, examples, batch }, 2);
  // nothing is written before all is checked
  const made = keepMade(work, 'data', (folder) => {
    makeFolder(folder);
    for (const [name, texts] of Object.entries(splits))
      writeAtomic(join(folder, `${name}.txt`), `${texts.join('\n')}\n`);
  });
  const file = (name: keyof typeof splits): string => join(made, `${name}.txt`);
  return {
    ...{ out, work, model, pooling, wide, thin, counts, tokens, batch, seed, tries, notes },
    texts: { train: file('train'), validation: file('validation'), test: file('test') },
    steps,
  };
}

/** The different texts in three splits: a tenth, {@link MOST_COMPARED} at most, is held out for each purpose. */
function split(
  path: string,
  found: readonly string[],
  rows: number,
): Record<'train' | 'validation' | 'test', string[]> {
  const texts = [...new Set(found.map((text) => text.trim()))].filter((text) => text !== '');
  if (texts.length < LEAST_TEXTS)
    throw new UsageError(`${path}: ${texts.length} different texts; expected at least ${LEAST_TEXTS}`);
  const order = Array.from(permutation(rngKey(0, 'thin', 'sentences'), texts.length), (index) => texts[index]!);
  const held = Math.max(4, Math.min(MOST_COMPARED, Math.floor(texts.length / 10)));
  const [test, validation, train] = [order.slice(0, held), order.slice(held, 2 * held), order.slice(2 * held)];
  return { train: train.slice(0, rows), validation, test };
}

/** As many tokens as 99 of 100 texts need, in steps of 8. */
function lengthOf(texts: readonly string[], model: string): number {
  const { tokens, lowercase = true, settings } = readVocabulary(model);
  const tokenizer = new WordPiece(tokens, lowercase, settings);
  const lengths = texts
    .slice(0, 1000)
    .map((text) => tokenizer.encode(text).ids.length + 2)
    .sort((a, b) => a - b);
  return Math.max(8, 8 * Math.ceil(lengths[Math.floor(0.99 * (lengths.length - 1))]! / 8));
}

function cellOf(setup: SentencesSetup, { training, imitation = training }: Rates, steps: number): Cell {
  const { wide, model, thin, pooling, texts, tokens, batch, seed } = setup;
  const base = RECIPES.adamw;
  const imitated = Math.max(1, Math.round(IMITATION_SHARE * steps));
  const spec: SentencesSpec = {
    ...{ wide: { network: wide, weights: model }, network: thin, pooling: pooling.by, vocabulary: model },
    ...{ texts, tokens, padding: 'longest', imitation: recipeOf(base, batch, imitated, imitation) },
    training: { ...recipeOf(base, batch, Math.max(1, steps - imitated), training), evaluations: EVALUATIONS },
  };
  return {
    ...{ experiment: 'thin', arm: `sentences ${imitation} ${training}`, scale: CUSTOM_SCALE, kind: SENTENCES_KIND },
    spec: spec as unknown as Cell['spec'],
    seed,
  };
}

function candidatesOf({ tries }: SentencesSetup): Rates[] {
  return ratesOf({ imitates: true }, RECIPES.adamw.rates, tries);
}

function stepsOf({ imitation, training }: SentencesSpec): number {
  return imitation.steps + training.steps;
}

/** Steps of all runs of some rounds. */
function stepsIn(rounds: readonly Round[]): number {
  return rounds.reduce((sum, { candidates, steps }) => sum + candidates * steps, 0);
}

/** Expected seconds of so many steps on one core of a small machine. */
function secondsOf({ wide, thin, tokens, batch }: SentencesSetup, steps: number): number {
  const [own, there] = [thin, wide].map((spec) => forwardFlops(networkOf(spec), [3, tokens])) as [number, number];
  return (steps * batch * (3 * own + there)) / EXPECTED_FLOPS;
}

/** What will be done and what it costs, a line each. */
export function describeSentences(setup: SentencesSetup): string[] {
  const { model, wide, thin, counts, tokens, pooling, steps, batch } = setup;
  const size = (spec: NetworkSpec): string => `${parameterCount(spec).toLocaleString('en')} parameters`;
  const rounds = roundsOf(candidatesOf(setup).length, steps);
  return [
    `wide net: ${model} (sentence-transformers); ${size(wide)}`,
    `thin net: ${size(thin)}`,
    ...setup.notes,
    `texts without labels: ${counts.train} for training, ${counts.validation} for choosing, ${counts.test} ` +
      `for the test; up to ${tokens} tokens of each, pooled by ${pooling.by}`,
    ...rounds.map(({ candidates, steps: each }) => `${plural(candidates, 'run')} of ${each} steps`),
    `about ${duration(secondsOf(setup, stepsIn(rounds)))} in all on one core of a small machine, less where texts are ` +
      `short, in steps of ${batch} texts; rates are chosen by the cosines of validation texts, nothing by the ` +
      'test split',
  ];
}

/**
 * Makes an encoder of sentences thin. Opens an engine unless one is given. What is done is kept in the folder, so that
 * the same call goes on after it was stopped. Throws FailureError where no candidate could be trained,
 * InterruptedError when `signal` fires.
 */
export async function thinSentences(
  setup: SentencesSetup,
  options: WorkOptions & { readonly engine?: Engine } = {},
): Promise<SentencesResult> {
  const { onNotice, command } = options;
  for (const line of [...replacedResult(setup.out), ...describeSentences(setup)]) onNotice?.(line);
  const engine = options.engine ?? (await openEngine(requestedEngine(), undefined, (line) => onNotice?.(line)));
  const candidates = candidatesOf(setup);
  const worker = new Worker(
    {
      ...{ out: setup.work, kind: SENTENCES_KIND },
      runner: SENTENCES_RUNNER,
      said: setup.notes,
      seconds: ({ spec }) => secondsOf(setup, stepsOf(spec as unknown as SentencesSpec)),
      total: secondsOf(setup, stepsIn(roundsOf(candidates.length, setup.steps))),
    },
    engine,
    options,
  );
  let last: RunRecord | undefined;
  const { best } = await halve(candidates, setup.steps, async (rates, steps) => {
    const leftOut = `rates ${Object.values(rates).join(', ')} are left out`;
    const record = await worker.attempt(cellOf(setup, rates, steps), leftOut);
    last = record ?? last;
    return record && Number(record.result!.validationSpearman);
  });
  if (best === undefined || last === undefined)
    throw new FailureError(`no thin net could be trained at any of the rates; the last one: ${worker.failure}`);
  const record = last;
  return whileAlone(setup, options, () => written(setup, best, record, engine, command));
}

/** A tokenizer that puts texts in lower case itself, for files that have no other place for that. */
function loweredFirst({ vocabulary, lowercase, settings }: TokenizerFacts): TokenizerFacts {
  // where nothing is said of accents they go with the capitals, which is a matter of the tokenizer's own
  return { vocabulary, lowercase: true, settings: { stripAccents: lowercase, ...settings } };
}

/** Writes the thin net and its card. */
async function written(
  setup: SentencesSetup,
  rates: Rates,
  record: RunRecord,
  engine: Engine,
  command: string | undefined,
): Promise<SentencesResult> {
  const { out, model, thin, wide, pooling } = setup;
  const host = fromArrays(readArrays(record));
  const folder = join(out, 'model');
  const { tokens: vocabulary, lowercase = true, settings } = readVocabulary(model);
  const tokenizer = { vocabulary, lowercase, ...(settings !== undefined && { settings }) };
  writeWeights(folder, thin, host, { tokenizer, from: model });
  writePooling(folder, pooling, (thin as { hiddenSize: number }).hiddenSize);
  const onnx = join(out, 'model.onnx');
  writeOnnx(onnx, thin, host, { tokenizer: pooling.lowercase === true ? loweredFirst(tokenizer) : tokenizer });
  const spec = SentencesSpec.parse(record.cell.spec);
  const data = openSentences(spec);
  const wideHost = readWeights(model, wide);
  const milliseconds = {
    wide: await latencies(networkOf(wide), wideHost, data),
    thin: await latencies(networkOf(thin), host, data),
  };
  // what is on the disk is what is judged
  const [own, there] = [weightsOf(readWeights(folder, thin)), weightsOf(wideHost)];
  const agrees = agreementWith({ network: networkOf(wide), weights: there, pooling: pooling.by }, data);
  const test = await agrees({ network: networkOf(thin), weights: own, pooling: pooling.by }, data.test).finally(() => {
    disposeWeights(own);
    disposeWeights(there);
  });
  const result: SentencesResult = {
    ...{ written: [folder, onnx], rates, run: record.id, test },
    ...{ card: join(out, 'README.md'), page: join(out, 'report.html') },
    parameters: { wide: parameterCount(wide), thin: countValues(host.params) },
  };
  const card = cardOf(setup, result, milliseconds, engine, command);
  writeAtomic(result.card, toMarkdown(card));
  writeAtomic(result.page, toHtml(card));
  writeAtomic(join(out, 'card.json'), `${JSON.stringify({ ...result, milliseconds }, null, 2)}\n`);
  return result;
}

function cardOf(
  { model, counts, pooling, tokens, steps, batch, seed, work, notes }: SentencesSetup,
  { test, parameters, rates, run }: SentencesResult,
  milliseconds: Readonly<Record<'wide' | 'thin', readonly number[]>>,
  engine: Engine,
  command: string | undefined,
): Card {
  const whole = (value: number): string => value.toLocaleString('en');
  return {
    title: `${model}, thin`,
    summary:
      `${whole(parameters.thin)} parameters instead of ${whole(parameters.wide)}; the cosines between ` +
      `${counts.test} held-out texts agree with the wide net’s: rank correlation ${test.spearman.toFixed(4)}.`,
    sections: [
      {
        title: 'Agreement with the wide net on held-out texts',
        table: {
          columns: ['cosines of all pairs', ''],
          rows: [
            ['correlation', test.pearson.toFixed(4)],
            ['rank correlation', test.spearman.toFixed(4)],
            ['mean absolute difference', test.difference.toFixed(4)],
            ['texts with the same nearest neighbor, %', test.neighbors.toFixed(1)],
          ],
        },
      },
      {
        title: 'Beside the wide net',
        table: {
          columns: ['', 'wide', 'thin'],
          rows: [
            ['parameters', whole(parameters.wide), whole(parameters.thin)],
            ...LATENCY_BATCHES.map((size, i) => [
              `milliseconds at batch ${size}`,
              milliseconds.wide[i]!.toPrecision(3),
              milliseconds.thin[i]!.toPrecision(3),
            ]),
          ],
        },
        text: [latencyText(engine, { shape: [3, tokens] })],
      },
      {
        title: 'How it came about',
        text: [
          'Hidden states were imitated layer by layer, then the cosines between the texts of a batch: ' +
            `${steps} steps of ` +
            `${batch} texts of up to ${tokens} tokens, pooled by ${pooling.by}, without labels; rates ${rates.training}, ` +
            `imitation ${rates.imitation}, chosen by the cosines of ${counts.validation} validation texts.`,
          ...notes,
        ],
      },
      madeBy(command ?? 'thinSentences() of the library', run, { seed, work }),
    ],
  };
}
