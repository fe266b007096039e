/** BERTs as a family: the published ones, their weights, what of a text they read. */
import { UsageError } from '../../../core/errors.js';
import { headSizeOf } from '../../../nn/transformer.js';
import { bert, BertSpec, type EncoderSpec } from './network.js';
import { mismatch, type DataFacts, type Family, type HeadFacts } from '../../interface/family.js';
import { readBertFolder, readBert, writeBertFolder, writeBert } from './weights.js';
import { labelsBeside } from '../../formats/huggingface-folder.js';
import { encoderGraph } from './onnx.js';
import { predictTokens, readTokens } from '../../interface/predict.js';

const PUBLISHED = {
  family: 'bert',
  vocabSize: 30_522,
  maxPositions: 512,
  typeVocabSize: 2,
  dropout: 0.1,
  head: { kind: 'pooler' },
} as const;

/** Heads of tasks, which every encoder has. */
type TaskHead = Exclude<BertSpec['head'], { kind: 'none' | 'pooler' | 'span' }> | { readonly kind: 'span' };

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
  checkInput: checkEncoderInput,
  vocabSize: ({ vocabSize }) => vocabSize,
  maxPositions: ({ maxPositions }) => maxPositions,
  head: ({ head }) => head,
  published: {
    read: readBert,
    labels: labelsBeside,
    write: writeBert,
    folder: { modelType: 'bert', read: readBertFolder, write: writeBertFolder },
  },
  thinning: { narrow: narrowEncoder, withHead: (spec, facts) => ({ ...spec, head: taskHead(facts) }), recipe: 'adamw' },
  onnx: encoderGraph,
  predict: (spec, tensors, source) => {
    const input = readTokens(spec, tensors, source);
    return (weights, options) => predictTokens(bert(spec), weights, input, options);
  },
};

/** What of some data an encoder that is like BERT cannot read or answer; undefined when all of it fits. */
export function checkEncoderInput(
  { head, maxPositions, vocabSize }: EncoderSpec,
  { set, shape, task }: DataFacts,
): string | undefined {
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

/**
 * An encoder with about `factor` of the channels. Whole heads are taken or left, so that those of the thin net are
 * heads of the wide one.
 */
export function narrowEncoder<Spec extends EncoderSpec>(spec: Spec, factor: number): Spec {
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

/** The head that a task asks of an encoder. Throws UsageError where there is none for it. */
export function taskHead({ head, classes, questions }: HeadFacts): TaskHead {
  if (head === 'classify' && classes !== undefined) return { kind: head, classes };
  if (head === 'span') return { kind: head };
  if (head === 'masked-lm') return { kind: head, maskedPositions: questions ?? 1 };
  throw new UsageError(`encoders have no head for ${head ?? 'images'}; expected texts with a task`);
}
