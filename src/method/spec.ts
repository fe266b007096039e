/** What a training run is made of, as a value. Unknown keys are refused; every duration is in steps. */
import { z } from 'zod';
import { ResnetSpec } from '../models/resnet.js';
import { CosineSchedule } from '../optim/schedule.js';
import { SgdSpec } from '../optim/sgd.js';

const positive = z.int().min(1);

export const AugmentationSpec = z.strictObject({
  rotation: z.number().min(0).max(180),
  shift: z.number().min(0).max(1),
  logScale: z.number().min(0).max(2),
  noise: z.number().min(0),
});

export const DataSpec = z.strictObject({
  set: z.literal('digits'),
  /** Number of training images that are used. */
  train: positive,
  augment: AugmentationSpec,
});
export type DataSpec = z.infer<typeof DataSpec>;

/** Steps of SGD with warm-up and a cosine to zero. */
export const RecipeSpec = z.strictObject({ steps: positive, batch: positive, schedule: CosineSchedule, sgd: SgdSpec });
export type RecipeSpec = z.infer<typeof RecipeSpec>;

/** Training on the labels by backpropagation, from random initial values: the thin net alone, or the wide one. */
export const DirectSpec = z.strictObject({ method: z.literal('direct'), data: DataSpec, model: ResnetSpec, recipe: RecipeSpec });
export type DirectSpec = z.infer<typeof DirectSpec>;

/** Wide, imitation, fine-tuning (paper, section "Method"). */
export const ThreeStageSpec = z.strictObject({
  method: z.literal('three-stage'),
  data: DataSpec,
  model: ResnetSpec,
  wide: z.strictObject({ model: ResnetSpec, recipe: RecipeSpec }),
  /**
   * `steps` for each stage of the network, one after the other. Each stage reads the thin net's own activations, or the wide net's.
   * Null: no imitation, the control that shows what the shared parts and the fine-tuning do alone.
   */
  imitation: RecipeSpec.extend({ inputs: z.enum(['own', 'wide']) }).nullable(),
  /** By the KL divergence to the wide net's outputs, or by the labels. */
  finetune: RecipeSpec.extend({ loss: z.enum(['kl', 'cross-entropy']) }),
});
export type ThreeStageSpec = z.infer<typeof ThreeStageSpec>;

export const TrainSpec = z.discriminatedUnion('method', [DirectSpec, ThreeStageSpec]);
export type TrainSpec = z.infer<typeof TrainSpec>;

/** Training steps of the network itself; the wide net's are not counted. */
export function ownSteps(spec: TrainSpec): number {
  return spec.method === 'direct' ? spec.recipe.steps : (spec.imitation?.steps ?? 0) * spec.model.blocks.length + spec.finetune.steps;
}
