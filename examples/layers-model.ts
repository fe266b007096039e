/**
 * Two models built with the layers API of tfjs, as its own documentation does it, and their three stages. It needs
 * `npm i @tensorflow/tfjs-layers@4.22.0`; whoever has `@tensorflow/tfjs` has it already.
 */
import * as tfjs from '@tensorflow/tfjs-layers';
import { fromLayersModel, threeStage, toLayersModel } from '../src/index.js';
import type { Dataset, ThreeStageResult } from '../src/index.js';
import { sgd } from './own-network.js';

/** Initial values of a kernel; with a seed, so that every run begins alike. */
const drawn = (seed: number) => tfjs.initializers.glorotNormal({ seed });

/** A convolutional classifier as the tfjs documentation writes them. */
export function classifier(filters: number): tfjs.LayersModel {
  return tfjs.sequential({
    layers: [
      tfjs.layers.conv2d({
        name: 'conv_a',
        inputShape: [14, 14, 1],
        filters,
        kernelSize: 3,
        padding: 'same',
        activation: 'relu',
        kernelInitializer: drawn(1),
      }),
      tfjs.layers.maxPooling2d({ name: 'pool_a', poolSize: 2 }),
      tfjs.layers.conv2d({
        name: 'conv_b',
        filters: 2 * filters,
        kernelSize: 3,
        padding: 'same',
        kernelInitializer: drawn(2),
      }),
      tfjs.layers.batchNormalization({ name: 'norm_b' }),
      tfjs.layers.activation({ name: 'relu_b', activation: 'relu' }),
      tfjs.layers.globalAveragePooling2d({ name: 'mean' } as Parameters<typeof tfjs.layers.globalAveragePooling2d>[0]),
      tfjs.layers.dense({ name: 'scores', units: 10, activation: 'softmax', kernelInitializer: drawn(3) }),
    ],
  });
}

export async function compressLayersModel(
  wide: tfjs.LayersModel,
  thin: tfjs.LayersModel,
  data: Dataset,
): Promise<ThreeStageResult> {
  const taps = ['pool_a', 'relu_b'];
  const result = await threeStage({
    wide: fromLayersModel(wide, { taps }),
    thin: fromLayersModel(thin, { taps }),
    data,
    wideTraining: sgd(300, 0.3),
    imitation: {
      by: 'gradient',
      unit: 'block',
      size: 1,
      order: 'bottom-up',
      inputs: 'own',
      loss: 'relative-mse',
      maps: 'up',
      recipe: sgd(40, 0.05),
    },
    finetune: sgd(150, 0.3),
  });
  toLayersModel(wide, result.wide);
  toLayersModel(thin, result.thin);
  return result;
}
