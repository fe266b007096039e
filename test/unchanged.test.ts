/**
 * What a cell computes does not change when the code around it does: one small cell of each kind of run gives the rows,
 * the result and the weights that the program of 2026-11-25 gave (test/unchanged/*.json, made by commit 0e59f8e on Node
 * 20; Node 22, 24 and 26 and two threads give the same bytes). One record is of 2026-11-26: that of a moving average,
 * whose batch-norm statistics were those of the values on the way and are estimated for the average since. The
 * operations of ridge regression are of that day, too: they were counted as if every tap were a layer. Those of
 * trainings are of that day in their last digits: WebAssembly computes layers by a module of our own since, which
 * rounds elsewhere (first losses agree to 1e-7, and what eight steps make of it to 5e-4, as far as TensorFlow's are
 * from both), and of 2026-11-27, since that module has fused multiply-add, sums in blocks and losses of its own (no
 * number of a record moved by more than 8e-6, relative). Three studies are recorded from commit 684c1e9. Trainings on
 * the digits are of 2026-11-29, as noise has other draws since (without noise they gave the bytes of before), and
 * `limit` is, in its last digits, since tangents are in the WebAssembly kernel.
 *
 * A cell whose record is missing gets one by `npx vitest run test/unchanged.test.ts --update`, which never writes a
 * record again that is there.
 *
 * Kernel and engine are the WebAssembly ones, whose bytes were equal wherever they were tried. Libraries may choose
 * other instructions on other processors than x86-64: there, numbers are compared to a relative 1e-4, and weights not.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { startEngine } from '../src/engine/engines/choose.js';
import { FAMILIES } from '../src/models/index.js';
import { STUDIES, THEORY_KIND, THEORY_RUNNER } from '../theory/studies/index.js';
import { TRAIN_KIND } from '../src/method/run/required.js';
import { TRAIN_RUNNER } from '../src/method/run/runner.js';
import { openKernel, useKernel } from '../theory/kernel/kernel.js';
import { THEORY, trainingCells } from './unchanged/cells.js';
import { linesOf, record } from './unchanged/record.js';

/** Products of WebAssembly are rounded once where a processor has fused multiply-add, and else twice. */
const HAS_FMA = process.platform !== 'linux' || /\bfma\b/.test(readFileSync('/proc/cpuinfo', 'utf8'));
const TO_THE_BYTE = process.arch === 'x64' && HAS_FMA;
const TOLERANCE = 1e-4;

const [TEXTS, CACHE] = ['texts', 'cache'].map((what) => mkdtempSync(join(tmpdir(), `gowide-${what}-`))) as [
  string,
  string,
];
const TRAIN = trainingCells(TEXTS);

beforeAll(async () => {
  vi.stubEnv('GOWIDE_CACHE', CACHE);
  await startEngine('wasm', 'test');
});
afterAll(() => {
  vi.unstubAllEnvs();
  useKernel(undefined);
  for (const folder of [TEXTS, CACHE]) rmSync(folder, { recursive: true, force: true });
});

/** Records of cells, by their names. */
type Fixture = Record<string, readonly string[]>;

/** Whether vitest was started with `--update`, as it says within a test. */
const isUpdating = (): boolean => expect.getState().snapshotState.snapshotUpdateState === 'all';

/** The records of a kind, in their file and in the order in which they stand there. */
class Records {
  readonly #file: URL;
  readonly #kept: Fixture;
  #written: Fixture = {};

  constructor(kind: string) {
    this.#file = new URL(`unchanged/${kind}.json`, import.meta.url);
    this.#kept = JSON.parse(readFileSync(this.#file, 'utf8')) as Fixture;
  }

  /** Throws where the records are not those of these cells; with `--update`, some may be missing. */
  expectOf(cells: Readonly<Record<string, unknown>>): void {
    const names = Object.keys(cells).filter((name) => !isUpdating() || Object.hasOwn(this.#kept, name));
    expect(Object.keys(this.#kept).sort()).toEqual(names.sort());
  }

  /** Throws where lines differ from the record of that name; with `--update`, a missing record is made of them. */
  expectUnchanged(name: string, lines: readonly string[]): void {
    const before = this.#kept[name] ?? this.#written[name];
    if (before !== undefined) return expectUnchanged(lines, before);
    if (!isUpdating())
      throw new Error(`no record of "${name}"; npx vitest run test/unchanged.test.ts --update makes it`);
    if (!TO_THE_BYTE) throw new Error(`no record of "${name}"; expected an x86-64 processor with FMA to make it on`);
    this.#written = { ...this.#written, [name]: lines };
  }

  /** Puts the records that were made behind those that there were. */
  write(): void {
    if (Object.keys(this.#written).length === 0) return;
    writeFileSync(this.#file, `${JSON.stringify({ ...this.#kept, ...this.#written }, null, 2)}\n`);
  }
}

function expectUnchanged(lines: readonly string[], before: readonly string[]): void {
  if (TO_THE_BYTE) return expect(lines).toEqual(before);
  const parts = (all: readonly string[]): string[] =>
    all.filter((line) => !line.includes(' arrays ')).flatMap((line) => line.split(/(-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)/));
  const [given, wanted] = [parts(lines), parts(before)];
  expect(given).toHaveLength(wanted.length);
  for (const [i, part] of wanted.entries())
    if (i % 2 === 0 || Number.isNaN(Number(part))) expect(given[i]).toBe(part);
    else
      expect(Math.abs(Number(given[i]) - Number(part))).toBeLessThanOrEqual(TOLERANCE * (1 + Math.abs(Number(part))));
}

describe('studies of the theory', () => {
  const records = new Records('theory');
  afterAll(() => records.write());

  test('each has a cell here', () => {
    expect(Object.keys(THEORY).sort()).toEqual(Object.keys(STUDIES).sort());
    records.expectOf(THEORY);
  });

  for (const threads of [1, 2])
    test.each(Object.keys(THEORY))(`%s gives the rows that it gave, threads: ${threads}`, async (name) => {
      useKernel(openKernel('wasm', threads));
      records.expectUnchanged(name, linesOf(await record(THEORY_RUNNER.execute, THEORY_KIND, THEORY[name]!)));
    });
});

describe('trainings', () => {
  const records = new Records('train');
  afterAll(() => records.write());

  test('each has its record', () => {
    records.expectOf(TRAIN);
  });

  test('each family of networks of the program’s own has one', () => {
    const families = Object.values(TRAIN).map(({ network }) => (network as { readonly family: string }).family);
    expect([...new Set(families)].sort()).toEqual(
      Object.keys(FAMILIES)
        .filter((name) => name !== 'layers')
        .sort(),
    );
  });

  test.each(Object.keys(TRAIN))('%s: the rows, result and weights that it gave', async (name) => {
    records.expectUnchanged(name, linesOf(await record(TRAIN_RUNNER.execute, TRAIN_KIND, TRAIN[name]!)));
  });
});
