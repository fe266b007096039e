/**
 * Graphs of ONNX (https://onnx.ai/onnx/repo-docs/IR.html): built node by node, then written as one file. Names of
 * operators, attributes and fields are the standard's; only what networks here need of it is written.
 */
import { UsageError } from '../core/errors.js';
import { sizeOf, type HostArray } from '../core/host-array.js';
import { PRODUCER } from '../core/markup.js';
import { packageVersion } from '../core/package.js';
import { writeAtomic } from '../store/atomic.js';
import { Message } from '../store/protobuf.js';
import { encodeValues } from '../store/safetensors.js';

/** Version of the operators: the first one with layer normalization. Read by onnxruntime since 1.12. */
export const ONNX_OPSET = 17;
/** Version of the file format that belongs to it. */
const IR_VERSION = 8;
/** Readers of protocol buffers take no larger message. */
const MOST_BYTES = 2 ** 31 - 1;

/** Numbers that the standard gives to types of elements. */
const ELEMENTS = { float32: 1, int64: 7 } as const;
/** Type of a tensor's elements. */
export type OnnxType = keyof typeof ELEMENTS;

/** Numbers that the standard gives to types of attributes. */
const ATTRIBUTES = { float: 1, int: 2, ints: 7 } as const;

/** A tensor of a graph, by its name there. */
export type Value = string;

/** A size, or the name of one that is free: `batch`. */
export type Dimension = number | string;

/** An operator's settings. A number is an integer there; floats are said as such. */
export type Attributes = Readonly<Record<string, number | readonly number[] | { readonly float: number }>>;

function attribute(name: string, value: Attributes[string]): Message {
  const message = new Message().text(1, name);
  if (typeof value === 'number') return message.integer(3, value).integer(20, ATTRIBUTES.int);
  if ('float' in value) return message.float(2, value.float).integer(20, ATTRIBUTES.float);
  for (const one of value) message.integer(8, one);
  return message.integer(20, ATTRIBUTES.ints);
}

function described(name: string, type: OnnxType, dimensions: readonly Dimension[]): Message {
  const shape = new Message();
  for (const one of dimensions)
    shape.message(1, typeof one === 'number' ? new Message().integer(1, one) : new Message().text(2, one));
  const tensor = new Message().integer(1, ELEMENTS[type]).message(2, shape);
  return new Message().text(1, name).message(2, new Message().message(1, tensor));
}

/** A network as a graph of ONNX operators. Nodes are added in the order in which they are computed. */
export class OnnxGraph {
  private readonly nodes: Message[] = [];
  private readonly inputs: Message[] = [];
  private readonly outputs: Message[] = [];
  private readonly initializers = new Map<Value, Message>();
  private readonly taken = new Map<string, number>();

  /** Declares an input of the network. */
  input(name: string, type: OnnxType, dimensions: readonly Dimension[]): Value {
    this.inputs.push(described(name, type, dimensions));
    return name;
  }

  /** Gives a float32 value out under a name of its own. */
  output(name: string, value: Value, dimensions: readonly Dimension[]): void {
    this.add('Identity', [value], [name], {});
    this.outputs.push(described(name, 'float32', dimensions));
  }

  /**
   * Adds a node with one output; returns the output. `at` names it, by the path of the layer that it is part of, so
   * that a viewer shows where it belongs.
   */
  node(operator: string, inputs: readonly Value[], attributes: Attributes = {}, at = ''): Value {
    const name = at === '' ? operator : `${at}/${operator}`;
    const count = this.taken.get(name) ?? 0;
    this.taken.set(name, count + 1);
    const output = count === 0 ? name : `${name}_${count}`;
    this.add(operator, inputs, [output], attributes);
    return output;
  }

  /** Whole numbers as float32. */
  toFloat(value: Value, at = ''): Value {
    return this.node('Cast', [value], { to: ELEMENTS.float32 }, at);
  }

  /** A constant tensor of float32, kept under its name; a second one of the same name is the first. */
  constant(name: string, { shape, values }: HostArray): Value {
    return this.initializer(name, 'float32', shape, encodeValues(values));
  }

  /** A number as a constant. */
  scalar(value: number): Value {
    return this.constant(`scalar ${value}`, { shape: [], values: Float32Array.of(value) });
  }

  /** A list of whole numbers as a constant: a shape, axes, positions. */
  integers(values: readonly number[]): Value {
    return this.wholeNumbers(values, [values.length], `integers ${values.join(' ')}`);
  }

  /** One whole number as a constant. */
  integer(value: number): Value {
    return this.wholeNumbers([value], [], `integer ${value}`);
  }

  /** The whole file, in parts to be written one after the other; `metadata` is for whoever reads it. */
  encode(metadata: Readonly<Record<string, string>>): readonly Uint8Array[] {
    const graph = new Message();
    for (const node of this.nodes) graph.message(1, node);
    graph.text(2, 'network');
    for (const one of this.initializers.values()) graph.message(5, one);
    for (const one of this.inputs) graph.message(11, one);
    for (const one of this.outputs) graph.message(12, one);
    const model = new Message()
      .integer(1, IR_VERSION)
      .text(2, PRODUCER)
      .text(3, packageVersion())
      .message(7, graph)
      .message(8, new Message().text(1, '').integer(2, ONNX_OPSET));
    for (const [key, value] of Object.entries(metadata)) model.message(14, new Message().text(1, key).text(2, value));
    if (model.size > MOST_BYTES)
      throw new UsageError(
        `the network takes ${(model.size / 2 ** 30).toFixed(1)} GiB; one ONNX file holds 2 GiB: write safetensors`,
      );
    return model.chunks;
  }

  private wholeNumbers(values: readonly number[], shape: readonly number[], name: string): Value {
    return this.initializer(name, 'int64', shape, encodeValues(new BigInt64Array(values.map(BigInt))));
  }

  private initializer(name: string, type: OnnxType, shape: readonly number[], bytes: Uint8Array): Value {
    if (this.initializers.has(name)) return name;
    if (type === 'float32' && bytes.length !== 4 * sizeOf(shape))
      throw new RangeError(`${name}: expected ${sizeOf(shape)} values, got ${bytes.length / 4}`);
    const message = new Message();
    for (const one of shape) message.integer(1, one);
    message.integer(2, ELEMENTS[type]).text(8, name).bytes(9, bytes);
    this.initializers.set(name, message);
    return name;
  }

  private add(operator: string, inputs: readonly Value[], outputs: readonly Value[], attributes: Attributes): void {
    const node = new Message();
    for (const one of inputs) node.text(1, one);
    for (const one of outputs) node.text(2, one);
    node.text(3, outputs[0]!).text(4, operator);
    for (const [name, value] of Object.entries(attributes)) node.message(5, attribute(name, value));
    this.nodes.push(node);
  }
}

/** Writes a graph as an ONNX file. Throws UsageError where it is too large for one, or cannot be written. */
export function writeGraph(path: string, graph: OnnxGraph, metadata: Readonly<Record<string, string>>): void {
  writeAtomic(path, graph.encode(metadata));
}
