/**
 * Folders of sentence-transformers: a Hugging Face folder of an encoder, and `modules.json`, which says how the vectors
 * of its tokens become one of the sentence.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { UsageError } from '../../core/errors.js';
import { makeFolder, writeAtomic } from '../../store/atomic.js';
import { readConfig, readJson } from '../../store/config.js';

/** How the vectors of a sentence's tokens become one. */
export interface Pooling {
  /** `mean`: of all tokens that are there. `cls`: that of the first one. */
  readonly by: 'mean' | 'cls';
  /** Whether the vector is divided by its length. */
  readonly normalized: boolean;
  /** Tokens of a sentence, at most; those after it are cut off. */
  readonly mostTokens: number | undefined;
}

/** What sentence-transformers saves beside an encoder: how its tokens become one vector. */
export const MODULES = 'modules.json';
const LENGTH = 'sentence_bert_config.json';
const VERSIONS = 'config_sentence_transformers.json';
const POOLING = join('1_Pooling', 'config.json');

const Modules = z.array(z.looseObject({ path: z.string(), type: z.string() }));
const PoolingConfig = z.looseObject({
  pooling_mode_mean_tokens: z.boolean().optional(),
  pooling_mode_cls_token: z.boolean().optional(),
});

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
  const { pooling_mode_mean_tokens: mean, pooling_mode_cls_token: cls } = PoolingConfig.parse(given);
  if (modes.length !== 1 || (mean !== true && cls !== true))
    throw new UsageError(
      `${config}: ${modes.map(([key]) => key).join(', ') || 'no mode of pooling'}; ` +
        'expected pooling_mode_mean_tokens or pooling_mode_cls_token alone',
    );
  const length = join(folder, LENGTH);
  const { max_seq_length: mostTokens } = existsSync(length) ? readConfig(length) : {};
  return {
    by: mean === true ? 'mean' : 'cls',
    normalized: kinds.length === 3,
    mostTokens: typeof mostTokens === 'number' ? mostTokens : undefined,
  };
}

/** Writes what sentence-transformers reads beside an encoder's own files; returns the paths. */
export function writePooling(folder: string, { by, normalized, mostTokens }: Pooling, hiddenSize: number): string[] {
  const type = (kind: string): string => `sentence_transformers.models.${kind}`;
  const modules = [
    { idx: 0, name: '0', path: '', type: type('Transformer') },
    { idx: 1, name: '1', path: '1_Pooling', type: type('Pooling') },
    ...(normalized ? [{ idx: 2, name: '2', path: '2_Normalize', type: type('Normalize') }] : []),
  ];
  const pooling = {
    word_embedding_dimension: hiddenSize,
    pooling_mode_cls_token: by === 'cls',
    pooling_mode_mean_tokens: by === 'mean',
    pooling_mode_max_tokens: false,
    pooling_mode_mean_sqrt_len_tokens: false,
  };
  const files = {
    [POOLING]: pooling,
    [VERSIONS]: { __version__: { sentence_transformers: '2.0.0' } },
    [LENGTH]: { ...(mostTokens !== undefined && { max_seq_length: mostTokens }), do_lower_case: false },
    [MODULES]: modules,
  };
  makeFolder(join(folder, '1_Pooling'));
  return Object.entries(files).map(([name, value]) => {
    const path = join(folder, name);
    writeAtomic(path, `${JSON.stringify(value, null, 2)}\n`);
    return path;
  });
}
