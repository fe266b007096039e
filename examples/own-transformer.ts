/**
 * A vision transformer of your own from this library's layers (Dosovitskiy et al. 2021), and its three stages: patches
 * of an image are its tokens, and the mean over them is classified. Letters: B batch, T tokens, H hiddenSize.
 */
import {
  applyTaps,
  dense,
  denseGelu,
  denseLayer,
  embeddingLayer,
  layerNorm,
  layerNormLayer,
  operation,
  rowsOf,
  selfAttention,
  tableOf,
  tf,
  threeStage,
} from '../src/index.js';
import type { Dataset, Layer, Network, RecipeSpec, Scope, Tensor, Tensor2D, ThreeStageResult } from '../src/index.js';

/** Images of `side` x `side` pixels with one channel, cut into patches of `patchSize` x `patchSize`. */
export interface VisionTransformerOptions {
  readonly side: number;
  readonly patchSize: number;
  readonly hiddenSize: number;
  readonly numLayers: number;
  readonly numHeads: number;
  readonly classes: number;
}

const EPSILON = 1e-6;
const INIT = { std: 0.1 };

/** Every layer, in the order of the forward pass. */
function layersOf(options: VisionTransformerOptions, names: readonly string[]): Layer[] {
  const { side, patchSize, hiddenSize, classes } = options;
  const tokens = (side / patchSize) ** 2;
  const stream = ['hidden', hiddenSize] as const;
  const atTokens = (
    path: string,
    tap: string,
    [reads, inputs]: readonly [string, number],
    [writes, outputs]: readonly [string, number],
  ): Layer => denseLayer({ path, tap, reads, writes, shape: [inputs, outputs], init: INIT, positions: () => tokens });
  const block = (layer: string): Layer[] => {
    const heads = [`${layer}/heads`, hiddenSize] as const;
    const inner = [`${layer}/inner`, 2 * hiddenSize] as const;
    return [
      layerNormLayer(`${layer}/norm1`, layer, hiddenSize, 'hidden'),
      ...['query', 'key', 'value'].map((name) => atTokens(`${layer}/attention/${name}`, layer, stream, heads)),
      operation(layer, () => 4 * tokens ** 2 * hiddenSize), // scores, and values by them
      atTokens(`${layer}/attention/output`, layer, heads, stream),
      layerNormLayer(`${layer}/norm2`, layer, hiddenSize, 'hidden'),
      atTokens(`${layer}/inner`, layer, stream, inner),
      atTokens(`${layer}/output`, layer, inner, stream),
    ];
  };
  const head = { path: 'head', tap: 'logits', reads: 'hidden', writes: 'classes', init: 'uniform' } as const;
  return [
    atTokens('embeddings/patch', 'embeddings', ['pixels', patchSize ** 2], stream),
    embeddingLayer('embeddings/position', 'embeddings', [tokens, hiddenSize], ['position', 'hidden'], INIT.std),
    ...names.flatMap(block),
    layerNormLayer('norm', 'logits', hiddenSize, 'hidden'),
    denseLayer({ ...head, shape: [hiddenSize, classes] }),
  ];
}

/** x [B, side, side, 1] -> logits [B, classes]; taps [B, T, H] at the embeddings and after every block. */
export function visionTransformer(options: VisionTransformerOptions): Network {
  const { side, patchSize, hiddenSize, numLayers, numHeads, classes } = options;
  const names = Array.from({ length: numLayers }, (_, i) => `layer${i + 1}`);
  const [taps, boundaries] = [
    ['embeddings', ...names, 'logits'],
    ['embeddings', ...names],
  ];
  const across = side / patchSize;
  const embeddings = (scope: Scope, x: Tensor): Tensor => {
    const cut = tf.reshape(x, [-1, across, patchSize, across, patchSize]);
    const patches = tf.reshape(tf.transpose(cut, [0, 1, 3, 2, 4]), [-1, patchSize ** 2]) as Tensor2D;
    const embedded = tf.reshape(dense(scope, 'embeddings/patch', patches), [-1, across ** 2, hiddenSize]);
    return tf.add(embedded, scope.params['embeddings/position/kernel']!);
  };
  const block = (scope: Scope, layer: string, x: Tensor): Tensor => {
    const before = rowsOf(layerNorm(scope, `${layer}/norm1`, x, EPSILON));
    const attended = selfAttention(scope, `${layer}/attention`, before, { numHeads, tokens: across ** 2 });
    const middle = tf.add(rowsOf(x), dense(scope, `${layer}/attention/output`, attended));
    const inner = denseGelu(scope, `${layer}/inner`, rowsOf(layerNorm(scope, `${layer}/norm2`, middle, EPSILON)));
    return tf.reshape(tf.add(middle, dense(scope, `${layer}/output`, inner)), x.shape);
  };
  return {
    ...tableOf(layersOf(options, names)),
    taps,
    boundaries: { stage: boundaries, block: boundaries },
    width: (tap) => (tap === 'logits' ? classes : hiddenSize),
    apply: applyTaps(taps, (scope, tap, x) => {
      if (tap === 'embeddings') return embeddings(scope, x);
      if (tap === 'logits') return dense(scope, 'head', tf.mean(layerNorm(scope, 'norm', x, EPSILON), 1));
      return block(scope, tap, x);
    }),
    readers: () => ({ obstacle: 'skip connections and norms read it, past every kernel' }),
    stream: 'hidden',
    units: Object.fromEntries(names.map((layer) => [`${layer}/heads`, hiddenSize / numHeads])),
  };
}

export function adamw(steps: number, peak: number): RecipeSpec {
  return {
    steps,
    batch: 32,
    schedule: { kind: 'cosine', peak, warmup: 5 },
    optimizer: { kind: 'adamw', beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 1e-2 },
  };
}

export async function compressOwnTransformer(data: Dataset): Promise<ThreeStageResult> {
  const common = { side: 14, patchSize: 7, numLayers: 2, classes: data.classes };
  return threeStage({
    wide: visionTransformer({ ...common, hiddenSize: 32, numHeads: 4 }),
    thin: visionTransformer({ ...common, hiddenSize: 8, numHeads: 1 }),
    data,
    wideTraining: adamw(250, 5e-3),
    // a map up to the wide net's channels at each boundary, dropped afterwards
    imitation: {
      by: 'gradient',
      unit: 'block',
      size: 1,
      order: 'joint',
      inputs: 'own',
      loss: 'relative-mse',
      maps: 'up',
      recipe: adamw(60, 5e-3),
    },
    finetune: adamw(120, 5e-3),
  });
}
