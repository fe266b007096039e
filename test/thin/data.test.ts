/** Users' data as they lie on the disk: splits, columns, and what is refused. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { openData } from '../../src/data/index.js';
import type { TsvSpec } from '../../src/data/tsv.js';
import { findData } from '../../src/thin/data/index.js';
import { setUp } from '../../src/thin/plan.js';
import { BERT, bertFolder, csvFile, newFolder, pictureFolder } from './support.js';

process.env.GOWIDE_CACHE = newFolder(); // prepared texts
const texts = { vocabulary: bertFolder(), mostTokens: 16, side: 8, columns: {}, rows: Infinity };
const find = (path: string, changes: object = {}) => findData(path, { ...texts, work: newFolder(), ...changes });

describe('tables', () => {
  test('one file is split, every class in each part; quotes, commas and line breaks in them are read', async () => {
    const path = csvFile();
    writeFileSync(path, `${readFileSync(path, 'utf8')}"a ""fine"" film,\nnice",praise\r\n`);
    const { spec, notes } = find(path, { columns: { text: 'review' } });
    const data = await openData(spec);
    expect([data.train.count, data.validation.count, data.test.count]).toEqual([44, 5, 12]);
    expect(data.labels).toEqual(['blame', 'praise']);
    const all = ['train', 'validation', 'test'].map((split) =>
      readFileSync((spec as TsvSpec)[split as 'train'] as string, 'utf8'),
    );
    expect(all.join('')).toContain('a "fine" film, nice\tpraise');
    expect(notes.join(' ')).toContain('held out');
  });

  test('a folder as GLUE has them: dev is the test split, and what is chosen is chosen on training rows', async () => {
    const folder = newFolder();
    const rows = (count: number): string => Array.from({ length: count }, (_, i) => `a "film\t${i % 2}`).join('\n');
    writeFileSync(join(folder, 'train.tsv.gz'), gzipSync(`sentence\tlabel\n${rows(40)}\n`));
    writeFileSync(join(folder, 'dev.tsv'), `sentence\tlabel\n${rows(6)}\n`);
    writeFileSync(join(folder, 'test.tsv'), 'index\tsentence\n0\ta film\n');
    const { spec, notes } = find(folder);
    const data = await openData(spec);
    expect([data.train.count, data.validation.count, data.test.count]).toEqual([36, 4, 6]);
    expect(notes.join(' ')).toContain('it has no labels and is not used');
  });

  test.each([
    [
      'a label that no training row has',
      'text,label\na,x\nb,x\nc,y\nd,y\n',
      'text,label\na,z\n',
      'label "z" is on no training row',
    ],
    [
      'a quote that is never closed',
      'text,label\n"a,x\nb,y\n',
      'text,label\na,x\n',
      'line 2: a quote that is opened here',
    ],
    ['no column of labels', 'text,stars\na,x\n', 'text,label\na,x\n', 'no column for the label'],
    ['an empty file', '', 'text,label\na,x\n', 'train.csv: empty'],
  ])('%s is refused', (_, train, other, message) => {
    const folder = newFolder();
    writeFileSync(join(folder, 'train.csv'), train);
    writeFileSync(join(folder, 'test.csv'), other);
    expect(() => find(folder)).toThrow(message);
  });
});

describe('pictures', () => {
  const pictures = { vocabulary: undefined };
  test.each([
    ['one folder that is split', [''], 10, [14, 2, 4]],
    ['train and test', ['train', 'test'], 5, [8, 2, 10]],
    ['train, val and test', ['train', 'val', 'test'], 4, [8, 8, 8]],
  ] as const)('%s', async (_, under, count, sizes) => {
    const data = await openData(find(pictureFolder(count, under), pictures).spec);
    expect([data.train.count, data.validation.count, data.test.count]).toEqual(sizes);
    expect(data.labels).toEqual(['blue', 'red']);
  });

  test('a class in one split only is refused', () => {
    const folder = pictureFolder(4, ['train', 'test']);
    mkdirSync(join(folder, 'test', 'green'));
    expect(() => find(folder, pictures)).toThrow('only one of them has green');
  });

  test('texts for a network that reads pictures, and what is not there, are refused', () => {
    expect(() => find(csvFile(), pictures)).toThrow('no data for a network that reads pictures');
    expect(() => find('nowhere')).toThrow('nowhere: not found');
  });
});

test('a folder in SQuAD’s format, and one of texts, ask for the heads of their tasks', async () => {
  const folder = newFolder();
  const article = (i: number): object => ({
    title: `t${i}`,
    paragraphs: [
      {
        context: 'the film , nice',
        qas: [{ id: `q${i}`, question: 'a plot', answers: [{ text: 'nice', answer_start: 11 }] }],
      },
    ],
  });
  const file = (count: number): string =>
    JSON.stringify({ version: '1.1', data: Array.from({ length: count }, (_, i) => article(i)) });
  writeFileSync(join(folder, 'train-v1.1.json'), file(10));
  expect(() => find(folder)).toThrow('0 files dev*.json');
  writeFileSync(join(folder, 'dev-v1.1.json'), file(3));
  const answers = await openData(find(folder).spec);
  expect([answers.train.count, answers.validation.count, answers.test.count, answers.questions]).toEqual([9, 1, 3, 2]);
  const texts = newFolder();
  writeFileSync(join(texts, 'a.txt'), 'the film , nice\n'.repeat(200));
  expect(find(texts).spec).toMatchObject({ set: 'masked-lm', tokens: 16, held: 500 });
});

test('a masked-LM head fits texts as it is: stage 1 is skipped', async () => {
  const texts = newFolder();
  writeFileSync(join(texts, 'a.txt'), 'the film , nice\n'.repeat(200));
  const model = bertFolder({ ...BERT, head: { kind: 'masked-lm' } });
  const setup = await setUp({ model, data: texts, out: newFolder() });
  expect(setup.training).toBeUndefined();
  expect(setup.thin).toMatchObject({ hiddenSize: 8, head: { kind: 'masked-lm', maskedPositions: 2 } });
});
