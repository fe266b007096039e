/** Training runs of this program by their id: exported into a format of their family's, and read from there. */
import { rewording, UsageError } from '../../core/errors.js';
import { declaredLabels } from '../../data/index.js';
import { exportRun, labelsOf } from '../../method/run/export.js';
import { parseTrainSpec } from '../../method/run/check-spec.js';
import { familyOf } from '../../models/index.js';
import { isThere } from '../../store/regular.js';
import { findRun, isKnownRun, runsFolder } from '../../store/runs.js';
import { keepMadeLater } from '../../store/kept.js';
import { openHuggingFace } from './huggingface.js';
import { layers } from './layers.js';
import type { Source, SourceFormat } from './source.js';
import { torchvision } from './torchvision.js';

/** An id, or its first digits. */
const ID = /^[0-9a-f]{1,64}$/;

/** Runs by their id, or its beginning. */
export const run: SourceFormat = {
  name: 'run',
  looks: 'the id of a finished training run (see gowide runs list)',
  matches: (model, { runs }) => ID.test(model) && isKnownRun(runs, model),
  soughtIn: (model, { runs }) => {
    if (!ID.test(model)) return undefined;
    const folder = runsFolder(runs);
    return isThere(folder) ? `no run of that id in ${folder}` : `${folder}, where runs are looked for, is not there`;
  },
  open: async (model, options) => {
    const record = findRun(options.runs, model);
    const { network, data } = parseTrainSpec(record.cell.spec);
    const { published } = familyOf(network);
    if (published === undefined)
      throw new UsageError(
        `run ${record.id}: networks of the family "${network.family}" have no names in files, so that a thin one ` +
          'could not be written; use threeStage() of the library',
      );
    const isFolder = published.folder !== undefined || published.model !== undefined;
    const name = isFolder ? 'source' : 'source.safetensors';
    const open =
      published.folder !== undefined ? openHuggingFace : published.model !== undefined ? layers.open : torchvision.open;
    // of the file that is made of it nobody knows
    let made = '';
    const opened = async (): Promise<Source> => {
      const path = await keepMadeLater(options.work, name, async (draft) => exportRun(record, (made = draft)));
      return open((made = path), options);
    };
    const source = await rewording(
      (message) => (made === '' ? message : message.replaceAll(made, `run ${record.id}`)),
      opened,
    );
    return {
      ...source,
      labels: source.labels ?? labelsOf(record) ?? declaredLabels(data),
      format: `run ${record.id}, ${source.format}`,
      data,
    };
  },
};
