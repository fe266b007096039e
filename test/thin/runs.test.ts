/** Finished runs of every family made thin: the thin net's files are read back, and compute what its ONNX file does. */
import { existsSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { sizeOf } from '../../src/core/host-array.js';
import type { Engine } from '../../src/engine/engines/choose.js';
import { startEngine } from '../../src/engine/engines/choose.js';
import { trainExecutor } from '../../src/method/run/execute.js';
import { exportRun } from '../../src/method/run/export.js';
import { TRAIN_KIND } from '../../src/method/run/required.js';
import { networkByName } from '../../src/models/by-name.js';
import { declaredIn } from '../../src/models/read.js';
import { readOnnxMetadata } from '../../src/onnx/metadata.js';
import { preparePredict } from '../../src/models/predict.js';
import { FAMILIES, type NetworkSpec } from '../../src/models/index.js';
import { environment } from '../../src/store/environment.js';
import { executeRun } from '../../src/store/execute.js';
import { checkOutput, OUTPUTS } from '../../src/store/output.js';
import { findRun, type RunRecord } from '../../src/store/runs.js';
import { readSafetensors, writeSafetensors } from '../../src/store/safetensors.js';
import { isSameNetwork } from '../../src/thin/same.js';
import { openClassification } from '../../src/thin/classify.js';
import { findData } from '../../src/thin/data/index.js';
import { thin } from '../../src/thin/thin.js';
import { cell, DIRECT, recipe } from '../method/support.js';
import { anyEngine } from '../support/engines.js';
import { missingRuntime, runOnnx, type OnnxInputs } from '../support/onnxruntime.js';
import { noise } from '../support/reference.js';
import { relativeError } from '../support/tolerance.js';
import { BERT, bertFolder, csvFile, newFolder, pictureFolder } from './support.js';

let engine: Engine;
beforeAll(async () => {
  engine = await startEngine(await anyEngine(), 'test');
});

const IMAGES = { classes: 2, channels: 3 } as const;
const { vocabSize, maxPositions, hiddenSize, numLayers, numHeads, intermediateSize } = BERT;
const ENCODER = { vocabSize, maxPositions, hiddenSize, numLayers, numHeads, intermediateSize, dropout: 0 };

/** A small network of each family, wide enough to be narrowed. */
const NETWORKS: Readonly<Record<string, NetworkSpec>> = {
  vit: {
    ...{ family: 'vit', imageSize: 8, patchSize: 4, hiddenSize: 12, numLayers: 1, numHeads: 2, intermediateSize: 8 },
    ...IMAGES,
  },
  mobilenet: {
    ...{ family: 'mobilenet', stem: { channels: 16, stride: 1 }, features: 16, dropout: 0, ...IMAGES },
    stages: [
      { expansion: 1, channels: 16, blocks: 1, stride: 1 },
      { expansion: 2, channels: 16, blocks: 2, stride: 2 },
    ],
  },
  resnext: {
    ...{ family: 'resnet', block: 'bottleneck', blocks: [1, 1], planes: 4, mid: 2, groups: 4, skip: true, ...IMAGES },
    stem: { kind: 'small', channels: 4 },
  },
  layers: {
    family: 'layers',
    input: { name: 'image', shape: [8, 8, 3] },
    layers: [
      {
        ...{ kind: 'conv', name: 'conv', from: ['image'], units: 4, kernel: [3, 3], strides: [2, 2] },
        ...{ padding: 'same', activation: 'relu' },
      },
      { kind: 'flatten', name: 'flat', from: ['conv'] },
      { kind: 'dense', name: 'scores', from: ['flat'], units: 2, activation: 'softmax' },
    ],
  },
  mlp: { family: 'mlp', numLayers: 2, width: 4, skip: false, activation: 'tanh', classes: 2, inputs: 192 },
  distilbert: { ...ENCODER, family: 'distilbert', head: { kind: 'classify', classes: 2 } },
};

/** Data as a run declares them: pictures of two colors, or texts. */
function dataOf(network: NetworkSpec): unknown {
  if (FAMILIES[network.family]!.vocabSize === undefined)
    return { set: 'imagefolder', folder: pictureFolder(6), size: 8, resize: 8, corrupt: 16, test: 0.2, validation: 2 };
  const options = { work: newFolder(), columns: { text: 'review' }, rows: Infinity, mostTokens: 16, side: 8 };
  return findData(csvFile(24), { ...options, vocabulary: bertFolder(), tokens: undefined }).spec;
}

/** Inputs of two examples in a file for `predict`, and for ONNX. */
function inputsOf(network: NetworkSpec): { readonly file: string; readonly onnx: OnnxInputs } {
  const file = join(newFolder(), 'input.safetensors');
  if (FAMILIES[network.family]!.vocabSize !== undefined) {
    const input_ids = { shape: [2, 4], values: Int32Array.of(2, 5, 6, 3, 2, 7, 8, 3) };
    const attention_mask = { shape: [2, 4], values: new Int32Array(8).fill(1) };
    writeSafetensors(file, { input_ids, attention_mask });
    return { file, onnx: { input_ids, attention_mask } };
  }
  const shape = network.family === 'mlp' ? [2, 192] : [2, 3, 8, 8];
  const input = { shape, values: Float32Array.from(noise(sizeOf(shape), 5)) };
  writeSafetensors(file, { input });
  return { file, onnx: { input } };
}

async function trained(
  network: NetworkSpec,
  out: string,
  data = dataOf(network),
  notice?: (line: string) => void,
): Promise<RunRecord> {
  return executeRun(cell({ ...DIRECT, data, network, training: { ...DIRECT.training, ...recipe(1) } }), {
    out,
    environment: environment(null, 'test'),
    executors: { [TRAIN_KIND]: trainExecutor },
    signal: new AbortController().signal,
    progress: () => {},
    ...(notice !== undefined && { notice }),
  });
}

describe.each(Object.entries(NETWORKS))('a run of the family %s', (_name, network) => {
  test('is made thin, and what is written computes what its ONNX file and its run do', async () => {
    const [runs, out] = [newFolder(), newFolder()];
    const { id } = await trained(network, runs);
    const {
      written,
      thin: narrow,
      taken,
    } = await thin({
      ...{ model: id, runs, out, engine, epochs: 1, batch: 8, tries: 1 },
    });
    expect(narrow.network.family).toBe(network.family);
    const model = written.find((path) => existsSync(path) && !/\.json$|\.onnx$/.test(path))!;
    const { file: input, onnx } = inputsOf(network);
    const logits = async (of: string): Promise<Float32Array> => {
      const output = join(newFolder(), 'output.safetensors');
      await preparePredict({ model: of, input, output }, {})({ mode: 'eval', taps: true });
      const { tensors } = readSafetensors(output);
      return (tensors.logits ?? tensors.last_hidden_state)!.values as Float32Array;
    };
    const own = await logits(model);
    expect(own.some((value) => value !== 0)).toBe(true);
    const again = join(
      newFolder(),
      network.family === 'layers' || network.family === 'distilbert' ? 'x' : 'x.safetensors',
    );
    // twice: what is written here says so, and may be written over
    for (const _ of [1, 2]) await exportRun(findRun(join(out, 'work'), taken.run), again);
    expect(await logits(again)).toEqual(own);
    expect(networkByName(again)).toEqual(networkByName(model));
    const graph = join(out, 'model.onnx');
    expect(checkOutput(graph, OUTPUTS.onnx)).toBe(realpathSync(graph));
    const declared = declaredIn(readOnnxMetadata(graph), graph)!;
    expect(isSameNetwork(declared, networkByName(model))).toBe(true);
    if (missingRuntime === undefined) {
      const [found] = await runOnnx(readFileSync(graph), [onnx]);
      expect(relativeError(found!.logits!.values, own)).toBeLessThan(1e-5);
    }
  });
});

test('a run of texts is made thin on a table of the user’s, with the vocabulary that is kept in the work', async () => {
  const [runs, out] = [newFolder(), newFolder()];
  const { id } = await trained(NETWORKS.distilbert!, runs);
  const given = { data: csvFile(24), columns: { text: 'review' } };
  const { taken } = await thin({ model: id, runs, out, engine, ...given, epochs: 1, batch: 8, tries: 1 });
  expect(findRun(join(out, 'work'), taken.run).cell.spec).toMatchObject({
    data: { vocabulary: expect.stringMatching(/work.source-[0-9a-f]{12}$/) as string },
  });
});

test.each(['resnext', 'distilbert'])(
  'a network (%s) with more classes than its data: that is said, and what is exported has a name for each',
  async (name) => {
    const runs = newFolder();
    const network = { ...NETWORKS[name]! } as Record<string, unknown>;
    const wider = { ...network, ...(name === 'resnext' ? { classes: 4 } : { head: { kind: 'classify', classes: 4 } }) };
    const said: string[] = [];
    const { id } = await trained(wider as NetworkSpec, runs, undefined, (line) => said.push(line));
    // the few texts of these data stand in every split, which is said, too
    expect(said.filter((line) => !line.endsWith('the test accuracy says less about new ones'))).toEqual([
      'the data have 2 classes, and the network tells 4 apart: no example is of the last 2; are 4 "classes" of the ' +
        'network what was meant?',
    ]);
    const exported = join(newFolder(), name === 'resnext' ? 'wider.safetensors' : 'wider');
    await exportRun(findRun(runs, id), exported);
    const input = name === 'resnext' ? join(pictureFolder(1), 'red') : csvFile(2);
    const names = name === 'resnext' ? ['blue', 'red'] : ['blame', 'praise'];
    const columns = name === 'resnext' ? undefined : { text: 'review' };
    for (const model of [exported, id, id.slice(0, 2)]) {
      const { labels } = await (await openClassification({ model, input, runs, columns }))();
      expect([...labels].sort()).toEqual(['LABEL_2', 'LABEL_3', ...names]);
      expect(labels.slice(2)).toEqual(['LABEL_2', 'LABEL_3']);
    }
  },
);

test('a run that was trained on pairs of texts classifies pairs, and one of single texts those: others are refused', async () => {
  const runs = newFolder();
  const table = (name: string, header: string, row: string): string => {
    const path = join(newFolder(), name);
    writeFileSync(path, `${header}\n${Array.from({ length: 24 }, (_, i) => `${row},${i % 2}\n`).join('')}`);
    return path;
  };
  const pairs = table('pairs.csv', 'sentence1,sentence2,label', 'a good film,the plot');
  const single = table('single.csv', 'text,label', 'a good film');
  const options = { work: newFolder(), columns: {}, rows: Infinity, mostTokens: 16, side: 8, tokens: undefined };
  const { spec } = findData(pairs, { ...options, vocabulary: bertFolder() });
  const onPairs = await trained(NETWORKS.distilbert!, runs, spec);
  const onSingle = await trained(NETWORKS.distilbert!, runs);
  const classify = async (model: string, input: string) => (await openClassification({ model, input, runs }))();
  expect((await classify(onPairs.id, pairs)).items[0]).toMatchObject({ item: 'a good film', pair: 'the plot' });
  expect((await classify(onSingle.id, single)).items).toHaveLength(24);
  await expect(classify(onPairs.id, single)).rejects.toThrow(
    /single texts, and .* was trained on pairs; expected a .tsv/,
  );
  await expect(classify(onSingle.id, pairs)).rejects.toThrow(/pairs of texts, and .* was trained on single ones/);
});
