/** Trained networks as users have them: state dicts, prefixes, and what is refused. */
import {
  appendFileSync,
  copyFileSync,
  cpSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readLabels } from '../../src/method/run/export.js';
import { networkOf, preset, type NetworkSpec } from '../../src/models/index.js';
import { networkByName } from '../../src/models/by-name.js';
import { networkIn, readWeights } from '../../src/models/read.js';
import { writeWeights } from '../../src/models/write.js';
import { innerOf, midOf } from '../../src/models/families/resnet/network.js';
import { scaleMobilenet } from '../../src/models/families/mobilenet/family.js';
import { readSafetensors, writeSafetensors } from '../../src/store/safetensors.js';
import { readVocabulary } from '../../src/text/vocabulary.js';
import { openClassification } from '../../src/thin/classify.js';
import { setUp } from '../../src/thin/plan.js';
import type { Setup } from '../../src/thin/setup.js';
import { openSource } from '../../src/thin/sources/index.js';
import { BERT, bertFolder, csvFile, newFolder, pictureFolder, RESNET, resnetFile } from './support.js';
import { stored } from './stored.js';

const open = (model: string, work = newFolder()) => openSource(model, { work, runs: newFolder() });

describe('a ResNet in torchvision’s names', () => {
  test('its widths, blocks and stem are read off its shapes', async () => {
    expect((await open(resnetFile())).network).toEqual(RESNET);
    const bottleneck = { ...RESNET, block: 'bottleneck', blocks: [1, 2], mid: 0.5 } as typeof RESNET;
    expect((await open(resnetFile(bottleneck))).network).toEqual(bottleneck);
  });

  test('inner channels are read off exactly, whatever their ratio to the planes, and where they are rounded down', () => {
    const off: string[] = [];
    for (let planes = 1; planes <= 256; planes++) {
      for (let inner = 1; inner <= 4 * planes; inner++) {
        const all = [inner, 2 * inner, 4 * inner, 8 * inner];
        const mid = midOf(planes, all);
        if (all.some((channels, stage) => innerOf({ planes, mid }, stage) !== channels)) off.push(`${planes} ${inner}`);
      }
    }
    expect(off).toEqual([]);
    for (const [planes, mid] of [
      [26, 30 / 26],
      [5, 0.7],
      [7, 3.3],
      [64, 2],
    ] as const) {
      const rounded = [0, 1, 2].map((stage) => innerOf({ planes, mid }, stage));
      const read = midOf(planes, rounded);
      expect(rounded.map((_, stage) => innerOf({ planes, mid: read }, stage))).toEqual(rounded);
    }
    expect([midOf(64, [64, 128]), midOf(64, [128, 256]), midOf(4, [2, 4])]).toEqual([1, 2, 0.5]);
  });

  test.each(['bottleneck', 'basic'] as const)(
    'of 26 planes and 30 inner channels, %s, it is read and made thin',
    (block) => {
      const spec = { ...RESNET, block, planes: 26, mid: midOf(26, [30, 60]) } as NetworkSpec;
      const { tensors } = readSafetensors(resnetFile(spec));
      expect(tensors['layer1.0.conv1.weight']!.shape[0]).toBe(30);
      expect(networkIn(tensors, 'x')).toEqual(spec);
      const path = join(newFolder(), 'x.safetensors');
      writeSafetensors(path, tensors);
      expect(() => readWeights(path, networkIn(tensors, path))).not.toThrow();
    },
  );

  test.each<[string, NetworkSpec]>([
    ['ResNeXt', { ...RESNET, block: 'bottleneck', mid: 2, groups: 4 } as NetworkSpec],
    ['vision transformer', { ...preset('deit_tiny_patch16_224', 'vit'), numLayers: 1, imageSize: 32, classes: 3 }],
    [
      'ConvNeXt whose expansion is rounded otherwise in each stage',
      {
        ...{ family: 'convnext', patchSize: 4, kernelSize: 3, expansion: 1.5, classes: 2, channels: 3 },
        stages: [3, 6, 12].map((channels) => ({ blocks: 1, channels })),
      } as NetworkSpec,
    ],
    ['MobileNetV2', scaleMobilenet({ ...preset('mobilenet_v2', 'mobilenet'), classes: 3, features: 64 }, 0.25)],
  ])('a %s is known by its names and shapes, as another library writes it', (_, spec) => {
    const { tensors, metadata } = readSafetensors(resnetFile(spec));
    expect(networkIn(tensors, 'x')).toEqual(spec);
    expect(networkIn({}, 'x', metadata)).toEqual(spec);
  });

  test('a vision transformer of other widths is refused, as its heads are in no tensor', () => {
    const spec: NetworkSpec = { ...preset('deit_tiny_patch16_224', 'vit'), numLayers: 1, hiddenSize: 24 };
    const { tensors } = readSafetensors(resnetFile(spec));
    expect(() => networkIn(tensors, 'x')).toThrow('24 channels, of which the file does not say the number of heads');
  });

  test.each<[string, NetworkSpec]>([
    ['ResNet', RESNET],
    ['vision transformer', { ...preset('deit_tiny_patch16_224', 'vit'), numLayers: 1, imageSize: 32, classes: 3 }],
  ])('a folder of timm’s with a %s is read as its file is, by every command', async (_, spec) => {
    const model = newFolder();
    const { tensors } = readSafetensors(resnetFile(spec));
    writeFileSync(join(model, 'config.json'), JSON.stringify({ architecture: 'x', num_classes: 3 }));
    const file = join(model, 'model.safetensors');
    writeSafetensors(file, tensors);
    const { network, weights, format } = await open(model);
    expect([network, weights, format]).toEqual([spec, file, 'safetensors file']);
    expect(networkByName(model)).toEqual(spec);
    expect(readWeights(model, spec)).toEqual(readWeights(file, spec));
    // as a state dict of torch, which older folders have
    rmSync(file);
    writeFileSync(join(model, 'pytorch_model.bin'), stored(tensors));
    expect((await open(model)).network).toEqual(spec);
    expect(() => networkByName(model)).toThrow('pytorch_model.bin: a file of weights, which "gowide thin" reads');
    rmSync(join(model, 'pytorch_model.bin'));
    writeSafetensors(file, { 'mixer.0.weight': { shape: [1], values: Float32Array.of(1) } });
    await expect(open(model)).rejects.toThrow(
      /model.safetensors: expected the tensors of a ResNet .*; found mixer.0.wei/,
    );
  });

  test.each<[string, NetworkSpec, object]>([
    ['BERT', BERT, { attention_probs_dropout_prob: 0.05, classifier_dropout: 0.3, pad_token_id: 0 }],
    [
      'DistilBERT',
      {
        ...{ family: 'distilbert', vocabSize: 16, maxPositions: 16, hiddenSize: 16, numLayers: 2, numHeads: 2 },
        ...{ intermediateSize: 32, dropout: 0, head: { kind: 'none' } },
      },
      { attention_dropout: 0.05, seq_classif_dropout: 0.3 },
    ],
  ])(
    'what a %s’s folder says of dropout and of the length of texts is in the thin net’s folder, too',
    async (_, spec, said) => {
      const model = bertFolder(spec);
      const merge = (name: string, fields: object): void => {
        const path = join(model, name);
        writeFileSync(path, JSON.stringify({ ...(JSON.parse(readFileSync(path, 'utf8')) as object), ...fields }));
      };
      merge('config.json', said);
      const { network, weights, write } = await open(model);
      const written = (limit: number): { readonly config: unknown; readonly length: unknown } => {
        merge('tokenizer_config.json', { model_max_length: limit });
        const out = join(newFolder(), 'model');
        const { tokens: vocabulary } = readVocabulary(model);
        const names = { labels: undefined, tokenizer: { vocabulary, lowercase: true }, normalize: undefined };
        write(out, network, readWeights(weights, network), names);
        const read = (name: string): Record<string, unknown> =>
          JSON.parse(readFileSync(join(out, name), 'utf8')) as Record<string, unknown>;
        return { config: read('config.json'), length: read('tokenizer_config.json').model_max_length };
      };
      expect(written(12)).toEqual({ config: expect.objectContaining(said) as unknown, length: 12 });
      expect(written(1e30).length).toBe(16); // of a tokenizer without a limit: as many as the network reads
    },
  );

  test.each(['module.model.', '_orig_mod.module.'])('%s before all names is left out, with a word', async (prefix) => {
    const { tensors } = readSafetensors(resnetFile());
    const path = join(newFolder(), 'wrapped.safetensors');
    const wrapped = Object.entries(tensors).map(([name, value]) => [`${prefix}${name}`, value] as const);
    const averaged = { n_averaged: { shape: [], values: BigInt64Array.of(3n) } }; // by torch's AveragedModel
    writeSafetensors(path, { ...Object.fromEntries(wrapped), ...averaged });
    const { network, weights, notes } = await open(path);
    expect(notes).toEqual([`${path}: every name begins with "${prefix}", which was left out`]);
    expect(readWeights(weights, network)).toEqual(readWeights(resnetFile(), network));
  });

  test('the state dict of a checkpoint is read, and what else is in it is named', async () => {
    const { tensors } = readSafetensors(resnetFile());
    const path = join(newFolder(), 'checkpoint.pth');
    writeFileSync(path, stored(tensors, { epoch: 3 }));
    const { network, weights, notes } = await open(path);
    expect(network).toEqual(RESNET);
    expect(notes).toEqual([`${path}: the weights are those of "state_dict"; left out: epoch`]);
    expect(readWeights(weights, network)).toEqual(readWeights(resnetFile(), network));
  });

  test('another family and missing keys are refused, by name', async () => {
    const path = join(newFolder(), 'other.safetensors');
    writeSafetensors(path, { 'encoder.weight': { shape: [1], values: Float32Array.of(1) } });
    await expect(open(path)).rejects.toThrow('expected the tensors of a ResNet in torchvision’s names');
    const { tensors } = readSafetensors(resnetFile());
    const rest = Object.entries(tensors).filter(([name]) => name !== 'layer2.0.bn1.weight');
    writeSafetensors(path, Object.fromEntries(rest));
    const { network, weights } = await open(path);
    expect(() => readWeights(weights, network)).toThrow('missing (1): layer2.0.bn1.weight');
  });
});

test('empty names of classes are said to be empty', () => {
  const folder = newFolder();
  writeFileSync(join(folder, 'labels.json'), '');
  expect(() => readLabels(folder, RESNET)).toThrow('labels.json: the file is empty; expected the names');
});

test('names of classes beside a file that has others, or that cannot be read, are refused and not passed over', async () => {
  const folder = newFolder();
  const [file, beside] = [join(folder, 'model.safetensors'), join(folder, 'labels.json')];
  writeWeights(file, RESNET, networkOf(RESNET).init(3), { labels: ['cat', 'dog'] });
  writeFileSync(beside, '["cat", "dog"]');
  expect((await open(file)).labels).toEqual(['cat', 'dog']);
  writeFileSync(beside, '["dog", "cat"]');
  await expect(open(file)).rejects.toThrow(
    `${beside}: class 0 is "dog", and "cat" in ${file}; expected the same; remove the file if it belongs to another network`,
  );
  writeFileSync(beside, '["cat",');
  await expect(open(file)).rejects.toThrow(beside);
  // it is written beside a file of that name alone
  const other = join(folder, 'other.safetensors');
  renameSync(file, other);
  expect((await open(other)).labels).toEqual(['cat', 'dog']);
});

describe('what a plan refuses, before anything is trained', () => {
  const planned = (model: string, data: string): Promise<unknown> =>
    setUp({ model, data, width: 0.5, tries: 1, out: newFolder() });

  test('weights that are not all there, or of other shapes', async () => {
    const data = pictureFolder(8, ['train', 'val']);
    const { tensors } = readSafetensors(resnetFile());
    const path = join(newFolder(), 'other.safetensors');
    const rest = Object.fromEntries(Object.entries(tensors).filter(([name]) => name !== 'layer1.0.bn2.running_mean'));
    writeSafetensors(path, rest);
    await expect(planned(path, data)).rejects.toThrow('missing (1): layer1.0.bn2.running_mean');
    const wrong = { shape: [4, 3, 3, 3], values: new Float32Array(108) };
    writeSafetensors(path, { ...tensors, 'layer1.0.conv2.weight': wrong });
    await expect(planned(path, data)).rejects.toThrow('layer1.0.conv2.weight is [4, 3, 3, 3]');
  });

  test('a vocabulary of more tokens than the network knows', async () => {
    const folder = bertFolder();
    rmSync(join(folder, 'tokenizer.json'), { force: true });
    appendFileSync(join(folder, 'vocab.txt'), 'sequel\nremake\n');
    await expect(planned(folder, csvFile())).rejects.toThrow(
      `${folder}: its vocabulary has 18 tokens, and the network knows only 16`,
    );
  });

  test.each([
    [24, 'the last 8 stay as they are, as no text has them'],
    [144, 'the last 128 stay as they are, as no text has them; is it the vocabulary that the network was trained'],
  ])('%i embeddings for 16 tokens are kept, with a word', async (vocabSize, said) => {
    const folder = bertFolder({ ...BERT, vocabSize });
    const { notes, thin } = (await planned(folder, csvFile())) as Setup;
    expect(notes.join('\n')).toContain(`${folder}: its vocabulary has 16 tokens, and the network embeddings of`);
    expect(notes.join('\n')).toContain(said);
    expect(thin).toMatchObject({ vocabSize });
    expect(((await planned(bertFolder(), csvFile())) as Setup).notes.join()).not.toContain('embeddings of');
  });

  test('declared data with another vocabulary than the network’s', async () => {
    const { spec } = (await planned(bertFolder(), csvFile())) as Setup;
    const words = readFileSync(join(bertFolder(), 'vocab.txt'), 'utf8').trim().split('\n');
    const vocabulary = join(newFolder(), 'vocab.txt');
    writeFileSync(vocabulary, `${[...words.slice(0, 5), ...words.slice(5).reverse()].join('\n')}\n`);
    const data = join(newFolder(), 'data.json');
    writeFileSync(data, JSON.stringify({ ...spec, vocabulary }));
    await expect(planned(bertFolder(), data)).rejects.toThrow(
      /data.json: its vocabulary is another one than that of .*bert \(token 5 is "," here and "good" there\); expected/,
    );
  });

  test('channels that its heads do not divide', async () => {
    const folder = bertFolder();
    const path = join(folder, 'config.json');
    const config = JSON.parse(readFileSync(path, 'utf8')) as object;
    writeFileSync(path, JSON.stringify({ ...config, num_attention_heads: 3 }));
    await expect(planned(folder, csvFile())).rejects.toThrow('hidden_size is 16, and num_attention_heads 3');
  });
});

describe('a Hugging Face folder', () => {
  test('its pytorch_model.bin is read where there is no safetensors file', async () => {
    const folder = bertFolder();
    const file = join(folder, 'model.safetensors');
    const copy = join(newFolder(), 'copy.safetensors');
    copyFileSync(file, copy);
    writeFileSync(join(folder, 'pytorch_model.bin'), stored(readSafetensors(file).tensors));
    rmSync(file);
    const { network } = await open(folder);
    expect(network).toMatchObject(BERT);
    expect(readWeights(folder, network)).toEqual(readWeights(copy, network));
  });

  test('of parts, one of which is missing, is refused by its name; names that a wrapper changed are read', async () => {
    const folder = bertFolder();
    const file = join(folder, 'model.safetensors');
    const { tensors } = readSafetensors(file);
    const { network } = await open(folder);
    const plain = readWeights(folder, network);
    writeSafetensors(
      file,
      Object.fromEntries(Object.entries(tensors).map(([name, one]) => [`_orig_mod.${name}`, one])),
    );
    expect((await open(folder)).network).toEqual(network);
    expect(readWeights(folder, network)).toEqual(plain);
    rmSync(file);
    const index = join(folder, 'model.safetensors.index.json');
    writeFileSync(index, JSON.stringify({ weight_map: { 'embeddings.LayerNorm.bias': 'part.safetensors' } }));
    await expect(open(folder)).rejects.toThrow(`${index}: it names part.safetensors, which is not in the folder`);
  });

  test('of sentence-transformers: on data of a task it is said that the thin net is one for it', async () => {
    const folder = bertFolder();
    expect((await open(folder)).notes).toEqual([]);
    writeFileSync(join(folder, 'modules.json'), '[]');
    expect((await open(folder)).notes.join()).toContain(
      'embeddings of sentences (modules.json), which are imitated on texts without labels',
    );
  });

  test('what is no network is refused with what can be read', async () => {
    await expect(open('nowhere')).rejects.toThrow('nowhere: not found; expected a Hugging Face folder');
    const runs = newFolder();
    const sought = openSource('f6', { work: newFolder(), runs });
    const missing = `f6: not found; ${join(runs, 'runs')}, where runs are looked for, is not there; expected a Hugging`;
    await expect(sought).rejects.toThrow(missing);
    mkdirSync(join(runs, 'runs', 'demo.direct.s1.f6abe8142101'), { recursive: true });
    await expect(openSource('f7', { work: newFolder(), runs })).rejects.toThrow(`no run of that id in ${runs}`);
    await expect(openSource('f6', { work: newFolder(), runs })).rejects.toThrow('no spec.json; not a run, or stopped');
    const folder = bertFolder();
    const config = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8')) as object;
    writeFileSync(join(folder, 'config.json'), JSON.stringify({ ...config, model_type: 'gpt2' }));
    await expect(open(folder)).rejects.toThrow(
      'unknown model_type "gpt2"; expected one of: bert, distilbert. Only such folders and the networks on images of ' +
        'the families resnet, vit, mobilenet, convnext (a file of weights) can be read and made thin',
    );
  });

  test('a folder without its configuration: what is missing, beside which files', async () => {
    const folder = bertFolder();
    rmSync(join(folder, 'config.json'));
    const said =
      `${folder}: no config.json in it, beside model.safetensors and vocab.txt; ` +
      'put the one of this network there, which says what network it is';
    await expect(open(folder)).rejects.toThrow(said);
    expect(() => networkByName(folder)).toThrow(said);
    await expect(openClassification({ model: folder, input: csvFile(), runs: newFolder() })).rejects.toThrow(said);
    for (const name of ['vocab.txt', 'tokenizer_config.json', 'tokenizer.json'])
      rmSync(join(folder, name), { force: true });
    await expect(open(folder)).rejects.toThrow(`or give ${join(folder, 'model.safetensors')} where it is on images`);
  });

  test('a folder whose configuration says nothing, and an empty one: what is to be there', async () => {
    const [folder, empty] = [bertFolder(), newFolder()];
    writeFileSync(join(folder, 'config.json'), '{}');
    const said = `${join(folder, 'config.json')}: no "model_type" in it, which says what network model.safetensors is of`;
    await expect(open(folder)).rejects.toThrow(said);
    expect(() => networkByName(folder)).toThrow(said);
    expect(() => networkByName(empty)).toThrow(
      `${empty}: no config.json in it; expected a folder as Hugging Face’s libraries save a network, with config.json`,
    );
  });

  test('the folder of a result: the network in it is named', async () => {
    const [texts, images] = [newFolder(), newFolder()];
    cpSync(bertFolder(), join(texts, 'model'), { recursive: true });
    mkdirSync(join(images, 'model'));
    copyFileSync(resnetFile(), join(images, 'model', 'model.safetensors'));
    for (const [folder, inner] of [
      [texts, join(texts, 'model')],
      [images, join(images, 'model', 'model.safetensors')],
    ] as const) {
      const said = `${folder}: no network itself; did you mean ${inner}?`;
      await expect(open(folder)).rejects.toThrow(said);
      expect(() => networkByName(folder)).toThrow(said);
    }
    await expect(open(newFolder())).rejects.toThrow('not a trained network that can be read; expected a Hugging Face');
  });
});

test('the random values of the test networks are those of the networks', () => {
  expect(readWeights(resnetFile(), RESNET).params).toEqual(networkOf(RESNET).init(3).params);
});
