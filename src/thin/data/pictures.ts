/** Folders of pictures, one folder a class: in two or three splits, or in one folder that is split. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { UsageError } from '../../core/errors.js';
import { isFolder } from '../../core/folder.js';
import { isPictureName, statusOf } from '../../data/picture-files.js';
import { openImageFolder, type ImageFolder } from '../../data/imagefolder.js';
import type { DataForm, Found, FormOptions } from './form.js';
import { HELD_OUT, SPLIT_NAMES } from './splits.js';

/** Pictures beside the center that is cut out, as torchvision has it: 256 for 224. */
export const RESIZE = 8 / 7;

/** Unreadable pictures that are left out without being asked for. */
const CORRUPT = 16;

function foldersIn(path: string): string[] {
  return readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() || entry.isSymbolicLink())
    .map(({ name }) => name)
    .filter((name) => !name.startsWith('.') && statusOf(join(path, name)).isDirectory())
    .sort();
}

/** How far below a folder its pictures are: `train/<class>/*`. */
const PICTURE_DEPTH = 2;

/** Whether there is a picture in a folder, or in one that is at most so far below it. */
function holdsPictures(folder: string, depth: number): boolean {
  return readdirSync(folder).some((name) => {
    const path = join(folder, name);
    return isFolder(path) ? depth > 0 && holdsPictures(path, depth - 1) : isPictureName(name);
  });
}

/** The splits of a folder, in the words of a declaration; validation that has no folder is yet to be counted. */
function splitsOf(path: string): Pick<ImageFolder, 'test'> & { readonly validation: string | undefined } {
  const folders = foldersIn(path);
  if (!folders.includes('train')) return { test: HELD_OUT.test, validation: undefined };
  const named = (names: readonly string[]): string | undefined => names.find((name) => folders.includes(name));
  const [validation, test] = [named(SPLIT_NAMES.validation), named(SPLIT_NAMES.test)];
  if (test === undefined && validation === undefined) {
    const others = [...SPLIT_NAMES.test, ...SPLIT_NAMES.validation].map((name) => `${name}/`).join(', ');
    throw new UsageError(
      `${path}: train/ stands alone; expected ${others} beside it, or the folders of the classes alone, which are ` +
        'then split',
    );
  }
  // with two splits the second one is for test, whatever it is called: rates are never chosen on it
  return test === undefined ? { test: validation!, validation: undefined } : { test, validation };
}

function open(path: string, { side, rows, normalize, corrupt = CORRUPT }: FormOptions): Found {
  const { test, validation } = splitsOf(path);
  const base = { folder: path, size: side, resize: Math.round(side * RESIZE), corrupt, test: test! };
  const { train, classes } = openImageFolder({ ...base, validation: validation ?? 1 });
  const all = train.count + (validation === undefined ? 1 : 0);
  if (all < 4 * classes)
    throw new UsageError(
      `${path}: ${all} pictures for training and validation in ${classes} classes; expected at least ${4 * classes}`,
    );
  // fewer training pictures by more that are held out: of these only some are looked at
  const held = Math.min(all - classes, Math.max(classes, Math.round(all * HELD_OUT.validation), all - rows));
  const splits =
    typeof test === 'string'
      ? `train/ ${validation === undefined ? `without ${held} that are held out` : `and ${validation}/`} for ` +
        `choosing, ${test}/ for the test`
      : `${Math.round(100 * HELD_OUT.test)} % of each class for the test, ${held} of the others for choosing`;
  return {
    spec: { set: 'imagefolder', ...base, validation: validation ?? held, ...(normalize && { normalize }) },
    notes: [`pictures: ${classes} classes; ${splits}; cut to ${side} x ${side}`],
  };
}

/** Folders of pictures. */
export const pictures: DataForm = {
  name: 'pictures',
  looks: 'a folder of pictures, train/<class>/* and val/<class>/* or test/<class>/*, or <class>/*',
  reads: 'pictures',
  called: (path) => (isFolder(path) && holdsPictures(path, PICTURE_DEPTH) ? 'a folder of pictures' : undefined),
  heeds: ['rows', 'size', 'corrupt'],
  matches: (path, { vocabulary }) => vocabulary === undefined && isFolder(path) && foldersIn(path).length > 0,
  open,
};
