/** Training runs of this program by their id: exported into a published format, and read from there. */
import { join } from 'node:path';
import { UsageError } from '../../core/errors.js';
import { exportRun } from '../../method/export.js';
import { parseTrainSpec } from '../../method/check-spec.js';
import { familyOf } from '../../models/index.js';
import { makeFolder } from '../../store/atomic.js';
import { findRun, listRuns } from '../../store/runs.js';
import { openHuggingFace } from './huggingface.js';
import type { Source, SourceFormat } from './source.js';
import { torchvision } from './torchvision.js';

/** Runs by their id, or its beginning. */
export const run: SourceFormat = {
  looks: 'the id of a finished training run (see gowide runs list)',
  matches: (model, { runs }) =>
    /^[0-9a-f]{4,64}$/.test(model) && listRuns(runs).runs.some(({ id }) => id.startsWith(model)),
  open: async (model, options) => {
    const record = findRun(options.runs, model);
    const { network, data } = parseTrainSpec(record.cell.spec);
    const { published } = familyOf(network);
    if (published === undefined)
      throw new UsageError(
        `run ${record.id}: networks of the family "${network.family}" have no published names, so that a thin one ` +
          'could not be written; use threeStage() of the library',
      );
    makeFolder(options.work);
    const isFolder = published.folder !== undefined;
    const path = join(options.work, isFolder ? 'source' : 'source.safetensors');
    await exportRun(record, path);
    const source: Source = isFolder ? openHuggingFace(path) : await torchvision.open(path, options);
    return { ...source, format: `run ${record.id}, ${source.format}`, data };
  },
};
