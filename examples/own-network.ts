/**
 * A network of your own in this library's modules, and its three stages: a small convolutional net whose wide version
 * has more channels everywhere.
 */
import {
  axesOf,
  convNorm,
  dense,
  flopsOf,
  initLinears,
  ownerIn,
  shapesOf,
  tf,
  threeStage,
  applyTaps,
} from '../src/index.js';
import type { Dataset, Linear, Network, RecipeSpec, ThreeStageResult } from '../src/index.js';

/** Two convolutions of `width` channels, the second with stride 2, then the mean over the image and a dense layer. */
export function twoLayers(width: number, classes: number): Network {
  const convolution = { norm: undefined, bias: false, init: 'he' } as const;
  const layers: Linear[] = [
    {
      ...convolution,
      path: 'first/conv',
      tap: 'first',
      shape: [3, 3, 1, width],
      reads: 'pixels',
      writes: 'first',
      norm: 'first/norm',
      downsampling: 1,
    },
    {
      ...convolution,
      path: 'second/conv',
      tap: 'second',
      shape: [3, 3, width, width],
      reads: 'first',
      writes: 'second',
      norm: 'second/norm',
      downsampling: 2,
    },
    {
      path: 'head',
      tap: 'logits',
      shape: [width, classes],
      reads: 'second',
      writes: 'classes',
      norm: undefined,
      bias: true,
      init: 'uniform',
      downsampling: 1,
    },
  ];
  const taps = ['first', 'second', 'logits'];
  const readers: Record<string, string[]> = { first: ['second/conv/kernel'], second: ['head/kernel'] };
  return {
    taps,
    boundaries: { stage: ['first', 'second'], block: ['first', 'second'] },
    width: (tap) => (tap === 'logits' ? classes : width),
    shapes: shapesOf(layers),
    init: (seed) => initLinears(seed, layers),
    apply: applyTaps(taps, (scope, tap, x) => {
      if (tap === 'logits') return dense(scope, 'head', tf.mean(x, [1, 2]));
      return convNorm(scope, `${tap}/conv`, `${tap}/norm`, x as Parameters<typeof convNorm>[3], {
        stride: tap === 'second' ? 2 : 1,
        relu: true,
      });
    }),
    owner: ownerIn(layers),
    readers: (tap) => ({ kernels: readers[tap]! }),
    flops: (shape) => flopsOf(layers, shape),
    axes: axesOf(layers),
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
