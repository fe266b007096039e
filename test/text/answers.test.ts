import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { readSquad } from '../../src/data/squad.js';
import { scoreSquad } from '../../src/data/squad-score.js';
import { exactMatch, f1Score, normalizeAnswer, scoreVersion1, scoreVersion2 } from '../../src/text/answers.js';

const FILES = join(dirname(fileURLToPath(import.meta.url)), '..', 'data');
const [V1, V2] = ['squad-v1.json', 'squad-v2.json'].map((name) => join(FILES, name)) as [string, string];
/** As in answers_reference.py, which printed what is expected here. */
const ANSWERS = {
  q1: 'The physical object',
  q2: 'an ant, the brown dog',
  q3: 'krakow',
  q4: 'In the YEAR 2001!',
  q5: '',
  q6: 'a cellulose cellulose',
  q7: 'energy',
  q8: '',
  q9: 'nobody knows',
};
const ODDS = { q1: -3, q2: 0.5, q3: 2, q4: -1, q5: 1.5, q6: -0.5, q7: -2, q8: 3, q9: 1 };
const [PREDICTIONS, NO_ANSWER] = [new Map(Object.entries(ANSWERS)), new Map(Object.entries(ODDS))];
const questionsOf = (path: string): { id: string; answers: readonly string[] }[] =>
  readSquad(path).questions.map(({ id, truths }) => ({ id, answers: truths }));

function expectScores(found: Readonly<Record<string, number>>, expected: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(expected)) expect(found[name], name).toBeCloseTo(value, 10);
}

test('1.1: exact match and F1 of the published rules', () => {
  expectScores(scoreVersion1(questionsOf(V1), PREDICTIONS), { exact_match: 28.571428571428573, f1: 59.04761904761904 });
  // a question without a prediction scores 0
  expect(scoreVersion1(questionsOf(V1), new Map([['q7', 'energy']])).exact_match).toBeCloseTo(100 / 7, 10);
});

test('2.0: with questions that have no answer, a threshold, and the best one', () => {
  expectScores(scoreVersion2(questionsOf(V2), PREDICTIONS, { noAnswer: NO_ANSWER, threshold: 0.9 }), {
    exact: 44.44444444444444,
    f1: 68.14814814814815,
    total: 9,
    HasAns_exact: 28.571428571428573,
    HasAns_f1: 59.04761904761904,
    HasAns_total: 7,
    NoAns_exact: 100,
    NoAns_f1: 100,
    NoAns_total: 2,
    best_exact: 44.44444444444444,
    best_exact_thresh: -2,
    best_f1: 68.14814814814815,
    best_f1_thresh: 0.5,
  });
  // questions without a prediction are left out, not counted as wrong
  expect(scoreVersion2(questionsOf(V2), new Map([['q7', 'energy']]))).toMatchObject({ exact: 100, total: 1 });
});

test('normalisation is Python’s: its spaces, its punctuation, its idea of a word', () => {
  expect(
    ['The  An-swer!', 'a\u00e9 the\u00e9 an the', '\u1680Theatre\u2003a.b.c', 'A“quote” an'].map(normalizeAnswer),
  ).toEqual(['answer', 'aé theé', 'theatre abc', '“quote”']);
  expect(exactMatch('the cat', 'A cat.')).toBe(1);
  expect([f1Score('', 'the', 1), f1Score('', 'the', 2), f1Score('', 'cat', 2)]).toEqual([0, 1, 0]);
});

test('files: what does not fit is named', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'gowide-squad-'));
  const write = (name: string, value: unknown): string => {
    writeFileSync(join(folder, name), typeof value === 'string' ? value : JSON.stringify(value));
    return join(folder, name);
  };
  const predictions = write('predictions.json', ANSWERS);
  const { scores, missing } = await scoreSquad({ dataset: V2, predictions, noAnswer: write('odds.json', ODDS) }, 0.9);
  expect([scores.exact, missing]).toEqual([expect.closeTo(44.44444444444444, 10), []]);
  expect((await scoreSquad({ dataset: V1, predictions: write('one.json', { q1: 'x' }) })).missing).toHaveLength(6);
  const cases: [() => unknown, RegExp][] = [
    [() => scoreSquad({ dataset: V1, predictions, noAnswer: 'x' }), /in SQuAD 1.1 every question has an answer/],
    [
      () => scoreSquad({ dataset: V1, predictions: write('other.json', { other: 'x' }) }),
      /no prediction for any question of .*, which has 7 questions$/,
    ],
    [
      () => scoreSquad({ dataset: V1, predictions: write('list.json', { q1: ['x'] }) }),
      /list.json: q1: .*expected a JSON object with an answer/,
    ],
    [
      () => scoreSquad({ dataset: V2, predictions, noAnswer: write('few.json', { q1: 1 }) }),
      /8 questions with a prediction are not in it: q2, q3/,
    ],
    [
      () => readSquad('/no/such.json'),
      /such.json: not found; expected a file in SQuAD's format, .* \(https:\/\/rajpurkar/,
    ],
    [() => readSquad(write('text.json', 'hello')), /text.json: not valid JSON/],
    [
      () => readSquad(write('format.json', { data: [{ paragraphs: [{ qas: [] }] }] })),
      /format.json: not in SQuAD's format: data.0.paragraphs.0.context/,
    ],
    [() => readSquad(write('empty.json', { data: [] })), /no question in it/],
  ];
  for (const [run, message] of cases) {
    await expect((async () => run())(), String(message)).rejects.toThrow(message);
  }
});

test('answers that are not where the file says are counted and named; characters above U+FFFF count as one', () => {
  const file = JSON.parse(readFileSync(V1, 'utf8')) as {
    data: { paragraphs: { context: string; qas: { answers: { text: string; answer_start: number }[] }[] }[] }[];
  };
  const { questions, misplaced } = readSquad(V1);
  expect(misplaced).toEqual([]);
  for (const { context, answers } of questions)
    for (const { text, start } of answers) expect(context.slice(start, start + text.length)).toBe(text);
  file.data[1]!.paragraphs[0]!.qas[0]!.answers[0]!.answer_start += 3;
  file.data[2]!.paragraphs[0]!.qas[1]!.answers[0]!.answer_start = 10_000;
  const path = join(mkdtempSync(join(tmpdir(), 'gowide-squad-')), 'wrong.json');
  writeFileSync(path, JSON.stringify(file));
  expect(readSquad(path).misplaced).toEqual(['q4: "2001"', 'q7: "energy"']);
});
