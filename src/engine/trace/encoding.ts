/**
 * What ops that are not ours become in a program: a step that its addon knows (ops/fused/values.h, moves.h), with sizes
 * worked out here. A program gives TensorFlow's own bits; what cannot be done so is left to TensorFlow.
 */
import { sizeOf } from '../../core/host-array.js';
import { asOp, outputShape, TYPES, VIEWS, type ConstNode, type Graph, type OpNode, type Output } from './graph.js';
import { IN_PLACE } from './recorder.js';

/** What an op becomes: its name in a program, which of its inputs are read, and what it is to know besides. */
export interface Encoded {
  readonly name: string;
  readonly inputs: readonly Output[];
  readonly sizes: readonly number[];
  /** Which inputs, by their places, the first output may be written over if they have its size; none by default. */
  readonly over?: readonly number[];
}

/** A tensor that is known when a program is written. */
export type Known = Pick<ConstNode, 'shape' | 'dtype' | 'values'>;

/** Steps whose outputs are parts of their first input. */
export const VIEW = 'Part';

/** Axes that a tensor of a program may have. */
const MOST_AXES = 8;

type Encode = (node: OpNode, graph: Graph) => Encoded | undefined;

/** Ops on floats and on whole numbers. */
const ON_BOTH: Readonly<Record<string, Encode>> = {
  Reshape: viewOf,
  ExpandDims: viewOf,
  Squeeze: viewOf,
  Identity: viewOf,
  Slice: slice,
  StridedSlice: stridedSlice,
  Transpose: transpose,
  Pad: pad,
  PadV2: pad,
  SplitV: (node, graph) => cut(node, graph, 0, 2),
  Split: (node, graph) => cut(node, graph, 1, 0),
  ConcatV2: join,
  GatherV2: gather,
  Add: ofTwo('Add'),
  AddV2: ofTwo('Add'),
  Sub: ofTwo('Sub'),
  Mul: ofTwo('Mul'),
};

const ON_FLOATS: Readonly<Record<string, Encode>> = {
  RealDiv: ofTwo('RealDiv'),
  SquaredDifference: ofTwo('SquaredDifference'),
  Minimum: ofTwo('Minimum'),
  Maximum: ofTwo('Maximum'),
  BiasAdd: (node, graph) => {
    const format = attribute(node, 'data_format') ?? 'NHWC';
    return format === 'NHWC' ? ofTwo('Add')(node, graph) : undefined;
  },
  Sqrt: ofOne,
  Square: ofOne,
  Neg: ofOne,
  AddN: (node) => {
    const { op, inputs } = node;
    return inputs.length === 1 ? viewOf(node) : { name: op, inputs, sizes: [], over: inputs.map((_, i) => i) };
  },
  UnsortedSegmentSum: (op) =>
    attribute(op, 'Tindices') === TYPES.int32
      ? { name: 'SegmentSum', inputs: op.inputs.slice(0, 2), sizes: [] }
      : undefined,
  Sum: sum,
  Mean: sum,
};

/**
 * Which inputs the first output of an op of ours may be written over: those of which it reads nothing any more once it
 * has written to a place.
 */
const OVER: Readonly<Record<string, readonly number[]>> = {
  GowideGeluGrad: [0, 1],
  GowideNormGrad: [0, 1],
  GowideScaleShift: [0, 3],
  GowideDenseTanhGrad: [0, 1],
};

/** What an op becomes in a program; undefined where a program cannot do what it does, or hold what it reads. */
export function encodedOp(op: OpNode, graph: Graph): Encoded | undefined {
  const encoded = stepOf(op, graph);
  const holds = encoded?.inputs.every(([node]) => {
    const one = graph.nodes[node]!;
    return one.op !== 'Const' || (one as ConstNode).values.BYTES_PER_ELEMENT === 4;
  });
  return holds === true ? encoded : undefined;
}

function stepOf(op: OpNode, graph: Graph): Encoded | undefined {
  const shapes = [...op.shapes, ...op.inputs.map((input) => outputShape(graph.nodes, input))];
  if (shapes.some((shape) => shape.length > MOST_AXES)) return undefined;
  if (op.op.startsWith('Gowide')) return { name: op.op, inputs: op.inputs, sizes: [], over: OVER[op.op] ?? [] };
  if (op.op === 'Cast') return cast(op);
  const type = attribute(op, 'T') ?? attribute(op, 'Tparams') ?? TYPES.float32;
  if (type !== TYPES.float32 && type !== TYPES.int32) return undefined;
  return (ON_BOTH[op.op] ?? (type === TYPES.float32 ? ON_FLOATS[op.op] : undefined))?.(op, graph);
}

const KNOWN: ReadonlySet<string> = new Set(['ZerosLike', 'OnesLike', 'Range']);

/** What an op gives whatever the inputs of the graph are, where that is so and known here. */
export function knownOf(op: OpNode, graph: Graph): Known | undefined {
  if (!KNOWN.has(op.op)) return undefined;
  const type = (attribute(op, 'T') ?? attribute(op, 'Tidx') ?? TYPES.float32) as number;
  const shape = op.shapes[0];
  if (shape === undefined || (type !== TYPES.float32 && type !== TYPES.int32)) return undefined;
  const values = new (type === TYPES.int32 ? Int32Array : Float32Array)(sizeOf(shape));
  if (op.op === 'ZerosLike') return { shape, dtype: type, values };
  if (op.op === 'OnesLike') return { shape, dtype: type, values: values.fill(1) };
  if (op.op !== 'Range' || type !== TYPES.int32) return undefined;
  const [start, , step] = op.inputs.map((input) => numbersOf(graph, input)?.[0]);
  if (start === undefined || step === undefined) return undefined;
  return { shape, dtype: type, values: values.map((_, i) => start + i * step) };
}

/** Ops whose result TensorFlow always has in the memory of their input. */
const ALIASES: ReadonlySet<string> = new Set(['Reshape', 'ExpandDims', 'Squeeze', 'Identity']);

/**
 * Parts of tensors (by their nodes) that cannot be parts in a program: the tensor is changed in place, and the part is
 * read after that, or is what is changed. TensorFlow copies some parts, as their sizes and its build will have it, so
 * that only TensorFlow knows whether the old or the new values are meant.
 */
export function unsureParts(graph: Graph): ReadonlySet<number> {
  const { nodes, results } = graph;
  const unsure = new Set<number>();
  const roots = new Map<string, string>();
  /** The parts on the way from a tensor to the memory that it is in. */
  const parts = new Map<string, readonly number[]>();
  const writers = new Map<string, number>();
  const rootOf = (output: Output): string => roots.get(String(output)) ?? String(output);
  const read = (output: Output): void => {
    const writer = writers.get(rootOf(output)) ?? -1;
    for (const part of parts.get(String(output)) ?? []) if (part < writer) unsure.add(part);
  };
  for (const [node, one] of nodes.entries()) {
    const op = asOp(one);
    if (op === undefined) continue;
    op.inputs.forEach(read);
    for (const input of (IN_PLACE[op.op] ?? []).map((index) => op.inputs[index]!)) {
      for (const part of parts.get(String(input)) ?? []) unsure.add(part);
      writers.set(rootOf(input), node);
    }
    const encoded = VIEWS.has(op.op) ? encodedOp(op, graph) : undefined;
    if (encoded?.name !== VIEW) continue;
    const from = encoded.inputs[0]!;
    const through = [...(parts.get(String(from)) ?? []), ...(ALIASES.has(op.op) ? [] : [node])];
    for (const output of op.shapes.keys()) {
      roots.set(String([node, output]), rootOf(from));
      parts.set(String([node, output]), through);
    }
  }
  results.forEach(read);
  return unsure;
}

/** The type of what an op gives; undefined where it is neither floats nor whole numbers, or unknown. */
export function typeOf(op: OpNode): number | undefined {
  if (op.op.startsWith('Gowide')) return TYPES.float32;
  const named = { Cast: 'DstT', GatherV2: 'Tparams', Range: 'Tidx' }[op.op] ?? 'T';
  const type = attribute(op, named);
  return type === TYPES.float32 || type === TYPES.int32 ? (type as number) : undefined;
}

/** The value of an op’s attribute; undefined where it has none of that name. */
export function attribute({ attributes }: OpNode, wanted: string): unknown {
  return attributes.find(({ name }) => name === wanted)?.value;
}

/** Whole numbers of a constant. */
function numbersOf({ nodes }: Graph, [place]: Output): readonly number[] | undefined {
  const node = nodes[place]!;
  return node.op === 'Const' ? Array.from((node as ConstNode).values) : undefined;
}

function viewOf({ inputs }: OpNode): Encoded {
  return { name: VIEW, inputs: [inputs[0]!], sizes: [0] };
}

function cast(op: OpNode): Encoded | undefined {
  const [from, to] = [attribute(op, 'SrcT'), attribute(op, 'DstT')];
  if (from === to && (from === TYPES.float32 || from === TYPES.int32)) return viewOf(op);
  const known = from === TYPES.int32 && to === TYPES.float32;
  return known ? { ...ofOne(op), name: 'Floats' } : undefined;
}

function ofOne({ op, inputs }: OpNode): Encoded {
  return { name: op, inputs, sizes: [], over: [0] };
}

/** Values of two inputs, one of which may have a single one along an axis where the other has many. */
function ofTwo(name: string): Encode {
  return (op, { nodes }) => {
    const [shape] = op.shapes as [readonly number[]];
    const steps = op.inputs.map((input) => {
      const own = outputShape(nodes, input);
      const padded = [...shape.map(() => 1).slice(own.length), ...own];
      return stepsOf(padded).map((step, axis) => (padded[axis] === 1 ? 0 : step));
    });
    const whole = attribute(op, 'T') === TYPES.int32;
    return { name: whole ? `${name}Whole` : name, inputs: op.inputs, sizes: loop(shape, steps), over: [0, 1] };
  };
}

function slice({ inputs, shapes: [shape] }: OpNode, graph: Graph): Encoded | undefined {
  const begin = numbersOf(graph, inputs[1]!);
  const steps = stepsOf(outputShape(graph.nodes, inputs[0]!));
  const at = begin?.reduce((sum, start, axis) => sum + start * steps[axis]!, 0);
  return at === undefined ? undefined : pick(inputs[0]!, shape!, steps, at);
}

function stridedSlice(op: OpNode, graph: Graph): Encoded | undefined {
  const [begin, , strides] = op.inputs.slice(1).map((input) => numbersOf(graph, input));
  const mask = (name: string): number => Number(attribute(op, `${name}_mask`) ?? 0);
  const given = outputShape(graph.nodes, op.inputs[0]!);
  if (begin === undefined || strides === undefined || mask('ellipsis') !== 0 || mask('new_axis') !== 0)
    return undefined;
  const has = (name: string, axis: number): boolean => (mask(name) & (1 << axis)) !== 0;
  const starts = given.map((length, axis) => {
    const [start, stride] = [begin[axis], strides[axis] ?? 1];
    // before the first place there is nothing, nor behind the last one
    const from = start === undefined || has('begin', axis) ? (stride > 0 ? 0 : length - 1) : start;
    return Math.min(Math.max(from < 0 ? from + length : from, 0), length - 1);
  });
  const kept = given.map((_, axis) => axis).filter((axis) => !has('shrink_axis', axis));
  const steps = stepsOf(given);
  const at = starts.reduce((sum, start, axis) => sum + start * steps[axis]!, 0);
  const moved = kept.map((axis) => steps[axis]! * (strides[axis] ?? 1));
  return pick(op.inputs[0]!, op.shapes[0]!, moved, at);
}

function transpose({ inputs, shapes: [shape] }: OpNode, graph: Graph): Encoded | undefined {
  const order = numbersOf(graph, inputs[1]!);
  const steps = stepsOf(outputShape(graph.nodes, inputs[0]!));
  const moved = order?.map((axis) => steps[axis]!);
  return moved && pick(inputs[0]!, shape!, moved, 0);
}

/** Values of a tensor from a place on, with these steps between them; where they lie side by side, its memory. */
function pick(from: Output, shape: readonly number[], steps: readonly number[], at: number): Encoded {
  if (sizeOf(shape) === 0) return { name: VIEW, inputs: [from], sizes: [0] };
  const sizes = loop(shape, [steps]);
  const [axes, , step] = sizes;
  return axes === 0 || (axes === 1 && step === 1)
    ? { name: VIEW, inputs: [from], sizes: [at] }
    : { name: 'Pick', inputs: [from], sizes: [at, ...sizes] };
}

function pad({ inputs, shapes: [shape] }: OpNode, graph: Graph): Encoded | undefined {
  const amounts = numbersOf(graph, inputs[1]!);
  if (amounts === undefined) return undefined;
  if (amounts.every((amount) => amount === 0)) return { name: VIEW, inputs: [inputs[0]!], sizes: [0] };
  const steps = stepsOf(shape!);
  const at = steps.reduce((sum, step, axis) => sum + step * amounts[2 * axis]!, 0);
  const given = outputShape(graph.nodes, inputs[0]!);
  return { name: 'Fill', inputs: [inputs[0]!, ...inputs.slice(2)], sizes: [at, ...loop(given, [steps])] };
}

/** An input that is cut along an axis, which another input says. */
function cut({ inputs, shapes }: OpNode, graph: Graph, value: number, axisInput: number): Encoded | undefined {
  const axis = axisOf(graph, inputs[axisInput]!, shapes[0]!.length);
  if (axis === undefined) return undefined;
  const rows = sizeOf(shapes[0]!.slice(0, axis));
  const columns = shapes.map((shape) => sizeOf(shape.slice(axis)));
  const from = [inputs[value]!];
  if (rows !== 1 && shapes.length > 1) return { name: 'Cut', inputs: from, sizes: [rows, ...columns] };
  let at = 0;
  return { name: VIEW, inputs: from, sizes: columns.map((size) => (at += size) - size) };
}

function join({ inputs, shapes: [shape] }: OpNode, graph: Graph): Encoded | undefined {
  const axis = axisOf(graph, inputs.at(-1)!, shape!.length);
  if (axis === undefined) return undefined;
  const parts = inputs.slice(0, -1);
  const columns = parts.map((part) => sizeOf(outputShape(graph.nodes, part).slice(axis)));
  return { name: 'Join', inputs: parts, sizes: [sizeOf(shape!.slice(0, axis)), ...columns] };
}

function axisOf(graph: Graph, input: Output, axes: number): number | undefined {
  const axis = numbersOf(graph, input)?.[0];
  return axis === undefined || axis >= 0 ? axis : axis + axes;
}

function gather(op: OpNode, graph: Graph): Encoded | undefined {
  const [from, indices, axis] = op.inputs as [Output, Output, Output];
  if (attribute(op, 'Tindices') !== TYPES.int32 || Number(attribute(op, 'batch_dims') ?? 0) !== 0) return undefined;
  const first = axisOf(graph, axis, outputShape(graph.nodes, from).length) === 0;
  return first ? { name: 'Gather', inputs: [from, indices], sizes: [] } : undefined;
}

/** How many values TensorFlow adds up at most before it halves a row. */
const LEAF = 8 * 1024;

/**
 * Sums or means over the first, the last or all axes, in the order in which TensorFlow on such a processor adds them
 * up. Of more values that are all of a tensor that order depends on the number of threads.
 */
function sum({ op, inputs, shapes: [shape] }: OpNode, graph: Graph): Encoded | undefined {
  const given = outputShape(graph.nodes, inputs[0]!);
  const axes = numbersOf(graph, inputs[1]!)?.map((axis) => (axis < 0 ? axis + given.length : axis));
  if (axes === undefined || sizeOf(given) === 0) return undefined;
  if (sizeOf(given) === sizeOf(shape!)) return { name: VIEW, inputs: [inputs[0]!], sizes: [0] };
  const summed = given.flatMap((length, axis) => (length === 1 ? [] : [axes.includes(axis)]));
  const changes = summed.filter((is, i) => i > 0 && is !== summed[i - 1]).length;
  if (process.arch !== 'x64' || changes > 1) return undefined;
  const [kept, terms, mean] = [sizeOf(shape!), sizeOf(given) / sizeOf(shape!), Number(op === 'Mean')];
  if (kept > 1 && summed[0]) return { name: 'SumColumns', inputs: [inputs[0]!], sizes: [terms, kept, mean] };
  return terms > LEAF ? undefined : { name: 'SumRows', inputs: [inputs[0]!], sizes: [kept, terms, mean] };
}

/** How far apart two values are that are neighbors along an axis. */
function stepsOf(shape: readonly number[]): number[] {
  return shape.map((_, axis) => sizeOf(shape.slice(axis + 1)));
}

/**
 * A loop over the values of a shape, as the addon reads it (ops/fused/instruction.h): the number of axes, their
 * lengths, and the steps of each operand along them. Axes along which all operands go on as if they were one are one.
 */
function loop(shape: readonly number[], operands: readonly (readonly number[])[]): number[] {
  const axes: { length: number; steps: number[] }[] = [];
  for (const [axis, length] of shape.entries()) {
    if (length === 1) continue;
    const steps = operands.map((operand) => operand[axis]!);
    const outer = axes.at(-1);
    if (outer?.steps.every((step, operand) => step === length * steps[operand]!) === true) {
      outer.length *= length;
      outer.steps = steps;
    } else axes.push({ length, steps });
  }
  const stepsOfAll = operands.flatMap((_, operand) => axes.map(({ steps }) => steps[operand]!));
  return [axes.length, ...axes.map(({ length }) => length), ...stepsOfAll];
}
