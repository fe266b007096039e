/** A recording as the nodes of a TensorFlow graph, without the ops that only give a tensor another shape twice. */
import type { Tensors } from '../tensor.js';
import { IN_PLACE, type Attribute, type Constant, type Recording, type Source } from './recorder.js';

/** An output of a node, by the node’s number in the graph and the output’s number in the node. */
export type Output = readonly [node: number, output: number];

/** A node of a graph: an input, a constant or an op. */
export type Node = PlaceholderNode | ConstNode | OpNode;

interface PlaceholderNode {
  readonly op: 'Placeholder';
  readonly shape: readonly number[];
  readonly dtype: number;
}

/** A node whose value was the same in every recording of the step. */
export interface ConstNode extends Constant {
  readonly op: 'Const';
}

/** A node that computes: an op of TensorFlow or of this package, with the outputs of other nodes that it takes. */
export interface OpNode {
  readonly op: string;
  readonly attributes: readonly Attribute[];
  readonly inputs: readonly Output[];
  /** Nodes that must have run before, though this one takes nothing from them. */
  readonly after: readonly number[];
  /** Shape of each output. */
  readonly shapes: readonly (readonly number[])[];
}

/**
 * A recorded step as a graph; its nodes are numbered by their place in the list, each after those that it takes from.
 */
export interface Graph {
  readonly nodes: readonly Node[];
  /** Nodes that stand for the inputs, then for the tensors from outside. */
  readonly arguments: readonly number[];
  readonly results: readonly Output[];
  /** Nodes that change something in place. */
  readonly effects: readonly number[];
}

/**
 * Ops whose result may be in the memory of their first input: always, or where there is nothing to do (a sum over axes
 * of length 1, a transpose that moves no axis, a power of 1 that TensorFlow's graph rewriting removes). One that is
 * missing here could be read after the value was changed in place; one too many costs an edge in the graph.
 */
export const VIEWS: ReadonlySet<string> = new Set([
  ...['Reshape', 'Identity', 'ExpandDims', 'Squeeze', 'Split', 'SplitV', 'Slice', 'StridedSlice', 'Unpack'],
  ...['Transpose', 'Tile', 'BroadcastTo', 'Cast', 'Bitcast', 'ReverseV2', 'Roll', 'Einsum', 'Pow', 'EnsureShape'],
  ...['Sum', 'Mean', 'Max', 'Min', 'Prod', 'All', 'Any', 'Cumsum', 'Cumprod', 'AddN', 'Pack', 'ConcatV2'],
  ...['Pad', 'PadV2', 'MirrorPad', 'SpaceToBatchND', 'BatchToSpaceND', 'ResizeBilinear', 'ResizeNearestNeighbor'],
  ...['StopGradient', 'Snapshot', 'CheckNumerics'],
]);

/** Types in the recording that tfjs has names for, by the numbers that TensorFlow has for them. */
export const TYPES: Readonly<Record<string, number>> = { float32: 1, int32: 3, bool: 10 };

/** Constants of so many values are looked up by what they hold, so that equal ones become one node. */
const SMALL = 64;

/**
 * The graph of a recorded step with these inputs, which gives the results of these names: reshapes of reshapes are
 * folded, equal constants are one node, and an op in place comes after all that read the old value.
 */
export function graphOf(recording: Recording, inputs: Tensors, results: readonly string[]): Graph {
  const nodes: Node[] = [];
  const add = (node: Node): number => nodes.push(node) - 1;
  const placeholders = [...Object.values(inputs), ...recording.outside].map(({ shape, dtype }) =>
    add({ op: 'Placeholder', shape, dtype: TYPES[dtype]! }),
  );
  const constants = new Map<string, number>();
  const constant = (index: number): number => {
    const { shape, dtype, values } = recording.constants[index]!;
    // by their bytes: as text, -0 would be 0
    const bytes = (): string => Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString('latin1');
    const key = values.length > SMALL ? `#${index}` : `${dtype} ${shape.join()} ${bytes()}`;
    let node = constants.get(key);
    if (node === undefined) constants.set(key, (node = add({ op: 'Const', shape, dtype, values })));
    return node;
  };
  /** Outputs of every op, by the number that it has in the recording. */
  const made: (readonly Output[])[] = [];
  const find = (source: Source): Output => {
    if (source.from === 'op') return made[source.index]![source.output]!;
    if (source.from === 'constant') return [constant(source.index), 0];
    return [placeholders[source.from === 'input' ? source.index : recording.names.length + source.index]!, 0];
  };
  const order = new Order();
  const effects: number[] = [];
  for (const { name, attributes, inputs: sources, shapes } of recording.ops) {
    const given = sources.map(find);
    if (name === 'Reshape' && String(shapes[0]) === String(shapeOf(recording, sources[0]!, inputs))) {
      made.push([given[0]!]);
      continue;
    }
    if (name === 'Reshape') given[0] = unshaped(nodes, given[0]!);
    for (const { logits, bias } of LOSSES[name]?.biased ?? []) {
      const apart = withoutBias(nodes, given[logits]!);
      // the sum was taken before: what was written into since is not what it was taken of
      if (apart === undefined || order.isWritten(apart.values) || order.isWritten(apart.bias)) continue;
      given[bias] = apart.bias;
      given[logits] = apart.values;
      if (apart.shaped === undefined) continue;
      const shaped = { ...apart.shaped, inputs: [apart.values, apart.shaped.inputs[1]!] };
      const node = nodes.length;
      given[logits] = [add({ ...shaped, after: order.place(node, shaped.op, shaped.inputs) }), 0];
    }
    const targets = LOSSES[name]?.targets;
    if (targets !== undefined) given[targets] = asLabels(nodes, given[targets]!, add);
    const node = nodes.length;
    add({ op: name, attributes, inputs: given, after: order.place(node, name, given), shapes });
    if (name in IN_PLACE) effects.push(node);
    made.push(shapes.map((_, output): Output => [node, output]));
  }
  return needed({
    nodes,
    arguments: placeholders,
    results: results.map((name) => find(recording.results[name]!)),
    effects,
  });
}

/** The node as an op; undefined where it is an input or a constant. */
export function asOp(node: Node): OpNode | undefined {
  return 'inputs' in node ? node : undefined;
}

/**
 * A graph without the nodes that no result and no effect takes anything from: TensorFlow would run one of them that
 * reads what is then changed in place. The inputs stay.
 */
function needed({ nodes, arguments: given, results, effects }: Graph): Graph {
  const kept = new Set(given);
  const left = [...results.map(([node]) => node), ...effects];
  for (let node = left.pop(); node !== undefined; node = left.pop()) {
    if (kept.has(node)) continue;
    kept.add(node);
    left.push(...(asOp(nodes[node]!)?.inputs.map(([from]) => from) ?? []));
  }
  const places = new Map([...kept].sort((a, b) => a - b).map((node, place) => [node, place]));
  const moved = ([node, output]: Output): Output => [places.get(node)!, output];
  return {
    nodes: [...places.keys()].map((place) => {
      const node = nodes[place]!;
      const op = asOp(node);
      const after = op?.after.filter((other) => kept.has(other)).map((other) => places.get(other)!);
      return op === undefined ? node : { ...op, inputs: op.inputs.map(moved), after: after! };
    }),
    arguments: given.map((node) => places.get(node)!),
    results: results.map(moved),
    effects: effects.map((node) => places.get(node)!),
  };
}

function shapeOf(recording: Recording, source: Source, inputs: Tensors): readonly number[] {
  if (source.from === 'op') return recording.ops[source.index]!.shapes[source.output]!;
  if (source.from === 'constant') return recording.constants[source.index]!.shape;
  return source.from === 'input' ? Object.values(inputs)[source.index]!.shape : recording.outside[source.index]!.shape;
}

/** What a reshaped tensor was made of. */
function unshaped(nodes: readonly Node[], output: Output): Output {
  const node = asOp(nodes[output[0]]!);
  return node?.op === 'Reshape' ? unshaped(nodes, node.inputs[0]!) : output;
}

/** Which inputs of an op of ours are what. */
interface LossInputs {
  /** Logits [..., K], and the place of a bias [K] of theirs, which is empty where they have it already. */
  readonly biased: readonly { readonly logits: number; readonly bias: number }[];
  /** Probabilities [..., K], or labels [...] as floats. */
  readonly targets?: number;
}

const LOSSES: Readonly<Record<string, LossInputs>> = {
  GowideCrossEntropy: { biased: [{ logits: 0, bias: 2 }], targets: 1 },
  GowideCrossEntropyGrad: { biased: [{ logits: 1, bias: 4 }], targets: 2 },
  GowideDivergence: {
    biased: [
      { logits: 0, bias: 2 },
      { logits: 1, bias: 3 },
    ],
  },
  GowideDivergenceGrad: {
    biased: [
      { logits: 1, bias: 4 },
      { logits: 2, bias: 5 },
    ],
  },
};

/**
 * Logits that are a sum of values [..., K] and a bias [K], perhaps in another shape, as these two, which saves a pass
 * over the whole vocabulary for every masked position. Undefined for others.
 */
function withoutBias(
  nodes: readonly Node[],
  [place]: Output,
): { readonly values: Output; readonly bias: Output; readonly shaped: OpNode | undefined } | undefined {
  const node = asOp(nodes[place]!);
  const shaped = node?.op === 'Reshape' ? node : undefined;
  const sum = shaped === undefined ? node : asOp(nodes[shaped.inputs[0]![0]]!);
  if (sum?.op !== 'Add' && sum?.op !== 'AddV2') return undefined;
  const [values, bias] = sum.inputs as [Output, Output];
  const columns = node!.shapes[0]!.at(-1);
  const fits =
    String(outputShape(nodes, values)) === String(sum.shapes[0]) &&
    sum.shapes[0]!.at(-1) === columns &&
    String(outputShape(nodes, bias)) === String([columns]);
  return fits ? { values, bias, shaped } : undefined;
}

/** Shape of what a node gives. */
export function outputShape(nodes: readonly Node[], [place, output]: Output): readonly number[] {
  const node = nodes[place]!;
  return asOp(node)?.shapes[output] ?? (node as ConstNode).shape;
}

/** Targets that are labels written as ones and zeros, as labels: K times fewer values. Others as they are. */
function asLabels(nodes: readonly Node[], targets: Output, add: (node: Node) => number): Output {
  const cast = asOp(nodes[targets[0]]!);
  const oneHot = cast?.op === 'Cast' ? asOp(nodes[cast.inputs[0]![0]]!) : undefined;
  if (cast === undefined || oneHot?.op !== 'OneHot') return targets;
  const numbers = oneHot.inputs.slice(2).map(([node]) => (nodes[node] as Partial<ConstNode>).values?.[0]);
  const last = oneHot.attributes.every(({ name, value }) => name !== 'axis' || value === -1);
  if (numbers[0] !== 1 || numbers[1] !== 0 || !last) return targets;
  const attributes = cast.attributes.map((attribute) =>
    attribute.name === 'SrcT' ? { ...attribute, value: TYPES.int32 } : attribute,
  );
  const shapes = [oneHot.shapes[0]!.slice(0, -1)];
  return [add({ op: 'Cast', attributes, inputs: [oneHot.inputs[0]!], after: [], shapes }), 0];
}

/**
 * The order that data alone does not give: an op that writes into a tensor comes after all that read the old value, and
 * before all that read the new one.
 */
class Order {
  private readonly roots = new Map<string, string>();
  private readonly readers = new Map<string, number[]>();
  private readonly writers = new Map<string, number>();

  /** Nodes that must have run before this one, of which it takes no input. */
  place(node: number, name: string, inputs: readonly Output[]): number[] {
    const memory = inputs.map((output) => this.rootOf(output));
    const after = new Set<number>();
    for (const place of memory) {
      const writer = this.writers.get(place);
      if (writer !== undefined) after.add(writer);
    }
    for (const index of IN_PLACE[name] ?? []) {
      for (const reader of this.readers.get(memory[index]!) ?? []) after.add(reader);
      this.readers.delete(memory[index]!);
      this.writers.set(memory[index]!, node);
    }
    for (const place of memory) {
      const list = this.readers.get(place);
      if (list === undefined) this.readers.set(place, [node]);
      else list.push(node);
    }
    if (VIEWS.has(name)) {
      // a view has as many outputs as it likes; they are told apart by nothing, as all are in one memory
      const data = name === 'Split' ? memory[1]! : memory[0]!;
      this.roots.set(String(node), data);
    }
    after.delete(node);
    return [...after];
  }

  /** Whether an op so far changes the memory of this output in place. */
  isWritten(output: Output): boolean {
    return this.writers.has(this.rootOf(output));
  }

  private rootOf([node, output]: Output): string {
    return this.roots.get(String(node)) ?? `${node}:${output}`;
  }
}
