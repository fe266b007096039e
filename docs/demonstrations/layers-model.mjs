// A user's own program: a classifier of tfjs, trained with its own `fit` and kept as a LayersModel folder.
// usage: node layers-model.mjs DATA.json FOLDER
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as layers from '@tensorflow/tfjs-layers';
import { io, oneHot, tensor1d, tensor4d } from '@tensorflow/tfjs-core';
import { openData, openEngine } from 'go-wide-then-narrow';

const [dataFile, folder] = process.argv.slice(2);
const data = await openData(JSON.parse(readFileSync(dataFile, 'utf8')));
await openEngine(process.env.GOWIDE_ENGINE ?? 'auto');

const kernel = (seed) => ({ kernelInitializer: layers.initializers.glorotNormal({ seed }) });
const conv = (name, filters, seed) =>
  layers.layers.conv2d({ name, filters, kernelSize: 3, padding: 'same', useBias: false, ...kernel(seed) });
const model = layers.sequential({
  layers: [
    layers.layers.inputLayer({ inputShape: [28, 28, 1] }),
    conv('conv1', 16, 1),
    layers.layers.batchNormalization({ name: 'norm1', epsilon: 1e-5, momentum: 0.9 }),
    layers.layers.reLU({ name: 'relu1' }),
    layers.layers.maxPooling2d({ name: 'pool1', poolSize: 2 }),
    conv('conv2', 32, 2),
    layers.layers.batchNormalization({ name: 'norm2', epsilon: 1e-5, momentum: 0.9 }),
    layers.layers.reLU({ name: 'relu2' }),
    layers.layers.maxPooling2d({ name: 'pool2', poolSize: 2 }),
    layers.layers.flatten({ name: 'flat' }),
    layers.layers.dense({ name: 'hidden', units: 64, activation: 'relu', ...kernel(3) }),
    layers.layers.dense({ name: 'scores', units: 10, ...kernel(4) }),
  ],
});
model.compile({ optimizer: 'adam', loss: (y, p) => layersLoss(y, p) });

/** Cross-entropy of logits. */
function layersLoss(y, logits) {
  return logits.logSoftmax().mul(y).sum(-1).neg().mean();
}

const all = await data.train.batch(Uint32Array.from({ length: data.train.count }, (_, i) => i));
const x = tensor4d(all.values, [data.train.count, 28, 28, 1]);
const y = oneHot(tensor1d(all.labels, 'int32'), 10).toFloat();
await model.fit(x, y, { epochs: 6, batchSize: 64, shuffle: false, verbose: 0 });

// what model.save('file://...') of tfjs-node writes
await model.save(
  io.withSaveHandler(({ modelTopology, weightSpecs, weightData }) => {
    mkdirSync(folder, { recursive: true });
    const weightsManifest = [{ paths: ['weights.bin'], weights: weightSpecs }];
    const json = { format: 'layers-model', generatedBy: 'tfjs', modelTopology, weightsManifest };
    writeFileSync(join(folder, 'model.json'), JSON.stringify(json));
    writeFileSync(join(folder, 'weights.bin'), new Uint8Array(weightData));
    return { modelArtifactsInfo: { dateSaved: new Date(), modelTopologyType: 'JSON' } };
  }),
);
