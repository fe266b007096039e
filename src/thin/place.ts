/** Whether results may be written where they are to go: nothing of the user's is written over. */
import { accessSync, constants, existsSync, readdirSync } from 'node:fs';
import { dirname, join, resolve, sep } from 'node:path';
import { UsageError } from '../core/errors.js';
import { isFolder } from '../core/folder.js';
import { asFileError } from '../store/atomic.js';
import { objectIn } from '../store/config.js';
import { refuseInRuns } from '../store/output.js';
import { runsFolder } from '../store/runs.js';

/** What is written into the folder of a result, beside `work`, at the end. */
const WRITTEN = ['README.md', 'report.html', 'model', 'model.onnx', 'card.json'];

/** Whether a folder has a result, finished or begun: its card, or a run that made it. */
function hasResult(out: string): boolean {
  const runs = runsFolder(join(out, 'work'));
  if (cardOf(join(out, 'card.json')) !== undefined) return true;
  return isFolder(runs) && readdirSync(runs).some((name) => name.startsWith('thin.'));
}

/**
 * The figures of a result: of classes for both nets, of sentences their numbers of parameters; undefined where the file
 * has others.
 */
function cardOf(path: string): { readonly parameters: number | undefined } | undefined {
  const { thin, parameters } = (objectIn(path) ?? {}) as Card;
  const isOne = [thin, parameters].some((figures) => typeof figures === 'object');
  return isOne ? { parameters: parameters?.thin ?? thin?.parameters } : undefined;
}

/** What is read of `card.json`. */
interface Card {
  readonly thin?: { readonly parameters?: number };
  readonly parameters?: { readonly thin?: number };
}

/** What to say where an earlier result will be replaced; nothing where there is none. */
export function replacedResult(out: string): readonly string[] {
  const card = cardOf(join(out, 'card.json'));
  if (card === undefined) return [];
  const size = card.parameters === undefined ? '' : ` (${card.parameters.toLocaleString('en')} parameters)`;
  return [`replaces the network that was made in ${out} before${size}; its runs stay in ${join(out, 'work')}`];
}

/** Whether a path is a folder, or what is in it. */
function isWithin(path: string, folder: string): boolean {
  const [inner, outer] = [resolve(path), resolve(folder)];
  return inner === outer || inner.startsWith(outer.endsWith(sep) ? outer : outer + sep);
}

/** Whether a folder would be read as a part of some data: in one with named splits that is only the folder itself. */
function isPartOf(out: string, data: string): boolean {
  if (!isFolder(data) || !isWithin(out, data)) return false;
  return resolve(out) === resolve(data) || !readdirSync(data).some((name) => /^train\b/i.test(name));
}

/** Throws UsageError where a folder could not be made or written to. Makes none. */
function checkWritable(out: string): void {
  let there = resolve(out);
  while (!existsSync(there)) there = dirname(there);
  if (!isFolder(there))
    throw new UsageError(
      `${out}: ${resolve(out) === there ? 'it' : there} is a file; expected a folder; choose another one with --out`,
    );
  refuseInRuns(resolve(out));
  try {
    accessSync(there, constants.W_OK);
  } catch (error) {
    // it is asked for writing, and the system names the call
    throw asFileError(Object.assign(error as Error, { syscall: 'mkdir' }), out);
  }
}

/**
 * Throws UsageError where there can be no such folder, where the network would be written over, where the folder would
 * become a part of the data, and where it has files of something else that would be written over.
 */
export function checkPlace(out: string, model: string, data: string | undefined): void {
  const choose = 'choose another folder with --out';
  checkWritable(out);
  const isOver = resolve(model) === resolve(out) || ['model', 'work'].some((name) => isWithin(model, join(out, name)));
  if (existsSync(model) && isOver)
    throw new UsageError(`${out}: the network there (${model}) would be written over; ${choose}`);
  if (data !== undefined && isPartOf(out, data))
    throw new UsageError(
      `${out}: it is in the folder of the data (${data}), and would be read as a part of them; ${choose}`,
    );
  const other = WRITTEN.find((name) => existsSync(join(out, name)));
  if (other !== undefined && !hasResult(out))
    throw new UsageError(`${out}: it has files of something else (${other}), which would be written over; ${choose}`);
}
