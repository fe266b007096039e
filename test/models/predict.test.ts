/** Inputs of `gowide predict`: what a network would turn into a figure without a word is refused. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { tf } from '../../src/engine/tensor.js';
import { preparePredict } from '../../src/models/predict.js';
import { resnet } from '../../src/models/families/resnet/network.js';
import { writeTorchvision } from '../../src/models/families/resnet/weights.js';
import { preset } from '../../src/models/index.js';
import { layersNetwork, type LayersSpec } from '../../src/models/families/layers/network.js';
import { readRows } from '../../src/models/interface/predict.js';
import { writeSafetensors } from '../../src/store/safetensors.js';
import { anyEngine } from '../support/engines.js';

const folder = mkdtempSync(join(tmpdir(), 'gowide-predict-'));
const file = (name: string): string => join(folder, `${name}.safetensors`);
const WEIGHTS = resnet(preset('resnet18', 'resnet')).init(1);

/** PyTorch gives NaN for all logits of such a picture; a ReLU of NaN is 0 on some engines here. */
test.each([NaN, Infinity, -Infinity])('a pixel of %f is refused, with the picture that has it', (wrong) => {
  writeTorchvision(file('weights'), WEIGHTS);
  const values = new Float32Array(2 * 3 * 32 * 32);
  values[3 * 32 * 32 + 5] = wrong;
  writeSafetensors(file('input'), { input: { shape: [2, 3, 32, 32], values } });
  const files = { model: 'resnet18', weights: file('weights'), input: file('input'), output: file('output') };
  expect(() => preparePredict(files, {})).toThrow(`input: value 3077 is ${wrong} (image 1)`);
});

test.each([NaN, -Infinity])('a weight of %f is refused, with its name', (wrong) => {
  const path = 'stage2/block1/norm1/gamma';
  const { shape, values } = WEIGHTS.params[path]!;
  const broken = { shape, values: values.map((value, i) => (i === 3 ? wrong : value)) };
  writeTorchvision(file('weights'), { ...WEIGHTS, params: { ...WEIGHTS.params, [path]: broken } });
  writeSafetensors(file('input'), { input: { shape: [1, 3, 32, 32], values: new Float32Array(3 * 32 * 32) } });
  const files = { model: 'resnet18', weights: file('weights'), input: file('input'), output: file('output') };
  expect(() => preparePredict(files, {})).toThrow(`not finite (1): layer2.0.bn1.weight (${wrong})`);
});

/** PyTorch gives NaN for its channel; with the ReLU after it, 0 on some engines here. */
test.each([-1, -0.001])('a running variance of %f is refused, with its name', (wrong) => {
  const path = 'stage2/block1/norm1/variance';
  const { shape, values } = WEIGHTS.state[path]!;
  const broken = { shape, values: values.map((value, i) => (i === 3 ? wrong : value)) };
  writeTorchvision(file('weights'), { ...WEIGHTS, state: { ...WEIGHTS.state, [path]: broken } });
  writeSafetensors(file('input'), { input: { shape: [1, 3, 32, 32], values: new Float32Array(3 * 32 * 32) } });
  const files = { model: 'resnet18', weights: file('weights'), input: file('input'), output: file('output') };
  expect(() => preparePredict(files, {})).toThrow('variances below zero (1): layer2.0.bn1.running_var (-');
});

test('an output that is beyond float32 is no answer, and the example is named', async () => {
  await anyEngine();
  const spec: LayersSpec = {
    family: 'layers',
    input: { name: 'x', shape: [2] },
    layers: [{ kind: 'dense', name: 'a', from: ['x'], units: 2, activation: 'linear' }],
  };
  const network = layersNetwork(spec);
  const weights = network.init(1);
  const kernel = { shape: [2, 2], values: Float32Array.of(1, 1, 1, 1) };
  const large = { ...weights, params: { ...weights.params, 'a/kernel': kernel } };
  const predict = (x: number): Promise<unknown> =>
    readRows(
      network,
      2,
      { input: { shape: [3, 2], values: Float32Array.of(1, 1, 1, 1, x, x) } },
      'input',
    )(large, { mode: 'eval', taps: false });
  await expect(predict(1)).resolves.toBeDefined();
  const { numTensors } = tf.memory();
  await expect(predict(3e38)).rejects.toThrow('logits of example 2 is Infinity: its values are beyond float32');
  expect(tf.memory().numTensors).toBe(numTensors);
});

test.each([
  ['thin.onnx', 'ONNX files are run by onnxruntime; expected what it was made from'],
  ['missing.safetensors', 'file not found; expected a safetensors file'],
  ['weights.pth', 'a file of weights, which "gowide thin" reads'],
])('%s as the name of a network: the line says what to do', (model, line) => {
  const files = { model, input: file('input'), output: file('output') };
  expect(() => preparePredict(files, {})).toThrow(`${model}: ${line}`);
});

test('a file of weights as the name of a network: the line says that nothing in it tells which it is', () => {
  writeSafetensors(file('weights'), { 'encoder.weight': { shape: [1], values: Float32Array.of(1) } });
  const files = { model: file('weights'), input: file('input'), output: file('output') };
  expect(() => preparePredict(files, {})).toThrow('expected the tensors of a ResNet in torchvision’s names');
});

test('the folder of a run as the name of a network: the line says what to do', () => {
  const run = mkdtempSync(join(tmpdir(), 'gowide-predict-'));
  writeFileSync(join(run, 'spec.json'), '{}');
  expect(() => preparePredict({ model: run, input: file('input'), output: file('output') }, {})).toThrow(
    `${run}: the folder of a run; expected what "gowide runs export ID --output NAME" writes of it`,
  );
});
