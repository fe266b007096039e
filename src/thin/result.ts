/** What `thin` finds: two networks as they were measured, and how the thin one came about. */
import type { Confusion } from '../metrics/confusion.js';
import type { Evaluation } from '../metrics/evaluate.js';
import type { NetworkSpec } from '../models/index.js';
import type { ArmName, Rates } from './arms.js';
import type { Scored } from './halving.js';
import type { Candidate } from './cells.js';

/** A network as it was measured. */
export interface Measured {
  readonly network: NetworkSpec;
  readonly parameters: number;
  /** Floating-point operations of a forward pass of one example. */
  readonly flops: number;
  readonly validation: Evaluation;
  readonly test: Evaluation;
  /** The task's own measures on validation and test, such as F1 of answers; empty where it has none. */
  readonly scores: Readonly<Record<string, number>>;
  /** Milliseconds of a forward pass at batch 1 and 32, the median of several. */
  readonly milliseconds: readonly number[];
  /** Which classes it takes for which, on the test split; undefined where an example has several questions. */
  readonly confusion: Confusion | undefined;
}

/** A trained thin net, by the arm that trained it. */
export interface Trained {
  readonly arm: ArmName;
  readonly rates: Rates;
  /** Unlabelled examples that its layers were fitted by, where several numbers were compared. */
  readonly samples?: number;
  /** Validation accuracy in percent right after that, before any step; given with `samples`. */
  readonly afterImitation?: number;
  readonly run: string;
  readonly validation: Evaluation;
  readonly testAccuracy: number;
  /** Figures of tables by their column: accuracy in percent, or the task's own measures, on validation and on test. */
  readonly quality: Readonly<Record<string, number>>;
  readonly steps: number;
}

/** A candidate after a round of tuning. */
export interface Tried extends Scored<Candidate> {
  /** Validation accuracy in percent; undefined where it failed. The score has the cross-entropy in it, too. */
  readonly accuracy: number | undefined;
}

/** What `thin` found and wrote. */
export interface ThinResult {
  readonly out: string;
  /** Files and folders that hold the thin net. */
  readonly written: readonly string[];
  /** The card, in Markdown, and the report page. */
  readonly card: string;
  readonly page: string;
  readonly wide: Measured;
  readonly thin: Measured;
  /** The arm whose net was written: the best on validation. */
  readonly taken: Trained;
  /** Every arm that was trained to its end, the best on validation first. */
  readonly trained: readonly Trained[];
  /** Everything that was tried on the way. */
  readonly tried: readonly Tried[];
  readonly labels: readonly string[] | undefined;
}
