/** LayersModel folders of tfjs, as `model.save` writes them. */
import { dirname } from 'node:path';
import { isFolder } from '../../core/folder.js';
import { isLayersModel, openLayersModel } from '../../models/families/layers/file.js';
import { allLabels, writeWeights } from '../../models/write.js';
import { pictureFacts } from '../../models/formats/picture-facts.js';
import { dropBeside, readLabels, writeBeside } from '../../method/run/export.js';
import type { SourceFormat } from './source.js';

/** LayersModels; the thin net is one, too. */
export const layers: SourceFormat = {
  name: 'layers',
  looks: 'a LayersModel of tfjs (a folder with model.json)',
  matches: isLayersModel,
  open: (model) => {
    const { spec, notes } = openLayersModel(model);
    return {
      format: 'LayersModel',
      network: spec,
      weights: model,
      labels: readLabels(isFolder(model) ? model : dirname(model), spec),
      normalize: pictureFacts(model).normalize,
      notes,
      write: (folder, thin, weights, { labels, normalize }) => {
        dropBeside(folder);
        writeWeights(folder, thin, weights);
        return [folder, ...writeBeside(folder, { labels: allLabels(thin, labels), normalize })];
      },
    };
  },
};
