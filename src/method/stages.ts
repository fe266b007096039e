/**
 * Runs a list of training stages one after the other on one network, with saved states between steps. A stage says what
 * is trained, by which loss, for how many steps; all else (batches, optimizer, batch-norm statistics, saving) is the
 * same for all.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { rngKey } from '../core/rng.js';
import type { HostArrays, RunContext } from '../core/run.js';
import { Loader, toBatch, type Batch, type Dataset } from '../data/dataset.js';
import { bundle, unbundle } from '../engine/ops/bundle.js';
import { differentiate, type Differentiated } from '../engine/ops/gradients.js';
import { disposeAll, tf, type Scalar, type Tensor, type Tensors } from '../engine/tensor.js';
import { fromTensors, toTensors } from '../nn/init.js';
import type { Model } from '../nn/network.js';
import type { Scope } from '../nn/layers.js';
import { initOptimizerState, update } from '../optim/optimizer.js';
import { learningRate } from '../optim/schedule.js';
import type { RecipeSpec } from './spec.js';
import {
  fromArrays,
  modelOf,
  moveWeights,
  prefixed,
  replaceWeights,
  toArrays,
  weightsOf,
  withPrefix,
  type Weights,
} from './weights.js';

/** Weight of a new batch in the running statistics, as PyTorch's default. */
const STATISTICS_MOMENTUM = 0.1;

export interface TrainingStage {
  readonly name: string;
  readonly recipe: RecipeSpec;
  /** Paths that are trained, and whose statistics move; the others stay as they are. */
  readonly trainable: (path: string) => boolean;
  /** What the loss compares with; computed outside the gradient. */
  readonly targets?: (x: Tensor) => Tensors;
  /** Mean loss of a batch, with the network in `scope`. */
  readonly loss: (scope: Scope, batch: Batch, targets: Tensors) => Scalar;
  /** Called after the last step; new weights replace the old ones (tensors that stay are shared). */
  readonly after?: (weights: Weights) => Promise<Weights | undefined>;
}

/** What the stages need of a run: its seed, its saved state, and where to log. */
export type StageContext = Pick<RunContext, 'seed' | 'resumed' | 'log' | 'progress' | 'shouldSave' | 'save'>;

interface Position {
  readonly stage: number;
  readonly step: number;
}

interface State extends Weights {
  readonly optimizerState: Tensors;
  /** Moving averages of the trained parameters, where the recipe asks for them. */
  readonly ema: Tensors;
}

/**
 * Trains `stages` in order; returns the trained weights, which the caller disposes. `initial` is called for a run that
 * does not resume.
 */
export async function trainStages(
  context: StageContext,
  data: Dataset,
  initial: () => Promise<Model>,
  stages: readonly TrainingStage[],
): Promise<Weights> {
  const { seed, resumed } = context;
  const totalSteps = stages.reduce((sum, { recipe }) => sum + recipe.steps, 0);
  const position: Position = resumed === undefined ? { stage: 0, step: 0 } : (JSON.parse(resumed.position) as Position);
  let state: State =
    resumed === undefined ? enter(await moveWeights(await initial()), stages[0]!) : restore(resumed.arrays);
  let before = stages.slice(0, position.stage).reduce((sum, { recipe }) => sum + recipe.steps, 0);
  for (let index = position.stage; index < stages.length; index++) {
    const stage = stages[index]!;
    const { steps, batch: size } = stage.recipe;
    const first = index === position.stage ? position.step : 0;
    const loader = new Loader(data.train, seed, size);
    if (first === 0 && index > position.stage) state = enter(state, stage);
    for (let step = first; step < steps; step++) {
      await nextTurn(); // signals are heard between steps: reading a tensor back does not leave the microtask queue
      if (context.shouldSave())
        context.save({
          arrays: await save(state),
          position: JSON.stringify({ stage: index, step } satisfies Position),
        });
      const host = await loader.get(before + step, before + steps);
      for (const { file, reason } of host.skipped ?? [])
        context.log({ event: 'skipped', step: before + step + 1, file, reason });
      const batch = toBatch(data, host);
      const { next, loss, rate } = await trainStep(state, stage, batch, step, (path) =>
        rngKey(seed, 'dropout', before + step, path),
      );
      tf.dispose([batch.x, batch.y]);
      state = next;
      context.log({ stage: stage.name, step: step + 1, totalStep: before + step + 1, loss, learningRate: rate });
      context.progress(stage.name, before + step + 1, totalSteps);
    }
    before += steps;
    state = await leave(state, stage);
  }
  return { params: state.params, state: state.state };
}

function selected(set: Tensors, chosen: (path: string) => boolean): Tensors {
  return Object.fromEntries(Object.entries(set).filter(([path]) => chosen(path)));
}

/** Fresh optimizer state. Throws RangeError when nothing is to be trained. */
function enter({ params, state }: Weights, { name, recipe, trainable }: TrainingStage): State {
  const trained = selected(params, trainable);
  if (Object.keys(trained).length === 0) throw new RangeError(`stage "${name}" trains no parameter`);
  const ema =
    recipe.ema === undefined
      ? {}
      : Object.fromEntries(Object.entries(trained).map(([path, tensor]) => [path, tensor.clone()]));
  return { params, state, optimizerState: initOptimizerState(recipe.optimizer, trained), ema };
}

async function leave(old: State, { after }: TrainingStage): Promise<State> {
  disposeAll(old.optimizerState);
  const averaged = replaceWeights(old, { params: { ...old.params, ...old.ema }, state: old.state });
  const changed = await after?.(averaged);
  return { ...(changed === undefined ? averaged : replaceWeights(averaged, changed)), optimizerState: {}, ema: {} };
}

/**
 * Loss and gradients of a batch: means over its parts, which are computed one after the other; batch statistics are the
 * last part's.
 */
function gradientsOf(state: State, stage: TrainingStage, batch: Batch, random: Scope['random'] & {}): Differentiated {
  const parts = stage.recipe.accumulate ?? 1;
  if (parts === 1) return gradientsOfPart(state, stage, batch, random);
  const size = batch.x.shape[0]! / parts;
  let sum: Differentiated | undefined;
  for (let part = 0; part < parts; part++) {
    const cut = (tensor: Tensor): Tensor => tf.slice(tensor, [part * size], [size]);
    const mine = { x: cut(batch.x), y: cut(batch.y) };
    const next = gradientsOfPart(state, stage, mine, (path) => random(`${path} part ${part}`));
    tf.dispose([mine.x, mine.y]);
    const before = sum;
    sum = {
      ...next,
      loss: add(before?.loss, next.loss, parts),
      gradients: Object.fromEntries(
        Object.entries(next.gradients).map(([path, gradient]) => [path, add(before?.gradients[path], gradient, parts)]),
      ),
    };
    if (before !== undefined) disposeAll(before.aside);
  }
  return sum!;
}

/** sum + x / parts; both are consumed. */
function add<T extends Tensor>(sum: T | undefined, x: T, parts: number): T {
  const result = tf.tidy(() => (sum === undefined ? tf.div(x, parts) : tf.add(sum, tf.div(x, parts)))) as T;
  tf.dispose(sum === undefined ? [x] : [sum, x]);
  return result;
}

function gradientsOfPart(
  state: State,
  stage: TrainingStage,
  batch: Batch,
  random: Scope['random'] & {},
): Differentiated {
  const targets = tf.tidy(() => stage.targets?.(batch.x) ?? {});
  const result = differentiate(selected(state.params, stage.trainable), (params, observe) =>
    stage.loss(
      { params: { ...state.params, ...params }, state: state.state, train: true, observe, random },
      batch,
      targets,
    ),
  );
  disposeAll(targets);
  return result;
}

async function trainStep(
  state: State,
  stage: TrainingStage,
  batch: Batch,
  step: number,
  random: Scope['random'] & {},
): Promise<{ next: State; loss: number; rate: number }> {
  const { recipe, trainable } = stage;
  const { loss, gradients, aside } = gradientsOf(state, stage, batch, random);
  const rate = learningRate(recipe.schedule, step, recipe.steps);
  const updated = update(
    recipe.optimizer,
    { rate, step, clip: recipe.clip },
    state.params,
    state.optimizerState,
    gradients,
  );
  const moved = moveStatistics(state.state, aside, trainable);
  const ema = moveAverages(state.ema, updated.params, recipe.ema);
  const [value] = await loss.data();
  disposeAll(gradients, aside, state.ema);
  tf.dispose([loss, ...Object.keys(moved).map((path) => state.state[path]!)]);
  return {
    next: {
      params: { ...state.params, ...updated.params },
      state: { ...state.state, ...moved },
      optimizerState: updated.optimizerState,
      ema,
    },
    loss: value!,
    rate,
  };
}

function mix(old: Tensor, value: Tensor, weight: number): Tensor {
  return tf.tidy(() => tf.add(tf.mul(old, 1 - weight), tf.mul(value, weight)));
}

/** running <- (1 - momentum) running + momentum batch, for the layers that are being trained. */
function moveStatistics(running: Tensors, observed: Tensors, trainable: TrainingStage['trainable']): Tensors {
  const batch = selected(observed, trainable);
  if (Object.keys(batch).length === 0) return {};
  return tf.tidy(() => {
    const old = Object.fromEntries(Object.keys(batch).map((path) => [path, running[path]!]));
    const [before, now] = [bundle(old), bundle(batch)];
    return unbundle(
      Object.fromEntries(Object.keys(now).map((key) => [key, mix(before[key]!, now[key]!, STATISTICS_MOMENTUM)])),
      old,
    );
  });
}

function moveAverages(averages: Tensors, params: Tensors, decay: number | undefined): Tensors {
  if (decay === undefined) return {};
  return Object.fromEntries(
    Object.entries(averages).map(([path, average]) => [path, mix(average, params[path]!, 1 - decay)]),
  );
}

async function save(state: State): Promise<HostArrays> {
  return {
    ...toArrays(await modelOf(state)),
    ...prefixed(await fromTensors(state.optimizerState), 'optimizer/'),
    ...prefixed(await fromTensors(state.ema), 'ema/'),
  };
}

function restore(arrays: HostArrays): State {
  return {
    ...weightsOf(fromArrays(arrays)),
    optimizerState: toTensors(withPrefix(arrays, 'optimizer/')),
    ema: toTensors(withPrefix(arrays, 'ema/')),
  };
}
