/** The page of tables that come with the program: drawn once and kept, as drawing takes a processor some seconds. */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../src/core/package.js';
import { makeFolder, writeAtomic } from '../../src/store/atomic.js';
import { sha256 } from '../../src/store/seal.js';
import { cacheFolder } from '../../src/toolchain/cache.js';

/** The folders of the program that runs, in its sources or in what was built of them. */
const CODE = ['cli', 'experiments', 'reports', 'src', 'theory'].map((name) =>
  join(import.meta.dirname, '..', '..', name),
);

/** Options of Node by which a program of the user's own is loaded before a command. */
const PRELOAD = /^(?:--import|--require|-r|--loader|--experimental-loader)(?:=|$)/;

/** Whether another program may have registered claims, figures or sections, with which the page is another. */
function isExtended(): boolean {
  return [...process.execArgv, ...(process.env.NODE_OPTIONS ?? '').split(/\s+/)].some((word) => PRELOAD.test(word));
}

/** Files below a folder, in one order on every system. */
function filesBelow(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .sort(({ name: a }, { name: b }) => (a < b ? -1 : 1))
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      return entry.isDirectory() ? filesBelow(path) : entry.isFile() ? [path] : [];
    });
}

/** The hash of all that the page depends on: the program with the versions of what it draws with, and the tables. */
function keyOf(tables: string): string {
  const hash = createHash('sha256').update(readFileSync(join(packageRoot(), 'package.json')));
  for (const folder of [...CODE, tables].filter((path) => existsSync(path)))
    for (const file of filesBelow(folder)) hash.update(`${file.slice(folder.length)} ${sha256(readFileSync(file))}\n`);
  return hash.digest('hex').slice(0, 24);
}

/** A place in the cache for the page of some tables. */
export interface DrawnPage {
  /** The page that this very program drew of these very tables; undefined where there is none, or no whole one. */
  readonly read: () => string | undefined;
  /** Keeps it for the next time, in place of an earlier one. Where nothing can be written, it is drawn again. */
  readonly keep: (page: string) => void;
}

/** The cache's folder of pages; undefined where there is no cache, without which a page can be drawn all the same. */
function pagesFolder(): string | undefined {
  try {
    return join(cacheFolder(), 'page');
  } catch {
    return undefined;
  }
}

/**
 * Where the page of a folder of tables is kept; undefined where it cannot be, and where a program of the user's own may
 * have a part in it.
 */
export function drawnPage(tables: string): DrawnPage | undefined {
  const folder = pagesFolder();
  if (folder === undefined || isExtended()) return undefined;
  const name = keyOf(tables);
  return {
    read: () => {
      try {
        const [seal, ...page] = readFileSync(join(folder, name), 'utf8').split('\n');
        return sha256(page.join('\n')) === seal ? page.join('\n') : undefined;
      } catch {
        return undefined;
      }
    },
    keep: (page) => {
      try {
        makeFolder(folder);
        for (const other of readdirSync(folder)) if (other !== name) rmSync(join(folder, other), { force: true });
        writeAtomic(join(folder, name), `${sha256(page)}\n${page}`);
      } catch {
        // a cache that cannot be written to costs time, and nothing else
      }
    },
  };
}
