/**
 * Simulated power loss. While a run works, its folders and files are looked at after every call that changes them.
 * At each of these moments the power may go: of a file or a folder that was flushed (fsync) only what it held then is
 * sure to be there, of all else any later form, or a file of its later length with zeros where nothing had arrived.
 * Whatever is found, the run must come to the same end; what the store had promised to keep must be kept.
 *
 * Each folder and file is on its own: nothing is assumed of the order in which a file system writes two of them, as
 * SQLite's crash tests and ALICE (Pillai et al., OSDI 2014) do it.
 */
import {
  closeSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '../../src/core/errors.js';
import { addUp, cellOf, hasWrongFigures, undisturbed, type Reference } from './adder.js';
import { chances, firstOf, scaled, tablesOf, type Check, type Measured, type Place } from './check.js';
import { isBelow, isFlush, listenToFiles, STORE_CALLS, withoutFlushes, writes } from './file-calls.js';

const STEPS = 4;

/** What a folder lists: names and numbers of files and folders. */
type Entries = ReadonlyMap<string, number>;

/** Forms of a folder or file: the first is on the disk for sure, the last is what processes see. */
interface Node<T> {
  readonly forms: readonly T[];
}

/** A moment at which the power may go. */
interface Moment {
  readonly root: number;
  readonly folders: ReadonlyMap<number, Node<Entries>>;
  readonly files: ReadonlyMap<number, Node<Buffer>>;
  /** What the store had promised to keep: the step of its last saved state, Infinity for the finished run. */
  readonly promised: number;
}

const sameEntries = (a: Entries, b: Entries): boolean =>
  a.size === b.size && [...a].every(([name, id]) => b.get(name) === id);

/** Keeps every form that is not sure to have been replaced. */
class Disk {
  readonly moments: Moment[] = [];
  promised = -1;
  private folders = new Map<number, Node<Entries>>();
  private files = new Map<number, Node<Buffer>>();
  /** Every file stays open, so that no number is given twice. */
  private readonly held = new Map<number, number>();

  constructor(private readonly root: string) {}

  /** Looks at everything; `flushed` is the number of what was just written to the disk. */
  look(flushed?: number): void {
    const root = this.lookAt(this.root);
    if (flushed !== undefined) {
      const [folder, file] = [this.folders.get(flushed), this.files.get(flushed)];
      if (folder !== undefined) this.folders.set(flushed, { forms: folder.forms.slice(-1) });
      if (file !== undefined) this.files.set(flushed, { forms: file.forms.slice(-1) });
    }
    const [folders, files] = [new Map(this.folders), new Map(this.files)];
    this.moments.push({ root, folders, files, promised: this.promised });
  }

  private lookAt(path: string): number {
    const { ino } = statSync(path);
    this.hold(ino, path);
    const entries = new Map<string, number>();
    for (const entry of readdirSync(path, { withFileTypes: true })) {
      const below = join(path, entry.name);
      if (entry.name.startsWith('lock')) continue; // names this process, which would be gone
      entries.set(entry.name, entry.isDirectory() ? this.lookAt(below) : this.lookAtFile(below));
    }
    const forms = this.folders.get(ino)?.forms ?? [new Map<string, number>()];
    if (!sameEntries(forms.at(-1)!, entries)) this.folders.set(ino, { forms: [...forms, entries] });
    else if (!this.folders.has(ino)) this.folders.set(ino, { forms });
    return ino;
  }

  private lookAtFile(path: string): number {
    const { ino } = statSync(path);
    this.hold(ino, path);
    const bytes = readFileSync(path);
    const forms = this.files.get(ino)?.forms ?? [Buffer.alloc(0)];
    if (!forms.at(-1)!.equals(bytes)) this.files.set(ino, { forms: [...forms, bytes] });
    else if (!this.files.has(ino)) this.files.set(ino, { forms });
    return ino;
  }

  private hold(ino: number, path: string): void {
    if (!this.held.has(ino)) this.held.set(ino, openSync(path, 'r'));
  }

  close(): void {
    this.held.forEach((file) => closeSync(file));
  }
}

/** Which of the possible forms are found after the power is back. */
type Choice = <T>(forms: readonly T[]) => T;

/** Writes what is found to `target`. */
function restore(moment: Moment, target: string, choose: Choice, torn: () => boolean): void {
  const fill = (id: number, path: string): void => {
    mkdirSync(path);
    for (const [name, below] of choose(moment.folders.get(id)!.forms)) {
      const file = moment.files.get(below);
      if (file === undefined) fill(below, join(path, name));
      else writeFileSync(join(path, name), contentOf(file.forms, choose, torn));
    }
  };
  fill(moment.root, target);
}

/** A form of the file, or one of its last length with zeros after what is sure to be there. */
function contentOf(forms: readonly Buffer[], choose: Choice, torn: () => boolean): Buffer {
  const [sure, last] = [forms[0]!, forms.at(-1)!];
  if (forms.length === 1 || !torn()) return choose(forms);
  return Buffer.concat([
    last.subarray(0, Math.min(sure.length, last.length)),
    Buffer.alloc(Math.max(0, last.length - sure.length)),
  ]);
}

/** What is wrong with what is found; undefined when nothing is. */
async function wrongIn(out: string, { promised }: Moment, reference: Reference): Promise<string | undefined> {
  if (hasWrongFigures(out, reference)) return 'wrong figures';
  let from = Infinity;
  try {
    await withoutFlushes(() => addUp(out, reference.cell, { onBegin: (step) => (from = step) }));
  } catch (error) {
    return `the run cannot be gone on with: ${messageOf(error).slice(0, 200)}`;
  }
  if (tablesOf(out).hash !== reference.hash) return 'other tables';
  if (from >= Math.max(promised, 0)) return undefined;
  return promised === Infinity
    ? 'a finished run was lost'
    : `a state saved at step ${promised} was lost, begun at ${from}`;
}

async function losePower(place: Place): Promise<Measured> {
  if (process.platform === 'win32') return { pass: undefined, figure: 'not run: folders cannot be flushed on Windows' };
  const reference = await undisturbed(join(place.folder, 'whole'), cellOf(STEPS));
  const out = join(place.folder, 'powered');
  mkdirSync(out);
  const disk = new Disk(out);
  const stop = listenToFiles(STORE_CALLS, {
    omits: isFlush,
    after: (call) => {
      if (!call.paths.some((path) => isBelow(out, path))) return;
      if (call.name === 'fsyncSync') disk.look(fstatSync(call.args[0] as number).ino);
      else if (writes(call)) disk.look();
    },
  });
  try {
    await addUp(out, reference.cell, { onSaved: (step) => (disk.promised = step) });
  } finally {
    stop();
  }
  disk.promised = Infinity;
  disk.look();
  disk.close();
  const chance = chances('power');
  const draws = scaled(20, place);
  const least: Choice = (forms) => forms[0]!;
  const any: Choice = (forms) => forms[Math.floor(chance() * forms.length)]!;
  const wrong: string[] = [];
  let states = 0;
  const found = join(place.folder, 'found');
  for (const [k, moment] of disk.moments.entries()) {
    for (let draw = 0; draw <= draws; draw++) {
      rmSync(found, { recursive: true, force: true });
      restore(moment, found, draw === 0 ? least : any, () => draw > 0 && chance() < 0.3);
      states++;
      const what = await wrongIn(found, moment, reference);
      if (what !== undefined) wrong.push(`after change ${k + 1}: ${what}`);
    }
  }
  return {
    pass: wrong.length === 0 && disk.moments.length > 10 * STEPS,
    figure:
      `power lost after each of ${disk.moments.length} changes, ${states} states of the disk: ${wrong.length} not ` +
      `borne${firstOf(wrong)}`,
  };
}

/** The check of a power cut after each change that a run makes to its store. */
export const POWER_LOSS: Check = {
  id: 'power-loss',
  what: 'power lost at any moment: writes after the last flush dropped or torn, what was saved is kept',
  run: losePower,
};
