/**
 * Specs: everything that a training run depends on, as a value. The three stages and their rivals are the same spec
 * with parts left out. Unknown keys are refused; durations are in steps.
 */
import { z } from 'zod';
import { exampleCount, layerCount, stepCount } from '../../core/magnitudes.js';
import { namesOf } from '../../core/registry.js';
import { DataSpec } from '../../data/index.js';
import { NetworkSpec } from '../../models/index.js';
import { ImitationLossName } from '../../optim/losses.js';
import { OptimizerSpec } from '../../optim/optimizer.js';
import { ScheduleSpec } from '../../optim/schedule.js';
import { MAP_KINDS } from '../maps/apply.js';
import { STARTS } from '../start/start.js';

/** Schema of how a network is trained: for how long, on which batches, by which optimizer. */
export const RecipeSpec = z.strictObject({
  steps: stepCount(),
  batch: exampleCount(),
  /**
   * Parts that a batch is divided into, one after the other, where it does not fit into memory; batch norm sees a part
   * at a time. 1 by default.
   */
  accumulate: exampleCount().optional(),
  schedule: ScheduleSpec,
  optimizer: OptimizerSpec,
  /** Largest joint norm of the gradients; none by default. */
  clip: z.number().positive().optional(),
  /** Decay of the exponential moving average of the parameters that is used at the end; none by default. */
  ema: z.number().min(0).max(0.99999).optional(),
  /**
   * Evaluations on the validation split, evenly spread over the steps, the last one after the last step; training ends
   * with the weights of the best of them. None by default: it then ends with those of the last step.
   */
  evaluations: stepCount().optional(),
});
/** How a network is trained: for how long, on which batches, by which optimizer. */
export type RecipeSpec = z.infer<typeof RecipeSpec>;

/** Schema of the weights of the training loss's parts; those that need the wide net are 0 without one. */
export const ObjectiveSpec = z.strictObject({
  /** Cross-entropy to the labels. */
  labels: z.number().min(0).default(0),
  /** KL divergence to the wide net's outputs. */
  teacher: z.number().min(0).default(0),
  /**
   * Mean over the boundaries of the distance to the wide net, all at once (FitNet hints, Romero et al. 2015);
   * `training.hints` says which boundaries and which distance.
   */
  hints: z.number().min(0).default(0),
  temperature: z.number().positive().default(1),
  labelSmoothing: z.number().min(0).max(0.99).default(0),
});
/** Weights of the parts of the training loss. */
export type ObjectiveSpec = z.infer<typeof ObjectiveSpec>;

/** How the network is divided: at the ends of its stages or of its blocks; `size` of these together are one group. */
const division = { unit: z.enum(['stage', 'block']).default('stage'), size: layerCount().default(1) };

/**
 * Schema of where hints compare the thin net with the wide one, and how; by stages and the relative MSE when it is left
 * out.
 */
export const HintsSpec = z.strictObject({
  ...division,
  /** `relative-mse` by default. */
  loss: ImitationLossName.optional(),
});
/** Where hints compare the thin net with the wide one, and how. */
export type HintsSpec = z.infer<typeof HintsSpec>;

/** Schema of the second stage by gradient steps: each group of layers is trained to give what the wide net gives. */
export const GradientImitation = z.strictObject({
  by: z.literal('gradient'),
  ...division,
  /**
   * One group after the other, `recipe.steps` for each; or all groups in every step, each reading its input as a
   * constant.
   */
  order: z.enum(['bottom-up', 'joint']),
  /** What a group reads: the thin net's own activations, or the wide net's. */
  inputs: z.enum(['own', 'wide']),
  /** How far a group's output is from the wide net's. */
  loss: ImitationLossName,
  /**
   * Linear maps between groups. `none`: thin and wide have the same widths there. `up`: the thin output is mapped up to
   * be compared, and the map is dropped. `pair`: the paper's, up after each group and down before the next; merged
   * afterwards; each map is trained by the group that it belongs to. `stream`: pairs that can be merged where skip
   * connections carry the boundary past every kernel: one orthonormal basis for all boundaries, and a scale for each
   * channel and boundary, which in the order `joint` is trained by the losses of both groups that it joins.
   */
  maps: z.enum(MAP_KINDS),
  recipe: RecipeSpec,
});
/** Imitation by gradient steps, group by group. */
export type GradientImitation = z.infer<typeof GradientImitation>;

/**
 * Schema of the second stage in closed form: each linear layer is fitted by ridge regression, bottom-up on the thin
 * net's own inputs, to what the wide net has before its nonlinearity.
 */
export const RidgeImitation = z.strictObject({
  by: z.literal('ridge'),
  /** Training images, unaugmented. */
  images: exampleCount(),
  /** Penalty, as a share of the mean square of the inputs. */
  ridge: z.number().positive(),
});
/** Imitation in closed form. */
export type RidgeImitation = z.infer<typeof RidgeImitation>;

/**
 * Schema of the second stage as a Low-Rank Clone: matrices that read or write the channels of skip connections are
 * trained projections of the wide net's, by the KL divergence to its outputs and by what each layer of attention and of
 * the feed-forward halves gives; folded afterwards. It starts from `projected`.
 */
export const CloneImitation = z.strictObject({
  by: z.literal('clone'),
  recipe: RecipeSpec,
});
/** Imitation by trained projections of the wide net's matrices. */
export type CloneImitation = z.infer<typeof CloneImitation>;

/** Schema of the second stage, by one of the ways to imitate. */
export const ImitationSpec = z.discriminatedUnion('by', [GradientImitation, RidgeImitation, CloneImitation]);
/** The second stage, by one of the ways to imitate. */
export type ImitationSpec = z.infer<typeof ImitationSpec>;

/**
 * Which layers stand beside each other: those of the same name, or, in a deeper wide net, those at the same share of
 * the depth.
 */
const align = z.enum(['name', 'depth']).optional();

/** A trained network in a file: a safetensors file in torchvision's or Hugging Face's names, or its folder. */
const fileNetwork = { network: NetworkSpec, weights: z.string() };

/** Schema of the wide net: one that a run of its own trains first, or one from a file. */
export const TeacherSpec = z.union([
  z.strictObject({
    network: NetworkSpec,
    align,
    /** What the wide net's run begins with, as a thin net's run with its own `pretrained`; fresh values without it. */
    pretrained: z.strictObject(fileNetwork).optional(),
    recipe: RecipeSpec,
    objective: ObjectiveSpec,
  }),
  /** Trained already: stage 1 is skipped. */
  z.strictObject({ ...fileNetwork, align }),
]);
/** The wide net: one that a run of its own trains first, or one from a file. */
export type TeacherSpec = z.infer<typeof TeacherSpec>;

/** Whether the wide net is trained by a run of its own, rather than read from a file. */
export function isTrained(teacher: TeacherSpec | null): teacher is Extract<TeacherSpec, { recipe: unknown }> {
  return teacher !== null && 'recipe' in teacher;
}

/** Schema of a training run. */
export const TrainSpec = z.strictObject({
  data: DataSpec,
  /** The thin net. */
  network: NetworkSpec,
  /**
   * A network that was trained before, on another task: parameters of the same path and shape are its own, the others
   * (a task's head) fresh. A run, by the names under which it is kept, or a file as a wide net's.
   */
  get pretrained() {
    return z
      .union([z.strictObject({ experiment: z.string(), arm: z.string(), run: TrainSpec }), z.strictObject(fileNetwork)])
      .optional();
  },
  /** The wide net; null for direct training. */
  teacher: z.union([TeacherSpec, z.null()]),
  /**
   * `random`: fresh. `shared`: parameters of the same path and shape are the wide net's. `selected`: as shared, and the
   * thin net's other channels are the wide net's most important ones. `greedy`: as selected, with channels that are
   * chosen, and weighed, to bring the layers that read them nearest to what the wide net's give. `projected`: as
   * selected, and the channels that skip connections carry are projected on their principal components.
   * `projected-embeddings-and-head`: as shared, and what comes before the first boundary and after the last is
   * projected.
   */
  start: z.enum(namesOf(STARTS)),
  imitation: z.union([ImitationSpec, z.null()]),
  /** Fine-tuning; of an arm without a teacher, all of the training. */
  training: RecipeSpec.extend({ objective: ObjectiveSpec, hints: HintsSpec.optional() }),
});
/** A training run, declared. */
export type TrainSpec = z.infer<typeof TrainSpec>;

/** The trained network that a run goes on from. */
export type PretrainedSpec = NonNullable<TrainSpec['pretrained']>;
