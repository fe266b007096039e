/**
 * Scores of answers to SQuAD's questions, exactly as the official scripts compute them (Rajpurkar et al. 2016,
 * evaluate-v1.1.py; Rajpurkar, Jia, Liang 2018, evaluate-v2.0.py): exact match and F1 of words, in percent, the best
 * over a question's true answers; in 2.0 with questions that have none.
 */

/** A question of a file, and its true answers: none in 2.0 where the text does not say. */
export interface Question {
  readonly id: string;
  readonly answers: readonly string[];
}

// Python's str.split(), string.punctuation and \b, which JavaScript's own differ from
// oxlint-disable-next-line no-control-regex
const SPACES = /[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/u;
const PUNCTUATION = /[!"#$%&'()*+,\-./:;<=>?@[\\\]^_`{|}~]/g;
const ARTICLES = /(?<![\p{L}\p{N}_])(a|an|the)(?![\p{L}\p{N}_])/gu;

/** An answer as the scores compare it: in lower case, without punctuation and articles, with single spaces. */
export function normalizeAnswer(text: string): string {
  return wordsIn(text.toLowerCase().replace(PUNCTUATION, '').replace(ARTICLES, ' ')).join(' ');
}

function wordsIn(text: string): string[] {
  return text.split(SPACES).filter((word) => word !== '');
}

/** 1 where a prediction is the truth after both are normalized, else 0. */
export function exactMatch(prediction: string, truth: string): number {
  return Number(normalizeAnswer(prediction) === normalizeAnswer(truth));
}

/**
 * Harmonic mean of precision and recall of the words, each as often as it occurs; `version` 2 counts two empty answers
 * as equal.
 */
export function f1Score(prediction: string, truth: string, version: 1 | 2): number {
  const [mine, theirs] = [prediction, truth].map((text) => wordsIn(normalizeAnswer(text))) as [string[], string[]];
  if (version === 2 && (mine.length === 0 || theirs.length === 0)) return Number(mine.length === theirs.length);
  const left = new Map<string, number>();
  for (const word of theirs) left.set(word, (left.get(word) ?? 0) + 1);
  let same = 0;
  for (const word of mine) {
    const count = left.get(word) ?? 0;
    if (count > 0) same++;
    left.set(word, count - 1);
  }
  if (same === 0) return 0;
  const [precision, recall] = [same / mine.length, same / theirs.length];
  return (2 * precision * recall) / (precision + recall);
}

/** Scores in percent, and counts and thresholds, under the official scripts' names. */
export interface SquadScores {
  readonly [name: string]: number;
}

function best(truths: readonly string[], score: (truth: string) => number): number {
  return truths.reduce((most, truth) => Math.max(most, score(truth)), 0);
}

/** Answers by the question's id, in the order of their file. */
export type Predictions = ReadonlyMap<string, string>;

/** Scores for SQuAD 1.1: every question of the file counts, and one without a prediction scores 0. */
export function scoreVersion1(questions: readonly Question[], predictions: Predictions): SquadScores {
  const mean = (score: (prediction: string, truth: string) => number): number => {
    const sum = questions.reduce((total, { id, answers }) => {
      const prediction = predictions.get(id);
      return total + (prediction === undefined ? 0 : best(answers, (truth) => score(prediction, truth)));
    }, 0);
    return (100 * sum) / questions.length;
  };
  return { exact_match: mean(exactMatch), f1: mean((prediction, truth) => f1Score(prediction, truth, 1)) };
}

/** How questions without an answer are told from the others in SQuAD 2.0. */
export interface Version2Options {
  /**
   * How sure it is that a question has no answer; a larger number is surer. The best threshold depends on the order of
   * equal numbers, which is that of the file in the official script.
   */
  readonly noAnswer?: ReadonlyMap<string, number>;
  /** A question counts as unanswered above it. */
  readonly threshold?: number;
}

/**
 * Scores for SQuAD 2.0. Questions without a prediction are left out, as in the official script. With `noAnswer` the
 * best threshold is looked for, too.
 */
export function scoreVersion2(
  questions: readonly Question[],
  predictions: Predictions,
  { noAnswer, threshold = 1 }: Version2Options = {},
): SquadScores {
  const answered = questions.filter(({ id }) => predictions.has(id));
  const isAnswerable = new Map(questions.map(({ id, answers }) => [id, answers.length > 0]));
  const raw = (score: (prediction: string, truth: string) => number): Map<string, number> =>
    new Map(
      answered.map(({ id, answers }) => {
        const truths = answers.filter((text) => normalizeAnswer(text) !== '');
        return [id, best(truths.length === 0 ? [''] : truths, (truth) => score(predictions.get(id)!, truth))];
      }),
    );
  const [exact, f1] = [raw(exactMatch), raw((prediction, truth) => f1Score(prediction, truth, 2))];
  const sureness = (id: string): number => noAnswer?.get(id) ?? 0;
  const applied = (scores: ReadonlyMap<string, number>): Map<string, number> =>
    new Map([...scores].map(([id, score]) => [id, sureness(id) > threshold ? Number(!isAnswerable.get(id)) : score]));
  const [exactThen, f1Then] = [applied(exact), applied(f1)];
  const part = (name: string, chosen: (id: string) => boolean): Record<string, number> => {
    const ids = [...exact.keys()].filter(chosen);
    if (ids.length === 0) return {};
    const mean = (scores: ReadonlyMap<string, number>): number =>
      (100 * ids.reduce((sum, id) => sum + scores.get(id)!, 0)) / ids.length;
    return { [`${name}exact`]: mean(exactThen), [`${name}f1`]: mean(f1Then), [`${name}total`]: ids.length };
  };
  const found = {
    ...part('', () => true),
    ...part('HasAns_', (id) => isAnswerable.get(id)!),
    ...part('NoAns_', (id) => !isAnswerable.get(id)!),
  };
  if (noAnswer === undefined) return found;
  const [bestExact, exactThreshold] = bestThreshold(exact, predictions, noAnswer, isAnswerable);
  const [bestF1, f1Threshold] = bestThreshold(f1, predictions, noAnswer, isAnswerable);
  return {
    ...found,
    best_exact: bestExact,
    best_exact_thresh: exactThreshold,
    best_f1: bestF1,
    best_f1_thresh: f1Threshold,
  };
}

/** The largest score over all thresholds, and the first threshold that has it. */
function bestThreshold(
  scores: ReadonlyMap<string, number>,
  predictions: Predictions,
  noAnswer: ReadonlyMap<string, number>,
  isAnswerable: ReadonlyMap<string, boolean>,
): [score: number, threshold: number] {
  let current = [...isAnswerable.values()].filter((yes) => !yes).length;
  let [most, threshold] = [current, 0];
  for (const [id, sureness] of [...noAnswer].sort(([, a], [, b]) => a - b)) {
    const score = scores.get(id);
    if (score === undefined) continue;
    current += isAnswerable.get(id) ? score : predictions.get(id) === '' ? 0 : -1;
    if (current > most) [most, threshold] = [current, sureness];
  }
  return [(100 * most) / scores.size, threshold];
}
