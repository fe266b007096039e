/** Google's BERTs as TensorFlow saves them: a checkpoint with `bert_config.json` and `vocab.txt`, or a SavedModel. */
import { UsageError } from '../../core/errors.js';
import { findTensorflowBert } from '../../models/formats/bert-tensorflow.js';
import { openHuggingFace } from './huggingface.js';
import type { SourceFormat } from './source.js';

/** Checkpoints and SavedModels of BERTs; what is made of them is a Hugging Face folder. */
export const tensorflow: SourceFormat = {
  name: 'tensorflow',
  looks: 'a BERT as TensorFlow saves it (a checkpoint’s .index or its folder, or a SavedModel)',
  matches: (model) => findTensorflowBert(model) !== undefined,
  open: (model) => {
    const { index, vocabulary } = findTensorflowBert(model)!;
    if (vocabulary === undefined)
      throw new UsageError(`${model}: no vocab.txt beside it, nor in assets/; put the one of this network there`);
    const source = openHuggingFace(model);
    const notes = [...source.notes, 'the thin net is written as a Hugging Face folder'];
    return { ...source, format: `TensorFlow checkpoint ${index}`, vocabulary, notes };
  },
};
