/** Folders of Hugging Face's: `config.json`, safetensors in one file or several, and a tokenizer. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { UsageError } from '../../core/errors.js';
import { isModelFolder, pictureFile, taskNetworks } from '../../models/folders.js';
import { weightLabels } from '../../models/read.js';
import { writeWeights } from '../../models/write.js';
import { folderConfig, otherProblem } from '../../models/formats/huggingface-folder.js';
import { networkOf } from '../../models/index.js';
import { isSentenceFolder, MODULES } from './sentences.js';
import type { Source, SourceFormat } from './source.js';

/** What of a folder is left out, a line each. */
function notesOn(folder: string): string[] {
  const problem = otherProblem(folderConfig(folder), 0);
  return [
    ...(isSentenceFolder(folder)
      ? [
          `${folder}: made for embeddings of sentences (${MODULES}), which are imitated on texts without labels; ` +
            'on these data the thin net is one for their task',
        ]
      : []),
    ...(problem === undefined ? [] : [`${folder}: its head is for another problem (${problem}), and is left out`]),
  ];
}

/** A network of a folder with its head, its class names and its tokenizer. Throws UsageError with what does not fit. */
export function openHuggingFace(folder: string): Source {
  const { spec: network, encoder, notes = [] } = taskNetworks(folder);
  const { shapes } = networkOf(network);
  const isInTask = Object.keys(networkOf(encoder).shapes).every((path) => shapes[path] !== undefined);
  return {
    format: 'Hugging Face folder',
    network,
    ...(!isInTask && { encoder }),
    weights: folder,
    labels: weightLabels(folder, network),
    vocabulary: folder,
    notes: [...notesOn(folder), ...notes],
    write: (to, thin, weights, { labels, tokenizer }) => {
      if (tokenizer === undefined) throw new UsageError(`${to}: no tokenizer to write beside the network`);
      writeWeights(to, thin, weights, { tokenizer, labels, from: folder });
      return [to];
    },
  };
}

/** Folders of Hugging Face's. */
export const huggingFace: SourceFormat = {
  name: 'huggingface',
  looks: 'a Hugging Face folder (config.json and safetensors)',
  matches: (model) =>
    isModelFolder(model) && existsSync(join(model, 'config.json')) && pictureFile(model) === undefined,
  open: openHuggingFace,
};
