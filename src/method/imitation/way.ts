/** What a way to imitate the wide net is to the rest of the method; ways.ts has all of them. */
import { UsageError } from '../../core/errors.js';
import type { Dataset } from '../../data/dataset.js';
import type { Tensors } from '../../engine/tensor.js';
import type { HostWeights, Network } from '../../nn/network.js';
import type { MapKind } from '../maps/apply.js';
import type { Division, Group } from '../maps/groups.js';
import type { RecipeSpec } from '../spec/spec.js';
import type { Start, StartKind } from '../start/start.js';
import type { StreamBasis } from '../start/stream.js';
import type { StageContext } from '../training/stages.js';
import type { TrainingStage } from '../training/training-step.js';
import type { Teacher, Weights } from '../values/weights.js';

/** A thin net and the wide one that it imitates, before anything is trained. */
export interface Pair {
  readonly thin: Network;
  readonly wide: Network;
  readonly groups: readonly Group[];
  readonly start: StartKind;
}

/** A thin net in the second stage. */
export interface Imitating {
  readonly context: StageContext;
  readonly thin: Network;
  readonly teacher: Teacher;
  readonly data: Dataset;
  readonly groups: readonly Group[];
  /** Examples of a batch of the stage after it. */
  readonly batch: number;
  /** Records how near the wide net the thin one is when imitation has ended, with maps up where they were learnt. */
  readonly record: (weights: Weights, maps?: Tensors) => Promise<void>;
}

/** Where the thin net starts, and what that was taken from. */
export interface Started {
  readonly start: Start;
  /** Whether the channels that skip connections carry are projected on the basis. */
  readonly projects: boolean;
  readonly basis: StreamBasis | undefined;
}

/** A way to imitate, by the declaration that asks for it. */
export interface ImitationWay<Spec> {
  /** Examples that are read at once. */
  readonly examples: (spec: Spec) => number;
  /**
   * Throws UsageError where the declaration, `path` in its spec, asks for what the way has not, or for more than there
   * are `examples` for training, where that is known.
   */
  readonly check: (path: string, spec: Spec, examples: number | undefined) => void;
  /** How the declaration divides the network, where it does. */
  readonly division?: (spec: Spec) => Division;
  /** The linear maps between groups of other widths; none by default. */
  readonly maps?: (spec: Spec) => MapKind;
  /** The groups that learn by gradient. Throws UsageError where the thin net cannot imitate the wide one this way. */
  readonly plan: (spec: Spec, pair: Pair) => Group[];
  /** The thin net's values before its first gradient step; unless given those of the start, with maps beside them. */
  readonly begin?: (spec: Spec, run: Imitating, started: Started) => Promise<HostWeights>;
  /** The stages with gradient steps; the last one ends with the thin net alone, without maps. */
  readonly stages: (spec: Spec, run: Imitating, imitated: readonly Group[]) => TrainingStage[];
}

/** Throws UsageError where a second stage, `path` in its spec, asks for evaluations, which the last stage alone has. */
export function checkNoEvaluations(path: string, { evaluations }: RecipeSpec): void {
  if (evaluations !== undefined)
    throw new UsageError(
      `${path}.recipe.evaluations: ${evaluations}, and imitation is not evaluated on the way; expected none; ` +
        'leave it out, or give them to the training after it',
    );
}
