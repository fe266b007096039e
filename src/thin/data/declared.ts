/** Data that are declared: a JSON file with the `data` of a training spec. */
import { extname } from 'node:path';
import { existsSync } from 'node:fs';
import { parseSpec } from '../../core/spec.js';
import { DataSpec } from '../../data/index.js';
import { readDeclaration } from '../../store/config.js';
import type { DataForm } from './form.js';

/** A JSON file with a declaration of data. */
export const declared: DataForm = {
  name: 'declared',
  looks: 'a .json file with the "data" of a training spec',
  heeds: [],
  matches: (path) => extname(path) === '.json' && existsSync(path),
  open: (path) => {
    const notes: string[] = [];
    const spec = parseSpec(
      DataSpec,
      path,
      readDeclaration(path, (line) => notes.push(line)),
    );
    return { spec, notes };
  },
};
