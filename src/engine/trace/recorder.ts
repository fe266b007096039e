/**
 * Records what a step asks of TensorFlow: tfjs-node calls one method of its addon for every op, so that a step which is
 * run once with that method wrapped leaves the whole of its computation as a list.
 */
import { UsageError } from '../../core/errors.js';
import { tf, type Tensor, type Tensors } from '../tensor.js';
import { readBack } from './errors.js';

/**
 * A pure function of named tensors. It may change inputs in place by an op of {@link IN_PLACE}, and keeps no tensor.
 */
export type Step = (inputs: Tensors) => Tensors;

/** An attribute of an op, as tfjs-node hands it to its addon. */
export interface Attribute {
  readonly name: string;
  readonly type: number;
  readonly value: unknown;
}

/** Values of a tensor on the host. */
export type Values = Float32Array | Int32Array | Uint8Array;

/** The methods of the addon that a recording needs. */
export interface Binding {
  readonly TF_ATTR_STRING: number;
  readonly TF_ATTR_INT: number;
  executeOp(name: string, attributes: readonly Attribute[], inputs: readonly number[], outputs: number): Result[];
  createTensor(shape: readonly number[], dtype: number, values: Values): number;
  deleteTensor(id: number): void;
  tensorDataSync(id: number): Values;
  /** Present in our own build of the addon only (binding.cc). */
  defineFunction?(
    name: string,
    nodes: readonly object[],
    inputs: readonly number[],
    outputs: readonly (readonly [number, number])[],
    effects: readonly number[],
  ): void;
  removeFunction?(name: string): void;
  /** Runs a program on these tensors, -1 for values that are the next of the arrays; those left get the results. */
  runProgram?(runner: object, program: number, ids: Int32Array, arrays: readonly Values[]): void;
}

interface Result {
  readonly id: number;
  readonly shape: readonly number[];
  readonly dtype: number;
}

/** What tfjs knows of a tensor's memory. */
export type Held = Pick<Tensor, 'dataId' | 'shape' | 'dtype'>;

/** The parts of tfjs-node's backend that a recording and a call of a function need. */
export interface TensorflowBackend {
  binding: Binding;
  getInputTensorIds: (tensors: readonly Held[]) => number[];
  /** Keeps values of the host's under a new id; the addon has them when an op first reads them. */
  write: (values: unknown, shape: readonly number[], dtype: string) => object;
  executeMultipleOutputs(
    name: string,
    attributes: readonly Attribute[],
    inputs: readonly Held[],
    outputs: number,
  ): Tensor[];
  /** What the addon calls a tensor, or its values as long as only the host has them. */
  readonly tensorMap: {
    has(dataId: object): boolean;
    get(dataId: object): { readonly id: number; readonly values: Values | null };
  };
  incRef(dataId: object): void;
  readonly isUsingGpuDevice: boolean;
}

/** Ops that write into the memory of these of their inputs, and have no outputs. While a step is recorded they wait. */
export const IN_PLACE: Readonly<Record<string, readonly number[]>> = { GowideSgd: [0, 1], GowideAdamw: [0, 1, 2] };

/** Where an op's input, or a result of the step, comes from. */
export type Source =
  | { readonly from: 'input'; readonly index: number }
  | { readonly from: 'outside'; readonly index: number }
  | { readonly from: 'constant'; readonly index: number }
  | { readonly from: 'op'; readonly index: number; readonly output: number };

/** A tensor of the host that a recorded step reads; `dtype` is TensorFlow’s number of its type. */
export interface Constant {
  readonly shape: readonly number[];
  readonly dtype: number;
  readonly values: Values;
}

/** One op of a recorded step: its name in TensorFlow, its attributes, and where its inputs come from. */
export interface RecordedOp {
  readonly name: string;
  readonly attributes: readonly Attribute[];
  readonly inputs: readonly Source[];
  /** Shape of each output. */
  readonly shapes: readonly (readonly number[])[];
}

/** A training step as it was recorded once: its ops in the order in which they ran. */
export interface Recording {
  /** Names of the step's inputs, in order. */
  readonly names: readonly string[];
  readonly inputs: readonly Constant['shape'][];
  readonly ops: readonly RecordedOp[];
  readonly constants: readonly Constant[];
  /** Tensors that were there before the step and are no inputs: a teacher's weights, say. */
  readonly outside: readonly Held[];
  readonly results: Readonly<Record<string, Source>>;
}

/** The backend of tfjs-node. Only to be called where TensorFlow is the engine, which is not checked. */
export function tensorflowBackend(): TensorflowBackend {
  return tf.backend() as unknown as TensorflowBackend;
}

/**
 * Runs a step once and records its ops. Its results are thrown away, and nothing is changed in place. Throws UsageError
 * when the step reads a value back that depends on its inputs: what it computes next could not be recorded.
 */
export function record(what: string, step: Step, inputs: Tensors): Recording {
  const backend = tensorflowBackend();
  const names = Object.keys(inputs);
  const given = backend.getInputTensorIds(Object.values(inputs));
  const tape = new Tape(what, given);
  const { binding, getInputTensorIds: idsOf, write } = backend;
  const wrapped = tape.wrapped(binding);
  const written = new WeakSet<object>();
  backend.binding = wrapped;
  backend.write = (...given) => {
    const id = write.apply(backend, given);
    written.add(id);
    return id;
  };
  backend.getInputTensorIds = (tensors) => {
    const ids = tensors.map((tensor) => {
      // what was there before the step may be moved to the addon only now, and is no constant of the step
      // (a 64-bit scalar of tfjs-node's has no data id, and is always made on the way)
      if (tensor.dataId !== undefined && !written.has(tensor.dataId)) backend.binding = binding;
      const [id] = idsOf.call(backend, [tensor]);
      backend.binding = wrapped;
      return id!;
    });
    ids.forEach((id, i) => tape.meet(id, tensors[i]!));
    return ids;
  };
  let results: Tensors = {};
  try {
    results = tf.tidy(() => step(inputs));
    const found = Object.entries(results).map(([name, tensor]) => {
      const id = backend.getInputTensorIds([tensor])[0]!;
      return [name, tape.sourceOf(id, `the result "${name}"`)] as const;
    });
    return {
      names,
      inputs: Object.values(inputs).map(({ shape }) => shape),
      ...tape.made(),
      results: Object.fromEntries(found),
    };
  } finally {
    backend.binding = binding;
    // the class has them
    delete (backend as Partial<TensorflowBackend>).getInputTensorIds;
    delete (backend as Partial<TensorflowBackend>).write;
    tf.dispose(Object.values(results).filter((tensor) => !Object.values(inputs).includes(tensor)));
  }
}

class Tape {
  private readonly ops: RecordedOp[] = [];
  private readonly constants: Constant[] = [];
  private readonly outside: Held[] = [];
  private readonly sources: Map<number, Source>;
  private readonly met = new Map<number, Held>();

  constructor(
    private readonly what: string,
    given: readonly number[],
  ) {
    this.sources = new Map(given.map((id, index) => [id, { from: 'input', index }]));
  }

  meet(id: number, tensor: Held): void {
    if (!this.met.has(id)) this.met.set(id, tensor);
  }

  sourceOf(id: number, reader: string): Source {
    let source = this.sources.get(id);
    if (source === undefined) {
      const held = this.met.get(id);
      if (held === undefined) throw new UsageError(`${this.what}: ${reader} reads a tensor of unknown origin`);
      source = { from: 'outside', index: this.outside.length };
      this.outside.push(held);
      this.sources.set(id, source);
    }
    return source;
  }

  made(): Pick<Recording, 'ops' | 'constants' | 'outside'> {
    return { ops: this.ops, constants: this.constants, outside: this.outside };
  }

  /** The addon, whose calls are recorded. Its own properties are read-only, so it becomes the prototype. */
  wrapped(binding: Binding): Binding {
    const own: { [Name in keyof Binding]?: Binding[Name] | undefined } = {
      executeOp: (name, attributes, inputs, outputs) => {
        const sources = inputs.map((id) => this.sourceOf(id, name));
        const results = name in IN_PLACE ? [] : binding.executeOp(name, attributes, inputs, outputs);
        results.forEach(({ id }, output) => this.sources.set(id, { from: 'op', index: this.ops.length, output }));
        this.ops.push({ name, attributes, inputs: sources, shapes: results.map(({ shape }) => shape) });
        return results;
      },
      createTensor: (shape, dtype, values) => {
        const id = binding.createTensor(shape, dtype, values);
        this.sources.set(id, { from: 'constant', index: this.constants.length });
        this.constants.push({ shape: [...shape], dtype, values: values.slice() });
        return id;
      },
      tensorDataSync: (id) => {
        const source = this.sources.get(id);
        if (source?.from === 'op' || source?.from === 'input')
          throw readBack(this.what, source.from === 'op' ? this.ops[source.index]!.name : undefined);
        return binding.tensorDataSync(id);
      },
      deleteTensor: (id) => binding.deleteTensor(id),
      // a program within a step is an op of it
      runProgram: undefined,
    };
    const properties = Object.fromEntries(Object.entries(own).map(([key, value]) => [key, { value }]));
    return Object.create(binding, properties) as Binding;
  }
}

/**
 * What differs between two recordings of one step, in one line; undefined where they say the same. A constant that
 * differs depends on something that is not an input of the step.
 */
export function difference(first: Recording, second: Recording): string | undefined {
  const [a, b] = [first.ops, second.ops];
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const [mine, other] = [a[i], b[i]];
    if (mine === undefined || other === undefined) return `it has ${a.length} ops once and ${b.length} the next time`;
    if (mine.name !== other.name) return `op ${i + 1} is "${mine.name}" once and "${other.name}" the next time`;
    if (JSON.stringify(mine.attributes) !== JSON.stringify(other.attributes))
      return `attributes of op ${i + 1}, "${mine.name}", change`;
    for (let k = 0; k < Math.max(mine.inputs.length, other.inputs.length); k++) {
      const where = `input ${k + 1} of op ${i + 1}, "${mine.name}"`;
      const changed = sourceDifference(where, [first, mine.inputs[k]], [second, other.inputs[k]]);
      if (changed !== undefined) return changed;
    }
  }
  for (const name of new Set([...Object.keys(first.results), ...Object.keys(second.results)])) {
    const changed = sourceDifference(
      `the result "${name}"`,
      [first, first.results[name]],
      [second, second.results[name]],
    );
    if (changed !== undefined) return changed;
  }
  return undefined;
}

type At = readonly [Recording, Source | undefined];

function sourceDifference(where: string, [first, mine]: At, [second, other]: At): string | undefined {
  if (mine?.from !== other?.from || mine === undefined || other === undefined) return `${where} comes from elsewhere`;
  if (mine.from === 'constant') {
    const [x, y] = [first.constants[mine.index]!, second.constants[other.index]!];
    const equal =
      String(x.shape) === String(y.shape) && x.values.length === y.values.length && sameBytes(x.values, y.values);
    return equal ? undefined : `a number changes that is no input: ${where}, [${x.shape.join(', ')}]`;
  }
  if (mine.from === 'outside')
    return first.outside[mine.index]!.dataId === second.outside[other.index]!.dataId
      ? undefined
      : `a tensor changes that is no input: ${where}, [${first.outside[mine.index]!.shape.join(', ')}]`;
  const same = mine.index === other.index && (mine.from !== 'op' || mine.output === (other as typeof mine).output);
  return same ? undefined : `${where} comes from elsewhere`;
}

function sameBytes(a: Values, b: Values): boolean {
  return Buffer.from(a.buffer, a.byteOffset, a.byteLength).equals(Buffer.from(b.buffer, b.byteOffset, b.byteLength));
}
