/** What a data set is to the rest of the program: one object, in the file of that data set. */
import { z } from 'zod';
import type { Normalization } from '../core/normalization.js';
import type { InputFiles } from '../core/run.js';
import type { OnStage } from '../text/rows.js';
import type { WordPiece } from '../text/wordpiece.js';
import type { Dataset } from './dataset.js';

/** Schema of the path of a file or a folder, which an empty text is not: no message could name it. */
export const pathText = (): z.ZodString => z.string().min(1);

/** What the data ask of a network that reads tokens; known before the data are opened. */
export interface TokenTask {
  /** Which head the network needs: one answer for each masked token, one class for the whole, or a span of tokens. */
  readonly head: 'masked-lm' | 'classify' | 'span';
  /** Number of possible answers; undefined where the network or the data decide it. */
  readonly classes?: number;
  /** Answers that are asked of each example, P; 1 by default, and then labels have no axis for them. */
  readonly questions?: number;
  /** Size of the vocabulary; undefined where a file decides it. */
  readonly vocabulary?: number;
}

/** How a picture becomes an example: its shorter side is scaled to `resize`, and a square of `size` is cut out. */
export interface PictureCut {
  /** Side of the square, in pixels. */
  readonly size: number;
  readonly resize: number;
  /** How its colors are normalized; ImageNet's by default. */
  readonly normalize?: Normalization | undefined;
}

/** What is known of data before they are read. */
export interface KnownData {
  /** Number of classes. */
  readonly classes?: number;
  /** The most training examples that there can be. */
  readonly train?: number;
}

/** Examples of the held-out splits, where they are known. */
export interface HeldOutCounts {
  readonly validation?: number | undefined;
  readonly test?: number | undefined;
}

/**
 * A data set. `Spec` is how it is declared, with its own name as `set`. The members that take a spec are methods, so
 * that the registry can hold definitions with different specs.
 */
export interface DatasetDefinition<Spec extends { readonly set: string } = { readonly set: string }> {
  /** Its name, as specs say it in `set`. */
  readonly name: Spec['set'];
  /** Schema of a declaration. */
  readonly spec: z.ZodType<Spec>;
  /**
   * Throws UsageError when files that the user has to bring are not there, and says which and where they belong. Called
   * before any run of a sweep starts, so it reads as little as possible.
   */
  check?(spec: Spec): void;
  /** Throws UsageError when files are missing or damaged. `onStage` hears of a corpus that is made ready. */
  open(spec: Spec, onStage?: OnStage): Dataset | Promise<Dataset>;
  /** Shape of one example, [H, W, C] of an image or [rows, T] of tokens, known before the data are opened. */
  shape(spec: Spec): readonly number[];
  /** For data that are tokens. */
  task?(spec: Spec): TokenTask;
  /** For texts: how they become tokens. */
  tokenizer?(spec: Spec, onStage?: OnStage): Promise<WordPiece>;
  /** How the colors of pictures are normalized, where the declaration alone decides it. */
  normalization?(spec: Spec): Normalization | undefined;
  /**
   * For data that are files of pictures, and take `normalize` in their declaration: how each is prepared. Pictures that
   * a network is to classify later are prepared alike.
   */
  pictures?(spec: Spec): PictureCut;
  /** For texts: whether examples are pairs of them, as those have to be that a network is to classify later. */
  pairs?(spec: Spec): boolean;
  /** Names of the classes in their order, where the declaration alone decides it. */
  labels?(spec: Spec): readonly string[] | undefined;
  /**
   * What the declaration and the names of folders tell of the data, where these are there; nothing is read. Throws
   * UsageError as `check`.
   */
  known?(spec: Spec): KnownData;
  /**
   * Files or folders of the splits under the keys that name them, where a declaration can name the same ones for two.
   * Nothing is read.
   */
  splits?(spec: Spec): Readonly<Record<string, string>>;
  /** How many examples the declaration alone says are held out; nothing is looked up. */
  heldOutCounts?(spec: Spec): HeldOutCounts;
  /**
   * For data of users, whose number is in their files: training examples, counted without decoding any, and not beyond
   * `enough`, where there may be many more. Throws UsageError as `check`.
   */
  trainCount?(spec: Spec, enough: number): number;
  /**
   * For data whose files name the classes: the declaration with them in the order of a checkpoint's classes, unchanged
   * where these are others. Throws UsageError where the declaration asks for another order.
   */
  inOrderOf?(spec: Spec, classes: readonly string[]): Spec;
  /** Files that are read and do not come with the program; none where it is left out. Throws UsageError as `check`. */
  files?(spec: Spec): readonly InputFiles[];
  /** What users have to bring, with its size, in one line; undefined where a spec needs nothing. */
  brought?(spec: Spec): string | undefined;
  /**
   * The task's own scores that tables show in the place of accuracy: what a column is called, and the names under which
   * `Dataset.score` may give it, without `validation ` or `test `.
   */
  readonly shown?: Readonly<Record<string, readonly string[]>>;
  /** Further figures of a run's result, from those of the test split: accuracy in percent, cross-entropy in nats. */
  figures?(test: { readonly accuracy: number; readonly crossEntropy: number }): Readonly<Record<string, number>>;
}
