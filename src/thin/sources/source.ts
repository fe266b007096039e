/** What a trained network is to `gowide thin`: where it lies, what it is, and how a thin one is written beside it. */
import type { Normalization } from '../../core/normalization.js';
import type { HostWeights } from '../../nn/network.js';
import type { SaidNormalization } from '../../models/formats/picture-facts.js';
import type { TokenizerFacts } from '../../models/interface/family.js';
import type { NetworkSpec } from '../../models/index.js';
import type { DataSpec } from '../../data/index.js';

/** Names that go with a network's values into its files. */
export interface Names {
  /** Names of the classes in their order, as far as they are known. */
  readonly labels: readonly string[] | undefined;
  /** The tokenizer of a network that reads tokens. */
  readonly tokenizer: TokenizerFacts | undefined;
  /** How its pictures are normalized, where their declaration says it. */
  readonly normalize: Normalization | undefined;
}

/** A trained network that was found. */
export interface Source {
  /** The format's name, for people. */
  readonly format: string;
  readonly network: NetworkSpec;
  /**
   * The network without the head of its task, where its files have a part (a pooler) that only such a one has: what a
   * network with another head starts from.
   */
  readonly encoder?: NetworkSpec;
  /** Where its weights are, as a training spec names them: a file or folder in published names. */
  readonly weights: string;
  /** Names of its classes in their order, where its files have them. */
  readonly labels?: readonly string[] | undefined;
  /** How its pictures are normalized, where its files say it; where they do not, as ImageNet's are. */
  readonly normalize?: SaidNormalization | undefined;
  /** File or folder with its vocabulary; undefined for networks that read none. */
  readonly vocabulary?: string;
  /** The data that it was trained on, where that is known. */
  readonly data?: DataSpec;
  /** What was left out or changed on the way, a line each. */
  readonly notes: readonly string[];
  /**
   * Writes a network of this family in this format into the folder; returns the paths that it wrote. Throws UsageError
   * where the format has no such network.
   */
  readonly write: (folder: string, network: NetworkSpec, weights: HostWeights, names: Names) => readonly string[];
}

/** What a format may need beside the path. */
export interface OpenOptions {
  /** A folder for files that are made of the network's own, in a format that training specs can name. */
  readonly work: string;
  /** Where runs are kept, for those that are named by their id. */
  readonly runs: string;
}

/** A format of trained networks: one object, in a file of its own. */
export interface SourceFormat {
  readonly name: string;
  /** What such a thing looks like, for messages. */
  readonly looks: string;
  /** Whether the path or name is of this format, by as little reading as tells it from the others. */
  readonly matches: (model: string, options: OpenOptions) => boolean;
  /** Where a name that looks like one of this format was looked for, for messages; undefined for other names. */
  readonly soughtIn?: (model: string, options: OpenOptions) => string | undefined;
  /** Throws UsageError with what does not fit. */
  readonly open: (model: string, options: OpenOptions) => Source | Promise<Source>;
}
