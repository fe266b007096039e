/** Executor of training runs: direct training, and the three stages of the paper on bottleneck ResNets. */
import { UsageError } from '../core/errors.js';
import { parseSpec } from '../core/spec.js';
import type { Cell, Executor, HostArrays, Outcome, RunContext } from '../core/run.js';
import { DIGITS_SIZE, loadDigits, type Split } from '../data/digits.js';
import { batchIndices, countImages, makeBatch } from '../data/images.js';
import { disposeAll, tf, type Scalar, type Tensor, type Tensor2D, type Tensor4D, type Tensors } from '../engine/tensor.js';
import { evaluate } from '../metrics/accuracy.js';
import { tapDiscrepancy } from '../metrics/discrepancy.js';
import { applyResnet, forwardFlops, initResnet, tapsOf, type ApplyOptions, type Model, type ResnetSpec } from '../models/resnet.js';
import { countParameters } from '../nn/init.js';
import type { Scope } from '../nn/layers.js';
import { crossEntropy, klDivergence, relativeSquaredError } from '../optim/losses.js';
import { ownSteps, TrainSpec, type DirectSpec, type RecipeSpec, type ThreeStageSpec } from './spec.js';
import { exportNetwork, importNetwork, trainStages, type Network, type Stage } from './stages.js';

export const TRAIN_KIND = 'train';

/** Parts that the thin and the wide net share, shape for shape: they start as the wide net's. */
const SHARED = /^(stem|head)\/|\/shortcut\//;
/** Batches over which batch-norm statistics are estimated anew after imitation. */
const STATISTICS_BATCHES = 30;

/** Checks a spec. Throws UsageError with one line that names the key, what was expected and what was given. */
export function parseTrainSpec(value: unknown): TrainSpec {
  const spec = parseSpec(TrainSpec, 'training spec', value);
  if (spec.method === 'three-stage') checkPair(spec.model, spec.wide.model);
  return spec;
}

/** The wide net may differ in `mid` alone, so that all taps have the same shapes and need no maps between them. */
function checkPair(thin: ResnetSpec, wide: ResnetSpec): void {
  const differing = (Object.keys(thin) as (keyof ResnetSpec)[]).filter((key) => key !== 'mid' && JSON.stringify(thin[key]) !== JSON.stringify(wide[key]));
  if (differing.length > 0) throw new UsageError(`invalid training spec: wide.model may differ from model in "mid" only, it differs in ${differing.join(', ')}`);
}

/** The run that trains the wide net of a three-stage run: shared by all runs that need the same one. */
export function wideCell(cell: Cell, spec: ThreeStageSpec): Cell {
  const direct: DirectSpec = { method: 'direct', data: spec.data, model: spec.wide.model, recipe: spec.wide.recipe };
  return { experiment: cell.experiment, arm: 'wide', scale: cell.scale, kind: TRAIN_KIND, spec: direct, seed: cell.seed };
}

export const trainExecutor: Executor = async (context) => {
  const spec = parseTrainSpec(context.cell.spec);
  const split = loadDigits(spec.data.train);
  return spec.method === 'direct' ? trainDirect(context, spec, split) : trainThreeStage(context, spec, split);
};

/** A network in evaluation mode. */
function frozen({ params, state }: Network): Scope {
  return { params, state, train: false, observe: () => {} };
}

function logitsOf(spec: ResnetSpec, scope: Scope, x: Tensor4D): Tensor2D {
  return applyResnet(spec, scope, x).logits as Tensor2D;
}

async function trainDirect(context: RunContext, spec: DirectSpec, split: Split): Promise<Outcome> {
  const stage: Stage = {
    name: 'train',
    recipe: spec.recipe,
    trainable: /./,
    loss: (scope, { x, y }) => crossEntropy(logitsOf(spec.model, scope, x), y),
  };
  const network = await trainStages(context, split, spec.data, initResnet(context.cell.seed, spec.model), [stage]);
  return outcome(context, spec, split, network, 0);
}

async function trainThreeStage(context: RunContext, spec: ThreeStageSpec, split: Split): Promise<Outcome> {
  const wideArrays = await context.require(wideCell(context.cell, spec));
  const wide = importNetwork(wideArrays);
  const wideTaps = (x: Tensor4D, options?: ApplyOptions): Tensors => applyResnet(spec.wide.model, frozen(wide), x, options);
  const discrepancies = async (when: string, network: Network): Promise<void> => {
    const byTap = await tapDiscrepancy(split.validation, (x) => applyResnet(spec.model, frozen(network), x), wideTaps);
    for (const [tap, discrepancy] of Object.entries(byTap)) context.log({ event: 'discrepancy', when, tap, discrepancy });
  };
  const stageTaps = tapsOf(spec.model).filter((tap) => tap.startsWith('stage'));
  const { imitation: recipe } = spec;
  const imitation = (recipe === null ? [] : stageTaps).map((tap, index): Stage => {
    const last = index === stageTaps.length - 1;
    return {
      name: `imitate ${tap}`,
      recipe: recipe!,
      trainable: new RegExp(`^${tap}/`),
      loss: (scope, { x }) => imitationLoss(spec, recipe!.inputs, scope, x, tap, tapsOf(spec.model)[index]!, wideTaps),
      ...(last && { after: (network: Network) => afterImitation(context, spec, recipe!.batch, split, network, discrepancies) }),
    };
  });
  const finetune: Stage = {
    name: 'fine-tune',
    recipe: spec.finetune,
    trainable: /./,
    loss: (scope, { x, y }) => {
      const logits = logitsOf(spec.model, scope, x);
      return spec.finetune.loss === 'kl' ? klDivergence(logits, wideTaps(x).logits as Tensor2D) : crossEntropy(logits, y);
    },
    after: async (network) => {
      await discrepancies('end', network);
      return undefined;
    },
  };
  const network = await trainStages(context, split, spec.data, startFromWide(context.cell.seed, spec.model, wideArrays), [...imitation, finetune]);
  disposeAll(wide.params, wide.state);
  return outcome(context, spec, split, network, wideFlops(spec));
}

/** A fresh thin net whose stem, shortcuts and head are the wide net's. */
function startFromWide(seed: number, spec: ResnetSpec, wide: HostArrays): Model {
  const fresh = initResnet(seed, spec);
  const take = (own: Model['params'], prefix: string): Model['params'] =>
    Object.fromEntries(Object.entries(own).map(([path, value]) => [path, SHARED.test(path) ? (wide[`${prefix}/${path}`] as typeof value) : value]));
  return { params: take(fresh.params, 'params'), state: take(fresh.state, 'state') };
}

/** Relative mean squared error of one stage's output, fed with the thin net's own activations or with the wide net's. */
function imitationLoss(
  spec: ThreeStageSpec,
  inputs: 'own' | 'wide',
  scope: Scope,
  x: Tensor4D,
  tap: string,
  before: string,
  wideTaps: (x: Tensor4D, options?: ApplyOptions) => Tensors,
): Scalar {
  const targets = wideTaps(x, { until: tap });
  const output =
    inputs === 'own' ? applyResnet(spec.model, scope, x, { until: tap })[tap]! : applyResnet(spec.model, scope, targets[before] as Tensor4D, { from: before, until: tap })[tap]!;
  return relativeSquaredError(output, targets[tap]!);
}

/** Batch-norm statistics anew, as means over some batches of what the whole network now sees; then the discrepancies. */
async function afterImitation(
  context: RunContext,
  spec: ThreeStageSpec,
  batch: number,
  split: Split,
  network: Network,
  discrepancies: (when: string, network: Network) => Promise<void>,
): Promise<Tensors> {
  const { seed } = context.cell;
  let sums: Record<string, Tensor> = {};
  for (let step = 0; step < STATISTICS_BATCHES; step++) {
    const indices = batchIndices(seed, step, batch, countImages(split.train));
    sums = tf.tidy(() => {
      const { x } = makeBatch(split.train, indices, { options: spec.data.augment, seed, step });
      const seen: Record<string, Tensor> = {};
      applyResnet(spec.model, { ...network, train: true, observe: (path, tensor) => (seen[path] = tensor) }, x);
      const next = Object.fromEntries(Object.entries(seen).map(([path, tensor]) => [path, sums[path] ? tf.add(sums[path], tensor) : tensor]));
      tf.dispose(sums);
      return next;
    });
  }
  const statistics = tf.tidy(() => Object.fromEntries(Object.entries(sums).map(([path, sum]) => [path, tf.div(sum, STATISTICS_BATCHES)])));
  tf.dispose(sums);
  const estimated = { params: network.params, state: statistics };
  await discrepancies('imitation', estimated);
  const { accuracy } = await evaluate(split.validation, (x) => logitsOf(spec.model, frozen(estimated), x));
  context.log({ event: 'evaluation', when: 'imitation', split: 'validation', accuracy });
  return statistics;
}

/** A training step is counted as three forward passes (forward, and the gradients by inputs and by weights). */
function trainingFlops(model: ResnetSpec, { steps, batch }: RecipeSpec): number {
  return 3 * steps * batch * forwardFlops(model, DIGITS_SIZE);
}

/** The wide net's own training, and its forward passes while it is imitated. */
function wideFlops(spec: ThreeStageSpec): number {
  const imitated = spec.imitation === null ? 0 : spec.imitation.steps * spec.model.blocks.length * spec.imitation.batch;
  const watched = imitated + (spec.finetune.loss === 'kl' ? spec.finetune.steps * spec.finetune.batch : 0);
  return trainingFlops(spec.wide.model, spec.wide.recipe) + watched * forwardFlops(spec.wide.model, DIGITS_SIZE);
}

function ownFlops(spec: TrainSpec): number {
  if (spec.method === 'direct') return trainingFlops(spec.model, spec.recipe);
  const imitation = spec.imitation === null ? 0 : spec.model.blocks.length * trainingFlops(spec.model, spec.imitation);
  return imitation + trainingFlops(spec.model, spec.finetune);
}

async function outcome(context: RunContext, spec: TrainSpec, split: Split, network: Network, teacherFlops: number): Promise<Outcome> {
  const predict = (x: Tensor4D): Tensor2D => logitsOf(spec.model, frozen(network), x);
  const validation = await evaluate(split.validation, predict);
  const test = await evaluate(split.test, predict);
  context.log({ event: 'evaluation', when: 'end', split: 'validation', ...validation });
  context.log({ event: 'evaluation', when: 'end', split: 'test', ...test });
  const parameters = countParameters(network.params);
  const arrays = await exportNetwork(network);
  disposeAll(network.params, network.state);
  return {
    arrays,
    result: {
      validationAccuracy: validation.accuracy,
      testAccuracy: test.accuracy,
      testCrossEntropy: test.crossEntropy,
      parameters,
      steps: ownSteps(spec),
      gigaflops: ownFlops(spec) / 1e9,
      teacherGigaflops: teacherFlops / 1e9,
    },
  };
}

/** Expected seconds of a run without its wide net, on one core of a small machine: overhead per step, and 20 GFLOP/s. */
export function expectedSeconds(spec: TrainSpec): number {
  return ownSteps(spec) * 0.03 + ownFlops(spec) / 20e9;
}

/** Floating-point operations of the heaviest training step of a run: the wide net's, where there is one. */
export function stepFlops(spec: TrainSpec): number {
  const { model, recipe } = spec.method === 'direct' ? spec : spec.wide;
  return trainingFlops(model, { ...recipe, steps: 1 });
}
