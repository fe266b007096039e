/** Windows over long texts, and what of a file in SQuAD's format decides its scores. */
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { HostBatch, Source } from '../../src/data/dataset.js';
import { scoreSquad } from '../../src/data/squad-score.js';
import { tf, type Tensor } from '../../src/engine/tensor.js';
import { openSquad, readSquad, type SquadSpec } from '../../src/data/squad.js';
import { anyEngine } from '../support/engines.js';

const folder = mkdtempSync(join(tmpdir(), 'gowide-squad-'));
const write = (name: string, value: unknown): string => {
  writeFileSync(join(folder, name), typeof value === 'string' ? value : JSON.stringify(value));
  return join(folder, name);
};

interface Asked {
  readonly id: string;
  readonly question?: string;
  readonly answers?: readonly { readonly text: string; readonly answer_start?: number }[];
  readonly is_impossible?: boolean;
}
const fileOf = (context: string, qas: readonly Asked[], rest: object = {}): object => ({
  ...rest,
  data: [{ paragraphs: [{ context, qas: qas.map((one) => ({ question: 'which ?', answers: [], ...one })) }] }],
});

describe('windows', () => {
  const words = Array.from({ length: 40 }, (_, i) => `w${i}`);
  const context = words.join(' ');
  const asked = (id: string, answer: number): Asked => ({
    id,
    question: 'q q q q q',
    answers: [{ text: `w${answer}`, answer_start: context.indexOf(`w${answer}`) }],
  });
  const special = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', 'q'];
  const spec = (stride: number): SquadSpec => ({
    set: 'squad',
    corpus: 'glosses',
    vocabulary: write('vocab.txt', [...special, ...words].join('\n')),
    lowercase: true,
    tokens: 20,
    heldOut: 0.1,
    train: write('train.json', {
      data: [15, 39].map((answer) => (fileOf(context, [asked(`a${answer}`, answer)]) as { data: object[] }).data[0]),
    }),
    test: write('test.json', fileOf(context, [asked('t', 14)])),
    validation: 0.5,
    stride,
    question: 5,
    answer: 5,
  });

  const read = async (source: Source): Promise<{ tokens: number[][]; spans: number[][] }> => {
    const all = Uint32Array.from({ length: source.count }, (_, i) => i);
    const { values, labels } = (await source.batch(all)) as HostBatch;
    return {
      tokens: Array.from(all, (i) => [...values.subarray(i * 60, i * 60 + 20)]),
      spans: Array.from(all, (i) => [...labels.subarray(2 * i, 2 * i + 2)]),
    };
  };

  test.each([1, 5, 12, 13, 16, 40, 1000])('a stride of %i leaves no word out of all windows of 12', async (stride) => {
    const { tokens, spans } = await read((await openSquad(spec(stride))).test);
    const seen = new Set(tokens.flat().filter((id) => id >= special.length));
    expect(seen.size).toBe(words.length);
    // and the answer is within a window, at its own token
    const found = spans.flatMap(([start, end], i) => (start === 0 ? [] : [[tokens[i]![start!], tokens[i]![end!]]]));
    expect(found.length).toBeGreaterThan(0);
    for (const pair of found) expect(pair).toEqual([special.length + 14, special.length + 14]);
  });

  test('scores that are not finite are no answers: the question is named', async () => {
    await anyEngine();
    const { score } = await openSquad(spec(12));
    const all = (value: number) => (x: Tensor) => tf.fill([x.shape[0]!, 2, 20], value) as Tensor;
    await expect(score!(all(0))).resolves.toBeDefined();
    for (const value of [NaN, Infinity])
      await expect(score!(all(value))).rejects.toThrow(/squad: a score of question (a15|a39|t) is (NaN|Infinity)/);
  });

  test('windows that overlap begin where they are told to', async () => {
    const { tokens } = await read((await openSquad(spec(5))).test);
    expect(tokens.map((row) => row[7]! - special.length)).toEqual([0, 5, 10, 15, 20, 25, 30]);
  });
});

describe('as the official scripts score', () => {
  const context = 'the old cat saw an ant';
  const cat = { text: 'old cat', answer_start: 4 };

  test('a file of 2.0 need not say which questions are impossible: those without answers are', async () => {
    const asked = [{ id: 'a', answers: [cat] }, { id: 'b' }];
    const predictions = write('predictions.json', { a: 'cat', b: '' });
    const second = { exact: 50, f1: expect.closeTo(100 * ((2 / 3 + 1) / 2), 10) as number, HasAns_total: 1 };
    for (const rest of [{ version: 'v2.0' }, { version: '2.0' }, {}]) {
      const dataset = write('second.json', fileOf(context, asked, rest));
      expect((await scoreSquad({ dataset, predictions })).scores).toMatchObject({ ...second, NoAns_exact: 100 });
    }
    // by its version, although all of its questions have answers
    const dataset = write('third.json', fileOf(context, [asked[0]!], { version: 'v2.0' }));
    expect(Object.keys((await scoreSquad({ dataset, predictions })).scores)).toContain('HasAns_exact');
    expect(readSquad(write('first.json', fileOf(context, [asked[0]!], { version: '1.1' }))).version).toBe(1);
  });

  test('evaluate-v2.0.py asks whether there are answers, not whether the question is called impossible', async () => {
    const dataset = write('called.json', fileOf(context, [{ id: 'a', answers: [cat], is_impossible: true }]));
    const { scores } = await scoreSquad({ dataset, predictions: write('called-predictions.json', { a: 'old cat' }) });
    expect(scores).toMatchObject({ exact: 100, HasAns_total: 1 });
    expect(scores.NoAns_total).toBeUndefined();
    expect(readSquad(dataset).questions[0]!.answers).toEqual([]); // for training, it has none
  });

  test('scores need no answer_start; training leaves out what has none, and names it', async () => {
    const dataset = write('texts.json', fileOf(context, [{ id: 'a', answers: [{ text: 'old cat' }] }]));
    const { scores } = await scoreSquad({ dataset, predictions: write('one.json', { a: 'the old cat' }) });
    expect(scores).toEqual({ exact_match: 100, f1: 100 });
    expect(readSquad(dataset)).toMatchObject({ misplaced: ['a: "old cat"'], questions: [{ answers: [] }] });
    for (const start of [-1, 1.5, 1e9]) {
      const other = fileOf(context, [{ id: 'a', answers: [{ text: 'old cat', answer_start: start }] }]);
      expect(readSquad(write('other.json', other)).misplaced).toEqual(['a: "old cat"']);
    }
  });

  /**
   * Of two equal numbers the first of the file counts first: by hand after evaluate-v2.0.py, whose `sorted` is stable.
   * "10" is right: 2 of 2 at its threshold; were "9" first, whose answer is wrong, it would be 1 of 2 at most.
   */
  test('the best threshold takes ids in the order of the file, numbers too', async () => {
    const dataset = write('ids.json', fileOf(context, [{ id: '10', answers: [cat] }, { id: '9' }]));
    const predictions = write('ids-predictions.json', '{"10": "old cat", "9": "ant"}');
    const best = async (text: string): Promise<object> => {
      const { scores } = await scoreSquad({ dataset, predictions, noAnswer: write('odds.json', text) }, 0);
      return { exact: scores.best_exact, threshold: scores.best_exact_thresh };
    };
    expect(await best('{"10": 0.5, "9": 0.5}')).toEqual({ exact: 100, threshold: 0.5 });
    expect(await best('{"9": 0.5, "10": 0.5}')).toEqual({ exact: 50, threshold: 0 });
  });

  test.each(['__proto__', 'constructor', 'toString'])('an id may be %s', async (id) => {
    const dataset = write(
      'names.json',
      fileOf(context, [
        { id, answers: [cat] },
        { id: 'b', answers: [cat] },
      ]),
    );
    const predictions = write('names-predictions.json', `{"b": "old cat"}`);
    expect(await scoreSquad({ dataset, predictions })).toMatchObject({ scores: { exact_match: 50 }, missing: [id] });
    const both = write('both.json', `{"b": "old cat", ${JSON.stringify(id)}: "old cat"}`);
    expect((await scoreSquad({ dataset, predictions: both })).scores.exact_match).toBe(100);
  });

  test('the files that are here are read as before', () => {
    for (const version of [1, 2] as const) {
      const file = readSquad(join(import.meta.dirname, `squad-v${version}.json`));
      expect([file.version, file.misplaced]).toEqual([version, []]);
      expect(readFileSync(join(import.meta.dirname, `squad-v${version}.json`), 'utf8')).toContain(
        file.questions[0]!.id,
      );
    }
  });
});
