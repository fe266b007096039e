/**
 * BERT weights in Hugging Face's names and layouts: a safetensors file, or a folder with `config.json` and
 * `model.safetensors`. Dense kernels are [out, in] there and [in, out] here; tables of embeddings are the same.
 */
import { z } from 'zod';
import { UsageError } from '../../../core/errors.js';
import { isFolder } from '../../../core/folder.js';
import type { HostArrays, HostValues } from '../../../core/host-array.js';
import type { HostWeights } from '../../../nn/network.js';
import { readSafetensors, writeSafetensors } from '../../../store/safetensors.js';
import { bert, BERT_EPSILON, type BertSpec } from './network.js';
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
import { configFrom, findTensorflowBert } from '../../formats/bert-tensorflow.js';

const ENCODER: readonly (readonly [RegExp, string])[] = [
  [/^embeddings\/norm$/, 'embeddings.LayerNorm'],
  [/^embeddings\/word$/, 'embeddings.word_embeddings'],
  [/^embeddings\/position$/, 'embeddings.position_embeddings'],
  [/^embeddings\/segment$/, 'embeddings.token_type_embeddings'],
  [/^attention\/(query|key|value)$/, 'attention.self.$1'],
  [/^attention\/output$/, 'attention.output.dense'],
  [/^attention\/norm$/, 'attention.output.LayerNorm'],
  [/^inner$/, 'intermediate.dense'],
  [/^output$/, 'output.dense'],
  [/^norm$/, 'output.LayerNorm'],
  [/^pooler$/, 'pooler.dense'],
];

/**
 * `layer3/attention/query/kernel` is `encoder.layer.2.attention.self.query.weight`; with a head for a task all but the
 * head is in `bert.`.
 */
export function bertName({ head }: BertSpec, path: string): string {
  const leaf = torchLeaf(path);
  const layer = path.slice(0, path.lastIndexOf('/'));
  if (layer === 'head' || layer.startsWith('head/')) {
    if (head.kind === 'masked-lm')
      return `cls.predictions.${layer === 'head' ? '' : layer === 'head/norm' ? 'transform.LayerNorm.' : 'transform.dense.'}${leaf}`;
    return `${head.kind === 'span' ? 'qa_outputs' : 'classifier'}.${leaf}`;
  }
  const [, number, within = layer] = /^layer(\d+)\/(.*)$/.exec(layer) ?? [];
  const [pattern, name] = ENCODER.find(([known]) => known.test(within))!;
  const there = `${number === undefined ? '' : `encoder.layer.${Number(number) - 1}.`}${within.replace(pattern, name)}.${leaf}`;
  return head.kind === 'pooler' || head.kind === 'none' ? there : `bert.${there}`;
}

function checkNoDistance({ distance }: BertSpec, advice = '; leave it out of the spec'): void {
  if (distance !== undefined)
    throw new UsageError(
      'Hugging Face’s BERT has no bias by distance ("distance" in the network spec): it would compute something else' +
        advice,
    );
}

/**
 * Throws UsageError where there is no such network there: heads together not as wide as the rest, a bias by distance.
 */
export function exportBert(spec: BertSpec, weights: HostWeights): HostArrays {
  checkNoDistance(spec, '; an ONNX file (a name ending in .onnx) has it');
  checkHeads("Hugging Face's BERT has", spec);
  return exportEncoder(weights, (path) => bertName(spec, path));
}

/** Writes a safetensors file in Hugging Face's names. Throws UsageError as {@link exportBert}. */
export function writeBert(path: string, spec: BertSpec, weights: HostWeights): void {
  writeSafetensors(path, exportBert(spec, weights), WEIGHTS_METADATA);
}

const ARCHITECTURES: Readonly<Record<BertSpec['head']['kind'], string>> = {
  none: 'BertModel',
  pooler: 'BertModel',
  'masked-lm': 'BertForMaskedLM',
  classify: 'BertForSequenceClassification',
  span: 'BertForQuestionAnswering',
};

/** Settings of `config.json` for training and padding that networks here have none for, or share with another one. */
const KEPT = ['attention_probs_dropout_prob', 'classifier_dropout', 'pad_token_id'];

/** What `config.json` says of a network whose first classes have these names. */
function configOf(spec: BertSpec, { labels = [], from }: Omit<FolderFacts, 'tokenizer'>): object {
  const { head } = spec;
  return {
    architectures: [ARCHITECTURES[head.kind]],
    model_type: 'bert',
    vocab_size: spec.vocabSize,
    hidden_size: spec.hiddenSize,
    num_hidden_layers: spec.numLayers,
    num_attention_heads: spec.numHeads,
    intermediate_size: spec.intermediateSize,
    max_position_embeddings: spec.maxPositions,
    type_vocab_size: spec.typeVocabSize,
    ...(spec.initializerRange !== undefined && { initializer_range: spec.initializerRange }),
    hidden_dropout_prob: spec.dropout,
    attention_probs_dropout_prob: spec.dropout,
    hidden_act: 'gelu',
    layer_norm_eps: 1e-12,
    ...keptFrom(from, KEPT),
    ...labelFields(head.kind === 'classify' ? head.classes : 0, labels),
  };
}

/**
 * Writes a folder as Hugging Face's libraries save a model: `config.json` with the names of the classes,
 * `model.safetensors`, and the tokenizer's files.
 */
export function writeBertFolder(folder: string, spec: BertSpec, weights: HostWeights, facts: FolderFacts): void {
  const content = {
    ...{ config: configOf(spec, facts), tensors: exportBert(spec, weights) },
    ...{ tokenizerClass: 'BertTokenizer', maxPositions: spec.maxPositions },
  };
  writeModelFolder(folder, content, facts);
}

/** Heads of tasks; a network without one of them leaves them in the file. */
const HEADS = /^(cls|classifier|qa_outputs)\./;
/** The masked-LM head's copies of the word embeddings and of its bias, the head for the next sentence, and a buffer. */
const SPARE = /^cls\.(predictions\.decoder|seq_relationship)\.|(^|\.)embeddings\.position_ids$/;
/** Arrays of the masked-LM head that a network here has once, and what each must be a copy of. */
const TIED = {
  'cls.predictions.decoder.weight': 'embeddings.word_embeddings.weight',
  'cls.predictions.decoder.bias': 'cls.predictions.bias',
} as const;

/** Names without `bert.` and with today's leaves, whichever the file has. */
function modern(name: string): string {
  return name
    .replace(/^bert\./, '')
    .replace(/LayerNorm\.gamma$/, 'LayerNorm.weight')
    .replace(/LayerNorm\.beta$/, 'LayerNorm.bias');
}

/**
 * Weights for a network from a file's arrays. A network without a task's head takes the encoder out of a file that has
 * one. Throws UsageError that lists every name which is missing, is not of this network, or has another shape or type,
 * and where the masked-LM head has a decoder of its own.
 */
export function importBert(spec: BertSpec, tensors: HostArrays<HostValues>, source: string): HostWeights {
  checkNoDistance(spec);
  const headless = spec.head.kind === 'pooler' || spec.head.kind === 'none';
  const there = Object.fromEntries(Object.entries(tensors).map(([name, array]) => [modern(name), array]));
  if (spec.head.kind === 'masked-lm') checkTied(there, TIED, source);
  const unused = (name: string): boolean =>
    SPARE.test(name) ||
    (headless && HEADS.test(name)) ||
    (spec.head.kind !== 'pooler' && spec.head.kind !== 'classify' && name.startsWith('pooler.'));
  return takeEncoder(bert(spec), there, source, (path) => modern(bertName(spec, path)), unused);
}

/** What no tensor's shape shows beside the heads; it must be as networks here have it. */
const UNSEEN = {
  hidden_act: z.literal('gelu').default('gelu'),
  position_embedding_type: z.literal('absolute').default('absolute'),
  layer_norm_eps: z.literal(BERT_EPSILON).default(BERT_EPSILON),
  /** A decoder's tokens see only those before them. */
  is_decoder: z.literal(false).default(false),
  add_cross_attention: z.literal(false).default(false),
  pruned_heads: z.record(z.string(), z.never()).default({}),
};

/** The part of `config.json` that says what the network is. */
const Config = z.looseObject({
  model_type: z.literal('bert').optional(),
  vocab_size: z.int().min(1),
  hidden_size: z.int().min(1),
  num_hidden_layers: z.int().min(1),
  num_attention_heads: z.int().min(1),
  intermediate_size: z.int().min(1),
  max_position_embeddings: z.int().min(1),
  type_vocab_size: z.int().min(1).default(2),
  initializer_range: z.number().positive().default(0.02),
  hidden_dropout_prob: z.number().min(0).max(0.9).default(0.1),
  ...UNSEEN,
});

const FOLDER = {
  schema: Config,
  readable: 'encoders of BERT with gelu, absolute positions and layer_norm_eps 1e-12',
};

const Unseen = z.looseObject({ num_attention_heads: z.int().min(1).optional(), ...UNSEEN });

/** What of BERTs is compared with the `config.json` beside their weights. */
const BESIDE: FamilyConfig<z.infer<typeof Unseen>> = {
  ...{ modelType: 'bert', keys: ['num_attention_heads'], readable: FOLDER.readable, unseen: Unseen, defaultHeads: 12 },
  heads: ({ num_attention_heads }) => ({ num_attention_heads }),
};

/**
 * Reads weights in Hugging Face's names for a network: a safetensors file, a folder that has one or several, or a
 * checkpoint of TensorFlow. Throws UsageError as {@link importBert}, and where the configuration beside them is
 * of another network ({@link checkBeside}).
 */
export function readBert(path: string, spec: BertSpec): HostWeights {
  checkBeside(path, spec, BESIDE);
  if (!isFolder(path) && findTensorflowBert(path) === undefined)
    return importBert(spec, readSafetensors(path).tensors, path);
  const { tensors, source } = weightsIn(path);
  return importBert(spec, tensors, source);
}

/** Whether a folder says that its classes are those of tokens: older ones of such a task have a pooler all the same. */
function isOfTokens(config: FolderConfig | undefined): boolean {
  const architectures = config?.content.architectures;
  return Array.isArray(architectures) && architectures.includes('BertForTokenClassification');
}

/** The head that the names of a folder's tensors tell of; none of one that is not for a single class of several. */
function headIn(config: FolderConfig | undefined, tensors: HostArrays<HostValues>): BertSpec['head'] {
  const shapes = new Map(Object.entries(tensors).map(([name, { shape }]) => [modern(name), shape]));
  const pooler = shapes.has('pooler.dense.weight');
  const classes = shapes.get('classifier.weight')?.[0];
  if (pooler && classes !== undefined && !isOfTokens(config) && otherProblem(config, classes) === undefined)
    return { kind: 'classify', classes };
  if (shapes.get('qa_outputs.weight')?.[0] === 2) return { kind: 'span' };
  if (shapes.has('cls.predictions.transform.dense.weight')) return { kind: 'masked-lm' };
  return { kind: pooler ? 'pooler' : 'none' };
}

/**
 * The network of a folder with the head of its task, where the weights have one, and the encoder alone, with the pooler
 * where the weights have one. Throws UsageError with what does not fit.
 */
export function readBertFolder(folder: string, config = folderConfig(folder)): FolderNetworks<BertSpec> {
  const checked = config === undefined ? undefined : parseFamilyConfig(config, FOLDER);
  const { tensors, source } = weightsIn(folder);
  const data = checked ?? parseFamilyConfig({ content: configFrom(tensors), path: source }, FOLDER);
  if (data.hidden_size % data.num_attention_heads !== 0)
    throw new UsageError(
      `${config?.path ?? source}: hidden_size is ${data.hidden_size}, and num_attention_heads ` +
        `${data.num_attention_heads}; expected a number of heads that divides it`,
    );
  const encoder: BertSpec = {
    family: 'bert',
    vocabSize: data.vocab_size,
    maxPositions: data.max_position_embeddings,
    typeVocabSize: data.type_vocab_size,
    hiddenSize: data.hidden_size,
    numLayers: data.num_hidden_layers,
    numHeads: data.num_attention_heads,
    intermediateSize: data.intermediate_size,
    initializerRange: data.initializer_range,
    dropout: data.hidden_dropout_prob,
    head: { kind: Object.keys(tensors).some((name) => modern(name) === 'pooler.dense.weight') ? 'pooler' : 'none' },
  };
  return {
    spec: { ...encoder, head: headIn(config, tensors) },
    encoder,
    ...(config === undefined && {
      notes: [
        `${folder}: no bert_config.json; ${encoder.numHeads} heads of 64 channels are taken, as Google’s BERTs have`,
      ],
    }),
    load: (spec) => importBert(spec, tensors, source),
  };
}
