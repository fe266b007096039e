/**
 * What published formats of weights have in common: arrays by name, kernels turned around, and every name that does not
 * fit said at once.
 */
import { few, UsageError } from '../../core/errors.js';
import { firstInfinite, sizeOf, type HostArray, type HostArrays, type HostValues } from '../../core/host-array.js';
import { GENERATOR } from '../../core/markup.js';
import { dtypeInFile, dtypeOf } from '../../store/safetensors.js';
import type { FileFacts, Unseen } from '../interface/family.js';

/** Metadata of a safetensors file of weights: what transformers wants, and who wrote it. */
export const WEIGHTS_METADATA = { format: 'pt', generator: GENERATOR } as const;

/** Metadata of a safetensors file that say which network its tensors are, too, and what `more` says. */
export function fileMetadata(spec: { readonly family: string }, more: FileFacts = {}): Record<string, string> {
  return { ...WEIGHTS_METADATA, network: JSON.stringify(spec), ...more };
}

/**
 * Throws UsageError where the network whose weights a file has, as `declares` says of it ("its metadata declare"),
 * differs from the network that reads them in what no tensor shows: it would compute something else.
 */
export function checkUnseen(path: string, declares: string, there: Unseen, wanted: Unseen): void {
  const shown = (value: Unseen[string] | undefined): string => JSON.stringify(value) ?? 'none';
  for (const [key, value] of Object.entries(wanted))
    if (shown(there[key]) !== shown(value))
      throw new UsageError(
        `${path}: ${declares} a network with "${key}" ${shown(there[key])}; expected ${shown(value)}, as the network ` +
          'that reads these weights has; give its spec the file’s value, or weights of such a network',
      );
}

/**
 * What wrappers of a module put before all of its names: of several processes, of training loops, `torch.compile`, of
 * timm's networks in transformers.
 */
const PREFIXES = ['module.', 'model.', '_orig_mod.', 'timm_model.'];
/** What torch's `AveragedModel` keeps beside the module that it wraps: how many it is the mean of. */
const AVERAGED = 'n_averaged';

/** The tensors without a prefix that all of them share, and that prefix; several are taken off one after the other. */
export function withoutPrefix<Value>(given: Readonly<Record<string, Value>>): {
  readonly tensors: Readonly<Record<string, Value>>;
  readonly prefix: string;
} {
  const names = Object.keys(given).filter((name) => name !== AVERAGED);
  const prefix = PREFIXES.find((one) => names.length > 0 && names.every((name) => name.startsWith(one)));
  if (prefix === undefined) return { tensors: given, prefix: '' };
  const inner = withoutPrefix(Object.fromEntries(names.map((name) => [name.slice(prefix.length), given[name]!])));
  return { tensors: inner.tensors, prefix: prefix + inner.prefix };
}

/** New order of at most four axes: output axis n is input axis `order[n]`. */
export function transpose({ shape, values }: HostArray, order: readonly number[]): HostArray {
  const to = order.map((axis) => shape[axis]!);
  const stride = (axis: number): number => sizeOf(shape.slice(axis + 1));
  const steps = order.map(stride);
  const out = new Float32Array(values.length);
  const [n0, n1, n2, n3] = [...Array<number>(4 - to.length).fill(1), ...to] as [number, number, number, number];
  const [s0, s1, s2, s3] = [...Array<number>(4 - to.length).fill(0), ...steps] as [number, number, number, number];
  let at = 0;
  for (let a = 0; a < n0; a++) {
    for (let b = 0; b < n1; b++) {
      for (let c = 0; c < n2; c++) {
        const base = a * s0 + b * s1 + c * s2;
        for (let d = 0; d < n3; d++) out[at++] = values[base + d * s3]!;
      }
    }
  }
  return { shape: to, values: out };
}

/** PyTorch's names of a layer's arrays, by those that they have here. */
const TORCH_LEAVES: Readonly<Record<string, string>> = {
  gamma: 'weight',
  beta: 'bias',
  mean: 'running_mean',
  variance: 'running_var',
  kernel: 'weight',
  bias: 'bias',
};

/** What PyTorch calls the array at a path within its layer: `weight` for `head/kernel`. */
export function torchLeaf(path: string): string {
  return TORCH_LEAVES[path.slice(path.lastIndexOf('/') + 1)]!;
}

/** Order of an array's axes in PyTorch: kernels are [out, in, h, w] and [out, in] there. */
function torchOrder(path: string, shape: readonly number[]): readonly number[] {
  if (!path.endsWith('/kernel')) return [...shape.keys()];
  return shape.length === 4 ? [3, 2, 0, 1] : [1, 0];
}

/** The shape in PyTorch of the array at a path, from its shape here. */
export function toTorchShape(path: string, shape: readonly number[]): number[] {
  return torchOrder(path, shape).map((axis) => shape[axis]!);
}

/** The array at a path as PyTorch has it: kernels are [out, in, h, w] and [out, in] there. */
export function toTorch(path: string, array: HostArray): HostArray {
  return path.endsWith('/kernel') ? transpose(array, torchOrder(path, array.shape)) : array;
}

/** The array at a path as it is here, [h, w, in, out] or [in, out] for kernels, of PyTorch's. */
export function fromTorch(path: string, array: HostArray): HostArray {
  if (!path.endsWith('/kernel')) return array;
  return transpose(array, array.shape.length === 4 ? [2, 3, 1, 0] : [1, 0]);
}

/** Paths and shapes of the running statistics of a network's batch norms: those of the scale beside each. */
export function statisticsOf(
  shapes: Readonly<Record<string, readonly number[]>>,
): (readonly [path: string, shape: readonly number[]])[] {
  return Object.entries(shapes)
    .filter(([path]) => path.endsWith('/gamma'))
    .flatMap(([path, shape]) => ['mean', 'variance'].map((name) => [path.replace(/gamma$/, name), shape] as const));
}

/** The types that weights are of; others hold buffers. */
const FLOATS: readonly string[] = ['F64', 'F32'];

/** Running variances as the formats name them. */
const VARIANCE = /(^|[./])(variance|running_var)$/;
/** Batch norm takes the root of a variance and of about this: of less there is none, and a ReLU of NaN may be 0. */
const LEAST_VARIANCE = -1e-5;

/**
 * The arrays that a network wants, by name and shape, out of those of a file; `ignored` says which others may be there.
 * Whole numbers that no network wants are buffers, and left. Throws UsageError that counts the names which are missing,
 * are not of this network, have another shape or type, or hold a value that is not finite, or a variance below zero,
 * and says the first of each: one wrong number in a configuration makes every tensor another.
 */
export function takeArrays(
  source: string,
  tensors: HostArrays<HostValues>,
  wanted: ReadonlyMap<string, readonly number[]>,
  ignored: (name: string) => boolean,
): ReadonlyMap<string, HostArray> {
  const missing = [...wanted.keys()].filter((name) => !Object.hasOwn(tensors, name));
  const isBuffer = (name: string): boolean => !FLOATS.includes(dtypeOf(tensors[name]!.values));
  const extra = Object.keys(tensors).filter((name) => !wanted.has(name) && !ignored(name) && !isBuffer(name));
  const taken = new Map<string, HostArray>();
  const [shapes, types, infinite, negative]: [string[], string[], string[], string[]] = [[], [], [], []];
  for (const [name, shape] of wanted) {
    const found = tensors[name];
    if (found === undefined) continue;
    const { values } = found;
    const isShape = String(found.shape) === String(shape);
    const size = (of: readonly number[]): string => (isShape ? '' : ` [${of.join(', ')}]`);
    if (!(values instanceof Float32Array))
      types.push(`${name} is ${dtypeInFile(found)}${size(found.shape)}, expected F32${size(shape)}`);
    else if (isShape) {
      taken.set(name, { shape: found.shape, values });
      const at = firstInfinite(values);
      if (at >= 0) infinite.push(`${name} (${values[at]})`);
      const least = VARIANCE.test(name) ? values.find((value) => value <= LEAST_VARIANCE) : undefined;
      if (least !== undefined && at < 0) negative.push(`${name} (${least})`);
    } else shapes.push(`${name} is${size(found.shape)}, expected${size(shape)}`);
  }
  const faults = [
    ...(missing.length > 0 ? [`missing (${missing.length}): ${few(missing)}`] : []),
    ...(extra.length > 0 ? [`not of this network (${extra.length}): ${few(extra)}`] : []),
    ...(shapes.length > 0 ? [`of another shape (${shapes.length}): ${few(shapes)}`] : []),
    ...(types.length > 0 ? [`of another type (${types.length}): ${few(types)}`] : []),
    ...(infinite.length > 0 ? [`not finite (${infinite.length}): ${few(infinite)}`] : []),
    ...(negative.length > 0 ? [`variances below zero (${negative.length}): ${few(negative)}`] : []),
  ];
  if (faults.length > 0)
    throw new UsageError(`${source}: these are not the weights of this network; ${faults.join('; ')}`);
  return taken;
}
