/** Lists in documents that the code has, too: each names what there is, examples apart, and nothing else. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { LEFT_BY_MINUTES } from '../../reports/claims/scales.js';
import { SCALES } from '../../src/core/experiment.js';
import { withSlashes } from '../../src/core/folder.js';
import { EXPORT_FORMATS } from '../../src/method/run/export.js';
import { FAMILIES } from '../../src/models/index.js';
import { BACKENDS } from '../../src/sweep/backends/registry.js';

const ROOT = resolve(import.meta.dirname, '../..');
const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8');

/** Words in the row of the glossary that begins with this one, as code has them. */
function glossary(word: string): string[] {
  const row = new RegExp(`^\\| ${word} \\|(.*)\\|$`, 'm').exec(read('docs/glossary.md'))![1]!;
  return [...row.matchAll(/`([^`]+)`/g)].map(([, name]) => name!);
}

test('the glossary has every scale', () => {
  expect(glossary('scale').sort()).toEqual([...SCALES].sort());
});

/** Others can be added without a line in a document. */
test.each([
  ['family', FAMILIES],
  ['sweep, back end', BACKENDS],
])('the glossary’s examples in the row of %s are some', (word, registry) => {
  const examples = glossary(word).filter((one) => !one.startsWith('gowide '));
  expect(examples.length).toBeGreaterThan(1);
  expect(Object.keys(registry)).toEqual(expect.arrayContaining(examples));
});

/** Files of TypeScript below a folder, by their paths from there. */
function filesBelow(folder: string): string[] {
  const paths = readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' });
  return paths.map(withSlashes).filter((path) => path.endsWith('.ts'));
}

/** Files of families are left out: one is added without a line in a document. */
test.each(['src/method', 'src/models'])(
  '%s/README.md says what each file below the folder is for, and of no other',
  (folder) => {
    const rows = read(`${folder}/README.md`).match(/^\| `.*$/gm)!;
    const named = rows.flatMap((row) => [...row.split('|')[1]!.matchAll(/`([\w/-]+\.ts)`/g)].map(([, name]) => name!));
    expect(named.sort()).toEqual(
      filesBelow(folder)
        .filter((file) => !file.startsWith('families/'))
        .sort(),
    );
  },
);

test('every dated note is linked from the page of what it is about', () => {
  const folders = ['.', 'docs', 'docs/demonstrations', 'examples', 'experiments', 'reports', 'theory'];
  const inside = readdirSync(join(ROOT, 'src'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => `src/${name}`);
  const pages = [...folders, ...inside].flatMap((folder) =>
    readdirSync(join(ROOT, folder))
      .filter((file) => file.endsWith('.md') && file !== 'CHANGELOG.md')
      .map((file) => read(`${folder}/${file}`)),
  );
  const notes = readdirSync(join(ROOT, 'docs/notes'));
  expect(notes.length).toBeGreaterThan(50);
  expect(notes.filter((note) => !pages.some((page) => page.includes(`notes/${note})`)))).toEqual([]);
});

test('a run is exported in as many forms as the method’s README has', () => {
  const row = read('src/method/README.md').match(/^\| `run\/export\.ts` \|(.*)\|$/m)![1]!;
  expect(row.split(/: /)[1]!.split(/, (?!a run)/)).toHaveLength(Object.keys(EXPORT_FORMATS).length);
});

test('docs/report.md has the digits of the archive', () => {
  const digits = Number(/^const DIGITS = (\d+);$/m.exec(read('reports/page/archive.ts'))![1]);
  const word = ['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine', 'ten'][digits]!;
  expect(read('docs/report.md')).toContain(`in the archive numbers have ${word} digits`);
});

test('docs/protocol.md has the claims that scale minutes leaves to scale laptop, and their number', () => {
  const section = read('docs/protocol.md').split('## What scale minutes leaves open')[1]!.split('\n## ')[0]!;
  const rows = section.split('\n').filter((line) => line.startsWith('- '));
  expect(rows.flatMap((row) => [...row.matchAll(/`([^`]+)`/g)].map(([, id]) => id!)).sort()).toEqual(
    [...LEFT_BY_MINUTES].sort(),
  );
  expect(section).toContain(`these ${LEFT_BY_MINUTES.length} claims`);
});
