/** DistilBERT's weights in Hugging Face's names and layouts: a safetensors file, or a folder with `config.json`. */
import { z } from 'zod';
import { UsageError } from '../../../core/errors.js';
import { isFolder } from '../../../core/folder.js';
import type { HostArrays, HostValues } from '../../../core/host-array.js';
import type { HostWeights } from '../../../nn/network.js';
import { readSafetensors, writeSafetensors } from '../../../store/safetensors.js';
import { distilbert, type DistilbertSpec } from './network.js';
import { checkHeads, exportEncoder, takeEncoder } from '../../formats/encoder-weights.js';
import { torchLeaf, WEIGHTS_METADATA } from '../../formats/exchange.js';
import type { FolderConfig, FolderFacts, FolderNetworks } from '../../interface/family.js';
import {
  checkBeside,
  checkTied,
  folderConfig,
  keptFrom,
  labelFields,
  otherProblem,
  parseFamilyConfig,
  weightsIn,
  writeModelFolder,
  type FamilyConfig,
} from '../../formats/huggingface-folder.js';

type Head = DistilbertSpec['head'];

const BODY = 'distilbert.';
const EMBEDDINGS: Readonly<Record<string, string>> = {
  'embeddings/word': 'embeddings.word_embeddings',
  'embeddings/position': 'embeddings.position_embeddings',
  'embeddings/norm': 'embeddings.LayerNorm',
};
const BLOCK: Readonly<Record<string, string>> = {
  'attention/query': 'attention.q_lin',
  'attention/key': 'attention.k_lin',
  'attention/value': 'attention.v_lin',
  'attention/output': 'attention.out_lin',
  'attention/norm': 'sa_layer_norm',
  inner: 'ffn.lin1',
  output: 'ffn.lin2',
  norm: 'output_layer_norm',
};
const HEADS: Readonly<Record<Head['kind'], Readonly<Record<string, string>>>> = {
  none: {},
  classify: { pooler: 'pre_classifier', head: 'classifier' },
  span: { head: 'qa_outputs' },
  'masked-lm': { 'head/transform': 'vocab_transform', 'head/norm': 'vocab_layer_norm', head: 'vocab_projector' },
};
const ARCHITECTURES: Readonly<Record<Head['kind'], string>> = {
  none: 'DistilBertModel',
  classify: 'DistilBertForSequenceClassification',
  span: 'DistilBertForQuestionAnswering',
  'masked-lm': 'DistilBertForMaskedLM',
};

/** Layers of heads; a network without one of them leaves them in the file. */
const OF_HEADS = /^(pre_classifier|classifier|qa_outputs|vocab_(transform|layer_norm|projector))\./;
/** The masked-LM head's matrix, and what it must be a copy of: a network here has it once. */
const TIED = { 'vocab_projector.weight': 'embeddings.word_embeddings.weight' } as const;

/**
 * `layer3/attention/query/kernel` is `transformer.layer.2.attention.q_lin.weight`; with a head for a task all but the
 * head is in `distilbert.`.
 */
export function distilbertName({ head }: DistilbertSpec, path: string): string {
  const leaf = torchLeaf(path);
  const layer = path.slice(0, path.lastIndexOf('/'));
  const ofHead = HEADS[head.kind][layer];
  if (ofHead !== undefined) return `${ofHead}.${leaf}`;
  const [, number, within] = /^layer(\d+)\/(.*)$/.exec(layer) ?? [];
  const name = within === undefined ? EMBEDDINGS[layer]! : `transformer.layer.${Number(number) - 1}.${BLOCK[within]!}`;
  return `${head.kind === 'none' ? '' : BODY}${name}.${leaf}`;
}

/** A DistilBERT's arrays. Throws UsageError where the heads together are not as wide as the rest, as there. */
export function exportDistilbert(spec: DistilbertSpec, weights: HostWeights): HostArrays {
  checkHeads("Hugging Face's DistilBERT has", spec);
  return exportEncoder(weights, (path) => distilbertName(spec, path));
}

/** Writes a safetensors file. Throws UsageError as {@link exportDistilbert}. */
export function writeDistilbert(path: string, spec: DistilbertSpec, weights: HostWeights): void {
  writeSafetensors(path, exportDistilbert(spec, weights), WEIGHTS_METADATA);
}

/** Names without `distilbert.`. */
function bare(name: string): string {
  return name.startsWith(BODY) ? name.slice(BODY.length) : name;
}

/**
 * Weights for a network from a file's arrays. A network without a task's head takes the encoder out of a file that has
 * one. Throws UsageError that lists every name which is missing, is not of this network, or has another shape or type,
 * and where the masked-LM head has a matrix of its own.
 */
export function importDistilbert(spec: DistilbertSpec, tensors: HostArrays<HostValues>, source: string): HostWeights {
  const there = Object.fromEntries(Object.entries(tensors).map(([name, array]) => [bare(name), array]));
  if (spec.head.kind === 'masked-lm') checkTied(there, TIED, source);
  const unused = (name: string): boolean =>
    Object.hasOwn(TIED, name) || (spec.head.kind === 'none' && OF_HEADS.test(name));
  return takeEncoder(distilbert(spec), there, source, (path) => bare(distilbertName(spec, path)), unused);
}

/**
 * Reads a safetensors file or a folder. Throws UsageError as {@link importDistilbert}, and where the configuration
 * beside the weights is of another network ({@link checkBeside}).
 */
export function readDistilbert(path: string, spec: DistilbertSpec): HostWeights {
  checkBeside(path, spec, BESIDE);
  if (!isFolder(path)) return importDistilbert(spec, readSafetensors(path).tensors, path);
  const { tensors, source } = weightsIn(path);
  return importDistilbert(spec, tensors, source);
}

/** What no tensor's shape shows beside the heads; it must be as networks here have it. */
const UNSEEN = {
  activation: z.literal('gelu').default('gelu'),
  pruned_heads: z.record(z.string(), z.never()).default({}),
};

/** The part of `config.json` that says what the network is. */
const Config = z.looseObject({
  model_type: z.literal('distilbert'),
  vocab_size: z.int().min(1),
  max_position_embeddings: z.int().min(1),
  n_layers: z.int().min(1),
  n_heads: z.int().min(1),
  dim: z.int().min(1),
  hidden_dim: z.int().min(1),
  initializer_range: z.number().positive().default(0.02),
  dropout: z.number().min(0).max(0.9).default(0.1),
  ...UNSEEN,
});

const FOLDER = { schema: Config, readable: 'DistilBERTs with gelu' };

const Unseen = z.looseObject({ n_heads: z.int().min(1).optional(), ...UNSEEN });

/** What of DistilBERTs is compared with the `config.json` beside their weights. */
const BESIDE: FamilyConfig<z.infer<typeof Unseen>> = {
  ...{ modelType: 'distilbert', keys: ['n_heads'], readable: FOLDER.readable, unseen: Unseen, defaultHeads: 12 },
  heads: ({ n_heads }) => ({ n_heads }),
};

/** The head that the names of a folder's tensors tell of; none of one that is not for a single class of several. */
function headIn(config: FolderConfig | undefined, tensors: HostArrays<HostValues>): Head {
  const shapes = new Map(Object.entries(tensors).map(([name, { shape }]) => [bare(name), shape]));
  const classes = shapes.get('classifier.weight')?.[0];
  if (shapes.has('pre_classifier.weight') && classes !== undefined && otherProblem(config, classes) === undefined)
    return { kind: 'classify', classes };
  if (shapes.get('qa_outputs.weight')?.[0] === 2) return { kind: 'span' };
  return { kind: shapes.has('vocab_transform.weight') ? 'masked-lm' : 'none' };
}

/**
 * The network of a folder with the head of its task, where the weights have one, and without. Throws UsageError on a
 * configuration or tensors of something else.
 */
export function readDistilbertFolder(folder: string, given = folderConfig(folder)): FolderNetworks<DistilbertSpec> {
  const path = given?.path ?? folder;
  const data = parseFamilyConfig(given ?? { path, content: {} }, FOLDER);
  if (data.dim % data.n_heads !== 0)
    throw new UsageError(
      `${path}: dim is ${data.dim}, and n_heads ${data.n_heads}; expected a number of heads that divides it`,
    );
  const encoder: DistilbertSpec = {
    family: 'distilbert',
    vocabSize: data.vocab_size,
    maxPositions: data.max_position_embeddings,
    hiddenSize: data.dim,
    numLayers: data.n_layers,
    numHeads: data.n_heads,
    intermediateSize: data.hidden_dim,
    initializerRange: data.initializer_range,
    dropout: data.dropout,
    head: { kind: 'none' },
  };
  const { tensors, source } = weightsIn(folder);
  return {
    spec: { ...encoder, head: headIn(given, tensors) },
    encoder,
    load: (spec) => importDistilbert(spec, tensors, source),
  };
}

/** Settings of `config.json` for training and padding that networks here have none for, or share with another one. */
const KEPT = ['attention_dropout', 'seq_classif_dropout', 'qa_dropout', 'sinusoidal_pos_embds', 'pad_token_id'];

/** What `config.json` says of a network whose first classes have these names. */
function configOf(spec: DistilbertSpec, { labels = [], from }: Omit<FolderFacts, 'tokenizer'>): object {
  const { head } = spec;
  return {
    architectures: [ARCHITECTURES[head.kind]],
    model_type: 'distilbert',
    vocab_size: spec.vocabSize,
    max_position_embeddings: spec.maxPositions,
    n_layers: spec.numLayers,
    n_heads: spec.numHeads,
    dim: spec.hiddenSize,
    hidden_dim: spec.intermediateSize,
    ...(spec.initializerRange !== undefined && { initializer_range: spec.initializerRange }),
    dropout: spec.dropout,
    attention_dropout: spec.dropout,
    activation: 'gelu',
    ...keptFrom(from, KEPT),
    ...labelFields(head.kind === 'classify' ? head.classes : 0, labels),
  };
}

/** Writes a folder as Hugging Face's libraries save a DistilBERT. Throws UsageError as {@link exportDistilbert}. */
export function writeDistilbertFolder(
  folder: string,
  spec: DistilbertSpec,
  weights: HostWeights,
  facts: FolderFacts,
): void {
  const content = {
    ...{ config: configOf(spec, facts), tensors: exportDistilbert(spec, weights) },
    ...{ tokenizerClass: 'DistilBertTokenizer', maxPositions: spec.maxPositions },
  };
  writeModelFolder(folder, content, facts);
}
