/**
 * Steps of small networks as programs: where every op of a graph is one of ours, or hardly computes anything, our addon
 * runs the list itself (ops/fused/program.h). TensorFlow's way to an op costs such a step more than its arithmetic
 * does.
 */
import { sizeOf } from '../../core/host-array.js';
import type { Programs } from '../ops/fused.js';
import { asOp, outputShape, TYPES, type ConstNode, type Graph, type OpNode, type Output } from './graph.js';

/** A step as a program. */
export interface Program {
  readonly number: number;
  /** For each tensor that the program takes its place among those that the graph takes: floats first. */
  readonly order: readonly number[];
  /** Of the tensors that the program takes, how many are floats. */
  readonly floats: number;
}

/** What an op becomes: its name in a program, which of its inputs are read, and sizes that its outputs have. */
interface Encoded {
  readonly name: string;
  readonly inputs: readonly Output[];
  readonly sizes: readonly number[];
}

/** Ops that are not ours: what they become, or undefined where a program cannot do what they do. */
const OTHERS: Readonly<Record<string, (node: OpNode, graph: Graph) => Encoded | undefined>> = {
  Reshape: ({ inputs, shapes }) => ({ name: 'Reshape', inputs: [inputs[0]!], sizes: shapes[0]! }),
  SplitV: ({ inputs, shapes }) =>
    shapes.every((shape) => shape.length === 1)
      ? { name: 'Cut', inputs: [inputs[0]!], sizes: shapes.map(([size]) => size!) }
      : undefined,
  ConcatV2: ({ inputs, shapes }) =>
    shapes[0]!.length === 1 ? { name: 'Join', inputs: inputs.slice(0, -1), sizes: [] } : undefined,
  Add: byValues,
  AddV2: byValues,
  Mul: byValues,
  Cast: (op) =>
    attribute(op, 'SrcT') === TYPES.int32 && attribute(op, 'DstT') === TYPES.float32
      ? { name: 'Floats', inputs: op.inputs, sizes: [] }
      : undefined,
};

/** Axes that a tensor of a program may have. */
const MOST_AXES = 8;

/** Builds the program of a graph; undefined where TensorFlow has to run it. */
export function programOf(graph: Graph, programs: Programs): Program | undefined {
  const code = encode(graph);
  if (code === undefined) return undefined;
  const { names, numbers, values, order, floats } = code;
  const number = programs.defineProgram(names, Int32Array.from(numbers), Float32Array.from(values));
  return { number, order, floats };
}

interface Code extends Omit<Program, 'number'> {
  readonly names: readonly string[];
  readonly numbers: readonly number[];
  readonly values: readonly number[];
}

/** A graph as our addon reads it (ops/fused/program.h, `read_program`). */
function encode(graph: Graph): Code | undefined {
  const { nodes, arguments: given, results } = graph;
  const typed = (type: number): number[] =>
    given.flatMap((node, i) => ((nodes[node] as ConstNode).dtype === type ? [i] : []));
  const [floats, ints] = [typed(TYPES.float32!), typed(TYPES.int32!)];
  const order = [...floats, ...ints];
  if (order.length < given.length || results.some(([node]) => ints.some((i) => given[i] === node))) return undefined;
  const ops: { readonly node: number; readonly op: OpNode; readonly encoded: Encoded }[] = [];
  const constants = new Map<number, Pick<ConstNode, 'shape' | 'values'>>();
  for (const [node, one] of nodes.entries()) {
    const op = asOp(one);
    if (op === undefined) continue;
    if (!inProgram(op, graph)) return undefined;
    if (op.op === 'OnesLike') constants.set(node, ones(op.shapes[0]!));
    else ops.push({ node, op, encoded: encodedOp(op, graph)! });
  }
  const read = [...ops.flatMap(({ encoded }) => encoded.inputs), ...results].map(([node]) => node);
  for (const node of read) {
    const one = nodes[node]!;
    if (one.op !== 'Const' || constants.has(node)) continue;
    if ((one as ConstNode).dtype !== TYPES.float32) return undefined;
    constants.set(node, one as ConstNode);
  }
  // values are numbered: first what is given, then the constants, then what the ops make
  const first = new Map<number, number>(order.map((argument, i) => [given[argument]!, i]));
  for (const node of constants.keys()) first.set(node, first.size);
  let count = first.size;
  for (const { node, op } of ops) {
    first.set(node, count);
    count += op.shapes.length;
  }
  const names = [...new Set(ops.map(({ encoded }) => encoded.name))];
  const list = (numbers: readonly number[]): number[] => [numbers.length, ...numbers];
  const place = ([node, output]: Output): number => first.get(node)! + output;
  const numbers = [order.length, count, constants.size];
  for (const { shape } of constants.values()) numbers.push(...list(shape));
  numbers.push(...list(results.map(place)));
  const values = [...constants.values()].flatMap((one) => Array.from(one.values));
  for (const { node, op, encoded } of ops) {
    const outputs = op.shapes.map((_, output) => place([node, output]));
    numbers.push(names.indexOf(encoded.name), ...list(encoded.inputs.map(place)), ...list(outputs));
    numbers.push(...list(encoded.sizes));
    values.push(...['first', 'second', 'third'].map((name) => Number(attribute(op, name) ?? 0)));
  }
  return { names, numbers, values, order, floats: floats.length };
}

/**
 * Whether an op of a graph can be part of a program. What it reads must be floats or, for ops that read whole numbers,
 * these; its results are floats.
 */
export function inProgram(op: OpNode, graph: Graph): boolean {
  // what a program makes are floats: whole numbers are but read, by a cast
  if ((attribute(op, 'T') ?? TYPES.float32) !== TYPES.float32) return false;
  if (op.op === 'OnesLike') return true;
  const encoded = encodedOp(op, graph);
  if (encoded === undefined) return false;
  return encoded.inputs.every(([node]) => {
    const one = graph.nodes[node]!;
    return one.op !== 'Const' || (one as ConstNode).dtype === TYPES.float32;
  });
}

function attribute({ attributes }: OpNode, wanted: string): unknown {
  return attributes.find(({ name }) => name === wanted)?.value;
}

/** An op of two values each, of inputs that are both of the result's size, or of which one has a single value. */
function byValues({ op, inputs, shapes: [shape] }: OpNode, graph: Graph): Encoded | undefined {
  const sizes = inputs.map((input) => sizeOf(outputShape(graph.nodes, input)));
  const fits = sizes.every((size) => size === 1 || size === sizeOf(shape!));
  return fits ? { name: op === 'AddV2' ? 'Add' : op, inputs, sizes: shape! } : undefined;
}

function ones(shape: readonly number[]): Pick<ConstNode, 'shape' | 'values'> {
  return { shape, values: new Float32Array(sizeOf(shape)).fill(1) };
}

function encodedOp(op: OpNode, graph: Graph): Encoded | undefined {
  if (op.shapes.some((shape) => shape.length > MOST_AXES)) return undefined;
  if (op.op.startsWith('Gowide')) return { name: op.op, inputs: op.inputs, sizes: [] };
  return OTHERS[op.op]?.(op, graph);
}
