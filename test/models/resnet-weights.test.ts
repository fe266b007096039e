import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { countParameters, networkByName } from '../../src/models/by-name.js';
import { preparePredict } from '../../src/models/predict.js';
import { statisticsOf, toTorchShape } from '../../src/models/formats/exchange.js';
import { networkOf, preset } from '../../src/models/index.js';
import { predictImages } from '../../src/models/interface/predict.js';
import {
  exportResnet,
  importResnet,
  readTorchvision,
  resnetName,
  writeTorchvision,
} from '../../src/models/families/resnet/weights.js';
import type { HostArray, HostValues } from '../../src/core/host-array.js';
import type { HostWeights } from '../../src/nn/network.js';
import { rms } from '../../src/core/stats.js';
import { readSafetensors, writeSafetensors } from '../../src/store/safetensors.js';
import { anyEngine } from '../support/engines.js';
import { fill, noise } from '../support/reference.js';
import { THIN } from '../method/support.js';

const folder = (): string => mkdtempSync(join(tmpdir(), 'gowide-torchvision-'));

/**
 * Printed by `python test/models/resnet_reference.py` with torchvision 0.29.2, in float64: name, mode, rms of the
 * four stages, logits [1, :4], rms of the logits.
 */
const REFERENCE: [string, 'eval' | 'train', number[], number[], number][] = [
  ['resnet18', 'eval', [0.652611, 0.354586, 0.196165, 0.116467], [0.187771, 0.007029, -0.033145, -0.048992], 0.127708],
  ['resnet18', 'train', [1.305019, 0.81968, 0.799964, 0.788215], [0.782734, 0.810235, 0.165702, 0.367381], 0.619355],
  ['resnet50', 'eval', [0.265668, 0.187993, 0.192362, 0.151901], [0.357359, -0.021286, -0.051961, -0.143653], 0.165536],
  ['resnet50', 'train', [0.958615, 1.107618, 1.36484, 0.979297], [1.056256, -0.021451, 0.438535, 0.149224], 0.742965],
  [
    'wide_resnet50_2',
    'eval',
    [0.27337, 0.186539, 0.18673, 0.153284],
    [0.392499, -0.063014, -0.075487, -0.152129],
    0.170934,
  ],
  [
    'wide_resnet50_2',
    'train',
    [0.959337, 1.10402, 1.357264, 0.97244],
    [1.56749, 0.101891, 0.26523, -0.170398],
    0.745898,
  ],
];

const models = new Map<string, HostWeights>();

/** The reference's weights, made once for each network. */
function reference(name: string): HostWeights {
  const spec = preset(name, 'resnet');
  if (!models.has(name)) {
    models.clear(); // one at a time: they are large
    const { shapes } = networkOf(spec);
    const tensors = [...Object.entries(shapes), ...statisticsOf(shapes)].map(([path, shape]): [string, HostArray] => {
      const key = resnetName(path);
      return [key, fill(key, toTorchShape(path, shape))];
    });
    models.set(name, importResnet(spec, Object.fromEntries(tensors), 'reference'));
  }
  return models.get(name)!;
}

describe('forward passes are torchvision’s', () => {
  beforeAll(anyEngine);

  test.each(REFERENCE)('%s, %s', { timeout: 300_000 }, async (name, mode, stages, logits, size) => {
    const spec = preset(name, 'resnet');
    const input = { shape: [4, 3, 64, 64], values: Float32Array.from(noise(4 * 3 * 64 * 64, 5)) };
    const outputs = await predictImages(networkOf(spec), 3, reference(name), input, { mode, taps: true });
    stages.forEach((expected, s) =>
      expect(Math.abs(rms(outputs[`stage${s + 1}`]!.values) / expected - 1)).toBeLessThan(1e-4),
    );
    expect(outputs['stage2']!.shape).toEqual([4, spec.block === 'basic' ? 128 : 512, 8, 8]);
    const found = Array.from(outputs.logits!.values.subarray(1000, 1004));
    // training normalises the last stage by 16 values a channel, which amplifies rounding (torch's own float32 is off
    // by some 1e-4 here)
    found.forEach((value, i) =>
      expect(Math.abs(value - logits[i]!) / size).toBeLessThan(mode === 'eval' ? 2e-5 : 4e-4),
    );
  });
});

test('names are torchvision’s', () => {
  expect(
    [
      'stem/conv/kernel',
      'stem/norm/gamma',
      'stage2/block1/conv1/kernel',
      'stage4/block3/norm3/variance',
      'stage1/block1/shortcut/norm/mean',
      'head/bias',
    ].map(resnetName),
  ).toEqual([
    'conv1.weight',
    'bn1.weight',
    'layer2.0.conv1.weight',
    'layer4.2.bn3.running_var',
    'layer1.0.downsample.1.running_mean',
    'fc.bias',
  ]);
  // len(torchvision.models.resnet50().state_dict()) = 320
  expect(Object.keys(exportResnet(networkOf(preset('resnet50')).init(0)))).toHaveLength(320);
});

test('weights survive the way into a file and back, bit for bit', () => {
  const path = join(folder(), 'w.safetensors');
  const spec = { ...THIN, blocks: [2, 1], mid: 2 };
  const model = networkOf(spec).init(4);
  writeTorchvision(path, model);
  expect(readTorchvision(path, spec)).toEqual(model);
});

test('weights of another network: missing, foreign and wrongly shaped keys are counted, and the first three named', () => {
  const path = join(folder(), 'w.safetensors');
  writeTorchvision(path, networkOf(THIN).init(1));
  expect(() => readTorchvision(path, { ...THIN, blocks: [2, 1] })).toThrow(
    /missing \(15\): layer1.1.conv1.weight, \S+, \S+ and 12 more$/,
  );
  expect(() => readTorchvision(path, { ...THIN, blocks: [1] })).toThrow(
    /not of this network \(20\): \S+, \S+, \S+ and 17 more; of another shape \(1\): fc.weight is \[10, 8\], expected \[10, 4\]/,
  );
  expect(() => readTorchvision(path, preset('resnet18', 'resnet'))).toThrow(
    /conv1.weight is \[4, 1, 3, 3\], expected \[64, 3, 7, 7\]/,
  );
});

describe('weights of another type are said to be of that of the file', () => {
  const path = join(folder(), 'w.safetensors');
  const write = (shape: readonly number[], values: HostValues): void => {
    writeTorchvision(path, networkOf(THIN).init(1));
    writeSafetensors(path, { ...readSafetensors(path).tensors, 'fc.weight': { shape, values } });
  };

  test('bytes with a sign', () => {
    write([10, 8], new Uint8Array(80));
    writeFileSync(path, readFileSync(path, 'latin1').replace('"dtype":"U8"', '"dtype":"I8"'), 'latin1');
    expect(() => readTorchvision(path, THIN)).toThrow(/; of another type \(1\): fc.weight is I8, expected F32$/);
  });

  test('doubles, of another shape as well', () => {
    write([10, 8], new Float64Array(80));
    expect(() => readTorchvision(path, THIN)).toThrow(/; of another type \(1\): fc.weight is F64, expected F32$/);
    write([10, 4], new Float64Array(40));
    expect(() => readTorchvision(path, THIN)).toThrow(
      /of another type \(1\): fc.weight is F64 \[10, 4\], expected F32 \[10, 8\]$/,
    );
  });

  test('an input, too', () => {
    const [input, weights] = [join(folder(), 'x.safetensors'), path];
    writeTorchvision(weights, networkOf(preset('resnet18')).init(1));
    writeSafetensors(input, { input: { shape: [1], values: new Uint8Array(1) } });
    writeFileSync(input, readFileSync(input, 'latin1').replace('"dtype":"U8"', '"dtype":"I8"'), 'latin1');
    const files = { model: 'resnet18', weights, input, output: join(folder(), 'y.safetensors') };
    expect(() => preparePredict(files, {})).toThrow('input is I8, expected F32');
  });
});

/** What `predict` is given of a ResNet-18. */
const filesIn = (path: string): Parameters<typeof preparePredict>[0] & { weights: string; output: string } => ({
  model: 'resnet18',
  weights: join(path, 'w.safetensors'),
  input: join(path, 'x.safetensors'),
  output: join(path, 'y.safetensors'),
});

describe('files', () => {
  beforeAll(anyEngine);

  test('predict writes logits, and every tap when asked, images as [B, C, H, W]; batches do not matter in evaluation', async () => {
    const files = filesIn(folder());
    writeTorchvision(files.weights, networkOf(preset('resnet18')).init(1));
    const x = Float32Array.from(noise(18 * 3 * 32 * 40, 1));
    writeSafetensors(files.input, { input: { shape: [18, 3, 32, 40], values: x } });
    expect(await preparePredict(files, {})({ mode: 'eval', taps: false })).toEqual({ logits: [18, 1000] });
    const shapes = await preparePredict(files, {})({ mode: 'eval', taps: true });
    expect(shapes).toMatchObject({
      stem: [18, 64, 8, 10],
      stage1: [18, 64, 8, 10],
      'stage4/block2': [18, 512, 1, 2],
      logits: [18, 1000],
    });
    const all = readSafetensors(files.output).tensors.logits!.values as Float32Array;
    writeSafetensors(files.input, { input: { shape: [1, 3, 32, 40], values: x.slice(17 * 3840) } });
    await preparePredict(files, {})({ mode: 'eval', taps: false });
    const last = readSafetensors(files.output).tensors.logits!.values as Float32Array;
    last.forEach((value, i) => expect(value).toBeCloseTo(all[17 * 1000 + i]!, 3));
  });

  test('what does not fit is named before an engine is started', async () => {
    const files = filesIn(folder());
    writeSafetensors(files.input, { images: { shape: [1], values: new Float32Array(1) } });
    expect(() => preparePredict(files, {})).toThrow('no tensor "input"; it holds images');
    const one = { shape: [1], values: new Float32Array(1) };
    writeSafetensors(files.input, Object.fromEntries([...'abcdef'].map((name) => [name, one])));
    expect(() => preparePredict(files, {})).toThrow(/no tensor "input"; it holds a, b, c and 3 more$/);
    writeSafetensors(files.input, { input: { shape: [1], values: new Int32Array(1) } });
    expect(() => preparePredict(files, {})).toThrow('input is I32, expected F32');
    writeTorchvision(files.weights, networkOf(preset('resnet18')).init(1));
    writeSafetensors(files.input, { input: { shape: [1, 4, 8, 8], values: new Float32Array(256) } });
    expect(() => preparePredict(files, {})).toThrow(`${files.input}: input: expected [B, 3, H, W], got [1, 4, 8, 8]`);
    writeSafetensors(files.input, { input: { shape: [2, 3, 1, 1], values: Float32Array.of(0, 0, 0, 0, NaN, 0) } });
    expect(() => preparePredict(files, {})).toThrow(
      `${files.input}: input: value 4 is NaN (image 1); expected finite numbers`,
    );
    writeSafetensors(files.input, { input: { shape: [1, 3, 8, 8], values: new Float32Array(192) } });
    expect(() => preparePredict({ ...files, model: 'resnet34' }, {})).toThrow(/missing \(\d+\): layer1.2.conv1.weight/);
    expect(() => networkByName(join(folder(), 'none.json'))).toThrow(
      /none.json: file not found; expected a network spec as JSON, or the name of a published network/,
    );
  });
});

test('variants: all channels, the inner ones, the classes', () => {
  expect(countParameters('resnet50', {}).parameters).toBe(25_557_032);
  expect(countParameters('resnet50', { mid: 2 }).parameters).toBe(68_883_240);
  expect(countParameters('resnet18', { width: 1, classes: 10 }).parameters).toBe(11_689_512 - 990 * 513);
  expect(countParameters('resnet50', { width: 0.5 }).parameters).toBe(6_917_640);
});
