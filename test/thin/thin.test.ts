/** From a user's network and data to a thin net in the same format, with its card. */
import { copyFileSync, existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { DataError, FailureError, UsageError } from '../../src/core/errors.js';
import type { Engine } from '../../src/engine/engines/choose.js';
import { startEngine } from '../../src/engine/engines/choose.js';
import type { Dataset } from '../../src/data/dataset.js';
import { taskNetworks } from '../../src/models/folders.js';
import { weightLabels } from '../../src/models/read.js';
import { writeWeights } from '../../src/models/write.js';
import { exportRun } from '../../src/method/run/export.js';
import { networkOf, type NetworkSpec } from '../../src/models/index.js';
import { openLayersModel, writeLayersModel } from '../../src/models/families/layers/file.js';
import type { LayersSpec } from '../../src/models/families/layers/network.js';
import { makeFolder } from '../../src/store/atomic.js';
import { findRun } from '../../src/store/runs.js';
import { readSafetensors, writeSafetensors } from '../../src/store/safetensors.js';
import { chanceWarning, threeStageText } from '../../src/thin/card.js';
import { openClassification } from '../../src/thin/classify.js';
import { setUp } from '../../src/thin/plan.js';
import { thin } from '../../src/thin/thin.js';
import { Worker } from '../../src/thin/work.js';
import { anyEngine } from '../support/engines.js';
import { makeThin } from '../../examples/make-thin.js';
import { BERT, bertFolder, csvFile, newFolder, pictureFolder, RESNET, resnetFile } from './support.js';

let engine: Engine;
beforeAll(async () => {
  engine = await startEngine(await anyEngine(), 'test');
});

const VIT: NetworkSpec = {
  ...{ family: 'vit', imageSize: 8, patchSize: 4, hiddenSize: 12, numLayers: 1, numHeads: 2, intermediateSize: 8 },
  ...{ classes: 2, channels: 3 },
};
const FIFTY = { validation: { accuracy: 50, crossEntropy: 0.7 } };
const SMALL = { epochs: 1, batch: 8, tries: 1 } as const;

describe('a Hugging Face folder without a head, and a table', () => {
  const [model, data] = [bertFolder(), csvFile()];
  const options = { ...SMALL, model, data, columns: { text: 'review' } };

  test('gives a folder with half of the heads, the names of the classes and a card', async () => {
    const out = newFolder();
    const { taken, tried, thin: narrow, wide, written } = await thin({ ...options, out, engine });
    const folder = join(out, 'model');
    expect(written).toEqual([folder, join(out, 'model.onnx')]);
    const onnx = readFileSync(join(out, 'model.onnx'), 'utf8');
    for (const part of ['["blame","praise"]', '{"lowercase":true}', 'attention_mask']) expect(onnx).toContain(part);
    const { spec: network } = taskNetworks(folder);
    expect(network).toMatchObject({ numHeads: 1, hiddenSize: 8, intermediateSize: 16, head: { classes: 2 } });
    expect(weightLabels(folder, network)).toEqual(['blame', 'praise']);
    expect(readFileSync(join(folder, 'vocab.txt'), 'utf8')).toContain('film');
    const card = readFileSync(join(out, 'README.md'), 'utf8');
    for (const part of ['blame', 'milliseconds at batch 32', 'Confusion', taken.arm]) expect(card).toContain(part);
    // whichever arm won here: where it was another one, the card has the command that writes the net of three stages
    const setup = await setUp({ ...options, out });
    expect(threeStageText(setup, { taken: { ...taken, arm: 'three-stage' }, trained: [], tried })).toEqual([]);
    const [, command] = threeStageText(setup, { taken: { ...taken, arm: 'selected-kl' }, trained: [], tried });
    const { code } = command as { code: string };
    expect(card.includes(code)).toBe(taken.arm !== 'three-stage');
    const [, id] = /^gowide runs export ([0-9a-f]+) --out \S+ --output three$/.exec(code)!;
    const run = findRun(join(out, 'work'), id!);
    expect(run.cell.arm).toMatch(/^three-stage /);
    await exportRun(run, join(out, 'three'));
    expect(taskNetworks(join(out, 'three')).spec).toEqual(network);
    expect(narrow.confusion!.counts.flat().reduce((a, b) => a + b)).toBe(12);
    expect(existsSync(join(out, 'report.html'))).toBe(true);
    // what chooses and what is reported are measured on two splits
    for (const { validation, test: reported } of [wide, narrow])
      expect(validation.crossEntropy).not.toBe(reported.crossEntropy);
  });

  test('stopped and called again, it ends with the same weights', async () => {
    const [whole, out] = [newFolder(), newFolder()];
    await thin({ ...options, out: whole, engine });
    let stops = 0;
    for (; stops < 40; stops++) {
      const stop = new AbortController();
      let heard = 0;
      const onProgress = (): void => void (++heard === 4 && stop.abort());
      const ended = await thin({ ...options, out, engine, signal: stop.signal, onProgress }).catch((error: Error) => {
        if (error.name !== 'InterruptedError') throw error;
      });
      if (ended !== undefined) break;
    }
    expect(stops).toBeGreaterThan(1);
    const weights = (folder: string): unknown => readSafetensors(join(folder, 'model', 'model.safetensors')).tensors;
    expect(weights(out)).toEqual(weights(whole));
  });

  test('with other data in the same folder it replaces the result, and either goes on where it was', async () => {
    const out = newFolder();
    const stop = new AbortController();
    let heard = 0;
    const onProgress = (): void => void (++heard === 6 && stop.abort());
    await expect(thin({ ...options, out, engine, signal: stop.signal, onProgress })).rejects.toThrow('stopped');
    const other = { ...options, data: csvFile(72), out, engine };
    const [second, first] = [await thin(other), await thin({ ...options, out, engine })];
    const runs = (): string[] => readdirSync(join(out, 'work', 'runs')).sort();
    const before = runs();
    const notices: string[] = [];
    const onNotice = (line: string): void => void notices.push(line);
    expect((await thin({ ...other, onNotice })).taken).toEqual(second.taken);
    expect((await thin({ ...options, out, engine })).taken).toEqual(first.taken);
    expect(notices[0]).toContain(`replaces the network that was made in ${out} before`);
    expect(runs()).toEqual(before);
    // a wide net that is trained for longer is another one, by whose outputs thin ones are trained
    const longer = await thin({ ...options, wideEpochs: 2, out, engine });
    expect(longer.taken.run).not.toBe(first.taken.run);
  });
});

test('questions: the card says exact match and F1, counts as counts, and accuracies that are none below 0', async () => {
  const out = newFolder();
  const [model, data] = [join(out, 'bert'), join(out, 'data')];
  const file = readFileSync(new URL('../data/squad-v2.json', import.meta.url), 'utf8');
  const words = new Set(file.toLowerCase().match(/[\p{L}\p{N}]+|[^\s\p{L}\p{N}]/gu));
  const vocabulary = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', ...words];
  const network: NetworkSpec = { ...BERT, vocabSize: vocabulary.length, maxPositions: 48, head: { kind: 'span' } };
  writeWeights(model, network, networkOf(network).init(3), { tokenizer: { vocabulary, lowercase: true } });
  makeFolder(data);
  for (const part of ['train', 'dev']) writeFileSync(join(data, `${part}-v2.json`), file);
  const { taken, thin: narrow, card } = await thin({ ...SMALL, batch: 6, tries: 3, model, data, out, engine });
  const text = readFileSync(card, 'utf8');
  expect(taken.quality).toMatchObject({ 'test EM': narrow.scores['test exact'], 'test F1': narrow.scores['test f1'] });
  expect(text).toMatch(/parameters instead of [\d,]+, test EM [\d.]+ instead of [\d.]+, test F1 [\d.]+ instead of/);
  expect(text).toContain('| test total | 9 | 9 |');
  const tried = text.slice(text.indexOf('## Candidates'), text.indexOf('## What was merged'));
  const accuracies = [...tried.matchAll(/\| ([^|]+) \|$/gm)].slice(2).map(([, value]) => Number(value));
  expect(accuracies.length).toBeGreaterThan(5);
  // of 3 windows, two positions each
  for (const value of accuracies) expect([0, 16.7, 33.3, 50, 66.7, 83.3, 100]).toContain(value);
});

test('a ResNet in torchvision’s names and one folder of pictures: the head fits, stage 1 is skipped', async () => {
  const out = newFolder();
  const notices: string[] = [];
  const onNotice = (line: string): void => void notices.push(line);
  const data = pictureFolder(12);
  const { thin: narrow } = await thin({ ...SMALL, model: resnetFile(), data, size: 8, out, engine, onNotice });
  expect(notices.join('\n')).toContain('stage 1 is skipped');
  expect(narrow.network).toMatchObject({ planes: 2, stem: { channels: 2 } });
  const { tensors } = readSafetensors(join(out, 'model', 'model.safetensors'));
  expect(tensors['layer1.0.conv1.weight']!.shape).toEqual([2, 2, 3, 3]);
  expect(JSON.parse(readFileSync(join(out, 'model', 'labels.json'), 'utf8'))).toEqual(['blue', 'red']);
});

test('mean and std of timm’s config.json stay with the network: in the plan, the data, the thin net’s files and its run', async () => {
  const out = newFolder();
  const model = dirname(resnetFile());
  renameSync(join(model, 'resnet.safetensors'), join(model, 'model.safetensors'));
  const config = { architecture: 'resnet18', pretrained_cfg: { mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] } };
  writeFileSync(join(model, 'config.json'), JSON.stringify(config));
  const data = pictureFolder(12);
  const { spec, notes } = await setUp({ model, data, size: 8, out });
  expect(spec).toMatchObject({ set: 'imagefolder', normalize: config.pretrained_cfg });
  const line = `pictures are normalized by mean 0.5, 0.5, 0.5 and std 0.25, 0.25, 0.25, as ${join(model, 'config.json')} says`;
  expect(notes).toContain(line);
  const { card, taken, written } = await thin({ ...SMALL, model, data, size: 8, out, engine });
  expect(readFileSync(card, 'utf8')).toContain(line);
  expect(written).toContain(join(out, 'model', 'preprocessor_config.json'));
  const { metadata } = readSafetensors(join(out, 'model', 'model.safetensors'));
  expect(JSON.parse(metadata.normalize!)).toEqual(config.pretrained_cfg);
  expect(readFileSync(join(out, 'model.onnx'), 'utf8')).toContain('{"mean":[0.5,0.5,0.5],"std":[0.25,0.25,0.25]}');
  // the folder, the file alone and the run of the thin net have one set of answers
  const file = join(newFolder(), 'moved.safetensors');
  copyFileSync(join(out, 'model', 'model.safetensors'), file);
  const exported = join(newFolder(), 'exported.safetensors');
  await exportRun(findRun(join(out, 'work'), taken.run), exported);
  const answers = async (named: string): Promise<unknown> => {
    const { labels, items } = await (
      await openClassification({ model: named, input: join(data, 'red'), runs: join(out, 'work'), size: 8 })
    )();
    return { labels, items };
  };
  const expected = await answers(join(out, 'model'));
  expect(expected).toMatchObject({ labels: ['blue', 'red'] });
  for (const named of [file, exported, taken.run]) expect(await answers(named)).toEqual(expected);
});

test('declared pictures that are normalized otherwise than the wide net, which is not trained on them, are refused', async () => {
  const model = resnetFile();
  writeFileSync(join(dirname(model), 'preprocessor_config.json'), JSON.stringify({ do_normalize: false }));
  const path = join(newFolder(), 'data.json');
  const declared = { set: 'imagefolder', folder: pictureFolder(8), size: 8, resize: 9, validation: 2, test: 0.2 };
  const none = { mean: [0, 0, 0], std: [1, 1, 1] };
  const options = { model, data: path, out: newFolder() };
  writeFileSync(path, JSON.stringify({ ...declared, corrupt: 0 }));
  await expect(setUp(options)).rejects.toThrow(
    `as ${join(dirname(model), 'preprocessor_config.json')} says; expected "normalize": ${JSON.stringify(none)} in data`,
  );
  const { notes } = await setUp({ ...options, finetune: true });
  expect(notes.join('\n')).toContain('the data are normalized as "imagefolder" has it, and not by mean 0, 0, 0');
  writeFileSync(path, JSON.stringify({ ...declared, corrupt: 0, normalize: none }));
  expect((await setUp(options)).spec).toMatchObject({ normalize: none });
});

test('more unreadable pictures than are allowed are refused before any work; --corrupt allows more, and says how many', async () => {
  const data = pictureFolder(24);
  for (let i = 0; i < 17; i++) writeFileSync(join(data, 'red', `${i}.ppm`), 'no picture');
  const options = { model: resnetFile(), data, size: 8, out: newFolder() };
  const refused = expect(setUp(options)).rejects;
  await refused.toThrow(/^at least 17 pictures cannot be read, data.corrupt allows 16: \S+\.ppm \(/);
  await expect(setUp(options)).rejects.toThrow(
    ' and 12 more; take them out of the folder, or allow more (data.corrupt; gowide thin --corrupt)',
  );
  await expect(setUp(options)).rejects.toBeInstanceOf(UsageError);
  const { notes, spec } = await setUp({ ...options, corrupt: 17 });
  expect(spec).toMatchObject({ corrupt: 17 });
  expect(notes.join('\n')).toContain('17 of the pictures cannot be read and are left out, such as ');
  await expect(
    setUp({ ...options, model: bertFolder(), data: csvFile(), corrupt: 1, size: undefined }),
  ).rejects.toThrow('--corrupt: has no effect on');
  await expect(setUp({ ...options, corrupt: -1 })).rejects.toThrow('corrupt -1: expected a whole number of at least 0');
});

test('where no candidate can be trained the last error says why; a fault of the data ends it at once', async () => {
  const notices: string[] = [];
  const onNotice = (line: string): void => void notices.push(line);
  const model = resnetFile();
  const { tensors, metadata } = readSafetensors(model);
  for (const { values } of Object.values(tensors)) if (values instanceof Float32Array) values.fill(1e30);
  writeSafetensors(model, tensors, metadata);
  const options = { ...SMALL, model, data: pictureFolder(12), size: 8, engine, onNotice };
  await expect(thin({ ...options, out: newFolder() })).rejects.toThrow(
    /^no thin net could be trained at any of the rates; the last one: .*(finite|NaN|Infinity)/,
  );
  expect(notices.some((line) => line.includes('is left out: '))).toBe(true);
  const work = { out: newFolder(), kind: 'x', said: ['known'], seconds: () => 1, total: 1 };
  const failing = (error: Error): Worker =>
    new Worker({ ...work, runner: { execute: () => Promise.reject(error) } }, engine, { onNotice });
  const one = { experiment: 'thin', arm: 'a', scale: 'custom', kind: 'x', spec: {}, seed: 1 } as const;
  await expect(failing(new DataError('17 pictures')).attempt(one)).rejects.toThrow('17 pictures');
  const telling = new Worker(
    {
      ...work,
      runner: {
        execute: (context) => {
          for (const line of ['known', 'new', 'new']) context.notice?.(line);
          return Promise.reject(new FailureError('told'));
        },
      },
    },
    engine,
    { onNotice },
  );
  await telling.attempt(one);
  expect(notices.filter((line) => line === 'known' || line === 'new')).toEqual(['new']);
  const worker = failing(new FailureError('too fast'));
  expect([await worker.attempt(one), worker.failure]).toEqual([undefined, 'too fast']);
});

test('a wide net that is hardly better than chance is warned of, in the card, too', async () => {
  const notices: string[] = [];
  const onNotice = (line: string): void => void notices.push(line);
  const model = join(newFolder(), 'resnet.safetensors');
  const { params, state } = networkOf(RESNET).init(3);
  const data = pictureFolder(4, ['train', 'val', 'test']);
  // one of the two classes is answered always
  params['head/bias']!.values.set([50, 0]);
  writeWeights(model, RESNET, { params, state });
  const { card } = await thin({ ...SMALL, model, data, size: 8, out: newFolder(), engine, onNotice });
  const warning =
    'the wide net answers 50.0 % of the validation split rightly, hardly more than by chance: are these its classes, ' +
    'in its order? --fine-tune trains it on them first';
  expect(notices.join('\n')).toContain(warning);
  expect(readFileSync(card, 'utf8')).toContain(`Warning: ${warning}.`);
  expect(chanceWarning({ training: 'it was asked for', data: { classes: 2 } as Dataset }, FIFTY)).toBeUndefined();
  expect(chanceWarning({ training: undefined, data: { classes: 3 } as Dataset }, FIFTY)).toBeUndefined();
});

test('a ConvNeXt, whose norms take the place of batch norms: a thin one in its names, and as ONNX', async () => {
  const wide: NetworkSpec = {
    ...{ family: 'convnext', patchSize: 2, kernelSize: 3, expansion: 2, classes: 2, channels: 3 },
    stages: [{ blocks: 2, channels: 8 }],
  };
  const [out, data] = [newFolder(), pictureFolder(8)];
  const { thin: narrow } = await thin({ ...SMALL, model: resnetFile(wide), data, size: 8, out, engine });
  expect(narrow.network).toMatchObject({ stages: [{ blocks: 2, channels: 4 }] });
  const { tensors } = readSafetensors(join(out, 'model', 'model.safetensors'));
  expect(tensors['stages.0.blocks.1.mlp.fc1.weight']!.shape).toEqual([8, 4]);
  expect(readFileSync(join(out, 'model.onnx'), 'utf8')).toContain('["blue","red"]');
});

test('a LayersModel of tfjs: the thin net is one, too, and the heads are those of the data', async () => {
  const [model, out] = [join(newFolder(), 'model'), newFolder()];
  const image = { name: 'image', shape: [8, 8, 3] as [number, number, number] };
  const conv = { kernel: [3, 3], strides: [2, 2], padding: 'same', activation: 'relu' } satisfies Partial<
    LayersSpec['layers'][number]
  >;
  const spec: LayersSpec = {
    family: 'layers',
    input: image,
    layers: [
      { kind: 'conv', name: 'conv', from: ['image'], units: 4, ...conv },
      { kind: 'flatten', name: 'flat', from: ['conv'] },
      { kind: 'dense', name: 'hidden', from: ['flat'], units: 6, activation: 'relu' },
      { kind: 'dense', name: 'scores', from: ['hidden'], units: 3, activation: 'softmax' },
    ],
  };
  writeLayersModel(model, spec, networkOf(spec).init(3));
  const { written } = await thin({ ...SMALL, model, data: pictureFolder(12), out, engine });
  expect(written).toEqual([join(out, 'model'), join(out, 'model', 'labels.json'), join(out, 'model.onnx')]);
  const { layers } = openLayersModel(join(out, 'model')).spec;
  expect(layers.flatMap((layer) => ('units' in layer ? [layer.units] : []))).toEqual([2, 3, 2]);
});

test.each<[object, string]>([
  [{ batch: 0 }, 'batch 0: expected a whole number of at least 1'],
  [{ batch: 1000 }, '--batch 1000: there are '],
  [{ epochs: -1 }, 'epochs -1: expected a number above 0'],
  [{ tries: 2 }, 'tries 2: expected 1, 3 or 6'],
  [{ samples: 0.5 }, 'samples 0.5: expected a whole number'],
  [{ size: 9, model: resnetFile({ ...VIT, imageSize: 8 }) }, 'have 9 rows of pixels, the network expects 8'],
  [
    { model: resnetFile({ ...VIT, channels: 1 }) },
    'have 3 channels, the network expects 1; give it as many (pictures are read in color, gray ones with three',
  ],
])('%j is refused before anything is trained', async (changes, line) => {
  const options = { ...SMALL, model: resnetFile(), data: pictureFolder(8), size: 8, out: newFolder(), engine };
  await expect(thin({ ...options, ...changes } as typeof options)).rejects.toThrow(line);
});

test('a wide net whose classes stand in another order than those of the data is trained on them first', async () => {
  const model = resnetFile();
  writeFileSync(join(dirname(model), 'labels.json'), '["red","blue"]');
  const why = async (): Promise<string | undefined> =>
    (await setUp({ model, data: pictureFolder(8), size: 8, out: newFolder() })).training;
  expect(await why()).toContain('its classes stand in another order: red, blue');
  writeFileSync(join(dirname(model), 'labels.json'), '["blue","red"]');
  expect(await why()).toBeUndefined();
});

test('epochs of a wide net that is not trained, and samples that no arm fits by, are refused', async () => {
  const asked = { model: resnetFile(), data: pictureFolder(8), size: 8, out: newFolder() };
  await expect(setUp({ ...asked, wideEpochs: 1 })).rejects.toThrow('--wide-epochs: has no effect, since the head');
  expect((await setUp({ ...asked, wideEpochs: 1, finetune: true })).training).toBe('it was asked for');
  await expect(setUp({ ...asked, samples: 8 })).rejects.toThrow(
    '--samples: has no effect on the arms three-stage, selected-kl; leave it out, or add --compare',
  );
  expect((await setUp({ ...asked, samples: 8, compare: true })).arms).toContain('closed-form');
});

test('several numbers of unlabelled examples are compared, and the card has the curve', async () => {
  const wide = { family: 'mlp', numLayers: 2, width: 6, skip: false, activation: 'tanh', classes: 2 } as const;
  const model = resnetFile({ ...wide, inputs: 192 });
  const options = { ...SMALL, model, data: pictureFolder(12), size: 8, engine, samples: [8, 2] };
  await expect(thin({ ...options, out: newFolder() })).rejects.toThrow('several numbers are compared with --compare');
  const out = newFolder();
  const { trained } = await thin({ ...options, out, compare: true });
  const curve = trained.filter(({ arm }) => arm === 'closed-form');
  expect(curve.map(({ samples }) => samples).sort()).toEqual([2, 8]);
  for (const { afterImitation } of curve) expect(afterImitation).toBeGreaterThanOrEqual(0);
  const card = readFileSync(join(out, 'README.md'), 'utf8');
  for (const part of ['By unlabelled examples', 'closed-form by 2', 'closed-form by 8']) expect(card).toContain(part);
});

test('the example runs as it stands', async () => {
  const result = await makeThin(resnetFile(), pictureFolder(8), newFolder());
  expect(result.thin.parameters).toBeLessThan(result.wide.parameters);
});
