/** Users' data as they lie on the disk: splits, columns, and what is refused. */
import { cpSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { openData, trainCountOf } from '../../src/data/index.js';
import type { TsvSpec } from '../../src/data/tsv.js';
import { findData } from '../../src/thin/data/index.js';
import { unlabelledTexts } from '../../src/thin/data/tables.js';
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
    expect(trainCountOf(spec, Infinity)).toBe(44);
    expect(trainCountOf({ ...(spec as TsvSpec), set: 'tsv', validation: 4 }, Infinity)).toBe(40);
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
    ['semicolons between columns', 'text;label\na;x\n', '', 'seem to stand between ";"; expected commas'],
    ['tabs in a .csv', 'text\tlabel\na\tx\n', '', 'seem to stand between "\\t"; expected commas, or a name'],
    [
      'texts with commas and without quotes',
      'text,label\na,b,x\na,c,y\n',
      '',
      'line 2 with 3 columns, 2 in the first line; a text with commas in it needs quotes',
    ],
    [
      'a second text in one split alone',
      'text,pair,label\na,b,x\nb,c,y\na,b,x\nb,c,y\na,b,x\n',
      'text,label\na,x\n',
      'test.csv, line 2: no second text, and',
    ],
    ['two columns of one name', 'text,text,label\na,b,x\n', '', 'the column "text" stands twice'],
    ['empty texts', 'text,label\n,x\n ,y\n', '', 'no line with a text and a label in it'],
    ['a number in two ways', 'text,label\na,1\na,1.0\na,1\na,1.0\n', 'text,label\na,1\n', '"1" and "1.0" are one'],
  ])('%s is refused', (_, train, other, message) => {
    const folder = newFolder();
    writeFileSync(join(folder, 'train.csv'), train);
    writeFileSync(join(folder, 'test.csv'), other);
    expect(() => find(folder)).toThrow(message);
  });

  test('rows that are too few for three splits are refused by the name of the user’s file', () => {
    const path = join(newFolder(), 'few.csv');
    writeFileSync(path, 'text,label\na,x\nb,y\nc,x\n');
    expect(() => find(path)).toThrow(`${path}: 3 rows with 2 labels, of which none can be held out for choosing`);
    writeFileSync(path, `text,label\n${Array.from({ length: 60 }, (_, i) => `a film,${i / 4}`).join('\n')}\n`);
    expect(() => find(path)).toThrow(
      `${path}: 60 rows with 60 labels, of which none can be held out for the test; expected at least 3 rows of a ` +
        'label; numbers are taken as classes, and regression is not done',
    );
    writeFileSync(path, 'text,label\na,x1\nb,x2\nc,x3\n');
    expect(() => find(path)).toThrow(/expected at least 3 rows of a label$/);
    expect(() => find(csvFile(), { columns: { text: 'class', label: 'class' } })).toThrow('to be two things');
    expect(() => find(csvFile(), { rows: 1 })).toThrow('on no training row of the 1 that are used (--rows)');
  });

  test.each([
    ['QNLI', 'index\tquestion\tsentence\tlabel', ['question', 'sentence'], 'label', 'index'],
    ['QQP', 'id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate', ['question1', 'question2'], 'is_duplicate', 'id'],
    ['MRPC', 'Quality\t#1 ID\t#2 ID\t#1 String\t#2 String', ['#1 String', '#2 String'], 'Quality', '#1 ID'],
    ['RTE', 'index\tsentence1\tsentence2\tlabel', ['sentence1', 'sentence2'], 'label', 'index'],
    [
      'MNLI',
      'index\tgenre\tsentence1\tsentence2\tlabel1\tgold_label',
      ['sentence1', 'sentence2'],
      'gold_label',
      'genre',
    ],
    ['a transformed MNLI', 'premise\thypothesis\tlabel\tidx', ['premise', 'hypothesis'], 'label', 'idx'],
    ['BoolQ', 'question\tanswer\tpassage', ['question', 'passage'], 'answer', undefined],
    ['SICK', 'pair_ID\tsentence_A\tsentence_B\tlabel', ['sentence_A', 'sentence_B'], 'label', 'pair_ID'],
    ['SST-2', 'sentence\tlabel', ['sentence'], 'label', undefined],
  ])(
    'columns of %s: which texts are taken, in which order, and which are left out, is said',
    (_, header, texts, label, left) => {
      const path = join(newFolder(), 'task.tsv');
      const names = header.split('\t');
      const row = (i: number): string =>
        names.map((name) => (name === label ? String(i % 2) : `${name} ${i}`)).join('\t');
      writeFileSync(path, `${[header, ...Array.from({ length: 40 }, (__, i) => row(i))].join('\n')}\n`);
      const { spec, notes } = find(path);
      const [first] = readFileSync((spec as TsvSpec).train, 'utf8')
        .split('\n')
        .slice(1);
      expect(first!.split('\t').map((cell) => cell.replace(/ \d+$/, ''))).toEqual([
        ...texts,
        expect.stringMatching(/^[01]$/),
      ]);
      const note = notes.find((line) => line.startsWith('columns: '))!;
      expect(note).toContain(`columns: ${texts.map((name) => `"${name}"`).join(' and ')} for the text`);
      expect(note).toContain(`"${label}" for the label`);
      if (left === undefined) expect(note).not.toContain('left out');
      else expect(note.split('left out: ')[1]).toContain(`"${left}"`);
    },
  );

  test('one text of a pair that is named alone is taken alone; a second one that is named has its partner', () => {
    const path = join(newFolder(), 'qnli.tsv');
    const rows = Array.from({ length: 40 }, (_, i) => `q ${i}\ts ${i}\t${i % 2}`);
    writeFileSync(path, `question\tsentence\tlabel\n${rows.join('\n')}\n`);
    const note = (columns: object): string | undefined =>
      find(path, { columns }).notes.find((line) => line.startsWith('columns: '));
    const alone = 'columns: "sentence" for the text, "label" for the label; left out: "question"';
    expect(note({ text: 'sentence' })).toBe(alone);
    const both = 'columns: "question" and "sentence" for the texts, "label" for the label';
    for (const columns of [{ pair: 'sentence' }, { text: 'question' }, { label: 'label' }])
      expect(note(columns)).toBe(both);
    const turned = 'columns: "sentence" and "question" for the texts, "label" for the label';
    expect(note({ pair: 'question' })).toBe(turned);
  });

  test('both texts of a table without labels are texts; one that is named is taken alone', () => {
    const path = join(newFolder(), 'pairs.tsv');
    writeFileSync(path, 'id\tsentence1\tsentence2\n1\ta film\ta plot\n2\tfine\tdull\n');
    expect(unlabelledTexts(path, {})).toEqual({
      texts: ['a film', 'a plot', 'fine', 'dull'],
      note: 'columns: "sentence1" and "sentence2" for the texts; left out: "id"',
    });
    expect(unlabelledTexts(path, { text: 'sentence2' })?.texts).toEqual(['a plot', 'dull']);
  });

  test('texts without labels are not cut at commas; of columns that differ in capitals the one that is named counts', () => {
    const path = join(newFolder(), 'texts.csv');
    writeFileSync(path, 'text\na film\n"a plot, fine"\n');
    expect(unlabelledTexts(path, {})?.texts).toEqual(['a film', 'a plot, fine']);
    writeFileSync(path, 'text\na film\na film\na plot, dull\n');
    expect(() => unlabelledTexts(path, {})).toThrow('line 4 with 2 columns, 1 in the first line; a text with');
    writeFileSync(path, `Text,text,label\n${'a,the film,x\nb,the plot,y\n'.repeat(9)}`);
    const { spec } = find(path, { columns: { text: 'text' } });
    expect(readFileSync((spec as TsvSpec).train, 'utf8')).toContain('the film');
  });

  test('texts without labels are in the column that is named, in these capitals, and once', () => {
    const path = join(newFolder(), 'texts.csv');
    writeFileSync(path, 'Text,text\nFilm 1,a film\nFilm 2,a plot\n');
    expect(unlabelledTexts(path, { text: 'text' })?.texts).toEqual(['a film', 'a plot']);
    expect(unlabelledTexts(path, { text: 'Text' })?.texts).toEqual(['Film 1', 'Film 2']);
    expect(() => unlabelledTexts(path, { text: 'words' })).toThrow('no column "words" in its first line; there are: ');
    writeFileSync(path, 'text,text\n1,a film\n');
    expect(() => unlabelledTexts(path, {})).toThrow('the column "text" stands twice in its first line');
    writeFileSync(path, 'id;text\n1;a film\n');
    expect(() => unlabelledTexts(path, {})).toThrow('its columns seem to stand between ";"; expected commas');
  });

  test('a test file without the column of labels that is named is not used; one without texts is refused', () => {
    const folder = newFolder();
    const rows = Array.from({ length: 40 }, (_, i) => `film ${i}\t${i % 2}`);
    writeFileSync(join(folder, 'train.tsv'), `text\tgold\n${rows.join('\n')}\n`);
    const test = join(folder, 'test.tsv');
    writeFileSync(test, 'id\ttext\n1\ta film\n');
    const columns = { label: 'gold' };
    expect(find(folder, { columns }).notes).toContain(`${test}: it has no labels and is not used`);
    writeFileSync(test, 'id\tgold\n1\t1\n');
    expect(() => find(folder, { columns })).toThrow('no column for the text');
  });

  test('tabs and line breaks within a label are blanks; test texts that training has are counted', () => {
    const path = join(newFolder(), 'breaks.csv');
    const rows = Array.from({ length: 40 }, (_, i) => `a film,"so\n${i % 2 ? 'good' : 'bad'}"`);
    writeFileSync(path, `text,label\n${rows.join('\n')}\n`);
    const { spec, notes } = find(path);
    expect(readFileSync((spec as TsvSpec).train, 'utf8')).toContain('a film\tso good\n');
    expect(notes.join()).toContain('8 of the 8 test texts are training texts, too');
    const others = Array.from({ length: 60 }, (_, i) => `the film ${i},${i % 2}`);
    writeFileSync(path, `text,label\n${others.join('\n')}\n`);
    expect(find(path).notes.join()).not.toContain('are training texts, too');
  });

  test('lines without a text or a label, with a label "-" or more columns are left out, with a word', () => {
    const path = join(newFolder(), 'gaps.tsv');
    const rows = Array.from({ length: 40 }, (_, i) => `a film\t${i % 2}`).join('\r');
    writeFileSync(path, `text\tlabel\r${rows}\r \t1\ra plot\t\ra plot\t-\ra\tplot\t1\r`);
    expect(find(path).notes).toContainEqual(`${path}: 4 lines left out, such as line 42 without a text`);
  });

  test('a class without a row in a split is named; so are labels that differ in capitals alone', async () => {
    const folder = newFolder();
    const rows = (labels: readonly string[]): string =>
      `text,label\n${Array.from({ length: 30 }, (_, i) => `a film,${labels[i % labels.length]}`).join('\n')}\n`;
    writeFileSync(join(folder, 'train.csv'), rows(['Good', 'good', 'bad']));
    writeFileSync(join(folder, 'dev.csv'), rows(['Good', 'bad']));
    writeFileSync(join(folder, 'test.csv'), rows(['bad']));
    const { notes } = await setUp({ model: texts.vocabulary, data: folder, out: newFolder() });
    expect(notes).toContain('the labels "Good" and "good" are taken as two classes');
    expect(notes).toContain('no validation example has the class good: what is chosen is chosen by the others alone');
    expect(notes).toContain('no test example has the classes Good, good: the test accuracy is of the others alone');
    writeFileSync(join(folder, 'test.csv'), rows(['-1']));
    expect(find(folder).notes.join()).toContain('test.csv: it has no labels and is not used');
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

  test.each([
    ['one folder that is split', [''], 10],
    ['train and test', ['train', 'test'], 5],
    ['train, val and test', ['train', 'val', 'test'], 4],
  ] as const)(
    '%s: training pictures are counted without decoding any, and not beyond what is enough',
    async (_, under, count) => {
      const { spec } = find(pictureFolder(count, under), pictures);
      const { train } = await openData(spec);
      expect(trainCountOf(spec, Infinity)).toBe(train.count);
      expect(trainCountOf(spec, 2)).toBeGreaterThanOrEqual(2);
    },
  );

  test.each([[['']], [['train', 'val']]])(
    'folders whose names begin with a dot are no classes, with or without pictures (%j)',
    async (under) => {
      const folder = pictureFolder(10, under);
      for (const part of ['', ...under]) {
        mkdirSync(join(folder, part, '.git'), { recursive: true });
        cpSync(join(folder, under[0]!, 'red'), join(folder, part, '.cache'), { recursive: true });
      }
      const data = await openData(find(folder, pictures).spec);
      expect(data.labels).toEqual(['blue', 'red']);
      expect(data.train.count + data.validation.count + data.test.count).toBe(20 * under.length);
    },
  );

  test('a class in one split only is refused', () => {
    const folder = pictureFolder(4, ['train', 'test']);
    mkdirSync(join(folder, 'test', 'green'));
    expect(() => find(folder, pictures)).toThrow('only test has green');
    rmSync(join(folder, 'test', 'green'), { recursive: true });
    rmSync(join(folder, 'test', 'red'), { recursive: true });
    expect(() => find(folder, pictures)).toThrow('only train has red');
    symlinkSync('/nowhere', join(folder, 'train', 'green'));
    expect(() => find(folder, pictures)).toThrow('green: ENOENT');
    symlinkSync('/nowhere', join(folder, 'green'));
    expect(() => find(folder, pictures)).toThrow(`${join(folder, 'green')}: ENOENT`);
  });

  test('texts for a network that reads pictures, and what is not there, are refused', () => {
    const path = csvFile();
    expect(() => find(path, pictures)).toThrow(
      `${path} is a table of texts, and the network reads pictures; expected a .json file with the "data" of a ` +
        'training spec; or a folder of pictures, train/<class>/* and val/<class>/* or test/<class>/*, or <class>/*',
    );
    expect(() => find('nowhere')).toThrow('nowhere: not found');
  });

  test.each(['', 'train'])('pictures in "%s" for a network that reads texts are called so', (under) => {
    const folder = pictureFolder(1, [under]);
    const refused = (): unknown => find(folder);
    expect(refused).toThrow(`${folder} is a folder of pictures, and the network reads texts; expected a .json file`);
    expect(refused).toThrow('; or a .tsv or .csv file');
    expect(refused).not.toThrow('<class>');
    rmSync(join(folder, under, 'red'), { recursive: true });
    rmSync(join(folder, under, 'blue'), { recursive: true });
    expect(refused).toThrow(`${folder}: no data for a network that reads texts; expected`);
  });
});

test.each([
  [{ tokens: 3 }, 'tokens 3: expected a whole number from 8 to 4096'],
  [{ size: 5000 }, 'size 5000: expected a whole number from 8 to 1024'],
  [{ samples: [] }, 'samples []: expected at least one number'],
  [{ params: NaN }, '--params NaN: expected a number of parameters'],
  [{ epochs: 1e300 }, '--epochs 1e+300: more than 1000000000 steps, as there are '],
  [{ wideEpochs: 1e300 }, '--wide-epochs 1e+300: more than 1000000000 steps, as there are '],
])('%j is refused before any run', async (changes, message) => {
  const asked = { model: texts.vocabulary, data: csvFile(), out: newFolder(), ...changes };
  await expect(setUp(asked)).rejects.toThrow(message);
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
