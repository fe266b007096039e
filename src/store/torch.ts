/**
 * Files that `torch.save` writes (since torch 1.6), `.pth`, `.pt` and `.bin`: a zip archive with a pickle that says
 * which tensors there are, and their bytes beside it. The pickle is read without executing anything
 * (src/store/pickle.ts).
 */
import { UsageError } from '../core/errors.js';
import { sizeOf, type HostArray, type HostArrays, type HostValues } from '../core/host-array.js';
import { asFileError } from './atomic.js';
import { textInstead } from './instead.js';
import { Named, readPickle, type Pickled } from './pickle.js';
import { readRegular } from './regular.js';
import { bytesOf, decodeTensor, type Dtype } from './safetensors.js';

/** What a file holds. */
export interface TorchFile {
  /** Its tensors by name; floats of 64 and 16 bits as float32. */
  readonly tensors: HostArrays<HostValues>;
  /** Under which key of the file they are (`state_dict`); undefined where they are the file. */
  readonly key: string | undefined;
  /** What else the file holds. */
  readonly others: readonly string[];
}

const STORAGES: Readonly<Record<string, Dtype>> = {
  ...{ DoubleStorage: 'F64', FloatStorage: 'F32', HalfStorage: 'F16', BFloat16Storage: 'BF16', LongStorage: 'I64' },
  ...{ IntStorage: 'I32', ShortStorage: 'I16', CharStorage: 'I8', ByteStorage: 'U8', BoolStorage: 'BOOL' },
};
/** Under which key training loops keep a state dict beside other things, in this order. */
const KEYS = ['state_dict', 'model_state_dict', 'model', 'state_dict_ema', 'model_ema', 'net', 'weights'];

interface Storage {
  readonly dtype: Dtype;
  readonly key: string;
}

interface View {
  readonly storage: Storage;
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
}

/** Reads a file. Throws UsageError on one that holds code, is damaged, or has no tensors by name. */
export function readTorch(path: string): TorchFile {
  let bytes: Buffer;
  try {
    bytes = readRegular(path, { links: true });
  } catch (error) {
    throw asFileError(error, path);
  }
  const files = zipEntries(bytes, path);
  const pickle = [...files.keys()].find((name) => name.endsWith('/data.pkl') || name === 'data.pkl');
  if (pickle === undefined)
    throw new UsageError(
      `${path}: no data.pkl in it; expected a state dict that torch.save wrote ` +
        `(${[...files.keys()].some((name) => name.includes('code/')) ? 'this is a TorchScript archive' : 'another archive'})`,
    );
  const folder = pickle.slice(0, -'data.pkl'.length);
  const order = files.get(`${folder}byteorder`);
  if (order !== undefined && Buffer.from(order).toString() !== 'little')
    throw new UsageError(`${path}: its bytes are in the order of a big-endian machine; save it anew on another one`);
  const views = new Map<object, View>();
  const root = readPickle(files.get(pickle)!, {
    source: path,
    names: (name) => name.startsWith('torch.') && Object.hasOwn(STORAGES, name.slice('torch.'.length)),
    persistent: (id) => storageOf(id, path),
    calls: {
      'collections.OrderedDict': () => new Map(),
      'torch._utils._rebuild_tensor_v2': (args) => {
        const tensor = { opaque: undefined };
        views.set(tensor, viewOf(args, path));
        return tensor;
      },
      'torch._utils._rebuild_parameter': ([data]) => data ?? null,
    },
  });
  const { found, key, others } = stateDict(root, views, path);
  return {
    tensors: Object.fromEntries(found.map(([name, view]) => [name, tensorOf(view, files, folder, path, name)])),
    key,
    others,
  };
}

function storageOf(id: Pickled, path: string): Pickled {
  const [kind, type, key] = Array.isArray(id) ? id : [];
  if (kind !== 'storage' || !(type instanceof Named) || typeof key !== 'string')
    throw new UsageError(`${path}: a tensor whose bytes are kept in a way that is not known`);
  return { opaque: { dtype: STORAGES[type.name.slice('torch.'.length)]!, key } satisfies Storage };
}

function viewOf([storage, offset, shape, strides]: readonly Pickled[], path: string): View {
  const whole = (values: unknown): values is number[] =>
    Array.isArray(values) && values.length <= 32 && values.every((one) => Number.isSafeInteger(one) && one >= 0);
  const held = (storage as { readonly opaque?: Storage } | null)?.opaque;
  if (
    held?.dtype === undefined ||
    !whole([offset]) ||
    !whole(shape) ||
    !whole(strides) ||
    shape.length !== strides.length
  )
    throw new UsageError(`${path}: a tensor whose shape, strides or storage are none`);
  return { storage: held, offset: offset as number, shape, strides };
}

/** The tensors by name: of the file as a whole, or of the first key under which there are such. */
function stateDict(
  root: Pickled,
  views: ReadonlyMap<object, View>,
  path: string,
): { found: [string, View][]; key: string | undefined; others: string[] } {
  const tensorsIn = (value: Pickled | undefined): [string, View][] =>
    value instanceof Map
      ? [...value].flatMap(([name, one]) => {
          const view = typeof one === 'object' && one !== null ? views.get(one) : undefined;
          return view === undefined || typeof name !== 'string' ? [] : [[name, view] as [string, View]];
        })
      : [];
  const namesOf = (value: Pickled | undefined): string[] => (value instanceof Map ? [...value.keys()].map(String) : []);
  const own = tensorsIn(root);
  const inner =
    own.length > 0 ? undefined : KEYS.find((key) => root instanceof Map && tensorsIn(root.get(key)).length > 0);
  const found = inner === undefined ? own : tensorsIn((root as Map<Pickled, Pickled>).get(inner));
  if (found.length === 0)
    throw new UsageError(
      `${path}: no tensors by name in it; expected a state dict, alone or under one of ${KEYS.join(', ')}` +
        `${root instanceof Map ? `; it has ${namesOf(root).slice(0, 10).join(', ') || 'nothing'}` : ''}`,
    );
  const named = new Set(found.map(([name]) => name));
  return {
    found,
    key: inner,
    others: namesOf(root).filter((name) => (inner === undefined ? !named.has(name) : name !== inner)),
  };
}

function tensorOf(
  { storage, offset, shape, strides }: View,
  files: ReadonlyMap<string, Uint8Array>,
  folder: string,
  path: string,
  name: string,
): HostArray<HostValues> {
  const bytes = files.get(`${folder}data/${storage.key}`);
  const width = bytesOf(storage.dtype);
  const count = sizeOf(shape);
  const last = count === 0 ? -1 : shape.reduce((at, size, axis) => at + (size - 1) * strides[axis]!, offset);
  if (count > Math.max(0, last - offset + 1))
    throw new UsageError(
      `${path}: "${name}" is a view that has values several times (torch's expand); save it with .contiguous()`,
    );
  if (bytes === undefined || (last + 1) * width > bytes.length)
    throw new UsageError(`${path}: the bytes of "${name}" are not all there; the file is cut off or damaged`);
  const isPlain = shape.every((size, axis) => size <= 1 || strides[axis] === sizeOf(shape.slice(axis + 1)));
  const taken = new Uint8Array(new ArrayBuffer(count * width));
  if (isPlain) taken.set(bytes.subarray(offset * width, (offset + count) * width));
  else {
    const index = shape.map(() => 0);
    for (let i = 0; i < count; i++) {
      const at = (offset + index.reduce((sum, one, axis) => sum + one * strides[axis]!, 0)) * width;
      taken.set(bytes.subarray(at, at + width), i * width);
      for (let axis = shape.length - 1; axis >= 0 && ++index[axis]! === shape[axis]; axis--) index[axis] = 0;
    }
  }
  const tensor = decodeTensor(storage.dtype, shape, taken)!;
  return tensor.values instanceof Float64Array ? { shape, values: Float32Array.from(tensor.values) } : tensor;
}

/** The files of a zip archive whose parts are stored as they are. Throws UsageError on any other. */
function zipEntries(bytes: Buffer, path: string): ReadonlyMap<string, Uint8Array> {
  const bad = (what: string): UsageError => new UsageError(`${path}: ${what}`);
  if (bytes.length >= 2 && bytes[0] === 0x80 && bytes[1]! <= 5)
    throw bad('a pickle alone, as torch before 1.6 wrote it; load it there and save it anew, or as safetensors');
  const text = textInstead(bytes, 'a file that torch.save wrote');
  if (text !== undefined) throw bad(text);
  if (bytes.length < 22 || bytes.readUInt32LE(0) !== 0x04034b50) throw bad('not a file that torch.save wrote');
  const end = bytes.lastIndexOf(Buffer.from([0x50, 0x4b, 5, 6]));
  if (end < 0 || end + 22 > bytes.length) throw bad('its table of contents is missing; the file is cut off');
  let [count, at] = [bytes.readUInt16LE(end + 10), bytes.readUInt32LE(end + 16)];
  if (at === 0xffffffff || count === 0xffff) {
    const end64 = bytes.lastIndexOf(Buffer.from([0x50, 0x4b, 6, 6]), end);
    if (end64 < 0 || end64 + 56 > bytes.length) throw bad('its table of contents is damaged');
    [count, at] = [Number(bytes.readBigUInt64LE(end64 + 32)), Number(bytes.readBigUInt64LE(end64 + 48))];
  }
  const files = new Map<string, Uint8Array>();
  for (let i = 0; i < count; i++) {
    if (at + 46 > bytes.length || bytes.readUInt32LE(at) !== 0x02014b50) throw bad('its table of contents is damaged');
    const [method, packed, size] = [
      bytes.readUInt16LE(at + 10),
      bytes.readUInt32LE(at + 20),
      bytes.readUInt32LE(at + 24),
    ];
    const [named, extra, comment] = [28, 30, 32].map((field) => bytes.readUInt16LE(at + field)) as [
      number,
      number,
      number,
    ];
    const name = bytes.toString('utf8', at + 46, at + 46 + named);
    const local = bytes.readUInt32LE(at + 42);
    if (method !== 0 || packed !== size) throw bad(`${name} in it is packed; torch.save stores its parts as they are`);
    if (local + 30 > bytes.length || bytes.readUInt32LE(local) !== 0x04034b50) throw bad(`${name} in it is damaged`);
    const from = local + 30 + bytes.readUInt16LE(local + 26) + bytes.readUInt16LE(local + 28);
    if (from + size > bytes.length) throw bad(`${name} in it is cut off`);
    files.set(name, bytes.subarray(from, from + size));
    at += 46 + named + extra + comment;
  }
  return files;
}
