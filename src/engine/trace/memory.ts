/** Where the values of a program lie: a value that nothing reads any more hands its memory on. */

/** An op of a program, by the numbers of the values that it takes and makes. */
export interface Use {
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
  /** Its outputs are parts of its first input. */
  readonly isView: boolean;
  /** Its first output may be written over these of its inputs, by their places, if they have its size. */
  readonly over: readonly number[];
}

/** A program's values: numbered, those that are given first, then those that the ops make. */
export interface Values {
  /** How many each has. */
  readonly sizes: readonly number[];
  /** How many are given: inputs and constants. */
  readonly given: number;
  readonly ops: readonly Use[];
  readonly results: readonly number[];
}

/** Where the values of a program lie in one memory of lines of {@link LINE} numbers. */
export interface Plan {
  /** The first line of every value that is made; or one of these: {@link NONE}, {@link resultAt}. */
  readonly places: readonly number[];
  /** Lines of the memory. */
  readonly lines: number;
}

/** Values of a line. */
export const LINE = 16;

/** The place of a value without memory of its own: a view. */
export const NONE = -1;

/** The place of a value that is made in the memory of a result. */
export function resultAt(index: number): number {
  return -2 - index;
}

/** Gives every value of a program a place: a value that no later op reads hands its lines on. */
export function planMemory({ sizes, given, ops, results }: Values): Plan {
  const roots = sizes.map((_, value) => value);
  for (const { inputs, outputs, isView } of ops)
    if (isView) for (const output of outputs) roots[output] = roots[inputs[0]!]!;
  const root = (value: number): number => roots[value]!;
  /** The last op that reads a value or a view of it. */
  const last = new Map<number, number>();
  for (const [at, { inputs }] of ops.entries()) for (const input of inputs) last.set(root(input), at);
  for (const result of results) last.set(root(result), ops.length);
  const places = sizes.map(() => NONE);
  for (const [index, result] of results.entries()) {
    const of = root(result);
    if (of >= given && sizes[of] === sizes[result] && places[of] === NONE) places[of] = resultAt(index);
  }
  const memory = new Memory();
  for (const [at, { inputs, outputs, isView, over }] of ops.entries()) {
    if (isView) continue;
    const dies = (value: number): boolean => places[value]! >= 0 && (last.get(value) ?? at) === at;
    // all inputs in that memory are read place by place, as the output is written
    const isFree = (value: number, size: number): boolean =>
      dies(value) &&
      sizes[value] === size &&
      inputs.every((input, i) => root(input) !== value || (sizes[input] === size && over.includes(i)));
    const handedOn = new Set<number>();
    for (const [i, output] of outputs.entries()) {
      if (places[output] !== NONE) continue;
      const size = sizes[output]!;
      const under = i > 0 ? undefined : over.map((input) => root(inputs[input]!)).find((value) => isFree(value, size));
      if (under !== undefined) handedOn.add(under);
      places[output] = under === undefined ? memory.take(linesOf(size)) : places[under]!;
    }
    for (const value of new Set([...inputs.map(root), ...outputs]))
      if (dies(value) && !handedOn.has(value)) memory.give(places[value]!, linesOf(sizes[value]!));
  }
  return { places: places.slice(given), lines: memory.lines };
}

function linesOf(size: number): number {
  return Math.ceil(size / LINE);
}

/** Pieces of a memory that grows as they need it. */
class Memory {
  lines = 0;
  /** What is free, in order; no two pieces are side by side. */
  private free: { readonly at: number; readonly count: number }[] = [];

  take(count: number): number {
    const fitting = this.free.filter((piece) => piece.count >= count);
    if (count === 0) return 0;
    const best = fitting.sort((a, b) => a.count - b.count)[0] ?? this.end(count);
    this.free = this.free.filter(({ at }) => at !== best.at);
    this.give(best.at + count, best.count - count);
    return best.at;
  }

  give(at: number, count: number): void {
    if (count === 0) return;
    const before = this.free.find((piece) => piece.at + piece.count === at);
    const after = this.free.find((piece) => piece.at === at + count);
    const start = before?.at ?? at;
    const end = at + count + (after?.count ?? 0);
    this.free = this.free.filter((piece) => piece !== before && piece !== after);
    this.free.push({ at: start, count: end - start });
    this.free.sort((a, b) => a.at - b.at);
  }

  /** A piece at the end of the memory, which begins with what is free there. */
  private end(count: number): { readonly at: number; readonly count: number } {
    const last = this.free.at(-1);
    const at = last !== undefined && last.at + last.count === this.lines ? last.at : this.lines;
    this.lines = at + count;
    return { at, count };
  }
}
