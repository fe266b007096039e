/** BERT_BASE: masked-LM training with scores at masked positions alone, inference, and the tokenizer that feeds it. */
import { rngKey, uniforms } from '../../src/core/rng.js';
import { tf } from '../../src/engine/tensor.js';
import { bert, type BertSpec } from '../../src/models/families/bert/network.js';
import { preset } from '../../src/models/index.js';
import { glosses } from '../../src/text/corpus.js';
import { trainWordPiece } from '../../src/text/train-wordpiece.js';
import { WordPiece } from '../../src/text/wordpiece.js';
import { inferenceTimes, trainingTimes, type Case, type NetworkCases } from './compare.js';
import { networkBench } from './network.js';

const [TOKENS, POSITIONS] = [128, 19] as const;

/** Random tokens, all of them there; the last row begins with every sixth position. */
function tokens(vocabulary: number, batch: number, rows: 3 | 4): Int32Array {
  const draws = uniforms(rngKey(1, 'bench'), batch * TOKENS);
  const values = new Int32Array(batch * rows * TOKENS);
  for (let b = 0; b < batch; b++) {
    const at = b * rows * TOKENS;
    for (let t = 0; t < TOKENS; t++) values[at + t] = Math.floor(draws[b * TOKENS + t]! * vocabulary);
    values.fill(1, at + 2 * TOKENS, at + 3 * TOKENS);
    if (rows === 4) for (let p = 0; p < POSITIONS; p++) values[at + 3 * TOKENS + p] = 6 * p + 1;
  }
  return values;
}

function training(batch: number, seconds: number): Promise<number[]> {
  const spec: BertSpec = {
    ...preset('bert-base', 'bert'),
    dropout: 0,
    head: { kind: 'masked-lm', maskedPositions: POSITIONS },
  };
  const labels = Int32Array.from({ length: batch * POSITIONS }, (_, i) => (i * 97) % spec.vocabSize);
  const optimizer = { kind: 'adamw', beta1: 0.9, beta2: 0.999, epsilon: 1e-6, weightDecay: 0.01 } as const;
  const examples = { values: tokens(spec.vocabSize, batch, 4), labels };
  return trainingTimes(
    bert(spec),
    batch,
    { shape: [4, TOKENS], classes: spec.vocabSize, questions: POSITIONS, examples, optimizer, rate: 1e-4 },
    seconds,
  );
}

function inference(batch: number, seconds: number): Promise<number[]> {
  const spec = preset('bert-base', 'bert');
  return inferenceTimes(bert(spec), tf.tensor(tokens(spec.vocabSize, batch, 3), [batch, 3, TOKENS], 'int32'), seconds);
}

const caseOf = (batch: number, train: boolean): Case => ({
  batch,
  times: (seconds) => (train ? training : inference)(batch, seconds),
  peer: { network: 'bert-base', tokens: TOKENS, positions: POSITIONS, train },
});

const CASES: NetworkCases = {
  unit: 'sequences',
  cases: {
    'train 8 x 128': caseOf(8, true),
    'inference 8 x 128': caseOf(8, false),
    'train 64 x 128': { ...caseOf(64, true), onRequest: true },
    'inference 64 x 128': { ...caseOf(64, false), onRequest: true },
  },
  environment: 'torch-2.15.0-transformers',
  packages: ['torch==2.15.0', 'transformers==5.23.0', 'numpy'],
  feed: async (seconds) => {
    const texts = Array.from(glosses(), ({ text }) => text).slice(0, 20_000);
    const tokenizer = new WordPiece(await trainWordPiece(texts, { size: 4000 }));
    const started = performance.now();
    let count = 0;
    for (let i = 0; performance.now() - started < 1000 * seconds; i++)
      count += tokenizer.encode(texts[i % texts.length]!).ids.length;
    return {
      case: 'tokenizer',
      engine: 'own',
      perSecond: (1000 * count) / TOKENS / (performance.now() - started),
      peakMemoryBytes: process.resourceUsage().maxRSS * 1024,
    };
  },
};

/** `gowide bench bert-base`: sequences per second of BERT_BASE in training and inference, and of its tokenizer. */
export const bertBase = networkBench(
  'bert-base',
  'sequences per second of BERT_BASE: masked-LM training (AdamW) and inference, 8 x 128 tokens, and of the tokenizer ' +
    'that feeds it',
  CASES,
);
