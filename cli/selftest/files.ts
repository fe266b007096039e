/** Disks that are full or read-only, and files that are cut off or flipped by a bit. */
import {
  appendFileSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { verifyStore } from '../../src/store/merge.js';
import { folderOf } from '../../src/store/runs.js';
import { ADDONS } from './addons.js';
import { addUp, addUpTo, cellOf, hasWrongFigures, undisturbed } from './adder.js';
import {
  chances,
  equal,
  isOneLine,
  scaled,
  serial,
  sweepArgs,
  tablesOf,
  type Check,
  type Measured,
  type Place,
} from './check.js';
import { withoutFlushes } from './file-calls.js';
import { HOSTILE } from './hostile.js';
import { IO_ERRORS } from './io-errors.js';
import { POWER_LOSS } from './power-loss.js';

const SEEDS = 8;

/** A shell script with a file system of its own at $DISK, in a mount namespace that ends with it. */
function withDisk(
  { children }: Place,
  script: string,
  env: NodeJS.ProcessEnv,
): { status: number | null; stdout: string; stderr: string; missing: boolean } {
  const flags = process.getuid?.() === 0 ? ['-m'] : ['-r', '-m'];
  const given = { env: { ...process.env, ...env } };
  const probe = children.run('unshare', [...flags, 'sh', '-c', 'mount -t tmpfs tmpfs "$DISK"'], given);
  if (probe.status !== 0)
    return { status: null, stdout: '', stderr: probe.error?.message ?? probe.stderr.trim(), missing: true };
  const { status, stdout, stderr } = children.run('unshare', [...flags, 'sh', '-c', script], given);
  return { status, stdout, stderr, missing: false };
}

function disk(place: Place, script: string, expected: RegExp, failure: number): Measured {
  const undisturbed = serial(place, SEEDS);
  const [folder, out] = [join(place.folder, 'disk'), join(place.folder, 'kept')];
  [folder, out].forEach((path) => mkdirSync(path, { recursive: true }));
  const args = [process.execPath, place.program, ...sweepArgs(place.folder, join(folder, 'out'), SEEDS)]
    .map((word) => `'${word}'`)
    .join(' ');
  const { stdout, stderr, missing } = withDisk(place, script.replaceAll('COMMAND', args), {
    DISK: folder,
    KEPT: out,
    GOWIDE_SAVE_SECONDS: '0.05',
  });
  if (missing) return { pass: undefined, figure: `not run: no file system of its own can be made here (${stderr})` };
  const [first, second] = stdout
    .split('\n')
    .filter((line) => line.startsWith('status '))
    .map((line) => Number(line.slice(7)));
  const said = stderr.split('\n').find((line) => expected.test(line)) ?? '';
  const same = equal(out, undisturbed);
  return {
    pass: first === failure && second === 0 && said !== '' && isOneLine(stderr) && same,
    figure: `status ${first}, “${said.slice(0, 110)}”; with room again ${second}; tables ${same ? 'equal' : 'differ'}`,
  };
}

const FULL = `mount -t tmpfs -o size=96k tmpfs "$DISK"
COMMAND > /dev/null; echo "status $?"
mount -o remount,size=64m "$DISK"
COMMAND > /dev/null; echo "status $?"
cp -a "$DISK/out/runs" "$KEPT/"`;
const READ_ONLY = `mount -t tmpfs -o size=64m tmpfs "$DISK"
mkdir "$DISK/out"
mount -o remount,ro "$DISK"
COMMAND > /dev/null; echo "status $?"
mount -o remount,rw "$DISK"
COMMAND > /dev/null; echo "status $?"
cp -a "$DISK/out/runs" "$KEPT/"`;

const CELL = cellOf(40);

/** What another process, or a disk, may do to a file. */
type Damage = 'cut off' | 'flipped by a bit' | 'longer';

function damage(path: string, chance: () => number): Damage {
  const size = readFileSync(path).length;
  const kind = chance();
  if (kind < 0.3) {
    truncateSync(path, Math.floor(chance() * size));
    return 'cut off';
  }
  if (kind < 0.45) {
    appendFileSync(path, '{"step":'); // what a process leaves that is killed while it writes
    return 'longer';
  }
  const bytes = readFileSync(path);
  bytes[Math.floor(chance() * size)]! ^= 1 << Math.floor(8 * chance());
  writeFileSync(path, bytes);
  return 'flipped by a bit';
}

async function corrupted(place: Place): Promise<Measured> {
  const whole = join(place.folder, 'whole');
  const reference = await undisturbed(whole, CELL);
  const { hash } = reference;
  const half = join(place.folder, 'half');
  await addUpTo(half, CELL, 20);
  const chance = chances('files');
  const kinds = [
    ...readdirSync(folderOf(whole, CELL)).map((name) => ({ store: whole, name })),
    ...readdirSync(folderOf(half, CELL)).map((name) => ({ store: half, name })),
  ];
  const each = scaled(60, place);
  let [damages, unnoticed, wrong, different] = [0, 0, 0, 0];
  const out = join(place.folder, 'corrupt');
  /** A copy of the store with one file damaged: how, and its bytes before and after. */
  const spoilt = (store: string, name: string): [Damage, Buffer, Buffer] => {
    rmSync(out, { recursive: true, force: true });
    cpSync(store, out, { recursive: true });
    const path = join(folderOf(out, CELL), name);
    const before = readFileSync(path);
    const kind = damage(path, chance);
    damages++;
    return [kind, before, readFileSync(path)];
  };
  for (const { store, name } of kinds) {
    for (let k = 0; k < each; k++) {
      const [kind, before, after] = spoilt(store, name);
      // metrics beyond those of the saved state are what a killed process leaves: they are cut off, and logged again
      const tail = store === half && name === 'metrics.jsonl' && kind === 'longer';
      const isJson = name.endsWith('.json') || name === 'DONE';
      const harmless = tail || (isJson ? sameJson(before, after) : before.equals(after));
      const notices: string[] = [];
      if (hasWrongFigures(out, reference)) wrong++;
      const { damaged } = verifyStore(out, { repair: true });
      await withoutFlushes(() => addUp(out, CELL, { notice: (line) => notices.push(line) }));
      if (!harmless && damaged.length + notices.length === 0) unnoticed++;
      if (tablesOf(out).hash !== hash) different++;
    }
  }
  // without the repair first: the command itself finds what it uses
  for (const { store, name } of kinds) {
    if (store === whole && name === 'final.safetensors') continue; // read, and checked, by those that need it
    for (let k = 0; k < each; k++) {
      spoilt(store, name);
      await withoutFlushes(() => addUp(out, CELL));
      if (tablesOf(out).hash !== hash) different++;
    }
  }
  const pass = unnoticed === 0 && wrong === 0 && different === 0;
  return {
    pass,
    figure:
      `${damages} damages to ${kinds.length} kinds of files: ${unnoticed} unnoticed, ${wrong} wrong figures, ` +
      `${different} tables that differ after the cell was done again`,
  };
}

function sameJson(before: Buffer, after: Buffer): boolean {
  try {
    return JSON.stringify(JSON.parse(before.toString())) === JSON.stringify(JSON.parse(after.toString()));
  } catch {
    return false;
  }
}

/** The checks of disks that are full or cannot be written, and of damaged files. */
export const DISKS: readonly Check[] = [
  {
    id: 'disk-full',
    what: 'disk full in mid-sweep: named, and gone on with when there is room',
    run: async (place) => disk(place, FULL, /no space left on the disk while writing/, 1),
  },
  {
    id: 'read-only',
    what: 'read-only disk: named',
    run: async (place) => disk(place, READ_ONLY, /permission denied or read-only/, 2),
  },
  { id: 'damage', what: 'every kind of file cut off, made longer, or flipped by a bit', run: corrupted },
  IO_ERRORS,
  POWER_LOSS,
  HOSTILE,
  ADDONS,
];
