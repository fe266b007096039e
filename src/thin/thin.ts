/** A trained network made thin: from its files and data to a thin net in the same format, with a card. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { FailureError, InterruptedError, unknownName, UsageError } from '../core/errors.js';
import { countValues } from '../core/host-array.js';
import type { Cell } from '../core/run.js';
import { declaredLabels, normalizationOf, qualityColumns, tokenizerOf } from '../data/index.js';
import { openEngine, requestedEngine, type Engine } from '../engine/engines/choose.js';
import { classFigures, confusion } from '../metrics/confusion.js';
import { evaluate, rankOf, type Evaluation } from '../metrics/evaluate.js';
import { TRAIN_KIND } from '../method/run/required.js';
import { TRAIN_RUNNER } from '../method/run/runner.js';
import { fromArrays } from '../method/values/weights.js';
import { withPredictor } from '../method/values/with-predictor.js';
import { hasOnnx, writeOnnx, writeWeights } from '../models/write.js';
import { readWeights } from '../models/read.js';
import { networkOf, type NetworkSpec } from '../models/index.js';
import { forwardFlops, type HostWeights } from '../nn/network.js';
import { makeFolder, writeAtomic } from '../store/atomic.js';
import { readArrays, readMetrics, type RunRecord } from '../store/runs.js';
import { cardOf, chanceWarning } from './card.js';
import { halve } from './halving.js';
import { latencies } from './latency.js';
import { toHtml, toMarkdown } from './page.js';
import { replacedResult, whileAlone } from './place.js';
import { describe } from './describe.js';
import { partsOf, runSeconds, secondsOf } from './parts.js';
import { poolsOf, thinCellOf, wideCellOf, wideRates, wideWeights, type Candidate } from './cells.js';
import { setUp } from './plan.js';
import type { Setup } from './setup.js';
import type { ThinOptions } from './options.js';
import type { Measured, ThinResult, Trained, Tried } from './result.js';
import { afterImitation, Worker, validationOf, type WorkOptions } from './work.js';

/** Names of the classes in their order, where anything says them. */
function labelsOf({ data, spec, source }: Setup): readonly string[] | undefined {
  return data.labels ?? declaredLabels(spec) ?? source.labels;
}

/** What {@link thin} takes: what is to be made thin and how, where the work is kept, and the engine that is used. */
export type CallOptions = ThinOptions & WorkOptions & { readonly engine?: Engine };

/** Every option, with what `typeof` may say of it. */
const OPTIONS: Readonly<Record<keyof CallOptions, readonly string[]>> = {
  ...{ model: ['string'], data: ['string'], out: ['string'], runs: ['string'], command: ['string'] },
  ...{ width: ['number'], params: ['number'], speed: ['number'], epochs: ['number'], wideEpochs: ['number'] },
  ...{ batch: ['number'], tries: ['number'], seed: ['number'], size: ['number'], tokens: ['number'] },
  ...{ rows: ['number'], corrupt: ['number'], samples: ['number', 'object'], columns: ['object'] },
  ...{ compare: ['boolean'], finetune: ['boolean'], engine: ['object'], signal: ['object'] },
  ...{ onProgress: ['function'], onNotice: ['function'] },
};

/** Throws UsageError for an option that there is not, or one of another type than it has. */
function checkCall(options: CallOptions): void {
  if (typeof options !== 'object' || options === null)
    throw new UsageError(`thin: expected an object with model, data and other options, got ${String(options)}`);
  for (const [name, value] of Object.entries(options)) {
    if (!Object.hasOwn(OPTIONS, name)) throw unknownName('option of thin', name, Object.keys(OPTIONS));
    const types = OPTIONS[name as keyof CallOptions];
    if (value !== undefined && !types.includes(typeof value))
      throw new UsageError(`thin: ${name}: expected a value of the type ${types.join(' or ')}, got ${typeof value}`);
  }
  if (options.model === undefined) throw new UsageError('thin: model is missing; expected a folder, a file or a run');
}

/**
 * Makes a trained network thin. Opens an engine unless one is given. What is done is kept in the folder, so that the
 * same call goes on after it was stopped. Throws UsageError with what does not fit, FailureError where no candidate
 * could be trained, InterruptedError when `signal` fires.
 *
 * @example
 *   await thin({ model: './my-bert', data: './reviews.csv', width: 0.5, out: './thin' });
 */
export async function thin(options: CallOptions): Promise<ThinResult> {
  checkCall(options);
  // before a folder is made for what nobody waits for any more
  if (options.signal?.aborted === true) throw new InterruptedError('stopped before anything was done');
  return thinSetUp(await setUp(options), options);
}

/** {@link thin} where all is settled already. */
export async function thinSetUp(
  setup: Setup,
  options: WorkOptions & { readonly engine?: Engine } = {},
): Promise<ThinResult> {
  const parts = partsOf(setup);
  for (const line of [...replacedResult(setup.out), ...describe(setup, parts)]) options.onNotice?.(line);
  const engine = options.engine ?? (await openEngine(requestedEngine(), undefined, (line) => options.onNotice?.(line)));
  const seconds = (cell: Cell): number => runSeconds(setup.data, cell);
  const worker = new Worker(
    { out: setup.work, kind: TRAIN_KIND, runner: TRAIN_RUNNER, said: setup.notes, seconds, total: secondsOf(parts) },
    engine,
    options,
  );
  const wide = await trainedWide(setup, worker);
  const wideMeasured = await measured(setup, setup.wide, wide);
  const warning = chanceWarning(setup, wideMeasured);
  if (warning !== undefined) options.onNotice?.(warning);
  const { trained, tried, best } = await trainedThin(setup, worker);
  const weights = fromArrays(readArrays(best.record));
  const thinMeasured = await measured(setup, setup.thin, weights);
  const labels = labelsOf(setup);
  const tokenizer = await tokenizerOf(setup.spec);
  const names = { labels, tokenizer, normalize: normalizationOf(setup.spec) };
  return whileAlone(setup, options, () => {
    const written = [...setup.source.write(join(setup.out, 'model'), setup.thin, weights, names)];
    if (hasOnnx(setup.thin)) {
      const path = join(setup.out, 'model.onnx');
      writeOnnx(path, setup.thin, weights, names);
      written.push(path);
    }
    const result = {
      ...{ out: setup.out, written, trained, tried, labels, wide: wideMeasured, thin: thinMeasured },
      taken: best.trained,
      card: join(setup.out, 'README.md'),
      page: join(setup.out, 'report.html'),
    };
    const card = cardOf(setup, result, readMetrics(best.record), engine, options.command);
    writeAtomic(result.card, toMarkdown(card));
    writeAtomic(result.page, toHtml(card));
    writeAtomic(join(setup.out, 'card.json'), `${JSON.stringify(figuresOf(result), null, 2)}\n`);
    return result;
  });
}

/** What programs read of a result. */
function figuresOf({ wide, thin, taken, trained, tried, labels }: Omit<ThinResult, 'out'>): object {
  const of = ({ confusion: counts, ...rest }: Measured): object => ({
    ...rest,
    ...(counts !== undefined && { confusion: counts.counts, classes: classFigures(counts) }),
  });
  return { wide: of(wide), thin: of(thin), taken, trained, tried, labels };
}

/** The wide net's weights, after it was trained on the data where its head is new. */
async function trainedWide(setup: Setup, worker: Worker): Promise<HostWeights> {
  const path = wideWeights(setup);
  if (setup.training === undefined) return readWeights(path, setup.wide);
  let last: RunRecord | undefined;
  const { best } = await halve(wideRates(setup), setup.steps.wide, async (rate, steps) => {
    last = await worker.attempt(wideCellOf(setup, rate, steps));
    return scoreOf(setup, last && validationOf(last));
  });
  if (best === undefined || last === undefined)
    throw new FailureError(`the wide net could not be trained at any of the rates; the last one: ${worker.failure}`);
  const weights = fromArrays(readArrays(last));
  makeFolder(setup.work, '--out');
  // runs note what they read, and when that was written
  if (!existsSync(path)) writeWeights(path, setup.wide, weights);
  return weights;
}

/** The number that candidates are ranked by; undefined where training failed. */
function scoreOf({ data }: Setup, validation: Evaluation | undefined): number | undefined {
  return validation && rankOf(validation, data);
}

interface Best {
  readonly trained: Trained;
  readonly record: RunRecord;
}

/** Every pool's best thin net; the best of them on validation is taken. */
async function trainedThin(
  setup: Setup,
  worker: Worker,
): Promise<{ readonly trained: Trained[]; readonly tried: Tried[]; readonly best: Best }> {
  const weights = wideWeights(setup);
  const tried: Tried[] = [];
  const finals: Best[] = [];
  for (const pool of poolsOf(setup)) {
    const cellOf = (one: Candidate, steps: number): Cell => thinCellOf(setup, weights, one, steps);
    const accuracies: (number | undefined)[] = [];
    // the last that is run is the best one, for all steps
    let record: RunRecord | undefined;
    const { best, scored } = await halve(pool, setup.steps.thin, async (one, steps) => {
      record = await worker.attempt(cellOf(one, steps));
      const validation = record && validationOf(record);
      accuracies.push(validation?.accuracy);
      return scoreOf(setup, validation);
    });
    tried.push(...scored.map((one, i) => ({ ...one, accuracy: accuracies[i] })));
    if (best === undefined || record === undefined) continue;
    const { testAccuracy, steps } = record.result as { testAccuracy: number; steps: number };
    const fitted = best.samples === undefined ? {} : { afterImitation: afterImitation(record) };
    const validation = validationOf(record);
    const quality = qualityColumns(setup.spec, { ...record.result, validationAccuracy: validation.accuracy });
    const trained = { ...best, ...fitted, run: record.id, validation, testAccuracy, quality, steps };
    finals.push({ trained, record });
  }
  const lastScore = ({ arm, rates, samples }: Trained): number =>
    tried.findLast(({ candidate: one }) => one.arm === arm && one.rates === rates && one.samples === samples)?.score ??
    -Infinity;
  finals.sort((a, b) => lastScore(b.trained) - lastScore(a.trained));
  if (finals[0] === undefined)
    throw new FailureError(`no thin net could be trained at any of the rates; the last one: ${worker.failure}`);
  return { trained: finals.map(({ trained }) => trained), tried, best: finals[0] };
}

/** Accuracy, size and speed of a network. */
async function measured({ data }: Setup, network: NetworkSpec, host: HostWeights): Promise<Measured> {
  const net = networkOf(network);
  const result = await withPredictor(net, host, async (predict) => ({
    validation: await evaluate(data, data.validation, predict),
    test: await evaluate(data, data.test, predict),
    scores: (await data.score?.(predict))?.scores ?? {},
    confusion: data.questions === undefined ? await confusion(data, data.test, predict) : undefined,
  }));
  return {
    ...{ network, parameters: countValues(host.params), flops: forwardFlops(net, data.shape), ...result },
    milliseconds: await latencies(net, host, data),
  };
}
