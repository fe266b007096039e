/**
 * Weights are read for the network that they are of: what no tensor's name or shape shows is compared with the
 * configuration beside them, or with what their own file declares.
 */
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { pictureFacts } from '../../src/models/formats/picture-facts.js';
import { readWeights } from '../../src/models/read.js';
import { writeWeights } from '../../src/models/write.js';
import { networkOf, type NetworkSpec } from '../../src/models/index.js';

const SIZES = { hiddenSize: 8, numLayers: 1, intermediateSize: 6 } as const;
const TEXTS = { vocabSize: 7, maxPositions: 6, dropout: 0.1, head: { kind: 'none' } } as const;
const TOKENIZER = { vocabulary: ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', 'a', 'b'], lowercase: true };

const bert = (numHeads: number): NetworkSpec => ({ family: 'bert', ...TEXTS, ...SIZES, typeVocabSize: 2, numHeads });
const distilbert = (numHeads: number): NetworkSpec => ({ family: 'distilbert', ...TEXTS, ...SIZES, numHeads });
const vit = (numHeads: number): NetworkSpec => ({
  ...{ family: 'vit', imageSize: 4, patchSize: 2, channels: 1, classes: 3 },
  ...{ ...SIZES, numHeads },
});

const folder = (): string => mkdtempSync(join(tmpdir(), 'gowide-beside-'));
const configure = (path: string, change: (config: Record<string, unknown>) => object): void => {
  const file = join(path, 'config.json');
  writeFileSync(file, JSON.stringify(change(JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>)));
};

/** A folder with the weights of a network in it, and the paths by which they can be read. */
function saved(spec: NetworkSpec): { readonly path: string; readonly ways: readonly string[] } {
  const path = folder();
  const file = join(path, 'model.safetensors');
  if (spec.family === 'vit') {
    writeWeights(file, spec, networkOf(spec).init(3));
    writeFileSync(join(path, 'config.json'), JSON.stringify({ architecture: 'vit', num_classes: 3 }));
    return { path, ways: [file] };
  }
  writeWeights(path, spec, networkOf(spec).init(3), { tokenizer: TOKENIZER });
  return { path, ways: [path, file] };
}

describe.each([
  ['BERT', bert, { num_attention_heads: 2 }, 'num_attention_heads'],
  ['DistilBERT', distilbert, { n_heads: 2 }, 'n_heads'],
  ['ViT, as Hugging Face says it', vit, { num_attention_heads: 2 }, 'num_attention_heads'],
  ['ViT, as timm says it', vit, { model_args: { num_heads: 2 } }, 'model_args.num_heads'],
] as const)('heads of a %s', (_, specOf, heads, key) => {
  const { path, ways } = saved(specOf(4));
  const expected = networkOf(specOf(4)).init(3).params;

  test.each(ways)('are those of the configuration (%#)', (way) => {
    expect(readWeights(way, specOf(4)).params).toEqual(expected);
    configure(path, (config) => ({ ...config, ...heads }));
    expect(() => readWeights(way, specOf(4))).toThrow(
      `config.json: ${key}: expected 4, the "numHeads" of the network that reads these weights, got 2; ` +
        'give the network spec "numHeads": 2',
    );
    configure(path, (config) => ({ ...config, [key.split('.')[0]!]: undefined, ...saidBy(specOf(4)) }));
    expect(readWeights(way, specOf(4)).params).toEqual(expected);
  });
});

/** The key that says four heads, where a family's configuration cannot be without it. */
function saidBy({ family }: NetworkSpec): object {
  return { bert: { num_attention_heads: 4 }, distilbert: { n_heads: 4 } }[family as string] ?? {};
}

describe.each([
  ['BERT', bert, { hidden_act: 'relu' }, 'hidden_act: expected "gelu"; got "relu"'],
  ['BERT', bert, { layer_norm_eps: 1e-5 }, 'layer_norm_eps: expected "1e-12"; got 0.00001'],
  ['BERT', bert, { position_embedding_type: 'relative_key' }, 'position_embedding_type: expected "absolute"'],
  ['BERT', bert, { is_decoder: true }, 'is_decoder: expected "false"; got true'],
  ['BERT', bert, { add_cross_attention: true }, 'add_cross_attention: expected "false"; got true'],
  ['BERT', bert, { pruned_heads: { 0: [1] } }, 'pruned_heads'],
  // the same names and shapes, but positions that begin at 2
  ['BERT', bert, { model_type: 'xlm-roberta' }, 'model_type: expected "bert"; got "xlm-roberta"'],
  [
    'BERT',
    bert,
    { num_attention_heads: undefined },
    'num_attention_heads: expected 4, the "numHeads" of the network that reads these weights, got none, which stands for 12',
  ],
  ['BERT', bert, { num_attention_heads: 'four' }, 'num_attention_heads: expected a number, got "four"; if this file'],
  ['DistilBERT', distilbert, { n_heads: undefined }, 'n_heads: expected 4, the "numHeads" of the network'],
  ['DistilBERT', distilbert, { activation: 'relu' }, 'activation: expected "gelu"; got "relu"'],
  ['DistilBERT', distilbert, { pruned_heads: { 0: [1] } }, 'pruned_heads'],
  ['DistilBERT', distilbert, { model_type: 'bert' }, 'model_type: expected "distilbert"; got "bert"'],
  ['ViT', vit, { hidden_act: 'relu' }, 'hidden_act: expected "gelu"; got "relu"'],
  ['ViT', vit, { layer_norm_eps: 1e-12 }, 'layer_norm_eps: expected "0.000001"; got 1e-12'],
  ['ViT', vit, { global_pool: 'avg' }, 'global_pool: expected "token"; got "avg"'],
  ['ViT', vit, { model_type: 'beit' }, 'model_type: expected "vit"; got "beit"'],
] as const)('a %s', (_, specOf, setting, message) => {
  test(`with ${JSON.stringify(setting)} is refused`, () => {
    const { path, ways } = saved(specOf(4));
    configure(path, (config) => ({ ...config, ...setting }));
    for (const way of ways) expect(() => readWeights(way, specOf(4))).toThrow(`config.json: ${message}`);
  });
});

/** A network of twelve heads, which transformers has where a configuration says nothing. */
const twelve = (spec: NetworkSpec): NetworkSpec => ({ ...spec, hiddenSize: 24, numHeads: 12 }) as NetworkSpec;

describe.each([
  ['BERT', bert(4), { vocab_size: undefined }],
  ['BERT', bert(4), { hidden_dropout_prob: 0.95, type_vocab_size: null, hidden_size: 'eight' }],
  ['BERT', bert(4), { model_type: undefined }],
  ['BERT', twelve(bert(4)), { num_attention_heads: undefined, hidden_act: undefined, layer_norm_eps: undefined }],
  ['DistilBERT', distilbert(4), { model_type: undefined, max_position_embeddings: undefined }],
  ['DistilBERT', distilbert(4), { dropout: 0.95, n_layers: null }],
  ['DistilBERT', twelve(distilbert(4)), { n_heads: undefined, activation: undefined }],
] as const)('a %s', (_, spec, setting) => {
  test(`beside a configuration with ${JSON.stringify(setting)} of what its tensors show is read`, () => {
    const { path, ways } = saved(spec);
    configure(path, (config) => ({ ...config, ...setting }));
    for (const way of ways) expect(readWeights(way, spec).params).toEqual(networkOf(spec).init(3).params);
  });
});

test('a configuration may say no more than its model_type', () => {
  for (const [specOf, type] of [
    [bert, 'bert'],
    [distilbert, 'distilbert'],
  ] as const) {
    const { path, ways } = saved(twelve(specOf(4)));
    configure(path, () => ({ model_type: type }));
    for (const way of ways) expect(Object.keys(readWeights(way, twelve(specOf(4))).params)).not.toEqual([]);
    configure(path, () => ({ model_type: 'gpt2', n_head: 3 }));
    expect(() => readWeights(ways[0]!, twelve(specOf(4)))).toThrow(
      new RegExp(
        `config.json: model_type: expected "${type}"; got "gpt2"; if this file is not of these weights, ` +
          'move the weights to a folder of their own$',
      ),
    );
  }
});

test('a config.json that is no configuration of a network is left alone', () => {
  for (const specOf of [bert, distilbert, vit]) {
    const { path, ways } = saved(specOf(4));
    configure(path, () => ({ network: { family: 'bert' }, hidden_act: 'relu', activation: 'relu' }));
    expect(readWeights(ways.at(-1)!, specOf(4)).params).toEqual(networkOf(specOf(4)).init(3).params);
  }
});

test('a BERT with a bias by distance reads nothing of Hugging Face’s, which has none', () => {
  const { ways } = saved(bert(4));
  const far = { ...bert(4), distance: { slope: 1 } } as NetworkSpec;
  expect(() => readWeights(ways[0]!, far)).toThrow('no bias by distance ("distance" in the network spec)');
});

const PLAIN = { numLayers: 2, width: 4, classes: 3 } as const;
const RESNET = {
  ...{ family: 'resnet', block: 'basic', blocks: [1], planes: 4, mid: 1, skip: true, channels: 1, classes: 3 },
  stem: { kind: 'small', channels: 4 },
} as const;
const MOBILENET = {
  ...{ family: 'mobilenet', stem: { channels: 4, stride: 1 }, features: 8, dropout: 0, classes: 3, channels: 1 },
  stages: [{ expansion: 1, channels: 4, blocks: 1, stride: 1 }],
} as const;
const LAYERS = {
  ...{ family: 'layers', input: { name: 'x', shape: [4] } },
  layers: [
    { kind: 'dense', name: 'a', from: ['x'], units: 5, activation: 'relu' },
    { kind: 'dense', name: 'b', from: ['a'], units: 3, activation: 'linear' },
  ],
} as const;

describe.each([
  ['numHeads', vit(4), vit(2)],
  ['skip', RESNET, { ...RESNET, skip: false }],
  ['stages.0.stride', MOBILENET, { ...MOBILENET, stages: [{ ...MOBILENET.stages[0], stride: 2 }] }],
  ['stem.stride', MOBILENET, { ...MOBILENET, stem: { channels: 4, stride: 2 } }],
  ...(['skip', 'activation'] as const).flatMap((key) => {
    const other = key === 'skip' ? { skip: true } : { activation: 'tanh' };
    const nets = [
      { family: 'mlp', inputs: 4, ...PLAIN, skip: false, activation: 'relu' },
      { family: 'convnet', ...PLAIN, channels: 1, skip: false, activation: 'relu' },
    ];
    return nets.map((net) => [key, net, { ...net, ...other }] as const);
  }),
  [
    'layers.a.activation',
    LAYERS,
    { ...LAYERS, layers: [{ ...LAYERS.layers[0], activation: 'tanh' }, LAYERS.layers[1]] },
  ],
] as readonly (readonly [string, NetworkSpec, NetworkSpec])[])('"%s" that a file declares', (key, own, other) => {
  test(`is compared (${own.family})`, () => {
    const { shapes } = networkOf(own);
    expect(networkOf(other).shapes).toEqual(shapes); // else the tensors would tell
    const model = join(folder(), own.family === 'layers' ? 'model' : 'model.safetensors');
    writeWeights(model, own, networkOf(own).init(3));
    const params = readWeights(model, own).params;
    expect(params).toEqual(networkOf(own).init(3).params);
    expect(() => readWeights(model, other)).toThrow(`a network with "${key}"`);
  });
});

test('of a layer, a text is said as it is, and a list as one', () => {
  const dense = { kind: 'dense', units: 4 } as const;
  const spec = (activation: 'relu' | 'tanh', added: string): NetworkSpec => ({
    ...{ family: 'layers', input: { name: 'x', shape: [4] } },
    layers: [
      { ...dense, name: 'a', from: ['x'], activation },
      { ...dense, name: 'b', from: ['a'], activation: 'relu' },
      { kind: 'add', name: 'c', from: ['b', added] },
      { ...dense, name: 'd', from: ['c'], activation: 'linear' },
    ],
  });
  const [model, own] = [join(folder(), 'model'), spec('relu', 'x')];
  writeWeights(model, own, networkOf(own).init(3));
  expect(readWeights(model, own).params).toEqual(networkOf(own).init(3).params);
  const read = (other: NetworkSpec) => (): unknown => readWeights(model, other);
  expect(read(spec('tanh', 'x'))).toThrow('"layers.a.activation" "relu"; expected "tanh", as');
  expect(read(spec('relu', 'a'))).toThrow('"layers.c.from" ["b","input"]; expected ["b","a"], as');
});

test.each([
  [{ architecture: 'resnetaa50' }, 'architecture: resnetaa50 blurs what it subsamples, which its tensors do not show'],
  [{ architecture: 'convnext_tiny_hnf' }, 'architecture: convnext_tiny_hnf normalizes its last values'],
  [{ architecture: 'resnet50', model_args: { aa_layer: 'blurpool' } }, 'model_args.aa_layer: "blurpool", which may'],
  [{ architecture: 'resnet50', model_args: { global_pool: 'max' } }, 'model_args.global_pool: "max", which may'],
  [{ architecture: 'resnet50', model_args: { num_classes: 3, drop_path_rate: 0.1, global_pool: 'avg' } }, undefined],
  [{ architecture: 'resnet50', model_args: null }, undefined],
])('a network of timm’s that is not what its tensors tell is refused: %j', (config, said) => {
  const path = folder();
  writeFileSync(join(path, 'config.json'), JSON.stringify(config));
  const read = (): unknown => pictureFacts(join(path, 'model.safetensors'));
  if (said === undefined) expect(read()).toEqual({});
  else expect(read).toThrow(`${join(path, 'config.json')}: ${said}`);
});
