/** Recipes as declared values: how a network is trained, by data set. */
import { atSteps } from '../src/method/spec/recipe-steps.js';
import type { RecipeSpec } from '../src/method/spec/spec.js';

const sgd = (weightDecay: number): RecipeSpec['optimizer'] => ({ kind: 'sgd', momentum: 0.9, weightDecay });

/** Small nets on small data: SGD, warm-up over a twentieth, cosine. */
export function small(steps: number, batch: number, peak: number, weightDecay = 5e-4): RecipeSpec {
  return {
    steps,
    batch,
    schedule: { kind: 'cosine', peak, warmup: Math.round(steps / 20) },
    optimizer: sgd(weightDecay),
  };
}

/** Plain nets without batch norm: AdamW, gradients clipped. */
export function adamw(steps: number, batch: number, peak: number, weightDecay = 1e-4): RecipeSpec {
  return {
    steps,
    batch,
    schedule: { kind: 'cosine', peak, warmup: Math.round(steps / 20) },
    optimizer: { kind: 'adamw', beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay },
    clip: 1,
  };
}

/**
 * The paper's ImageNet recipe (from the public reproduction's README; what it leaves open is unknown). Batch 256, SGD
 * with momentum 0.9. Wide and direct: 90 epochs, decay 1e-4, linear warm-up over 5 epochs to 0.1, divided by 10 at
 * epochs 30, 60 and 80. Imitation: 10 epochs for each of the 4 stages, mean squared error, no decay, cosine from 0.1.
 * Fine-tuning: 50 epochs of KL, cosine from 0.1.
 */
export const PAPER_IMAGENET = {
  batch: 256,
  epochs: 90,
  warmup: 5,
  drops: [30, 60, 80],
  peak: 0.1,
  weightDecay: 1e-4,
  imitation: { epochsPerStage: 10, stages: 4, peak: 0.1 },
  finetune: { epochs: 50, peak: 0.1 },
  /** Training pictures of ImageNet (ILSVRC 2012), of which 50,000 are set aside for validation. */
  images: 1_281_167,
  validation: 50_000,
} as const;

/** Direct training by the paper's recipe. */
export function paperDirect(): RecipeSpec {
  const { batch, epochs, warmup, drops, peak, weightDecay } = PAPER_IMAGENET;
  return {
    steps: paperSteps(epochs),
    batch,
    schedule: { kind: 'step', peak, warmup: paperSteps(warmup), drops: drops.map(paperSteps), factor: 0.1 },
    optimizer: sgd(weightDecay),
  };
}

/**
 * Direct training by the paper's recipe for another number of steps, in batches `larger` times as large: warm-up and
 * drops at the same shares of the steps, the peak rate as many times higher as the batch is larger. That is the linear
 * scaling rule of Goyal et al. 2017 (arXiv 1706.02677, section 2), which holds up to batches of some 8,192 pictures
 * where the rate warms up for five epochs at least.
 */
export function paperDirectInBatches(steps: number, larger: number): RecipeSpec {
  const recipe = atSteps(paperDirect(), steps);
  const { batch, schedule } = recipe;
  return { ...recipe, batch: larger * batch, schedule: { ...schedule, peak: larger * schedule.peak } };
}

/** Steps of so many epochs of ImageNet. */
export function paperSteps(epochs: number): number {
  const { batch, images, validation } = PAPER_IMAGENET;
  return Math.round((epochs * (images - validation)) / batch);
}

/** A cosine from `peak`, as the paper's imitation and fine-tuning have it. */
export function paperCosine(epochs: number, peak: number, weightDecay: number): RecipeSpec {
  return {
    steps: paperSteps(epochs),
    batch: PAPER_IMAGENET.batch,
    schedule: { kind: 'cosine', peak, warmup: 0 },
    optimizer: sgd(weightDecay),
  };
}

/**
 * BERT's recipe at any length: AdamW, linear warm-up and decay, gradients clipped at a joint norm of 1. Devlin et al.
 * 2019, appendix A.2, unless said otherwise.
 */
export function bertRecipe(
  steps: number,
  batch: number,
  peak: number,
  { warmup = 0.1, beta2 = 0.999 } = {},
): RecipeSpec {
  return {
    steps,
    batch,
    schedule: { kind: 'linear', peak, warmup: Math.round(steps * warmup) },
    optimizer: { kind: 'adamw', beta1: 0.9, beta2, epsilon: 1e-6, weightDecay: 0.01 },
    clip: 1,
  };
}

/**
 * The published pre-training of BERT: a million steps of 256 sequences of 512 tokens, rate 1e-4 after 10,000 steps of
 * warm-up, 15 % of the tokens masked, 80/10/10. (The published run takes 128 tokens for nine tenths of the steps; this
 * one has 512 throughout.) `accumulate` says how many parts a batch is computed in.
 */
export const PAPER_BERT = {
  ...bertRecipe(1_000_000, 256, 1e-4, { warmup: 0.01 }),
  accumulate: 8,
} as const satisfies RecipeSpec;
