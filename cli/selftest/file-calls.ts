/** The calls of node:fs that a piece of work makes: heard of, and made to fail, without touching the work itself. */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { relative, resolve, sep } from 'node:path';

/** Calls that read or write files of a run. */
export const STORE_CALLS = [
  ...['openSync', 'readSync', 'writeSync', 'fsyncSync', 'ftruncateSync', 'readFileSync', 'writeFileSync'],
  ...['renameSync', 'rmSync', 'unlinkSync', 'linkSync', 'mkdirSync', 'copyFileSync', 'readdirSync'],
  ...['statSync', 'lstatSync', 'fstatSync', 'utimesSync', 'futimesSync', 'truncateSync', 'appendFileSync'],
] as const;

/** Calls that may change what is on the disk. */
export const WRITING_CALLS: readonly string[] = [
  ...['openSync', 'writeSync', 'ftruncateSync', 'writeFileSync', 'appendFileSync', 'truncateSync', 'copyFileSync'],
  ...[
    'renameSync',
    'rmSync',
    'rmdirSync',
    'unlinkSync',
    'linkSync',
    'symlinkSync',
    'mkdirSync',
    'mkdtempSync',
    'cpSync',
  ],
  ...['chmodSync', 'chownSync', 'utimesSync', 'open', 'write', 'writeFile', 'appendFile', 'truncate', 'copyFile'],
  ...['rename', 'rm', 'rmdir', 'unlink', 'link', 'symlink', 'mkdir', 'mkdtemp', 'cp', 'createWriteStream'],
];

/** One call: the function's name, and what it was given. */
export interface FileCall {
  readonly name: string;
  readonly args: readonly unknown[];
  /** The files that it names, by its paths or by a descriptor that was opened here. */
  readonly paths: readonly string[];
}

/** What hears of the calls that the program makes to the file system, and may fail them or leave them out. */
export interface Listener {
  /** Hears of a call before it is made; what it throws, the caller gets instead. */
  readonly before?: (call: FileCall) => void;
  /** Calls that are not made, as if they had worked: flushes of a disk that is only simulated. */
  readonly omits?: (call: FileCall) => boolean;
  /** Hears of a call that was made. */
  readonly after?: (call: FileCall) => void;
}

type Functions = Record<string, (...args: unknown[]) => unknown>;

/** Calls `listener` for the named functions of node:fs until the function that is returned is called. */
export function listenToFiles(names: readonly string[], { before, omits, after }: Listener): () => void {
  const functions = fs as unknown as Functions;
  const originals = names.map((name) => [name, functions[name]!] as const);
  const opened = new Map<number, string>();
  let deaf = false;
  const undisturbed = (act: () => void): void => {
    deaf = true;
    try {
      act();
    } finally {
      deaf = false;
    }
  };
  for (const [name, original] of originals)
    functions[name] = function (this: unknown, ...args: unknown[]): unknown {
      if (deaf) return original.apply(this, args);
      const call = { name, args, paths: pathsOf(name, args, opened) };
      if (before) undisturbed(() => before(call));
      const value = omits?.(call) ? undefined : original.apply(this, args);
      if (name === 'openSync') opened.set(value as number, call.paths[0]!);
      if (after) undisturbed(() => after(call));
      return value;
    };
  syncBuiltinESMExports();
  return () => {
    for (const [name, original] of originals) functions[name] = original;
    syncBuiltinESMExports();
  };
}

/** Functions whose second argument is a path, too. */
const TWO_PATHS = /^(?:rename|link|symlink|copyFile|cp)(?:Sync)?$/;

function pathsOf(name: string, [first, second]: readonly unknown[], opened: ReadonlyMap<number, string>): string[] {
  if (typeof first === 'number') return [opened.get(first) ?? `descriptor ${first}`];
  return (TWO_PATHS.test(name) ? [first, second] : [first]).map((path) => resolve(String(path)));
}

/** Whether a path is in a folder, or is that folder. */
export function isBelow(folder: string, path: string): boolean {
  const way = relative(folder, path);
  return way !== '..' && !way.startsWith(`..${sep}`) && resolve(folder, way) === path;
}

const { O_WRONLY, O_RDWR, O_CREAT, O_TRUNC, O_APPEND } = fs.constants;

/** Whether a call can change a file: one that opens it to be read cannot. */
export function writes({ name, args }: FileCall): boolean {
  if (name !== 'openSync' && name !== 'open') return WRITING_CALLS.includes(name);
  const flags = args[1];
  if (typeof flags === 'number') return (flags & (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | O_APPEND)) !== 0;
  return typeof flags === 'string' && flags !== 'r' && flags !== 'rs';
}

/** Whether a call waits for the disk to have written; a check that only simulates the loss of power need not. */
export const isFlush = ({ name }: FileCall): boolean => name === 'fsyncSync';

/** Does something on files that need not outlive this process: several times as fast on a disk that is at work. */
export async function withoutFlushes<T>(act: () => Promise<T>): Promise<T> {
  const restore = listenToFiles(['fsyncSync'], { omits: () => true });
  try {
    return await act();
  } finally {
    restore();
  }
}
