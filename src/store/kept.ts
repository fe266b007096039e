/**
 * Files that are made on the way to a result and that runs read. Each is named by what is in it, so that other ones in
 * the same folder take nothing from the runs that read the first.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { extname, join, relative } from 'node:path';
import { isFolder, withSlashes } from '../core/folder.js';
import { asFileError, makeFolder } from './atomic.js';
import { hashRegular } from './regular.js';

/** Names of what is kept, and of drafts that a process left when it was killed. */
const KEPT = /^[a-z]+-[0-9a-f]{12}(\.|$)|^\.making-/;

/** Whether a name is one of what is kept, or is being made. */
export function isKeptName(name: string): boolean {
  return KEPT.test(name);
}

/** The hash of a file, or of the files of a folder with their names. */
function contentOf(path: string): string {
  if (!isFolder(path)) return hashRegular(path, { links: true }).sha256;
  const files = readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map(({ parentPath, name }) => withSlashes(relative(path, join(parentPath, name))))
    .sort();
  const hash = createHash('sha256');
  for (const name of files) hash.update(`${hashRegular(join(path, name), { links: true }).sha256} ${name}\n`);
  return hash.digest('hex');
}

function holds(path: string, content: string): boolean {
  return existsSync(path) && contentOf(path) === content;
}

/**
 * Puts a file or folder that was made where it is kept, and returns its path there: its name with a part of the hash of
 * its content, or the name alone where earlier versions left the same under it, whose runs go on with that.
 */
function keepDraft(draft: string, folder: string, name: string): string {
  const content = contentOf(draft);
  const plain = join(folder, name);
  if (holds(plain, content)) return plain;
  const ending = extname(name);
  const path = join(folder, `${name.slice(0, name.length - ending.length)}-${content.slice(0, 12)}${ending}`);
  if (holds(path, content)) return path;
  // one that was changed since: its name says what was in it
  rmSync(path, { recursive: true, force: true });
  try {
    renameSync(draft, path);
  } catch (error) {
    // another process may have put the same there meanwhile
    if (!holds(path, content)) throw asFileError(error, path);
  }
  return path;
}

/** Makes a file or a folder by `make`, which gets the path to write to, and keeps it in a folder; returns its path. */
export function keepMade(folder: string, name: string, make: (path: string) => void): string {
  const drafts = draftFolder(folder);
  try {
    make(join(drafts, name));
    return keepDraft(join(drafts, name), folder, name);
  } finally {
    rmSync(drafts, { recursive: true, force: true });
  }
}

/** {@link keepMade} where making takes its time. */
export async function keepMadeLater(
  folder: string,
  name: string,
  make: (path: string) => Promise<void>,
): Promise<string> {
  const drafts = draftFolder(folder);
  try {
    await make(join(drafts, name));
    return keepDraft(join(drafts, name), folder, name);
  } finally {
    rmSync(drafts, { recursive: true, force: true });
  }
}

/** A new folder beside what is kept: nothing has to be copied then. */
function draftFolder(folder: string): string {
  makeFolder(folder, '--out');
  try {
    return mkdtempSync(join(folder, '.making-'));
  } catch (error) {
    throw asFileError(error, folder, '--out');
  }
}
