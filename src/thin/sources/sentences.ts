/**
 * Folders of sentence-transformers: a Hugging Face folder of an encoder, and `modules.json`, which says how the vectors
 * of its tokens become one of the sentence.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { listed, UsageError } from '../../core/errors.js';
import { whatIsWrong } from '../../core/issues.js';
import { namesOf } from '../../core/registry.js';
import { makeFolder, writeAtomic } from '../../store/atomic.js';
import { readConfig, readJson } from '../../store/config.js';

/** Ways in which the vectors of tokens become one, each with the key by which sentence-transformers says it. */
export const POOLINGS = { mean: 'pooling_mode_mean_tokens', cls: 'pooling_mode_cls_token' } as const;
/** How the vectors of tokens become one. `mean`: as that of all tokens that are there. `cls`: as the first one's. */
export type PoolingName = keyof typeof POOLINGS;

/** How the vectors of a sentence's tokens become one. */
export interface Pooling {
  readonly by: PoolingName;
  /** Whether the vector is divided by its length. */
  readonly normalized: boolean;
  /** Tokens of a sentence, at most; those after it are cut off. */
  readonly mostTokens: number | undefined;
  /** Whether sentences are put in lower case before the tokenizer has them. */
  readonly lowercase?: boolean;
  /** What is put before every sentence, where nothing else is asked for. */
  readonly prompt?: string;
  /** What else the folder says of itself: prompts by their names, the similarity that is meant. */
  readonly config?: Readonly<Record<string, unknown>>;
}

/** What sentence-transformers saves beside an encoder: how its tokens become one vector. */
export const MODULES = 'modules.json';
const LENGTH = 'sentence_bert_config.json';
/** Names under which sentence-transformers looks for that file, in its order. */
const LENGTHS = ['bert', 'roberta', 'distilbert', 'camembert', 'albert', 'xlm-roberta', 'xlnet'].map(
  (name) => `sentence_${name}_config.json`,
);
const VERSIONS = 'config_sentence_transformers.json';
const POOLING = join('1_Pooling', 'config.json');

const Modules = z.array(z.looseObject({ path: z.string(), type: z.string() }));
const PoolingConfig = z.looseObject({
  [POOLINGS.mean]: z.boolean().optional(),
  [POOLINGS.cls]: z.boolean().optional(),
  include_prompt: z.boolean().default(true),
});

const LengthConfig = z.looseObject({
  max_seq_length: z.int().min(1).nullish(),
  do_lower_case: z.boolean().nullish(),
});
const VersionsConfig = z.looseObject({
  prompts: z.record(z.string(), z.string()).nullish(),
  default_prompt_name: z.string().nullish(),
});

/** A file of a folder, where it is there. Throws UsageError that names the key that does not fit. */
function optional<T extends object>(folder: string, names: readonly string[], schema: z.ZodType<T>): Partial<T> {
  const path = names.map((name) => join(folder, name)).find((one) => existsSync(one));
  if (path === undefined) return {};
  const content = readConfig(path);
  const parsed = schema.safeParse(content);
  if (parsed.success) return parsed.data;
  throw new UsageError(`${path}: ${whatIsWrong(parsed.error, content)}`);
}

/**
 * What is put before every sentence: the prompt of the default name. Throws UsageError where there is no prompt of that
 * name, as sentence-transformers does.
 */
function promptOf(folder: string, { prompts, default_prompt_name: name }: z.infer<typeof VersionsConfig>): string {
  if (name === undefined || name === null) return '';
  const prompt = prompts?.[name];
  if (prompt !== undefined) return prompt;
  throw new UsageError(
    `${join(folder, VERSIONS)}: default_prompt_name: no prompt "${name}"; there are: ` +
      (listed(Object.keys(prompts ?? {})) || 'none'),
  );
}

/** A sentence as the tokenizer has it: after the prompt, without white space around both, in lower case where asked. */
export function preparedSentence(text: string, { prompt = '', lowercase = false }: Pooling): string {
  // a line break is white space to the tokenizer, and would end the sentence in a file
  const whole = `${prompt}${text}`.replaceAll(/[\r\n]+/g, ' ').trim();
  return lowercase ? whole.toLowerCase() : whole;
}

/** What is done to sentences that the tokenizer's own files do not say, a line each. */
export function sentenceNotes({ prompt, lowercase, normalized, config }: Pooling): string[] {
  const similarity = config?.similarity_fn_name;
  return [
    ...(lowercase === true ? ['texts are put in lower case first (do_lower_case)'] : []),
    ...(prompt === undefined ? [] : [`texts begin with the prompt ${JSON.stringify(prompt)} (default_prompt_name)`]),
    ...(typeof similarity === 'string' && similarity !== 'cosine' && !normalized
      ? [`similarity "${similarity}": what is imitated is the cosine; lengths of vectors are not`]
      : []),
  ];
}

/** Whether a folder is one of sentence-transformers. */
export function isSentenceFolder(folder: string): boolean {
  return existsSync(join(folder, MODULES));
}

/** The last part of a module's type: `Pooling` of `sentence_transformers.models.Pooling`. */
const kindOf = (type: string): string => type.slice(type.lastIndexOf('.') + 1);

/** How a folder's sentences are pooled. Throws UsageError, naming the module, where it is in another way. */
export function readPooling(folder: string): Pooling {
  const path = join(folder, MODULES);
  const found = Modules.safeParse(readJson(path, 'a list of modules'));
  const kinds = found.data?.map(({ type }) => kindOf(type)) ?? [];
  const other = kinds.find((kind, i) => kind !== ['Transformer', 'Pooling', 'Normalize'][i]);
  if (kinds.length < 2 || other !== undefined || found.data![0]!.path !== '')
    throw new UsageError(
      `${path}: ${other === undefined ? 'no list of modules' : `the module "${other}" in this place`}; ` +
        'expected Transformer (in the folder itself), Pooling, and Normalize or nothing after it',
    );
  const config = join(folder, found.data![1]!.path, 'config.json');
  const given = readConfig(config);
  const modes = Object.entries(given).filter(([key, value]) => key.startsWith('pooling_mode') && value);
  const { include_prompt, ...parsed } = PoolingConfig.parse(given);
  const by = namesOf(POOLINGS).find((name) => parsed[POOLINGS[name]] === true);
  if (modes.length !== 1 || by === undefined)
    throw new UsageError(
      `${config}: ${modes.map(([key]) => key).join(', ') || 'no mode of pooling'}; ` +
        `expected ${Object.values(POOLINGS).join(' or ')} alone`,
    );
  const { max_seq_length: mostTokens, do_lower_case: lowercase } = optional(folder, LENGTHS, LengthConfig);
  const versions = optional(folder, [VERSIONS], VersionsConfig);
  const prompt = promptOf(folder, versions);
  if (prompt !== '' && !include_prompt && by === 'mean')
    throw new UsageError(
      `${config}: include_prompt: false, and sentences begin with ${JSON.stringify(prompt)}; expected true: the mean is ` +
        'taken of all tokens',
    );
  return {
    by,
    normalized: kinds.length === 3,
    mostTokens: mostTokens ?? undefined,
    ...(lowercase === true && { lowercase }),
    ...(prompt !== '' && { prompt }),
    ...(Object.keys(versions).length > 0 && { config: versions }),
  };
}

/** Writes what sentence-transformers reads beside an encoder's own files; returns the paths. */
export function writePooling(folder: string, pooling: Pooling, hiddenSize: number): string[] {
  const { by, normalized, mostTokens, lowercase = false, config = {} } = pooling;
  const type = (kind: string): string => `sentence_transformers.models.${kind}`;
  const modules = [
    { idx: 0, name: '0', path: '', type: type('Transformer') },
    { idx: 1, name: '1', path: '1_Pooling', type: type('Pooling') },
    ...(normalized ? [{ idx: 2, name: '2', path: '2_Normalize', type: type('Normalize') }] : []),
  ];
  const modes = {
    word_embedding_dimension: hiddenSize,
    [POOLINGS.cls]: by === 'cls',
    [POOLINGS.mean]: by === 'mean',
    pooling_mode_max_tokens: false,
    pooling_mode_mean_sqrt_len_tokens: false,
  };
  const files = {
    [POOLING]: modes,
    [VERSIONS]: { __version__: { sentence_transformers: '2.0.0' }, ...config },
    [LENGTH]: { ...(mostTokens !== undefined && { max_seq_length: mostTokens }), do_lower_case: lowercase },
    [MODULES]: modules,
  };
  makeFolder(join(folder, '1_Pooling'));
  return Object.entries(files).map(([name, value]) => {
    const path = join(folder, name);
    writeAtomic(path, `${JSON.stringify(value, null, 2)}\n`);
    return path;
  });
}
