/** Which classes a network takes for which, over a split. */
import type { Dataset, Source } from '../data/dataset.js';
import { tf, type Tensor } from '../engine/tensor.js';
import { valuesOver } from './batches.js';

/** Counts of answers by class. */
export interface Confusion {
  /** `counts[i][j]`: examples of class i that were taken for class j. */
  readonly counts: readonly (readonly number[])[];
}

/** What a class's counts say. */
export interface ClassFigures {
  /** Examples of the class. */
  readonly examples: number;
  /** Share of the examples that were taken for the class which are of it, in percent; 0 where none was. */
  readonly precision: number;
  /** Share of the class's examples that were taken for it, in percent. */
  readonly recall: number;
  /** Harmonic mean of the two, in percent. */
  readonly f1: number;
}

/** Counts over a whole source of `predict`: x [B, ...] -> logits [B, classes]; one question for each example. */
export async function confusion(data: Dataset, source: Source, predict: (x: Tensor) => Tensor): Promise<Confusion> {
  const counts = Array.from({ length: data.classes }, () => new Array<number>(data.classes).fill(0));
  const pairs = await valuesOver(data, source, (x, y) => tf.stack([tf.argMax(y, -1), tf.argMax(predict(x), -1)]));
  for (const values of pairs) {
    const half = values.length / 2;
    for (let i = 0; i < half; i++) counts[values[i]!]![values[half + i]!]!++;
  }
  return { counts };
}

/** Precision, recall and F1 of each class. */
export function classFigures({ counts }: Confusion): ClassFigures[] {
  return counts.map((row, i) => {
    const examples = row.reduce((sum, count) => sum + count, 0);
    const taken = counts.reduce((sum, other) => sum + other[i]!, 0);
    const right = row[i]!;
    const share = (whole: number): number => (whole === 0 ? 0 : (100 * right) / whole);
    const [precision, recall] = [share(taken), share(examples)];
    return { examples, precision, recall, f1: right === 0 ? 0 : (2 * precision * recall) / (precision + recall) };
  });
}
