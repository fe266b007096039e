/**
 * A store that somebody else has filled: links out of it, pipes, devices, names that lead upwards, formulas. Every
 * command that reads stores ends in time and in one line, and nothing outside changes.
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { folderOf } from '../../src/store/runs.js';
import { addUp, addUpTo, cellOf } from './adder.js';
import { firstOf, gowide, isOneLine, scaled, type Check, type Measured, type Place } from './check.js';

/** Milliseconds for a command that reads a small store: far more than it takes, on a busy machine, too. */
const LIMIT = 120_000;

const CELL = cellOf(6);

/** What is planted in the folder of a run; `outside` is a folder with files of others. */
const PLANTED: Readonly<Record<string, (run: string, outside: string, place: Place) => void>> = {
  'metrics that are a link': (run, outside) => {
    rmSync(join(run, 'metrics.jsonl'));
    symlinkSync(join(outside, 'theirs.jsonl'), join(run, 'metrics.jsonl'));
  },
  'a spec that is a pipe': (run, _, { children }) => {
    rmSync(join(run, 'spec.json'));
    children.run('mkfifo', [join(run, 'spec.json')]);
  },
  'a mark that is an endless device': (run) => {
    rmSync(join(run, 'DONE'), { force: true });
    symlinkSync('/dev/zero', join(run, 'DONE'));
  },
  'a spec nested 200,000 deep': (run) =>
    writeFileSync(join(run, 'spec.json'), `${'['.repeat(200_000)}${']'.repeat(200_000)}`),
  'a run that is a link': (run, outside) => {
    renameSync(run, join(outside, 'run'));
    symlinkSync(join(outside, 'run'), run);
  },
  'a lock that is a link': (run, outside) => symlinkSync(join(outside, 'theirs.jsonl'), join(run, 'lock')),
  'a folder in the place of a file': (run) => {
    rmSync(join(run, 'metrics.jsonl'));
    mkdirSync(join(run, 'metrics.jsonl'));
  },
  'a name that leads upwards': (run) => {
    const path = join(run, 'spec.json');
    writeFileSync(path, readFileSync(path, 'utf8').replace('"selftest"', '"../../../selftest"'));
  },
};

/** Everything below a folder: names, and what is in the files. */
function contentsOf(folder: string): string {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true })
    .map((entry) => {
      const path = join(entry.parentPath, entry.name);
      return entry.isFile() ? `${path} ${readFileSync(path, 'base64')}` : path;
    })
    .sort();
  return entries.join('\n');
}

async function hostile(place: Place): Promise<Measured> {
  if (process.platform === 'win32') return { pass: undefined, figure: 'not run: Windows has no pipes in folders' };
  const outside = join(place.folder, 'outside');
  const wrong: string[] = [];
  let commands = 0;
  const cases = Object.entries(PLANTED).flatMap(([name, plant]) =>
    [true, false].map((finished) => ({ name, plant, finished })),
  );
  const planted = cases.slice(0, scaled(cases.length, place));
  for (const { name, plant, finished } of planted) {
    const out = join(place.folder, 'store');
    [outside, out].forEach((folder) => rmSync(folder, { recursive: true, force: true }));
    mkdirSync(outside);
    writeFileSync(join(outside, 'theirs.jsonl'), '{"theirs": 1}\n');
    await (finished ? addUp(out, CELL) : addUpTo(out, CELL, 3));
    plant(folderOf(out, CELL), outside, place);
    const before = contentsOf(outside);
    const note = (what: string): void => void wrong.push(`${name}${finished ? '' : ', unfinished'}: ${what}`);
    // the writer first: what it leaves, the readers read
    await addUp(out, CELL).catch((error: unknown) => {
      if (String((error as Error).message).includes('\n')) note('the run said several lines');
    });
    if (contentsOf(outside) !== before) note('the run changed files outside');
    for (const args of [
      ['runs', 'list', '--out', out],
      ['runs', 'verify', '--out', out],
      ['runs', 'merge', out, '--out', join(place.folder, 'merged')],
      ['report', out, '--tables', join(place.folder, 'tables'), '--json'],
      ['runs', 'gc', '--out', out],
    ]) {
      commands++;
      const { status, stderr } = gowide(place, args, {}, { timeout: LIMIT, cwd: place.folder });
      if (![0, 1, 2].includes(status ?? -1)) note(`${args.slice(0, 2).join(' ')} ended with ${status}`);
      if (!isOneLine(stderr)) note(`${args.slice(0, 2).join(' ')}: ${stderr.slice(0, 200)}`);
      if (contentsOf(outside) !== before) note(`${args.slice(0, 2).join(' ')} changed files outside`);
    }
  }
  return {
    pass: wrong.length === 0,
    figure:
      `${planted.length} things planted, in finished and unfinished runs in turn, ${commands} commands: ` +
      `${wrong.length} not borne${firstOf(wrong)}`,
  };
}

/** The check of a store in which others have put links, pipes and devices. */
export const HOSTILE: Check = {
  id: 'hostile-store',
  what: 'a store with links, pipes and devices of others in it: nothing outside is changed, nothing hangs',
  run: hostile,
};
