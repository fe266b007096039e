/**
 * BERT weights in Hugging Face's names and layouts: a safetensors file, or a folder with `config.json` and
 * `model.safetensors`. Dense kernels are [out, in] there and [in, out] here; tables of embeddings are the same.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { UsageError } from '../core/errors.js';
import type { HostArray, HostArrays, HostValues } from '../core/host-array.js';
import type { HostWeights } from '../nn/network.js';
import { makeFolder, writeAtomic } from '../store/atomic.js';
import { readConfig } from '../store/config.js';
import { readSafetensors, writeSafetensors } from '../store/safetensors.js';
import { bert, headSizeOf, type BertSpec } from './bert.js';
import { takeArrays, transpose } from './exchange.js';
import type { TokenizerFacts } from './family.js';

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
const LEAVES: Readonly<Record<string, string>> = { kernel: 'weight', bias: 'bias', gamma: 'weight', beta: 'bias' };

/**
 * `layer3/attention/query/kernel` is `encoder.layer.2.attention.self.query.weight`; with a head for a task all but the
 * head is in `bert.`.
 */
export function huggingFaceName({ head }: BertSpec, path: string): string {
  const leaf = LEAVES[path.slice(path.lastIndexOf('/') + 1)]!;
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

function isTurned(path: string): boolean {
  return path.endsWith('/kernel') && !path.startsWith('embeddings/');
}

function turned(path: string, parameter: HostArray): HostArray {
  return isTurned(path) ? transpose(parameter, [1, 0]) : parameter;
}

/**
 * Throws UsageError where there is no such network there: heads together not as wide as the rest, a bias by distance.
 */
export function exportHuggingFace(spec: BertSpec, { params }: HostWeights): HostArrays {
  if (spec.distance !== undefined)
    throw new UsageError(
      'Hugging Face’s BERT has no bias by distance ("distance" in the model spec): it would compute something else',
    );
  if (spec.numHeads * headSizeOf(spec) !== spec.hiddenSize)
    throw new UsageError(
      `Hugging Face's BERT has heads of hiddenSize / numHeads = ${spec.hiddenSize / spec.numHeads} channels, this one of ${headSizeOf(spec)}`,
    );
  return Object.fromEntries(
    Object.entries(params).map(([path, parameter]) => {
      const { shape, values } = turned(path, parameter);
      return [huggingFaceName(spec, path), { shape, values }];
    }),
  );
}

/** Writes a safetensors file in Hugging Face's names. Throws UsageError as {@link exportHuggingFace}. */
export function writeHuggingFace(path: string, spec: BertSpec, weights: HostWeights): void {
  writeSafetensors(path, exportHuggingFace(spec, weights), { format: 'pt' });
}

const ARCHITECTURES: Readonly<Record<BertSpec['head']['kind'], string>> = {
  none: 'BertModel',
  pooler: 'BertModel',
  'masked-lm': 'BertForMaskedLM',
  classify: 'BertForSequenceClassification',
  span: 'BertForQuestionAnswering',
};

/** What `config.json` says of a network. */
function configOf(spec: BertSpec): object {
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
    ...(head.kind === 'classify' && {
      id2label: Object.fromEntries(Array.from({ length: head.classes }, (_, i) => [i, `LABEL_${i}`])),
      label2id: Object.fromEntries(Array.from({ length: head.classes }, (_, i) => [`LABEL_${i}`, i])),
    }),
  };
}

/**
 * Writes a folder as Hugging Face's libraries save a model: `config.json`, `model.safetensors`, and the tokenizer's
 * files.
 */
export function writeFolder(folder: string, spec: BertSpec, weights: HostWeights, tokenizer: TokenizerFacts): void {
  const tensors = exportHuggingFace(spec, weights); // refused before anything is written
  makeFolder(folder);
  const settings = {
    tokenizer_class: 'BertTokenizer',
    do_lower_case: tokenizer.lowercase,
    model_max_length: spec.maxPositions,
  };
  for (const [name, value] of Object.entries({ 'config.json': configOf(spec), 'tokenizer_config.json': settings }))
    writeAtomic(join(folder, name), `${JSON.stringify(value, null, 2)}\n`);
  writeAtomic(join(folder, 'vocab.txt'), `${tokenizer.vocabulary.join('\n')}\n`);
  writeSafetensors(join(folder, 'model.safetensors'), tensors, { format: 'pt' });
}

/** Heads of tasks; a network without one of them leaves them in the file. */
const HEADS = /^(cls|classifier|qa_outputs)\./;
/** The masked-LM head's copy of the word embeddings, the head for the next sentence, and a buffer. */
const SPARE = /^cls\.(predictions\.decoder|seq_relationship)\.|(^|\.)embeddings\.position_ids$/;

/** Names without `bert.` and with today's leaves, whichever the file has. */
function modern(name: string): string {
  return name
    .replace(/^bert\./, '')
    .replace(/LayerNorm\.gamma$/, 'LayerNorm.weight')
    .replace(/LayerNorm\.beta$/, 'LayerNorm.bias');
}

/**
 * Weights for a network from a file's arrays. A network without a task's head takes the encoder out of a file that has
 * one. Throws UsageError that lists every name which is missing, is not of this network, or has another shape or type.
 */
export function importHuggingFace(spec: BertSpec, tensors: HostArrays<HostValues>, source: string): HostWeights {
  const { shapes } = bert(spec);
  const headless = spec.head.kind === 'pooler' || spec.head.kind === 'none';
  const there = Object.fromEntries(Object.entries(tensors).map(([name, array]) => [modern(name), array]));
  const nameOf = (path: string): string => modern(huggingFaceName(spec, path));
  const wanted = new Map(
    Object.entries(shapes).map(([path, shape]) => [nameOf(path), isTurned(path) ? [...shape].reverse() : shape]),
  );
  const unused = (name: string): boolean =>
    SPARE.test(name) ||
    (headless && HEADS.test(name)) ||
    (spec.head.kind !== 'pooler' && spec.head.kind !== 'classify' && name.startsWith('pooler.'));
  const taken = takeArrays(source, there, wanted, unused);
  return {
    params: Object.fromEntries(Object.keys(shapes).map((path) => [path, turned(path, taken.get(nameOf(path))!)])),
    state: {},
  };
}

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
  hidden_act: z.literal('gelu').default('gelu'),
  position_embedding_type: z.literal('absolute').default('absolute'),
  layer_norm_eps: z.literal(1e-12).default(1e-12),
});

/** The weights of a folder. Throws UsageError where there are none that can be read. */
function weightsIn(folder: string): string {
  const file = join(folder, 'model.safetensors');
  if (existsSync(file)) return file;
  const pickled = existsSync(join(folder, 'pytorch_model.bin'))
    ? '; pytorch_model.bin runs code when it is read and is not: convert it to safetensors'
    : '';
  throw new UsageError(`${folder}: no model.safetensors${pickled}`);
}

/** The encoder of a folder, with the pooler where the weights have one. Throws UsageError with what does not fit. */
export function readFolder(folder: string): { readonly spec: BertSpec; readonly load: () => HostWeights } {
  const config = Config.safeParse(readConfig(join(folder, 'config.json')));
  if (!config.success) {
    const [issue] = config.error.issues;
    throw new UsageError(
      `${join(folder, 'config.json')}: ${issue!.path.join('.')}: ${issue!.message}; BERT with gelu, absolute positions and layer_norm_eps 1e-12 can be read`,
    );
  }
  const { data } = config;
  const file = weightsIn(folder);
  const { tensors } = readSafetensors(file);
  const spec: BertSpec = {
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
  return { spec, load: () => importHuggingFace(spec, tensors, file) };
}
