/**
 * Compiled steps. A step of a small network is some four hundred ops, and TensorFlow's eager mode takes ten times as
 * long to be told of them as to compute them. Here the step is recorded once and becomes a function of TensorFlow's, or
 * a program of ops of our own (program.ts), one call for all of it (src/engine/README.md has the figures).
 * On WebAssembly its calls are made again (replay.ts). `GOWIDE_TRACE=0` runs every step eagerly, as WebGPU does.
 */
import { isSwitchedOff } from '../../core/settings.js';
import { onTensorflow } from '../tensorflow-op.js';
import { tf, type Tensor, type Tensors } from '../tensor.js';
import { programsHere } from '../ops/fused.js';
import { DirectProgram } from './direct.js';
import { disposedSince, notCompilable } from './errors.js';
import { Form, signatureOf } from './form.js';
import { graphOf, type Graph } from './graph.js';
import { programOf } from './program.js';
import { canReplay, replayed } from './replay.js';
import { orElse, segmented, type ProgramCall as Asked } from './segments.js';
import {
  difference,
  record,
  tensorflowBackend,
  type Attribute,
  type TensorflowBackend,
  type Held,
  type Recording,
  type Step,
} from './recorder.js';

/** A step that is compiled for every set of shapes that it meets. */
export interface Traced {
  /**
   * Results of the step, which the caller disposes; the inputs stay the caller's. A result that is an input, changed in
   * place, shares its memory. Throws UsageError when the step cannot be compiled: when it reads a value back, or
   * depends on a number that is no input.
   */
  (inputs: Tensors): Tensors;
  /** Frees what TensorFlow keeps of it. */
  readonly dispose: () => void;
}

/** One step for inputs of certain shapes. */
interface Compiled {
  /** One op; it is given the step's inputs and, behind them, the tensors from outside. */
  readonly asked: Asked;
  readonly recording: Recording;
  /** Results that TensorFlow gives, in order; the others are inputs. */
  readonly computed: readonly string[];
  /** Whether a second recording was the same. */
  checked: boolean;
}

/** What is told to a compiled step, for calls of one form. */
interface Call {
  readonly form: Form;
  readonly compiled: Compiled;
  /** Places of what the op takes: among the inputs of a call and, behind them, the tensors from outside. */
  readonly given: readonly number[];
  /** Every result: an input of the call, or what the op gives at this place. */
  readonly results: readonly { readonly name: string; readonly isInput: boolean; readonly at: number }[];
}

let functions = 0;

/** Whether steps are compiled into calls of TensorFlow here. */
export function canTrace(): boolean {
  return !isSwitchedOff('GOWIDE_TRACE') && onTensorflow() && tensorflowBackend().binding.defineFunction !== undefined;
}

/**
 * A step, compiled where the engine can. `step` must compute its results from its inputs, from constants and from
 * tensors that stay the same (a teacher's weights) alone: what depends on the number of the step (a learning rate, a
 * random key) is to be an input. It is recorded at the first call, and again at the second: if a number was read from
 * elsewhere and changed, the second call throws.
 */
export function trace(what: string, step: Step): Traced {
  const eager = (inputs: Tensors): Tensors => tf.tidy(() => step(inputs));
  const known = new Map<string, Compiled>();
  const replay = replayed(what, step, signatureOf);
  let last: Call | undefined;
  const run = (inputs: Tensors): Tensors => {
    if (canReplay()) return replay(inputs);
    if (!canTrace()) return eager(inputs);
    const same = last?.form.given(inputs);
    if (last?.compiled.checked === true && same !== undefined) return call(last, same);
    const signature = signatureOf(inputs);
    const before = known.get(signature);
    const compiled = before ?? compile(what, step, inputs);
    known.set(signature, compiled);
    if (before?.checked === false) check(what, step, inOrder(inputs, compiled.recording), before);
    last = callOf(compiled, inputs);
    return call(last, Object.values(inputs));
  };
  const dispose = (): void => {
    for (const { asked } of known.values()) asked.remove();
    known.clear();
    last = undefined;
    replay.dispose();
  };
  return Object.assign(run, { dispose });
}

/** The inputs in the order in which a recording has them. */
function inOrder(inputs: Tensors, { names }: Recording): Tensors {
  return Object.fromEntries(names.map((name) => [name, inputs[name]!]));
}

function compile(what: string, step: Step, inputs: Tensors): Compiled {
  const recording = record(what, step, inputs);
  const computed = Object.keys(recording.results).filter((name) => recording.results[name]!.from !== 'input');
  const graph = graphOf(recording, inputs, computed);
  return { asked: asProgram(graph) ?? asFunction(graph), recording, computed, checked: false };
}

/** The graph as a program of our own ops; undefined where it has others. */
function asProgram(graph: Graph): Asked | undefined {
  const programs = programsHere();
  const program = programs && programOf(graph, programs);
  if (program === undefined) return undefined;
  const { number, order, floats } = program;
  const { TF_ATTR_INT: type } = tensorflowBackend().binding;
  const counts = { program: number, N: floats, M: order.length - floats, R: graph.results.length };
  return {
    op: 'GowideProgram',
    attributes: Object.entries(counts).map(([name, value]) => ({ name, type, value })),
    order,
    direct: DirectProgram.of(number, graph, order),
    remove: () => programs!.removeProgram(number),
  };
}

/** The graph as a function of TensorFlow's, with programs for what lies between its ops. */
function asFunction(graph: Graph): Asked {
  const op = `gowide_step_${++functions}`;
  const backend = tensorflowBackend();
  const { binding } = backend;
  const { graph: cut, remove: removePrograms } = segmented(graph, asProgram);
  const { nodes, arguments: given, results, effects } = cut;
  orElse(removePrograms, () => binding.defineFunction!(op, nodes, given, results, effects));
  const order = given.map((_, place) => place);
  const remove = (): void => {
    binding.removeFunction!(op);
    removePrograms();
  };
  return { op, attributes: executor(backend), order, remove };
}

/** The second recording: the numbers of another step must lead to the same ops with the same constants. */
function check(what: string, step: Step, inputs: Tensors, compiled: Compiled): void {
  const changed = difference(compiled.recording, record(what, step, inputs));
  if (changed !== undefined) throw notCompilable(what, changed);
  compiled.checked = true;
}

/** Which tensors a compiled step is given and which it gives back, for calls of one form. */
function callOf(compiled: Compiled, inputs: Tensors): Call {
  const { asked, recording, computed } = compiled;
  const form = new Form(inputs);
  const places = recording.names.map((name) => form.names.indexOf(name));
  const given = asked.order.map((place) => places[place] ?? place);
  const results = Object.entries(recording.results).map(([name, source]) =>
    source.from === 'input'
      ? { name, isInput: true, at: places[source.index]! }
      : { name, isInput: false, at: computed.indexOf(name) },
  );
  return { form, compiled, given, results };
}

function call({ compiled: { asked, recording, computed }, given, results }: Call, inputs: readonly Tensor[]): Tensors {
  const backend = tensorflowBackend();
  const gone = recording.outside.find(({ dataId }) => !backend.tensorMap.has(dataId));
  if (gone !== undefined) throw disposedSince(gone.shape);
  const taken = given.map((place): Held => inputs[place] ?? recording.outside[place - inputs.length]!);
  const found =
    asked.direct?.run(taken) ?? backend.executeMultipleOutputs(asked.op, asked.attributes, taken, computed.length);
  const all: Record<string, Tensor> = {};
  for (const { name, isInput, at } of results) all[name] = isInput ? sharing(inputs[at]!) : found[at]!;
  return all;
}

/** A tensor in the memory of another, as its clone is, without a call of a kernel. */
function sharing({ dataId, shape, dtype }: Tensor): Tensor {
  tensorflowBackend().incRef(dataId);
  return tf.engine().makeTensorFromTensorInfo({ dataId, shape, dtype });
}

/**
 * On one thread the ops run one after the other in this thread; TensorFlow's own scheduler would only add to it. Not on
 * a GPU: that executor refuses graphs of more than one device, and what is read from the host is on the CPU.
 */
function executor({ binding: { TF_ATTR_STRING: type }, isUsingGpuDevice }: TensorflowBackend): Attribute[] {
  const alone = process.env.TF_NUM_INTRAOP_THREADS === '1' && !isUsingGpuDevice;
  return alone ? [{ name: 'executor_type', type, value: 'SINGLE_THREADED_EXECUTOR' }] : [];
}
