/**
 * Wide nets with a vocabulary of their own: of the same text each network reads its own tokens. Only outputs can be
 * learned from then, as no hidden state of one network stands beside one of the other. Letters: B batch, T tokens.
 */
import { dirname, resolve } from 'node:path';
import { UsageError } from '../../core/errors.js';
import { largest } from '../../core/stats.js';
import type { Dataset, HostBatch, Source } from '../../data/dataset.js';
import { paddedTo } from '../../data/texts.js';
import { openData, taskOf, tokenizerOf, type DataSpec } from '../../data/index.js';
import { tf, type Tensor } from '../../engine/tensor.js';
import { vocabularyBeside } from '../../models/folders.js';
import type { ApplyOptions, Network } from '../../nn/network.js';
import { isVocabularyName, readVocabulary } from '../../text/vocabulary.js';
import { isTrained, type TrainSpec } from '../spec/spec.js';
import { STARTS } from '../start/start.js';

/** Rows of an example: tokens, segments, and what is there. */
const ROWS = 3;

/** A vocabulary that is not the one of some data. */
export interface OtherVocabulary {
  /** The file or folder that it is in. */
  readonly path: string;
  /** The first token that differs, for messages. */
  readonly difference: string;
}

/** Whether data have the vocabulary at a path by name: the path itself, or the vocabulary's file in that folder. */
function hasByName(data: DataSpec, path: string): boolean {
  if (!('vocabulary' in data) || typeof data.vocabulary !== 'string') return false;
  const own = resolve(data.vocabulary);
  return own === resolve(path) || (dirname(own) === resolve(path) && isVocabularyName(own));
}

/** The vocabulary at a path, where it is another one than that of the data; one that only ends earlier is not. */
export async function otherVocabulary(data: DataSpec, path: string): Promise<OtherVocabulary | undefined> {
  if (hasByName(data, path)) return undefined;
  const ours = (await tokenizerOf(data))?.vocabulary ?? [];
  const theirs = readVocabulary(path).tokens;
  const at = ours.findIndex((token, i) => i < theirs.length && token !== theirs[i]);
  return at < 0 ? undefined : { path, difference: `token ${at} is "${ours[at]}" here and "${theirs[at]}" there` };
}

/** The vocabulary beside a file of weights, where it is another one than that of the data. */
async function otherBeside(data: DataSpec, weights: string): Promise<OtherVocabulary | undefined> {
  const path = taskOf(data) === undefined ? undefined : vocabularyBeside(weights);
  return path === undefined ? undefined : otherVocabulary(data, path);
}

/** What of a run needs the same tokens in both networks; undefined where outputs alone are compared. */
function needOfTokens({ data, start, imitation, training }: TrainSpec): string | undefined {
  const { head } = taskOf(data)!;
  if (head !== 'classify') return `the task "${head}"`;
  if (imitation !== null) return 'imitation of hidden states';
  if (STARTS[start].shares) return `start "${start}"`;
  return training.objective.hints > 0 ? 'a loss on hints' : undefined;
}

/**
 * The vocabulary beside the wide net's file that a run may read texts by; undefined where it cannot, as it needs the
 * tokens of the data, or where both are in one folder.
 */
export function vocabularyOfWide(spec: TrainSpec): string | undefined {
  const { data, teacher } = spec;
  if (teacher === null || isTrained(teacher) || taskOf(data) === undefined || needOfTokens(spec) !== undefined)
    return undefined;
  const path = vocabularyBeside(teacher.weights);
  return path === undefined || hasByName(data, path) ? undefined : path;
}

/** Examples [6, T]: those of one source, and below them the same ones of the other, as long as the longer of both. */
function paired(ours: Source, theirs: Source): Source {
  return {
    ...ours,
    batch: async (indices, key): Promise<HostBatch> => {
      const both = [await ours.batch(indices, key), await theirs.batch(indices, key)] as const;
      const longest = largest(both.map(({ shape }) => shape?.at(-1) ?? 0));
      const [first, second] = both.map((batch) => paddedTo(batch, longest)) as [HostBatch, HostBatch];
      const size = first.values.length / indices.length;
      const values = new Int32Array(2 * first.values.length);
      for (let i = 0; i < indices.length; i++) {
        values.set(first.values.subarray(i * size, (i + 1) * size), 2 * i * size);
        values.set(second.values.subarray(i * size, (i + 1) * size), (2 * i + 1) * size);
      }
      return { ...first, values, ...(first.shape && { shape: [2 * ROWS, longest] }) };
    },
  };
}

/** The network, which of examples [B, 6, T] reads the rows from `from` on. */
function readingFrom(network: Network, from: number): Network {
  const rows = (x: Tensor): Tensor => tf.slice(x, [0, from, 0], [x.shape[0]!, ROWS, x.shape[2]!]);
  const own = ([, ...rest]: readonly number[]): readonly number[] => [ROWS, ...rest];
  return {
    ...network,
    width: (tap, shape) => network.width(tap, shape && own(shape)),
    flops: (shape) => network.flops(own(shape)),
    apply: (scope, x, options: ApplyOptions = {}) => {
      const input = options.input === undefined ? undefined : rows(options.input);
      return network.apply(scope, options.from === undefined ? rows(x) : x, { ...options, ...(input && { input }) });
    },
  };
}

/** Data whose examples have the tokens of both networks, and the networks that read their own. */
export interface OwnTokens {
  readonly data: Dataset;
  readonly thin: (network: Network) => Network;
  readonly wide: (network: Network) => Network;
}

/**
 * What a run reads whose wide net comes from a file with a vocabulary of its own beside it; undefined where both
 * networks have the one of the data. `opened` are the data as they are declared by `data`. Throws UsageError where the
 * run needs the same tokens in both networks, and where it begins with a network of another vocabulary.
 */
export async function ownTokens(spec: TrainSpec, data: DataSpec, opened: Dataset): Promise<OwnTokens | undefined> {
  const { teacher, pretrained } = spec;
  const begun = pretrained !== undefined && 'weights' in pretrained ? pretrained.weights : undefined;
  const other = begun === undefined ? undefined : await otherBeside(data, begun);
  if (other !== undefined)
    throw new UsageError(
      `${begun}: its vocabulary is another one than that of the data (${other.difference}), so that its embeddings ` +
        `would be those of other words; set data.vocabulary=${other.path}`,
    );
  if (teacher === null || isTrained(teacher)) return undefined;
  const theirs = await otherBeside(data, teacher.weights);
  if (theirs === undefined) return undefined;
  const need = needOfTokens({ ...spec, data });
  if (need !== undefined)
    throw new UsageError(
      `${teacher.weights}: its vocabulary is another one than that of the data (${theirs.difference}), and ${need} ` +
        'needs the same tokens in both networks; its outputs for classes can be learned from (imitation null, start ' +
        `"random", no hints), all else with data.vocabulary=${theirs.path}`,
    );
  const { lowercase = true } = readVocabulary(theirs.path);
  const wide = await openData({ ...data, vocabulary: theirs.path, lowercase } as DataSpec);
  return {
    data: {
      ...opened,
      isRagged: false, // hidden states of the two are not compared, and each has a mask of its own
      shape: [2 * ROWS, ...opened.shape.slice(1)],
      train: paired(opened.train, wide.train),
      validation: paired(opened.validation, wide.validation),
      test: paired(opened.test, wide.test),
    },
    thin: (network) => readingFrom(network, 0),
    wide: (network) => readingFrom(network, ROWS),
  };
}
