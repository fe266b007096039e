import { mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { command } from '../../cli/commands/train.js';
import type { DatasetDefinition } from '../../src/data/definition.js';
import {
  broughtFor,
  checkData,
  checkSplits,
  DATASETS,
  DataSpec,
  exampleShape,
  registerDataset,
  taskOf,
  testFigures,
} from '../../src/data/index.js';
import { memorySource, type ImageSet } from '../../src/data/images.js';
import { parseTrainSpec } from '../../src/method/run/check-spec.js';
import { TRAIN_KIND } from '../../src/method/run/required.js';
import { TRAIN_RUNNER } from '../../src/method/run/runner.js';
import { environment } from '../../src/store/environment.js';
import { executeRun } from '../../src/store/execute.js';
import { cell, DIRECT, LABELS, recipe } from '../method/support.js';
import { anyEngine } from '../support/engines.js';

const SIDE = 6;

const StripesSpec = z.strictObject({ set: z.literal('stripes'), count: z.int().min(4), file: z.string().optional() });

/** Horizontal stripes are class 0, vertical ones class 1. */
function stripes(count: number): ImageSet {
  const images = Float32Array.from({ length: count * SIDE * SIDE }, (_, i) => {
    const [pixel, image] = [i % (SIDE * SIDE), Math.floor(i / (SIDE * SIDE))];
    const along = image % 2 === 0 ? Math.floor(pixel / SIDE) : pixel % SIDE;
    return (along + Math.floor(image / 2)) % 2 === 0 ? 1 : -1;
  });
  return {
    images,
    labels: Uint8Array.from({ length: count }, (_, i) => i % 2),
    height: SIDE,
    width: SIDE,
    channels: 1,
  };
}

/** All that is needed to add a data set: this object. */
const STRIPES: DatasetDefinition<z.infer<typeof StripesSpec>> = {
  name: 'stripes',
  spec: StripesSpec,
  check: ({ file }) => {
    if (file !== undefined) throw new Error(`${file}: not found`);
  },
  open: ({ count }) => {
    const source = memorySource(stripes(count));
    return { shape: [SIDE, SIDE, 1], classes: 2, train: source, validation: source, test: source };
  },
  shape: () => [SIDE, SIDE, 1],
  brought: ({ file }) => file && `${file} is brought by you`,
  figures: ({ accuracy }) => ({ testErrors: 100 - accuracy }),
};

describe('a data set that is registered as one object', () => {
  const data = { set: 'stripes', count: 16 };
  const spec = {
    ...DIRECT,
    data,
    network: {
      family: 'mlp',
      numLayers: 2,
      width: 8,
      skip: false,
      activation: 'tanh',
      classes: 2,
      inputs: SIDE * SIDE,
    },
    training: { ...recipe(40, 0.1), objective: LABELS },
  };

  beforeAll(async () => {
    expect(() => parseTrainSpec(spec)).toThrow(
      /data.set: unknown data set "stripes"; expected one of: digits, .*squad/,
    );
    registerDataset(STRIPES);
    await anyEngine();
  });

  test('is found by the validation of specs, with its own keys', () => {
    expect(parseTrainSpec(spec).data).toEqual(data);
    expect(() => parseTrainSpec({ ...spec, data: { ...data, count: 1 } })).toThrow(
      'data.count: expected at least 4, got 1',
    );
    expect(() => parseTrainSpec({ ...spec, data: { ...data, folder: 'x' } })).toThrow('unknown key "folder"');
    expect(() => parseTrainSpec({ ...spec, data: { ...data, set: 'stripe' } })).toThrow('Did you mean "stripes"?');
    const inputs = { ...spec.network, inputs: 7 };
    expect(() => parseTrainSpec({ ...spec, network: inputs })).toThrow(
      'the stripes data have 36 inputs, the network expects 7',
    );
  });

  test('is asked for its facts', () => {
    const { data: parsed } = parseTrainSpec(spec);
    const file = DataSpec.parse({ ...data, file: 'stripes.bin' });
    expect(exampleShape(parsed)).toEqual([SIDE, SIDE, 1]);
    expect([broughtFor(parsed), broughtFor(file)]).toEqual([undefined, 'stripes.bin is brought by you']);
    expect(() => checkData(file)).toThrow('stripes.bin: not found');
    expect(taskOf(parsed)).toBeUndefined();
  });

  test('stands in the help of the command that trains', () => {
    let help = '';
    command()
      .configureOutput({ writeOut: (text) => (help += text) })
      .outputHelp();
    expect(help).toMatch(/Data sets of a spec \(data\.set\): digits, .*stripes/);
  });

  test('is trained on, and its own figures are in the result', async () => {
    const run = await executeRun(cell(spec), {
      out: mkdtempSync(join(tmpdir(), 'gowide-registry-')),
      environment: environment(null, 'test'),
      executors: { [TRAIN_KIND]: TRAIN_RUNNER.execute },
      signal: new AbortController().signal,
      progress: () => {},
    });
    expect(run.result).toMatchObject({ testAccuracy: 100, testErrors: 0 });
  });

  test('has its name for itself', () => {
    expect(() => registerDataset(STRIPES)).toThrow('the data set "stripes" is registered already');
    expect(() => registerDataset({ ...STRIPES, name: 'digits' } as never)).toThrow(
      'the data set "digits" is registered',
    );
  });
});

test('every data set is registered under its own name, and its schema wants that name', () => {
  for (const [name, definition] of Object.entries(DATASETS)) {
    expect(definition.name).toBe(name);
    const wrong = definition.spec.safeParse({ set: `not ${name}` });
    expect(wrong.error!.issues.some(({ path }) => path[0] === 'set')).toBe(true);
  }
});

const GLOSSES = { corpus: 'glosses', vocabulary: 60, tokens: 12, heldOut: 0.1, lowercase: true };
const MASKING = { share: 0.15, mask: 0.8, random: 0.1, wholeWords: false };
const EXAMPLES: readonly [unknown, readonly number[], unknown, string | undefined][] = [
  [{ set: 'digits', train: 5 }, [14, 14, 1], undefined, undefined],
  [{ set: 'cifar10', folder: 'x', validation: 5, padding: 4 }, [32, 32, 3], undefined, 'cifar-10-binary.tar.gz'],
  [
    { set: 'imagefolder', folder: 'x', size: 64, resize: 72, validation: 5, corrupt: 0 },
    [64, 64, 3],
    undefined,
    '145 GB',
  ],
  [
    { set: 'masked-lm', ...GLOSSES, masking: MASKING },
    [4, 12],
    { head: 'masked-lm', questions: 2, vocabulary: 60 },
    undefined,
  ],
  [
    { set: 'masked-lm', ...GLOSSES, corpus: 'books', vocabulary: 'vocab.txt', masking: MASKING },
    [4, 12],
    { head: 'masked-lm', questions: 2 },
    'a folder of texts',
  ],
  [
    { set: 'wordnet-task', task: 'supersense', ...GLOSSES },
    [3, 12],
    { head: 'classify', classes: 45, vocabulary: 60 },
    undefined,
  ],
  [
    { set: 'squad', ...GLOSSES, train: 'a', test: 'b', validation: 0.1, stride: 4, question: 3, answer: 3 },
    [3, 12],
    { head: 'span', classes: 12, questions: 2, vocabulary: 60 },
    'SQuAD',
  ],
];

test.each(EXAMPLES)('what is known of %j before it is opened', (given, shape, task, brought) => {
  const spec = DataSpec.parse(given);
  expect(exampleShape(spec)).toEqual(shape);
  expect(taskOf(spec)).toEqual(task);
  if (brought === undefined) expect(broughtFor(spec)).toBeUndefined();
  else expect(broughtFor(spec)).toContain(brought);
});

describe('splits that are the same files are refused before a run', () => {
  const folder = mkdtempSync(join(tmpdir(), 'gowide-splits-'));
  for (const split of ['train', 'val', 'other'])
    for (const name of ['cat', 'dog']) {
      mkdirSync(join(folder, split, name), { recursive: true });
      writeFileSync(
        join(folder, split, name, 'a.ppm'),
        Buffer.concat([Buffer.from('P6 8 8 255\n'), Buffer.alloc(192)]),
      );
    }
  symlinkSync(join(folder, 'val'), join(folder, 'link'), 'junction');
  const files = { train: 'train-images-idx3-ubyte', test: 't10k-images-idx3-ubyte' };
  writeFileSync(join(folder, files.train), '');
  symlinkSync(join(folder, files.train), join(folder, files.test));
  const pictures = { set: 'imagefolder', folder, size: 8, resize: 8, corrupt: 0 };
  const texts = { ...GLOSSES, train: 'a.tsv', columns: { text: 0, label: 1 } };
  const questions = { ...GLOSSES, validation: 0.1, stride: 4, question: 3, answer: 3 };
  const held = 'name others, or say in data.validation how many training examples are held out';
  const check = (data: unknown): void => checkSplits(DataSpec.parse(data));

  test.each<[string, object, string]>([
    ['all three', { ...pictures, validation: 'train', test: 'train' }, `train and data.test: ${join(folder, 'train')}`],
    [
      'the folder of the test split that is taken where none is said',
      { ...pictures, validation: 'val' },
      `data.test (val unless given) and data.validation: ${join(folder, 'val')} is to be both; ` +
        `expected other examples for each split: ${held}`,
    ],
    ['a link', { ...pictures, test: 'other/../val', validation: 'link' }, `${join(folder, 'link')} is to be both`],
    [
      'tables',
      { set: 'tsv', ...texts, test: './a.tsv', validation: 1 },
      'data.train and data.test: ./a.tsv is to be both; expected other examples for each split: put those of one of them',
    ],
    [
      'a third table',
      { set: 'tsv', ...texts, test: 'b.tsv', validation: 'b.tsv' },
      'data.test and data.validation: b.tsv',
    ],
    ['questions', { set: 'squad', ...questions, train: 'a', test: 'a' }, 'data.train and data.test: a is to be both'],
    [
      'files of fixed names',
      { set: 'idx', folder, size: 8, classes: 2, validation: 1, padding: 0, mirror: false },
      `data.folder: ${files.train} and data.folder: ${files.test}: ${join(folder, files.test)} is to be both`,
    ],
  ])('%s', (_, data, said) => expect(() => check(data)).toThrow(said));

  test('by what checks a run; others are not', () => {
    const network = {
      ...{ family: 'mlp', numLayers: 2, width: 8, skip: false, activation: 'tanh', classes: 2, inputs: 192 },
    };
    const of = (data: object) => cell({ ...DIRECT, data, network, training: { ...recipe(2, 0.1), objective: LABELS } });
    expect(() => TRAIN_RUNNER.check(of({ ...pictures, validation: 'val' }))).toThrow(
      'data.test (val unless given) and',
    );
    for (const data of [{ validation: 'other' }, { validation: 1 }, { validation: 'val', test: 'other' }])
      expect(() => check({ ...pictures, ...data })).not.toThrow();
    check({ ...pictures, validation: 1, test: 0.2 });
    check({ set: 'tsv', ...texts, test: 'b.tsv', validation: 'c.tsv' });
  });
});

test('perplexity is reported where tokens are predicted', () => {
  const figures = (given: unknown) => testFigures(DataSpec.parse(given), { accuracy: 50, crossEntropy: Math.log(7) });
  expect(figures({ set: 'masked-lm', ...GLOSSES, masking: MASKING }).testPerplexity).toBeCloseTo(7, 12);
  expect(figures({ set: 'digits', train: 5 })).toEqual({});
});
