/** What a family of networks is to the rest of the program: one object, in the family's own file. */
import type { z } from 'zod';
import { UsageError } from '../../core/errors.js';
import type { HostArrays, HostValues } from '../../core/host-array.js';
import type { HostWeights, Network } from '../../nn/network.js';
import type { OnnxGraph } from '../../onnx/graph.js';
import type { AddedToken } from '../../text/added-tokens.js';
import type { PredictOptions } from './predict.js';

/** What is known of data before they are opened, as far as a network is concerned. */
export interface DataFacts {
  /** Name of the data set, for messages. */
  readonly set: string;
  /** Shape of one example: [H, W, C] of an image, [rows, T] of tokens. */
  readonly shape: readonly number[];
  /** What data that are tokens ask of a network; undefined for images. */
  readonly task?:
    | {
        /** Which head the network needs. */
        readonly head: string;
        /** Number of possible answers; undefined where the network or the data decide it. */
        readonly classes?: number;
        /** Answers that are asked of each example; 1 by default. */
        readonly questions?: number;
        /** Size of the vocabulary; undefined where a file decides it. */
        readonly vocabulary?: number;
      }
    | undefined;
}

/** A tokenizer, as far as a folder of weights needs it. */
export interface TokenizerFacts {
  readonly vocabulary: readonly string[];
  readonly lowercase: boolean;
  /** What is not as BERT has it: src/text/wordpiece.ts says what each means. */
  readonly settings?: {
    readonly stripAccents?: boolean;
    readonly cleanText?: boolean;
    readonly handleChineseChars?: boolean;
    readonly added?: readonly AddedToken[];
  };
}

/** Changes to a published network that the command line offers. */
export interface Variant {
  /** Factor on all channels. */
  readonly width?: number;
  /** Factor on the inner channels of the blocks: the paper's wide nets. */
  readonly mid?: number;
  readonly classes?: number;
}

/** A configuration that was read. */
export interface FolderConfig {
  readonly path: string;
  readonly content: Readonly<Record<string, unknown>>;
}

/** What a folder of Hugging Face's holds. */
export interface FolderNetworks<Spec> {
  /** The network with the head of its task, where the weights have one. */
  readonly spec: Spec;
  /** The network without the head of a task. */
  readonly encoder: Spec;
  /** What was taken for granted of the network, a line each; nothing unless given. */
  readonly notes?: readonly string[];
  /** The weights of one of the two. Throws UsageError where they are not all there. */
  load(spec: Spec): HostWeights;
}

/** What of a network no tensor's name or shape shows, by the path within its declaration. */
export type Unseen = Readonly<Record<string, string | number | boolean | readonly (string | number)[]>>;

/** What goes into a folder of Hugging Face's beside a network's values. */
export interface FolderFacts {
  readonly tokenizer: TokenizerFacts;
  /** Names of the classes in order, as far as there are any. */
  readonly labels?: readonly string[] | undefined;
  /** The folder whose settings are kept where networks here have none for them: that of the wide net. */
  readonly from?: string | undefined;
}

/** What is said of a network in the metadata of its file: names of classes, how pictures are normalized. */
export type FileFacts = Readonly<Record<string, string>>;

/** Weights in the names and layouts under which networks of a family are published. */
export interface PublishedWeights<Spec> {
  /** Reads a safetensors file. Throws UsageError that lists every name that does not fit the network. */
  read(path: string, spec: Spec): HostWeights;
  /**
   * What of a network the names and shapes of its tensors do not show, by the path within its declaration: it is
   * compared with what a file declares of the network that its weights are of. Nothing unless given.
   */
  unseen?(spec: Spec): Unseen;
  /** For files that have no configuration beside them: how a network is known by its tensors' names and shapes. */
  readonly naming?: {
    /** What such names are, for messages. */
    readonly looks: string;
    /**
     * The network whose weights these are; undefined where they are not of this family. Throws UsageError where they
     * are, and of a network that cannot be declared.
     */
    spec(tensors: HostArrays<HostValues>, source: string): Spec | undefined;
  };
  /** What another library's folders than Hugging Face's are, where this family's networks are kept in such. */
  readonly model?: {
    /** Whether a path is one, by as little reading as tells it from others. */
    matches(path: string): boolean;
    /** Throws UsageError with what does not fit. */
    read(path: string): { readonly spec: Spec; readonly load: () => HostWeights };
  };
  /** Names of a file's classes in order, where the configuration beside it has them; undefined where nothing does. */
  labels?(path: string): readonly string[] | undefined;
  /**
   * Writes a safetensors file, with `more` in its metadata. Throws UsageError where the published format has no such
   * network.
   */
  write(path: string, spec: Spec, weights: HostWeights, more?: FileFacts): void;
  /** Folders with configuration, weights and tokenizer, as Hugging Face's libraries save a network. */
  readonly folder?: {
    /** What `config.json` calls the family in `model_type`. */
    readonly modelType: string;
    /** Reads a folder with its configuration, where it has one. Throws UsageError with what does not fit. */
    read(folder: string, config: FolderConfig | undefined): FolderNetworks<Spec>;
    /** Writes a folder. Throws UsageError where the published format has no such network. */
    write(folder: string, spec: Spec, weights: HostWeights, facts: FolderFacts): void;
  };
}

/** What a task asks of a network's head. */
export interface HeadFacts {
  /** Which head, for data that are tokens; undefined for images. */
  readonly head?: string;
  /** Number of possible answers; undefined where the network decides it. */
  readonly classes?: number;
  /** Answers that are asked of each example. */
  readonly questions?: number;
}

/** The head that a network has. */
export interface NetworkHead {
  /** Which one, as tasks call it in {@link DataFacts.task}. */
  readonly kind: string;
  /** Number of classes; undefined where its outputs are none. */
  readonly classes?: number;
}

/** How networks of a family are made thin (src/thin). */
export interface Thinning<Spec> {
  /** The network with about `factor` of its channels, at least one of each kind, in units that can be selected. */
  narrow(spec: Spec, factor: number): Spec;
  /** The network with the head that a task asks for. Throws UsageError where the family has no such head. */
  withHead(spec: Spec, facts: HeadFacts): Spec;
  /** Which recipe of src/thin/recipes.ts it is trained by. */
  readonly recipe: 'sgd' | 'adamw';
  /** Side of the pictures that it is made for, in pixels; undefined for networks that read tokens. */
  side?(spec: Spec): number;
}

/** Outputs by name for inputs that were read before, by a network with these weights; needs an engine. */
export type Predict = (weights: HostWeights, options: PredictOptions) => Promise<HostArrays>;

/**
 * A family of networks. `Spec` is how one is declared, with the family's name as `family`. The members that take a spec
 * are methods, so that the registry can hold families with different specs.
 */
export interface Family<Spec extends { readonly family: string } = { readonly family: string }> {
  /** Its name, as specs say it in `family`. */
  readonly name: Spec['family'];
  /** Schema of a declaration. */
  readonly spec: z.ZodType<Spec>;
  /** The network that a spec declares. */
  network(spec: Spec): Network;
  /** Published networks by name; a name belongs to one family only. */
  readonly presets: Readonly<Record<string, Spec>>;
  /** What of some data the network cannot read or answer, in one line; undefined when all of it fits. */
  checkInput(spec: Spec, facts: DataFacts): string | undefined;
  /** For networks that read tokens: how many different ones. */
  vocabSize?(spec: Spec): number;
  /** For networks that read tokens: how many of one example; left out where there is no limit. */
  maxPositions?(spec: Spec): number;
  /** The head of a network; left out of families whose networks all answer with classes. */
  head?(spec: Spec): NetworkHead;
  /** For families with published weights. */
  readonly published?: PublishedWeights<Spec>;
  /** For families that `gowide thin` can make narrower. */
  readonly thinning?: Thinning<Spec>;
  /** The network with these weights as an ONNX graph; left out where the family has none. */
  onnx?(spec: Spec, weights: HostWeights): OnnxGraph;
  /** A variant of a network, for `gowide params` and `gowide predict`; left out where the family has none. */
  vary?(spec: Spec, variant: Variant): Spec;
  /**
   * Reads the inputs of `gowide predict` from the tensors of the file `source`. Throws UsageError on tensors that the
   * network cannot read.
   */
  predict?(spec: Spec, tensors: HostArrays<HostValues>, source: string): Predict;
}

/** A problem to be reported by {@link Family.checkInput}: a number that is not what the data have. */
export function mismatch(set: string, what: string, given: number, expected: number): string | undefined {
  if (given === expected) return undefined;
  // `rows of pixels`: one is a row of them
  const counted = expected === 1 ? what.replace(/s\b/, '') : what;
  // who has a folder of gray pictures does not see three channels in them
  const isGray = what === 'channels' && given === 1 && expected === 3;
  const todo = isGray ? ' (pictures are read in color, gray ones with three equal channels)' : ', or take other data';
  return `the ${set} data have ${expected} ${counted}, the network expects ${given}; give it as many${todo}`;
}

/** Throws UsageError on data that are texts with a task; `reads` says what the networks read: "ResNets read images". */
export function refuseTexts({ head }: HeadFacts, reads: string): void {
  if (head !== undefined) throw new UsageError(`${reads}; these data are texts for a "${head}" head`);
}

/** {@link Thinning.withHead} of a family that classifies; `reads` is as for {@link refuseTexts}. */
export function classHead<Spec extends { readonly classes: number }>(reads: string): Thinning<Spec>['withHead'] {
  return (spec, facts) => {
    refuseTexts(facts, reads);
    return { ...spec, classes: facts.classes ?? spec.classes };
  };
}

/** Throws UsageError where a factor leaves none of so many channels, or heads, of a network. */
function checkFactor(name: string, factor: number | undefined, channels: readonly number[]): void {
  const least = Math.min(...channels);
  if (factor !== undefined && Math.round(least * factor) < 1)
    throw new UsageError(
      `--${name} ${factor}: leaves fewer than one of ${least} channels or heads; expected at least ` +
        `${(0.5 / least).toPrecision(3)}`,
    );
}

/**
 * How a family with classes varies a network: `narrow` for `width`, then for `mid` the fields that `inner` gives of the
 * network so far, then the classes. `channels` are those that each factor is on: it may leave none without one. They
 * are left out where the family's own rounding always leaves some.
 */
export function variedBy<Spec extends { readonly family: string; readonly classes: number }>(
  narrow: (spec: Spec, factor: number) => Spec,
  inner: (spec: Spec, mid: number) => Partial<Spec>,
  channels?: { readonly width: (spec: Spec) => readonly number[]; readonly mid: (spec: Spec) => readonly number[] },
): NonNullable<Family<Spec>['vary']> {
  return (spec, { width, mid, classes }) => {
    if (channels !== undefined) checkFactor('width', width, channels.width(spec));
    const scaled = width === undefined ? spec : narrow(spec, width);
    if (channels !== undefined) checkFactor('mid', mid, channels.mid(scaled));
    return { ...scaled, ...(mid !== undefined && inner(scaled, mid)), ...(classes !== undefined && { classes }) };
  };
}
