/** What the executor of training runs makes of checkpoints, of labels and of numbers that are not finite. */
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, test as anywhere } from 'vitest';
import { tf } from '../../src/engine/tensor.js';
import { parseTrainSpec } from '../../src/method/run/check-spec.js';
import { exportRun } from '../../src/method/run/export.js';

import { trainExecutor } from '../../src/method/run/execute.js';
import { TRAIN_KIND } from '../../src/method/run/required.js';
import type { TrainSpec } from '../../src/method/spec/spec.js';
import { toArrays } from '../../src/method/values/weights.js';
import { bert, type BertSpec } from '../../src/models/families/bert/network.js';
import { writeBertFolder } from '../../src/models/families/bert/weights.js';
import { environment } from '../../src/store/environment.js';
import { executeRun } from '../../src/store/execute.js';
import { listRuns, readArrays, readMetrics, type RunRecord } from '../../src/store/runs.js';
import type { NetworkSpec } from '../../src/models/index.js';
import { enginesUnderTest } from '../support/engines.js';
import { cell, CONVNET, DIRECT, LABELS, recipe, TEACHER, THIN } from './support.js';

const folder = (): string => mkdtempSync(join(tmpdir(), 'gowide-execute-'));
const run = (spec: TrainSpec, out: string): Promise<RunRecord> =>
  executeRun(cell(spec), {
    out,
    environment: environment(null, 'test'),
    executors: { [TRAIN_KIND]: trainExecutor },
    signal: new AbortController().signal,
    progress: () => {},
  });

const ENGINES = await enginesUnderTest();

describe.each(ENGINES)('numbers that are not finite, on $name', ({ name, missing }) => {
  const test = anywhere.skipIf(missing !== undefined || name === 'webgpu'); // a software GPU is slow
  const direct = (network: NetworkSpec, peak: number, steps: number): TrainSpec => ({
    ...DIRECT,
    network,
    training: { ...recipe(steps, peak), schedule: { kind: 'constant', peak, warmup: 0 }, objective: LABELS },
  });

  test.each([
    ['a ResNet', THIN],
    ['a convnet', CONVNET],
    ['a convnet with skips', { ...CONVNET, skip: true }],
  ] as const)('training at rate 1e20 is stopped: %s', async (_, network) => {
    await tf.setBackend(name);
    for (const steps of [1, 3, 20])
      await expect(run(direct(network, 1e20, steps), folder())).rejects.toThrow(/(is|to be) -?(NaN|Infinity)|float32/);
  });

  test('training that goes well is not', async () => {
    await tf.setBackend(name);
    expect((await run(direct(THIN, 0.05, 3), folder())).status).toBe('finished');
  });
});

describe('classes of a checkpoint', () => {
  const test = anywhere;
  const here = ENGINES.find((one) => one.missing === undefined)!;
  beforeEach(() => tf.setBackend(here.name));
  const TOKENS = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', 'cat', 'dog', 'eats'];
  const NETWORK: BertSpec = {
    family: 'bert',
    vocabSize: TOKENS.length,
    maxPositions: 12,
    typeVocabSize: 2,
    hiddenSize: 8,
    numLayers: 1,
    numHeads: 2,
    intermediateSize: 8,
    dropout: 0,
    head: { kind: 'classify', classes: 3 },
  };

  /** A folder as Hugging Face's libraries leave it, whose classes are feline, canine and other. */
  function checkpoint(labels?: readonly string[]): string {
    const path = folder();
    const tokenizer = { vocabulary: TOKENS, lowercase: true };
    writeBertFolder(path, NETWORK, bert(NETWORK).init(1), { tokenizer, labels });
    return path;
  }

  function specOf(out: string, changes: Partial<TrainSpec> & { labels?: string[] } = {}): TrainSpec {
    const { labels, ...rest } = changes;
    const file = (name: string, text: string): string => {
      writeFileSync(join(out, name), text);
      return join(out, name);
    };
    const lines = ['canine\tdog eats', 'feline\tcat eats', 'other\teats'];
    const table = file('table.tsv', `label\ttext\n${[...lines, ...lines, ...lines].join('\n')}\n`);
    return {
      data: {
        set: 'tsv',
        corpus: 'glosses',
        vocabulary: file('vocab.txt', TOKENS.join('\n')),
        lowercase: true,
        tokens: 8,
        heldOut: 0.1,
        train: table,
        test: table,
        validation: table,
        columns: { text: 'text', label: 'label' },
        ...(labels && { labels }),
      },
      network: NETWORK,
      teacher: null,
      start: 'random',
      imitation: null,
      training: { ...recipe(2, 1e-6), batch: 4, objective: LABELS },
      ...rest,
    };
  }

  const labelsIn = (record: RunRecord): unknown[] =>
    readMetrics(record).flatMap(({ event, label }) => (event === 'label' ? [label] : []));
  const exported = async (record: RunRecord): Promise<unknown> => {
    const path = join(folder(), 'exported');
    await exportRun(record, path);
    return JSON.parse(readFileSync(join(path, 'config.json'), 'utf8')) as unknown;
  };

  test('their order is kept, in the run and in what is exported; a folder is read as its file', async () => {
    const weights = checkpoint(['Feline', 'Canine', 'Other']);
    for (const path of [weights, join(weights, 'model.safetensors')]) {
      const out = folder();
      const record = await run(specOf(out, { pretrained: { network: NETWORK, weights: path } }), out);
      expect(labelsIn(record)).toEqual(['feline', 'canine', 'other']);
      expect(await exported(record)).toMatchObject({
        id2label: { 0: 'feline', 1: 'canine', 2: 'other' },
        label2id: { feline: 0, canine: 1, other: 2 },
      });
    }
  });

  test('a wide net from a file, too', async () => {
    const out = folder();
    const teacher = { network: NETWORK, weights: checkpoint(['other', 'feline', 'canine']) };
    const record = await run(specOf(out, { teacher, training: { ...recipe(2), batch: 4, objective: TEACHER } }), out);
    expect(labelsIn(record)).toEqual(['other', 'feline', 'canine']);
  });

  test('a wide net that begins with a file, and its run has them in the same order', async () => {
    const out = folder();
    const teacher = {
      network: NETWORK,
      pretrained: { network: NETWORK, weights: checkpoint(['other', 'feline', 'canine']) },
      recipe: { ...recipe(2, 1e-9), batch: 4 },
      objective: LABELS,
    };
    const spec = specOf(out, { teacher, start: 'shared', training: { ...recipe(2), batch: 4, objective: TEACHER } });
    expect(labelsIn(await run(spec, out))).toEqual(['other', 'feline', 'canine']);
    const wide = listRuns(out).runs.find(({ cell: { arm } }) => arm === 'wide')!;
    expect(labelsIn(wide)).toEqual(['other', 'feline', 'canine']);
    const after = readArrays(wide);
    for (const [path, { values }] of Object.entries(toArrays(bert(NETWORK).init(1))))
      values.forEach((value, i) => expect(after[path]!.values[i]).toBeCloseTo(value, 6));
  });

  test('what a wide net begins with is checked', () => {
    const teacher = {
      network: { ...NETWORK, hiddenSize: 4 },
      pretrained: { network: NETWORK, weights: '/nowhere' },
      recipe: { ...recipe(2), batch: 4 },
      objective: LABELS,
    };
    expect(() => parseTrainSpec(specOf(folder(), { teacher }))).toThrow('the pretrained network has other shapes');
  });

  test('without names of their own they have the order of the data, and their names', async () => {
    const out = folder();
    const record = await run(specOf(out, { pretrained: { network: NETWORK, weights: checkpoint() } }), out);
    expect(labelsIn(record)).toEqual(['canine', 'feline', 'other']);
    expect(await exported(record)).toMatchObject({ id2label: { 0: 'canine', 1: 'feline', 2: 'other' } });
  });

  test('another order than the declared one is refused, and so is one that the wide net would not have', async () => {
    const out = folder();
    const pretrained = { network: NETWORK, weights: checkpoint(['feline', 'canine', 'other']) };
    const labels = ['canine', 'feline', 'other'];
    await expect(run(specOf(out, { pretrained, labels }), out)).rejects.toThrow(
      'the checkpoint has the order feline, canine, other',
    );
    const teacher = { network: NETWORK, recipe: { ...recipe(1), batch: 4 }, objective: LABELS };
    const training = { ...recipe(2), batch: 4, objective: TEACHER };
    await expect(run(specOf(out, { pretrained, teacher, training }), out)).rejects.toThrow(
      /its classes have the order feline, canine, other, .*give data.labels the order of the file/,
    );
  });
});
