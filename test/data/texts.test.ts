import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { bertSupersense } from '../../experiments/bert.js';
import { groupBy } from '../../src/core/group.js';
import { designEffect } from '../../src/core/stats.js';
import { repeatedLine } from '../../src/data/dataset.js';
import { checkData, inOrderOf, openData, type DataSpec } from '../../src/data/index.js';
import { truncatedLengths, writeTokens } from '../../src/data/texts.js';
import { divideBlocks, glosses } from '../../src/text/corpus.js';
import { WordPiece } from '../../src/text/wordpiece.js';
import { readWordNet, SUPERSENSES } from '../../src/text/wordnet.js';

const folder = mkdtempSync(join(tmpdir(), 'gowide-texts-'));
const VOCABULARY = join(folder, 'vocab.txt');
const words = [
  ...new Set(
    readWordNet()
      .slice(0, 3000)
      .flatMap(({ gloss }) => gloss.toLowerCase().match(/[a-z]+/g) ?? []),
  ),
];
const TOKENS = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', ...words];
const fields = { corpus: 'glosses', vocabulary: VOCABULARY, lowercase: true, tokens: 24, heldOut: 0.05 } as const;

beforeAll(() => {
  vi.stubEnv('GOWIDE_CACHE', folder);
  writeFileSync(VOCABULARY, `${TOKENS.join('\n')}\n`);
});
afterAll(() => vi.unstubAllEnvs());

const textOf = (values: ArrayLike<number>): string =>
  Array.from(values, (id) => TOKENS[id])
    .filter((token) => token !== '[PAD]')
    .join(' ');
const splitOf = (() => {
  const blocks = new Map([...glosses()].map(({ text, block }) => [text, block]));
  const divide = divideBlocks(Math.max(...blocks.values()) + 1, 0.05);
  return (gloss: string): string => divide(blocks.get(gloss)!);
})();

test('a pair: two segments, padding, and the longer text loses its end first', () => {
  const tokenizer = new WordPiece(TOKENS);
  const values = new Int32Array(30);
  writeTokens(tokenizer, 10, { first: [10, 11, 12, 13, 14, 15, 16], second: [20, 21, 22] }, values, 0);
  expect([...values.subarray(0, 10)]).toEqual([2, 10, 11, 12, 13, 3, 20, 21, 22, 3]);
  expect([...values.subarray(10, 20)]).toEqual([0, 0, 0, 0, 0, 0, 1, 1, 1, 1]);
  writeTokens(tokenizer, 10, { first: [10, 11] }, values, 0);
  expect([...values.subarray(0, 10)]).toEqual([2, 10, 11, 3, 0, 0, 0, 0, 0, 0]);
  expect([...values.subarray(20, 30)]).toEqual([1, 1, 1, 1, 0, 0, 0, 0, 0, 0]);
});

/**
 * Lengths of the two texts and what is left of them in 5 and in 6 tokens: what tokenizers 0.23.3 gives for
 * `enable_truncation(8, strategy='longest_first')`, and 9, of texts of so many tokens with BertProcessing.
 */
const LONGEST_FIRST: readonly (readonly [lengths: [number, number], five: [number, number], six: [number, number]])[] =
  [
    [
      [4, 3],
      [3, 2],
      [3, 3],
    ],
    [
      [3, 4],
      [2, 3],
      [3, 3],
    ],
    [
      [3, 3],
      [2, 3],
      [3, 3],
    ],
    [
      [4, 4],
      [2, 3],
      [3, 3],
    ],
    [
      [4, 2],
      [3, 2],
      [4, 2],
    ],
    [
      [2, 4],
      [2, 3],
      [2, 4],
    ],
    [
      [7, 3],
      [3, 2],
      [3, 3],
    ],
    [
      [3, 8],
      [2, 3],
      [3, 3],
    ],
    [
      [8, 1],
      [4, 1],
      [5, 1],
    ],
    [
      [0, 8],
      [0, 5],
      [0, 6],
    ],
    [
      [8, 0],
      [5, 0],
      [6, 0],
    ],
    [
      [1, 3],
      [1, 3],
      [1, 3],
    ],
    [
      [8, 8],
      [2, 3],
      [3, 3],
    ],
  ];

test.each(LONGEST_FIRST)('a pair of %j tokens is cut as Hugging Face’s longest_first does', (lengths, five, six) => {
  expect([truncatedLengths(...lengths, 5), truncatedLengths(...lengths, 6)]).toEqual([five, six]);
  const values = new Int32Array(24);
  const [first, second] = lengths.map((length, i) => Array.from({ length }, () => 10 + i)) as [number[], number[]];
  writeTokens(new WordPiece(TOKENS), 8, { first, second }, values, 0);
  expect([10, 11].map((id) => values.filter((token) => token === id).length)).toEqual(five);
});

describe('WordNet', () => {
  test('supersense: every gloss once, in the split that the corpus has it in, with its lexicographer’s file', async () => {
    const data = await openData({ set: 'wordnet-task', task: 'supersense', ...fields });
    expect([data.classes, data.shape]).toEqual([45, [3, 24]]);
    expect(data.train.count + data.validation.count + data.test.count).toBe(
      new Set(readWordNet().map(({ gloss }) => gloss)).size,
    );
    const held = readWordNet().filter(({ gloss }) => splitOf(gloss) === 'test');
    expect(data.test.count).toBe(new Set(held.map(({ gloss }) => gloss)).size);
    const { values, labels } = await data.test.batch(Uint32Array.of(0));
    expect(textOf(values.subarray(0, 24)).split(' ').slice(0, 3)).toEqual(
      textOf([2, ...new WordPiece(TOKENS).encode(held[0]!.gloss).ids])
        .split(' ')
        .slice(0, 3),
    );
    expect(SUPERSENSES[labels[0]!]).toBe(SUPERSENSES[held[0]!.supersense]);
    const few = await openData({ set: 'wordnet-task', task: 'supersense', ...fields, train: 100, held: 50 });
    expect([few.train.count, few.validation.count, few.test.count]).toEqual([100, 50, 50]);
    expect(few.test.blocks).toBeUndefined();
    const counted = await openData({ set: 'wordnet-task', task: 'supersense', ...fields, blocks: true });
    const glosses = [...new Set(readWordNet().map(({ gloss }) => gloss))];
    expect(counted.test.blocks).toEqual(
      glosses.flatMap((gloss, i) => (splitOf(gloss) === 'test' ? [Math.floor(i / 50)] : [])),
    );
  });

  test('stratified: validation and test have the same share of every class, and training stays as it was', async () => {
    const given = { set: 'wordnet-task', task: 'supersense', ...fields, heldOut: 0.025, blocks: true } as const;
    const [data, plain] = [await openData({ ...given, split: 'stratified' }), await openData(given)];
    const labelsOf = async (source: typeof data.test): Promise<number[]> => [
      ...(await source.batch(Uint32Array.from({ length: source.count }, (_, i) => i))).labels,
    ];
    const [validation, test] = [await labelsOf(data.validation), await labelsOf(data.test)];
    for (let label = 0; label < 45; label++) {
      const [a, b] = [validation, test].map((all) => all.filter((one) => one === label).length) as [number, number];
      expect(Math.abs(a - b), SUPERSENSES[label]).toBeLessThanOrEqual(1);
    }
    const before = [...(await labelsOf(plain.validation)), ...(await labelsOf(plain.test))];
    expect([...validation, ...test].sort()).toEqual(before.sort());
    const first = Uint32Array.from({ length: 50 }, (_, i) => i);
    expect((await data.train.batch(first)).values).toEqual((await plain.train.batch(first)).values);
    expect(data.train.count).toBe(plain.train.count);
    // what the experiment declares of its test split
    const byBlock = groupBy(
      test.map((label, i) => ({ label, block: data.test.blocks![i]! })),
      ({ block }) => block,
    );
    const { rows, blocks, designEffect: effect } = bertSupersense.dependent!;
    expect([test.length, byBlock.size]).toEqual([rows, blocks]);
    expect(designEffect([...byBlock.values()].map((list) => list.map(({ label }) => label)))).toBeCloseTo(effect, 1);
  });

  test('hypernyms: halves of right and wrong pairs; no wrong one is an ancestor; held-out glosses are in neither place of training', async () => {
    const data = await openData({ set: 'wordnet-task', task: 'hypernym', ...fields, tokens: 200 });
    const { labels } = await data.train.batch(Uint32Array.from({ length: 2000 }, (_, i) => i * 30));
    const share = labels.reduce((a, b) => a + b, 0) / 2000;
    expect(Math.abs(share - 0.5)).toBeLessThan(0.04);
    const tokenizer = new WordPiece(TOKENS);
    const encode = (gloss: string): string => tokenizer.encode(gloss).ids.join(' ');
    const heldOut = new Set(
      readWordNet()
        .filter(({ gloss }) => splitOf(gloss) !== 'train')
        .map(({ gloss }) => encode(gloss)),
    );
    const trained = new Set(
      readWordNet()
        .filter(({ gloss }) => splitOf(gloss) === 'train')
        .map(({ gloss }) => encode(gloss)),
    );
    const parts = (values: ArrayLike<number>): [string, string] => {
      const ids = Array.from(values);
      const [first, second] = [ids.indexOf(3), ids.lastIndexOf(3)];
      return [ids.slice(1, first).join(' '), ids.slice(first + 1, second).join(' ')];
    };
    for (const [source, where] of [
      [data.train, trained],
      [data.test, heldOut],
    ] as const) {
      const { values } = await source.batch(Uint32Array.from({ length: 100 }, (_, i) => i * 3));
      for (let i = 0; i < 100; i++) {
        const [gloss, pair] = parts(values.subarray(i * 600, i * 600 + 200));
        expect(where.has(gloss)).toBe(true);
        expect(trained.has(pair)).toBe(true);
      }
    }
  });
});

describe('tab-separated files', () => {
  const write = (name: string, text: string | Buffer): string => {
    const path = join(folder, name);
    writeFileSync(path, text);
    return path;
  };
  const spec = (changes: Partial<DataSpec> = {}): DataSpec =>
    ({
      set: 'tsv',
      ...fields,
      train: write(
        'train.tsv',
        'id\tquestion\tanswer\tlabel\n1\tthe entity\ta thing\tyes\n2\tan act\ta "quote\tno\r\n3\ta cause\ta thing\tyes\n',
      ),
      test: write('test.tsv', 'label\tquestion\tanswer\nno\tan act\tan object\n'),
      validation: 1,
      columns: { text: 'question', pair: 'answer', label: 'label' },
      ...changes,
    }) as DataSpec;

  test('columns by name, labels in alphabetical order, some examples held out', async () => {
    const data = await openData(spec());
    expect([data.classes, data.train.count, data.validation.count, data.test.count]).toEqual([2, 2, 1, 1]);
    const { values, labels } = await data.test.batch(Uint32Array.of(0));
    expect(textOf(values.subarray(0, 24))).toBe('[CLS] an act [SEP] an object [SEP]');
    expect([...labels]).toEqual([0]);
  });

  test('classes that a split lacks are named, of training where validation takes every example', async () => {
    const train = write('classes.tsv', `label\tquestion\n${'a\tan act\nb\ta cause\n'.repeat(3)}c\ta fact\n`);
    const test = write('classes-test.tsv', 'label\tquestion\na\tan act\n');
    const columns = { text: 'question', label: 'label' };
    const absentOf = async (validation: string | number): Promise<unknown> =>
      (await openData(spec({ train, test, columns, validation } as Partial<DataSpec>))).absent;
    expect(await absentOf(test)).toEqual([
      { split: 'validation', labels: ['b', 'c'] },
      { split: 'test', labels: ['b', 'c'] },
    ]);
    // one of the seven examples is left
    expect(await absentOf(6)).toContainEqual({ split: 'train', labels: ['b', 'c'] });
    const none = await openData(spec({ train, test: train, columns, validation: train } as Partial<DataSpec>));
    expect(none.absent).toBeUndefined();
  });

  test('test texts that are training texts, too, are counted, by their words and not by their file', async () => {
    const lines = (from: number, count: number): string =>
      Array.from({ length: count }, (_, i) => `${'ab'[i % 2]}\tthe act ${from + i}`).join('\n');
    const train = write('repeated.tsv', `label\tquestion\n${lines(0, 40)}\n`);
    const columns = { text: 'question', label: 'label' };
    const repeatedOf = async (text: string): Promise<unknown> => {
      const test = write('repeated-test.tsv', `label\tquestion\n${text}\n`);
      return (await openData(spec({ train, test, columns, validation: test } as Partial<DataSpec>))).repeated;
    };
    expect(await repeatedOf(lines(0, 40))).toEqual({ count: 40, of: 40 });
    expect(await repeatedOf(lines(36, 40))).toEqual({ count: 4, of: 40 });
    expect(await repeatedOf(lines(37, 40))).toBeUndefined();
    expect(repeatedLine({ count: 4, of: 40 })).toBe(
      '4 of the 40 test texts are training texts, too: the test accuracy says less about new ones',
    );
  });

  test('columns by number, without a first line of names', async () => {
    const plain = write('plain.tsv', 'x\tthe entity\ny\tan act\n');
    const data = await openData(
      spec({ train: plain, test: plain, validation: plain, columns: { text: 1, label: 0 } } as Partial<DataSpec>),
    );
    expect([data.train.count, data.validation.count]).toEqual([2, 2]);
  });

  const numbered = (labels: readonly string[]): string =>
    write('labels.tsv', `label\tquestion\n${labels.map((label) => `${label}\tthe entity\n`).join('')}`);
  const classesOf = async (labels: readonly string[], changes: object = {}): Promise<readonly string[]> => {
    const file = numbered(labels);
    const columns = { text: 'question', label: 'label' };
    const data = await openData(
      spec({ train: file, test: file, validation: file, columns, ...changes } as Partial<DataSpec>),
    );
    // a label's class is its place in the list
    const all = Uint32Array.from({ length: data.test.count }, (_, i) => i);
    const given = await data.test.batch(all);
    expect(Array.from(given.labels, (label) => data.labels![label])).toEqual(labels);
    return data.labels!;
  };

  test('lines with too few columns, as in QQP, or too many, and without a label, as in SNLI, are left out and named', async () => {
    const file = write(
      'gaps.tsv',
      'id\tquestion\tlabel\n1\tthe entity\tyes\n2\tan act\n3\ta cause\t-\n4\tan object\tno\t\n5\n6\ta thing\tno\n7\ta fact\t\n' +
        '8\ta text with\ta tab in it\tyes\n',
    );
    const columns = { text: 'question', label: 'label' };
    const given = spec({ train: file, test: file, validation: file, columns } as Partial<DataSpec>);
    const data = await openData(given);
    expect([data.train.count, data.labels]).toEqual([3, ['no', 'yes']]);
    expect(data.problems).toEqual([
      { file, reason: 'line 3: 2 columns; column 3 is needed; left out' },
      { file, reason: 'line 6: 1 column; column 2 is needed; left out' },
      { file, reason: 'line 9: 4 columns, 3 in the first line; left out' },
      { file, reason: 'line 4: without a label ("-"); left out' },
      { file, reason: 'line 8: without a label; left out' },
    ]);
    const { values } = await data.train.batch(Uint32Array.of(0, 1, 2));
    expect([0, 72, 144].map((at) => textOf(values.subarray(at, at + 24)))).toEqual([
      '[CLS] the entity [SEP]',
      '[CLS] an object [SEP]',
      '[CLS] a thing [SEP]',
    ]);
    // "-" may be a class of one's own
    const own = await openData({ ...given, labels: ['-', 'no', 'yes'] } as DataSpec);
    expect([own.train.count, own.problems]).toEqual([
      4,
      data.problems!.filter(({ reason }) => !reason.includes('"-"')),
    ]);
  });

  test('labels that are numbers are classes in the order of numbers, others of letters', async () => {
    const upToEleven = Array.from({ length: 12 }, (_, i) => String(i));
    expect(await classesOf([...upToEleven].reverse())).toEqual(upToEleven);
    expect(await classesOf(['10', '9', '-1', '2.5', '2'])).toEqual(['-1', '2', '2.5', '9', '10']);
    expect(await classesOf(['1e3', '+7', '.5', '20'])).toEqual(['.5', '+7', '20', '1e3']);
    expect(await classesOf(['10', '9', 'x'])).toEqual(['10', '9', 'x']);
  });

  test('one number that is written in two ways is refused, unless data.labels has both', async () => {
    for (const [one, other] of [
      ['1', '1.0'],
      ['01', '1'],
      ['+7', '7'],
      ['1000', '1e3'],
    ] as const) {
      const line = `the labels "${one}" and "${other}" are one number`;
      await expect(classesOf([other, one, '5']), line).rejects.toThrow(line);
    }
    expect(await classesOf(['1', '1.0'], { labels: ['1.0', '1'] })).toEqual(['1.0', '1']);
    // the same double, and two numbers
    const large = ['9007199254740992', '9007199254740993'];
    expect(await classesOf(large)).toEqual(large);
    expect(await classesOf(['x', '1', '1.0'])).toEqual(['1', '1.0', 'x']);
  });

  test('"-" is a label beside "+", in a file without one, too', async () => {
    expect(await classesOf(['-', '+', '0'])).toEqual(['+', '-', '0']);
    const test = write('negative.tsv', 'label\tquestion\n-\tan act\n');
    const train = numbered(['-', '+']);
    const columns = { text: 'question', label: 'label' };
    const data = await openData(spec({ train, test, validation: train, columns } as Partial<DataSpec>));
    expect([data.test.count, data.problems]).toEqual([1, undefined]);
  });

  test('data.labels says the order, and may have more than the file', async () => {
    expect(await classesOf(['no', 'yes'], { labels: ['yes', 'maybe', 'no'] })).toEqual(['yes', 'maybe', 'no']);
    await expect(classesOf(['no', 'yes'], { labels: ['yes', 'maybe'] })).rejects.toThrow(
      /labels.tsv, line 2: label "no"; data.labels has: yes, maybe/,
    );
    await expect(classesOf(['no', 'yes'], { labels: ['yes', 'no', 'yes'] })).rejects.toThrow(
      'data.labels: "yes" stands in it twice',
    );
  });

  test('a checkpoint’s order is taken where it names the labels, in whatever capitals', () => {
    const file = numbered(['entailment', 'neutral', 'contradiction']);
    const given = spec({ train: file, columns: { text: 'question', label: 'label' } } as Partial<DataSpec>);
    const labels = ['contradiction', 'entailment', 'neutral'];
    const order = ['ENTAILMENT', 'NEUTRAL', 'CONTRADICTION'];
    expect(inOrderOf(given, order)).toMatchObject({ labels: ['entailment', 'neutral', 'contradiction'] });
    expect(inOrderOf(given, ['happy', 'sad', 'angry'])).toBe(given);
    expect(inOrderOf(given, labels)).toBe(given); // as they are without it
    expect(inOrderOf(given, [...order, 'other'])).toMatchObject({
      labels: [...order.map((l) => l.toLowerCase()), 'other'],
    });
    expect(() => inOrderOf({ ...given, labels } as DataSpec, order)).toThrow(
      'data.labels: contradiction, entailment, neutral, and the checkpoint has the order entailment, neutral, contradiction',
    );
  });

  test('a task whose classes are known has their order, and a checkpoint with another is refused', () => {
    const given = { set: 'wordnet-task', task: 'supersense', ...fields } as const;
    expect(inOrderOf(given, SUPERSENSES)).toBe(given);
    expect(inOrderOf(given, SUPERSENSES.slice(1))).toBe(given); // other classes
    expect(() => inOrderOf(given, [...SUPERSENSES].reverse())).toThrow(
      /data.set "wordnet-task": a checkpoint has its classes in another order, beginning/,
    );
  });

  test.each([
    [
      { columns: { text: 'text', label: 'label' } },
      /train.tsv: no column "text" in its first line; there are: id, question, answer, label$/,
    ],
    [
      { columns: { text: 'label', label: 'label' } },
      /train.tsv: the column "label" is to be two things \(data.columns\); expected a column of its own for each/,
    ],
    [
      { columns: { text: 'question', pair: 'question', label: 'label' } },
      /train.tsv: the column "question" is to be two things/,
    ],
    [{ columns: { text: 1, label: 1 } }, /train.tsv: the column with the number 1 is to be two things/],
    [{ columns: { text: 'question', label: 1 } }, /train.tsv: the column "question" is to be two things/],
    [{ train: 'blank' }, /blank.tsv: no text in it, on any line with a label; expected one/],
    [{ test: 'blank', validation: 1 }, /blank.tsv: no text in it/],
    [{ train: 'twins' }, /twins.tsv: the column "label" stands twice in its first line/],
    [{ test: 'twins', validation: 1 }, /twins.tsv: the column "label" stands twice in its first line/],
    [{ train: 'commas' }, /commas.tsv: no column .* there are: .*; expected tabs between them, got commas$/],
    [{ train: '/no/such.tsv' }, /such.tsv: not found; expected a file with an example on each line/],
    [{ test: 'other', validation: 1 }, /other.tsv, line 2: label "maybe"; the training file has: no, yes/],
    [{ train: 'short' }, /short.tsv, line 2: 2 columns; column 3 is needed/],
    [{ train: 'empty' }, /empty.tsv: no example in it; expected a text and a label on each line/],
    [{ test: 'empty', validation: 1 }, /empty.tsv: no example in it/],
    [{ train: 'nothing' }, /nothing.tsv: empty; expected an example on each line/],
    [{ train: 'bytes' }, /bytes.tsv: not valid UTF-8/],
    [{ train: 'same' }, /all examples have the label "a"; expected at least two/],
    [{ validation: 3 }, /3 examples; 3 are to be held out for validation, and none is left/],
    [{ groupByLength: true }, /data.groupByLength: expected data.padding "longest" beside it, or neither/],
    [{ groupByLength: true, padding: 'max_length' }, /data.groupByLength: expected data.padding "longest"/],
  ] as [Record<string, unknown>, RegExp][])('%j is named', async (changes, message) => {
    const files: Record<string, string | Buffer> = {
      other: 'label\tquestion\tanswer\nmaybe\tan act\tan object\n',
      short: 'id\tquestion\tanswer\tlabel\n1\tan act\n',
      twins: 'question\tanswer\tlabel\tlabel\nan act\tan object\tyes\tno\n',
      blank: 'question\tanswer\tlabel\n\t \tyes\n\t\tno\n',
      commas: 'id,question,answer,label\n1,an act,an object,yes\n',
      nothing: '\n',
      empty: 'id\tquestion\tanswer\tlabel\n\n',
      bytes: Buffer.from([0x69, 0x64, 0xff, 0xfe]),
      same: 'id\tquestion\tanswer\tlabel\n1\tb\tc\ta\n',
    };
    const replaced = Object.fromEntries(
      Object.entries(changes).map(([key, value]) => [
        key,
        typeof value === 'string' && value in files ? write(`${value}.tsv`, files[value]!) : value,
      ]),
    );
    const given = spec(replaced as Partial<DataSpec>);
    await expect(
      (async () => {
        checkData(given);
        await openData(given);
      })(),
    ).rejects.toThrow(message);
  });
});
