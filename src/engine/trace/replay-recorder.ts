/** Listens to a step on WebAssembly: what it does, and the calls and the memory that a replay needs (replay.ts). */
import type { TensorInfo } from '@tensorflow/tfjs-core';
import { NUMBER_BYTES } from '../ops/webassembly.js';
import { listening, type Asked, type Callee, type Listener } from '../ops/webassembly-calls.js';
import { tf, type Tensor, type Tensors } from '../tensor.js';
import { notCompilable, readBack } from './errors.js';
import { IN_PLACE, type Constant, type Held, type RecordedOp, type Source } from './recorder.js';

/** Kernels whose result depends on their attributes and on shapes alone. */
const CONSTANT_KERNELS = new Set(['Fill', 'LinSpace', 'OnesLike', 'Range', 'ZerosLike']);

const FLOAT_TYPE = 1;

/** What tfjs' backend knows of the values of a tensor. */
interface Kept {
  readonly id: number;
  readonly memoryOffset: number;
  readonly shape: readonly number[];
  readonly dtype: string;
  refCount: number;
}

/** What is used of tfjs' backend, some of which a recording puts its own in place of. */
interface WasmBackend {
  readonly wasm: {
    readonly HEAPU8: Uint8Array;
    _malloc: (bytes: number) => number;
    _free: (address: number) => void;
    readonly tfjs: {
      registerTensor: (id: number, size: number, address: number) => void;
      disposeData: (id: number) => void;
    };
  };
  readonly dataIdMap: {
    get(dataId: object): Kept;
    has(dataId: object): boolean;
    set(dataId: object, kept: Kept): void;
    delete(dataId: object): boolean;
  };
  incRef(dataId: object): void;
  dataIdNextNumber: number;
  write: (values: ArrayBufferView | null, shape: readonly number[], dtype: string) => object;
  readSync: (dataId: object, start?: number, end?: number) => unknown;
  read: (dataId: object) => Promise<unknown>;
  typedArrayFromHeap: (tensor: TensorInfo) => unknown;
  makeOutput(shape: readonly number[], dtype: string): TensorInfo;
  disposeData(dataId: object): boolean;
}

/** The backend of tfjs for WebAssembly. Only to be called where it is the engine, which is not checked. */
export function wasmBackend(): WasmBackend {
  return tf.backend() as unknown as WasmBackend;
}

function bytesOf({ shape, dtype }: Pick<TensorInfo, 'shape' | 'dtype'>): number {
  return tf.util.sizeFromShape([...shape]) * (NUMBER_BYTES[dtype] ?? 0);
}

/** Where values lie. */
export interface Place {
  readonly address: number;
  readonly bytes: number;
}

/** Where the values of a tensor lie. */
export function placeOf({ dataIdMap }: WasmBackend, tensor: Pick<TensorInfo, 'dataId' | 'shape' | 'dtype'>): Place {
  return { address: dataIdMap.get(tensor.dataId).memoryOffset, bytes: bytesOf(tensor) };
}

/** A call of a program. */
interface Call {
  readonly callee: Callee;
  readonly given: readonly unknown[];
}

/** Memory of a program. Freed blocks are used again by the same recording, so that a replay uses them likewise. */
class Pool {
  bytes = 0;
  private readonly sizes = new Map<number, number>();
  private readonly free: number[] = [];
  /** Blocks that hold the same values throughout. */
  private readonly lasting = new Set<number>();

  constructor(
    private readonly malloc: (bytes: number) => number,
    private readonly release: (address: number) => void,
  ) {}

  take(bytes: number, lasting: boolean): number {
    const needed = Math.max(16, bytes);
    const fits = (address: number): boolean => {
      const size = this.sizes.get(address)!;
      return size >= needed && size <= 2 * needed + 256;
    };
    let best = -1;
    if (!lasting)
      this.free.forEach((address, i) => {
        if (fits(address) && (best < 0 || this.sizes.get(address)! < this.sizes.get(this.free[best]!)!)) best = i;
      });
    if (best >= 0) return this.free.splice(best, 1)[0]!;
    const address = this.malloc(needed) >>> 0;
    this.bytes += needed;
    this.sizes.set(address, needed);
    if (lasting) this.lasting.add(address);
    return address;
  }

  has(address: number): boolean {
    return this.sizes.has(address);
  }

  /** Whether the block is of this memory; then it is free for what comes next. */
  give(address: number): boolean {
    if (!this.has(address)) return false;
    if (!this.lasting.has(address)) this.free.push(address);
    return true;
  }

  dispose(): void {
    for (const address of this.sizes.keys()) this.release(address);
    this.sizes.clear();
  }
}

/** What a step did, as recorder.ts has it of TensorFlow, so that two recordings are compared alike. */
export interface Recorded {
  readonly ops: readonly RecordedOp[];
  readonly constants: readonly Constant[];
  readonly outside: readonly Held[];
  readonly results: Readonly<Record<string, Source>>;
  /** Numbers of the inputs that are changed in place. */
  readonly changed: ReadonlySet<number>;
}

/** An op at work while it is recorded. */
interface OpAtWork {
  readonly name: string;
  readonly calls: Call[];
  /** Whether it asks for other ops, which are recorded in its place. */
  isMade: boolean;
  /** Whether it looks at values, which may be others the next time, or does more than its calls. */
  reads: boolean;
}

/** Results of an op; undefined for those that are inputs. */
type Made = readonly (TensorInfo | undefined)[];

/** Why a step cannot be replayed, and need not be: it runs op by op. */
export class NotReplayable extends Error {}

/** Listens to one run of a step. */
export class Recorder implements Listener {
  private readonly ops: RecordedOp[] = [];
  private readonly constants: Constant[] = [];
  private readonly outside: Held[] = [];
  private readonly sources = new Map<object, Source>();
  private readonly changed = new Set<number>();
  private readonly atWork: OpAtWork[] = [];
  protected readonly backend = wasmBackend();
  /** Bytes of all results, as if none was given back on the way. */
  made = 0;

  constructor(private readonly what: string) {}

  /** Says where the step's inputs lie. */
  begin(inputs: readonly Tensor[]): void {
    inputs.forEach(({ dataId }, index) => {
      if (!this.sources.has(dataId)) this.sources.set(dataId, { from: 'input', index });
    });
  }

  protected get current(): OpAtWork | undefined {
    return this.atWork.at(-1);
  }

  more(): void {
    if (this.current !== undefined) this.current.reads = true;
  }

  random(): void {
    this.refuse();
  }

  /**
   * Ends a recording of what cannot be replayed. Throws NotReplayable, after which the step is run again op by op, or
   * UsageError where values have been changed in place and a second run would change them twice.
   */
  protected refuse(): never {
    if (this.changed.size === 0) throw new NotReplayable();
    throw notCompilable(this.what, 'after values were changed in place it does what cannot be replayed');
  }

  called(callee: Callee, given: readonly unknown[]): void {
    const call = { callee, given: [...given] };
    if (this.current === undefined || this.current.isMade) this.keep?.(call);
    else this.current.calls.push(call);
  }

  op(asked: Asked): TensorInfo | TensorInfo[] {
    const around = this.current;
    if (around !== undefined) {
      around.isMade = true;
      for (const call of around.calls.splice(0)) this.keep?.(call);
    }
    const inputs = Object.values(asked.inputs).filter((input) => input !== undefined && input !== null);
    const op: OpAtWork = { name: asked.name, calls: [], isMade: false, reads: false };
    this.atWork.push(op);
    let results: TensorInfo | TensorInfo[];
    try {
      results = asked.run(asked.inputs);
    } finally {
      this.atWork.pop();
    }
    if (op.isMade) {
      // what it saw, or did beside the ops that it asked for, is not kept
      if (op.reads) this.refuse();
      return results;
    }
    const outputs = [results].flat();
    const sources = inputs.map((input) => this.sourceOf(input));
    const changed = IN_PLACE[`Gowide${asked.name}`]?.map((place) => sources[place]!) ?? [];
    for (const source of changed) if (source.from === 'input') this.changed.add(source.index);
    const before = new Set(inputs.map(({ dataId }) => dataId));
    const made = outputs.map((output) => (before.has(output.dataId) ? undefined : output));
    made.forEach((output, i) => {
      if (output === undefined) return;
      this.made += bytesOf(output);
      this.sources.set(output.dataId, { from: 'op', index: this.ops.length, output: i });
    });
    this.ops.push({
      name: asked.name,
      attributes: [{ name: 'attributes', type: 0, value: asked.attributes }],
      inputs: sources,
      shapes: outputs.map(({ shape }) => shape),
    });
    this.done?.(asked, op, made, changed.length > 0);
    return results;
  }

  /** A tensor was made of values of the host. */
  written(dataId: object, values: ArrayBufferView, shape: readonly number[]): void {
    const { buffer, byteOffset, byteLength } = values;
    const bytes = new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength).slice();
    this.sources.set(dataId, { from: 'constant', index: this.constants.length });
    this.constants.push({ shape: [...shape], dtype: FLOAT_TYPE, values: bytes });
  }

  /** The values of a tensor are asked for. Throws UsageError where it is the step that asks. */
  read(dataId: object): void {
    const source = this.sources.get(dataId);
    if (this.current !== undefined) this.current.reads = true;
    else if (source?.from === 'op' || source?.from === 'input')
      throw readBack(this.what, source.from === 'op' ? this.ops[source.index]!.name : undefined);
  }

  sourceOf(tensor: Pick<TensorInfo, 'dataId' | 'shape' | 'dtype'>): Source {
    let source = this.sources.get(tensor.dataId);
    if (source === undefined) {
      source = { from: 'outside', index: this.outside.length };
      this.outside.push(tensor as Held);
      this.sources.set(tensor.dataId, source);
    }
    return source;
  }

  recorded(results: Tensors): Recorded {
    const found = Object.entries(results).map(([name, tensor]) => [name, this.sourceOf(tensor)] as const);
    const { ops, constants, outside, changed } = this;
    return { ops, constants, outside, changed, results: Object.fromEntries(found) };
  }

  /** Runs the step with the backend's ways to write and read listened to. */
  listen(step: () => Tensors): Tensors {
    const { backend } = this;
    const { write, readSync, read, typedArrayFromHeap } = backend;
    backend.write = (values, shape, dtype) => {
      const dataId = this.writing(values !== null, () => write.call(backend, values, shape, dtype));
      if (values !== null) this.written(dataId, values, shape);
      return dataId;
    };
    backend.readSync = (dataId, ...range) => {
      this.read(dataId);
      return readSync.call(backend, dataId, ...range);
    };
    backend.read = (dataId) => {
      this.read(dataId);
      return read.call(backend, dataId);
    };
    backend.typedArrayFromHeap = (tensor) => {
      if (this.current !== undefined) this.current.reads = true;
      return typedArrayFromHeap.call(backend, tensor);
    };
    try {
      return listening(this, step);
    } finally {
      // the class has them
      for (const name of ['write', 'readSync', 'read', 'typedArrayFromHeap'] as const)
        delete (backend as Partial<WasmBackend>)[name];
    }
  }

  /** Makes a tensor, with values of the host or without. */
  protected writing(_hasValues: boolean, write: () => object): object {
    return write();
  }

  /** A call is made that is no op's alone. */
  protected keep?(call: Call): void;

  /** An op has been run. */
  protected done?(asked: Asked, op: OpAtWork, made: Made, inPlace: boolean): void;
}

/** Listens to one run of a step, and keeps its calls and its memory. */
export class ProgramRecorder extends Recorder {
  private readonly steps: Call[] = [];
  private readonly ids: number[] = [];
  private readonly aliases: object[] = [];
  private readonly pool: Pool;
  private lasting = false;
  private readonly own: Pick<WasmBackend['wasm'], '_malloc' | '_free'>;
  private readonly ownIds: Pick<WasmBackend['wasm']['tfjs'], 'registerTensor' | 'disposeData'>;

  constructor(what: string) {
    super(what);
    const { wasm } = this.backend;
    this.own = { _malloc: wasm._malloc, _free: wasm._free };
    this.ownIds = { registerTensor: wasm.tfjs.registerTensor, disposeData: wasm.tfjs.disposeData };
    this.pool = new Pool(this.own._malloc, this.own._free);
  }

  /** Runs `act` with memory that stays the program's. */
  within<T>(act: () => T): T {
    const { wasm } = this.backend;
    const mine = new Set(this.ids);
    wasm._malloc = (bytes) => this.pool.take(bytes, this.lasting);
    wasm._free = (address) => {
      if (!this.pool.give(address)) this.own._free(address);
    };
    wasm.tfjs.registerTensor = (id, size, address) => {
      // memory that a kernel took by itself is not the program's
      if (!this.pool.has(address)) this.refuse();
      this.ids.push(id);
      mine.add(id);
      this.ownIds.registerTensor(id, size, address);
    };
    wasm.tfjs.disposeData = (id) => {
      if (!mine.has(id)) this.ownIds.disposeData(id);
    };
    try {
      return act();
    } finally {
      Object.assign(wasm, this.own);
      Object.assign(wasm.tfjs, this.ownIds);
    }
  }

  /** A tensor in memory of the program that holds nothing else, with the values of another. */
  copyOf({ dataId, shape, dtype }: Tensor): Tensor {
    const { backend } = this;
    this.lasting = true;
    const copy = tf.engine().makeTensorFromTensorInfo(backend.makeOutput(shape, dtype));
    this.lasting = false;
    const from = backend.dataIdMap.get(dataId).memoryOffset;
    backend.wasm.HEAPU8.copyWithin(placeOf(backend, copy).address, from, from + bytesOf(copy));
    return copy;
  }

  /** The memory of a copy as a tensor of the shape of another. */
  viewOf(copy: Tensor, { shape, dtype }: Tensor): Tensor {
    if (copy.dtype === dtype && String(copy.shape) === String(shape)) return copy;
    this.backend.incRef(copy.dataId);
    return tf.engine().makeTensorFromTensorInfo({ dataId: copy.dataId, shape, dtype });
  }

  get bytes(): number {
    return this.pool.bytes;
  }

  replay(): void {
    for (const { callee, given } of this.steps) callee(...given);
  }

  dispose(): void {
    for (const alias of this.aliases) this.backend.dataIdMap.delete(alias);
    for (const id of this.ids) this.ownIds.disposeData(id);
    this.pool.dispose();
  }

  protected override writing(hasValues: boolean, write: () => object): object {
    const before = this.lasting;
    this.lasting = hasValues || (this.current !== undefined && CONSTANT_KERNELS.has(this.current.name));
    try {
      return write();
    } finally {
      this.lasting = before;
    }
  }

  protected override keep(call: Call): void {
    this.steps.push(call);
  }

  protected override done(asked: Asked, op: OpAtWork, made: Made, inPlace: boolean): void {
    if (CONSTANT_KERNELS.has(asked.name)) return;
    if (inPlace || (!op.reads && op.calls.length > 0 && this.isAllOf(op, made))) this.steps.push(...op.calls);
    else if (made.some((output) => output !== undefined))
      this.steps.push({ callee: this.again(asked, made), given: [] });
  }

  /** Whether the calls of an op alone make its results: some kernels write to memory themselves. */
  private isAllOf({ calls }: OpAtWork, made: Made): boolean {
    const places = made.flatMap((tensor) => (tensor ? [placeOf(this.backend, tensor)] : []));
    const bytes = (): Uint8Array => this.backend.wasm.HEAPU8;
    const values = places.map(({ address, bytes: count }) => bytes().slice(address, address + count));
    for (const { address, bytes: count } of places) bytes().fill(0xa5, address, address + count);
    for (const { callee, given } of calls) callee(...given);
    const same = places.every(({ address, bytes: count }, i) =>
      Buffer.from(bytes().buffer, address, count).equals(values[i]!),
    );
    if (!same) places.forEach(({ address }, i) => bytes().set(values[i]!, address));
    return same;
  }

  /** An op that is run as it was, and whose results are copied to where they were. */
  private again({ inputs, run }: Asked, made: Made): () => void {
    const { backend } = this;
    const given = Object.entries(inputs).map(
      ([name, input]) =>
        [name, input && { dataId: this.aliasOf(input), shape: input.shape, dtype: input.dtype }] as const,
    );
    // kernels of any number of inputs are given an array
    const like = (
      Array.isArray(inputs) ? given.map(([, input]) => input) : Object.fromEntries(given)
    ) as Asked['inputs'];
    const places = made.map((tensor) => tensor && placeOf(backend, tensor));
    return () => {
      [run(like)].flat().forEach((output, i) => {
        const [from, to] = [placeOf(backend, output).address, places[i]];
        if (to) backend.wasm.HEAPU8.copyWithin(to.address, from, from + to.bytes);
        backend.disposeData(output.dataId);
      });
    };
  }

  /** A data id for the memory of a tensor that outlives it. */
  private aliasOf({ dataId }: TensorInfo): object {
    const alias = {};
    this.backend.dataIdMap.set(alias, { ...this.backend.dataIdMap.get(dataId), refCount: Infinity });
    this.aliases.push(alias);
    return alias;
  }
}
