/** Networks whose speed is measured beside PyTorch's. */
import type { Benchmark } from './compare.js';

/** By name; a file is loaded when it is run. */
export const BENCHMARKS: Readonly<
  Record<string, { readonly description: string; readonly load: () => Promise<Benchmark> }>
> = {
  resnet50: {
    description:
      'images per second of ResNet-50: training (SGD with momentum) and inference at 224 and 32 pixels, and of the loader that feeds it',
    load: async () => (await import('./resnet.js')).RESNET50,
  },
  'bert-base': {
    description:
      'sequences per second of BERT_BASE: masked-LM training (AdamW) and inference, 8 x 128 tokens, and of the tokenizer that feeds it',
    load: async () => (await import('./bert.js')).BERT_BASE,
  },
};
