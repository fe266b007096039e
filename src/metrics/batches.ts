/** Passes over a split in batches that fit into memory. */
import { indexRanges, lengthsOf, shortestFirst, toBatch, type Dataset, type Source } from '../data/dataset.js';
import { tf, type Tensor } from '../engine/tensor.js';

/**
 * Numbers of one evaluation batch, at most: 500 images of 14 x 14 keep a small machine busy, and 224 x 224 must fit
 * into memory.
 */
const EVALUATION_NUMBERS = 2 ** 21;
/**
 * Tokens of one evaluation batch, at most: they are few numbers, of which a BERT makes many. A forward pass of one of
 * 12 layers and 768 channels keeps some 110 kB for each token.
 */
const EVALUATION_TOKENS = 2 ** 15;
/**
 * Examples of one evaluation batch that is as long as its longest, at most: in order of their lengths fewer of them are
 * nearer to one length. Of SST-2's sentences, 13 tokens each in the mean, 64 at once are padded to 19 and 500 to 30.
 */
const EVALUATION_RAGGED = 64;
/** Logits of one evaluation batch, at most: of masked tokens there are as many as the vocabulary is large. */
const EVALUATION_LOGITS = 2 ** 24;

/** Examples that one evaluation batch holds. */
function evaluationBatch({ shape, classes, questions = 1 }: Dataset): number {
  const numbers = shape.reduce((a, b) => a * b, 1);
  const tokens = shape.length === 2 ? shape[1]! : 1;
  const most = [
    EVALUATION_NUMBERS / numbers,
    EVALUATION_TOKENS / tokens,
    EVALUATION_LOGITS / (classes * questions),
  ].map(Math.floor);
  return Math.max(1, Math.min(500, ...most));
}

type Visit = (x: Tensor, y: Tensor, count: number) => void;

async function visitEach(data: Dataset, source: Source, batches: readonly Uint32Array[], visit: Visit): Promise<void> {
  for (const indices of batches) {
    const host = await source.batch(indices);
    tf.tidy(() => {
      const { x, y } = toBatch(data, host);
      visit(x, y, x.shape[0]!);
    });
  }
}

/**
 * Calls `visit` with each batch of the source, in order, unaugmented; a tidy around each call frees its temporaries.
 * `limit`: only the first examples.
 */
export async function forEachBatch(data: Dataset, source: Source, visit: Visit, limit = Infinity): Promise<void> {
  await visitEach(data, source, indexRanges(Math.min(limit, source.count), evaluationBatch(data)), visit);
}

/**
 * Batches of a whole source in any order: where a batch is as long as its longest example, the shorter examples first,
 * as five hundred short ones beside a long one would take several times as long. Throws UsageError where there is not
 * one length for each example.
 */
function batchesByLength(data: Dataset, source: Source): Uint32Array[] {
  const [most, lengths] = [evaluationBatch(data), lengthsOf(source)];
  if (lengths === undefined) return indexRanges(source.count, most);
  const order = shortestFirst(lengths);
  const ranges = indexRanges(source.count, Math.min(most, EVALUATION_RAGGED));
  return ranges.map((places) => places.map((place) => order[place]!));
}

/** Values of the tensor that `measure` gives for each batch of a source, in order, read once all have been passed. */
export async function valuesOver(
  data: Dataset,
  source: Source,
  measure: (x: Tensor, y: Tensor) => Tensor,
): Promise<(Float32Array | Int32Array | Uint8Array)[]> {
  const parts: Tensor[] = [];
  try {
    await forEachBatch(data, source, (x, y) => {
      parts.push(tf.keep(measure(x, y)));
    });
    const values: (Float32Array | Int32Array | Uint8Array)[] = [];
    for (const part of parts) values.push(await part.data());
    return values;
  } finally {
    tf.dispose(parts);
  }
}

/** Sums over a source of the scalars that `measure` gives for each batch, by name; batches come in any order. */
export async function sumOver(
  data: Dataset,
  source: Source,
  measure: (x: Tensor, y: Tensor) => Record<string, Tensor>,
): Promise<Record<string, number>> {
  const parts: Record<string, Tensor>[] = [];
  try {
    await visitEach(data, source, batchesByLength(data, source), (x, y) => {
      const measured = measure(x, y);
      Object.values(measured).forEach((tensor) => tf.keep(tensor));
      parts.push(measured);
    });
    const totals: Record<string, number> = {};
    for (const part of parts)
      for (const [name, tensor] of Object.entries(part)) totals[name] = (totals[name] ?? 0) + (await tensor.data())[0]!;
    return totals;
  } finally {
    tf.dispose(parts);
  }
}
