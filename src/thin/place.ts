/** Whether results may be written where they are to go: nothing of the user's is written over. */
import { accessSync, constants, existsSync, readdirSync } from 'node:fs';
import { dirname, join, resolve, sep } from 'node:path';
import { UsageError } from '../core/errors.js';
import { isFolder } from '../core/folder.js';
import { dataFiles, type DataSpec } from '../data/index.js';
import { asFileError } from '../store/atomic.js';
import { objectIn } from '../store/config.js';
import { isKeptName } from '../store/kept.js';
import { waitForLock, type Owner } from '../store/lock.js';
import { asReal, refuseInRuns } from '../store/output.js';
import { runsFolder } from '../store/runs.js';
import { vocabularyFiles } from '../text/vocabulary.js';
import { SPLIT_NAMES } from './data/splits.js';
import type { WorkOptions } from './work.js';

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

/**
 * Calls `write` while no other process writes a result there, so that the files of two calls are not mixed, and returns
 * what it returns. Throws InterruptedError when the signal fires while another process is waited for.
 */
export async function whileAlone<T>(
  { work }: { readonly work: string },
  { onNotice, signal }: Pick<WorkOptions, 'onNotice' | 'signal'>,
  write: () => T | Promise<T>,
): Promise<T> {
  let told = false;
  const onWait = ({ pid, host }: Owner): void => {
    if (told || pid === 0) return; // its owner has not written its name yet
    onNotice?.(`${work}: process ${pid} on ${host} writes its result; this one is written after it`);
    told = true;
  };
  const lock = await waitForLock(join(work, 'result.lock'), { onWait, signal });
  try {
    return await write();
  } finally {
    lock.release();
  }
}

/** Whether a path is a folder, or what is in it, by whatever links they are named. */
function isWithin(path: string, folder: string): boolean {
  const [inner, outer] = [asReal(path), asReal(folder)];
  return inner === outer || inner.startsWith(outer.endsWith(sep) ? outer : outer + sep);
}

/** What data with named splits have in their folder: a folder, a table, questions. A .txt file is a text as any. */
const TRAIN = /^train\b(?!.*\.txt$)/i;
/** Names of the folders of splits. */
const SPLITS: readonly string[] = Object.values(SPLIT_NAMES).flat();

/**
 * Whether a folder would be read as a part of some data. In those with named splits that is the folder itself, and what
 * is in the folder of a split.
 */
function isPartOf(out: string, data: string): boolean {
  if (!isFolder(data)) return false;
  const names = readdirSync(data);
  if (!names.some((name) => TRAIN.test(name))) return isReadIn(out, data);
  const splits = names.filter((name) => SPLITS.includes(name.toLowerCase())).map((name) => join(data, name));
  return asReal(out) === asReal(data) || splits.some((split) => isFolder(split) && isReadIn(out, split));
}

/** Whether a folder is in another one, or in one that a link there leads to. */
function isReadIn(out: string, folder: string): boolean {
  if (isWithin(out, folder)) return true;
  const links = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isSymbolicLink());
  return links.some(({ name }) => isFolder(join(folder, name)) && isWithin(out, join(folder, name)));
}

/** What to do instead. */
const CHOOSE = 'choose another folder with --out';

/** Whether something of the user's is in a folder or file of the result, which would be written over. */
function isInResult(path: string, out: string): boolean {
  return existsSync(path) && ['work', ...WRITTEN].some((name) => isWithin(path, join(out, name)));
}

/** Throws UsageError where some data would be written over. */
function checkNotOver(out: string, data: string): void {
  if (isInResult(data, out)) throw new UsageError(`${out}: the data there (${data}) would be written over; ${CHOOSE}`);
}

/** Throws UsageError where some data would have the folder in them. */
function checkNotPart(out: string, data: string): void {
  if (isPartOf(out, data))
    throw new UsageError(
      `${out}: it is in the folder of the data (${data}), and would be read as a part of them; ${CHOOSE}`,
    );
}

/** Throws UsageError where files of declared data would be written over, or would have the folder among them. */
export function checkDataPlace(out: string, spec: DataSpec): void {
  const { vocabulary } = spec as { readonly vocabulary?: unknown };
  const words = typeof vocabulary === 'string' ? vocabularyFiles(vocabulary).map((one) => JSON.stringify(one)) : [];
  for (const one of dataFiles(spec)) {
    // what is kept in the work by its content is written over by nothing
    if (!isWithin(one.path, join(out, 'work'))) checkNotOver(out, one.path);
    // of the folder of a network only the files of its tokenizer are read
    if (!words.includes(JSON.stringify(one))) checkNotPart(out, one.path);
  }
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
 * become a part of the data or write over them, and where it has files of something else.
 */
export function checkPlace(out: string, model: string, data: string | undefined): void {
  checkWritable(out);
  if (existsSync(model) && (asReal(model) === asReal(out) || isInResult(model, out)))
    throw new UsageError(`${out}: the network there (${model}) would be written over; ${CHOOSE}`);
  if (data !== undefined) {
    checkNotOver(out, data);
    checkNotPart(out, data);
  }
  if (hasResult(out)) return;
  const other = WRITTEN.find((name) => existsSync(join(out, name)));
  if (other !== undefined)
    throw new UsageError(`${out}: it has files of something else (${other}), which would be written over; ${CHOOSE}`);
  const work = join(out, 'work');
  const foreign = isFolder(work) ? readdirSync(work).find((name) => !isKeptName(name) && name !== 'runs') : undefined;
  if (foreign !== undefined)
    throw new UsageError(`${out}: it has files of something else (${join('work', foreign)}); ${CHOOSE}`);
}
