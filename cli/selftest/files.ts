/** Disks that are full or read-only, and files that are cut off or flipped by a bit. */
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { InterruptedError } from '../../src/core/errors.js';
import type { Cell, Executor } from '../../src/core/run.js';
import { verifyStore } from '../../src/store/merge.js';
import { environment } from '../../src/store/environment.js';
import { executeRun } from '../../src/store/execute.js';
import { folderOf, listRuns, readArrays, readMetrics } from '../../src/store/runs.js';
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

const CELL: Cell = { experiment: 'selftest', arm: 'sum', scale: 'custom', kind: 'sum', spec: { steps: 40 }, seed: 1 };

/** Adds up random-looking numbers, saves before each step, and stops where it is told to. */
const adder =
  (stop?: { readonly at: number; readonly controller: AbortController }): Executor =>
  async (context) => {
    let step = Number(context.resumed?.position ?? 0);
    const sums =
      context.resumed === undefined ? new Float64Array(50) : Float64Array.from(context.resumed.arrays.sums!.values);
    for (; step < 40; step++) {
      if (stop?.at === step) stop.controller.abort();
      context.save({ arrays: { sums: { shape: [50], values: sums } }, position: String(step) });
      for (let i = 0; i < 50; i++) sums[i]! += Math.sin(step * 50 + i);
      context.log({ step, sum: sums[0]! });
    }
    return { result: { sum: sums[0]! }, arrays: { sums: { shape: [50], values: sums } } };
  };

async function run(out: string, notice: (line: string) => void, stopAt?: number): Promise<void> {
  const controller = new AbortController();
  const executors = { sum: adder(stopAt === undefined ? undefined : { at: stopAt, controller }) };
  const options = {
    out,
    environment: environment(null, 'selftest'),
    executors,
    signal: controller.signal,
    progress: () => {},
    notice,
  };
  await executeRun(CELL, options).catch((error: unknown) => {
    if (!(error instanceof InterruptedError)) throw error;
  });
}

function damage(path: string, chance: () => number): string {
  const size = readFileSync(path).length;
  if (chance() < 0.3) {
    truncateSync(path, Math.floor(chance() * size));
    return 'cut off';
  }
  const bytes = readFileSync(path);
  bytes[Math.floor(chance() * size)]! ^= 1 << Math.floor(8 * chance());
  writeFileSync(path, bytes);
  return 'flipped by a bit';
}

/** Whether what can be read of a store says something else than the whole one. */
function wrongFigures(out: string, metrics: string, sums: string): boolean {
  for (const found of listRuns(out).runs) {
    if (found.status !== 'finished') continue;
    try {
      if (JSON.stringify(found.cell) !== JSON.stringify(CELL)) return true;
      if (
        JSON.stringify(readMetrics(found)) !== metrics ||
        JSON.stringify([...readArrays(found).sums!.values]) !== sums
      )
        return true;
    } catch {
      // named, not shown
    }
  }
  return false;
}

async function corrupted(place: Place): Promise<Measured> {
  const whole = join(place.folder, 'whole');
  await run(whole, () => {});
  const { hash } = tablesOf(whole);
  const [reference] = listRuns(whole).runs;
  const [metrics, sums] = [
    JSON.stringify(readMetrics(reference!)),
    JSON.stringify([...readArrays(reference!).sums!.values]),
  ];
  const half = join(place.folder, 'half');
  await run(half, () => {}, 20);
  const chance = chances('files');
  const kinds = [
    ...readdirSync(folderOf(whole, CELL)).map((name) => ({ store: whole, name })),
    ...readdirSync(folderOf(half, CELL)).map((name) => ({ store: half, name })),
  ];
  const each = scaled(60, place);
  let [damages, unnoticed, wrong, different] = [0, 0, 0, 0];
  const out = join(place.folder, 'corrupt');
  /** A copy of the store with one file damaged: its bytes before and after. */
  const spoilt = (store: string, name: string): [Buffer, Buffer] => {
    rmSync(out, { recursive: true, force: true });
    cpSync(store, out, { recursive: true });
    const path = join(folderOf(out, CELL), name);
    const before = readFileSync(path);
    damage(path, chance);
    damages++;
    return [before, readFileSync(path)];
  };
  for (const { store, name } of kinds) {
    for (let k = 0; k < each; k++) {
      const [before, after] = spoilt(store, name);
      const harmless = name.endsWith('.json') || name === 'DONE' ? sameJson(before, after) : before.equals(after);
      const notices: string[] = [];
      if (wrongFigures(out, metrics, sums)) wrong++;
      const { damaged } = verifyStore(out, { repair: true });
      await run(out, (line) => notices.push(line));
      if (!harmless && damaged.length + notices.length === 0) unnoticed++;
      if (tablesOf(out).hash !== hash) different++;
    }
  }
  // without the repair first: the command itself finds what it uses
  for (const { store, name } of kinds) {
    if (store === whole && name === 'final.safetensors') continue; // read, and checked, by those that need it
    for (let k = 0; k < each; k++) {
      spoilt(store, name);
      await run(out, () => {});
      if (tablesOf(out).hash !== hash) different++;
    }
  }
  const pass = unnoticed === 0 && wrong === 0 && different === 0;
  return {
    pass,
    figure: `${damages} damages to ${kinds.length} kinds of files: ${unnoticed} unnoticed, ${wrong} wrong figures, ${different} tables that differ after the cell was done again`,
  };
}

function sameJson(before: Buffer, after: Buffer): boolean {
  try {
    return JSON.stringify(JSON.parse(before.toString())) === JSON.stringify(JSON.parse(after.toString()));
  } catch {
    return false;
  }
}

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
  { id: 'damage', what: 'every kind of file cut off, or flipped by a bit', run: corrupted },
];
