/**
 * A network of your own in this library's modules, and its three stages: a small convolutional net whose wide version
 * has more channels everywhere.
 */
import { applyTaps, convNorm, convolutionLayer, dense, denseLayer, tableOf, tf, threeStage } from '../src/index.js';
import type { Dataset, Network, RecipeSpec, Tensor4D, ThreeStageResult } from '../src/index.js';

/** Two convolutions of `width` channels, the second with stride 2, then the mean over the image and a dense layer. */
export function twoLayers(width: number, classes: number): Network {
  const taps = ['first', 'second', 'logits'];
  const layers = [
    convolutionLayer({
      path: 'first/conv',
      tap: 'first',
      shape: [3, 3, 1, width],
      reads: 'pixels',
      writes: 'first',
    }),
    convolutionLayer({
      path: 'second/conv',
      tap: 'second',
      shape: [3, 3, width, width],
      reads: 'first',
      writes: 'second',
      downsampling: 2,
    }),
    denseLayer({
      path: 'head',
      tap: 'logits',
      shape: [width, classes],
      reads: 'second',
      writes: 'classes',
      init: 'uniform',
    }),
  ];
  const readers: Record<string, string[]> = { first: ['second/conv/kernel'], second: ['head/kernel'] };
  return {
    ...tableOf(layers),
    taps,
    boundaries: { stage: ['first', 'second'], block: ['first', 'second'] },
    width: (tap) => (tap === 'logits' ? classes : width),
    apply: applyTaps(taps, (scope, tap, x) => {
      if (tap === 'logits') return dense(scope, 'head', tf.mean(x, [1, 2]));
      const stride = tap === 'second' ? 2 : 1;
      return convNorm(scope, `${tap}/conv`, `${tap}/norm`, x as Tensor4D, { stride, relu: true });
    }),
    readers: (tap) => ({ kernels: readers[tap]! }),
  };
}

export function sgd(steps: number, peak: number): RecipeSpec {
  return {
    steps,
    batch: 32,
    schedule: { kind: 'cosine', peak, warmup: 5 },
    optimizer: { kind: 'sgd', momentum: 0.9, weightDecay: 1e-4 },
  };
}

export async function compressOwnNetwork(data: Dataset): Promise<ThreeStageResult> {
  return threeStage({
    wide: twoLayers(16, data.classes),
    thin: twoLayers(4, data.classes),
    data,
    wideTraining: sgd(300, 0.3),
    // the paper's maps: up after each layer and down before the next, merged afterwards
    imitation: {
      by: 'gradient',
      unit: 'block',
      size: 1,
      order: 'bottom-up',
      inputs: 'own',
      loss: 'relative-mse',
      maps: 'pair',
      recipe: sgd(40, 0.05),
    },
    finetune: sgd(150, 0.3),
  });
}
