/**
 * Runs a list of training stages one after the other on one network, with saved states between steps. A stage says what
 * is trained, by which loss, for how many steps; all else (batches, optimizer, batch-norm statistics, saving) is the
 * same for all.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { DivergedError } from '../../core/errors.js';
import { firstInfinite, infiniteIn, type Floats, type HostArrays } from '../../core/host-array.js';
import type { Workers } from '../../core/workers.js';
import type { Row, RunContext, Snapshot } from '../../core/run.js';
import { Loader, toLabelled, type Dataset, type HostBatch, type SkippedFile } from '../../data/dataset.js';
import { unbundle } from '../../engine/ops/bundle.js';
import { disposeAll, tf, type Tensor } from '../../engine/tensor.js';
import { fromTensors, toTensors } from '../../engine/host-memory.js';
import { shareArrays } from '../../distributed/arrays.js';
import type { HostWeights } from '../../nn/network.js';
import { dataText, gatherSkipped, shareOf } from './share.js';
import {
  enterStage,
  ownBundle,
  tensorsOf,
  trainingStep,
  weightsIn,
  type StepFrame,
  type Stepped,
  type StepState,
  type TrainingStage,
  type TrainingStep,
} from './training-step.js';
import {
  disposeWeights,
  fromArrays,
  toHost,
  moveWeights,
  prefixed,
  replaceWeights,
  toArrays,
  weightsOf,
  withPrefix,
  type Weights,
} from '../values/weights.js';

/** What the stages need of a run: its seed, its saved state, and where to log. */
export type StageContext = Pick<
  RunContext,
  'seed' | 'resumed' | 'workers' | 'log' | 'progress' | 'shouldSave' | 'save'
>;

/** Milliseconds after which signals and timers are heard again: reading a tensor back stays in the microtask queue. */
const TURN_MS = 5;

/** Steps after which parameters are looked at, beside every time that they are saved. */
const STEPS_BETWEEN_CHECKS = 100;

interface Position {
  readonly stage: number;
  readonly step: number;
  /** Files that could not be read and were logged, where there are any. */
  readonly skipped?: readonly string[];
  /** What the best weights of this stage so far were judged to be; left out before the first evaluation. */
  readonly best?: number;
}

/** The best weights of a stage so far, where its recipe asks for evaluations. */
interface Best {
  readonly score: number;
  readonly host: HostWeights;
}

/** Where the best weights are kept in a saved state. */
const BEST = 'best/';

/** The best weights of the stage that a saved state is in the middle of. */
function restoreBest({ best }: Position, arrays: HostArrays<Floats>): Best | undefined {
  return best === undefined ? undefined : { score: best, host: fromArrays(withPrefix(arrays, BEST)) };
}

/** What a run goes on from: the arrays of its state, and where it stood. */
function savedState(
  arrays: HostArrays,
  at: Pick<Position, 'stage' | 'step'>,
  skipped: ReadonlySet<string>,
  best: Best | undefined,
): Snapshot {
  const position: Position = {
    ...at,
    ...(skipped.size > 0 && { skipped: [...skipped] }),
    ...(best && { best: best.score }),
  };
  return {
    arrays: { ...arrays, ...(best && prefixed(toArrays(best.host), BEST)) },
    position: JSON.stringify(position),
  };
}

/** Whether the weights are evaluated after so many of a stage's steps. */
export function isEvaluated(step: number, steps: number, evaluations: number): boolean {
  const count = Math.min(evaluations, steps);
  return Math.floor((step * count) / steps) > Math.floor(((step - 1) * count) / steps);
}

/** What the stages of a run share. */
interface Training {
  readonly context: StageContext;
  readonly data: Dataset;
  /** Steps of all stages. */
  readonly totalSteps: number;
  /** Files that could not be read, each of which is logged once. */
  readonly skipped: Set<string>;
}

/** The stage that is being trained. */
interface ActiveStage {
  readonly stage: TrainingStage;
  readonly index: number;
  /** Steps of the stages before it. */
  readonly before: number;
  readonly loader: Loader;
  readonly frame: StepFrame;
  /** After the last step that was taken; what was before it is consumed. */
  state: StepState;
  best: Best | undefined;
}

/**
 * Trains `stages` in order; returns the trained weights, which the caller disposes. `initial` is called for a run that
 * does not resume.
 */
export async function trainStages(
  context: StageContext,
  data: Dataset,
  initial: () => Promise<HostWeights>,
  stages: readonly TrainingStage[],
): Promise<Weights> {
  const { seed, resumed, workers } = context;
  const shares = stages.map(({ recipe }) => shareOf(recipe, workers));
  await workers?.agree('training data', await dataText(data));
  const totalSteps = stages.reduce((sum, { recipe }) => sum + recipe.steps, 0);
  const position: Position = resumed === undefined ? { stage: 0, step: 0 } : (JSON.parse(resumed.position) as Position);
  const skipped = data.named ?? new Set<string>();
  for (const file of position.skipped ?? []) skipped.add(file);
  data.countSkipped?.([...skipped].map((file) => ({ file, reason: 'skipped before the run was resumed' })));
  const training: Training = { context, data, totalSteps, skipped };
  let weights = resumed === undefined ? await moveWeights(await initial()) : weightsOf(fromArrays(resumed.arrays));
  /** Frees what the run holds, where it fails or is stopped: another may follow in this process. */
  let owned = (): void => disposeWeights(weights);
  try {
    let before = stages.slice(0, position.stage).reduce((sum, { recipe }) => sum + recipe.steps, 0);
    for (let index = position.stage; index < stages.length; index++) {
      const stage = stages[index]!;
      const { steps, batch } = stage.recipe;
      const loader = new Loader(data.train, seed, batch, 2, shares[index]!);
      if (workers !== undefined) weights = await likeWorker0(workers, weights);
      const active: ActiveStage = { ...enterStage(weights, stage), stage, index, before, loader, best: undefined };
      owned = () => disposeState(active.state, active.frame);
      if (resumed !== undefined && index === position.stage) {
        active.state = restore(active.state, resumed.arrays);
        active.best = restoreBest(position, resumed.arrays);
      }
      await takeSteps(training, active, index === position.stage ? position.step : 0);
      before += steps;
      weights = await leave(active);
      owned = () => disposeWeights(weights);
    }
    return weights;
  } catch (error) {
    owned();
    throw error;
  }
}

/** Takes the steps of a stage from `first` on, and saves what the run goes on from whenever that is due. */
async function takeSteps(training: Training, active: ActiveStage, first: number): Promise<void> {
  const { context, data, totalSteps, skipped } = training;
  const { stage, index, before, frame } = active;
  const { steps, evaluations = 0 } = stage.recipe;
  const { seed, workers } = context;
  const step = trainingStep(stage, frame, { seed, classes: data.classes, workers });
  let turned = -Infinity;
  try {
    for (let at = first; at < steps; at++) {
      if (performance.now() - turned > TURN_MS) {
        await nextTurn();
        turned = performance.now();
      }
      const saves = context.shouldSave();
      if (saves || (at > first && at % STEPS_BETWEEN_CHECKS === 0)) await checkFinite(active, at);
      if (saves) context.save(savedState(await save(active), { stage: index, step: at }, skipped, active.best));
      await takeStep(training, active, step, at);
      if (isEvaluated(at + 1, steps, evaluations))
        active.best = await better(active, (figures) =>
          context.log({ event: 'evaluation', when: stage.name, step: at + 1, ...figures }),
        );
      context.progress(stage.name, before + at + 1, totalSteps);
    }
    await checkFinite(active, steps);
    // what follows, above all evaluation, may take as long as many steps
    if (context.shouldSave())
      context.save(savedState(await save(active), { stage: index, step: steps }, skipped, active.best));
  } finally {
    step.dispose();
  }
}

/** Takes step `at` of a stage, and logs its loss and the files of its batch that could not be read. */
async function takeStep(
  { context, data, skipped }: Training,
  active: ActiveStage,
  step: TrainingStep,
  at: number,
): Promise<void> {
  const { stage, before, loader } = active;
  const { steps, batch: size } = stage.recipe;
  const host = await loader.get(before + at, before + steps);
  const batch = toLabelled(data, host);
  let stepped: Stepped;
  try {
    stepped = await step.run(active.state, batch, at, before + at);
  } finally {
    disposeAll({ ...batch });
  }
  const { state, loss, rate, examples } = stepped;
  active.state = state;
  for (const { file, reason } of await skippedIn(host, data, examples < size ? context.workers : undefined)) {
    if (!skipped.has(file)) context.log({ event: 'skipped', step: before + at + 1, file, reason });
    skipped.add(file);
  }
  context.log({ stage: stage.name, step: at + 1, totalStep: before + at + 1, loss, learningRate: rate });
}

/**
 * What could not be read of a batch. With `workers`, which is given where the batch of all is short, each of them
 * learns of what the others could not read, and counts it as its own.
 */
async function skippedIn(
  { skipped = [] }: HostBatch,
  { countSkipped }: Dataset,
  workers: Workers | undefined,
): Promise<readonly SkippedFile[]> {
  if (workers === undefined) return skipped;
  const all = await gatherSkipped(workers, skipped);
  countSkipped?.(all);
  return all;
}

/** The better of the best weights so far and those of the state now, as the stage judges them. */
async function better(
  { stage: { judge }, state, frame, best }: ActiveStage,
  say: (figures: Row) => void,
): Promise<Best | undefined> {
  if (judge === undefined) return best;
  const weights = weightsIn(state, frame, true);
  try {
    const { score, figures } = await judge(weights);
    say(figures);
    const better = !Number.isNaN(score) && (best === undefined || score > best.score);
    return better ? { score, host: await toHost(weights) } : best;
  } finally {
    disposeOthers(weights, state, frame);
  }
}

/**
 * Throws DivergedError that names a parameter or statistic which is not finite. The loss need not show it: a ReLU of
 * NaN is 0 on some engines, and training would go on to its end.
 */
async function checkFinite({ stage: { name }, state, frame }: ActiveStage, step: number): Promise<void> {
  const held = [...Object.values(state.values), ...Object.values(state.statistics)];
  const sums = tf.tidy(() => tf.stack(held.map((tensor) => tf.sum(tensor))));
  const infinite = firstInfinite((await sums.data()) as Float32Array);
  sums.dispose();
  if (infinite < 0) return;
  const weights = weightsIn(state, frame, false);
  const { params, state: statistics } = await toHost(weights);
  disposeOthers(weights, state, frame);
  const what = infiniteIn({ ...params, ...statistics }) ?? 'the sum of all parameters is beyond float32';
  throw new DivergedError(`${what} after step ${step} of "${name}"; the run is stopped. A lower learning rate helps`);
}

/** Worker 0's weights on every worker: those that others have computed may differ in the last digits. */
async function likeWorker0(workers: Workers, weights: Weights): Promise<Weights> {
  const arrays = await shareArrays(workers, async () => toArrays(await toHost(weights)));
  if (workers.task === 0) return weights;
  disposeWeights(weights);
  return weightsOf(fromArrays(arrays));
}

/**
 * The weights after a stage: the best ones, where there are such, else those of the last step, averaged where the
 * recipe asks for it. The state is consumed.
 */
async function leave({ stage: { after }, state, frame, best }: ActiveStage): Promise<Weights> {
  const last = weightsIn(state, frame, true);
  const weights = best === undefined ? last : replaceWeights(last, weightsOf(best.host));
  const kept = new Set([...Object.values(weights.params), ...Object.values(weights.state)]);
  tf.dispose(tensorsOf(state).filter((tensor) => !kept.has(tensor)));
  try {
    const changed = await after?.(weights);
    return changed === undefined ? weights : replaceWeights(weights, changed);
  } catch (error) {
    disposeWeights(weights);
    throw error;
  }
}

/** Frees a state and what was not trained beside it. */
function disposeState(state: StepState, { fixed }: StepFrame): void {
  tf.dispose(tensorsOf(state));
  disposeWeights(fixed);
}

async function save({ state, frame }: ActiveStage): Promise<HostArrays> {
  const weights = weightsIn(state, frame, false);
  const averages = tf.tidy(() => (Object.keys(state.ema).length === 0 ? {} : unbundle(state.ema, frame.values)));
  const arrays = {
    ...toArrays(await toHost(weights)),
    ...prefixed(await fromTensors(state.optimizerState), 'optimizer/'),
    ...prefixed(await fromTensors(averages), 'ema/'),
  };
  disposeOthers(weights, state, frame, averages);
  return arrays;
}

/** Frees the tensors of the sets that neither the state nor the frame holds. */
function disposeOthers({ params, state: statistics }: Weights, state: StepState, frame: StepFrame, more = {}): void {
  const kept = new Set([
    ...tensorsOf(state),
    ...Object.values(frame.fixed.params),
    ...Object.values(frame.fixed.state),
  ]);
  const made: Tensor[] = [params, statistics, more].flatMap((set) => Object.values(set));
  tf.dispose(made.filter((tensor) => !kept.has(tensor)));
}

/** The state of a stage with the optimizer's state and the averages that were saved in the middle of it. */
function restore(fresh: StepState, arrays: HostArrays<Floats>): StepState {
  disposeAll(fresh.optimizerState, fresh.ema);
  return {
    ...fresh,
    optimizerState: toTensors(withPrefix(arrays, 'optimizer/')),
    ema: ownBundle(toTensors(withPrefix(arrays, 'ema/'))),
  };
}
