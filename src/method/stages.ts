/**
 * Runs a list of training stages one after the other on one network, with saved states between steps. A stage says what is trained,
 * by which loss, for how many steps; all else (batches, optimiser, batch-norm statistics, saving) is the same for all.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { HostArrays, RunContext } from '../core/run.js';
import { batchIndices, countImages, makeBatch, type Batch } from '../data/images.js';
import type { Split } from '../data/digits.js';
import { differentiate } from '../engine/gradients.js';
import { disposeAll, tf, type Scalar, type Tensor, type Tensors } from '../engine/tensor.js';
import type { Model } from '../models/resnet.js';
import { fromTensors, toTensors, type Parameters } from '../nn/init.js';
import type { Scope } from '../nn/layers.js';
import { learningRate } from '../optim/schedule.js';
import { initSgd, updateSgd } from '../optim/sgd.js';
import type { DataSpec, RecipeSpec } from './spec.js';

/** Weight of a new batch in the running statistics, as PyTorch's default. */
const STATISTICS_MOMENTUM = 0.1;

export interface Network {
  readonly params: Tensors;
  /** Running statistics of batch norm. */
  readonly state: Tensors;
}

export interface Stage {
  readonly name: string;
  readonly recipe: RecipeSpec;
  /** Paths that are trained; the others stay as they are. */
  readonly trainable: RegExp;
  /** Mean loss of a batch, with the network in `scope`. */
  readonly loss: (scope: Scope, batch: Batch) => Scalar;
  /** Called after the last step, with the network; may return new running statistics, which replace the old ones. */
  readonly after?: (network: Network) => Promise<Tensors | undefined>;
}

interface Position {
  readonly stage: number;
  readonly step: number;
}

interface State extends Network {
  readonly velocity: Tensors;
}

/** Trains `stages` in order; returns the trained network, which the caller disposes. */
export async function trainStages(context: RunContext, split: Split, data: DataSpec, initial: Model, stages: readonly Stage[]): Promise<Network> {
  const { seed } = context.cell;
  const totalSteps = stages.reduce((sum, { recipe }) => sum + recipe.steps, 0);
  const position: Position = context.resumed === undefined ? { stage: 0, step: 0 } : (JSON.parse(context.resumed.position) as Position);
  let state: State = context.resumed === undefined ? begin(initial, stages[0]!) : restore(context.resumed.arrays);
  let before = stages.slice(0, position.stage).reduce((sum, { recipe }) => sum + recipe.steps, 0);
  for (let index = position.stage; index < stages.length; index++) {
    const stage = stages[index]!;
    const first = index === position.stage ? position.step : 0;
    if (first === 0 && index > position.stage) {
      disposeAll(state.velocity);
      state = { ...state, velocity: initSgd(selected(state.params, stage.trainable)) };
    }
    for (let step = first; step < stage.recipe.steps; step++) {
      await nextTurn(); // signals are heard between steps: reading a tensor back does not leave the microtask queue
      if (context.shouldSave()) context.save({ arrays: await save(state), position: JSON.stringify({ stage: index, step } satisfies Position) });
      const indices = batchIndices(seed, before + step, stage.recipe.batch, countImages(split.train));
      const batch = makeBatch(split.train, indices, { options: data.augment, seed, step: before + step });
      const { next, loss, rate } = await trainStep(state, stage, batch, step);
      tf.dispose([batch.x, batch.y]);
      state = next;
      context.log({ stage: stage.name, step: step + 1, totalStep: before + step + 1, loss, learningRate: rate });
      context.progress(stage.name, before + step + 1, totalSteps);
    }
    before += stage.recipe.steps;
    const statistics = await stage.after?.(state);
    if (statistics !== undefined) {
      disposeAll(state.state);
      state = { ...state, state: statistics };
    }
  }
  disposeAll(state.velocity);
  return { params: state.params, state: state.state };
}

function begin(initial: Model, stage: Stage): State {
  const params = toTensors(initial.params);
  return { params, state: toTensors(initial.state), velocity: initSgd(selected(params, stage.trainable)) };
}

/** The tensors whose path matches. Throws RangeError when none does: a mistyped pattern must not train nothing. */
function selected(params: Tensors, pattern: RegExp): Tensors {
  const entries = Object.entries(params).filter(([path]) => pattern.test(path));
  if (entries.length === 0) throw new RangeError(`trainable ${pattern} matches no parameter`);
  return Object.fromEntries(entries);
}

async function trainStep(state: State, { recipe, trainable, loss: lossOf }: Stage, batch: Batch, step: number): Promise<{ next: State; loss: number; rate: number }> {
  const trained = selected(state.params, trainable);
  const { loss, gradients, aside } = differentiate(trained, (params, observe) =>
    lossOf({ params: { ...state.params, ...params }, state: state.state, train: true, observe }, batch),
  );
  const rate = learningRate(recipe.schedule, step, recipe.steps);
  const updated = updateSgd(recipe.sgd, rate, state.params, state.velocity, gradients);
  const moved = moveStatistics(state.state, aside, trainable);
  const [value] = await loss.data();
  const old = [...Object.keys(updated.params).map((path) => state.params[path]!), ...Object.keys(moved).map((path) => state.state[path]!)];
  disposeAll(gradients, aside, state.velocity);
  tf.dispose([loss, ...old]);
  return { next: { params: { ...state.params, ...updated.params }, state: { ...state.state, ...moved }, velocity: updated.velocity }, loss: value!, rate };
}

/** running <- (1 - momentum) running + momentum batch, for the layers that are being trained. */
function moveStatistics(running: Tensors, observed: Tensors, trainable: RegExp): Tensors {
  const entries = Object.entries(observed).filter(([path]) => trainable.test(path));
  const move = (old: Tensor, batch: Tensor): Tensor => tf.tidy(() => tf.add(tf.mul(old, 1 - STATISTICS_MOMENTUM), tf.mul(batch, STATISTICS_MOMENTUM)));
  return Object.fromEntries(entries.map(([path, batch]) => [path, move(running[path]!, batch)]));
}

function prefixed(arrays: HostArrays, prefix: string): HostArrays {
  return Object.fromEntries(Object.entries(arrays).map(([path, array]) => [`${prefix}${path}`, array]));
}

/** Networks are float32 throughout. */
function withPrefix(arrays: HostArrays, prefix: string): Parameters {
  return Object.fromEntries(Object.entries(arrays).filter(([path]) => path.startsWith(prefix)).map(([path, array]) => [path.slice(prefix.length), array])) as Parameters; // prettier-ignore
}

async function save(state: State): Promise<HostArrays> {
  return { ...(await exportNetwork(state)), ...prefixed(await fromTensors(state.velocity), 'velocity/') };
}

function restore(arrays: HostArrays): State {
  return { ...importNetwork(arrays), velocity: toTensors(withPrefix(arrays, 'velocity/')) };
}

/** A network as host arrays, `params/...` and `state/...`. */
export async function exportNetwork({ params, state }: Network): Promise<HostArrays> {
  return { ...prefixed(await fromTensors(params), 'params/'), ...prefixed(await fromTensors(state), 'state/') };
}

/** The inverse of {@link exportNetwork}; the caller disposes the tensors. */
export function importNetwork(arrays: HostArrays): Network {
  return { params: toTensors(withPrefix(arrays, 'params/')), state: toTensors(withPrefix(arrays, 'state/')) };
}
