/**
 * Steps of small networks as programs: where every op of a graph is one of ours, or hardly computes anything, our addon
 * runs the list itself (ops/fused/program.h). TensorFlow's way to an op costs such a step more than its arithmetic
 * does.
 */
import { sizeOf } from '../../core/host-array.js';
import type { Programs } from '../ops/fused.js';
import { attribute, encodedOp, knownOf, typeOf, unsureParts, VIEW, type Encoded, type Known } from './encoding.js';
import { asOp, TYPES, type ConstNode, type Graph, type OpNode, type Output } from './graph.js';
import { LINE, planMemory } from './memory.js';

/**
 * Values that a program may have in memory at a time, and that the ops of all programs of a step may make where there
 * are several. Where there are more, the way to an op is little beside the op, and TensorFlow frees its memory after
 * the step.
 */
export const MOST_VALUES = 2 ** 24;

/** A step as a program. */
export interface Program {
  readonly number: number;
  /** For each tensor that the program takes its place among those that the graph takes: floats first. */
  readonly order: readonly number[];
  /** How many of the tensors that the program takes are floats. */
  readonly floats: number;
}

/** Builds the program of a graph; undefined where TensorFlow has to run it. */
export function programOf(graph: Graph, programs: Programs): Program | undefined {
  const code = encode(graph);
  if (code === undefined) return undefined;
  const { names, numbers, values, order, floats } = code;
  const number = programs.defineProgram(names, Int32Array.from(numbers), values);
  return { number, order, floats };
}

interface Code extends Omit<Program, 'number'> {
  readonly names: readonly string[];
  readonly numbers: readonly number[];
  readonly values: Float32Array;
}

/** A graph as our addon reads it (ops/fused/program.h, `read_program`). */
function encode(graph: Graph): Code | undefined {
  const { nodes, arguments: given, results } = graph;
  const typed = (type: number): number[] =>
    given.flatMap((node, i) => ((nodes[node] as ConstNode).dtype === type ? [i] : []));
  const [floats, ints] = [typed(TYPES.float32!), typed(TYPES.int32!)];
  const order = [...floats, ...ints];
  if (order.length < given.length || results.some(([node]) => !givesFloats(graph, node))) return undefined;
  if (unsureParts(graph).size > 0) return undefined;
  const computed = opsAndConstants(graph);
  if (computed === undefined) return undefined;
  const { ops, constants } = computed;
  // values are numbered: first what is given, then the constants, then what the ops make
  const first = new Map<number, number>(order.map((argument, i) => [given[argument]!, i]));
  for (const node of constants.keys()) first.set(node, first.size);
  const made = first.size;
  let count = made;
  for (const { node, op } of ops) {
    first.set(node, count);
    count += op.shapes.length;
  }
  const names = [...new Set(ops.map(({ encoded }) => encoded.name))];
  const list = (numbers: readonly number[]): number[] => [numbers.length, ...numbers];
  const place = ([node, output]: Output): number => first.get(node)! + output;
  const shapes = [
    ...order.map((argument) => (nodes[given[argument]!] as ConstNode).shape),
    ...[...constants.values()].map(({ shape }) => shape),
    ...ops.flatMap(({ op }) => op.shapes),
  ];
  const uses = ops.map(({ node, op, encoded: { name, inputs, over = [] } }) => ({
    ...{ inputs: inputs.map(place), outputs: op.shapes.map((_, output) => place([node, output])) },
    ...{ isView: name === VIEW, over },
  }));
  const plan = planMemory({ sizes: shapes.map(sizeOf), given: made, ops: uses, results: results.map(place) });
  if (plan.lines * LINE > MOST_VALUES) return undefined;
  const numbers = [order.length, count, constants.size];
  for (const shape of shapes.slice(0, order.length)) numbers.push(...list(shape));
  for (const { shape } of constants.values()) numbers.push(...list(shape));
  for (const [i, at] of plan.places.entries()) numbers.push(at, ...list(shapes[made + i]!));
  numbers.push(plan.lines, ...list(results.map(place)));
  for (const [i, { encoded }] of ops.entries()) {
    const { inputs, outputs } = uses[i]!;
    numbers.push(names.indexOf(encoded.name), ...list(inputs), ...list(outputs), ...list(encoded.sizes));
  }
  const numbersOfOps = ops.flatMap(({ op }) =>
    ['first', 'second', 'third'].map((name) => Number(attribute(op, name) ?? 0)),
  );
  const values = together([...[...constants.values()].map((one) => one.values), Float32Array.from(numbersOfOps)]);
  return { names, numbers, values, order, floats: floats.length };
}

/** An op that a program runs. */
interface EncodedOp {
  readonly node: number;
  readonly op: OpNode;
  readonly encoded: Encoded;
}

/**
 * The ops that the program of a graph runs, and its constants by their nodes; undefined where TensorFlow has to run the
 * graph. An op whose value is known beforehand becomes a constant; a constant of the graph is kept where it is read.
 */
function opsAndConstants(
  graph: Graph,
): { readonly ops: readonly EncodedOp[]; readonly constants: ReadonlyMap<number, Known> } | undefined {
  const { nodes, results } = graph;
  const ops: EncodedOp[] = [];
  const constants = new Map<number, Known>();
  for (const [node, one] of nodes.entries()) {
    const op = asOp(one);
    if (op === undefined) continue;
    const known = knownOf(op, graph);
    const encoded = known === undefined ? encodedOp(op, graph) : undefined;
    if (known !== undefined) constants.set(node, known);
    else if (encoded !== undefined) ops.push({ node, op, encoded });
    else return undefined;
  }
  const read = [...ops.flatMap(({ encoded }) => encoded.inputs), ...results].map(([node]) => node);
  for (const node of read) {
    const one = nodes[node]!;
    if (one.op === 'Const') constants.set(node, one as ConstNode);
  }
  return { ops, constants };
}

/** Floats and whole numbers, four bytes each, one after the other, bit by bit: as a number, a NaN would lose some. */
function together(parts: readonly Known['values'][]): Float32Array {
  const all = new Float32Array(parts.reduce((size, { length }) => size + length, 0));
  const bytes = new Uint8Array(all.buffer);
  let at = 0;
  for (const { buffer, byteOffset, byteLength } of parts) {
    bytes.set(new Uint8Array(buffer, byteOffset, byteLength), at);
    at += byteLength;
  }
  return all;
}

/** Whether what a node gives is floats. */
function givesFloats({ nodes }: Graph, place: number): boolean {
  const node = nodes[place]!;
  const op = asOp(node);
  return (op === undefined ? (node as ConstNode).dtype : typeOf(op)) === TYPES.float32;
}
