/**
 * One step of training as a pure function of tensors, so that the engine can compile it (engine/trace): the state of a
 * stage, a batch and the numbers of the step to the next state and the loss.
 */
import type { Workers } from '../../core/workers.js';
import { rngKey } from '../../core/rng.js';
import type { Row } from '../../core/run.js';
import { oneHotLabels, type Batch, type LabelledBatch } from '../../data/dataset.js';
import { bundle, shapesOf, unbundle, type Shapes } from '../../engine/ops/bundle.js';
import { differentiate } from '../../engine/ops/gradients.js';
import { keysMayBeTensors } from '../../engine/ops/random.js';
import { disposeAll, tf, type Scalar, type Tensor, type Tensor1D, type Tensors } from '../../engine/tensor.js';
import { trace } from '../../engine/trace/trace.js';
import { STATISTICS_WEIGHT, type Scope } from '../../nn/layers.js';
import { initOptimizerState, update, updateNumbers } from '../../optim/optimizer.js';
import { learningRate } from '../../optim/schedule.js';
import { shareOf, WorkerSum } from './share.js';
import type { RecipeSpec } from '../spec/spec.js';
import type { Weights } from '../values/weights.js';

/** One stage of training on one network. */
export interface TrainingStage {
  readonly name: string;
  readonly recipe: RecipeSpec;
  /** Paths that are trained, and whose statistics move; the others stay as they are. */
  readonly trainable: (path: string) => boolean;
  /** Weight of a batch in the running statistics, where the network says one. */
  readonly statisticsWeight?: number | undefined;
  /** What the loss compares with; computed outside the gradient. */
  readonly targets?: (x: Tensor) => Tensors;
  /** Mean loss of a batch, with the network in `scope`. */
  readonly loss: (scope: Scope, batch: Batch, targets: Tensors) => Scalar;
  /**
   * How good the weights are, by the validation split, a larger score being better, and the figures behind it. Where
   * the recipe asks for evaluations, the stage ends with the best weights that it had.
   */
  readonly judge?: (weights: Weights) => Promise<{ readonly score: number; readonly figures: Row }>;
  /** Called after the last step; new weights replace the old ones (tensors that stay are shared). */
  readonly after?: (weights: Weights) => Promise<Weights | undefined>;
}

/** What a stage changes; every set is bundled (engine/ops/bundle.ts). */
export interface StepState {
  /** Parameters that are trained. */
  readonly values: Tensors;
  readonly optimizerState: Tensors;
  /** Running statistics of the layers that are trained. */
  readonly statistics: Tensors;
  /** Moving averages of the trained parameters, where the recipe asks for them. */
  readonly ema: Tensors;
}

/** What a stage leaves as it is, and the shapes of what it changes, by path. */
export interface StepFrame {
  readonly fixed: Weights;
  readonly values: Shapes;
  readonly statistics: Shapes;
}

/** A stage's training step. */
export interface TrainingStep {
  /** The state after one more step; the old one is consumed. `at` counts the steps of all stages, `step` this one's. */
  readonly run: (state: StepState, batch: LabelledBatch, step: number, at: number) => Promise<Stepped>;
  readonly dispose: () => void;
}

/** What one step gives: the new state, the loss of its batch before the update, and the learning rate. */
export interface Stepped {
  readonly state: StepState;
  readonly loss: number;
  readonly rate: number;
  /** Examples of the batch, those of all workers together: fewer than the recipe's where files could not be read. */
  readonly examples: number;
}

/** The tensors of a set whose paths are chosen. */
export function selected(set: Tensors, chosen: (path: string) => boolean): Tensors {
  return Object.fromEntries(Object.entries(set).filter(([path]) => chosen(path)));
}

/** The state at the start of a stage; the weights are consumed. Throws RangeError when nothing is to be trained. */
export function enterStage(
  { params, state }: Weights,
  { name, recipe, trainable }: TrainingStage,
): { readonly state: StepState; readonly frame: StepFrame } {
  const [trained, moving] = [selected(params, trainable), selected(state, trainable)];
  if (Object.keys(trained).length === 0) throw new RangeError(`stage "${name}" trains no parameter`);
  const others = (path: string): boolean => !trainable(path);
  const frame: StepFrame = {
    fixed: { params: selected(params, others), state: selected(state, others) },
    values: shapesOf(trained),
    statistics: shapesOf(moving),
  };
  const optimizerState = initOptimizerState(recipe.optimizer, trained);
  const [values, statistics] = [ownBundle(trained), ownBundle(moving)];
  return { frame, state: { values, optimizerState, statistics, ema: recipe.ema === undefined ? {} : copies(values) } };
}

/** A set as a bundle in memory that nobody else holds, as it will be changed in place; the set is consumed. */
export function ownBundle(set: Tensors): Tensors {
  const bundled = tf.tidy(() => bundle(set));
  const own = Object.entries(bundled).map(([key, tensor]) => {
    const shared = tensor === set[key] && tf.engine().backend.refCount(tensor.dataId) > 1;
    return [key, shared ? tf.mul(tensor, 1) : tensor] as const;
  });
  const kept = new Set(own.map(([, tensor]) => tensor));
  tf.dispose(Object.values(set).filter((tensor) => !kept.has(tensor)));
  return Object.fromEntries(own);
}

function copies(set: Tensors): Tensors {
  return Object.fromEntries(Object.entries(set).map(([key, tensor]) => [key, tf.mul(tensor, 1)]));
}

/** The weights of a state, by path; those that were trained as they are, or as their moving averages. */
export function weightsIn({ values, statistics, ema }: StepState, frame: StepFrame, averaged: boolean): Weights {
  const trained = averaged && Object.keys(ema).length > 0 ? ema : values;
  return {
    params: { ...frame.fixed.params, ...tf.tidy(() => unbundle(trained, frame.values)) },
    state: { ...frame.fixed.state, ...tf.tidy(() => unbundle(statistics, frame.statistics)) },
  };
}

const PARTS = ['values', 'optimizerState', 'statistics', 'ema'] as const;

/** The sets of a state as one, and back. */
function flat(state: StepState): Tensors {
  return Object.fromEntries(
    PARTS.flatMap((part) => Object.entries(state[part]).map(([key, tensor]) => [`${part}/${key}`, tensor] as const)),
  );
}

/** The tensors of a flat set that belong to one of its sets; under their full keys if those are to be kept. */
export function part(set: Tensors, name: string, whole = false): Tensors {
  const mine = Object.entries(set).filter(([key]) => key.startsWith(`${name}/`));
  return Object.fromEntries(mine.map(([key, tensor]) => [whole ? key : key.slice(name.length + 1), tensor]));
}

/** The tensors of a set under keys that begin with a name: the inverse of {@link part}. */
export function prefixed(set: Tensors, name: string): Tensors {
  return Object.fromEntries(Object.entries(set).map(([key, tensor]) => [`${name}/${key}`, tensor]));
}

/** Every tensor of a state. */
export function tensorsOf(state: StepState): Tensor[] {
  return Object.values(flat(state));
}

/**
 * The sets of a state as one, and back, with the names worked out once: all states of a stage have the same ones, and a
 * small step would feel it.
 */
class Names {
  private readonly names: readonly (readonly [part: (typeof PARTS)[number], key: string, name: string])[];

  constructor(state: StepState) {
    this.names = PARTS.flatMap((part) => Object.keys(state[part]).map((key) => [part, key, `${part}/${key}`] as const));
  }

  flat(state: StepState): Tensors {
    const set: Record<string, Tensor> = {};
    for (const [part, key, name] of this.names) set[name] = state[part][key]!;
    return set;
  }

  unflat(set: Tensors): StepState {
    const state = emptyState();
    for (const [part, key, name] of this.names) state[part][key] = set[name]!;
    return state;
  }
}

function emptyState(): Record<(typeof PARTS)[number], Record<string, Tensor>> {
  return { values: {}, optimizerState: {}, statistics: {}, ema: {} };
}

function unflat(set: Tensors): StepState {
  const state = emptyState();
  for (const [key, tensor] of Object.entries(set)) {
    const name = key.slice(0, Math.max(0, key.indexOf('/')));
    if (Object.hasOwn(state, name)) state[name as keyof typeof state][key.slice(name.length + 1)] = tensor;
  }
  return state;
}

/**
 * The training step of a stage. A batch that is computed in parts (`accumulate`) is so in as many calls: in one the
 * activations of all parts could be there at once. With other workers the batch is this one's share, and the update is
 * by the gradients of the whole.
 */
export function trainingStep(
  stage: TrainingStage,
  frame: StepFrame,
  {
    seed,
    classes,
    workers,
  }: { readonly seed: number; readonly classes: number; readonly workers?: Workers | undefined },
): TrainingStep {
  const { recipe, name } = stage;
  const { parts, first, from, to } = shareOf(recipe, workers);
  const alone = parts === 1 && workers === undefined;
  const sums = workers && new WorkerSum(workers, recipe.batch);
  const keys = new DropoutKeys(seed);
  const gradients = gradientsOf(stage, frame, keys, classes);
  const apply = applyOf(stage);
  const whole = trace(`stage "${name}"`, (inputs) => apply(inputs, gradients(inputs)));
  const share = trace(`stage "${name}", a part of the batch`, (inputs) => addShare(gradients(inputs), inputs));
  const end = trace(`stage "${name}", the update`, (inputs) => apply(inputs, inputs));
  const start = (k: number): number => Math.floor((k * (to - from)) / parts);
  const accumulated = async (
    state: Tensors,
    { x, labels }: LabelledBatch,
    at: number,
    numbers: Tensor,
  ): Promise<{ readonly results: Tensors; readonly examples: number }> => {
    const count = x.shape[0]!;
    let sum: Tensors = {};
    // a batch is smaller where examples cannot be read: then its last part is, too, or is not there
    for (let k = 0; k < parts && start(k) < count; k++) {
      const own = Math.min(start(k + 1), count) - start(k);
      const [mine, answers] = [x, labels].map((tensor) => tf.slice(tensor, [start(k)], [own])) as [Tensor, Tensor];
      const [key, divisor] = [keys.at(at, first + k), tf.scalar((workers === undefined ? count : recipe.batch) / own)];
      const next = share({ ...part(state, 'values', true), x: mine, labels: answers, divisor, ...key, ...sum });
      disposeAll({ mine, answers, divisor }, sum);
      keys.release(key);
      sum = next;
    }
    let examples = count;
    if (sums !== undefined) ({ sum, examples } = await sums.over(sum, count));
    const results = end({ ...state, ...sum, numbers });
    const given = new Set(Object.values(results));
    tf.dispose(Object.values(sum).filter((tensor) => !given.has(tensor)));
    return { results, examples };
  };
  let names: Names | undefined;
  const run: TrainingStep['run'] = async (state, batch, step, at) => {
    names ??= new Names(state);
    const rate = learningRate(recipe.schedule, step, recipe.steps);
    const numbers = tf.tensor1d(updateNumbers(recipe.optimizer, { rate, step }));
    const before = names.flat(state);
    const key = keys.at(at);
    const { results, examples } = alone
      ? { results: whole({ ...before, ...batch, numbers, ...key }), examples: batch.x.shape[0]! }
      : await accumulated(before, batch, at, numbers);
    const [loss] = await results.loss!.data();
    disposeAll(before, { numbers, loss: results.loss! });
    keys.release(key);
    return { state: names.unflat(results), loss: loss!, rate, examples };
  };
  return { run, dispose: () => [whole, share, end, keys].forEach((one) => one.dispose()) };
}

/** Keys of what is dropped: TensorFlow draws by a tensor, which is an input of the step, the others by numbers. */
class DropoutKeys {
  private step = 0;
  /** Whether a layer has drawn by a key. */
  private asked = false;
  /** The first key, kept for all steps where no layer draws by it: a small step would feel the making of others. */
  private unused: Tensor | undefined;
  /** Is added to a layer's name in a batch that is computed in parts. */
  private suffix = '';

  constructor(private readonly seed: number) {}

  /** The key of a step, or of a part of its batch, as an input. */
  at(step: number, part?: number): Tensors {
    this.step = step;
    this.suffix = part === undefined ? '' : ` part ${part}`;
    if (!keysMayBeTensors()) return {};
    if (!this.asked && this.unused !== undefined) return { key: this.unused };
    const path = part === undefined ? [step] : [step, `part ${part}`];
    return { key: tf.tensor1d(Int32Array.from(rngKey(this.seed, 'dropout', ...path)), 'int32') };
  }

  /** Frees a key once its step is over. */
  release({ key }: Tensors): void {
    if (key === undefined || key === this.unused) return;
    if (this.asked || this.unused !== undefined) key.dispose();
    else this.unused = key;
  }

  dispose(): void {
    this.unused?.dispose();
    this.unused = undefined;
  }

  /** The key of a layer in the step whose inputs these are. */
  of({ key }: Tensors): Scope['random'] & {} {
    if (key === undefined) return (path) => rngKey(this.seed, 'dropout', this.step, path + this.suffix);
    return (path) => {
      this.asked = true;
      return tf.add(key, tf.tensor1d(Int32Array.from(rngKey(0, 'dropout', path)), 'int32'));
    };
  }
}

/** From values, batch and key to the loss, the gradients and the batch's statistics, which are bundled. */
function gradientsOf(
  { trainable, targets, loss }: TrainingStage,
  frame: StepFrame,
  keys: DropoutKeys,
  classes: number,
): (inputs: Tensors) => Tensors {
  return (inputs) => {
    const batch: Batch = { x: inputs.x!, y: oneHotLabels(inputs.labels!, classes) };
    const compared = targets?.(batch.x) ?? {};
    const random = keys.of(inputs);
    const { fixed } = frame;
    const found = differentiate(unbundle(part(inputs, 'values'), frame.values), (params, observe) =>
      loss(
        { params: { ...fixed.params, ...params }, state: fixed.state, train: true, observe, random },
        batch,
        compared,
      ),
    );
    const seen = selected(found.aside, trainable);
    const results = {
      loss: found.loss,
      ...prefixed(bundle(found.gradients), 'gradients'),
      ...(Object.keys(seen).length > 0 && prefixed(bundle(seen), 'seen')),
    };
    disposeAll(found.aside);
    return results;
  };
}

/** From a state, gradients, what was seen of the batch and the numbers of the step to the next state. */
function applyOf({
  recipe,
  statisticsWeight = STATISTICS_WEIGHT,
}: TrainingStage): (inputs: Tensors, found: Tensors) => Tensors {
  return (inputs, found) => {
    const { statistics, ema, ...old } = unflat(inputs);
    const numbers = inputs.numbers as Tensor1D;
    const { clip, optimizer } = recipe;
    const { values, optimizerState } = update(optimizer, { numbers, clip }, old, part(found, 'gradients'));
    const seen = part(found, 'seen');
    const moved = Object.entries(statistics).map(([key, before]) => {
      return [key, seen[key] === undefined ? before.clone() : mix(before, seen[key], statisticsWeight)] as const;
    });
    const averages = Object.entries(ema).map(
      ([key, before]) => [key, mix(before, values[key]!, 1 - recipe.ema!)] as const,
    );
    const next = { values, optimizerState, statistics: Object.fromEntries(moved), ema: Object.fromEntries(averages) };
    return { ...flat(next), loss: found.loss! };
  };
}

function mix(old: Tensor, value: Tensor, weight: number): Tensor {
  return tf.tidy(() => tf.add(tf.mul(old, 1 - weight), tf.mul(value, weight)));
}

/**
 * Adds a part of the batch to the parts before it, as means over all examples: `divisor` is by how many times the batch
 * is larger. The statistics are the last part's.
 */
function addShare(found: Tensors, before: Tensors): Tensors {
  const results = Object.entries(found).map(([key, tensor]) => {
    if (key.startsWith('seen/')) return [key, tensor] as const;
    const mine = tf.div(tensor, before.divisor!);
    return [key, before[key] === undefined ? mine : tf.add(before[key], mine)] as const;
  });
  return Object.fromEntries(results);
}
