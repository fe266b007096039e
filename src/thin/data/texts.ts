/** Texts without labels, for a masked language model: a folder of .txt files with one text on each line. */
import { readdirSync } from 'node:fs';
import { isFolder } from '../../core/folder.js';
import { readVocabulary } from '../../text/vocabulary.js';
import type { DataForm, Found, FormOptions } from './form.js';

/** As BERT was trained: 15 % of the tokens are asked for, 80 % of them masked, 10 % replaced. */
const MASKING = { share: 0.15, mask: 0.8, random: 0.1, wholeWords: false } as const;
const HELD_OUT = 0.05;
const TOKENS = 128;
/** Held-out rows of each split that are looked at. */
const HELD = 500;

function hasTexts(path: string): boolean {
  return (
    isFolder(path) && readdirSync(path, { recursive: true, encoding: 'utf8' }).some((name) => name.endsWith('.txt'))
  );
}

function open(path: string, { vocabulary, mostTokens, rows, tokens: asked }: FormOptions): Found {
  const tokens = asked ?? Math.min(TOKENS, mostTokens);
  return {
    spec: {
      set: 'masked-lm',
      corpus: path,
      vocabulary: vocabulary!,
      lowercase: readVocabulary(vocabulary!).lowercase ?? true,
      tokens,
      heldOut: HELD_OUT,
      masking: { ...MASKING },
      ...(rows < Infinity && { train: rows }),
      held: HELD,
    },
    notes: [
      `texts: rows of ${tokens} tokens, of which 15 % are asked for; 5 % of the texts for choosing and as ` +
        'many for the test',
    ],
  };
}

/** Texts for a masked language model. */
export const texts: DataForm = {
  name: 'texts',
  looks: 'a folder of .txt files, for a masked language model',
  heeds: ['rows', 'tokens'],
  reads: 'texts',
  called: (path) => (hasTexts(path) ? 'a folder of texts' : undefined),
  matches: (path, { vocabulary }) => vocabulary !== undefined && hasTexts(path),
  open,
};
