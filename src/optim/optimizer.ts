/**
 * Optimisers as pure pairs: `initSlots` and `update`. A slot is a tensor that an optimiser keeps, at `${slot}/${path}` for a large parameter and at
 * `${slot}/*` for all the small ones together (src/engine/bundle.ts).
 */
import { z } from 'zod';
import { BUNDLE, bundle, bundledValues, unbundle } from '../engine/bundle.js';
import { tf, type Tensor, type Tensors } from '../engine/tensor.js';

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
 * to at most `clip` (Pascanu, Mikolov, Bengio 2013); what was given is left alone.
 */
export function update(
  spec: OptimizerSpec,
  { rate, step, clip }: { readonly rate: number; readonly step: number; readonly clip?: number | undefined },
  params: Tensors,
  slots: Tensors,
  gradients: Tensors,
): { params: Tensors; slots: Tensors } {
  const mine = Object.fromEntries(Object.keys(gradients).map((path) => [path, params[path]!]));
  return tf.tidy(() => {
    const [values, slopes] = [bundle(mine), clipped(bundle(gradients), clip)];
    const newValues: Record<string, Tensor> = {};
    const newSlots: Record<string, Tensor> = { [MASK]: slots[MASK]!.clone() };
    for (const key of Object.keys(slopes)) {
      // a tidy for each: temporaries of all large tensors at once would be as much memory as the network's activations
      const { '': value, ...changed } = tf.tidy(() => updateOne(spec, rate, step, key, values[key]!, slopes[key]!, slots));
      newValues[key] = value!;
      Object.assign(newSlots, changed);
    }
    return { params: unbundle(newValues, mine), slots: newSlots };
  });
}

/** The new value of one tensor (under the empty name), and its new slots. */
function updateOne(spec: OptimizerSpec, rate: number, step: number, key: string, value: Tensor, gradient: Tensor, slots: Tensors): Record<string, Tensor> {
  const slot = (name: string): Tensor => slots[`${name}/${key}`]!;
  const decayed = (share: number): Tensor | undefined => {
    if (share === 0) return undefined;
    if (key !== BUNDLE) return decays(key) ? tf.mul(value, share) : undefined;
    return tf.mul(tf.mul(value, slots[MASK]!), share);
  };
  if (spec.kind === 'sgd') {
    const decay = decayed(spec.weightDecay);
    const velocity = tf.add(tf.mul(slot('velocity'), spec.momentum), decay === undefined ? gradient : tf.add(gradient, decay));
    return { '': tf.sub(value, tf.mul(velocity, rate)), [`velocity/${key}`]: velocity };
  }
  const { beta1, beta2, epsilon } = spec;
  const mean = tf.add(tf.mul(slot('mean'), beta1), tf.mul(gradient, 1 - beta1));
  const square = tf.add(tf.mul(slot('square'), beta2), tf.mul(tf.square(gradient), 1 - beta2));
  const direction = tf.div(mean, tf.add(tf.sqrt(tf.div(square, 1 - beta2 ** (step + 1))), epsilon));
  const decay = decayed(rate * spec.weightDecay);
  const start = decay === undefined ? value : tf.sub(value, decay);
  return { '': tf.sub(start, tf.mul(direction, rate / (1 - beta1 ** (step + 1)))), [`mean/${key}`]: mean, [`square/${key}`]: square };
}

function clipped(gradients: Tensors, limit: number | undefined): Tensors {
  if (limit === undefined) return gradients;
  const norm = tf.sqrt(tf.addN(Object.values(gradients).map((gradient) => tf.sum(tf.square(gradient)))));
  const factor = tf.minimum(tf.div(limit, tf.add(norm, 1e-12)), 1);
  return Object.fromEntries(Object.entries(gradients).map(([key, gradient]) => [key, tf.mul(gradient, factor)]));
}
