/**
 * Optimizers as pure pairs: `initOptimizerState` and `update`. The state of an optimizer is a set of tensors, such as
 * its velocities: `velocity/${path}` for a large parameter, and `velocity/*` for all the small ones together
 * (src/engine/ops/bundle.ts).
 */
import { z } from 'zod';
import { BUNDLE, bundle, bundledValues, unbundle } from '../engine/ops/bundle.js';
import { adamwInPlace, hasFused, sgdInPlace, squareSum, type Pull } from '../engine/ops/fused.js';
import { disposeAll, tf, type Tensor, type Tensors } from '../engine/tensor.js';

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
 * One update at learning rate `rate`; `step` counts from 0. New parameters and a new state for the paths in
 * `gradients`, whose joint norm is first scaled to at most `clip` (Pascanu, Mikolov, Bengio 2013). The old values and the
 * old state are consumed: what takes their place may be in their memory.
 */
export function update(
  spec: OptimizerSpec,
  { rate, step, clip }: { readonly rate: number; readonly step: number; readonly clip?: number | undefined },
  params: Tensors,
  optimizerState: Tensors,
  gradients: Tensors,
): { params: Tensors; optimizerState: Tensors } {
  const mine = Object.fromEntries(Object.keys(gradients).map((path) => [path, params[path]!]));
  const rule = RULES[spec.kind] as Rule<OptimizerSpec>;
  const apply = hasFused() ? rule.fused : rule.composed;
  return tf.tidy(() => {
    const [values, bundled] = [bundle(mine), bundle(gradients)];
    const factor = clip === undefined ? undefined : clipFactor(Object.values(bundled), clip);
    const newValues: Record<string, Tensor> = {};
    const newState: Record<string, Tensor> = { [MASK]: optimizerState[MASK]!.clone() };
    for (const key of Object.keys(bundled)) {
      const decay = key !== BUNDLE ? Number(decays(key)) : optimizerState[MASK]!;
      const old = [values[key]!, ...OPTIMIZER_STATE[spec.kind].map((name) => optimizerState[`${name}/${key}`]!)];
      // a tidy for each: temporaries of all large tensors at once would be as much memory as the network's activations
      const [value, ...changed] = tf.tidy(() =>
        apply(spec, { rate, step, decay, gradient: bundled[key]!, factor }, old),
      );
      tf.dispose(old);
      newValues[key] = value!;
      OPTIMIZER_STATE[spec.kind].forEach((name, i) => (newState[`${name}/${key}`] = changed[i]!));
    }
    const updated = unbundle(newValues, mine);
    disposeAll(mine, optimizerState);
    return { params: updated, optimizerState: newState };
  });
}

interface Change {
  readonly rate: number;
  readonly step: number;
  /** Factor on the weight decay; a tensor where it differs from value to value. */
  readonly decay: number | Tensor;
  readonly gradient: Tensor;
  /** The gradient is to be multiplied by it; a scalar. */
  readonly factor: Tensor | undefined;
}

/**
 * The new value of one tensor and its new state. `fused`: in the memory of the old ones, where nobody else holds them.
 */
interface Rule<S> {
  readonly composed: Apply<S>;
  readonly fused: Apply<S>;
}
type Apply<S> = (spec: S, change: Change, old: readonly Tensor[]) => Tensor[];

/** a x, with a factor that may be a tensor, too; undefined where it is 0. */
function scaled(x: Tensor, factor: number, decay: number | Tensor): Tensor | undefined {
  if (factor === 0 || decay === 0) return undefined;
  return typeof decay === 'number' ? tf.mul(x, factor * decay) : tf.mul(tf.mul(x, decay), factor);
}

/** x, or a copy of it where somebody has a clone. */
function owned(x: Tensor): Tensor {
  return tf.engine().backend.refCount(x.dataId) === 1 ? x : tf.mul(x, 1);
}

/** Changes `old` in its own memory. */
function inPlace(old: readonly Tensor[], change: (own: readonly Tensor[]) => void): Tensor[] {
  const own = old.map(owned);
  change(own);
  return own.map((tensor) => tensor.clone());
}

function pullOf({ gradient, factor, decay }: Change, weightDecay: number): Pull {
  return {
    gradient,
    factor: factor ?? tf.ones([1]),
    decay: typeof decay === 'number' ? tf.tensor1d([weightDecay * decay]) : tf.mul(decay, weightDecay),
  };
}

/** The gradient times its factor, which is what the rules call g. */
function scaledGradient({ gradient, factor }: Change): Tensor {
  return factor === undefined ? gradient : tf.mul(gradient, factor);
}

const sgd: Rule<Extract<OptimizerSpec, { kind: 'sgd' }>> = {
  composed: ({ momentum, weightDecay }, change, [value, velocity]) => {
    const [g, pull] = [scaledGradient(change), scaled(value!, weightDecay, change.decay)];
    const moved = tf.add(tf.mul(velocity!, momentum), pull === undefined ? g : tf.add(g, pull));
    return [tf.sub(value!, tf.mul(moved, change.rate)), moved];
  },
  fused: ({ momentum, weightDecay }, change, old) =>
    inPlace(old, (own) => sgdInPlace(pullOf(change, weightDecay), { rate: change.rate, momentum }, own)),
};

const adamw: Rule<Extract<OptimizerSpec, { kind: 'adamw' }>> = {
  composed: ({ beta1, beta2, epsilon, weightDecay }, change, [value, mean, square]) => {
    const { rate, step, decay } = change;
    const g = scaledGradient(change);
    const newMean = tf.add(tf.mul(mean!, beta1), tf.mul(g, 1 - beta1));
    const newSquare = tf.add(tf.mul(square!, beta2), tf.mul(tf.square(g), 1 - beta2));
    const direction = tf.div(newMean, tf.add(tf.sqrt(tf.div(newSquare, 1 - beta2 ** (step + 1))), epsilon));
    const pull = scaled(value!, rate * weightDecay, decay);
    return [
      tf.sub(pull === undefined ? value! : tf.sub(value!, pull), tf.mul(direction, rate / (1 - beta1 ** (step + 1)))),
      newMean,
      newSquare,
    ];
  },
  fused: ({ beta1, beta2, epsilon, weightDecay }, change, old) => {
    const root = Math.sqrt(1 - beta2 ** (change.step + 1));
    const corrected = {
      rate: (change.rate * root) / (1 - beta1 ** (change.step + 1)),
      epsilon: epsilon * root,
      beta1,
      beta2,
    };
    return inPlace(old, (own) => adamwInPlace(pullOf(change, change.rate * weightDecay), corrected, own));
  },
};

const RULES = { sgd, adamw } as const;

/** What brings the joint norm down to `limit`, or 1. */
function clipFactor(gradients: readonly Tensor[], limit: number): Tensor {
  const squares = gradients.map((gradient) => (hasFused() ? squareSum(gradient) : tf.sum(tf.square(gradient))));
  return tf.minimum(tf.div(limit, tf.add(tf.sqrt(tf.addN(squares)), 1e-12)), 1);
}
