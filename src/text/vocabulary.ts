/** Vocabularies in files: `vocab.txt`, `tokenizer.json`, or a folder of Hugging Face's with one of them. */
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { UsageError } from '../core/errors.js';
import { readConfig, readText } from '../store/config.js';

/** A vocabulary that was read from a file. */
export interface VocabularyFile {
  readonly tokens: readonly string[];
  /** Whether texts are to be put in lower case, where the file says so. */
  readonly lowercase?: boolean;
}

/**
 * Reads a vocabulary. Throws UsageError when the file cannot be read, is empty, is not UTF-8, or is a tokenizer of
 * another kind.
 */
export function readVocabulary(path: string): VocabularyFile {
  if (!existsSync(path) || !statSync(path).isDirectory())
    return path.endsWith('.json') ? readTokenizerJson(path) : { tokens: readLines(path) };
  const [lines, json, settings] = ['vocab.txt', 'tokenizer.json', 'tokenizer_config.json'].map((name) =>
    join(path, name),
  ) as [string, string, string];
  if (existsSync(json)) return readTokenizerJson(json);
  if (!existsSync(lines)) throw new UsageError(`${path}: neither vocab.txt nor tokenizer.json in it`);
  const lowercase = existsSync(settings) ? Settings.safeParse(readConfig(settings)).data?.do_lower_case : undefined;
  return { tokens: readLines(lines), ...(lowercase !== undefined && { lowercase }) };
}

const Settings = z.looseObject({ do_lower_case: z.boolean().optional() });

/** One token on each line, its index the line's number. */
function readLines(path: string): string[] {
  const lines = readText(path, { keepMark: true })
    .split('\n')
    .map((line) => line.replace(/\r$/, ''));
  while (lines.at(-1) === '') lines.pop();
  if (lines.length === 0) throw new UsageError(`${path}: empty; expected one token on each line`);
  return lines;
}

/** The parts of `tokenizer.json` that BERT's WordPiece has settings in; all else must be as BERT has it. */
const TokenizerJson = z.looseObject({
  normalizer: z
    .looseObject({
      type: z.literal('BertNormalizer'),
      clean_text: z.literal(true).default(true),
      handle_chinese_chars: z.literal(true).default(true),
      strip_accents: z.boolean().nullable().default(null),
      lowercase: z.boolean().default(true),
    })
    .refine(({ strip_accents: strip, lowercase }) => strip === null || strip === lowercase, {
      error: 'strip_accents differs from lowercase',
    }),
  pre_tokenizer: z.looseObject({ type: z.literal('BertPreTokenizer') }),
  model: z.looseObject({
    type: z.literal('WordPiece').optional(),
    unk_token: z.literal('[UNK]').default('[UNK]'),
    continuing_subword_prefix: z.literal('##').default('##'),
    max_input_chars_per_word: z.literal(100).default(100),
    vocab: z.record(z.string(), z.int().min(0)),
  }),
  added_tokens: z.array(z.looseObject({ id: z.int().min(0), content: z.string() })).default([]),
});

function readTokenizerJson(path: string): VocabularyFile {
  if (!existsSync(path)) throw new UsageError(`${path}: file not found`);
  const parsed = TokenizerJson.safeParse(readConfig(path));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new UsageError(
      `${path}: ${issue!.path.join('.')}: ${issue!.message}; tokenizers of the kind that BERT has can be read`,
    );
  }
  const { model, added_tokens: added, normalizer } = parsed.data;
  const entries = new Map([...Object.entries(model.vocab), ...added.map(({ content, id }) => [content, id] as const)]);
  const tokens: string[] = [];
  for (const [token, id] of entries) tokens[id] = token;
  const gap = Array.from(tokens).findIndex((token) => token === undefined);
  if (gap >= 0 || tokens.length !== entries.size)
    throw new UsageError(
      `${path}: model.vocab: ${gap >= 0 ? `no token has the index ${gap}` : 'two tokens have the same index'}`,
    );
  return { tokens, lowercase: normalizer.lowercase };
}
