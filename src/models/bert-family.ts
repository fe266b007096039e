/** BERTs as a family: the published ones, their weights, what of a text they read. */
import { UsageError } from '../core/errors.js';
import { headSizeOf } from '../nn/transformer.js';
import { bert, BertSpec } from './bert.js';
import { mismatch, type DataFacts, type Family, type HeadFacts } from './family.js';
import { readFolder, readHuggingFace, taskSpec, writeFolder, writeHuggingFace } from './huggingface.js';
import { labelsBeside } from './huggingface-folder.js';
import { bertGraph } from './bert-onnx.js';
import { predictTokens, readTokens } from './predict.js';

const PUBLISHED = {
  family: 'bert',
  vocabSize: 30_522,
  maxPositions: 512,
  typeVocabSize: 2,
  dropout: 0.1,
  head: { kind: 'pooler' },
} as const;

/** BERTs, on tokens. The published ones are encoders with the English uncased vocabulary. */
export const bertFamily: Family<BertSpec> = {
  name: 'bert',
  spec: BertSpec,
  network: bert,
  presets: {
    'bert-base': { ...PUBLISHED, hiddenSize: 768, numLayers: 12, numHeads: 12, intermediateSize: 3072 },
    'bert-large': { ...PUBLISHED, hiddenSize: 1024, numLayers: 24, numHeads: 16, intermediateSize: 4096 },
    'bert-12x1024': { ...PUBLISHED, hiddenSize: 1024, numLayers: 12, numHeads: 16, intermediateSize: 4096 },
    'minilm-12x384': { ...PUBLISHED, hiddenSize: 384, numLayers: 12, numHeads: 12, intermediateSize: 1536 },
    'minilm-6x384': { ...PUBLISHED, hiddenSize: 384, numLayers: 6, numHeads: 12, intermediateSize: 1536 },
    'tinybert-6x768': { ...PUBLISHED, hiddenSize: 768, numLayers: 6, numHeads: 12, intermediateSize: 3072 },
    'tinybert-4x312': { ...PUBLISHED, hiddenSize: 312, numLayers: 4, numHeads: 12, intermediateSize: 1200 },
  },
  checkInput,
  vocabSize: ({ vocabSize }) => vocabSize,
  published: {
    read: readHuggingFace,
    labels: labelsBeside,
    write: writeHuggingFace,
    folder: { modelType: 'bert', read: readFolder, task: taskSpec, write: writeFolder },
  },
  thinning: { narrow, withHead, recipe: 'adamw' },
  onnx: bertGraph,
  predict: (spec, tensors, source) => {
    const input = readTokens(spec, tensors, source);
    return (weights, options) => predictTokens(bert(spec), weights, input, options);
  },
};

function checkInput({ head, maxPositions, vocabSize }: BertSpec, { set, shape, task }: DataFacts): string | undefined {
  const tokens = shape.at(-1)!;
  if (head.kind !== task!.head)
    return `the head "${head.kind}" is of another task; ${set} data need a "${task!.head}" head`;
  if (tokens > maxPositions) return `rows of ${tokens} tokens, and the model has ${maxPositions} positions`;
  const { questions = 1, classes, vocabulary } = task!;
  return (
    (head.kind === 'masked-lm' ? mismatch(set, 'masked positions', head.maskedPositions ?? 0, questions) : undefined) ??
    (head.kind === 'classify' && classes !== undefined ? mismatch(set, 'classes', head.classes, classes) : undefined) ??
    (vocabulary === undefined ? undefined : mismatch(set, 'tokens in the vocabulary', vocabSize, vocabulary))
  );
}

/** Whole heads are taken or left, so that those of the thin net are heads of the wide one. */
function narrow(spec: BertSpec, factor: number): BertSpec {
  const scaled = (channels: number): number => Math.max(1, Math.round(channels * factor));
  const numHeads = scaled(spec.numHeads);
  const isPublished = spec.numHeads * headSizeOf(spec) === spec.hiddenSize;
  return {
    ...spec,
    numHeads,
    hiddenSize: isPublished ? numHeads * headSizeOf(spec) : scaled(spec.hiddenSize),
    ...(!isPublished && { headSize: headSizeOf(spec) }),
    intermediateSize: scaled(spec.intermediateSize),
  };
}

function withHead(spec: BertSpec, { head, classes, questions }: HeadFacts): BertSpec {
  if (head === 'classify' && classes !== undefined) return { ...spec, head: { kind: head, classes } };
  if (head === 'span') return { ...spec, head: { kind: head } };
  if (head === 'masked-lm') return { ...spec, head: { kind: head, maskedPositions: questions ?? 1 } };
  throw new UsageError(`BERTs here have no head for ${head ?? 'images'}; expected texts with a task`);
}
