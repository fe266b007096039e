/**
 * The folder of a site. A list of its files stands in it: what the list does not name is somebody's own, and no site is
 * written there. Each file is replaced as a whole, and a page only after what it needs, so that a site that was stopped
 * half way can be read, and the same command goes on.
 */
import { readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { UsageError } from '../../src/core/errors.js';
import { withSlashes } from '../../src/core/folder.js';
import { makeFolder, writeAtomic } from '../../src/store/atomic.js';
import { isThere } from '../../src/store/regular.js';
import type { SiteFiles } from './site.js';

/** The list of a site's files. */
const LIST = 'site.json';

/** What a write that was stopped leaves beside a file. */
const TEMPORARY = /\.tmp-\d+-[0-9a-f]{12}$/;

/** More foreign files than this are counted. */
const NAMED = 3;

/** Paths of all files below a folder, with `/` between folders. */
function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => withSlashes(relative(folder, join(entry.parentPath, entry.name))))
    .sort();
}

/** The files that an earlier site in the folder had; none where there was none. */
function listed(folder: string): string[] {
  const path = join(folder, LIST);
  if (!isThere(path)) return [];
  try {
    const { files } = JSON.parse(readFileSync(path, 'utf8')) as { files: unknown };
    if (Array.isArray(files) && files.every((file) => typeof file === 'string')) return files;
  } catch {
    // said below
  }
  throw new UsageError(`${path}: expected the list of a site’s files; name another folder, or remove this one`);
}

/** Throws UsageError where the folder has files that are not of a site. */
function refuseForeign(folder: string, there: readonly string[], known: ReadonlySet<string>): void {
  const foreign = there.filter((file) => !known.has(file.replace(TEMPORARY, '')));
  if (foreign.length === 0) return;
  const more = foreign.length > NAMED ? ` and ${foreign.length - NAMED} more` : '';
  throw new UsageError(
    `${folder}: holds files that are not of a site (${foreign.slice(0, NAMED).join(', ')}${more}); name an empty ` +
      'folder, or one with an earlier site',
  );
}

/** Writes a file, unless it has that content already. */
function put(path: string, content: string | Buffer): void {
  if (isThere(path) && readFileSync(path).equals(Buffer.from(content))) return;
  writeAtomic(path, [content]);
}

function writeList(folder: string, files: readonly string[]): void {
  const list = { what: 'Files of a site that gowide report --site wrote; it replaces these alone.', files };
  put(join(folder, LIST), `${JSON.stringify(list, null, 1)}\n`);
}

/** The folder of a site, made where it is missing. Throws UsageError where it is not a site's, or cannot be written. */
export function siteFolder(folder: string): string {
  makeFolder(folder);
  refuseForeign(folder, filesBelow(folder), new Set([...listed(folder), LIST]));
  return folder;
}

/** Writes a site into its folder, and removes what an earlier one had more. Throws UsageError as {@link siteFolder}. */
export function writeSite(folder: string, files: SiteFiles): string[] {
  siteFolder(folder);
  const [before, names] = [listed(folder), Object.keys(files)];
  writeList(folder, [...new Set([...before, ...names])].sort());
  for (const [name, content] of Object.entries(files)) {
    const path = join(folder, name);
    makeFolder(dirname(path));
    put(path, content);
  }
  const kept = new Set([...names, LIST]);
  const gone = filesBelow(folder).filter((file) => !kept.has(file));
  for (const file of gone) rmSync(join(folder, file));
  for (const below of new Set(gone.map(dirname)))
    if (below !== '.' && readdirSync(join(folder, below)).length === 0) rmdirSync(join(folder, below));
  writeList(folder, [...names].sort());
  return [...names, LIST].map((name) => join(folder, name));
}
