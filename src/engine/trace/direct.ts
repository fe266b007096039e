/**
 * Programs (program.ts) that run on their tensors where these lie, past TensorFlow's eager mode, which takes longer to
 * be told of an op than a small program takes: looking up the op and its attributes, a handle for each tensor. Values
 * that are still the host's are read there, and the results are the host's until an op first reads them.
 */
import { sizeOf } from '../../core/host-array.js';
import { tf, type Tensor } from '../tensor.js';
import { programsHere } from '../ops/fused.js';
import { asOp, outputShape, VIEWS, type Graph } from './graph.js';
import { IN_PLACE, tensorflowBackend, type Held, type Values } from './recorder.js';

/** Values of all results up to which they are the host's: JavaScript frees larger memory late, TensorFlow at once. */
const MOST_RESULTS = 2 ** 14;

/** What a program reads: TensorFlow says what is wrong with others. */
const ARRAYS = { float32: Float32Array, int32: Int32Array } as const;

/** A program that can be called directly. */
export class DirectProgram {
  private readonly ids: Int32Array;

  private constructor(
    private readonly runner: object,
    private readonly program: number,
    /** Whether the program changes the tensor at each place of its inputs. */
    private readonly changes: readonly boolean[],
    private readonly results: readonly number[][],
  ) {
    this.ids = new Int32Array(changes.length);
  }

  /** For the program of this number, which takes the arguments of a graph in such an order, if it can be called so. */
  static of(program: number, graph: Graph, order: readonly number[]): DirectProgram | undefined {
    const runner = programsHere()?.programRunner;
    const results = graph.results.map((output) => [...outputShape(graph.nodes, output)]);
    const values = results.reduce((sum, shape) => sum + sizeOf(shape), 0);
    if (runner === undefined || values > MOST_RESULTS) return undefined;
    const changed = changedArguments(graph);
    const changes = order.map((place) => changed.has(graph.arguments[place]!));
    return new DirectProgram(runner, program, changes, results);
  }

  /** The results for these inputs, in order; undefined while a step is recorded, which has to see an op. */
  run(inputs: readonly Held[]): Tensor[] | undefined {
    const backend = tensorflowBackend();
    if (backend.binding.runProgram === undefined) return undefined;
    const arrays: Values[] = [];
    for (let i = 0; i < inputs.length; i++) {
      const input = inputs[i]!;
      const { id, values } = backend.tensorMap.get(input.dataId);
      if (values === null) this.ids[i] = id;
      // what is changed becomes TensorFlow's first: the array is the caller's
      else if (this.changes[i] || !(values instanceof ARRAYS[input.dtype as keyof typeof ARRAYS]))
        this.ids[i] = backend.getInputTensorIds([input])[0]!;
      else {
        this.ids[i] = -1;
        arrays.push(values);
      }
    }
    const made = this.results.map((shape) => new Float32Array(sizeOf(shape)));
    backend.binding.runProgram(this.runner, this.program, this.ids, [...arrays, ...made]);
    return made.map((values, i) => tf.engine().makeTensor(values, this.results[i]!, 'float32'));
  }
}

/** The nodes whose memory an op in place may change: what it writes into, and what that may be a view of. */
function changedArguments({ nodes }: Graph): ReadonlySet<number> {
  const changed = new Set<number>();
  const left = nodes.flatMap((node) => (IN_PLACE[node.op] ?? []).map((index) => asOp(node)!.inputs[index]![0]));
  for (let node = left.pop(); node !== undefined; node = left.pop()) {
    if (changed.has(node)) continue;
    changed.add(node);
    const op = asOp(nodes[node]!);
    if (op !== undefined && VIEWS.has(op.op)) left.push(...op.inputs.map(([from]) => from));
  }
  return changed;
}
