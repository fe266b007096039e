/**
 * Low-Rank Clone (Hao et al. 2025, arXiv 2505.12781): while the thin net is trained, each of its matrices that reads or
 * writes the stream is a trained projection of the wide net's, W = In^T W_wide Out, and what every layer of attention
 * and of the feed-forward halves gives is compared with what the wide net gives there, projected by the same Out. So no
 * map of activations is left over: afterwards the product is the thin net's own matrix. Layer norms, and biases of
 * other channels, are trained as they are; channels that are no stream's (of heads, of the hidden layers) are the wide
 * net's most important ones where the thin net has fewer. Letters: m thin, M wide channels of the stream, n rows.
 */
import { UsageError } from '../../core/errors.js';
import type { HostArray } from '../../core/host-array.js';
import { tf, type Scalar, type Tensor, type Tensor2D, type Tensors } from '../../engine/tensor.js';
import { evaluation, linearMap, type Scope } from '../../nn/layers.js';
import type { Network } from '../../nn/network.js';
import { atTokens } from '../../nn/presence.js';
import { klDivergence, relativeSquaredError } from '../../optim/losses.js';
import { mergedDifference } from '../maps/merging.js';
import type { CloneImitation } from '../spec/spec.js';
import { STARTS, type Start } from '../start/start.js';
import type { StreamBasis } from '../start/stream.js';
import type { TrainingStage } from '../training/training-step.js';
import { disposeWeights, type Teacher, type Weights } from '../values/weights.js';
import { checkNoEvaluations, type Imitating, type ImitationWay } from './way.js';

/** What a cloned parameter consists of while it is trained: the wide net's array, and the projections around it. */
const PARTS = ['wide', 'in', 'out'] as const;
const ROOT = 'maps/clone';
const partOf = (path: string, part: (typeof PARTS)[number]): string => `${ROOT}/${path}/${part}`;

/** A parameter that is a projection of the wide net's, and which of its axes are projected. */
interface Cloned {
  readonly path: string;
  readonly reads: boolean;
  readonly writes: boolean;
}

/** Throws UsageError where a pair of networks has no stream of two widths, or one that no matrix reads and writes. */
export function checkClone(thin: Network, wide: Network): void {
  const why = cloneObstacle(thin, wide);
  if (why !== undefined) throw new UsageError(`imitation by clone: ${why}`);
}

/** Why the thin net's matrices cannot be projections of the wide net's; undefined where they can. */
export function cloneObstacle(thin: Network, wide: Network): string | undefined {
  const { stream, axes } = thin;
  if (stream === undefined || axes === undefined || wide.axes === undefined)
    return 'the network has no channels that skip connections carry from end to end, as transformers have';
  const tap = thin.boundaries.stage[0]!;
  if (thin.width(tap) === wide.width(tap)) return 'its skip connections are as wide as the wide net’s';
  const other = Object.entries(thin.shapes).find(
    ([path, shape]) => shape.length > 2 && axes[path]!.includes(stream) && !path.endsWith('/bias'),
  );
  return other === undefined ? undefined : `${other[0]} is no matrix`;
}

/** The matrices that are projections, and the biases that are written with them. */
function clonedIn(thin: Network): { readonly kernels: readonly Cloned[]; readonly biases: readonly string[] } {
  const axes = thin.axes!;
  const kernels = Object.entries(thin.shapes).flatMap(([path, { length }]): Cloned[] => {
    const [reads, writes] = axes[path]!.slice(-2).map((name) => name === thin.stream) as [boolean, boolean];
    return length === 2 && (reads || writes) ? [{ path, reads, writes }] : [];
  });
  const biases = kernels.flatMap(({ path }) => biasOf(thin, path) ?? []);
  return { kernels, biases };
}

/** The bias beside a kernel, where it has one. */
function biasOf(thin: Network, kernel: string): string | undefined {
  const path = kernel.replace(/kernel$/, 'bias');
  return path in thin.shapes ? path : undefined;
}

/**
 * What is trained in the place of the thin net's matrices, by path: the wide arrays, of which those axes are narrowed
 * already that are no stream's, and projections that begin with the stream's principal components.
 */
export function initialClone(thin: Network, start: Start, { basis }: StreamBasis): Record<string, HostArray> {
  const { kernels, biases } = clonedIn(thin);
  const arrays = [...kernels.map(({ path }) => path), ...biases].map((path) => [
    partOf(path, 'wide'),
    start.beforeProjection(path),
  ]);
  const projections = kernels.flatMap(({ path, reads, writes }) => [
    ...(reads ? [[partOf(path, 'in'), basis]] : []),
    ...(writes ? [[partOf(path, 'out'), basis]] : []),
  ]);
  return Object.fromEntries([...arrays, ...projections]) as Record<string, HostArray>;
}

/** The thin net's own parameters: products in the place of what they are products of. No part is left. */
export function foldClone(thin: Network, params: Tensors): Tensors {
  const { kernels } = clonedIn(thin);
  const own: Record<string, Tensor> = Object.fromEntries(
    Object.entries(params).filter(([path]) => !path.startsWith(`${ROOT}/`)),
  );
  for (const { path, reads, writes } of kernels) {
    const [wide, read, written] = PARTS.map((part) => params[partOf(path, part)]) as Tensor2D[];
    const inner = reads ? tf.matMul(read!, wide!, true, false) : wide!;
    own[path] = writes ? tf.matMul(inner, written!) : inner;
    const bias = biasOf(thin, path);
    if (writes && bias !== undefined)
      own[bias] = tf.matMul(params[partOf(bias, 'wide')]!.reshape([1, -1]), written!).flatten();
  }
  return own;
}

/** What each linear layer of a pass reads and gives, by its path. */
type Seen = Record<string, { readonly input: Tensor; readonly output: Tensor }>;

function tracing(seen: Seen, scope: Scope): Scope {
  return { ...scope, trace: (path, input, output) => void (seen[path] = { input, output }) };
}

/**
 * The stage in which the thin net is a clone. Its loss is the KL divergence to the wide net's outputs plus the mean of
 * the layers' relative squared distances to what the wide net gives there. `after` gets the projections beside the thin
 * net's other parameters, and folds them.
 */
export function cloneStage(
  spec: CloneImitation,
  thin: Network,
  teacher: Teacher,
  after: NonNullable<TrainingStage['after']>,
): TrainingStage {
  const { kernels, biases } = clonedIn(thin);
  const written = kernels.filter(({ writes }) => writes).flatMap(({ path }) => biasOf(thin, path) ?? []);
  const isFolded = new Set([...kernels.map(({ path }) => path), ...written]);
  const logits = thin.taps.at(-1)!;
  const layers = kernels.map((one) => ({ ...one, layer: one.path.replace(/\/kernel$/, '') }));
  return {
    name: 'clone',
    recipe: spec.recipe,
    trainable: (path) => (path.startsWith(`${ROOT}/`) ? !path.endsWith('/wide') : !isFolded.has(path)),
    targets: (x) => {
      const seen: Seen = {};
      const taps = teacher.network.apply(tracing(seen, evaluation(teacher.weights)), x);
      const given = layers.flatMap(({ layer, writes }): [string, Tensor][] => {
        const found = seen[layer];
        return found === undefined ? [] : [[layer, writes ? found.output : found.input]];
      });
      return { ...Object.fromEntries(given), [logits]: taps[logits]! };
    },
    loss: (scope, { x }, targets) => {
      const seen: Seen = {};
      const taps = thin.apply(tracing(seen, { ...scope, params: foldClone(thin, scope.params) }), x);
      const presence = thin.presence?.(x);
      const distances = layers.flatMap(({ layer, path, writes }): Scalar[] => {
        const [own, there] = [seen[layer], targets[layer]];
        if (own === undefined || there === undefined) return [];
        if (writes) {
          const out = scope.params[partOf(path, 'out')] as Tensor2D;
          return [relativeSquaredError(own.output, linearMap(there, out))];
        }
        // channels that are no stream's: what the wide net gives there, of those that the thin net has
        const wide = linearMap(there, scope.params[partOf(path, 'wide')] as Tensor2D);
        const bias = biases.find((one) => one === biasOf(thin, path));
        const whole = bias === undefined ? wide : tf.add(wide, scope.params[partOf(bias, 'wide')]!);
        return [relativeSquaredError(own.output, atTokens(whole, presence))];
      });
      const mean = tf.div(tf.addN(distances), distances.length);
      return tf.add(klDivergence(taps[logits]!, targets[logits]!), mean) as Scalar;
    },
    after,
  };
}

/** Floating-point operations of the products of one forward pass that the thin net's matrices are. */
export function cloneFlops(thin: Network, wide: Network): number {
  return clonedIn(thin).kernels.reduce((sum, { path, reads, writes }) => {
    const [[own, out], [M, outThere]] = [thin.shapes[path]!, wide.shapes[path]!] as [number[], number[]];
    const inner = writes ? outThere! : out!; // other channels are narrowed already
    return sum + (reads ? 2 * own! * M! * inner : 0) + (writes ? 2 * own! * inner * out! : 0);
  }, 0);
}

/** The projections folded into the thin net's matrices; and what that leaves is recorded. */
async function finishClone({ context, thin, data, record }: Imitating, weights: Weights): Promise<Weights> {
  const logits = (scope: Scope, x: Tensor): Tensor => thin.apply(scope, x)[thin.taps.at(-1)!]!;
  const folded: Weights = { params: tf.tidy(() => foldClone(thin, weights.params)), state: weights.state };
  try {
    const difference = await mergedDifference(
      data,
      (x) => logits({ ...evaluation(weights), params: foldClone(thin, weights.params) }, x),
      (x) => logits(evaluation(folded), x),
    );
    context.log({ event: 'merge', difference });
    await record(folded);
  } catch (error) {
    disposeWeights(folded);
    throw error;
  }
  return folded;
}

/** Imitation by trained projections of the wide net's matrices. */
export const byClone: ImitationWay<CloneImitation> = {
  examples: ({ recipe }) => recipe.batch,
  check: (path, { recipe }) => checkNoEvaluations(path, recipe),
  plan: (_, { thin, wide, start }) => {
    checkClone(thin, wide);
    if (!(STARTS[start].projects && STARTS[start].narrows === 'everywhere'))
      throw new UsageError(`invalid training spec: imitation by clone starts from "projected"; got start "${start}"`);
    return [];
  },
  begin: async (_, { thin }, { start, basis }) => ({
    params: { ...start.host.params, ...initialClone(thin, start, basis!) },
    state: start.host.state,
  }),
  stages: (spec, run) => [cloneStage(spec, run.thin, run.teacher, (weights) => finishClone(run, weights))],
};
