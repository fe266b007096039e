/**
 * Steps on WebAssembly that are recorded once and then replayed: a list of calls into the modules, with the addresses
 * they had. What tfjs does around an op (looking its kernel up, tensors, scopes, the tape, allocation) takes longer
 * than the ops of a small network (src/engine/README.md). The values are the eager step's, to the bit.
 *
 * The first calls of a step run op by op, as some are called only once or twice; the next two are recorded and
 * compared. In the second every value that is made lies in memory that stays the program's, so that the calls can be
 * made again. Inputs are copied to where they lay; those that the step changes in place are used where they are.
 */
import { isSwitchedOff } from '../../core/settings.js';
import { onWebAssembly } from '../ops/webassembly.js';
import { tf, type Tensor, type Tensors } from '../tensor.js';
import { disposedSince, notCompilable } from './errors.js';
import { difference, type Step } from './recorder.js';
import {
  NotReplayable,
  placeOf,
  ProgramRecorder,
  Recorder,
  wasmBackend,
  type Place,
  type Recorded,
} from './replay-recorder.js';

/** Calls of a step that run op by op before it is recorded. */
const EAGER_CALLS = 2;

/** Bytes of memory from which on a step is not kept: its ops are large, and what tfjs does around them is little. */
const MOST_BYTES = 2 ** 26;

/** Bytes of all results of a step from which on it is not even tried: what it takes is known only when it has run. */
const MOST_MADE = 2 ** 29;

/** A step that was recorded, and can be replayed. */
interface Program {
  readonly run: (inputs: Tensors) => Tensors;
  /** Whether these inputs can be given: those that are changed in place must lie where they lay. */
  readonly takes: (inputs: Tensors) => boolean;
  readonly dispose: () => void;
}

/** Whether steps can be replayed here. */
export function canReplay(): boolean {
  return !isSwitchedOff('GOWIDE_TRACE') && onWebAssembly();
}

/** A step for inputs of certain shapes. */
interface Known {
  calls: number;
  first?: Recorded;
  program?: Program | undefined;
  /** Whether it runs op by op for good. */
  isEager?: boolean;
}

/**
 * A step that is replayed once it has been recorded; `signatureOf` tells inputs apart for which it is another one.
 * Throws UsageError where a recorded step reads a value back, or depends on a number that is no input.
 */
export function replayed(
  what: string,
  step: Step,
  signatureOf: (inputs: Tensors) => string,
): ((inputs: Tensors) => Tensors) & { readonly dispose: () => void } {
  const known = new Map<string, Known>();
  const run = (unordered: Tensors): Tensors => {
    const inputs = Object.fromEntries(Object.entries(unordered).sort(([a], [b]) => (a < b ? -1 : 1)));
    const signature = signatureOf(inputs);
    const here = known.get(signature) ?? { calls: 0 };
    known.set(signature, here);
    if (here.isEager === true || ++here.calls <= EAGER_CALLS) return tf.tidy(() => step(inputs));
    if (here.program?.takes(inputs) === true) return here.program.run(inputs);
    here.program?.dispose();
    here.program = undefined;
    try {
      if (here.first === undefined) {
        const recorder = new Recorder(what);
        recorder.begin(Object.values(inputs));
        const results = recorder.listen(() => tf.tidy(() => step(inputs)));
        here.first = recorder.recorded(results);
        // a tensor from outside that is given back would be the step's own
        const givesBack = Object.values(here.first.results).some(({ from }) => from === 'outside');
        here.isEager = givesBack || recorder.made > MOST_MADE;
        return results;
      }
      const { results, program } = programOf(what, step, inputs, here.first);
      here.program = program;
      here.isEager = program === undefined;
      return results;
    } catch (error) {
      if (!(error instanceof NotReplayable)) throw error;
      here.isEager = true;
      return tf.tidy(() => step(inputs));
    }
  };
  const dispose = (): void => {
    for (const { program } of known.values()) program?.dispose();
    known.clear();
  };
  return Object.assign(run, { dispose });
}

/** Runs a step and makes a program of it; without one where it takes too much memory. */
function programOf(
  what: string,
  step: Step,
  inputs: Tensors,
  first: Recorded,
): { readonly results: Tensors; readonly program: Program | undefined } {
  const backend = wasmBackend();
  const names = Object.keys(inputs);
  const recorder = new ProgramRecorder(what);
  const dispose = (): void => recorder.dispose();
  let recording: Recording;
  try {
    recording = recorder.within(() => recordOnCopies(recorder, step, inputs, first.changed));
    const changed = difference({ names, inputs: [], ...first }, { names, inputs: [], ...recording.recorded });
    if (changed !== undefined) throw notCompilable(what, changed);
  } catch (error) {
    dispose();
    throw error;
  }
  const results = resultsOf(recording, inputs);
  if (recorder.bytes > MOST_BYTES) {
    dispose();
    return { results, program: undefined };
  }
  const { recorded, copied } = recording;
  const bound = [...first.changed].map((i) => [names[i]!, inputs[names[i]!]!.dataId] as const);
  const takes: Program['takes'] = (given) => bound.every(([name, dataId]) => given[name]!.dataId === dataId);
  const run: Program['run'] = (given) => {
    const gone = recorded.outside.find(({ dataId }) => !backend.dataIdMap.has(dataId));
    if (gone !== undefined) throw disposedSince(gone.shape);
    for (const [name, { address, bytes }] of copied) {
      const from = backend.dataIdMap.get(given[name]!.dataId).memoryOffset;
      backend.wasm.HEAPU8.copyWithin(address, from, from + bytes);
    }
    recorder.replay();
    return resultsOf(recording, given);
  };
  return { results, program: { takes, run, dispose } };
}

/** Where a result lies, and what it is. */
type Result = Place & Pick<Tensor, 'shape' | 'dtype'>;

/** What the recording of a step in a program's memory gives. */
interface Recording {
  readonly recorded: Recorded;
  /** Names of the inputs, in order. */
  readonly names: readonly string[];
  /** Where the copies of inputs lie, by name. */
  readonly copied: readonly (readonly [string, Place])[];
  /** The results that are computed, by name; the others are inputs. */
  readonly computed: ReadonlyMap<string, Result>;
  /** Shapes of all results. */
  readonly shapes: Readonly<Record<string, number[]>>;
}

/**
 * Records a step on copies of its inputs, to which those of a replay are copied; the inputs with the numbers `changed`,
 * which the step changes in place, are used where they are.
 */
function recordOnCopies(
  recorder: ProgramRecorder,
  step: Step,
  inputs: Tensors,
  changed: ReadonlySet<number>,
): Recording {
  const backend = wasmBackend();
  const names = Object.keys(inputs);
  const kept = names.filter((_, i) => !changed.has(i));
  const byData = new Map<object, Tensor>();
  const copies: Record<string, Tensor> = {};
  for (const name of kept) {
    const input = inputs[name]!;
    const same = byData.get(input.dataId);
    // one copy of what shares memory; a view of it may have another shape
    copies[name] = same === undefined ? recorder.copyOf(input) : recorder.viewOf(same, input);
    byData.set(input.dataId, same ?? copies[name]);
  }
  const given = { ...inputs, ...copies };
  recorder.begin(Object.values(given));
  const copied = kept.map((name): [string, Place] => [name, placeOf(backend, copies[name]!)]);
  const others = new Set([...Object.values(inputs), ...Object.values(copies)]);
  try {
    const results = recorder.listen(() => tf.tidy(() => step(given)));
    const recorded = recorder.recorded(results);
    const made = Object.entries(results).filter(([name]) => recorded.results[name]!.from !== 'input');
    const computed = made.map(
      ([name, tensor]) => [name, { ...placeOf(backend, tensor), shape: tensor.shape, dtype: tensor.dtype }] as const,
    );
    tf.dispose(Object.values(results).filter((tensor) => !others.has(tensor)));
    const shapes = Object.fromEntries(Object.entries(results).map(([name, { shape }]) => [name, shape]));
    return { recorded, names, copied, computed: new Map(computed), shapes };
  } finally {
    tf.dispose([...byData.values()]);
  }
}

/** Results of a step that has just been recorded or replayed, as tensors that the next replay does not change. */
function resultsOf({ recorded, names, computed, shapes }: Recording, given: Tensors): Tensors {
  return Object.fromEntries(
    Object.entries(recorded.results).map(([name, source]): [string, Tensor] => [
      name,
      source.from === 'input' ? tf.reshape(given[names[source.index]!]!, shapes[name]!) : copyAt(computed.get(name)!),
    ]),
  );
}

/** A tensor of its own with a result's values. */
function copyAt({ address, bytes, shape, dtype }: Result): Tensor {
  const backend = wasmBackend();
  const copy = tf.engine().makeTensorFromTensorInfo(backend.makeOutput(shape, dtype));
  backend.wasm.HEAPU8.copyWithin(placeOf(backend, copy).address, address, address + bytes);
  return copy;
}
