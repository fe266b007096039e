/** DistilBERTs as a family: the published one, its weights, what of a text they read. */
import { checkEncoderInput, narrowEncoder, taskHead } from '../bert/family.js';
import { encoderGraph } from '../bert/onnx.js';
import { asEncoder, distilbert, DistilbertSpec } from './network.js';
import { readDistilbert, readDistilbertFolder, writeDistilbert, writeDistilbertFolder } from './weights.js';
import type { Family } from '../../interface/family.js';
import { labelsBeside } from '../../formats/huggingface-folder.js';
import { predictTokens, readTokens } from '../../interface/predict.js';

/** DistilBERTs, on tokens. The published one is an encoder with the English uncased vocabulary. */
export const distilbertFamily: Family<DistilbertSpec> = {
  name: 'distilbert',
  spec: DistilbertSpec,
  network: distilbert,
  presets: {
    'distilbert-base': {
      ...{ family: 'distilbert', vocabSize: 30_522, maxPositions: 512, dropout: 0.1, head: { kind: 'none' } },
      ...{ hiddenSize: 768, numLayers: 6, numHeads: 12, intermediateSize: 3072 },
    },
  },
  checkInput: checkEncoderInput,
  vocabSize: ({ vocabSize }) => vocabSize,
  maxPositions: ({ maxPositions }) => maxPositions,
  head: ({ head }) => head,
  published: {
    read: readDistilbert,
    labels: labelsBeside,
    write: writeDistilbert,
    folder: {
      ...{ modelType: 'distilbert', read: readDistilbertFolder, write: writeDistilbertFolder },
    },
  },
  onnx: (spec, weights) => encoderGraph(asEncoder(spec), weights),
  thinning: {
    narrow: narrowEncoder,
    withHead: (spec, facts) => ({ ...spec, head: taskHead(facts) }),
    recipe: 'adamw',
  },
  predict: (spec, tensors, source) => {
    const input = readTokens({ ...spec, typeVocabSize: 1 }, tensors, source);
    return (weights, options) => predictTokens(distilbert(spec), weights, input, options);
  },
};
