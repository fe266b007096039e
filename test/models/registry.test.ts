import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { command as paramsCommand } from '../../cli/commands/params.js';
import { command as trainCommand } from '../../cli/commands/train.js';
import { UsageError } from '../../src/core/errors.js';
import { tf, type Tensor } from '../../src/engine/tensor.js';
import { parseTrainSpec } from '../../src/method/run/check-spec.js';
import { TRAIN_KIND } from '../../src/method/run/required.js';
import { TRAIN_RUNNER } from '../../src/method/run/runner.js';
import { applyTaps } from '../../src/models/parts/apply-taps.js';
import { mismatch, type Family } from '../../src/models/interface/family.js';
import { countParameters, networkByName } from '../../src/models/by-name.js';
import { readWeights, weightLabels } from '../../src/models/read.js';
import { taskNetworks } from '../../src/models/folders.js';
import { writeWeights } from '../../src/models/write.js';
import {
  FAMILIES,
  headOf,
  inputProblem,
  maxPositionsOf,
  networkOf,
  parameterCount,
  preset,
  presetNames,
  registerFamily,
  vocabSizeOf,
  type NetworkSpec,
} from '../../src/models/index.js';
import { denseLayer, layerNormLayer, tableOf } from '../../src/models/parts/layer-table.js';
import { bertFamily } from '../../src/models/families/bert/family.js';
import { bert, BertSpec } from '../../src/models/families/bert/network.js';
import { convnext } from '../../src/models/families/convnext/network.js';
import { distilbert } from '../../src/models/families/distilbert/network.js';
import { mobilenet } from '../../src/models/families/mobilenet/network.js';
import { convnet } from '../../src/models/families/plain/convnet.js';
import { mlp } from '../../src/models/families/plain/mlp.js';
import { vit } from '../../src/models/families/vit/network.js';
import { resnet, scaleWidth } from '../../src/models/families/resnet/network.js';
import { dense, type Scope } from '../../src/nn/layers.js';
import type { Network } from '../../src/nn/network.js';
import { gelu, layerNorm, rowsOf } from '../../src/nn/transformer.js';
import { environment } from '../../src/store/environment.js';
import { executeRun } from '../../src/store/execute.js';
import { openClassification } from '../../src/thin/classify.js';
import { cell, IMITATION, LABELS, MLP, recipe, TEACHER, THIN } from '../method/support.js';
import { anyEngine } from '../support/engines.js';
import { BERT, bertFolder, newFolder } from '../thin/support.js';

const MixerSpec = z.strictObject({
  family: z.literal('mixer'),
  /** Rows of the image, which are the tokens, and pixels of a row. */
  side: z.int().min(1),
  hiddenSize: z.int().min(1),
  numLayers: z.int().min(1),
  classes: z.int().min(2),
});
type MixerSpec = z.infer<typeof MixerSpec>;

/** An MLP-mixer: a dense layer over the tokens and one over the channels, in turn (Tolstikhin et al. 2021). */
function mixer({ side, hiddenSize, numLayers, classes }: MixerSpec): Network {
  const names = Array.from({ length: numLayers }, (_, i) => `layer${i + 1}`);
  const taps = ['embeddings', ...names, 'logits'];
  const stream = { reads: 'hidden', writes: 'hidden', init: 'he' } as const;
  const layers = [
    denseLayer({ ...stream, path: 'embeddings', tap: 'embeddings', shape: [side, hiddenSize], reads: 'pixels' }),
    ...names.flatMap((layer) => [
      layerNormLayer(`${layer}/norm`, layer, hiddenSize, 'hidden'),
      denseLayer({ ...stream, path: `${layer}/tokens`, tap: layer, shape: [side, side], reads: 'row', writes: 'row' }),
      denseLayer({ ...stream, path: `${layer}/channels`, tap: layer, shape: [hiddenSize, hiddenSize] }),
    ]),
    denseLayer({ path: 'head', tap: 'logits', shape: [hiddenSize, classes], reads: 'hidden', writes: 'c', init: 'he' }),
  ];
  const block = (scope: Scope, layer: string, x: Tensor): Tensor => {
    const across = tf.transpose(layerNorm(scope, `${layer}/norm`, x, 1e-6), [0, 2, 1]);
    const mixed = dense(scope, `${layer}/tokens`, rowsOf(across)).reshape(across.shape);
    const inner = gelu(dense(scope, `${layer}/channels`, rowsOf(tf.transpose(mixed, [0, 2, 1]))));
    return tf.add(x, inner.reshape(x.shape));
  };
  return {
    ...tableOf(layers),
    taps,
    boundaries: { stage: taps.slice(0, -1), block: taps.slice(0, -1) },
    width: (tap) => (tap === 'logits' ? classes : hiddenSize),
    apply: applyTaps(taps, (scope, tap, x) => {
      if (tap === 'embeddings')
        return dense(scope, 'embeddings', x.reshape([-1, side])).reshape([-1, side, hiddenSize]);
      return tap === 'logits' ? dense(scope, 'head', tf.mean(x, 1)) : block(scope, tap, x);
    }),
    readers: () => ({ obstacle: 'skip connections add it unchanged' }),
    stream: 'hidden',
  };
}

/** All that is needed to add a family: this object. */
const MIXER: Family<MixerSpec> = {
  name: 'mixer',
  spec: MixerSpec,
  network: mixer,
  presets: { 'mixer-tiny': { family: 'mixer', side: 14, hiddenSize: 8, numLayers: 2, classes: 10 } },
  checkInput: ({ side }, { set, shape }) => mismatch(set, 'rows of pixels', side, shape[0]!),
};

describe('a family that is registered as one object', () => {
  const tiny = MIXER.presets['mixer-tiny']!;
  const optimizer = { kind: 'adamw', beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0 };
  const adamw = (steps: number): object => ({ ...recipe(steps, 2e-2), batch: 32, optimizer });
  const spec = {
    data: { set: 'digits', train: 1000 },
    network: tiny,
    teacher: { network: { ...tiny, hiddenSize: 24 }, recipe: adamw(150), objective: LABELS },
    start: 'random',
    imitation: { ...IMITATION, maps: 'up', recipe: adamw(20) },
    training: { ...adamw(90), objective: TEACHER },
  };

  beforeAll(async () => {
    expect(() => parseTrainSpec(spec)).toThrow(
      /network.family: unknown network family "mixer"; expected one of: resnet, bert, /,
    );
    registerFamily(MIXER);
    await anyEngine();
  });

  test('is found by the validation of specs, with its own keys and its own check of the data', () => {
    expect(parseTrainSpec(spec).network).toEqual(tiny);
    const changed = (changes: object): unknown => parseTrainSpec({ ...spec, network: { ...tiny, ...changes } });
    expect(() => changed({ hiddenSize: 0 })).toThrow('network.hiddenSize: expected at least 1, got 0');
    expect(() => changed({ width: 3 })).toThrow('unknown key "width"');
    expect(() => changed({ family: 'mixre' })).toThrow('Did you mean "mixer"?');
    expect(() => changed({ side: 7 })).toThrow('the digits data have 14 rows of pixels, the network expects 7');
  });

  test('is found by `gowide params`, by a preset’s name and in a file, and in the commands’ help', () => {
    const parameters = 14 * 8 + 8 + 2 * (16 + 14 * 14 + 14 + 64 + 8) + 80 + 10;
    expect(countParameters('mixer-tiny', {}).parameters).toBe(parameters);
    const file = join(mkdtempSync(join(tmpdir(), 'gowide-family-')), 'model.json');
    writeFileSync(file, JSON.stringify(tiny));
    expect(countParameters(file, {}).parameters).toBe(parameters);
    expect(() => networkByName('mixer-tin')).toThrow('Did you mean "mixer-tiny"?');
    expect(() => networkByName('mixer-tiny', { mid: 2 })).toThrow(
      /--width, --mid and --classes are for networks of the family resnet, .*; change the file instead/,
    );
    expect(helpOf(paramsCommand())).toMatch(/Published networks: resnet18, .*bert-base, .*mixer-tiny/);
    expect(helpOf(trainCommand())).toMatch(/Networks of a spec \(network\.family\): resnet, bert, .*mixer/);
  });

  test('is trained in three stages through the ordinary spec', { timeout: 120_000 }, async () => {
    const run = await executeRun(cell(spec), {
      out: mkdtempSync(join(tmpdir(), 'gowide-family-')),
      environment: environment(null, 'test'),
      executors: { [TRAIN_KIND]: TRAIN_RUNNER.execute },
      signal: new AbortController().signal,
      progress: () => {},
    });
    expect(run.result).toMatchObject({ steps: 3 * 20 + 90, parameters: countParameters('mixer-tiny', {}).parameters });
    expect(Number(run.result!.testAccuracy)).toBeGreaterThan(20); // chance is 10
  });

  test('has its names for itself', () => {
    expect(() => registerFamily(MIXER)).toThrow('the network family "mixer" is registered already');
    expect(() => registerFamily({ ...MIXER, name: 'other' } as never)).toThrow(
      'the network "mixer-tiny" is registered already',
    );
    expect(() => registerFamily({ ...MIXER, presets: {} })).toThrow('the network family "mixer" is registered already');
    expect(() => registerFamily({ ...MIXER, name: 'bert', presets: {} } as never)).toThrow(
      'the network family "bert" is registered already',
    );
  });

  test('without published names says which families have them', () => {
    expect(() => readWeights('w.safetensors', tiny as unknown as NetworkSpec)).toThrow(
      'w.safetensors: networks of the family "mixer" have no published names; weights can be read and written for: ' +
        'resnet, bert',
    );
  });
});

const LettersSpec = z.strictObject({ family: z.literal('letters'), encoder: BertSpec });
type LettersSpec = z.infer<typeof LettersSpec>;

/** Encoders that are declared by one key, which has all that is said of them: nothing stands where BERT has it. */
const LETTERS: Family<LettersSpec> = {
  name: 'letters',
  spec: LettersSpec,
  network: ({ encoder }) => bert(encoder),
  presets: {},
  checkInput: ({ encoder }, facts) => bertFamily.checkInput(encoder, facts),
  vocabSize: ({ encoder }) => encoder.vocabSize,
  maxPositions: ({ encoder }) => encoder.maxPositions,
  head: ({ encoder }) => encoder.head,
  published: {
    read: (path, spec) => taskNetworks(path).load(spec as unknown as NetworkSpec),
    write: (path, { encoder }, weights) => void writeWeights(path, encoder, weights),
    labels: (path) => bertFamily.published!.labels!(path),
    folder: {
      modelType: 'letters',
      read: (folder, config) => {
        const content = { ...config!.content, model_type: 'bert' };
        const networks = bertFamily.published!.folder!.read(folder, { ...config!, content });
        const lettersOf = (inner: BertSpec): LettersSpec => ({ family: 'letters', encoder: inner });
        return {
          spec: lettersOf(networks.spec),
          encoder: lettersOf(networks.encoder),
          load: (one) => networks.load(one.encoder),
        };
      },
      write: (folder, { encoder }, weights, facts) =>
        bertFamily.published!.folder!.write(folder, encoder, weights, facts),
    },
  },
};

describe('a registered family of texts whose specs are unlike BERT’s', () => {
  const folderOf = (head: BertSpec['head'], labels?: readonly string[]): string => {
    const folder = bertFolder({ ...BERT, head }, labels);
    const file = join(folder, 'config.json');
    const config = JSON.parse(readFileSync(file, 'utf8')) as object;
    writeFileSync(file, JSON.stringify({ ...config, model_type: 'letters' }));
    return folder;
  };
  const classify = { kind: 'classify', classes: 3 } as const;

  beforeAll(async () => {
    registerFamily(LETTERS);
    await anyEngine();
  });

  test('says itself what its heads are, and how much of a text is read', () => {
    const spec = { family: 'letters', encoder: { ...BERT, head: { kind: 'masked-lm' } } } as unknown as NetworkSpec;
    expect([headOf(spec), maxPositionsOf(spec)]).toEqual([{ kind: 'masked-lm' }, 16]);
    expect([headOf(MLP), maxPositionsOf(MLP)]).toEqual([{ kind: 'classify', classes: 10 }, Infinity]);
  });

  test('is read from a folder with its head where that gives classes, which must have as many names', () => {
    const named = ['low', 'middle', 'high'];
    const folder = folderOf(classify, named);
    expect(networkByName(folder)).toMatchObject({ family: 'letters', encoder: { head: classify } });
    expect(networkByName(folderOf({ kind: 'masked-lm' }))).toMatchObject({ encoder: { head: { kind: 'none' } } });
    expect(weightLabels(folder, networkByName(folder))).toEqual(named);
    const four = { family: 'letters', encoder: { ...BERT, head: { kind: 'classify', classes: 4 } } };
    expect(() => weightLabels(folder, four as unknown as NetworkSpec)).toThrow('and the head has 4');
  });

  test('classifies texts, and is refused with a head that gives no classes', async () => {
    const input = join(newFolder(), 'texts.txt');
    writeFileSync(input, `good film\n${'the plot '.repeat(20)}\n`);
    const open = (model: string) => openClassification({ model, input, runs: newFolder() });
    const { labels, items, notes } = await (await open(folderOf(classify)))();
    expect([labels, items.map(({ item }) => item.slice(0, 9))]).toEqual([
      ['0', '1', '2'],
      ['good film', 'the plot '],
    ]);
    expect(notes).toEqual(['1 of 2 texts has more than the 16 tokens that are read and is cut']);
    await expect(open(folderOf({ kind: 'masked-lm' }))).rejects.toThrow(
      'its head is "masked-lm", which gives no classes',
    );
  });
});

function helpOf(command: ReturnType<typeof paramsCommand>): string {
  let help = '';
  command.configureOutput({ writeOut: (text) => (help += text) }).outputHelp();
  return help;
}

test('every family stands under its own name, its presets are specs of it, and each name is of one network', () => {
  for (const [name, family] of Object.entries(FAMILIES)) {
    expect(family.name).toBe(name);
    for (const spec of Object.values(family.presets)) expect(family.spec.parse(spec)).toEqual(spec);
  }
  expect(new Set(presetNames()).size).toBe(presetNames().length);
});

test('a published network is looked up in all families, or in one', () => {
  expect(preset('bert-base')).toMatchObject({ family: 'bert', hiddenSize: 768, numLayers: 12, numHeads: 12 });
  expect(preset('resnet50', 'resnet').blocks).toEqual([3, 4, 6, 3]);
  expect(() => preset('bert-base', 'resnet')).toThrow('unknown network "bert-base"; expected one of: resnet18');
  expect(() => networkOf({ family: 'resnte' } as never)).toThrow('unknown network family "resnte"');
});

test('what a network cannot read or answer is one line', () => {
  const images = { set: 'digits', shape: [14, 14, 1] };
  const bert: NetworkSpec = { ...preset('bert-base', 'bert'), head: { kind: 'classify', classes: 3 } };
  const tokens = { set: 'tsv', shape: [3, 64], task: { head: 'classify', classes: 3, vocabulary: 30_522 } };
  expect([inputProblem(THIN, images), inputProblem(MLP, images), inputProblem(bert, tokens)]).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
  expect(inputProblem(THIN, tokens)).toBe('a network of the family "resnet" cannot be trained on the data "tsv"');
  expect(inputProblem(bert, images)).toBe('a network of the family "bert" cannot be trained on the data "digits"');
  expect(inputProblem({ ...THIN, channels: 3 }, images)).toBe(
    'the digits data have 1 channel, the network expects 3; give it as many, or take other data',
  );
  expect(inputProblem({ ...MLP, inputs: 3 }, images)).toBe(
    'the digits data have 196 inputs, the network expects 3; give it as many, or take other data',
  );
  expect(inputProblem(bert, { ...tokens, shape: [3, 600] })).toBe(
    'rows of 600 tokens, and the model has 512 positions',
  );
  expect(inputProblem(bert, { ...tokens, task: { ...tokens.task, head: 'span' } })).toBe(
    'the head "classify" is of another task; tsv data need a "span" head',
  );
  expect(inputProblem(bert, { ...tokens, task: { ...tokens.task, classes: 2 } })).toBe(
    'the tsv data have 2 classes, the network expects 3; give it as many, or take other data',
  );
  expect([vocabSizeOf(bert), vocabSizeOf(MLP)]).toEqual([30_522, undefined]);
});

test('a file with the keys of an earlier version is read, with a line for each', () => {
  const file = join(mkdtempSync(join(tmpdir(), 'gowide-family-')), 'model.json');
  const old = { vocabulary: 60, positions: 12, segments: 2, hidden: 8, layers: 2, heads: 2, feedforward: 8 };
  const head = { kind: 'masked-lm', places: 2 };
  writeFileSync(file, JSON.stringify({ family: 'bert', ...old, initial: 0.1, head }));
  const lines: string[] = [];
  expect(networkByName(file, {}, (line) => lines.push(line))).toMatchObject({
    ...{ vocabSize: 60, maxPositions: 12, typeVocabSize: 2, hiddenSize: 8, numLayers: 2, numHeads: 2 },
    ...{ intermediateSize: 8, initializerRange: 0.1, head: { kind: 'masked-lm', maskedPositions: 2 } },
  });
  expect(lines).toHaveLength(9);
  expect(lines).toContain(`${file}: "head.places" is now "head.maskedPositions"`);
  writeFileSync(
    file,
    JSON.stringify({ family: 'mlp', layers: 4, width: 4, activation: 'tanh', classes: 2, inputs: 9 }),
  );
  expect(networkByName(file)).toMatchObject({ numLayers: 4, width: 4 });
});

test('a declaration that is none is refused where the network is made, by the key', () => {
  const spec = preset('resnet18', 'resnet');
  for (const make of [networkOf, parameterCount]) {
    for (const classes of [-1, 2.5, NaN])
      expect(() => make({ ...spec, classes })).toThrow(/^invalid network: classes: /);
    expect(() => make({ ...spec, planes: 0 })).toThrow(/^invalid network: planes: expected at least 1, got 0/);
    expect(() => make({ ...spec, stem: {} as never })).toThrow(/^invalid network: stem/);
  }
  for (const factor of [0, -1, NaN, Infinity])
    expect(() => scaleWidth(spec, factor)).toThrow(
      `scaleWidth: factor: expected a finite number above 0, got ${factor}`,
    );
});

const BUILDERS = { bert, convnet, convnext, distilbert, mlp, mobilenet, resnet, vit };

test.each(Object.entries(BUILDERS))('%s asks for a spec of its own', (family, build) => {
  const built = build as (spec: object) => Network;
  expect(() => built({ family, classes: 'ten' })).toThrow(UsageError);
  expect(() => built({ family: 'another' })).toThrow(UsageError);
  expect(() => built(undefined as unknown as object)).toThrow(UsageError);
});
