/** A worker's share of a training step: which examples of the batch are its own, and the sum over all workers. */
import { UsageError } from '../../core/errors.js';
import type { Workers } from '../../core/workers.js';
import { evenIndices, type BatchPart, type Dataset, type SkippedFile } from '../../data/dataset.js';
import { tf, type Tensor, type Tensors } from '../../engine/tensor.js';
import { isTrained, type RecipeSpec, type TrainSpec } from '../spec/spec.js';

/** A worker's part of every batch, which it computes in so many parts, the first of which is `first` of all. */
export interface Share extends BatchPart {
  readonly parts: number;
  readonly first: number;
}

/**
 * The share of a worker, or all of the batch for a process that is alone. Workers together compute a batch in as many
 * parts as `accumulate` says, or in the next number that they can share equally: two workers without `accumulate` do
 * what one does with 2. Throws UsageError when there are more parts than examples.
 */
export function shareOf(
  { batch, accumulate = 1 }: RecipeSpec,
  workers: Pick<Workers, 'size' | 'task'> | undefined,
): Share {
  if (workers === undefined) return { from: 0, to: batch, parts: accumulate, first: 0 };
  const parts = Math.ceil(accumulate / workers.size);
  const all = parts * workers.size;
  if (batch < all)
    throw new UsageError(`a batch of ${batch} cannot be shared by ${workers.size} workers in ${all} parts; use fewer`);
  const first = workers.task * parts;
  const start = (part: number): number => Math.floor((part * batch) / all);
  return { from: start(first), to: start(first + parts), parts, first };
}

/**
 * Throws UsageError when so many workers cannot share the batches of one of a run's stages, or of a run that it
 * requires.
 */
export function checkShares({ training, imitation, teacher, pretrained }: TrainSpec, size: number): void {
  const others = [
    ...(imitation !== null && 'recipe' in imitation ? [imitation.recipe] : []),
    ...(isTrained(teacher) ? [teacher.recipe] : []),
  ];
  for (const recipe of [training, ...others]) shareOf(recipe, { size, task: 0 });
  if (pretrained !== undefined && 'run' in pretrained) checkShares(pretrained.run, size);
}

/** What tells training data apart without reading all of them: sizes, shapes, and the labels of some examples. */
export async function dataText({
  shape,
  isRagged,
  classes,
  questions,
  vocabulary,
  train,
  validation,
  test,
}: Dataset): Promise<string> {
  const { labels } = await train.batch(evenIndices(train.count, 8));
  const counts = [train, validation, test].map(({ count }) => count);
  return JSON.stringify({ counts, shape, isRagged, classes, questions, vocabulary, labels: Array.from(labels) });
}

/** The files that any worker could not read of a batch, in the order of tasks, on every worker. */
export async function gatherSkipped(workers: Workers, own: readonly SkippedFile[]): Promise<SkippedFile[]> {
  const all = await workers.gather(Buffer.from(JSON.stringify(own)));
  return all.flatMap((bytes) => JSON.parse(Buffer.from(bytes).toString()) as SkippedFile[]);
}

/** Sums over all workers of what each has computed of its share. */
export class WorkerSum {
  /** Two, as the engine may still read the tensors of the last step, which are in this memory. */
  private readonly memory: Float32Array[] = [];
  private turn = 0;

  constructor(
    private readonly workers: Workers,
    private readonly batch: number,
  ) {}

  /**
   * From this worker's parts of means over the batch, to the means; from its own statistics (`seen/...`), to their
   * mean over all workers, weighted by `examples`, of which this worker had so many; and how many all of them had. What
   * it is given is disposed.
   */
  async over(found: Tensors, examples: number): Promise<{ readonly sum: Tensors; readonly examples: number }> {
    const names = Object.keys(found).sort();
    const tensors = names.map((name) => found[name]!);
    const values = this.memoryOf(tensors.reduce((sum, { size }) => sum + size, 1));
    values[0] = examples;
    let at = 1;
    const places = await Promise.all(
      tensors.map(async (tensor, i) => {
        const [from, to] = [at, (at += tensor.size)];
        const place = values.subarray(from, to);
        place.set(await tensor.data<'float32'>());
        if (names[i]!.startsWith('seen/')) scale(place, examples / this.batch);
        return place;
      }),
    );
    const shapes = tensors.map(({ shape }) => shape);
    tf.dispose(tensors);
    await this.workers.sum(values);
    // where files could not be read, the batch was smaller
    const all = values[0]!;
    if (all !== this.batch) scale(values, this.batch / all);
    const sums = names.map((name, i): [string, Tensor] => [name, tf.tensor(places[i]!, shapes[i], 'float32')]);
    return { sum: Object.fromEntries(sums), examples: all };
  }

  private memoryOf(size: number): Float32Array {
    this.turn = 1 - this.turn;
    const known = this.memory[this.turn];
    return known?.length === size ? known : (this.memory[this.turn] = new Float32Array(size));
  }
}

function scale(values: Float32Array, factor: number): void {
  for (let i = 0; i < values.length; i++) values[i] = values[i]! * factor;
}
