/**
 * How an encoder of sentences is made thin without labels: its hidden states are imitated layer by layer, then the
 * cosines between the sentences of a batch. Letters: B sentences, T tokens, C channels.
 */
import { z } from 'zod';
import type { Runner } from '../core/experiment.js';
import type { Cell, Executor, InputFiles, Outcome, RunContext } from '../core/run.js';
import { namesOf } from '../core/registry.js';
import { parseSpec } from '../core/spec.js';
import { mean } from '../core/stats.js';
import { indexRanges, toBatch, type Dataset, type Source } from '../data/dataset.js';
import { PADDING, textSource } from '../data/texts.js';
import { tf, type Scalar, type Tensor, type Tensor2D } from '../engine/tensor.js';
import { EXPECTED_FLOPS } from '../method/cost/cost.js';
import { groupsOf } from '../method/maps/groups.js';
import { forData } from '../method/matching/padding.js';
import { imitatedGroups, imitationStages } from '../method/imitation/gradient.js';
import { initialMaps } from '../method/maps/initial.js';
import { isMap, withoutMaps } from '../method/maps/apply.js';
import { mergeMaps } from '../method/maps/merge.js';
import { GradientImitation, RecipeSpec } from '../method/spec/spec.js';
import { sharedPaths, startWeights } from '../method/start/start.js';
import { trainStages } from '../method/training/stages.js';
import { streamBasis } from '../method/start/stream.js';
import type { TrainingStage } from '../method/training/training-step.js';
import { disposeWeights, toArrays, toHost, weightsOf, type Teacher, type Weights } from '../method/values/weights.js';
import { readWeights } from '../models/read.js';
import { weightFiles } from '../models/folders.js';
import { networkOf, NetworkSpec } from '../models/index.js';
import { evaluation } from '../nn/layers.js';
import { forwardFlops, type HostWeights, type Network } from '../nn/network.js';
import { firstToken } from '../nn/transformer.js';
import { readText } from '../store/config.js';
import { readVocabulary, vocabularyFiles } from '../text/vocabulary.js';
import { WordPiece } from '../text/wordpiece.js';
import { POOLINGS, type PoolingName } from './sources/sentences.js';

/** Kind of the runs that make encoders of sentences thin. */
export const SENTENCES_KIND = 'thin-sentences';

/** Schema of such a run. */
export const SentencesSpec = z.strictObject({
  wide: z.strictObject({ network: NetworkSpec, weights: z.string() }),
  network: NetworkSpec,
  pooling: z.enum(namesOf(POOLINGS)),
  /** File with the vocabulary, and files with a sentence on each line. */
  vocabulary: z.string(),
  texts: z.strictObject({ train: z.string(), validation: z.string(), test: z.string() }),
  tokens: z.int().min(4).max(4096),
  /** How far texts are padded: `max_length` by default. */
  padding: PADDING.optional(),
  imitation: RecipeSpec,
  training: RecipeSpec,
});
/** A run that makes an encoder of sentences thin. */
export type SentencesSpec = z.infer<typeof SentencesSpec>;

/** How well the cosines between sentences agree with those of the wide net. */
export interface Agreement {
  /** Correlation of the cosines, and of their ranks. */
  readonly pearson: number;
  readonly spearman: number;
  /** Share of the sentences whose nearest neighbor is the wide net's, in percent. */
  readonly neighbors: number;
  /** Mean of the absolute differences of the cosines. */
  readonly difference: number;
}

/** The sentences of three files as data without classes. */
export function openSentences({ vocabulary, texts, tokens, padding }: SentencesSpec): Dataset {
  const { tokens: words, lowercase = true, settings } = readVocabulary(vocabulary);
  const tokenizer = new WordPiece(words, lowercase, settings);
  const source = (path: string): Source => {
    const lines = readText(path, { dropNul: true })
      .split('\n')
      .filter((line) => line !== '');
    return textSource(
      { tokenizer, tokens, padding },
      lines.map((text) => ({ text, label: 0 })),
    );
  };
  return {
    // there are no labels: every text is of the first of two classes, which nothing looks at
    ...{ shape: [3, tokens], isRagged: padding === 'longest', classes: 2, vocabulary: words.length },
    ...{ train: source(texts.train), validation: source(texts.validation), test: source(texts.test) },
  };
}

/** Vectors of length 1 [B, C] of the sentences x [B, 3, T]. */
export function embed(network: Network, weights: Weights, pooling: PoolingName, x: Tensor): Tensor2D {
  return pooled(network.apply(evaluation(weights), x)[network.taps.at(-1)!]!, x, pooling);
}

/** Vectors [B, C] in the direction of the pooled ones, of the states [B, T, C]; `isThere` [B, T, 1] is 1 or 0. */
const POOLED: Readonly<Record<PoolingName, (states: Tensor, isThere: Tensor) => Tensor>> = {
  // the direction of a sum is that of the mean
  mean: (states, isThere) => tf.sum(tf.mul(states, isThere), 1),
  cls: (states) => firstToken(states),
};

function pooled(states: Tensor, x: Tensor, pooling: PoolingName): Tensor2D {
  const [batch, rows, tokens] = x.shape as [number, number, number];
  const isThere = tf.cast(tf.slice(x, [0, rows - 1, 0], [batch, 1, tokens]).reshape([batch, tokens, 1]), 'float32');
  const vectors = POOLED[pooling](states, isThere);
  return tf.div(vectors, tf.sqrt(tf.add(tf.sum(tf.square(vectors), -1, true), 1e-12)));
}

/**
 * Mean squared difference of the cosines of all pairs of sentences of a batch, [B, C] and [B, C'], as a share of the
 * variance that the wide net's have: 1 where all are the wide net's mean.
 */
export function cosineLoss(thin: Tensor2D, wide: Tensor2D): Scalar {
  const [own, there] = [thin, wide].map((one) => tf.matMul(one, one, false, true)) as [Tensor2D, Tensor2D];
  const count = own.shape[0];
  const pairs = Math.max(1, count * (count - 1));
  const others = tf.sub(1, tf.eye(count));
  const mean = tf.div(tf.sum(tf.mul(there, others)), pairs);
  const variance = tf.div(tf.sum(tf.mul(tf.square(tf.sub(there, mean)), others)), pairs);
  const error = tf.div(tf.sum(tf.mul(tf.squaredDifference(own, there), others)), pairs);
  return tf.div(error, tf.add(variance, 1e-6));
}

/** How many sentences of a split are compared. */
function comparedIn(split: Source): number {
  return Math.min(MOST_COMPARED, split.count);
}

/** Cosines of all pairs of the first sentences of a split, {@link MOST_COMPARED} at most. */
async function cosines({ network, weights, pooling }: Embedder, data: Dataset, split: Source): Promise<Float32Array> {
  const vectors: Tensor2D[] = [];
  for (const indices of indexRanges(comparedIn(split), CHUNK)) {
    const { x, y } = toBatch(data, await split.batch(indices));
    vectors.push(tf.tidy(() => embed(network, weights, pooling, x)));
    tf.dispose([x, y]);
  }
  const products = tf.tidy(() => {
    const all = tf.concat(vectors, 0) as Tensor2D;
    return tf.matMul(all, all, false, true);
  });
  const values = (await products.data()) as Float32Array;
  tf.dispose([products, ...vectors]);
  return values;
}

const CHUNK = 32;
/** Sentences whose pairs are compared, at most: 125,000 pairs. */
export const MOST_COMPARED = 500;

/** A network as what makes vectors of sentences. */
export interface Embedder {
  readonly network: Network;
  readonly weights: Weights;
  readonly pooling: PoolingName;
}

/** How well the cosines of a split's sentences by a network agree with those by another, which are computed once. */
export function agreementWith(there: Embedder, data: Dataset): (own: Embedder, split: Source) => Promise<Agreement> {
  const known = new Map<Source, Float32Array>();
  return async (own, split) => {
    const theirs = known.get(split) ?? (await cosines(there, data, split));
    known.set(split, theirs);
    return agreementOf(await cosines(own, data, split), theirs, comparedIn(split));
  };
}

/** How well two matrices of cosines [count, count] agree. */
export function agreementOf(a: Float32Array, b: Float32Array, count: number): Agreement {
  const pairs: [number[], number[]] = [[], []];
  const nearest = (of: Float32Array, i: number): number => {
    let best = -1;
    for (let j = 0; j < count; j++) if (j !== i && (best < 0 || of[i * count + j]! > of[i * count + best]!)) best = j;
    return best;
  };
  let same = 0;
  for (let i = 0; i < count; i++) {
    if (nearest(a, i) === nearest(b, i)) same++;
    for (let j = 0; j < i; j++) {
      pairs[0].push(a[i * count + j]!);
      pairs[1].push(b[i * count + j]!);
    }
  }
  const difference = pairs[0].reduce((sum, value, k) => sum + Math.abs(value - pairs[1][k]!), 0) / pairs[0].length;
  return {
    pearson: correlation(pairs[0], pairs[1]),
    spearman: correlation(ranks(pairs[0]), ranks(pairs[1])),
    neighbors: (100 * same) / count,
    difference,
  };
}

/** Ranks of values from 0; equal ones have the mean of theirs. */
function ranks(values: readonly number[]): number[] {
  const order = Array.from(values.keys()).sort((p, q) => values[p]! - values[q]!);
  const found = new Array<number>(values.length);
  for (let from = 0; from < order.length;) {
    let to = from + 1;
    while (to < order.length && values[order[to]!] === values[order[from]!]) to++;
    for (let k = from; k < to; k++) found[order[k]!] = (from + to - 1) / 2;
    from = to;
  }
  return found;
}

/** Pearson's correlation; 0 where one of the two does not vary. */
function correlation(a: readonly number[], b: readonly number[]): number {
  const [ma, mb] = [mean(a), mean(b)];
  let [ab, aa, bb] = [0, 0, 0];
  for (let k = 0; k < a.length; k++) {
    ab += (a[k]! - ma) * (b[k]! - mb);
    aa += (a[k]! - ma) ** 2;
    bb += (b[k]! - mb) ** 2;
  }
  return aa > 0 && bb > 0 ? ab / Math.sqrt(aa * bb) : 0;
}

/** Files that such a run reads. */
function sentencesFiles({ wide, vocabulary, texts }: SentencesSpec): InputFiles[] {
  const files = Object.values(texts).map((path) => ({ path }));
  return [...files, ...vocabularyFiles(vocabulary), ...weightFiles(wide.weights)];
}

/** The imitation of hidden states: all layers in every step, each on its own input. */
function imitationOf(recipe: RecipeSpec, thin: Network, wide: Network): GradientImitation {
  const isNarrower = thin.width(thin.boundaries.stage[0]!) !== wide.width(thin.boundaries.stage[0]!);
  const maps = !isNarrower ? 'none' : thin.scales === undefined ? 'up' : 'stream';
  return GradientImitation.parse({ by: 'gradient', order: 'joint', inputs: 'own', loss: 'relative-mse', maps, recipe });
}

/** Runs a cell of the kind {@link SENTENCES_KIND}. */
const sentencesExecutor: Executor = async (context) => {
  const spec = parsed(context.cell);
  const { pooling } = spec;
  const data = openSentences(spec);
  const [thin, wide] = [spec.network, spec.wide.network].map((one) => forData(networkOf(one), data)) as [
    Network,
    Network,
  ];
  const host = readWeights(spec.wide.weights, spec.wide.network);
  const teacher: Teacher = { network: wide, host, weights: weightsOf(host) };
  try {
    const there: Embedder = { network: wide, weights: teacher.weights, pooling };
    const agreesWithWide = agreementWith(there, data);
    const agrees = async (weights: Weights, split: Source): Promise<Agreement> =>
      agreesWithWide({ network: thin, weights, pooling }, split);
    const say = (when: string, split: string, found: Agreement): void =>
      context.log({ event: 'agreement', when, split, ...found });
    const imitation = imitationOf(spec.imitation, thin, wide);
    const groups = groupsOf(thin, imitation);
    const kind = imitation.maps === 'none' ? 'selected' : 'projected';
    const imitated = imitatedGroups(groups, Object.keys(thin.shapes), sharedPaths(kind, thin, wide));
    const stages = imitationStages(imitation, thin, teacher, groups, imitated).map((stage) => ({
      ...stage,
      after: async (weights: Weights): Promise<Weights> => {
        const merged = mergeMaps(thin, weights, groups);
        say('imitation', 'validation', await agrees(merged, data.validation));
        return merged;
      },
    }));
    const weights = await trainStages(
      context,
      data,
      async () => {
        const begun = await begin(context, { thin, teacher, data, groups, imitation, kind });
        const first = weightsOf({ params: withoutMaps(begun.params), state: begun.state });
        say('start', 'validation', await agrees(first, data.validation));
        disposeWeights(first);
        return begun;
      },
      [...stages, cosineStage(spec, thin, there, agrees, data)],
    );
    try {
      const [validation, test] = [await agrees(weights, data.validation), await agrees(weights, data.test)];
      say('end', 'validation', validation);
      say('end', 'test', test);
      const trained = await toHost(weights);
      return {
        arrays: toArrays(trained),
        result: { ...test, validationSpearman: validation.spearman },
      } satisfies Outcome;
    } finally {
      disposeWeights(weights);
    }
  } finally {
    disposeWeights(teacher.weights);
  }
};

/** Floating-point operations of a step: the thin net's, forwards and backwards, and the wide net's. */
function flopsOf({ wide, network, tokens, training }: SentencesSpec): number {
  const [own, there] = [network, wide.network].map((spec) => forwardFlops(networkOf(spec), [3, tokens]));
  return training.batch * (3 * own! + there!);
}

function stepsOf({ imitation, training }: SentencesSpec): number {
  return imitation.steps + training.steps;
}

function parsed({ spec }: Cell): SentencesSpec {
  return parseSpec(SentencesSpec, 'run of sentences', spec);
}

/** The runner of cells of kind {@link SENTENCES_KIND}, for the record of runners. */
export const SENTENCES_RUNNER: Runner = {
  execute: sentencesExecutor,
  check: (cell) => void parsed(cell),
  files: (cell) => sentencesFiles(parsed(cell)),
  requires: () => [],
  cost: (cell) => (stepsOf(parsed(cell)) * flopsOf(parsed(cell))) / EXPECTED_FLOPS,
  steps: (cell) => stepsOf(parsed(cell)),
  stepFlops: (cell) => flopsOf(parsed(cell)),
};

async function begin(
  { seed }: RunContext,
  parts: {
    readonly thin: Network;
    readonly teacher: Teacher;
    readonly data: Dataset;
    readonly groups: ReturnType<typeof groupsOf>;
    readonly imitation: GradientImitation;
    readonly kind: 'projected' | 'selected';
  },
): Promise<HostWeights> {
  const { thin, teacher, data, groups, imitation, kind } = parts;
  const basis = await streamBasis(thin, teacher, data);
  const { host, selection } = startWeights(kind, seed, thin, teacher, { basis });
  const maps = await initialMaps(imitation.maps, { thin, start: host, teacher, groups, selection, basis }, data);
  return { params: { ...host.params, ...maps }, state: host.state };
}

/** The last stage: cosines within the batch. It ends with the weights whose cosines on validation agree best. */
function cosineStage(
  { training, pooling }: SentencesSpec,
  thin: Network,
  there: Embedder,
  agrees: (weights: Weights, split: Source) => Promise<Agreement>,
  data: Dataset,
): TrainingStage {
  return {
    name: 'cosines',
    recipe: training,
    trainable: (path) => !isMap(path),
    targets: (x) => ({ vectors: embed(there.network, there.weights, pooling, x) }),
    loss: (scope, { x }, { vectors }) =>
      cosineLoss(pooled(thin.apply(scope, x)[thin.taps.at(-1)!]!, x, pooling), vectors as Tensor2D),
    judge: async (weights) => {
      const found = await agrees(weights, data.validation);
      return { score: found.spearman, figures: { split: 'validation', ...found } };
    },
    after: async ({ params, state }) => ({ params: withoutMaps(params), state }),
  };
}
