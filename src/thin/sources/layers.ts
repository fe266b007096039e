/** LayersModel folders of tfjs, as `model.save` writes them. */
import { join } from 'node:path';
import { isLayersModel, openLayersModel } from '../../models/layers-file.js';
import { writeWeights } from '../../models/files.js';
import { writeAtomic } from '../../store/atomic.js';
import type { SourceFormat } from './source.js';

/** LayersModels; the thin net is one, too. */
export const layers: SourceFormat = {
  looks: 'a LayersModel of tfjs (a folder with model.json)',
  matches: isLayersModel,
  open: (model) => {
    const { spec, notes } = openLayersModel(model);
    return {
      format: 'LayersModel',
      network: spec,
      weights: model,
      notes,
      write: (folder, thin, weights, { labels }) => {
        writeWeights(folder, thin, weights);
        if (labels === undefined) return [folder];
        const names = join(folder, 'labels.json');
        writeAtomic(names, `${JSON.stringify(labels, null, 2)}\n`);
        return [folder, names];
      },
    };
  },
};
