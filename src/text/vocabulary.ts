/**
 * Vocabularies in files: `vocab.txt`, `tokenizer.json`, a folder of Hugging Face's with one of them, or a SavedModel's
 * folder; and the settings that these libraries keep beside them.
 */
import { existsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import { isOrAre, UsageError } from '../core/errors.js';
import { isFolder } from '../core/folder.js';
import { whatIsWrong } from '../core/issues.js';
import type { InputFiles } from '../core/run.js';
import { readConfig, readText } from '../store/config.js';
import { trimmedEnd, type AddedToken } from './added-tokens.js';
import { SPECIAL, type TokenizerSettings } from './wordpiece.js';

/** A vocabulary that was read from a file. */
export interface VocabularyFile {
  readonly tokens: readonly string[];
  /** Whether texts are to be put in lower case, where a file says so. */
  readonly lowercase?: boolean;
  /** What a tokenizer has to be told beside that; undefined where all is as BERT has it. */
  readonly settings?: TokenizerSettings;
}

const [LINES, JSON_FILE] = ['vocab.txt', 'tokenizer.json'];
/** Where a SavedModel of BERT has its vocabulary. */
const SAVED_MODEL_LINES = join('assets', LINES);

/** The vocabulary in a folder; undefined where there is none. */
function vocabularyIn(folder: string): string | undefined {
  return [JSON_FILE, LINES, SAVED_MODEL_LINES].find((name) => existsSync(join(folder, name)));
}

/** Whether a file is called as the vocabulary of a folder is. */
export function isVocabularyName(path: string): boolean {
  return [LINES, JSON_FILE].includes(basename(path));
}

/**
 * Reads a vocabulary. `tokenizer_config.json`, `special_tokens_map.json` and `added_tokens.json` that stand beside it
 * count, too, as in Hugging Face's libraries: what they say of lower case, accents, ideographs and added tokens goes
 * before what `tokenizer.json` says. Throws UsageError when a file cannot be read, is empty, is not UTF-8, is a
 * tokenizer of another kind, lacks a special token of BERT, or has a setting that cannot be followed.
 */
export function readVocabulary(path: string): VocabularyFile {
  if (!existsSync(path))
    throw new UsageError(
      `${path}: not found; expected a vocabulary: vocab.txt, tokenizer.json, or a folder of Hugging Face's with one of ` +
        'them (such as bert-base-uncased, https://huggingface.co/google-bert/bert-base-uncased)',
    );
  const inFolder = isFolder(path);
  const name = inFolder ? vocabularyIn(path) : '';
  if (name === undefined) throw new UsageError(`${path}: neither vocab.txt nor tokenizer.json in it`);
  const file = inFolder ? join(path, name) : path;
  const read = file.endsWith('.json') ? readTokenizerJson(file) : readWordList(file);
  const named = inFolder || isVocabularyName(file);
  return inOrder(file, named ? withNeighbors(read, dirname(file)) : read);
}

/** What is known of a tokenizer before its tokens are put in order. */
interface Found {
  /** Tokens by their index; there may be gaps, which added tokens fill. */
  readonly tokens: readonly (string | undefined)[];
  readonly lowercase?: boolean;
  readonly stripAccents?: boolean | null;
  readonly cleanText?: boolean;
  readonly handleChineseChars?: boolean;
  readonly added?: readonly Added[];
  /** What `tokenizer.json` puts around texts, where that is not what BERT has, `[CLS] A [SEP] B [SEP]`. */
  readonly otherEnds?: string;
}

/** Files in which Hugging Face's libraries keep settings beside a vocabulary. */
const NEIGHBORS = ['tokenizer_config.json', 'special_tokens_map.json', 'added_tokens.json'];

/** The files that {@link readVocabulary} may read of a path. */
export function vocabularyFiles(path: string): InputFiles[] {
  const inFolder = isFolder(path);
  const folder = inFolder ? path : dirname(path);
  const found = inFolder ? vocabularyIn(path) : undefined;
  // beside a SavedModel's vocabulary the neighbors are in `assets`, too
  const named =
    found === SAVED_MODEL_LINES
      ? [found, ...NEIGHBORS.map((name) => join(dirname(found), name))]
      : [...(inFolder ? [LINES, JSON_FILE] : []), ...NEIGHBORS];
  const names = named.filter((name) => existsSync(join(folder, name)));
  if (inFolder) return [{ path, names }];
  return [{ path }, ...(names.length > 0 ? [{ path: folder, names }] : [])];
}

/** An added token and its index, which may be that of the vocabulary. */
interface Added extends AddedToken {
  readonly id?: number;
}

/** One token on each line, its index the line's number; white space at its end is not a part of it. */
function readLines(path: string): string[] {
  const lines = readText(path).split('\n').map(trimmedEnd);
  while (lines.at(-1) === '') lines.pop();
  if (lines.length === 0) throw new UsageError(`${path}: empty; expected one token on each line`);
  return lines;
}

/** What stands beside the `vocab.txt` of Google's checkpoints and SavedModels of BERT, and of no other library's. */
const OF_GOOGLE = ['bert_config.json', join('..', 'saved_model.pb')];

/**
 * The tokens of a `vocab.txt`. Beside a checkpoint of Google's no file says whether texts are put in lower case, and
 * its tokens do: words with capitals are in a cased one alone.
 */
function readWordList(path: string): Found {
  const tokens = readLines(path);
  const isOfGoogle = OF_GOOGLE.some((name) => existsSync(join(dirname(path), name)));
  const isCased = isOfGoogle && tokens.some((token) => /^(##)?[A-Z]+$/.test(token));
  return { tokens, ...(isCased && { lowercase: false }) };
}

/** Tokens with their indices, in a map: a record of zod leaves out a token that is called `__proto__`. */
const TokenIds = z.unknown().transform((value, context): ReadonlyMap<string, number> => {
  const { error } = z.record(z.string(), z.int().min(0)).safeParse(value);
  for (const issue of error?.issues ?? []) context.addIssue({ ...issue, input: value } as z.core.$ZodRawIssue);
  if (error !== undefined) return z.NEVER;
  const ids = new Map(Object.entries(value as Readonly<Record<string, number>>));
  const wrong = [...ids].find(([, id]) => !(Number.isSafeInteger(id) && id >= 0));
  if (wrong === undefined) return ids;
  context.addIssue({ code: 'custom', path: [wrong[0]], message: 'expected a whole number of at least 0' });
  return z.NEVER;
});

/** How files write an added token. */
const AddedFields = z.looseObject({
  content: z.string().min(1),
  single_word: z.boolean().default(false),
  lstrip: z.boolean().default(false),
  rstrip: z.boolean().default(false),
  normalized: z.boolean().optional(),
  special: z.boolean().default(false),
});

function addedToken(fields: z.infer<typeof AddedFields>, id?: number): Added {
  const { content, single_word: singleWord, lstrip, rstrip, special, normalized = !special } = fields;
  return { ...(id !== undefined && { id }), content, singleWord, lstrip, rstrip, normalized };
}

/** The parts of `tokenizer.json` that BERT's WordPiece has settings in; all else must be as BERT has it. */
const TokenizerJson = z.looseObject({
  normalizer: z.looseObject({
    type: z.literal('BertNormalizer'),
    clean_text: z.boolean().default(true),
    handle_chinese_chars: z.boolean().default(true),
    strip_accents: z.boolean().nullable().default(null),
    lowercase: z.boolean().default(true),
  }),
  pre_tokenizer: z.looseObject({ type: z.literal('BertPreTokenizer') }),
  model: z.looseObject({
    type: z.literal('WordPiece').optional(),
    unk_token: z.literal(SPECIAL.unknown).default(SPECIAL.unknown),
    continuing_subword_prefix: z.literal('##').default('##'),
    max_input_chars_per_word: z.literal(100).default(100),
    vocab: TokenIds,
  }),
  added_tokens: z.array(AddedFields.extend({ id: z.int().min(0) })).default([]),
  post_processor: z.unknown().optional(),
});

/** A special token with its index, as `BertProcessing` has it. */
const End = z.tuple([z.string(), z.int()]);
/** A part of a template: a text or a special token, and the segment that it is of. */
const Part = z.union([
  z.strictObject({ Sequence: z.strictObject({ id: z.string(), type_id: z.int() }) }),
  z.strictObject({ SpecialToken: z.strictObject({ id: z.string(), type_id: z.int() }) }),
]);
/** What puts tokens around texts in `tokenizer.json`: one that can be BERT's, in either form. */
const PostProcessor = z.union([
  z.looseObject({ type: z.literal('BertProcessing'), sep: End, cls: End }),
  z.looseObject({
    type: z.literal('TemplateProcessing'),
    single: z.array(Part),
    pair: z.array(Part),
    special_tokens: z.record(z.string(), z.looseObject({ ids: z.array(z.int()) })),
  }),
]);

/** The templates of one text and of two that BERT has, as {@link templateOf} writes them. */
const TEMPLATES = [
  `${SPECIAL.class}:0 A:0 ${SPECIAL.separator}:0`,
  `${SPECIAL.class}:0 A:0 ${SPECIAL.separator}:0 B:1 ${SPECIAL.separator}:1`,
];

function templateOf(parts: readonly z.infer<typeof Part>[]): string {
  return parts
    .map((part) => ('Sequence' in part ? part.Sequence : part.SpecialToken))
    .map(({ id, type_id: segment }) => `${id}:${segment}`)
    .join(' ');
}

/**
 * What a `post_processor` puts around texts, for messages, where it is not what BERT has; `idOf` gives the index of a
 * token in the vocabulary.
 */
function otherEnds(value: unknown, idOf: (token: string) => number | undefined): string | undefined {
  if (value === undefined || value === null) return 'none, so that no [CLS] and [SEP] are put around a text';
  const { type, processors } = value as { type?: unknown; processors?: unknown };
  if (type === 'Sequence' && Array.isArray(processors) && processors.length === 1)
    return otherEnds(processors[0], idOf);
  const { data } = PostProcessor.safeParse(value);
  if (data === undefined) return JSON.stringify(type);
  if (data.type === 'BertProcessing') {
    const isBerts =
      String(data.cls) === String([SPECIAL.class, idOf(SPECIAL.class)]) &&
      String(data.sep) === String([SPECIAL.separator, idOf(SPECIAL.separator)]);
    return isBerts ? undefined : `"BertProcessing" with ${data.cls.join(' ')} and ${data.sep.join(' ')}`;
  }
  const templates = [data.single, data.pair].map(templateOf);
  const other = templates.find((template, i) => template !== TEMPLATES[i]);
  if (other !== undefined) return `the template ${other}`;
  const wrong = Object.entries(data.special_tokens).find(([token, { ids }]) => String(ids) !== String(idOf(token)));
  return wrong === undefined ? undefined : `"TemplateProcessing" with ${wrong[0]} as ${wrong[1].ids.join(' ')}`;
}

/** Throws UsageError with the first thing that is not as it should be. */
function parse<T>(path: string, schema: z.ZodType<T>, value: unknown): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new UsageError(
    `${path}: ${whatIsWrong(parsed.error, value)}; tokenizers of the kind that BERT has can be read`,
  );
}

function readTokenizerJson(path: string): Found {
  if (!existsSync(path)) throw new UsageError(`${path}: file not found`);
  const { model, added_tokens: added, normalizer, post_processor } = parse(path, TokenizerJson, readConfig(path));
  const ends = otherEnds(
    post_processor,
    (token) => added.find(({ content }) => content === token)?.id ?? model.vocab.get(token),
  );
  const tokens: (string | undefined)[] = [];
  for (const [token, id] of model.vocab) {
    if (tokens[id] !== undefined) throw new UsageError(`${path}: model.vocab: two tokens have the same index, ${id}`);
    tokens[id] = token;
  }
  return {
    tokens,
    lowercase: normalizer.lowercase,
    stripAccents: normalizer.strip_accents,
    cleanText: normalizer.clean_text,
    handleChineseChars: normalizer.handle_chinese_chars,
    added: added.map((fields) => addedToken(fields, fields.id)),
    ...(ends !== undefined && { otherEnds: ends }),
  };
}

/** A special token as a name alone, or with its fields. */
const Special = z.union([z.string(), AddedFields]);
/** Names of the special tokens in Hugging Face's files, and what BERT has for them. */
const NAMES = {
  pad_token: SPECIAL.pad,
  unk_token: SPECIAL.unknown,
  cls_token: SPECIAL.class,
  sep_token: SPECIAL.separator,
  mask_token: SPECIAL.mask,
} as const;
const special = Special.nullable().optional();
const SpecialNames = {
  pad_token: special,
  unk_token: special,
  cls_token: special,
  sep_token: special,
  mask_token: special,
  additional_special_tokens: z.array(Special).nullable().optional(),
  extra_special_tokens: z
    .union([z.array(Special), z.record(z.string(), Special)])
    .nullable()
    .optional(),
};
const SpecialMap = z.looseObject(SpecialNames);
/** Tokenizers that treat texts as BERT's does; others with a `vocab.txt` do not (BertJapaneseTokenizer). */
const CLASSES = ['Bert', 'DistilBert', 'Electra', 'MobileBert', 'ConvBert', 'SqueezeBert', 'RetriBert', 'Lxmert'];
const GENERAL = ['PreTrainedTokenizerFast', 'TokenizersBackend'];
const Settings = z.looseObject({
  ...SpecialNames,
  tokenizer_class: z
    .enum([...CLASSES.flatMap((name) => [`${name}Tokenizer`, `${name}TokenizerFast`]), ...GENERAL])
    .nullable()
    .optional(),
  truncation_side: z.literal('right').optional(),
  padding_side: z.literal('right').optional(),
  do_lower_case: z.boolean().nullable().optional(),
  strip_accents: z.boolean().nullable().optional(),
  tokenize_chinese_chars: z.boolean().nullable().optional(),
  added_tokens_decoder: z.record(z.string().regex(/^\d+$/), AddedFields).optional(),
});

/** Settings that the classes of BERT's tokenizers have where no file says others. */
const DEFAULTS = { do_lower_case: true, tokenize_chinese_chars: true, strip_accents: null } as const;
/** Values of `model_type` in a `config.json` by which transformers chooses one of these classes. */
const MODEL_TYPES = CLASSES.map((name) => name.toLowerCase());

/**
 * How texts are normalized, as transformers has it: a class of BERT's own makes its normalizer of its settings and
 * defaults, whatever `tokenizer.json` says, and puts BERT's tokens around texts; a general one takes that file as it
 * is. Throws UsageError where transformers would take a default in the place of what `tokenizer.json` says, and no file
 * beside it says so, and where a general class would put other tokens around texts.
 */
function normalizerOf(read: Found, settings: z.infer<typeof Settings>, folder: string): Partial<Found> {
  const isJson = read.cleanText !== undefined;
  const name = settings.tokenizer_class ?? undefined;
  // without a name and a network transformers has nothing to choose one of BERT's classes by
  const isGeneral = name === undefined ? !existsSync(join(folder, 'config.json')) : GENERAL.includes(name);
  if (isJson && isGeneral) {
    if (name === undefined || read.otherEnds === undefined) return {};
    throw new UsageError(
      `${join(folder, JSON_FILE)}: post_processor: ${read.otherEnds}, as the class ${name} takes it; tokenizers with ` +
        `BERT's can be read, ${SPECIAL.class} A ${SPECIAL.separator} B ${SPECIAL.separator}, with the segments 0 and 1`,
    );
  }
  const isOfItsClass = isJson && (name !== undefined || isOfBert(folder));
  if (isOfItsClass && name === undefined) checkSaid(read, settings, folder);
  const said = isJson && name !== undefined ? { ...DEFAULTS, ...settings } : settings;
  const { do_lower_case: lowercase, tokenize_chinese_chars: ideographs, strip_accents: accents } = said;
  return {
    ...(typeof lowercase === 'boolean' && { lowercase }),
    ...(accents !== undefined && { stripAccents: accents }),
    ...(typeof ideographs === 'boolean' && { handleChineseChars: ideographs }),
    // of this one the classes have no setting: they clean
    ...(isOfItsClass && { cleanText: true }),
  };
}

/** Throws UsageError where a tokenizer has a setting that is not the default, and its settings do not say so. */
function checkSaid({ lowercase, handleChineseChars, stripAccents }: Found, settings: object, folder: string): void {
  const [differing] = [
    ['do_lower_case', 'lowercase', lowercase] as const,
    ['tokenize_chinese_chars', 'handle_chinese_chars', handleChineseChars] as const,
    ['strip_accents', 'strip_accents', stripAccents] as const,
  ].filter(([key, , value]) => !(key in settings) && value !== DEFAULTS[key]);
  if (differing === undefined) return;
  const [key, name, value] = differing;
  throw new UsageError(
    `${join(folder, JSON_FILE)}: normalizer.${name} is ${value}, and no tokenizer_config.json beside it says so, so ` +
      `that transformers takes ${DEFAULTS[key]} for a BERT; write {"${key}": ${value}} or {"${key}": ` +
      `${DEFAULTS[key]}} into that file`,
  );
}

/** Whether a folder has a `config.json` of one of the networks with BERT's tokenizer. */
function isOfBert(folder: string): boolean {
  const path = join(folder, 'config.json');
  return existsSync(path) && MODEL_TYPES.includes(String(readConfig(path).model_type));
}

/**
 * A tokenizer with what the other files of its folder say of it. `special_tokens_map.json` and `added_tokens.json` are
 * of an older form: they count where `tokenizer_config.json` has no `added_tokens_decoder`, and less than
 * `tokenizer.json`.
 */
function withNeighbors(read: Found, folder: string): Found {
  const [settingsPath, mapPath, addedPath] = [
    'tokenizer_config.json',
    'special_tokens_map.json',
    'added_tokens.json',
  ].map((name) => join(folder, name)) as [string, string, string];
  const of = <T>(path: string, schema: z.ZodType<T>): T | undefined =>
    existsSync(path) ? parse(path, schema, readConfig(path)) : undefined;
  const settings = of(settingsPath, Settings) ?? {};
  const decoder = Object.entries(settings.added_tokens_decoder ?? {}).map(([id, fields]) =>
    addedToken(fields, Number(id)),
  );
  const isOldForm = settings.added_tokens_decoder === undefined;
  const named = [...((isOldForm ? of(addedPath, TokenIds) : undefined) ?? [])].map(([content, id]) =>
    addedToken({ content, single_word: false, lstrip: false, rstrip: false, special: isSpecial(content) }, id),
  );
  const map = (isOldForm ? of(mapPath, SpecialMap) : undefined) ?? {};
  // of those that are no tokens of BERT's the one file counts or the other
  const { additional_special_tokens: _, extra_special_tokens: __, ...own } = map;
  const [inSettings, inMap] = [
    specialsIn(settings, settingsPath),
    specialsIn((settings.additional_special_tokens ?? settings.extra_special_tokens) ? own : map, mapPath),
  ].map((all) => all.filter(({ content }) => !decoder.some((token) => token.content === content)));
  return {
    ...read,
    ...normalizerOf(read, settings, folder),
    // of BERT's tokens the map counts for more than the settings, of others less
    added: [
      ...[...inSettings!, ...inMap!, ...named],
      ...inSettings!.filter(({ content }) => !isSpecial(content)),
      ...[...(read.added ?? []), ...decoder],
    ],
  };
}

function isSpecial(content: string): boolean {
  return (Object.values(SPECIAL) as string[]).includes(content);
}

/** Special tokens that a file names. Throws UsageError where one of BERT's has another name there. */
function specialsIn(file: z.infer<typeof SpecialMap>, path: string): Added[] {
  const own = Object.entries(NAMES).flatMap(([name, expected]) => {
    const given = file[name as keyof typeof NAMES] ?? expected;
    const content = typeof given === 'string' ? given : given.content;
    if (content !== expected)
      throw new UsageError(`${path}: ${name}: "${content}"; tokenizers with BERT's ${expected} can be read`);
    return typeof given === 'string' ? [] : [given];
  });
  const { additional_special_tokens: additional, extra_special_tokens: extra } = file;
  return [...own, ...(additional ?? []), ...Object.values(extra ?? {})].map((one) =>
    addedToken(
      typeof one === 'string' ? AddedFields.parse({ content: one, special: true }) : { ...one, special: true },
    ),
  );
}

/** The tokens in the order of their indices, and the settings that are not BERT's. Throws UsageError on a gap. */
function inOrder(path: string, found: Found): VocabularyFile {
  const { lowercase, stripAccents, cleanText = true, handleChineseChars = true } = found;
  const [tokens, ids] = [[...found.tokens], new Map<string, number>()];
  tokens.forEach((token, id) => token !== undefined && ids.set(token, id));
  const claim = (content: string, id: number): void => {
    if ((ids.get(content) ?? id) !== id || (tokens[id] ?? content) !== content)
      throw new UsageError(
        `${path}: added token "${content}" has the index ${id}, ` +
          (tokens[id] === undefined || tokens[id] === content
            ? `the vocabulary has it at ${ids.get(content)}`
            : `two tokens have the same index: "${tokens[id]}" is there, too`),
      );
    tokens[id] = content;
    ids.set(content, id);
  };
  for (const { id, content } of found.added ?? []) if (id !== undefined) claim(content, id);
  const added = new Map<string, AddedToken>(); // of several entries for one token the last counts
  for (const { id, ...token } of found.added ?? []) {
    claim(token.content, id ?? ids.get(token.content) ?? tokens.length);
    added.set(token.content, token);
  }
  const gap = Array.from(tokens).indexOf(undefined);
  if (gap >= 0) throw new UsageError(`${path}: no token has the index ${gap}`);
  const missing = Object.values(SPECIAL).filter((token) => !ids.has(token));
  if (missing.length > 0)
    throw new UsageError(
      `${path}: ${missing.join(', ')} ${isOrAre(missing.length)} not in it; expected a vocabulary with ` +
        'the special tokens of BERT',
    );
  const words = new Set(found.tokens);
  const own = [...added.values()]
    .sort((a, b) => ids.get(a.content)! - ids.get(b.content)!)
    .filter((token) => !isPlainSpecial(token))
    .map((token) => (words.has(token.content) ? token : { ...token, extra: true as const }));
  const settings: TokenizerSettings = {
    ...(typeof stripAccents === 'boolean' && stripAccents !== lowercase && { stripAccents }),
    ...(!cleanText && { cleanText }),
    ...(!handleChineseChars && { handleChineseChars }),
    ...(own.length > 0 && { added: own }),
  };
  return {
    tokens: tokens as string[],
    ...(lowercase !== undefined && { lowercase }),
    ...(Object.keys(settings).length > 0 && { settings }),
  };
}

/** Whether a token is one of BERT's, found as it is written: then it needs no entry of its own. */
function isPlainSpecial({ content, singleWord, lstrip, rstrip, normalized }: AddedToken): boolean {
  return isSpecial(content) && !singleWord && !lstrip && !rstrip && !normalized;
}
