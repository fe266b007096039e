/**
 * Folders as Hugging Face's libraries save encoders, whichever these are: the files of weights, the tokenizer, names of
 * classes, and what `config.json` says of them.
 */
import { existsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import { few, listed, plural, UsageError } from '../../core/errors.js';
import { isFolder } from '../../core/folder.js';
import { groupBy } from '../../core/group.js';
import type { HostArrays, HostValues } from '../../core/host-array.js';
import { whatIsWrong } from '../../core/issues.js';
import { makeFolder, writeTogether } from '../../store/atomic.js';
import { readConfig } from '../../store/config.js';
import { encodeSafetensors, readSafetensors } from '../../store/safetensors.js';
import { readTorch } from '../../store/torch.js';
import { WEIGHTS_METADATA, withoutPrefix } from './exchange.js';
import type { FolderConfig, FolderFacts, TokenizerFacts } from '../interface/family.js';
import { findTensorflowBert, readTensorflowBert } from './bert-tensorflow.js';

/** The name that a class has without one of its own. */
function unnamed(index: number): string {
  return `LABEL_${index}`;
}

/** A name for each of so many classes, whose first ones have these; all of them where there are more. */
export function allNames(names: readonly string[], classes: number): readonly string[] {
  return [
    ...names,
    ...Array.from({ length: Math.max(0, classes - names.length) }, (_, i) => unnamed(names.length + i)),
  ];
}

/** What `config.json` says of the classes of a network, whose first ones have these names; nothing without classes. */
export function labelFields(classes: number, labels: readonly string[]): object {
  if (classes === 0) return {};
  const named = allNames(labels, classes)
    .slice(0, classes)
    .map((name, i): [number, string] => [i, name]);
  return {
    id2label: Object.fromEntries(named),
    label2id: Object.fromEntries(named.map(([i, name]) => [name, i])),
  };
}

const SPECIAL = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'];

/** The class that takes `tokenizer.json` as it is; it has to be told its tokens. BERT's own clean every text. */
const GENERAL_CLASS = {
  tokenizer_class: 'PreTrainedTokenizerFast',
  ...{ pad_token: '[PAD]', unk_token: '[UNK]', cls_token: '[CLS]', sep_token: '[SEP]', mask_token: '[MASK]' },
};

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
function tokenizerFile(tokenizer: TokenizerFacts): object | undefined {
  const { vocabulary, lowercase, settings } = tokenizer;
  if (settings === undefined || Object.keys(settings).length === 0) return undefined;
  const own = new Set(settings.added?.map(({ content }) => content));
  const extra = new Set(settings.added?.flatMap((token) => (token.extra ? [token.content] : [])));
  const plain = SPECIAL.filter((content) => !own.has(content)).map((content) => ({
    ...{ id: vocabulary.lastIndexOf(content), content, special: true },
    ...{ single_word: false, lstrip: false, rstrip: false, normalized: false },
  }));
  const ends = { sep: ['[SEP]', vocabulary.lastIndexOf('[SEP]')], cls: ['[CLS]', vocabulary.lastIndexOf('[CLS]')] };
  return {
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
      vocab: Object.fromEntries(
        vocabulary.map((token, id) => [token, id] as const).filter(([token]) => !extra.has(token)),
      ),
    },
  };
}

/** Settings of a folder's configuration, of the keys that it has; none without a folder, or without the file. */
export function keptFrom(from: string | undefined, keys: readonly string[]): Readonly<Record<string, unknown>> {
  const path = from === undefined ? undefined : configBeside(from);
  if (path === undefined) return {};
  const content = readConfig(path);
  return Object.fromEntries(keys.filter((key) => Object.hasOwn(content, key)).map((key) => [key, content[key]]));
}

/** Tokens of a text at most, as a folder's tokenizer has it; undefined where it says none. */
export function modelMaxLength(folder: string | undefined): number | undefined {
  const path = folder === undefined ? undefined : join(folder, 'tokenizer_config.json');
  if (path === undefined || !existsSync(path)) return undefined;
  const { model_max_length: most } = readConfig(path);
  return typeof most === 'number' && most >= 1 ? most : undefined;
}

/** What is written into a folder, beside its tokenizer. */
interface FolderContent {
  readonly config: object;
  readonly tensors: HostArrays;
  readonly tokenizerClass: string;
  readonly maxPositions: number;
}

/** Writes a folder as Hugging Face's libraries save a model. */
export function writeModelFolder(folder: string, content: FolderContent, { tokenizer, from }: FolderFacts): void {
  const { config, tensors, tokenizerClass, maxPositions } = content;
  makeFolder(folder);
  const settings = {
    ...(tokenizer.settings?.cleanText === false ? GENERAL_CLASS : { tokenizer_class: tokenizerClass }),
    do_lower_case: tokenizer.lowercase,
    model_max_length: Math.min(modelMaxLength(from) ?? maxPositions, maxPositions),
    ...settingsOf(tokenizer),
  };
  const text = (value: object): string => `${JSON.stringify(value, null, 2)}\n`;
  const own = tokenizerFile(tokenizer);
  writeTogether([
    { path: join(folder, 'config.json'), chunks: [text(config)] },
    { path: join(folder, 'tokenizer_config.json'), chunks: [text(settings)] },
    // that of another network would be read before vocab.txt
    { path: join(folder, 'tokenizer.json'), ...(own !== undefined && { chunks: [text(own)] }) },
    { path: join(folder, 'vocab.txt'), chunks: [`${tokenizer.vocabulary.join('\n')}\n`] },
    {
      path: join(folder, 'model.safetensors'),
      chunks: encodeSafetensors(tensors, WEIGHTS_METADATA),
    },
  ]);
}

/**
 * Throws UsageError where a file's masked-LM head has values of its own for what is shared here; `tied`: which tensor
 * must be a copy of which.
 */
export function checkTied(
  tensors: HostArrays<HostValues>,
  tied: Readonly<Record<string, string>>,
  source: string,
): void {
  for (const [name, shared] of Object.entries(tied)) {
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

/** The configuration beside a file of weights, or in a folder; undefined where there is none. */
export function configBeside(weights: string): string | undefined {
  const path = join(isFolder(weights) ? weights : dirname(weights), 'config.json');
  return existsSync(path) ? path : findTensorflowBert(weights)?.config;
}

/**
 * The configuration of a folder; undefined for a checkpoint of TensorFlow that has none. Throws UsageError where there
 * is none and one is needed.
 */
export function folderConfig(folder: string): FolderConfig | undefined {
  const path = configBeside(folder);
  if (path !== undefined) return { path, content: readConfig(path) };
  if (findTensorflowBert(folder) !== undefined) return undefined;
  throw new UsageError(
    `${folder}: no config.json in it; expected a folder as Hugging Face’s libraries save a network, with config.json, ` +
      'its weights (model.safetensors) and its tokenizer (vocab.txt or tokenizer.json)',
  );
}

/** How a family reads the whole of a `config.json`. */
interface FolderSchema<Config> {
  /** All that a network is made from; settings that networks here have in one way only are literals. */
  readonly schema: z.ZodType<Config>;
  /** What such networks are, for messages: "DistilBERTs with gelu". */
  readonly readable: string;
}

/** A configuration of the family. Throws UsageError that names what does not fit, and what is there. */
export function parseFamilyConfig<Config>(
  { content, path }: FolderConfig,
  { schema, readable }: FolderSchema<Config>,
): Config {
  const config = schema.safeParse(content);
  if (config.success) return config.data;
  throw new UsageError(`${path}: ${whatIsWrong(config.error, content)}; ${readable} can be read`);
}

/** What of a family's networks `config.json` says and no tensor's shape shows. */
export interface FamilyConfig<Config> extends Pick<FolderSchema<Config>, 'readable'> {
  readonly modelType: string;
  /** Keys by which a file is known as a configuration where it has no `model_type`: others may be called so, too. */
  readonly keys: readonly string[];
  /** The settings that networks here have in one way only, as literals, and the heads; tensors show the sizes. */
  readonly unseen: z.ZodType<Config>;
  /** Numbers of heads by the key that says one. */
  readonly heads: (config: Config) => Readonly<Record<string, number | undefined>>;
  /** Heads of a network whose configuration says none; undefined where that may be any number. */
  readonly defaultHeads?: number;
}

/** The way out where a configuration only happens to stand beside weights. */
const ELSEWHERE = 'if this file is not of these weights, move the weights to a folder of their own';

/**
 * Compares a network with the configuration beside its weights, a file or a folder, in all that the tensors' names and
 * shapes do not show, and in nothing else: without that, weights of another network would be read, and compute
 * something else. What the configuration leaves out is as transformers has it then. Throws UsageError that names the
 * key, what is there and what was expected. No configuration, nothing to compare.
 */
export function checkBeside<Config>(
  weights: string,
  { numHeads }: { readonly numHeads: number },
  { modelType, keys, unseen, readable, heads, defaultHeads }: FamilyConfig<Config>,
): void {
  const path = configBeside(weights);
  if (path === undefined) return;
  const content = readConfig(path);
  if (!['model_type', ...keys].some((key) => Object.hasOwn(content, key))) return;
  const { model_type: type = modelType } = content;
  if (type !== modelType)
    throw new UsageError(`${path}: model_type: expected "${modelType}"; got ${JSON.stringify(type)}; ${ELSEWHERE}`);
  const config = parseFamilyConfig({ path, content }, { schema: unseen, readable: `${ELSEWHERE}; only ${readable}` });
  for (const [key, said] of Object.entries(heads(config))) {
    const there = said ?? defaultHeads;
    if (there !== undefined && there !== numHeads)
      throw new UsageError(
        `${path}: ${key}: expected ${numHeads}, the "numHeads" of the network that reads these weights, got ` +
          `${said ?? `none, which stands for ${there}`}; give the network spec "numHeads": ${there}, or weights of a ` +
          `network with ${numHeads} heads`,
      );
  }
}

/** A name of a class; a number and a truth value, as some libraries write them, are names by their text. */
const Name = z.union([z.string(), z.number().transform(String), z.boolean().transform(String)]);

const ClassNames = z.looseObject({ id2label: z.record(z.string(), Name).nullish() });
/** Read where there is no `id2label` alone: beside one, some libraries' has texts in the place of numbers. */
const ClassIds = z.looseObject({ label2id: z.record(z.string(), z.int().min(0)).nullish() });

/** What a schema finds in a configuration. Throws UsageError, naming the key, where that is of another type. */
function fieldsIn<Fields>({ path, content }: FolderConfig, schema: z.ZodType<Fields>): Fields {
  const { data, error } = schema.safeParse(content);
  if (error !== undefined)
    throw new UsageError(
      `${path}: ${whatIsWrong(error, content)}; expected the names of the classes as {"id2label": {"0": "name", ...}}`,
    );
  return data;
}

function inverted(ids?: Readonly<Record<string, number>> | null): Readonly<Record<string, string>> | undefined {
  return ids ? Object.fromEntries(Object.entries(ids).map(([name, id]) => [id, name])) : undefined;
}

/**
 * Names of the classes in their order, from the `config.json` beside a file of weights; undefined where there is none,
 * or where its classes have no names of their own. Throws UsageError where a class is missing, or has no name but
 * something else.
 */
export function labelsBeside(weights: string): readonly string[] | undefined {
  const path = configBeside(weights);
  if (path === undefined) return undefined;
  const config = { path, content: readConfig(path) };
  const id2label = fieldsIn(config, ClassNames).id2label ?? inverted(fieldsIn(config, ClassIds).label2id);
  if (id2label === undefined) return undefined;
  const names = Array.from({ length: Object.keys(id2label).length }, (_, i) => id2label[i]);
  const missing = names.indexOf(undefined);
  if (missing >= 0) throw new UsageError(`${path}: id2label: no class ${missing}; expected 0 to ${names.length - 1}`);
  return names.some((name, i) => name !== unnamed(i)) ? (names as string[]) : undefined;
}

/**
 * Throws UsageError where a file has names for more or fewer classes than a network's head has: transformers takes
 * their number for that of the head's outputs, and whose names they are is not to be told.
 */
export function checkNames(path: string, names: readonly string[], classes: number): void {
  if (names.length !== classes)
    throw new UsageError(
      `${path}: ${plural(names.length, 'name')} of classes (${listed(names)}), and the head has ` +
        `${classes}; expected a name for each`,
    );
}

/**
 * What a head of so many classes is for by the configuration of its folder, where that is not to choose one class of
 * several: numbers (a regression), or several classes at once. Undefined for all others.
 */
export function otherProblem(config: FolderConfig | undefined, classes: number): string | undefined {
  const problem = config?.content.problem_type;
  if (typeof problem === 'string' && problem !== 'single_label_classification') return problem;
  return classes === 1 ? 'regression' : undefined;
}

const Index = z.looseObject({ weight_map: z.record(z.string(), z.string()) });

/**
 * The tensors of a folder, without a prefix that a wrapper put before all of their names: from `model.safetensors`,
 * from the files that `model.safetensors.index.json` names, from `pytorch_model.bin`, whose pickle is read without
 * executing it, or from a checkpoint of TensorFlow, which may also be named itself; and the path to say where they come
 * from. Throws UsageError where there are none that can be read, or a file lacks a tensor that the index says it has.
 */
export function weightsIn(folder: string): FolderWeights {
  const { tensors, source } = storedIn(folder);
  return { tensors: withoutPrefix(tensors).tensors, source };
}

/** The tensors of a folder, and the path to say where they come from. */
interface FolderWeights {
  readonly tensors: HostArrays<HostValues>;
  readonly source: string;
}

function storedIn(folder: string): FolderWeights {
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
  const places = parsed.data.weight_map;
  for (const file of Object.values(places))
    if (basename(file) !== file || !file.endsWith('.safetensors'))
      throw new UsageError(`${index}: "${file}": expected the name of a safetensors file in the same folder`);
  const files = groupBy(Object.keys(places), (name) => places[name]!);
  return Object.fromEntries(
    [...files].flatMap(([file, names]) => {
      if (!existsSync(join(folder, file)))
        throw new UsageError(`${index}: it names ${file}, which is not in the folder; fetch that file, too`);
      const { tensors } = readSafetensors(join(folder, file));
      const missing = names.filter((name) => !Object.hasOwn(tensors, name));
      if (missing.length > 0)
        throw new UsageError(`${join(folder, file)}: not in it, as ${basename(index)} says: ${few(missing)}`);
      return names.map((name) => [name, tensors[name]!] as const);
    }),
  );
}
