/** A training run's network in files of the names under which networks are published. */
import { existsSync, rmSync } from 'node:fs';
import { extname, join } from 'node:path';
import { z } from 'zod';
import { UsageError } from '../../core/errors.js';
import type { Answer } from '../../data/dataset.js';
import { unusual, type Normalization } from '../../core/normalization.js';
import { declaredLabels, normalizationOf, tokenizerOf } from '../../data/index.js';
import type { TokenizerFacts } from '../../models/interface/family.js';
import { PREPROCESSOR, preprocessorOf, type PictureNames } from '../../models/formats/picture-facts.js';
import { allLabels, hasOnnx, isPublished, writeOnnx, writeWeights } from '../../models/write.js';
import { familyOf, networkOf, type NetworkSpec } from '../../models/index.js';
import type { HostWeights } from '../../nn/network.js';
import { writeAtomic } from '../../store/atomic.js';
import { readJson } from '../../store/config.js';
import { checkNetworkFolder, checkOutput, OUTPUTS } from '../../store/output.js';
import { readArrays, readMetrics, readTokenizer, type RunRecord } from '../../store/runs.js';
import { parseTrainSpec } from './check-spec.js';
import { TRAIN_KIND } from './required.js';
import { fromArrays } from '../values/weights.js';

/** What is known of a trained network beside its declaration. */
interface Exported {
  readonly run: RunRecord;
  readonly network: NetworkSpec;
  readonly weights: HostWeights;
  /** That of the run, or of its data, which it may have to make: asked for by the forms that have it in them. */
  readonly tokenizer: () => Promise<TokenizerFacts | undefined>;
  readonly labels: readonly string[] | undefined;
  /** How the run's pictures were normalized, where their declaration says it. */
  readonly normalize: Normalization | undefined;
}

/** A form in which a trained network is written; the ending of the path chooses it. */
interface ExportFormat {
  readonly ending: string;
  /** What such a path is, for messages. */
  readonly looks: string;
  /** Whether networks of this declaration's family can be written so. */
  readonly fits: (network: NetworkSpec) => boolean;
  /** Throws UsageError where the format has no such network. */
  readonly write: (path: string, exported: Exported) => Promise<void>;
}

/** Forms in which a trained network is written. To add one: an object here. */
export const EXPORT_FORMATS: Readonly<Record<string, ExportFormat>> = {
  safetensors: {
    ...{ ending: '.safetensors', looks: 'a name ending in .safetensors', fits: isPublished },
    write: async (path, { network, weights, labels, normalize }) =>
      void writeWeights(checkOutput(path, OUTPUTS.safetensors), network, weights, { labels, normalize }),
  },
  onnx: {
    ...{ ending: '.onnx', looks: 'a name ending in .onnx', fits: hasOnnx },
    write: async (path, { network, weights, tokenizer, labels, normalize }) =>
      writeOnnx(checkOutput(path, OUTPUTS.onnx), network, weights, {
        ...{ tokenizer: await tokenizer(), labels, normalize },
      }),
  },
  folder: {
    ...{ ending: '', looks: 'a name without ending, for a folder' },
    fits: (network) => familyOf(network).published?.folder !== undefined,
    write: async (path, { run, network, weights, tokenizer, labels }) => {
      const facts = await tokenizer();
      if (facts === undefined) throw new UsageError(`${path}: the run has no tokenizer to write beside the network`);
      checkNetworkFolder(path);
      dropBeside(path);
      writeWeights(path, network, weights, { tokenizer: facts, labels });
      writeAnswers(path, run);
    },
  },
  model: {
    ending: '',
    looks: 'a name without ending, for a LayersModel folder',
    fits: (network) => familyOf(network).published?.model !== undefined,
    write: async (path, { network, weights, labels, normalize }) => {
      checkNetworkFolder(path);
      dropBeside(path);
      writeWeights(path, network, weights);
      writeBeside(path, { labels: allLabels(network, labels), normalize });
    },
  },
};

/** File of the names of a network's classes, in order, beside its weights. */
export const LABELS = 'labels.json';
/** A network's answers to the test questions beside it, and how sure it is that there is none. */
const [ANSWERS, ODDS] = ['predictions.json', 'null_odds.json'] as const;

/**
 * Takes away what was written beside a network in a folder that another one is to be written into: of that one it would
 * be wrong. Leaves a folder without a network as it is.
 */
export function dropBeside(folder: string): void {
  if (!['model.json', 'model.safetensors'].some((name) => existsSync(join(folder, name)))) return;
  for (const name of [LABELS, PREPROCESSOR, ANSWERS, ODDS]) rmSync(join(folder, name), { force: true });
}

/**
 * Writes into a network's folder names of classes in their order, where there are any, and how pictures are
 * normalized, where that is not as ImageNet's are; returns the paths.
 */
export function writeBeside(folder: string, { labels, normalize }: PictureNames): readonly string[] {
  const said = unusual(normalize);
  const files = { [LABELS]: labels, [PREPROCESSOR]: said && preprocessorOf(said) };
  return Object.entries(files).flatMap(([name, value]) => {
    if (value === undefined) return [];
    const path = join(folder, name);
    writeAtomic(path, `${JSON.stringify(value, null, 2)}\n`);
    return [path];
  });
}

/**
 * The names of a network's classes that {@link writeBeside} wrote beside it; undefined where there are none. Throws
 * UsageError on a file that holds something else, or names of another number of classes.
 */
export function readLabels(folder: string, network: NetworkSpec): readonly string[] | undefined {
  const path = join(folder, LABELS);
  if (!existsSync(path)) return undefined;
  const expected = 'the names of the network’s classes in order, a list in JSON';
  const bad = (what: string): UsageError => new UsageError(`${path}: ${what}; expected ${expected}`);
  const { data: labels } = z.array(z.string()).safeParse(readJson(path, expected));
  if (labels === undefined) throw bad('no list of texts');
  const classes = networkOf(network).width('logits');
  if (labels.length !== classes) throw bad(`${labels.length} names, and the network has ${classes} classes`);
  return labels;
}

/** The form that a path's ending asks for. Throws UsageError where the family's networks are not written so. */
function formatOf(path: string, network: NetworkSpec): ExportFormat {
  const known = Object.values(EXPORT_FORMATS).filter(({ fits }) => fits(network));
  const found = known.find(({ ending }) => ending === extname(path));
  if (found !== undefined) return found;
  throw new UsageError(
    `${path}: expected ${known.map(({ looks }) => looks).join('; or ')}: ` +
      `a network of the family "${network.family}" is written in no other form`,
  );
}

/**
 * Writes a training run's network in the form that the path's ending asks for: `.safetensors` in torchvision's, timm's
 * or Hugging Face's names; `.onnx`; without ending, where the family has such, a folder as Hugging Face's libraries
 * save it, with configuration, tokenizer and, for SQuAD, its answers to the test questions as the official scripts read
 * them (`predictions.json`, for 2.0 `null_odds.json`). Throws UsageError when the run has no network, or its family no
 * such form.
 */
export async function exportRun(run: RunRecord, path: string): Promise<void> {
  if (run.cell.kind !== TRAIN_KIND || run.status !== 'finished')
    throw new UsageError(
      `run ${run.id} is ${run.status} and of the kind "${run.cell.kind}"; expected a finished training run`,
    );
  const { network, data } = parseTrainSpec(run.cell.spec);
  const format = formatOf(path, network);
  await format.write(path, {
    ...{ run, network, weights: fromArrays(readArrays(run)) },
    tokenizer: async () => keptTokenizer(run) ?? (await tokenizerOf(data)),
    labels: labelsOf(run) ?? declaredLabels(data),
    normalize: normalizationOf(data),
  });
}

/** The tokenizer that the run was trained with; undefined where it kept none. */
function keptTokenizer(run: RunRecord): TokenizerFacts | undefined {
  return readTokenizer(run) as TokenizerFacts | undefined;
}

/** Names of the classes as the run had them, in order; undefined where its data did not name them. */
export function labelsOf(run: RunRecord): readonly string[] | undefined {
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
    ANSWERS,
    answers.map(({ id, answer }) => [id, answer]),
  );
  write(
    ODDS,
    answers.flatMap(({ id, noAnswer }) => (noAnswer === undefined ? [] : [[id, noAnswer]])),
  );
}
