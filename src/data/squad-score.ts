/** Scores of answers that stand in files. */
import { existsSync } from 'node:fs';
import { z } from 'zod';
import { isOrAre, plural, UsageError } from '../core/errors.js';
import { whatIsWrong } from '../core/issues.js';
import { scoreVersion1, scoreVersion2, type SquadScores } from '../text/answers.js';
import { readEntries } from '../store/config.js';
import { readSquad } from './squad.js';

/** The files that a score is computed from. */
export interface SquadFiles {
  readonly dataset: string;
  readonly predictions: string;
  /** How sure it is that a question has no answer, by id; 2.0 only. */
  readonly noAnswer?: string;
}

function readById<T>(path: string, value: z.ZodType<T>, what: string): ReadonlyMap<string, T> {
  if (!existsSync(path))
    throw new UsageError(`${path}: file not found; expected a JSON object with ${what} for each question's id`);
  const entries = readEntries(path);
  for (const [id, given] of entries) {
    const parsed = value.safeParse(given);
    if (!parsed.success)
      throw new UsageError(
        `${path}: ${id}: ${whatIsWrong(parsed.error, given)}; expected a JSON object with ${what} for each ` +
          `question's id`,
      );
  }
  return entries as ReadonlyMap<string, T>;
}

/**
 * Official scores, in percent, of a file of predictions, and the ids of the questions that have none. Throws UsageError
 * on files that are missing or of another format, and when no prediction is for a question of the data set's file.
 */
export function scoreSquad(
  files: SquadFiles,
  threshold?: number,
): Promise<{ readonly scores: SquadScores; readonly missing: readonly string[] }> {
  const { version, questions } = readSquad(files.dataset);
  const predictions = readById(files.predictions, z.string(), 'an answer');
  const asked = questions.map(({ id, truths }) => ({ id, answers: truths }));
  const missing = asked.filter(({ id }) => !predictions.has(id)).map(({ id }) => id);
  if (missing.length === asked.length)
    throw new UsageError(
      `${files.predictions}: no prediction for any question of ${files.dataset}, which has ${plural(asked.length, 'question')}`,
    );
  if (version === 1) {
    if (files.noAnswer !== undefined || threshold !== undefined)
      throw new UsageError(
        `${files.dataset}: in SQuAD 1.1 every question has an answer; --null-odds and --threshold are for 2.0`,
      );
    return Promise.resolve({ scores: scoreVersion1(asked, predictions), missing });
  }
  const noAnswer = files.noAnswer === undefined ? undefined : readById(files.noAnswer, z.number(), 'a number');
  const without = noAnswer && asked.filter(({ id }) => predictions.has(id) && !noAnswer.has(id));
  if (without !== undefined && without.length > 0)
    throw new UsageError(
      `${files.noAnswer}: ${plural(without.length, 'question')} with a prediction ${isOrAre(without.length)} not in it: ${without
        .slice(0, 5)
        .map(({ id }) => id)
        .join(', ')}`,
    );
  return Promise.resolve({
    scores: scoreVersion2(asked, predictions, {
      ...(noAnswer && { noAnswer }),
      ...(threshold !== undefined && { threshold }),
    }),
    missing,
  });
}
