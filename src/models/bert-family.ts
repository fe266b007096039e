/** BERTs as a family: the published ones, their weights, what of a text they read. */
import { bert, BertSpec } from './bert.js';
import { mismatch, type DataFacts, type Family } from './family.js';
import { importHuggingFace, readFolder, writeFolder, writeHuggingFace } from './huggingface.js';
import { predictTokens, readTokens } from './predict.js';
import { readSafetensors } from '../store/safetensors.js';

const PUBLISHED = {
  family: 'bert',
  vocabulary: 30_522,
  positions: 512,
  segments: 2,
  dropout: 0.1,
  head: { kind: 'pooler' },
} as const;

/** BERTs, on tokens. The published ones are encoders with the English uncased vocabulary. */
export const bertFamily: Family<BertSpec> = {
  name: 'bert',
  spec: BertSpec,
  network: bert,
  presets: {
    'bert-base': { ...PUBLISHED, hidden: 768, layers: 12, heads: 12, feedforward: 3072 },
    'bert-large': { ...PUBLISHED, hidden: 1024, layers: 24, heads: 16, feedforward: 4096 },
    'bert-12x1024': { ...PUBLISHED, hidden: 1024, layers: 12, heads: 16, feedforward: 4096 },
    'minilm-12x384': { ...PUBLISHED, hidden: 384, layers: 12, heads: 12, feedforward: 1536 },
    'minilm-6x384': { ...PUBLISHED, hidden: 384, layers: 6, heads: 12, feedforward: 1536 },
    'tinybert-6x768': { ...PUBLISHED, hidden: 768, layers: 6, heads: 12, feedforward: 3072 },
    'tinybert-4x312': { ...PUBLISHED, hidden: 312, layers: 4, heads: 12, feedforward: 1200 },
  },
  checkInput,
  vocabSize: ({ vocabulary }) => vocabulary,
  published: {
    read: (path, spec) => importHuggingFace(spec, readSafetensors(path).tensors, path),
    write: writeHuggingFace,
    folder: { modelType: 'bert', read: readFolder, write: writeFolder },
  },
  predict: (spec, tensors, source) => {
    const input = readTokens(spec, tensors, source);
    return (weights, options) => predictTokens(bert(spec), weights, input, options);
  },
};

function checkInput({ head, positions, vocabulary }: BertSpec, { set, shape, task }: DataFacts): string | undefined {
  const tokens = shape.at(-1)!;
  if (head.kind !== task!.head)
    return `the head "${head.kind}" is of another task; ${set} data need a "${task!.head}" head`;
  if (tokens > positions) return `rows of ${tokens} tokens, and the model has ${positions} positions`;
  const { questions = 1, classes, vocabulary: known } = task!;
  return (
    (head.kind === 'masked-lm' ? mismatch(set, 'masked positions', head.places ?? 0, questions) : undefined) ??
    (head.kind === 'classify' && classes !== undefined ? mismatch(set, 'classes', head.classes, classes) : undefined) ??
    (known === undefined ? undefined : mismatch(set, 'tokens in the vocabulary', vocabulary, known))
  );
}
