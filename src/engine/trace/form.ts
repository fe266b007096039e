/** What a compiled step depends on, and whether a call has the same as the one before. */
import type { Tensor, Tensors } from '../tensor.js';

/**
 * What a compiled step depends on: names, types and shapes of the inputs in whatever order they are given, and which of
 * them are in one memory, as a recording cannot tell these apart.
 */
export function signatureOf(inputs: Tensors): string {
  const first = new Map<object, string>();
  let text = '';
  for (const name of Object.keys(inputs).sort()) {
    const { dataId, dtype, shape } = inputs[name]!;
    const same = first.get(dataId);
    if (same === undefined) first.set(dataId, name);
    text += `${name} ${dtype} ${shape.join(',')}${same === undefined ? '' : ` as ${same}`};`;
  }
  return text;
}

/** The inputs of a call, as the next ones are compared with them: a small step would feel its signature being made. */
export class Form {
  readonly names: readonly string[];
  private readonly inputs: readonly Pick<Tensor, 'dtype' | 'shape'>[];
  /** For each input the first one in its memory. */
  private readonly first: readonly number[];
  private readonly memories: number;

  constructor(inputs: Tensors) {
    const given = Object.values(inputs);
    const memory = given.map(({ dataId }) => dataId);
    this.names = Object.keys(inputs);
    this.inputs = given.map(({ dtype, shape }) => ({ dtype, shape: [...shape] }));
    this.first = memory.map((one) => memory.indexOf(one));
    this.memories = new Set(memory).size;
  }

  /** The inputs as a list, if they have the signature of the call before and the order, too. */
  given(inputs: Tensors): readonly Tensor[] | undefined {
    const names = Object.keys(inputs);
    if (names.length !== this.names.length) return undefined;
    const given: Tensor[] = [];
    const memories = new Set<object>();
    for (let i = 0; i < names.length; i++) {
      const tensor = inputs[names[i]!]!;
      given.push(tensor);
      const before = this.inputs[i]!;
      if (names[i] !== this.names[i] || tensor.dtype !== before.dtype) return undefined;
      if (!isSame(tensor.shape, before.shape) || given[this.first[i]!]!.dataId !== tensor.dataId) return undefined;
      memories.add(tensor.dataId);
    }
    return memories.size === this.memories ? given : undefined;
  }
}

function isSame(a: readonly number[], b: readonly number[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
