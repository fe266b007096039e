/**
 * A residual network of your own from this library's layers, and its three stages. As in the paper, the wide net has
 * more channels within its blocks only: the blocks' outputs are as wide in both, so that imitation needs no maps.
 */
import {
  applyTaps,
  convNorm,
  convNormAdd,
  convolutionLayer,
  dense,
  denseLayer,
  tableOf,
  tf,
  threeStage,
} from '../src/index.js';
import type { Dataset, Network, Tensor4D, ThreeStageResult } from '../src/index.js';
import { sgd } from './own-network.js';

const [STEM, OUTPUT] = [8, 16];

/** A stem; a block of two convolutions whose skip connection is the identity; one with stride 2 and a projection. */
export function residualNetwork(inner: number, classes: number): Network {
  const conv3 = (path: string, tap: string, [reads, inputs]: [string, number], [writes, outputs]: [string, number]) =>
    convolutionLayer({
      ...{ path, tap, reads, writes, shape: [3, 3, inputs, outputs] },
      downsampling: path.startsWith('block2') ? 2 : 1,
    });
  const projection = { path: 'block2/shortcut/conv', tap: 'block2', reads: 'stem', writes: 'block2' };
  const head = { path: 'head', tap: 'logits', reads: 'block2', writes: 'classes', init: 'uniform' } as const;
  const layers = [
    conv3('stem/conv', 'stem', ['pixels', 1], ['stem', STEM]),
    conv3('block1/conv1', 'block1', ['stem', STEM], ['block1/inner', inner]),
    conv3('block1/conv2', 'block1', ['block1/inner', inner], ['stem', STEM]), // added to the stem's channels
    conv3('block2/conv1', 'block2', ['stem', STEM], ['block2/inner', 2 * inner]),
    conv3('block2/conv2', 'block2', ['block2/inner', 2 * inner], ['block2', OUTPUT]),
    convolutionLayer({ ...projection, shape: [1, 1, STEM, OUTPUT], downsampling: 2 }),
    denseLayer({ ...head, shape: [OUTPUT, classes] }),
  ];
  const taps = ['stem', 'block1', 'block2', 'logits'];
  return {
    ...tableOf(layers),
    taps,
    boundaries: { stage: ['stem', 'block1', 'block2'], block: ['stem', 'block1', 'block2'] },
    width: (tap) => ({ block2: OUTPUT, logits: classes })[tap] ?? STEM,
    apply: applyTaps(taps, (scope, tap, value) => {
      const x = value as Tensor4D;
      if (tap === 'stem') return convNorm(scope, 'stem/conv', 'stem/norm', x, { relu: true });
      if (tap === 'logits') return dense(scope, 'head', tf.mean(x, [1, 2]));
      const stride = tap === 'block2' ? 2 : 1;
      const hidden = convNorm(scope, `${tap}/conv1`, `${tap}/norm1`, x, { stride, relu: true });
      const identity = (): Tensor4D =>
        stride === 1 ? x : convNorm(scope, `${tap}/shortcut/conv`, `${tap}/shortcut/norm`, x, { stride });
      return convNormAdd(scope, `${tap}/conv2`, `${tap}/norm2`, hidden, { identity });
    }),
    readers: (tap) => {
      if (tap === 'block2') return { kernels: ['head/kernel'] };
      if (tap === 'block1') return { kernels: ['block2/conv1/kernel', 'block2/shortcut/conv/kernel'] };
      return { obstacle: 'the skip connection of block1 adds it unchanged, past every kernel' };
    },
  };
}

export async function compressOwnResnet(data: Dataset): Promise<ThreeStageResult> {
  return threeStage({
    wide: residualNetwork(16, data.classes),
    thin: residualNetwork(2, data.classes),
    data,
    wideTraining: sgd(200, 0.2),
    imitation: {
      by: 'gradient',
      unit: 'block',
      size: 1,
      order: 'bottom-up',
      inputs: 'own',
      loss: 'relative-mse',
      maps: 'none',
      recipe: sgd(30, 0.2),
    },
    finetune: sgd(100, 0.2),
  });
}
