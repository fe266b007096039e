/** A training run's network in files of the names under which networks are published. */
import { extname, join } from 'node:path';
import { UsageError } from '../core/errors.js';
import type { Answer } from '../data/dataset.js';
import { declaredLabels, tokenizerOf } from '../data/index.js';
import type { TokenizerFacts } from '../models/family.js';
import { writeWeights } from '../models/files.js';
import { writeAtomic } from '../store/atomic.js';
import { readArrays, readMetrics, readTokenizer, type RunRecord } from '../store/runs.js';
import { parseTrainSpec } from './check-spec.js';
import { TRAIN_KIND } from './required.js';
import { fromArrays } from './weights.js';

/**
 * Writes a training run's network in torchvision's or Hugging Face's names; a BERT at a path without extension as a
 * folder, with its configuration, its tokenizer and, for SQuAD, its answers to the test questions as the official
 * scripts read them (`predictions.json`, for 2.0 `null_odds.json`). Throws UsageError when the run has none, or its
 * family has no published names.
 */
export async function exportRun(run: RunRecord, path: string): Promise<void> {
  if (run.cell.kind !== TRAIN_KIND || run.status !== 'finished')
    throw new UsageError(
      `run ${run.id} is ${run.status} and of the kind "${run.cell.kind}"; expected a finished training run`,
    );
  const { network, data } = parseTrainSpec(run.cell.spec);
  const trained = fromArrays(readArrays(run));
  const tokenizer = extname(path) === '' ? (keptTokenizer(run) ?? (await tokenizerOf(data))) : undefined;
  const labels = labelsOf(run) ?? declaredLabels(data);
  if (writeWeights(path, network, trained, tokenizer, labels) === 'folder') writeAnswers(path, run);
}

/** The tokenizer that the run was trained with; undefined where it kept none. */
function keptTokenizer(run: RunRecord): TokenizerFacts | undefined {
  return readTokenizer(run) as TokenizerFacts | undefined;
}

/** Names of the classes as the run had them, in order; undefined where its data did not name them. */
function labelsOf(run: RunRecord): readonly string[] | undefined {
  const names = readMetrics(run).flatMap(({ event, label }) => (event === 'label' ? [String(label)] : []));
  return names.length === 0 ? undefined : names;
}

function writeAnswers(folder: string, run: RunRecord): void {
  const answers = readMetrics(run).filter(
    (row): row is Answer & { event: string } => row.event === 'answer' && row.split === 'test',
  );
  // by hand: an object would put ids that are whole numbers first, and of equal scores the official script takes the
  // first in the file
  const write = (name: string, values: readonly (readonly [string, unknown])[]): void => {
    const lines = values.map(([id, value]) => `  ${JSON.stringify(id)}: ${JSON.stringify(value)}`);
    if (lines.length > 0) writeAtomic(join(folder, name), `{\n${lines.join(',\n')}\n}\n`);
  };
  write(
    'predictions.json',
    answers.map(({ id, answer }) => [id, answer]),
  );
  write(
    'null_odds.json',
    answers.flatMap(({ id, noAnswer }) => (noAnswer === undefined ? [] : [[id, noAnswer]])),
  );
}
