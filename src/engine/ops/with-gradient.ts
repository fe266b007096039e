import { tf, type Tensor } from '../tensor.js';

/** Tensors that a backward pass needs, by name; undefined where there is none. */
type Saved = Readonly<Record<string, Tensor | undefined>>;

/**
 * An op with a gradient of its own, applied to `inputs`. `forward` computes the value and names the tensors that the
 * gradient needs. `backward` takes those and dy, the gradient of the loss by the value (of the value's shape), and
 * returns the gradient by each input, in their order and of their shapes. Only what is in `saved` lives until then: any
 * other tensor of the forward pass, inputs included, may be freed.
 */
export function withGradient<Value extends Tensor, const Inputs extends readonly Tensor[], Kept extends Saved>(
  inputs: Inputs,
  forward: () => { readonly value: Value; readonly saved: Kept },
  backward: (dy: Tensor, saved: Kept) => { readonly [Index in keyof Inputs]: Tensor },
): Value {
  const op = tf.customGrad((...given) => {
    const save = given.at(-1) as unknown as (tensors: Tensor[]) => void;
    const { value, saved } = forward();
    const kept = Object.entries(saved).filter((entry): entry is [string, Tensor] => entry[1] !== undefined);
    save(kept.map(([, tensor]) => tensor));
    return {
      value,
      gradFunc: (dy: Tensor, tensors: Tensor[]) => [
        ...backward(dy, Object.fromEntries(kept.map(([name], i) => [name, tensors[i]])) as Kept),
      ],
    };
  });
  return op(...inputs) as Value;
}
