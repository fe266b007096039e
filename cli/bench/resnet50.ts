/** ResNet-50: training and inference at 224 and 32 pixels, and the loader that feeds it. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { normals, rngKey } from '../../src/core/rng.js';
import { Loader } from '../../src/data/dataset.js';
import { openImageFolder } from '../../src/data/imagefolder.js';
import { tf } from '../../src/engine/tensor.js';
import { preset } from '../../src/models/index.js';
import { resnet } from '../../src/models/families/resnet/network.js';
import { temporaryFolder } from '../terminal/stop.js';
import { inferenceTimes, trainingTimes, type Case, type NetworkCases } from './compare.js';
import { networkBench } from './network.js';

function imageCase(pixels: number, batch: number, train: boolean): Case {
  const times = (seconds: number): Promise<number[]> => {
    const network = resnet(preset('resnet50', 'resnet'));
    const values = Float32Array.from(normals(rngKey(1, 'bench'), batch * pixels * pixels * 3));
    if (!train) return inferenceTimes(network, tf.tensor4d(values, [batch, pixels, pixels, 3]), seconds);
    const labels = Int32Array.from({ length: batch }, (_, i) => (i * 7) % 1000);
    const optimizer = { kind: 'sgd', momentum: 0.9, weightDecay: 1e-4 } as const;
    return trainingTimes(
      network,
      batch,
      { shape: [pixels, pixels, 3], classes: 1000, examples: { values, labels }, optimizer, rate: 0.01 },
      seconds,
    );
  };
  return { batch, times, peer: { network: 'resnet50', pixels, train } };
}

const CASES: NetworkCases = {
  unit: 'images',
  cases: {
    'train 224 px batch 8': imageCase(224, 8, true),
    'inference 224 px batch 8': imageCase(224, 8, false),
    'train 32 px batch 128': imageCase(32, 128, true),
    'inference 32 px batch 128': imageCase(32, 128, false),
    'train 224 px batch 64': { ...imageCase(224, 64, true), onRequest: true },
    'inference 224 px batch 64': { ...imageCase(224, 64, false), onRequest: true },
  },
  environment: 'torch-2.15.0',
  packages: ['torch==2.15.0', 'numpy'],
  feed: async (seconds) => ({
    case: 'loader 224 px',
    engine: `sharp ${(await import('sharp')).default.versions.sharp ?? ''}`.trim(),
    ...(await measureLoader(seconds)),
  }),
};

/** `gowide bench resnet50`: pictures per second of ResNet-50 in training and inference, and of its loader. */
export const resnet50 = networkBench(
  'resnet50',
  'images per second of ResNet-50: training (SGD with momentum) and inference at 224 and 32 pixels, and of the ' +
    'loader that feeds it',
  CASES,
);

/**
 * Pictures per second of the loader at 224 pixels: JPEGs of 500 x 375, as ImageNet's are on average, random crops, all
 * cores.
 */
async function measureLoader(seconds: number): Promise<{ perSecond: number; peakMemoryBytes: number }> {
  const { folder, remove } = temporaryFolder('gowide-bench-');
  try {
    await writePictures(folder);
    const data = openImageFolder({ folder, size: 224, resize: 256, validation: 1, corrupt: 0 });
    const batch = 8;
    const loader = new Loader(data.train, 1, batch);
    await loader.get(0);
    const started = performance.now();
    let steps = 0;
    while (performance.now() - started < 1000 * seconds) await loader.get(++steps);
    return {
      perSecond: (1000 * steps * batch) / (performance.now() - started),
      peakMemoryBytes: process.resourceUsage().maxRSS * 1024,
    };
  } finally {
    remove();
  }
}

async function writePictures(folder: string): Promise<void> {
  const { default: sharp } = await import('sharp');
  const [width, height] = [500, 375];
  for (const [split, count] of [
    ['train', 16],
    ['val', 1],
  ] as const) {
    for (const name of ['a', 'b']) {
      mkdirSync(join(folder, split, name), { recursive: true });
      for (let i = 0; i < count; i++) {
        // smooth noise: a JPEG of some 100 kB, as ImageNet's
        const coarse = Float64Array.from(normals(rngKey(i, split, name), 63 * 47 * 3));
        const raw = Buffer.from(Uint8Array.from(coarse, (z) => Math.max(0, Math.min(255, 128 + 50 * z))));
        await sharp(raw, { raw: { width: 63, height: 47, channels: 3 } })
          .resize(width, height, { kernel: 'cubic', fit: 'fill' })
          .jpeg({ quality: 95 })
          .toFile(join(folder, split, name, `${i}.jpg`));
      }
    }
  }
}
