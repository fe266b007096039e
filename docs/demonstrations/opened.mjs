// Opens a thin net's ONNX file in onnxruntime, and a LayersModel in tfjs, and compares the outputs with gowide's.
// usage: node opened.mjs DEMONSTRATION THIN FOLDER, where THIN was written by gowide thin; opened.py has put inputs and
// outputs into FOLDER. Of a LayersModel both are made here. GOWIDE is the command, gowide by default.
import { Buffer } from 'node:buffer';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const [name, thin, folder] = process.argv.slice(2);
const [inputFile, outputFile] = ['inputs', 'outputs'].map((part) => join(folder, `${part}.safetensors`));
const EXAMPLES = 32;

/** Tensors of a safetensors file, by name. */
function tensorsOf(path) {
  const bytes = readFileSync(path);
  const length = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.subarray(8, 8 + length).toString());
  return Object.fromEntries(
    Object.entries(header).flatMap(([key, { dtype, shape, data_offsets: [from, to] = [] }]) => {
      if (key === '__metadata__') return [];
      const part = Uint8Array.from(bytes.subarray(8 + length + from, 8 + length + to)).buffer;
      return [[key, { shape, values: dtype === 'F32' ? new Float32Array(part) : new Int32Array(part) }]];
    }),
  );
}

/** Pictures of the test's own for a LayersModel, [B, C, H, W]. */
function writePictures() {
  const values = Float32Array.from({ length: EXAMPLES * 784 }, (_, i) => Math.sin(i * 12.9898) * 1.5);
  const header = { input: { dtype: 'F32', shape: [EXAMPLES, 1, 28, 28], data_offsets: [0, values.byteLength] } };
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  writeFileSync(inputFile, Buffer.concat([length, text, Buffer.from(values.buffer)]));
}

/** A line of opened.csv. */
function compared([version, theirs], { shape, values }) {
  const [examples, classes] = shape;
  const most = theirs.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
  const difference = values.reduce((max, value, i) => Math.max(max, Math.abs(value - theirs[i])), 0) / most;
  const answer = (all, i) =>
    all.slice(i * classes, (i + 1) * classes).reduce((b, v, c, own) => (v > own[b] ? c : b), 0);
  const same = Array.from({ length: examples }, (_, i) => i).filter((i) => answer(theirs, i) === answer(values, i));
  return `${name},${version},${examples},${difference.toExponential(1)},${same.length}`;
}

async function inOnnxruntime(inputs) {
  const ort = await import('onnxruntime-web');
  ort.env.wasm.numThreads = 1;
  const session = await ort.InferenceSession.create(readFileSync(join(thin, 'model.onnx')), {
    executionProviders: ['wasm'],
  });
  const tensors = session.inputNames.map((key) => {
    const { shape, values } = inputs[key] ?? Object.values(inputs)[0];
    const whole = values instanceof Int32Array;
    const given = whole ? BigInt64Array.from(values, BigInt) : values;
    return [key, new ort.Tensor(whole ? 'int64' : 'float32', given, shape)];
  });
  const found = await session.run(Object.fromEntries(tensors));
  return [`onnxruntime-web ${ort.env.versions.web}`, found[session.outputNames[0]].data];
}

async function inTfjs({ input: { shape, values } }) {
  const layers = await import('@tensorflow/tfjs-layers');
  const core = await import('@tensorflow/tfjs-core');
  await import('@tensorflow/tfjs-backend-cpu');
  const json = JSON.parse(readFileSync(join(thin, 'model/model.json'), 'utf8'));
  const bytes = readFileSync(join(thin, 'model', json.weightsManifest[0].paths[0]));
  const model = await layers.loadLayersModel({
    load: async () => ({
      modelTopology: json.modelTopology,
      weightSpecs: json.weightsManifest[0].weights,
      weightData: Uint8Array.from(bytes).buffer,
    }),
  });
  // one channel: [B, 1, H, W] has the order of [B, H, W, 1]
  const found = await model.predict(core.tensor4d(values, [shape[0], 28, 28, 1])).data();
  return [`tfjs-layers ${layers.version_layers}`, found];
}

const isLayers = existsSync(join(thin, 'model/model.json'));
if (isLayers) {
  mkdirSync(folder, { recursive: true });
  writePictures();
  const [command, ...first] = (process.env.GOWIDE ?? 'gowide').split(' ');
  const args = [...first, 'predict', '--model', join(thin, 'model'), '--input', inputFile, '--output', outputFile];
  execFileSync(command, args, { stdio: 'ignore', timeout: 600_000 });
}
const [inputs, { logits }] = [tensorsOf(inputFile), tensorsOf(outputFile)];
if (isLayers) console.log(compared(await inTfjs(inputs), logits));
console.log(compared(await inOnnxruntime(inputs), logits));
