/**
 * BERT weights in Hugging Face's names and layouts: a safetensors file, or a folder with `config.json` and
 * `model.safetensors`. Dense kernels are [out, in] there and [in, out] here; tables of embeddings are the same.
 */
import { existsSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import { UsageError } from '../core/errors.js';
import { whatIsWrong } from '../core/issues.js';
import type { HostArray, HostArrays, HostValues } from '../core/host-array.js';
import type { HostWeights } from '../nn/network.js';
import { headSizeOf } from '../nn/transformer.js';
import { makeFolder, writeAtomic } from '../store/atomic.js';
import { readConfig } from '../store/config.js';
import { readSafetensors, writeSafetensors } from '../store/safetensors.js';
import { readTorch } from '../store/torch.js';
import { bert, type BertSpec } from './bert.js';
import { takeArrays, transpose } from './exchange.js';
import type { TokenizerFacts } from './family.js';
import { configFrom, findTensorflowBert, readTensorflowBert } from './tensorflow-bert.js';

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
      'Hugging Face’s BERT has no bias by distance ("distance" in the model spec): it would compute something else; ' +
        'an ONNX file (a name ending in .onnx) has it',
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

/** The name that a class has without one of its own. */
function unnamed(index: number): string {
  return `LABEL_${index}`;
}

/** What `config.json` says of a network whose first classes have these names. */
function configOf(spec: BertSpec, labels: readonly string[]): object {
  const { head } = spec;
  const classes = head.kind === 'classify' ? head.classes : 0;
  const named = Array.from({ length: classes }, (_, i): [number, string] => [i, labels[i] ?? unnamed(i)]);
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
      id2label: Object.fromEntries(named),
      label2id: Object.fromEntries(named.map(([i, name]) => [name, i])),
    }),
  };
}

const SPECIAL = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'];

/** Added tokens as the files have them, with their indices. */
function addedIn({
  vocabulary,
  settings = {},
}: TokenizerFacts): { readonly id: number; readonly [key: string]: unknown }[] {
  return (settings.added ?? []).map(({ content, singleWord, lstrip, rstrip, normalized }) => ({
    id: vocabulary.lastIndexOf(content),
    ...{ content, single_word: singleWord, lstrip, rstrip, normalized, special: SPECIAL.includes(content) },
  }));
}

/** What `tokenizer_config.json` says of a tokenizer that is not as BERT has it; nothing of another. */
function settingsOf(tokenizer: TokenizerFacts): object {
  const { stripAccents, handleChineseChars, added } = tokenizer.settings ?? {};
  return {
    ...(stripAccents !== undefined && { strip_accents: stripAccents }),
    ...(handleChineseChars !== undefined && { tokenize_chinese_chars: handleChineseChars }),
    ...(added !== undefined && {
      added_tokens_decoder: Object.fromEntries(addedIn(tokenizer).map(({ id, ...fields }) => [id, fields])),
    }),
  };
}

/** A `tokenizer.json` for a tokenizer that is not as BERT has it, as `vocab.txt` cannot say all; none for another. */
function tokenizerFile(tokenizer: TokenizerFacts): { readonly 'tokenizer.json'?: object } {
  const { vocabulary, lowercase, settings } = tokenizer;
  if (settings === undefined || Object.keys(settings).length === 0) return {};
  const own = new Set(settings.added?.map(({ content }) => content));
  const plain = SPECIAL.filter((content) => !own.has(content)).map((content) => ({
    ...{ id: vocabulary.lastIndexOf(content), content, special: true },
    ...{ single_word: false, lstrip: false, rstrip: false, normalized: false },
  }));
  const ends = { sep: ['[SEP]', vocabulary.lastIndexOf('[SEP]')], cls: ['[CLS]', vocabulary.lastIndexOf('[CLS]')] };
  return {
    'tokenizer.json': {
      ...{ version: '1.0', truncation: null, padding: null, added_tokens: [...plain, ...addedIn(tokenizer)] },
      normalizer: {
        type: 'BertNormalizer',
        clean_text: settings.cleanText ?? true,
        handle_chinese_chars: settings.handleChineseChars ?? true,
        strip_accents: settings.stripAccents ?? null,
        lowercase,
      },
      pre_tokenizer: { type: 'BertPreTokenizer' },
      post_processor: { type: 'BertProcessing', ...ends },
      decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
      model: {
        ...{ type: 'WordPiece', unk_token: '[UNK]', continuing_subword_prefix: '##', max_input_chars_per_word: 100 },
        vocab: Object.fromEntries(vocabulary.map((token, id) => [token, id])),
      },
    },
  };
}

/**
 * Writes a folder as Hugging Face's libraries save a model: `config.json` with the names of the classes,
 * `model.safetensors`, and the tokenizer's files.
 */
export function writeFolder(
  folder: string,
  spec: BertSpec,
  weights: HostWeights,
  tokenizer: TokenizerFacts,
  labels: readonly string[] = [],
): void {
  const tensors = exportHuggingFace(spec, weights); // refused before anything is written
  makeFolder(folder);
  const settings = {
    tokenizer_class: 'BertTokenizer',
    do_lower_case: tokenizer.lowercase,
    model_max_length: spec.maxPositions,
    ...settingsOf(tokenizer),
  };
  const files = {
    'config.json': configOf(spec, labels),
    'tokenizer_config.json': settings,
    ...tokenizerFile(tokenizer),
  };
  for (const [name, value] of Object.entries(files))
    writeAtomic(join(folder, name), `${JSON.stringify(value, null, 2)}\n`);
  writeAtomic(join(folder, 'vocab.txt'), `${tokenizer.vocabulary.join('\n')}\n`);
  writeSafetensors(join(folder, 'model.safetensors'), tensors, { format: 'pt' });
}

function isFolder(path: string): boolean {
  return existsSync(path) && statSync(path).isDirectory();
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

/** Throws UsageError where a file's masked-LM head has values of its own for what is shared here. */
function checkTied(tensors: HostArrays<HostValues>, source: string): void {
  for (const [name, shared] of Object.entries(TIED)) {
    const [own, other] = [tensors[name], tensors[shared]];
    if (own === undefined || other === undefined) continue;
    const same = own.values.length === other.values.length && own.values.every((value, i) => value === other.values[i]);
    if (!same)
      throw new UsageError(
        `${source}: ${name} differs from ${shared} (tie_word_embeddings: false); networks here share the two, ` +
          'and would compute something else',
      );
  }
}

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
export function importHuggingFace(spec: BertSpec, tensors: HostArrays<HostValues>, source: string): HostWeights {
  const { shapes } = bert(spec);
  const headless = spec.head.kind === 'pooler' || spec.head.kind === 'none';
  const there = Object.fromEntries(Object.entries(tensors).map(([name, array]) => [modern(name), array]));
  const nameOf = (path: string): string => modern(huggingFaceName(spec, path));
  const wanted = new Map(
    Object.entries(shapes).map(([path, shape]) => [nameOf(path), isTurned(path) ? [...shape].reverse() : shape]),
  );
  if (spec.head.kind === 'masked-lm') checkTied(there, source);
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

/** Settings of `config.json` that must be as these networks have them. */
const FIXED = {
  hidden_act: z.literal('gelu').default('gelu'),
  position_embedding_type: z.literal('absolute').default('absolute'),
  layer_norm_eps: z.literal(1e-12).default(1e-12),
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
  ...FIXED,
});

/** The configuration beside a file of weights, or in a folder; undefined where there is none. */
function configBeside(weights: string): string | undefined {
  const path = join(isFolder(weights) ? weights : dirname(weights), 'config.json');
  return existsSync(path) ? path : findTensorflowBert(weights)?.config;
}

/** Throws UsageError where the configuration beside a file of weights has a setting that networks here lack. */
function checkBeside(weights: string): void {
  const path = configBeside(weights);
  if (path === undefined) return;
  const config = readConfig(path);
  if ('model_type' in config && config.model_type !== 'bert') return; // of something else in the same folder
  const parsed = z.looseObject(FIXED).safeParse(config);
  if (!parsed.success) throw unknownSetting(path, parsed.error, config);
}

function unknownSetting(path: string, error: z.ZodError, config: unknown): UsageError {
  return new UsageError(
    `${path}: ${whatIsWrong(error, config)}; encoders of BERT with gelu, absolute positions and ` +
      'layer_norm_eps 1e-12 can be read',
  );
}

const Labels = z.looseObject({
  id2label: z.record(z.string(), z.string()).optional(),
  label2id: z.record(z.string(), z.int().min(0)).optional(),
});

function inverted(ids: Readonly<Record<string, number>>): Record<string, string> {
  return Object.fromEntries(Object.entries(ids).map(([name, id]) => [id, name]));
}

/**
 * Names of the classes in their order, from the `config.json` beside a file of weights; undefined where there is none,
 * or where its classes have no names of their own. Throws UsageError where a class is missing.
 */
export function labelsBeside(weights: string): readonly string[] | undefined {
  const path = configBeside(weights);
  if (path === undefined) return undefined;
  const { label2id, id2label = label2id && inverted(label2id) } = Labels.safeParse(readConfig(path)).data ?? {};
  if (id2label === undefined) return undefined;
  const names = Array.from({ length: Object.keys(id2label).length }, (_, i) => id2label[i]);
  const missing = names.indexOf(undefined);
  if (missing >= 0) throw new UsageError(`${path}: id2label: no class ${missing}; expected 0 to ${names.length - 1}`);
  return names.some((name, i) => name !== unnamed(i)) ? (names as string[]) : undefined;
}

const Index = z.looseObject({ weight_map: z.record(z.string(), z.string()) });

/**
 * The tensors of a folder, from `model.safetensors`, from the files that `model.safetensors.index.json` names, from
 * `pytorch_model.bin`, whose pickle is read without executing it, or from a checkpoint of TensorFlow, which may also be
 * named itself; and the path to say where they come from. Throws UsageError where there are none that can be read, or a
 * file lacks a tensor that the index says it has.
 */
function weightsIn(folder: string): { readonly tensors: HostArrays<HostValues>; readonly source: string } {
  const [file, index] = ['model.safetensors', 'model.safetensors.index.json'].map((name) => join(folder, name)) as [
    string,
    string,
  ];
  if (existsSync(file)) return { tensors: readSafetensors(file).tensors, source: file };
  if (existsSync(index)) return { tensors: readShards(folder, index), source: index };
  const state = join(folder, 'pytorch_model.bin');
  if (existsSync(state)) return { tensors: readTorch(state).tensors, source: state };
  const checkpoint = findTensorflowBert(folder);
  if (checkpoint !== undefined) return { tensors: readTensorflowBert(checkpoint.index), source: checkpoint.index };
  throw new UsageError(
    `${folder}: neither model.safetensors nor pytorch_model.bin nor a checkpoint of TensorFlow (.index) in it`,
  );
}

function readShards(folder: string, index: string): HostArrays<HostValues> {
  const parsed = Index.safeParse(readConfig(index));
  if (!parsed.success)
    throw new UsageError(`${index}: weight_map: expected the file of each tensor, {"tensor": "file.safetensors", ...}`);
  const files = new Map<string, string[]>();
  for (const [name, file] of Object.entries(parsed.data.weight_map)) {
    if (basename(file) !== file || !file.endsWith('.safetensors'))
      throw new UsageError(`${index}: "${file}": expected the name of a safetensors file in the same folder`);
    files.set(file, [...(files.get(file) ?? []), name]);
  }
  return Object.fromEntries(
    [...files].flatMap(([file, names]) => {
      const { tensors } = readSafetensors(join(folder, file));
      const missing = names.filter((name) => !Object.hasOwn(tensors, name));
      if (missing.length > 0)
        throw new UsageError(`${join(folder, file)}: not in it, as ${basename(index)} says: ${missing.join(', ')}`);
      return names.map((name) => [name, tensors[name]!] as const);
    }),
  );
}

/**
 * Reads weights in Hugging Face's names for a network: a safetensors file, a folder that has one or several, or a
 * checkpoint of TensorFlow. Throws UsageError as {@link importHuggingFace}, and where the configuration beside them is
 * of another kind of network.
 */
export function readHuggingFace(path: string, spec: BertSpec): HostWeights {
  checkBeside(path);
  if (!isFolder(path) && findTensorflowBert(path) === undefined)
    return importHuggingFace(spec, readSafetensors(path).tensors, path);
  const { tensors, source } = weightsIn(path);
  return importHuggingFace(spec, tensors, source);
}

/** The head that the names of a folder's tensors tell of. */
function headIn(tensors: HostArrays<HostValues>): BertSpec['head'] {
  const shapes = new Map(Object.entries(tensors).map(([name, { shape }]) => [modern(name), shape]));
  const pooler = shapes.has('pooler.dense.weight');
  if (pooler && shapes.has('classifier.weight'))
    return { kind: 'classify', classes: shapes.get('classifier.weight')![0]! };
  if (shapes.get('qa_outputs.weight')?.[0] === 2) return { kind: 'span' };
  if (shapes.has('cls.predictions.transform.dense.weight')) return { kind: 'masked-lm' };
  return { kind: pooler ? 'pooler' : 'none' };
}

/**
 * The network of a folder with the head of its task, where the weights have one, and without. Throws UsageError as
 * `readFolder`.
 */
export function taskSpec(folder: string): { readonly spec: BertSpec; readonly encoder: BertSpec } {
  const { spec: encoder, tensors } = openFolder(folder);
  return { spec: { ...encoder, head: headIn(tensors) }, encoder };
}

/** The encoder of a folder, with the pooler where the weights have one. Throws UsageError with what does not fit. */
export function readFolder(folder: string): { readonly spec: BertSpec; readonly load: () => HostWeights } {
  const { spec, tensors, source } = openFolder(folder);
  return { spec, load: () => importHuggingFace(spec, tensors, source) };
}

function checkedConfig(content: unknown, path: string): z.infer<typeof Config> {
  const config = Config.safeParse(content);
  if (!config.success) throw unknownSetting(path, config.error, content);
  return config.data;
}

/** The encoder of a folder, and the tensors that are in it. */
function openFolder(folder: string): ReturnType<typeof weightsIn> & { readonly spec: BertSpec } {
  const path =
    configBeside(folder) ?? (findTensorflowBert(folder) === undefined ? join(folder, 'config.json') : undefined);
  const config = path === undefined ? undefined : checkedConfig(readConfig(path), path);
  const { tensors, source } = weightsIn(folder);
  const data = config ?? checkedConfig(configFrom(tensors), source);
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
  return { spec, tensors, source };
}
