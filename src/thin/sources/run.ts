/** Training runs of this program by their id: exported into a format of their family's, and read from there. */
import { join } from 'node:path';
import { UsageError } from '../../core/errors.js';
import { declaredLabels } from '../../data/index.js';
import { exportRun, labelsOf } from '../../method/run/export.js';
import { parseTrainSpec } from '../../method/run/check-spec.js';
import { familyOf } from '../../models/index.js';
import { makeFolder } from '../../store/atomic.js';
import { findRun, listRuns } from '../../store/runs.js';
import { openHuggingFace } from './huggingface.js';
import { layers } from './layers.js';
import type { Source, SourceFormat } from './source.js';
import { torchvision } from './torchvision.js';

/** Runs by their id, or its beginning. */
export const run: SourceFormat = {
  name: 'run',
  looks: 'the id of a finished training run (see gowide runs list)',
  matches: (model, { runs }) =>
    /^[0-9a-f]{4,64}$/.test(model) && listRuns(runs).runs.some(({ id }) => id.startsWith(model)),
  open: async (model, options) => {
    const record = findRun(options.runs, model);
    const { network, data } = parseTrainSpec(record.cell.spec);
    const { published } = familyOf(network);
    if (published === undefined)
      throw new UsageError(
        `run ${record.id}: networks of the family "${network.family}" have no names in files, so that a thin one ` +
          'could not be written; use threeStage() of the library',
      );
    makeFolder(options.work);
    const isFolder = published.folder !== undefined || published.model !== undefined;
    const path = join(options.work, isFolder ? 'source' : 'source.safetensors');
    await exportRun(record, path);
    const open =
      published.folder !== undefined ? openHuggingFace : published.model !== undefined ? layers.open : undefined;
    const source: Source = await (open ?? torchvision.open)(path, options);
    return {
      ...source,
      labels: source.labels ?? labelsOf(record) ?? declaredLabels(data),
      format: `run ${record.id}, ${source.format}`,
      data,
    };
  },
};
