/** What is said of a thin net: how good, how large, how fast, how it came about, and by which command. */
import { cellId, type Row } from '../core/run.js';
import { shellWord } from '../core/shell.js';
import type { Dataset } from '../data/dataset.js';
import type { Engine } from '../engine/engines/choose.js';
import { qualityColumns } from '../data/index.js';
import { EXPORT_FORMATS } from '../method/run/export.js';
import { classFigures } from '../metrics/confusion.js';
import { ARMS, METHOD, type Arm, type Rates } from './arms.js';
import { LATENCY_BATCHES } from './latency.js';
import type { Card, Section } from './page.js';
import { nameOf, thinCellOf, wideWeights } from './cells.js';
import { operations } from './describe.js';
import type { Setup } from './setup.js';
import type { Measured, ThinResult } from './result.js';

const whole = (value: number): string => Math.round(value).toLocaleString('en');
const percent = (value: number): string => value.toFixed(1);
/** Classes whose confusion is shown as a whole table; of more, the pairs that are mistaken most often. */
const MOST_CLASSES = 20;

function ratesText({ training, imitation }: Rates): string {
  return imitation === undefined ? String(training) : `${training}, imitation ${imitation}`;
}

/** The card of a result; `rows` is what the run of the thin net logged. */
export function cardOf(
  setup: Setup,
  result: ThinResult,
  rows: readonly Row[],
  engine: Engine,
  command: string | undefined,
): Card {
  const { wide, thin, taken } = result;
  const name = setup.options.model;
  return {
    title: `${name}, thin`,
    summary:
      `${whole(thin.parameters)} parameters instead of ${whole(wide.parameters)}, ` +
      `${comparedText(testQuality(setup, wide), testQuality(setup, thin))}.`,
    sections: [
      wideAndThin(setup, wide, thin, engine),
      howSection(setup, result),
      ...(result.trained.length > 1 ? [armsSection(result)] : []),
      ...samplesSections(result),
      triedSection(result),
      mergedSection(rows, ARMS[taken.arm]),
      ...(thin.confusion === undefined ? [] : classSections(thin, result.labels)),
      madeBy(command ?? 'thin() of the library', taken.run, setup),
    ],
  };
}

/** What is to be said of a wide net that was not trained on the data and is hardly better on them than chance. */
export function chanceWarning(
  { training, data }: Pick<Setup, 'training' | 'data'>,
  { validation }: Pick<Measured, 'validation'>,
): string | undefined {
  const chance = 100 / data.classes;
  if (training !== undefined || validation.accuracy >= 1.2 * chance) return undefined;
  return (
    `the wide net answers ${percent(validation.accuracy)} % of the validation split rightly, hardly more than by ` +
    'chance: are these its classes, in its order? --fine-tune trains it on them first'
  );
}

/** What the milliseconds of a card are. */
export function latencyText({ name, version, device }: Engine, { shape }: Pick<Dataset, 'shape'>): string {
  // examples of tokens have two axes, pictures three
  const length = shape.length === 2 ? `, texts of ${shape[1]} tokens` : '';
  return `Latency is the median of forward passes here: ${name} ${version} on ${device}${length}.`;
}

/** Which command made a thin net, and where its runs are. */
export function madeBy(code: string, run: string, { seed, work }: Pick<Setup, 'seed' | 'work'>): Section {
  return {
    title: 'Made by',
    text: [{ code }, `Seed ${seed}; run ${run} in ${work}, where every run of the way here is kept.`],
  };
}

/** The test split's figures by which the task is judged, by column: `test %` is accuracy. */
function testQuality({ spec }: Setup, { validation, test, scores }: Measured): Record<string, number> {
  const all = { ...scores, validationAccuracy: validation.accuracy, testAccuracy: test.accuracy };
  return Object.fromEntries(Object.entries(qualityColumns(spec, all)).filter(([name]) => name.startsWith('test ')));
}

function comparedText(wide: Readonly<Record<string, number>>, thin: Readonly<Record<string, number>>): string {
  const accuracy = thin['test %'];
  if (accuracy !== undefined)
    return `${percent(accuracy)} % of the test split answered rightly instead of ${percent(wide['test %']!)} %`;
  return Object.entries(thin)
    .map(([name, value]) => `${name} ${percent(value)} instead of ${percent(wide[name]!)}`)
    .join(', ');
}

/** A measure of the task as text: SQuAD's scripts give counts and thresholds beside percents. */
function scoreText(name: string): (value: number) => string {
  if (name.endsWith('total')) return whole;
  return name.endsWith('thresh') ? (value) => value.toPrecision(4) : percent;
}

function wideAndThin(setup: Setup, wide: Measured, thin: Measured, engine: Engine): Section {
  // an example with several answers has a share of them right; of a span they are its start and its end
  const accuracy = setup.data.questions === undefined ? 'accuracy, %' : 'accuracy of single positions, %';
  const row = (what: string, of: (one: Measured) => number, text: (value: number) => string): string[] => [
    what,
    text(of(wide)),
    text(of(thin)),
  ];
  const milliseconds = (value: number): string => value.toPrecision(3);
  const warning = chanceWarning(setup, wide);
  return {
    title: 'Beside the wide net',
    table: {
      columns: ['', 'wide', 'thin'],
      rows: [
        row(`test ${accuracy}`, ({ test }) => test.accuracy, percent),
        ...(thin.test.top5 === undefined
          ? []
          : [row('test, the label among five, %', ({ test }) => test.top5 ?? 0, percent)]),
        row(
          'test cross-entropy, nats',
          ({ test }) => test.crossEntropy,
          (value) => value.toFixed(4),
        ),
        row(`validation ${accuracy}`, ({ validation }) => validation.accuracy, percent),
        ...Object.keys(wide.scores).map((name) => row(name, ({ scores }) => scores[name]!, scoreText(name))),
        row('parameters', ({ parameters }) => parameters, whole),
        row('operations of an example', ({ flops }) => flops, operations),
        ...LATENCY_BATCHES.map((batch, i) =>
          row(`milliseconds at batch ${batch}`, (one) => one.milliseconds[i]!, milliseconds),
        ),
      ],
    },
    text: [...(warning === undefined ? [] : [`Warning: ${warning}.`]), latencyText(engine, setup.data)],
    bars: Object.keys(testQuality(setup, thin)).flatMap((name) =>
      Object.entries({ wide, thin }).map(([net, of]) => ({
        name: `${net}, ${name}`,
        value: testQuality(setup, of)[name]!,
      })),
    ),
  };
}

function howSection(setup: Setup, { taken, trained, tried }: ThinResult): Section {
  const { data, training, left } = setup;
  const why =
    trained.length > 1
      ? `it was the best of the ${trained.length} arms on the validation split`
      : 'it was the best of the last round of candidates on the validation split';
  return {
    title: 'How it came about',
    text: [
      `Arm ${taken.arm}: ${ARMS[taken.arm].title}. Taken because ${why}; rates ${ratesText(taken.rates)}, ` +
        `${whole(taken.steps)} steps of ${setup.batch} examples.`,
      training === undefined
        ? 'Stage 1 was skipped: the wide net is used as it was given.'
        : `Stage 1: the wide net was trained on the data first, as ${training}.`,
      `Data: ${setup.options.data ?? 'those of the run'}; ${whole(data.train.count)} examples for training, ` +
        `${whole(data.validation.count)} for choosing rates, arm and step, ${whole(data.test.count)} for the test, ` +
        'which nothing was chosen by.',
      ...setup.notes,
      ...threeStageText(setup, { taken, trained, tried }),
      ...left.map(({ arm, why: reason }) => `Arm ${arm} was left out: ${reason}.`),
    ],
  };
}

/** How the net of three stages is written where another arm was taken: its run of most steps, the best of them. */
export function threeStageText(
  setup: Setup,
  { taken, trained, tried }: Pick<ThinResult, 'taken' | 'trained' | 'tried'>,
): NonNullable<Section['text']> {
  if (taken.arm === METHOD) return [];
  const { folder, model, safetensors } = EXPORT_FORMATS;
  const isFolder = [folder!, model!].some(({ fits }) => fits(setup.thin));
  if (!isFolder && !safetensors!.fits(setup.thin)) return [];
  const final = trained.find(({ arm }) => arm === METHOD);
  const [best] = tried
    .filter(({ candidate: { arm }, score }) => arm === METHOD && score !== undefined)
    .sort((a, b) => b.round - a.round || b.score! - a.score!);
  if (best === undefined) return [];
  const id = final?.run ?? cellId(thinCellOf(setup, wideWeights(setup), best.candidate, best.steps));
  const output = isFolder ? 'three' : 'three.safetensors';
  return [
    `The net of three stages, as it was after ${whole((final ?? best).steps)} steps, is written by`,
    { code: `gowide runs export ${id} --out ${shellWord(setup.work)} --output ${output}` },
  ];
}

function armsSection({ trained }: ThinResult): Section {
  const columns = Object.keys(trained[0]!.quality);
  const shown = columns.find((column) => column.startsWith('test '))!;
  return {
    title: 'Arms at the same number of thin steps',
    text: [
      'One seed each, rates tuned alike: differences of a percent or two may be chance. Nothing was chosen by the ' +
        'test column.',
    ],
    table: {
      columns: ['arm', 'rates', 'steps', ...columns],
      rows: trained.map(({ arm, samples, rates, steps, quality }) => [
        ...[nameOf({ arm, samples }), ratesText(rates), whole(steps)],
        ...columns.map((column) => percent(quality[column]!)),
      ]),
    },
    bars: trained.map((one) => ({ name: `${nameOf(one)}, ${shown}`, value: one.quality[shown]! })),
  };
}

/** What the closed form is worth by how many unlabelled examples; nothing where one number was taken. */
function samplesSections({ trained, wide }: ThinResult): Section[] {
  const curve = trained
    .filter(({ samples }) => samples !== undefined)
    .sort((a, b) => a.arm.localeCompare(b.arm) || a.samples! - b.samples!);
  if (curve.length === 0) return [];
  return [
    {
      title: 'By unlabelled examples',
      text: [
        'Layers are fitted by so many training examples without their labels; then the net is trained as every arm. ' +
          `The wide net answers ${percent(wide.validation.accuracy)} % of the validation split rightly.`,
      ],
      table: {
        columns: ['arm', 'unlabelled examples', 'validation % when fitted', 'validation % at the end', 'test %'],
        rows: curve.map(({ arm, samples, afterImitation, validation, testAccuracy }) => [
          ...[arm, whole(samples!), percent(afterImitation!)],
          ...[percent(validation.accuracy), percent(testAccuracy)],
        ]),
      },
    },
  ];
}

function triedSection({ tried }: ThinResult): Section {
  return {
    title: 'Candidates',
    text: ['Successive halving by thirds on the validation split; each round is trained anew.'],
    table: {
      columns: ['arm', 'rates', 'round', 'steps', 'validation accuracy, %'],
      rows: tried.map(({ candidate: { arm, rates }, round, steps, accuracy }) => [
        ...[arm, ratesText(rates), String(round), whole(steps)],
        accuracy === undefined ? 'failed' : percent(accuracy),
      ]),
    },
  };
}

/** What was merged, and how far the thin net is from the wide one. */
function mergedSection(rows: readonly Row[], { startsFresh }: Arm): Section {
  const merge = rows.find(({ event }) => event === 'merge');
  const distances = rows.filter(({ event, when }) => event === 'discrepancy' && when === 'end');
  const said =
    merge !== undefined
      ? 'The maps between thin and wide were merged into the thin net; that changed its logits by ' +
        `${Number(merge.difference).toExponential(1)} of their size.`
      : startsFresh
        ? 'There were no maps between thin and wide.'
        : 'No map had to be merged: those that imitation compared by are dropped with it.';
  return {
    title: 'What was merged',
    text: [said],
    ...(distances.length > 0 && {
      table: {
        columns: ['at', 'distance to the wide net, relative'],
        rows: distances.map(({ tap, discrepancy }) => [String(tap), Number(discrepancy).toFixed(3)]),
      },
    }),
  };
}

function classSections(thin: Measured, labels: readonly string[] | undefined): Section[] {
  const counts = thin.confusion!.counts;
  const names = counts.map((_, i) => labels?.[i] ?? String(i));
  const report: Section = {
    title: 'By class',
    table: {
      columns: ['class', 'examples', 'precision %', 'recall %', 'F1 %'],
      rows: classFigures(thin.confusion!).map(({ examples, precision, recall, f1 }, i) => [
        ...[names[i]!, whole(examples), percent(precision), percent(recall), percent(f1)],
      ]),
    },
  };
  const all = counts.length <= MOST_CLASSES;
  const pairs = counts
    .flatMap((row, i) => row.map((count, j) => ({ from: names[i]!, to: names[j]!, count, isWrong: i !== j })))
    .filter(({ isWrong, count }) => isWrong && count > 0)
    .sort((a, b) => b.count - a.count)
    .slice(0, MOST_CLASSES);
  return [
    report,
    {
      title: 'Confusion',
      text: [
        all ? 'Rows are the classes, columns what they were taken for.' : 'The pairs that are mistaken most often.',
      ],
      table: all
        ? { columns: ['', ...names], rows: counts.map((row, i) => [names[i]!, ...row.map(String)]) }
        : {
            columns: ['class', 'taken for', 'times'],
            rows: pairs.map(({ from, to, count }) => [from, to, String(count)]),
          },
    },
  ];
}
