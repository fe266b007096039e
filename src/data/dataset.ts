/** Labelled examples and how batches of them are made: every batch is a pure function of its indices and its key. */
import { DataError, listed, UsageError } from '../core/errors.js';
import { filled, firstInfinite, sizeOf } from '../core/host-array.js';
import { checkMembers } from '../core/registry.js';
import { permutation, rngKey, type RngKey } from '../core/rng.js';
import { tf, type Tensor, type Tensor1D } from '../engine/tensor.js';

/** A file that could not be read, and why. */
export interface SkippedFile {
  readonly file: string;
  readonly reason: string;
}

/** Every file of a batch is one that cannot be read. */
export class UnreadableBatchError extends DataError {
  constructor(readonly skipped: readonly SkippedFile[]) {
    const named = skipped.map(({ file, reason }) => `${file} (${reason})`).join(', ');
    super(`no picture of a batch can be read: ${named}`);
  }
}

/** Examples on the host. */
export interface HostBatch {
  /** Examples one after the other: images [B, H, W, C], or tokens as whole numbers. */
  readonly values: Float32Array | Int32Array;
  /** [B], or [B, P] where an example has P questions. */
  readonly labels: Int32Array;
  /** Shape of one example, where it is not the data set's: of texts that are padded to the longest of the batch. */
  readonly shape?: readonly number[];
  /** Files that could not be read and are not in the batch. */
  readonly skipped?: readonly SkippedFile[];
}

/** Key of a training batch's random changes; they are drawn anew for each step. */
export interface AugmentKey {
  readonly seed: number;
  readonly step: number;
  /**
   * Which example of the whole batch the first one is, where only a part of it is asked for; 0 by default. An example
   * is changed as in the whole batch.
   */
  readonly from?: number;
}

/** Examples `from` to `to`, exclusive, of every batch. */
export interface BatchPart {
  readonly from: number;
  readonly to: number;
}

/** The examples of one split. */
export interface Source {
  readonly count: number;
  /** The examples at `indices`: changed at random with a key, unchanged without one. */
  readonly batch: (indices: Uint32Array, augment?: AugmentKey) => HostBatch | Promise<HostBatch>;
  /** How long each example is, where a batch is as long as its longest. */
  readonly lengths?: () => readonly number[];
  /** Whether the examples of a training batch are to be of similar `lengths`. */
  readonly groupsByLength?: boolean;
  /** The block of neighbors that each example stands in, where right answers are to be counted by block. */
  readonly blocks?: readonly number[];
}

/**
 * How long each example of a source is; undefined where it does not say. Throws UsageError where there is not one
 * length for each example.
 */
export function lengthsOf({ count, lengths }: Source): readonly number[] | undefined {
  const found = lengths?.();
  if (found !== undefined && found.length !== count)
    throw new UsageError(`lengths of a split: expected ${count}, one for each example, got ${found.length}`);
  return found;
}

/** Classes that no example of a split has, by their names. */
export interface AbsentClasses {
  readonly split: 'train' | 'validation' | 'test';
  readonly labels: readonly string[];
}

/** How many examples of the test split are training examples, too. */
export interface RepeatedExamples {
  readonly count: number;
  readonly of: number;
}

/** What there is to say of test examples that are training examples, in one line for people. */
export function repeatedLine({ count, of }: RepeatedExamples): string {
  return `${count} of the ${of} test texts are training texts, too: the test accuracy says less about new ones`;
}

/** A data set that is open: its shape and its three splits. */
export interface Dataset {
  /** Shape of one example: [H, W, C] of an image, [rows, T] of tokens. */
  readonly shape: readonly number[];
  /**
   * Whether texts are padded to the longest of their batch: T differs from batch to batch, up to that of `shape`, and
   * nothing may be learned from positions of padding, of which there are more or fewer. The third row of an example is
   * 1 where there is a token and 0 where there is padding.
   */
  readonly isRagged?: boolean;
  /** Number of possible answers. */
  readonly classes: number;
  /** Names of the classes in their order, where files of the user's decide it. */
  readonly labels?: readonly string[];
  /**
   * Answers that are asked of an example, P: its masked positions. One by default, and then labels have no axis for
   * them.
   */
  readonly questions?: number;
  /** Number of different tokens that an example may have; undefined for data that are not tokens. */
  readonly vocabulary?: number;
  readonly train: Source;
  readonly validation: Source;
  readonly test: Source;
  /** What could not be used when the data were opened. */
  readonly problems?: readonly SkippedFile[];
  /** Splits that lack classes, where files of the user's decide it; left out where none does. */
  readonly absent?: readonly AbsentClasses[];
  /** Test examples that are training examples, too; left out where they are few. */
  readonly repeated?: RepeatedExamples;
  /**
   * Counts files that could not be read elsewhere, by other workers or before a run was resumed, as those of its own
   * batches. Throws DataError where they are more than the declaration allows.
   */
  readonly countSkipped?: (files: readonly SkippedFile[]) => void;
  /** Files that could not be read and that the run has named: a file is read in every epoch, and named once. */
  readonly named?: Set<string>;
  /** The task's own scores of a network, x [B, ...] -> logits, beside accuracy and cross-entropy. */
  readonly score?: (predict: (x: Tensor) => Tensor) => Promise<TaskScores>;
}

/** Throws UsageError that names what data lack, or have of another type; `what` says where they were given. */
export function checkDataset(what: string, data: Dataset): void {
  checkMembers(what, data, {
    ...{ shape: 'array', classes: 'number', train: 'object', validation: 'object', test: 'object' },
  });
  const { isRagged = false, shape } = data;
  if (isRagged && (shape.length !== 2 || shape[0]! < 3))
    throw new UsageError(
      `${what}: isRagged goes with examples [3, T], of which the third row is 1 for a token and 0 for padding; ` +
        `got a shape of [${shape.join(', ')}]`,
    );
  for (const split of ['train', 'validation', 'test'] as const)
    checkMembers(`${what}: ${split}`, data[split], { count: 'number', batch: 'function' });
  if (data.train.groupsByLength === true && data.train.lengths === undefined)
    throw new UsageError(`${what}: train: groupsByLength goes with lengths, which say how long each example is`);
}

/** What a task's own measure says of a network. */
export interface TaskScores {
  readonly scores: Readonly<Record<string, number>>;
  /** The answers that were scored. */
  readonly answers: readonly Answer[];
}

/** A network's answer to a question of a split. */
export type Answer = {
  readonly split: 'validation' | 'test';
  readonly id: string;
  readonly answer: string;
  /** How much "no answer" scores better than the best answer; only where questions may have none. */
  readonly noAnswer?: number;
};

/** The splits that lack some of the classes, of the class numbers of all their examples; nothing where none does. */
export function absentClasses(
  names: readonly string[],
  splits: Readonly<Record<AbsentClasses['split'], readonly { readonly label: number }[]>>,
): { readonly absent?: readonly AbsentClasses[] } {
  const all = (Object.keys(splits) as AbsentClasses['split'][]).map((split) => {
    const present = new Set(splits[split].map(({ label }) => label));
    return { split, labels: names.filter((_, number) => !present.has(number)) };
  });
  const absent = all.filter(({ labels }) => labels.length > 0);
  return absent.length === 0 ? {} : { absent };
}

const CONSEQUENCE: Readonly<Record<AbsentClasses['split'], string>> = {
  train: 'labels teach the others alone',
  validation: 'what is chosen is chosen by the others alone',
  test: 'the test accuracy is of the others alone',
};

/** What a split lacks, in one line for people. */
export function absentLine({ split, labels }: AbsentClasses): string {
  const examples = split === 'train' ? 'training' : split;
  return `no ${examples} example has the class${labels.length === 1 ? '' : 'es'} ${listed(labels)}: ${CONSEQUENCE[split]}`;
}

/**
 * The data with what cannot be read of validation and test told to `note`, each file once. Training names those of
 * the training split, with their step.
 */
export function notingSkipped(
  data: Dataset,
  note: (split: 'validation' | 'test', skipped: SkippedFile) => void,
): Dataset & { readonly named: Set<string> } {
  const named = new Set<string>();
  const noting = (split: 'validation' | 'test'): Source => ({
    ...data[split],
    batch: async (indices, augment) => {
      const batch = await data[split].batch(indices, augment);
      for (const one of batch.skipped ?? []) {
        if (!named.has(one.file)) note(split, one);
        named.add(one.file);
      }
      return batch;
    },
  });
  return { ...data, validation: noting('validation'), test: noting('test'), named };
}

/**
 * The data with what was read of validation and test told to `note` before each batch: a pass over a large split takes
 * minutes, in which nothing else would be heard of the run. Passes are of whole splits, one after another.
 */
export function notingPasses(data: Dataset, note: (read: number, count: number) => void | Promise<void>): Dataset {
  const noting = (source: Source): Source => {
    let read = 0;
    return {
      ...source,
      batch: async (indices, augment) => {
        await note(read, source.count);
        read += indices.length;
        if (read >= source.count) read = 0;
        return source.batch(indices, augment);
      },
    };
  };
  return { ...data, validation: noting(data.validation), test: noting(data.test) };
}

/** A batch on the engine. */
export interface Batch {
  /** Inputs [B, ...]. */
  readonly x: Tensor;
  /** One-hot labels [B, classes], or [B, P, classes]. */
  readonly y: Tensor;
}

/** What a batch asks of a network and how it is answered, as numbers: classes, and questions for each example. */
export type Asked = Pick<Dataset, 'shape' | 'classes' | 'questions'>;

/** A batch on the engine with its labels as numbers: int32 [B], or [B, P]. */
export interface LabelledBatch {
  readonly x: Tensor;
  readonly labels: Tensor;
}

/**
 * Moves a batch to the engine; the caller disposes it. Throws UsageError on a value that is not finite, which some
 * engines would turn into 0, on a label that is no class, which would count as no class at all, and on more or fewer
 * values than the labels have examples.
 */
export function toLabelled(asked: Asked, { values, labels, shape = asked.shape }: HostBatch): LabelledBatch {
  const { classes, questions } = asked;
  const infinite = values instanceof Float32Array ? firstInfinite(values) : -1;
  if (infinite >= 0)
    throw new UsageError(
      `data: value ${infinite} of a batch is ${values[infinite]} ` +
        `(example ${Math.floor(infinite / sizeOf(shape))} of it); expected finite numbers`,
    );
  for (const label of labels)
    if (label < 0 || label >= classes) throw new UsageError(`data: a label is ${label}; expected 0 to ${classes - 1}`);
  const examples = labels.length / (questions ?? 1);
  if (!Number.isInteger(examples) || values.length !== examples * sizeOf(shape))
    throw new UsageError(
      `data: a batch has ${labels.length} labels and ${values.length} values; expected ` +
        `${questions === undefined ? 'one label' : `${questions} labels`} and ${sizeOf(shape)} values, ` +
        `[${shape.join(', ')}], of each example`,
    );
  const x = tf.tensor(values, [examples, ...shape], values instanceof Int32Array ? 'int32' : 'float32');
  return { x, labels: tf.tensor(labels, questions === undefined ? [examples] : [examples, questions], 'int32') };
}

/** Labels int32 [B] or [B, P] as ones and zeros [..., classes]. */
export function oneHotLabels(labels: Tensor, classes: number): Tensor {
  return tf.cast(tf.oneHot(labels as Tensor1D, classes), 'float32');
}

/** Moves a batch to the engine, its labels as ones and zeros; the caller disposes it. */
export function toBatch(asked: Asked, host: HostBatch): Batch {
  const { x, labels } = toLabelled(asked, host);
  const y = tf.tidy(() => oneHotLabels(labels, asked.classes));
  labels.dispose();
  return { x, y };
}

/** Batches that are sorted by length at once, at most. */
const MOST_SORTED_BATCHES = 50;

/**
 * The order of an epoch, rearranged so that the examples of a batch are of similar lengths: the examples of fifty
 * batches at a time, or of a quarter of the epoch's where these are fewer, are sorted by length and cut into batches,
 * and the batches of the epoch are shuffled. Batches begin after the first `open` examples, which end a batch that the
 * epoch before began; these and those of an incomplete last batch stay where they are. Each example still comes once.
 * As `group_by_length` of Hugging Face's trainer, but for the shuffling: there each fifty batches begin with the
 * longest examples and end with the shortest.
 */
function groupedByLength(
  order: Uint32Array,
  lengths: readonly number[],
  { batch, open, key }: { readonly batch: number; readonly open: number; readonly key: RngKey },
): Uint32Array {
  const count = Math.max(0, Math.floor((order.length - open) / batch));
  const sortedAtOnce = batch * Math.max(1, Math.min(MOST_SORTED_BATCHES, Math.floor(count / 4)));
  const end = open + count * batch;
  const sorted: number[] = [];
  for (let from = open; from < end; from += sortedAtOnce) {
    const examples = order.subarray(from, Math.min(from + sortedAtOnce, end));
    const places = shortestFirst(Array.from(examples, (example) => lengths[example]!));
    for (const place of places) sorted.push(examples[place]!);
  }
  const grouped = order.slice();
  for (const [at, from] of permutation(key, count).entries())
    grouped.set(sorted.slice(from * batch, (from + 1) * batch), open + at * batch);
  return grouped;
}

/** What an {@link Order} is told of lengths, where a batch's examples are to be of similar ones. */
export interface LengthGroups {
  /** How long each example is. */
  readonly lengths: readonly number[];
  /** Examples of each batch, of all shards together: batches of another size would be cut across the groups. */
  readonly batch: number;
}

/**
 * Order of the training examples: epochs in fresh random orders, each example once per epoch; with `groups` the
 * examples of a batch are of similar lengths. With `count` shards, shard `index` gets every `count`-th example of the
 * same order. Indices are a function of seed and step alone, with `groups` also of these, so a run goes on in the
 * middle of an epoch.
 */
export class Order {
  private readonly orders = new Map<number, Uint32Array>();

  constructor(
    private readonly seed: number,
    private readonly total: number,
    private readonly shard: { readonly index: number; readonly count: number } = { index: 0, count: 1 },
    private readonly groups?: LengthGroups,
  ) {
    if (total < 1) throw new RangeError('Order: expected at least one example');
  }

  indices(step: number, batch: number): Uint32Array {
    return this.from(step * batch, batch);
  }

  /** `count` examples that come after the first `start` of the order: those of batches that differ in size. */
  from(start: number, count: number): Uint32Array {
    const indices = new Uint32Array(count);
    const { index, count: shards } = this.shard;
    let epoch = -1;
    let order: Uint32Array = indices;
    for (let i = 0; i < count; i++) {
      const position = (start + i) * shards + index;
      const here = Math.floor(position / this.total);
      if (here !== epoch) [epoch, order] = [here, this.order(here)];
      indices[i] = order[position % this.total]!;
    }
    return indices;
  }

  private order(epoch: number): Uint32Array {
    let order = this.orders.get(epoch);
    if (order === undefined) {
      for (const old of this.orders.keys()) if (old < epoch - 1) this.orders.delete(old);
      this.orders.set(epoch, (order = this.grouped(permutation(rngKey(this.seed, 'order', epoch), this.total), epoch)));
    }
    return order;
  }

  private grouped(order: Uint32Array, epoch: number): Uint32Array {
    if (this.groups === undefined) return order;
    const { lengths, batch } = this.groups;
    const begun = (epoch * this.total) % batch;
    const open = begun === 0 ? 0 : Math.min(batch - begun, this.total);
    return groupedByLength(order, lengths, { batch, open, key: rngKey(this.seed, 'length groups', epoch) });
  }
}

/**
 * Batches of the training set, or a part of each, some steps ahead of the engine: while it computes, files are read and
 * decoded.
 */
export class Loader {
  private readonly coming = new Map<number, HostBatch | Promise<HostBatch>>();
  private readonly order: Order;

  constructor(
    private readonly source: Source,
    private readonly seed: number,
    private readonly batch: number,
    private readonly ahead = 2,
    private readonly part: BatchPart = { from: 0, to: batch },
  ) {
    const lengths = source.groupsByLength === true ? lengthsOf(source) : undefined;
    this.order = new Order(seed, source.count, undefined, lengths && { lengths, batch });
  }

  /**
   * The batch of a step. Steps are asked for in order; a jump is allowed and costs what was prepared. `end`: no step
   * from there on is prepared.
   */
  async get(step: number, end = Infinity): Promise<HostBatch> {
    for (const key of this.coming.keys()) if (key < step || key > step + this.ahead) this.coming.delete(key);
    for (let next = step; next <= step + this.ahead && next < Math.max(end, step + 1); next++) {
      if (this.coming.has(next)) continue;
      const { from, to } = this.part;
      const indices = this.order.indices(next, this.batch).slice(from, to);
      const made = this.source.batch(indices, { seed: this.seed, step: next, from });
      if ('catch' in made) made.catch(() => {}); // it is thrown where it is asked for
      this.coming.set(next, made);
    }
    return this.coming.get(step)!;
  }
}

/** Indices that lie evenly among `count`: all of them, or `most` where there are more. */
export function evenIndices(count: number, most: number): Uint32Array {
  const size = Math.min(most, count);
  return filled(new Uint32Array(size), (i) => Math.floor((i * count) / size));
}

/** Consecutive batches of a whole source, unaugmented. */
export function indexRanges(count: number, batch: number): Uint32Array[] {
  return Array.from({ length: Math.ceil(count / batch) }, (_, i) =>
    filled(new Uint32Array(Math.min(batch, count - i * batch)), (k) => i * batch + k),
  );
}

/**
 * Places of examples by their lengths, shorter ones first and equal ones as they stand: where a batch is as long as its
 * longest example, the least is computed of examples that are of one length.
 */
export function shortestFirst(lengths: readonly number[]): number[] {
  return [...lengths.keys()].sort((a, b) => lengths[a]! - lengths[b]!);
}
