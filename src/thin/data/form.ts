/** What data are to `gowide thin`: where they lie, and how they become a declaration with three splits. */
import type { Normalization } from '../../core/normalization.js';
import type { DataSpec } from '../../data/index.js';

/** What a form of data is told beside the path. */
export interface FormOptions {
  /** A folder for files that are made of the user's: splits of one file, tables in another notation. */
  readonly work: string;
  /** File or folder with the network's vocabulary; undefined for networks that read pictures. */
  readonly vocabulary: string | undefined;
  /** Longest sequence of tokens that the network reads. */
  readonly mostTokens: number;
  /** Side of the pictures that the network is made for, in pixels. */
  readonly side: number;
  /** How the network's pictures are normalized, where its files say it; ImageNet's by default. */
  readonly normalize?: Normalization | undefined;
  /** Which columns of a table hold what, where that is said: `text`, `pair`, `label`. */
  readonly columns: Readonly<Record<string, string>>;
  /** How many training examples are used; all by default. */
  readonly rows: number;
  /** Different pictures that may be unreadable; 16 by default. */
  readonly corrupt?: number | undefined;
  /** Tokens of an example; by default as many as 99 of 100 training examples need. */
  readonly tokens?: number | undefined;
}

/** Options of users about their data. */
export type DataOption = 'columns' | 'rows' | 'size' | 'tokens' | 'corrupt';

/** Data that were found. */
export interface Found {
  readonly spec: DataSpec;
  /** What was decided on the way, a line each: splits, columns, lengths. */
  readonly notes: readonly string[];
}

/** A form of data: one object, in a file of its own. */
export interface DataForm {
  readonly name: string;
  /** What such data look like, for messages. */
  readonly looks: string;
  /** Which networks it is for: those that read texts or those that read pictures; both unless given. */
  readonly reads?: 'texts' | 'pictures';
  /**
   * What a path of this form is in a few words, such as "a table of texts", for who gives it to a network that reads
   * something else; undefined where the path is something else.
   */
  readonly called?: (path: string) => string | undefined;
  /** Which of these options it heeds; all of them unless given. Others are refused where a user gives them. */
  readonly heeds?: readonly DataOption[];
  /** Whether the path is of this form, for a network that reads tokens or one that reads pictures. */
  readonly matches: (path: string, options: FormOptions) => boolean;
  /** Throws UsageError with what does not fit. */
  readonly open: (path: string, options: FormOptions) => Found;
}
