/**
 * Folders of pictures, one folder a class: names of the classes, files of each, and the splits. Folders within a class
 * and symbolic links are followed, in the order of torchvision's `ImageFolder`.
 */
import { existsSync, readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { listed, UsageError } from '../core/errors.js';
import { withSlashes } from '../core/folder.js';
import { permutation, rngKey } from '../core/rng.js';
import { byCodePoint } from '../core/text-order.js';
import type { Dataset } from './dataset.js';
import { EXTENSIONS, filesBelow, isPictureName, statusOf } from './picture-files.js';

/** A picture's file, and the number of its class. */
export interface Picture {
  readonly file: string;
  readonly label: number;
}

/** Where the splits of a folder are. */
export interface Splits {
  /** Training pictures that are set aside for validation; or the name of a folder with those of validation. */
  readonly validation?: number | string | undefined;
  /** The name of the folder of the test split, or the share of each class that is set aside for it. */
  readonly test?: string | number | undefined;
}

/** Names of the classes, and the pictures of training (validation still among them) and of test. */
export function splitsOf(
  folder: string,
  splits: Splits,
): {
  readonly classes: readonly string[];
  readonly train: readonly Picture[];
  readonly test: readonly Picture[];
} {
  const classes = imageClasses(folder, splits);
  const { test = testFolder(folder) } = splits;
  if (typeof test === 'string')
    return { classes, train: pictures(join(folder, 'train'), classes), test: pictures(join(folder, test), classes) };
  const held = new Set<Picture>();
  const byClass = classes.map((name, label) => picturesOf(folder, name, label));
  for (const [label, name] of classes.entries()) {
    const own = byClass[label]!;
    const count = heldForTest(own.length, test);
    if (count >= own.length)
      throw new UsageError(`${join(folder, name)}: ${own.length} picture; expected at least 2, one of them for test`);
    const order = permutation(rngKey(0, 'imagefolder', 'test', name), own.length);
    for (const index of order.subarray(0, count)) held.add(own[index]!);
  }
  const all = byClass.flat();
  return {
    classes,
    train: all.filter((picture) => !held.has(picture)),
    test: all.filter((picture) => held.has(picture)),
  };
}

/** How many of `own` pictures of a class a share for the test takes, one at least. */
function heldForTest(own: number, share: number): number {
  return Math.max(1, Math.round(share * own));
}

/** Training pictures, counted class by class until there are `enough`. Throws UsageError as {@link imageClasses}. */
export function trainCount(spec: Splits & { readonly folder: string }, enough: number): number {
  const { folder, validation, test = testFolder(folder) } = spec;
  const isDivided = typeof test === 'string';
  let count = typeof validation === 'number' ? -validation : 0;
  for (const [label, name] of imageClasses(folder, spec).entries()) {
    if (count >= enough) break;
    const own = picturesOf(isDivided ? join(folder, 'train') : folder, name, label).length;
    count += own - (isDivided ? 0 : heldForTest(own, test));
  }
  return count;
}

/** The folder of the test split: `val`, as ImageNet has it, or `test` where that alone is there. */
export function testFolder(folder: string): 'val' | 'test' {
  return !existsSync(join(folder, 'val')) && existsSync(join(folder, 'test')) ? 'test' : 'val';
}

/** Names of the classes, in order. Throws UsageError when the folders are not there, or differ in classes. */
export function imageClasses(folder: string, { validation, test = testFolder(folder) }: Splits = {}): string[] {
  if (typeof test === 'number') return classFolders(folder, folder);
  const classes = classFolders(join(folder, 'train'), folder, test);
  for (const other of [test, ...(typeof validation === 'string' ? [validation] : [])]) {
    const theirs = classFolders(join(folder, other), folder, test, 0);
    const alone = [
      { split: 'train', names: classes.filter((name) => !theirs.includes(name)) },
      { split: other, names: theirs.filter((name) => !classes.includes(name)) },
    ].filter(({ names }) => names.length > 0);
    if (alone.length > 0)
      throw new UsageError(
        `data.folder ${folder}: train and ${other} must have the same classes; ` +
          alone.map(({ split, names }) => `only ${split} has ${listed(names)}`).join(', '),
      );
  }
  return classes;
}

/** Pictures beside the folders of the classes, which have no label: they are left out, and named. */
export function looseIn(folder: string, { validation, test = testFolder(folder) }: Splits): Pick<Dataset, 'problems'> {
  const named = [test, validation].filter((name) => typeof name === 'string');
  const folders = typeof test === 'number' ? [folder] : ['train', ...named].map((name) => join(folder, name));
  const problems = [...new Set(folders)].flatMap((path) =>
    readdirSync(path)
      .filter((name) => isPictureName(name) && statusOf(join(path, name)).isFile())
      .sort(byCodePoint)
      .map((name) => ({ file: join(path, name), reason: 'in no folder of a class; left out' })),
  );
  return problems.length > 0 ? { problems } : {};
}

function classFolders(path: string, root: string, test = 'val', least = 2): string[] {
  if (!existsSync(path))
    throw new UsageError(
      `data.folder ${root}: ${path} not found; put pictures into ${root}/train/<class>/ and ${root}/${test}/<class>/` +
        (test === 'val' ? ' (or test/<class>/)' : ''),
    );
  // .git, .ipynb_checkpoints and the like are no classes
  const names = readdirSync(path)
    .filter((name) => !name.startsWith('.') && statusOf(join(path, name)).isDirectory())
    .sort(byCodePoint);
  const loose = names.length === 0 ? readdirSync(path).find(isPictureName) : undefined;
  if (loose !== undefined)
    throw new UsageError(
      `${path}: pictures such as ${loose} stand in it without a folder for each class; sort them into ` +
        `${path}/<class>/` +
        (loose.startsWith('ILSVRC2012_val') ? ' (ImageNet: LOC_val_solution.csv has the class of each)' : ''),
    );
  if (names.length < least)
    throw new UsageError(`${path}: expected a folder for each of at least ${least} classes, found ${names.length}`);
  return names;
}

/** The pictures of a folder with one folder for each of these classes, in their order. */
export function pictures(path: string, classes: readonly string[]): Picture[] {
  return classes.flatMap((name, label) => picturesOf(path, name, label));
}

/** The pictures of one class. Throws UsageError where it has none. */
function picturesOf(path: string, name: string, label: number): Picture[] {
  const files = filesBelow(join(path, name));
  if (files.length === 0)
    throw new UsageError(`${join(path, name)}: the class has no picture (${EXTENSIONS.join(', ')})`);
  return files.map((file) => ({ file, label }));
}

/** The files of both splits, relative to the folder that has them. Throws UsageError as {@link imageClasses}. */
export function pictureNames(folder: string, splits: Splits = {}): string[] {
  const { validation } = splits;
  const { classes, train, test } = splitsOf(folder, splits);
  const held = typeof validation === 'string' ? pictures(join(folder, validation), classes) : [];
  return [...train, ...held, ...test].map(({ file }) => withSlashes(relative(folder, file)));
}
