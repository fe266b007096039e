/**
 * Graphs with ops that only TensorFlow has: what lies between them is gathered into programs (program.ts), each of
 * which is one node of the graph. TensorFlow's way to an op costs a small step more than most of its ops compute.
 */
import { sizeOf } from '../../core/host-array.js';
import type { DirectProgram } from './direct.js';
import { attribute, encodedOp, knownOf, typeOf, unsureParts, VIEW, type Encoded } from './encoding.js';
import { asOp, outputShape, TYPES, type Graph, type Node, type OpNode, type Output } from './graph.js';
import { MOST_VALUES } from './program.js';
import type { Attribute } from './recorder.js';

/** A program as the op that runs it. */
export interface ProgramCall {
  readonly op: string;
  readonly attributes: readonly Attribute[];
  /** What the op is given, in order: places among the arguments of its graph. */
  readonly order: readonly number[];
  /** Runs it without the op, where it can be. */
  readonly direct?: DirectProgram | undefined;
  /** Frees what the engine keeps of it: another engine may be in use by then. */
  readonly remove: () => void;
}

/** A graph some of whose nodes are programs. */
export interface Segmented {
  readonly graph: Graph;
  /** Removes the programs. */
  readonly remove: () => void;
}

/** Ops that a segment must have, views not counted: what few ones save, the program’s own way takes. */
const FEWEST = 4;

/** A segment's nodes, in the order of the graph. */
type Segment = readonly number[];

/**
 * Cuts a graph into as few programs as it takes, and the ops between them. `define` makes a program of a part of the
 * graph. The graph stays as it is where `define` refuses a part, or where it gains nothing.
 */
export function segmented(whole: Graph, define: (part: Graph) => ProgramCall | undefined): Segmented {
  const graph = withConstants(whole);
  const [small, unsure] = [new Set<number>(), unsureParts(graph)];
  for (;;) {
    const kinds = kindsOf(graph, small, unsure);
    const items = schedule(graph, kinds);
    const segments = items.filter(isSegment);
    const short = segments.filter((nodes) => nodes.filter((node) => !kinds.free[node]).length < FEWEST);
    for (const node of short.flat()) small.add(node);
    if (short.length > 0) continue;
    const values = segments.flat().flatMap((node) => (graph.nodes[node] as OpNode).shapes.map(sizeOf));
    const fits = segments.length > 0 && values.reduce((sum, size) => sum + size, 0) <= MOST_VALUES;
    const cut = fits ? new Cut(graph, kinds, items).made(define) : undefined;
    return cut ?? { graph: whole, remove: () => {} };
  }
}

/** The graph with what is known already as constants: tensors of ones do not wait for what has their shape. */
function withConstants(graph: Graph): Graph {
  const nodes = graph.nodes.map((node): Node => {
    const op = asOp(node);
    const known = op && knownOf(op, graph);
    return known === undefined ? node : { op: 'Const', ...known };
  });
  return { ...graph, nodes };
}

/** What becomes of each node. */
interface Kinds {
  /** Whether it belongs to a program. */
  readonly ours: readonly boolean[];
  /**
   * Whether it is a view, or of whole numbers, which programs cannot give: every program that reads it has its own.
   * Only a view of what a program makes belongs to that one.
   */
  readonly free: readonly boolean[];
}

function kindsOf(graph: Graph, theirs: ReadonlySet<number>, unsure: ReadonlySet<number>): Kinds {
  const [ours, free]: [boolean[], boolean[]] = [[], []];
  for (const [node, one] of graph.nodes.entries()) {
    const op = asOp(one);
    const encoded = op === undefined || unsure.has(node) ? undefined : encodedPart(op, graph);
    const whole = op !== undefined && op.shapes.length > 0 && typeOf(op) !== TYPES.float32;
    free.push(encoded !== undefined && (encoded.name === VIEW || whole));
    ours.push(encoded !== undefined && !whole && !theirs.has(node) && (!free[node] || ours[encoded.inputs[0]![0]]!));
  }
  return { ours, free };
}

/**
 * What an op becomes in a program that has only some of the nodes; undefined where it can be in none, or where
 * something that is not known yet says what it gives (a shape, a number of rows).
 */
function encodedPart(op: OpNode, graph: Graph): Encoded | undefined {
  const encoded = encodedOp(op, graph);
  const read = new Set(encoded?.inputs.map(keyOf));
  return op.inputs.every((input) => read.has(keyOf(input)) || graph.nodes[input[0]]!.op === 'Const')
    ? encoded
    : undefined;
}

function isSegment(item: number | Segment): item is Segment {
  return typeof item !== 'number';
}

/**
 * The ops in an order that they can be run in, with as few segments as there can be: in turn all ops of TensorFlow's
 * that are ready, and those that follow from them, and all ops that a program can hold.
 */
function schedule({ nodes }: Graph, { ours, free }: Kinds): (number | Segment)[] {
  const items: (number | Segment)[] = [];
  const done = new Set<number>();
  let left: number[] = [];
  for (const [node, one] of nodes.entries()) {
    if (asOp(one) === undefined) done.add(node);
    else left.push(node);
  }
  for (let turn = false; left.length > 0; turn = !turn) {
    const segment = new Set<number>();
    left = left.filter((node) => {
      const { inputs, after } = nodes[node] as OpNode;
      const anywhere = free[node] && !ours[node];
      if (ours[node] !== turn && !anywhere) return true;
      const before = [...inputs.map(([from]) => from), ...after];
      if (!before.every((other) => done.has(other) && !(anywhere && segment.has(other)))) return true;
      done.add(node);
      if (ours[node]) segment.add(node);
      else items.push(node);
      return false;
    });
    if (segment.size > 0) items.push([...segment]);
  }
  return items;
}

const keyOf = ([node, output]: Output): string => `${node}:${output}`;

/** A segment on its way to be a graph of its own. */
interface Part {
  readonly nodes: readonly Node[];
  /** What it takes, in the order of its arguments, by the outputs of the whole graph. */
  readonly read: readonly Output[];
  /** Where it has outputs of the whole graph. */
  readonly places: ReadonlyMap<string, Output>;
  /** What others take of it, in the order of its results, by the outputs of the whole graph. */
  readonly given: Map<string, Output>;
}

/** What `make` makes; where it throws, `undo` is called before. */
export function orElse<T>(undo: () => void, make: () => T): T {
  try {
    return make();
  } catch (error) {
    undo();
    throw error;
  }
}

/** A graph on its way into programs and ops. */
class Cut {
  private readonly parts: readonly Part[];
  /** The segment of each node that belongs to one. */
  private readonly segmentOf = new Map<number, number>();
  /** What TensorFlow runs by itself. */
  private readonly theirs = new Set<number>();
  private readonly nodes: Node[] = [];
  /** Places of nodes and of segments in the new graph. */
  private readonly placeOf = new Map<number, number>();
  private readonly placeOfSegment: number[] = [];

  constructor(
    private readonly graph: Graph,
    private readonly kinds: Kinds,
    private readonly items: readonly (number | Segment)[],
  ) {
    this.parts = items.filter(isSegment).map((segment, index) => {
      for (const node of segment) this.segmentOf.set(node, index);
      return this.partOf(segment);
    });
    const { nodes, results } = graph;
    const wanted = new Set<number>();
    const want = (output: Output): void => {
      wanted.add(output[0]);
      const segment = this.segmentOf.get(output[0]);
      if (segment !== undefined) this.parts[segment]!.given.set(keyOf(output), output);
    };
    results.forEach(want);
    for (let node = nodes.length - 1; node >= 0; node--) {
      const op = asOp(nodes[node]!);
      if (op === undefined || this.segmentOf.has(node)) continue;
      // programs have such nodes of their own
      if (kinds.free[node] && !wanted.has(node)) continue;
      this.theirs.add(node);
      op.inputs.forEach(want);
    }
    for (const { read } of this.parts) read.forEach(want);
  }

  /** The new graph; undefined where a segment can be no program. */
  made(define: (part: Graph) => ProgramCall | undefined): Segmented | undefined {
    const calls: ProgramCall[] = [];
    const remove = (): void => calls.forEach((call) => call.remove());
    const { arguments: given, results, effects } = this.graph;
    for (const node of given) this.add(node, this.graph.nodes[node]!);
    for (const item of this.items) {
      if (isSegment(item)) {
        const { nodes, read, places, given } = this.parts[calls.length]!;
        const at = (output: Output): Output => places.get(keyOf(output))!;
        const results = [...given.values()].map(at);
        const call = orElse(remove, () =>
          define({ nodes, arguments: read.map((output) => at(output)[0]), results, effects: [] }),
        );
        if (call === undefined) {
          remove();
          return undefined;
        }
        calls.push(call);
        const inputs = call.order.map((argument) => this.found(read[argument]!));
        const after = [...new Set(item.flatMap((node) => this.afterOf(node)))];
        this.placeOfSegment.push(this.nodes.length);
        const shapes = results.map((output) => outputShape(nodes, output));
        this.nodes.push({ op: call.op, attributes: call.attributes, inputs, after, shapes });
      } else if (this.theirs.has(item)) {
        const op = this.graph.nodes[item] as OpNode;
        const inputs = op.inputs.map((input) => this.found(input));
        this.add(item, { ...op, inputs, after: this.afterOf(item) });
      }
    }
    const graph: Graph = {
      arguments: given.map((node) => this.placeOf.get(node)!),
      results: results.map((output) => this.found(output)),
      effects: [...new Set(effects.map((node) => this.whereIs(node)!))],
      nodes: this.nodes,
    };
    return { graph, remove };
  }

  private partOf(segment: Segment): Part {
    const { nodes } = this.graph;
    const held = new Set(segment);
    const outside = new Set<number>();
    for (const left = [...segment]; left.length > 0;)
      for (const [from] of (nodes[left.pop()!] as OpNode).inputs) {
        if (held.has(from)) continue;
        if (this.kinds.free[from]) left.push(from);
        if (this.kinds.free[from] || nodes[from]!.op === 'Const') held.add(from);
        else outside.add(from);
      }
    const own: Node[] = [];
    const read: Output[] = [];
    const places = new Map<string, Output>();
    const add = (node: Node, outputs: readonly Output[]): void => {
      for (const [i, output] of outputs.entries()) places.set(keyOf(output), [own.length, i]);
      own.push(node);
    };
    /** One piece of a vector that is cut into many: a program that reads a few need not cut all. */
    const addPiece = (piece: Output): void => {
      const op = nodes[piece[0]] as OpNode;
      const from = encodedOp(op, this.graph)!;
      const shape = op.shapes[piece[1]]!;
      const constants = [from.sizes[piece[1]]!, ...shape].map((value): Output => {
        const values = Int32Array.of(value);
        return [own.push({ op: 'Const', shape: [1], dtype: TYPES.int32!, values }) - 1, 0];
      });
      const attributes = op.attributes.filter(({ name }) => name === 'T');
      const inputs = [places.get(keyOf(from.inputs[0]!))!, ...constants];
      add({ op: 'Slice', attributes, inputs, after: [], shapes: [shape] }, [piece]);
    };
    for (const node of [...held].sort((a, b) => a - b)) {
      const op = asOp(nodes[node]!);
      if (op === undefined) {
        add(nodes[node]!, [[node, 0]]);
        continue;
      }
      for (const [i, input] of op.inputs.entries()) {
        if (places.has(keyOf(input))) continue;
        if (!outside.has(input[0])) {
          addPiece(input);
          continue;
        }
        read.push(input);
        add({ op: 'Placeholder', shape: outputShape(nodes, input), dtype: typeRead(op, i) }, [input]);
      }
      const inputs = op.inputs.map((input) => places.get(keyOf(input))!);
      const outputs = op.shapes.map((_, output): Output => [node, output]);
      if (!this.isCutVector(node)) add({ ...op, inputs, after: [] }, outputs);
    }
    return { nodes: own, read, places, given: new Map() };
  }

  /** Whether a node that any program can have cuts a vector into pieces. */
  private isCutVector(node: number): boolean {
    const { shapes } = this.graph.nodes[node] as OpNode;
    return this.kinds.free[node]! && !this.kinds.ours[node]! && shapes.length > 1 && shapes[0]!.length === 1;
  }

  private add(node: number, one: Node): void {
    this.placeOf.set(node, this.nodes.length);
    this.nodes.push(one);
  }

  /** Where the new graph has an output. */
  private found(output: Output): Output {
    const [node, at] = output;
    const segment = this.segmentOf.get(node);
    if (segment !== undefined)
      return [this.placeOfSegment[segment]!, [...this.parts[segment]!.given.keys()].indexOf(keyOf(output))];
    if (!this.placeOf.has(node)) this.add(node, this.graph.nodes[node]!); // a constant
    return [this.placeOf.get(node)!, at];
  }

  private afterOf(node: number): number[] {
    const own = this.segmentOf.get(node);
    return (this.graph.nodes[node] as OpNode).after.flatMap((other) => {
      const inside = own !== undefined && this.segmentOf.get(other) === own;
      return inside ? [] : (this.whereIs(other) ?? []);
    });
  }

  /** The new node that runs an old one; undefined where only programs do, each for itself. */
  private whereIs(node: number): number | undefined {
    const segment = this.segmentOf.get(node);
    return segment === undefined ? this.placeOf.get(node) : this.placeOfSegment[segment];
  }
}

/** Type of an input of an op that a program holds. */
function typeRead(op: OpNode, input: number): number {
  const places = op.op === 'GatherV2' || op.op === 'UnsortedSegmentSum';
  const names = places && input === 1 ? ['Tindices'] : ['SrcT', 'Tparams', 'T'];
  const found = names.map((name) => attribute(op, name)).find((type) => type !== undefined);
  return (found as number | undefined) ?? TYPES.float32!;
}
