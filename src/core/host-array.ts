/** Tensors on the host: what an engine gets, what it gives back, and what files hold. */
import { UsageError } from './errors.js';

/** Floating-point values: float32 in networks, float64 where particles are simulated. */
export type Floats = Float32Array | Float64Array;

/** Values that a file of tensors can hold. */
export type HostValues = Floats | Int32Array | BigInt64Array | Uint8Array;

/** A tensor on the host: its values in row-major order, as many as its shape says. */
export interface HostArray<Values extends HostValues = Float32Array> {
  readonly shape: readonly number[];
  readonly values: Values;
  /** The type that its file names, where the values are read as those of another: `I8` beside an Int32Array. */
  readonly dtype?: string;
}

/** Tensors on the host by name; those of a network by the paths of its parameters. */
export type HostArrays<Values extends HostValues = Float32Array> = Readonly<Record<string, HostArray<Values>>>;

/** Number of values of a tensor of this shape: the product of its sizes, 1 for a scalar. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** Number of values of all tensors together; of a network's parameters, how many it has. */
export function countValues(arrays: Readonly<Record<string, { readonly shape: readonly number[] }>>): number {
  return Object.values(arrays).reduce((sum, { shape }) => sum + sizeOf(shape), 0);
}

/**
 * The arrays, when the values of each are of one of the given types. Throws UsageError that names `source`, where they
 * come from, and the first array with other values.
 */
export function arraysOf<Type extends new (length: number) => HostValues>(
  types: readonly Type[],
  arrays: HostArrays<HostValues>,
  source: string,
): HostArrays<InstanceType<Type>> {
  for (const [name, { values }] of Object.entries(arrays)) {
    if (!types.some((type) => values instanceof type))
      throw new UsageError(
        `${source}: "${name}" is a ${values.constructor.name}, expected ${types.map((type) => type.name).join(' or ')}`,
      );
  }
  return arrays as HostArrays<InstanceType<Type>>;
}

/** An array with a value at each index, by a plain loop: `XArray.from` with a function takes thirty times as long. */
export function filled<Values extends Floats | Int32Array | Uint32Array | Uint8Array>(
  values: Values,
  valueAt: (i: number) => number,
): Values {
  for (let i = 0; i < values.length; i++) values[i] = valueAt(i);
  return values;
}

/** Index of the first value that is not a finite number; -1 where all are. */
export function firstInfinite(values: Floats): number {
  // no callback for each value: batches have millions. Four sums of zeros, which do not wait for each other, are a
  // number as long as every value is finite
  const whole = values.length - (values.length % 4);
  let [a, b, c, d] = [0, 0, 0, 0];
  for (let i = 0; i < whole; i += 4) {
    a += values[i]! * 0;
    b += values[i + 1]! * 0;
    c += values[i + 2]! * 0;
    d += values[i + 3]! * 0;
  }
  const finite = a + b + c + d === 0;
  for (let i = finite ? whole : 0; i < values.length; i++) if (!Number.isFinite(values[i])) return i;
  return -1;
}

/** The first of the named arrays with a value that is not finite, and that value, as in "head/bias is NaN". */
export function infiniteIn(arrays: HostArrays): string | undefined {
  for (const [name, { values }] of Object.entries(arrays)) {
    const at = firstInfinite(values);
    if (at >= 0) return `${name} is ${values[at]}`;
  }
  return undefined;
}
