/**
 * Optimisers as pure pairs: `initSlots` and `update`. A slot is a tensor that an optimiser keeps, at `${slot}/${path}` for a large parameter and at
 * `${slot}/*` for all the small ones together (src/engine/bundle.ts).
 */
import { z } from 'zod';
import { BUNDLE, bundle, bundledValues, unbundle } from '../engine/bundle.js';
import { disposeAll, tf, type Tensor, type Tensors } from '../engine/tensor.js';
import { Variable } from '../engine/variable.js';

const weightDecay = z.number().min(0).default(0);

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
export type OptimizerSpec = z.infer<typeof OptimizerSpec>;

/** Weight decay applies to kernels, not to the norms' scale and shift nor to biases. */
export function decays(path: string): boolean {
  return path.endsWith('/kernel');
}

const SLOTS: Readonly<Record<OptimizerSpec['kind'], readonly string[]>> = { sgd: ['velocity'], adamw: ['mean', 'square'] };
/** Slot with 1 where a small parameter decays, else 0. */
const MASK = `decays/${BUNDLE}`;

/** Zeros for these parameters; the caller disposes them. */
export function initSlots(spec: OptimizerSpec, params: Tensors): Tensors {
  return tf.tidy(() => {
    const keys = Object.entries(bundle(params));
    const zeros = SLOTS[spec.kind].flatMap((slot) => keys.map(([key, tensor]) => [`${slot}/${key}`, tf.zerosLike(tensor)] as const));
    return { ...Object.fromEntries(zeros), [MASK]: bundledValues(params, (path) => (decays(path) ? 1 : 0)) };
  });
}

/**
 * One update at learning rate `rate`; `step` counts from 0. New parameters and slots for the paths in `gradients`, whose joint norm is first scaled
 * to at most `clip` (Pascanu, Mikolov, Bengio 2013). Their old values and the slots are consumed: what takes their place may be in their memory.
 */
export function update(
  spec: OptimizerSpec,
  { rate, step, clip }: { readonly rate: number; readonly step: number; readonly clip?: number | undefined },
  params: Tensors,
  slots: Tensors,
  gradients: Tensors,
): { params: Tensors; slots: Tensors } {
  const mine = Object.fromEntries(Object.keys(gradients).map((path) => [path, params[path]!]));
  const rule = RULES[spec.kind] as Rule<OptimizerSpec>;
  const apply = tf.getBackend() === 'tensorflow' ? rule.inPlace : rule.composed;
  return tf.tidy(() => {
    const [values, slopes] = [bundle(mine), clipped(bundle(gradients), clip)];
    const newValues: Record<string, Tensor> = {};
    const newSlots: Record<string, Tensor> = { [MASK]: slots[MASK]!.clone() };
    for (const key of Object.keys(slopes)) {
      const decay = key !== BUNDLE ? Number(decays(key)) : slots[MASK]!;
      const old = [values[key]!, ...SLOTS[spec.kind].map((slot) => slots[`${slot}/${key}`]!)];
      // a tidy for each: temporaries of all large tensors at once would be as much memory as the network's activations
      const [value, ...changed] = tf.tidy(() => apply(spec, { rate, step, decay, gradient: slopes[key]! }, old));
      tf.dispose(old);
      newValues[key] = value!;
      SLOTS[spec.kind].forEach((slot, i) => (newSlots[`${slot}/${key}`] = changed[i]!));
    }
    const updated = unbundle(newValues, mine);
    disposeAll(mine, slots);
    return { params: updated, slots: newSlots };
  });
}

interface Change {
  readonly rate: number;
  readonly step: number;
  /** Factor on the weight decay; a tensor where it differs from value to value. */
  readonly decay: number | Tensor;
  readonly gradient: Tensor;
}

/** The new value of one tensor and its new slots. `inPlace` disposes the old ones as soon as nothing reads them any more. */
interface Rule<S> {
  readonly composed: Apply<S>;
  readonly inPlace: Apply<S>;
}
type Apply<S> = (spec: S, change: Change, old: readonly Tensor[]) => Tensor[];

/** a x, with a factor that may be a tensor, too; undefined where it is 0. */
function scaled(x: Tensor, factor: number, decay: number | Tensor): Tensor | undefined {
  if (factor === 0 || decay === 0) return undefined;
  return typeof decay === 'number' ? tf.mul(x, factor * decay) : tf.mul(tf.mul(x, decay), factor);
}

const sgd: Rule<Extract<OptimizerSpec, { kind: 'sgd' }>> = {
  composed: ({ momentum, weightDecay }, { rate, decay, gradient }, [value, velocity]) => {
    const pull = scaled(value!, weightDecay, decay);
    const moved = tf.add(tf.mul(velocity!, momentum), pull === undefined ? gradient : tf.add(gradient, pull));
    return [tf.sub(value!, tf.mul(moved, rate)), moved];
  },
  inPlace: ({ momentum, weightDecay }, { rate, decay, gradient }, [value, velocity]) => {
    const [p, v] = [new Variable(value!), variableOf(velocity!)];
    const along = momentum > 0 && typeof decay === 'number';
    // v + (wd / mu) p, of which the momentum step makes mu v + wd p
    if (along) v.apply('ResourceApplyGradientDescent', {}, tf.scalar((-weightDecay * decay) / momentum), value!);
    const pull = along ? undefined : scaled(value!, weightDecay, decay);
    const slope = pull === undefined ? gradient : tf.add(gradient, pull);
    value!.dispose();
    p.apply('ResourceApplyMomentum', { use_nesterov: false }, v, tf.scalar(rate), slope, tf.scalar(momentum));
    return [p.take(), v.take()];
  },
};

/** (1 - share) x; a new tensor. */
function decayed(x: Tensor, share: number, decay: number | Tensor): Tensor {
  if (typeof decay === 'number') return share * decay === 0 ? x.clone() : tf.mul(x, 1 - share * decay);
  const pull = scaled(x, share, decay);
  return pull === undefined ? x.clone() : tf.sub(x, pull);
}

const adamw: Rule<Extract<OptimizerSpec, { kind: 'adamw' }>> = {
  composed: ({ beta1, beta2, epsilon, weightDecay }, { rate, step, decay, gradient }, [value, mean, square]) => {
    const newMean = tf.add(tf.mul(mean!, beta1), tf.mul(gradient, 1 - beta1));
    const newSquare = tf.add(tf.mul(square!, beta2), tf.mul(tf.square(gradient), 1 - beta2));
    const direction = tf.div(newMean, tf.add(tf.sqrt(tf.div(newSquare, 1 - beta2 ** (step + 1))), epsilon));
    return [tf.sub(decayed(value!, rate * weightDecay, decay), tf.mul(direction, rate / (1 - beta1 ** (step + 1)))), newMean, newSquare];
  },
  inPlace: ({ beta1, beta2, epsilon, weightDecay }, { rate, step, decay, gradient }, [value, mean, square]) => {
    const start = decayed(value!, rate * weightDecay, decay);
    value!.dispose();
    const [p, m, v] = [variableOf(start), variableOf(mean!), variableOf(square!)];
    // TensorFlow's epsilon stands beside the root of the uncorrected square
    const [power1, power2] = [beta1 ** (step + 1), beta2 ** (step + 1)];
    const scalars = [power1, power2, rate, beta1, beta2, epsilon * Math.sqrt(1 - power2)].map((number) => tf.scalar(number));
    p.apply('ResourceApplyAdam', { use_nesterov: false }, m, v, ...scalars, gradient);
    return [p.take(), m.take(), v.take()];
  },
};

const RULES = { sgd, adamw } as const;

function variableOf(tensor: Tensor): Variable {
  const variable = new Variable(tensor);
  tensor.dispose();
  return variable;
}

function clipped(gradients: Tensors, limit: number | undefined): Tensors {
  if (limit === undefined) return gradients;
  const norm = tf.sqrt(tf.addN(Object.values(gradients).map((gradient) => tf.sum(tf.square(gradient)))));
  const factor = tf.minimum(tf.div(limit, tf.add(norm, 1e-12)), 1);
  return Object.fromEntries(Object.entries(gradients).map(([key, gradient]) => [key, tf.mul(gradient, factor)]));
}
