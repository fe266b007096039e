/**
 * Optimizers as pure pairs: `initOptimizerState` and `update`. The state of an optimizer is a set of tensors, such as
 * its velocities: `velocity/${path}` for a large parameter, and `velocity/*` for all the small ones together
 * (src/engine/ops/bundle.ts).
 */
import { z } from 'zod';
import { BUNDLE, bundle, bundledValues } from '../engine/ops/bundle.js';
import {
  adamwInPlace,
  hasFused,
  hasFusedOnTensorflow,
  normFactor,
  sgdInPlace,
  squareSum,
} from '../engine/ops/fused.js';
import { tf, type Tensor, type Tensor1D, type Tensors } from '../engine/tensor.js';

const weightDecay = z.number().min(0).default(0);

/** Schema of {@link OptimizerSpec}. */
export const OptimizerSpec = z.discriminatedUnion('kind', [
  /** Momentum as PyTorch writes it: v <- mu v + g + wd p; p <- p - lr v. */
  z.strictObject({ kind: z.literal('sgd'), momentum: z.number().min(0).max(0.999).default(0.9), weightDecay }),
  /** Loshchilov, Hutter 2019, algorithm 2: the decay is decoupled from the gradient. */
  z.strictObject({
    kind: z.literal('adamw'),
    beta1: z.number().min(0).max(0.999).default(0.9),
    beta2: z.number().min(0).max(0.99999).default(0.999),
    epsilon: z.number().positive().default(1e-8),
    weightDecay,
  }),
]);
/** An optimizer and its constants, as a recipe declares them. */
export type OptimizerSpec = z.infer<typeof OptimizerSpec>;

/** Weight decay applies to kernels, not to the norms' scale and shift nor to biases. */
export function decays(path: string): boolean {
  return path.endsWith('/kernel');
}

/** What each optimizer keeps of every parameter, in tensors of the parameter's shape. */
export const OPTIMIZER_STATE: Readonly<Record<OptimizerSpec['kind'], readonly string[]>> = {
  sgd: ['velocity'],
  adamw: ['mean', 'square'],
};
/** Key of the tensor with 1 where a small parameter decays, else 0. */
const MASK = `decays/${BUNDLE}`;

/** The optimizer's state before the first step, zeros for each of these parameters; the caller disposes it. */
export function initOptimizerState(spec: OptimizerSpec, params: Tensors): Tensors {
  return tf.tidy(() => {
    const keys = Object.entries(bundle(params));
    const zeros = OPTIMIZER_STATE[spec.kind].flatMap((name) =>
      keys.map(([key, tensor]) => [`${name}/${key}`, tf.zerosLike(tensor)] as const),
    );
    return { ...Object.fromEntries(zeros), [MASK]: bundledValues(params, (path) => (decays(path) ? 1 : 0)) };
  });
}

/**
 * What one update takes from the learning rate `rate` and from the number of the step, which counts from 0: a step that
 * is compiled once gets them as a tensor. In float64 up to here, so that no digits are lost.
 */
export function updateNumbers(spec: OptimizerSpec, { rate, step }: { rate: number; step: number }): Float32Array {
  return Float32Array.from((RULES[spec.kind] as Rule<OptimizerSpec>).numbers(spec, rate, step));
}

/** What an optimizer changes: tensors as {@link bundle} gives them. */
export interface Optimized {
  readonly values: Tensors;
  readonly optimizerState: Tensors;
}

/**
 * One update by bundled gradients, whose joint norm is first scaled to at most `clip` (Pascanu, Mikolov, Bengio 2013);
 * `numbers` as {@link updateNumbers} gives them. Where there are fused ops the values and the state are changed in
 * their own memory, which nobody else may hold, and the results share it; else the results are new. Nothing is
 * disposed.
 */
export function update(
  spec: OptimizerSpec,
  { numbers, clip }: { readonly numbers: Tensor1D; readonly clip?: number | undefined },
  { values, optimizerState }: Optimized,
  gradients: Tensors,
): Optimized {
  const rule = RULES[spec.kind] as Rule<OptimizerSpec>;
  const apply = hasFused() ? rule.fused : rule.composed;
  return tf.tidy(() => {
    const factor = clip === undefined ? undefined : clipFactor(Object.values(gradients), clip);
    const newValues: Record<string, Tensor> = {};
    const newState: Record<string, Tensor> = { [MASK]: optimizerState[MASK]!.clone() };
    for (const [key, gradient] of Object.entries(gradients)) {
      const decay = key !== BUNDLE ? Number(decays(key)) : optimizerState[MASK]!;
      const old = [values[key]!, ...OPTIMIZER_STATE[spec.kind].map((name) => optimizerState[`${name}/${key}`]!)];
      // a tidy for each: temporaries of all large tensors at once would be as much memory as the network's activations
      const [value, ...changed] = tf.tidy(() => apply(spec, { numbers, decay, gradient, factor }, old));
      newValues[key] = value!;
      OPTIMIZER_STATE[spec.kind].forEach((name, i) => (newState[`${name}/${key}`] = changed[i]!));
    }
    return { values: newValues, optimizerState: newState };
  });
}

interface Change {
  readonly numbers: Tensor1D;
  /** Factor on the weight decay; a tensor where it differs from value to value. */
  readonly decay: number | Tensor;
  readonly gradient: Tensor;
  /** The gradient is to be multiplied by it; a scalar. */
  readonly factor: Tensor | undefined;
}

/** How one tensor and its optimizer state change: composed of tfjs ops, or by a fused op in their own memory. */
interface Rule<S> {
  readonly numbers: (spec: S, rate: number, step: number) => readonly number[];
  readonly composed: Apply<S>;
  readonly fused: Apply<S>;
}
type Apply<S> = (spec: S, change: Change, old: readonly Tensor[]) => Tensor[];

/** The weight decay of x by `factor`, [1]; undefined where there is none. */
function pullOf(x: Tensor, weightDecay: number, factor: number | Tensor, decay: number | Tensor): Tensor | undefined {
  if (weightDecay === 0 || decay === 0) return undefined;
  return tf.mul(typeof decay === 'number' ? x : tf.mul(x, decay), factor);
}

/** The gradient times its factor, which is what the rules call g. */
function scaledGradient({ gradient, factor }: Change): Tensor {
  return factor === undefined ? gradient : tf.mul(gradient, factor);
}

/** One of the numbers of an update, [1]. */
function part(numbers: Tensor1D, index: number): Tensor1D {
  return tf.slice(numbers, [index], [1]);
}

function inPlace(old: readonly Tensor[], change: (values: readonly Tensor[]) => void): Tensor[] {
  change(old);
  return old.map((tensor) => tensor.clone());
}

const sgd: Rule<Extract<OptimizerSpec, { kind: 'sgd' }>> = {
  numbers: ({ momentum }, rate) => [rate, momentum],
  composed: ({ momentum, weightDecay }, change, [value, velocity]) => {
    const [g, pull] = [scaledGradient(change), pullOf(value!, weightDecay, weightDecay, change.decay)];
    const moved = tf.add(tf.mul(velocity!, momentum), pull === undefined ? g : tf.add(g, pull));
    return [tf.sub(value!, tf.mul(moved, part(change.numbers, 0))), moved];
  },
  fused: ({ weightDecay }, { numbers, gradient, factor = tf.ones([1]), decay }, old) => {
    const pull = typeof decay === 'number' ? tf.tensor1d([weightDecay * decay]) : tf.mul(decay, weightDecay);
    return inPlace(old, (values) => sgdInPlace({ gradient, factor, decay: pull }, numbers, values));
  },
};

/** Shared by the composed and the fused form: both take the decay of a step last. */
const adamw: Rule<Extract<OptimizerSpec, { kind: 'adamw' }>> = {
  numbers: ({ beta1, beta2, epsilon, weightDecay }, rate, step) => {
    const [mean, square] = [1 - beta1 ** (step + 1), 1 - beta2 ** (step + 1)];
    const root = Math.sqrt(square);
    const fused = [(rate * root) / mean, epsilon * root, beta1, 1 - beta1, beta2, 1 - beta2];
    return [...fused, rate * weightDecay, square, rate / mean];
  },
  composed: ({ beta1, beta2, epsilon, weightDecay }, change, [value, mean, square]) => {
    const { numbers, decay } = change;
    const g = scaledGradient(change);
    const newMean = tf.add(tf.mul(mean!, beta1), tf.mul(g, 1 - beta1));
    const newSquare = tf.add(tf.mul(square!, beta2), tf.mul(tf.square(g), 1 - beta2));
    const direction = tf.div(newMean, tf.add(tf.sqrt(tf.div(newSquare, part(numbers, 7))), epsilon));
    const pull = pullOf(value!, weightDecay, part(numbers, 6), decay);
    return [
      tf.sub(pull === undefined ? value! : tf.sub(value!, pull), tf.mul(direction, part(numbers, 8))),
      newMean,
      newSquare,
    ];
  },
  fused: (_, { numbers, gradient, factor = tf.ones([1]), decay }, old) => {
    const pull = typeof decay === 'number' ? tf.tensor1d([decay]) : decay;
    return inPlace(old, (values) => adamwInPlace({ gradient, factor, decay: pull }, numbers, values));
  },
};

const RULES = { sgd, adamw } as const;

/** What brings the joint norm down to `limit`, or 1. */
function clipFactor(gradients: readonly Tensor[], limit: number): Tensor {
  if (gradients.length === 1 && hasFusedOnTensorflow()) return normFactor(gradients[0]!, limit);
  const squares = gradients.map((gradient) => (hasFused() ? squareSum(gradient) : tf.sum(tf.square(gradient))));
  return tf.minimum(tf.div(limit, tf.add(tf.sqrt(tf.addN(squares)), 1e-12)), 1);
}
