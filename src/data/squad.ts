/**
 * Questions with answers in a text: SQuAD 1.1 and 2.0 (Rajpurkar et al. 2016, 2018). A long text is cut into windows
 * that overlap; the network gives each token a score as the start and as the end of the answer, the first token ([CLS])
 * standing for "no answer". Letters: T tokens.
 */
import { existsSync } from 'node:fs';
import { z } from 'zod';
import { exampleCount } from '../core/magnitudes.js';
import { FailureError, UsageError } from '../core/errors.js';
import { whatIsWrong } from '../core/issues.js';
import { permutation, rngKey } from '../core/rng.js';
import { disposeAll, tf, type Tensor } from '../engine/tensor.js';
import { readConfig } from '../store/config.js';
import { scoreVersion1, scoreVersion2, type Predictions } from '../text/answers.js';
import type { OnStage } from '../text/rows.js';
import type { Encoding, WordPiece } from '../text/wordpiece.js';
import {
  indexRanges,
  toBatch,
  type Answer,
  type Dataset,
  type HostBatch,
  type Source,
  type TaskScores,
} from './dataset.js';
import { pathText, type DatasetDefinition } from './definition.js';
import { checkVocabulary, CORPUS_FIELDS, openTokenizer, tokenizerFiles, vocabularySize, writeTokens } from './texts.js';

/** Schema of {@link SquadSpec}. */
export const SquadSpec = z.strictObject({
  set: z.literal('squad'),
  ...CORPUS_FIELDS,
  /** Files in SQuAD's format; the test file is scored as the official script scores it. */
  train: pathText(),
  test: pathText(),
  /** Share of the training file's articles that is held out for validation. */
  validation: z.number().min(0.001).max(0.5),
  /** Tokens of the text from one window to the next; at most what a window holds beside its question. */
  stride: exampleCount(),
  /** Longest question, and longest answer that is given, in tokens. */
  question: exampleCount(),
  answer: exampleCount(),
});
/** Files in SQuAD's format, and how their texts are cut into windows. */
export type SquadSpec = z.infer<typeof SquadSpec>;

/** What the official scripts read; `answer_start` is for training. */
const File = z.looseObject({
  version: z.unknown().optional(),
  data: z.array(
    z.looseObject({
      title: z.string().optional(),
      paragraphs: z.array(
        z.looseObject({
          context: z.string(),
          qas: z.array(
            z.looseObject({
              id: z.string(),
              question: z.string(),
              is_impossible: z.boolean().optional(),
              answers: z.array(z.looseObject({ text: z.string(), answer_start: z.number().optional() })).default([]),
            }),
          ),
        }),
      ),
    }),
  ),
});

/** A question of a file in SQuAD's format. */
export interface SquadQuestion {
  readonly id: string;
  readonly article: number;
  readonly question: string;
  readonly context: string;
  /** The answers of the file, as the scores compare them; none where the text does not say. */
  readonly truths: readonly string[];
  /**
   * What training may ask for: the answers that stand where the file says they do, and where they begin, in UTF-16
   * units. None where the file says that the question is impossible.
   */
  readonly answers: readonly { readonly text: string; readonly start: number }[];
}

/** A file in SQuAD's format, read. */
export interface SquadFile {
  readonly version: 1 | 2;
  readonly articles: number;
  readonly questions: readonly SquadQuestion[];
  /** Answers that do not stand in their text where they are said to, or are said to stand nowhere, by question. */
  readonly misplaced: readonly string[];
}

/** Throws UsageError when a file is missing; reads none, they are large. */
function checkSquad({ train, test }: Pick<SquadSpec, 'train' | 'test'>): void {
  for (const path of [train, test]) checkFile(path);
}

function checkFile(path: string): void {
  if (!existsSync(path))
    throw new UsageError(
      `${path}: not found; expected a file in SQuAD's format, for example train-v1.1.json ` +
        '(https://rajpurkar.github.io/SQuAD-explorer)',
    );
}

/** Reads a file. Throws UsageError when it is missing or is not in SQuAD's format, and says where. */
export function readSquad(path: string): SquadFile {
  checkFile(path);
  const content = readConfig(path);
  const parsed = File.safeParse(content);
  if (!parsed.success) throw new UsageError(`${path}: not in SQuAD's format: ${whatIsWrong(parsed.error, content)}`);
  const misplaced: string[] = [];
  const questions = parsed.data.data.flatMap(({ paragraphs }, article) =>
    paragraphs.flatMap(({ context, qas }) => {
      const unit = unitsOf(context);
      return qas.map(({ id, question, answers, is_impossible: impossible }): SquadQuestion => {
        const given = impossible === true ? [] : answers;
        const found = given.map(({ text, answer_start: start = -1 }) => ({ text, start: unit(start) }));
        const stands = ({ text, start }: (typeof found)[number]): boolean =>
          start !== undefined && context.startsWith(text, start);
        const wrong = found.find((one) => !stands(one));
        if (wrong !== undefined) misplaced.push(`${id}: "${wrong.text}"`);
        const there = found.filter(stands).map(({ text, start }) => ({ text, start: start! }));
        return { id, article, question, context, truths: answers.map(({ text }) => text), answers: there };
      });
    }),
  );
  if (questions.length === 0) throw new UsageError(`${path}: no question in it`);
  const { version, data } = parsed.data;
  const asked = data.flatMap(({ paragraphs }) => paragraphs.flatMap(({ qas }) => qas));
  const isSecond =
    /^v?2/.test(String(version)) ||
    asked.some(({ is_impossible: flag, answers }) => flag !== undefined || answers.length === 0);
  return { version: isSecond ? 2 : 1, articles: data.length, questions, misplaced };
}

/** UTF-16 units before a character of a text: the files count characters, JavaScript counts units. */
function unitsOf(context: string): (character: number) => number | undefined {
  if (!/[\ud800-\udfff]/.test(context))
    return (character) => (character >= 0 && character <= context.length ? character : undefined);
  const starts: number[] = [];
  let at = 0;
  for (const character of context) {
    starts.push(at);
    at += character.length;
  }
  return (character) => starts[character];
}

interface Window {
  readonly question: number;
  readonly ids: readonly number[];
  readonly text: readonly number[];
  /** First token of the window in the whole text, and its position in the sequence. */
  readonly from: number;
  readonly offset: number;
  /** Positions of the answer's first and last token in the sequence; 0, 0 where it is not in the window. */
  readonly span: readonly [number, number];
}

class Windows {
  readonly all: Window[] = [];
  private readonly encodings = new Map<string, Encoding>();

  constructor(
    private readonly tokenizer: WordPiece,
    readonly questions: readonly SquadQuestion[],
    private readonly spec: SquadSpec,
  ) {
    for (const [index, question] of questions.entries()) this.cut(index, question);
  }

  encode(context: string): Encoding {
    let encoding = this.encodings.get(context);
    if (encoding === undefined) this.encodings.set(context, (encoding = this.tokenizer.encode(context)));
    return encoding;
  }

  private cut(index: number, { question, context, answers }: SquadQuestion): void {
    const { tokens, stride, question: longest } = this.spec;
    const ids = this.tokenizer.encode(question).ids.slice(0, longest);
    const { ids: text, starts, ends } = this.encode(context);
    const room = tokens - ids.length - 3;
    if (room < 1)
      throw new UsageError(
        `squad: sequences of ${tokens} tokens leave no room for the text beside a question of ${ids.length}; ` +
          'raise "tokens" or lower "question"',
      );
    const [answer] = answers;
    const first = answer === undefined ? -1 : ends.findIndex((end) => end > answer.start);
    const last = answer === undefined ? -1 : starts.findLastIndex((start) => start < answer.start + answer.text.length);
    const step = Math.min(room, stride); // no window begins after the end of the one before: every token is in one
    for (let from = 0; ; from += step) {
      const part = text.slice(from, from + room);
      const offset = ids.length + 2;
      const inside = first >= from && last >= first && last < from + part.length;
      this.all.push({
        question: index,
        ids,
        text: part,
        from,
        offset,
        span: inside ? [offset + first - from, offset + last - from] : [0, 0],
      });
      if (from + room >= text.length) break;
    }
  }

  source(): Source {
    const { tokens } = this.spec;
    return {
      count: this.all.length,
      batch: (indices): HostBatch => {
        const values = new Int32Array(indices.length * 3 * tokens);
        const labels = new Int32Array(indices.length * 2);
        for (const [i, index] of indices.entries()) {
          const { ids, text, span } = this.all[index]!;
          writeTokens(this.tokenizer, tokens, { first: ids, second: text }, values, i * 3 * tokens);
          labels.set(span, 2 * i);
        }
        return { values, labels };
      },
    };
  }
}

/** Answers to a file's questions, by id, in the order of the questions. */
export interface SquadPredictions {
  readonly answers: Predictions;
  /** Score of "no answer" less the best answer's, by question. */
  readonly noAnswer: ReadonlyMap<string, number>;
}

/**
 * The best span of each question over its windows, among the 20 best starts and ends of each. `predict`: x [B, 3, T] ->
 * scores [B, 2, T].
 */
async function answer(
  windows: Windows,
  spec: SquadSpec,
  data: Pick<Dataset, 'shape' | 'classes' | 'questions'>,
  predict: (x: Tensor) => Tensor,
): Promise<SquadPredictions> {
  const found = windows.questions.map(() => ({ score: -Infinity, text: '', none: Infinity }));
  const source = windows.source();
  for (const indices of indexRanges(source.count, 32)) {
    const { x, y } = toBatch(data, await source.batch(indices));
    const scores = tf.tidy(() => predict(x));
    const values = await scores.data();
    disposeAll({ x, y, scores });
    for (const [i, index] of indices.entries()) {
      const window = windows.all[index]!;
      const { context } = windows.questions[window.question]!;
      const best = found[window.question]!;
      const [starts, ends] = [0, 1].map((row) =>
        values.subarray((2 * i + row) * spec.tokens, (2 * i + row + 1) * spec.tokens),
      ) as [Float32Array, Float32Array];
      const infinite = [...starts, ...ends].find((value) => !Number.isFinite(value));
      if (infinite !== undefined)
        throw new FailureError(
          `squad: a score of question ${windows.questions[window.question]!.id} is ${infinite}; a lower ` +
            'learning rate helps',
        );
      best.none = Math.min(best.none, starts[0]! + ends[0]!);
      const span = bestSpan(starts, ends, window, spec.answer);
      if (span === undefined || span.score <= best.score) continue;
      const { starts: from, ends: to } = windows.encode(context);
      best.score = span.score;
      best.text = context.slice(
        from[window.from + span.first - window.offset],
        to[window.from + span.last - window.offset],
      );
    }
  }
  const entries = found.map(({ score, text, none }, i) => [windows.questions[i]!.id, text, none - score] as const);
  return {
    answers: new Map(entries.map(([id, text]) => [id, text])),
    noAnswer: new Map(entries.map(([id, , margin]) => [id, margin])),
  };
}

const CANDIDATES = 20;

function bestSpan(
  starts: Float32Array,
  ends: Float32Array,
  { offset, text }: Window,
  longest: number,
): { first: number; last: number; score: number } | undefined {
  const top = (scores: Float32Array): number[] =>
    Array.from({ length: text.length }, (_, i) => offset + i)
      .sort((a, b) => scores[b]! - scores[a]!)
      .slice(0, CANDIDATES);
  let best: { first: number; last: number; score: number } | undefined;
  const lasts = top(ends);
  for (const first of top(starts)) {
    for (const last of lasts) {
      const score = starts[first]! + ends[last]!;
      if (last >= first && last < first + longest && (best === undefined || score > best.score))
        best = { first, last, score };
    }
  }
  return best;
}

/** The official scores of a split's answers. */
function scored(
  split: Answer['split'],
  version: 1 | 2,
  asked: readonly SquadQuestion[],
  { answers, noAnswer }: SquadPredictions,
): TaskScores {
  const questions = asked.map(({ id, truths }) => ({ id, answers: truths }));
  const scores =
    version === 1 ? scoreVersion1(questions, answers) : scoreVersion2(questions, answers, { noAnswer, threshold: 0 });
  return {
    scores: Object.fromEntries(Object.entries(scores).map(([name, value]) => [`${split} ${name}`, value as number])),
    answers: asked.map(({ id }) => ({
      split,
      id,
      answer: answers.get(id)!,
      ...(version === 2 && { noAnswer: noAnswer.get(id)! }),
    })),
  };
}

/**
 * Examples [3, T], two questions each: the start and the end. Training questions whose answer is misplaced are left
 * out, and named. Throws UsageError on a file that is none of SQuAD's, and where no question is left for a split.
 */
export async function openSquad(spec: SquadSpec, onStage?: OnStage): Promise<Dataset> {
  const [train, test] = [readSquad(spec.train), readSquad(spec.test)];
  const tokenizer = await openTokenizer(spec, onStage);
  const wrong = new Set(train.misplaced.map((line) => line.slice(0, line.indexOf(': "'))));
  const usable = train.questions.filter(({ id }) => !wrong.has(id));
  const held = Math.max(1, Math.round(train.articles * spec.validation));
  const heldOut = new Set(permutation(rngKey(0, 'squad', 'validation'), train.articles).subarray(0, held));
  const [own, validation] = [
    usable.filter(({ article }) => !heldOut.has(article)),
    usable.filter(({ article }) => heldOut.has(article)),
  ];
  for (const [part, name] of [
    [own, 'training'],
    [validation, 'validation'],
  ] as const) {
    if (part.length === 0)
      throw new UsageError(
        `${spec.train}: ${train.articles} articles, and with ${held} of them held out no question is left for ` +
          `${name}; add articles or change "validation"`,
      );
  }
  const windows = {
    train: new Windows(tokenizer, own, spec),
    validation: new Windows(tokenizer, validation, spec),
    test: new Windows(tokenizer, test.questions, spec),
  };
  const shape = { shape: [3, spec.tokens], classes: spec.tokens, questions: 2 };
  return {
    ...shape,
    vocabulary: tokenizer.vocabulary.length,
    train: windows.train.source(),
    validation: windows.validation.source(),
    test: windows.test.source(),
    problems: train.misplaced.map((line) => ({
      file: spec.train,
      reason: `the answer is not where it is said to be, left out: ${line}`,
    })),
    score: async (predict) => {
      const parts: TaskScores[] = [];
      for (const [split, version] of [
        ['validation', train.version],
        ['test', test.version],
      ] as const)
        parts.push(
          scored(split, version, windows[split].questions, await answer(windows[split], spec, shape, predict)),
        );
      return {
        scores: Object.fromEntries(parts.flatMap(({ scores }) => Object.entries(scores))),
        answers: parts.flatMap(({ answers }) => answers),
      };
    },
  };
}

/** Questions with an answer in a text, in files of the user's; an answer's start and end are two of its tokens. */
export const squad: DatasetDefinition<SquadSpec> = {
  name: 'squad',
  spec: SquadSpec,
  check: (spec) => {
    checkVocabulary(spec);
    checkSquad(spec);
  },
  open: openSquad,
  files: (spec) => [{ path: spec.train }, { path: spec.test }, ...tokenizerFiles(spec)],
  splits: ({ train, test }) => ({ 'data.train': train, 'data.test': test }),
  shape: ({ tokens }) => [3, tokens],
  task: (spec) => ({ head: 'span', classes: spec.tokens, questions: 2, ...vocabularySize(spec) }),
  tokenizer: openTokenizer,
  shown: { EM: ['exact_match', 'exact'], F1: ['f1'] },
  brought: () => 'SQuAD is brought by you: 40 MB',
};
