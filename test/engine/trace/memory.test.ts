/** Memory of a program's values: nothing that is still read is written over, and what is not needed is used again. */
import { describe, expect, test } from 'vitest';
import { rngKey, uniforms } from '../../../src/core/rng.js';
import { LINE, NONE, planMemory, resultAt, type Use, type Values } from '../../../src/engine/trace/memory.js';

const op = (inputs: number[], outputs: number[], kind: Partial<Use> = {}): Use => ({
  ...{ inputs, outputs, isView: false, over: [] },
  ...kind,
});
const VIEW = { isView: true };
const IN_PLACE = { over: [0, 1, 2] };

/** What would be read in the place of a value: runs the ops on a memory in which each value writes its number. */
function readWrongly(values: Values): string[] {
  const { sizes, given, ops, results } = values;
  const { places, lines } = planMemory(values);
  const memory = new Int32Array(lines * LINE).fill(-1);
  const roots = sizes.map((_, value) => value);
  const wrong: string[] = [];
  const span = (value: number): Int32Array =>
    memory.subarray(places[value - given]! * LINE, places[value - given]! * LINE + sizes[value]!);
  const isKept = (value: number): boolean => value >= given && places[value - given]! >= 0;
  for (const [at, { inputs, outputs, isView }] of ops.entries()) {
    for (const input of inputs) {
      const root = roots[input]!;
      if (isKept(root) && span(root).some((found) => found !== root)) wrong.push(`op ${at} reads value ${input}`);
    }
    for (const output of outputs) {
      if (isView) roots[output] = roots[inputs[0]!]!;
      else if (isKept(output)) {
        if (span(output).length !== sizes[output]) wrong.push(`value ${output} is not in the memory`);
        span(output).fill(output);
      }
    }
    // those that an op makes at once do not share memory either
    for (const output of outputs)
      if (!isView && isKept(output) && span(output).some((found) => found !== output)) wrong.push(`output ${output}`);
  }
  for (const result of results) {
    const root = roots[result]!;
    if (isKept(root) && span(root).some((found) => found !== root)) wrong.push(`result ${result}`);
  }
  return wrong;
}

/** A program of so many ops, whatever comes. */
function madeUp(seed: number, count: number): Values {
  const draws = uniforms(rngKey(seed, 'memory'), 20 * count + 20);
  let next = 0;
  const draw = (n: number): number => Math.floor(draws[next++]! * n);
  const sizes = [16, 100];
  const ops: Use[] = [];
  for (let i = 0; i < count; i++) {
    const inputs = Array.from({ length: 1 + draw(3) }, () => Math.max(0, sizes.length - 1 - draw(8)));
    const kind = draw(4);
    const first = sizes[inputs[0]!]!;
    if (kind === 0) {
      // two views, the second of a part
      ops.push(op(inputs.slice(0, 1), [sizes.length, sizes.length + 1], VIEW));
      sizes.push(first, Math.ceil(first / 2));
    } else if (kind === 1) {
      ops.push(op(inputs, [sizes.length], { over: inputs.map((_, k) => k) }));
      sizes.push(Math.max(...inputs.map((input) => sizes[input]!)));
    } else {
      const outputs = Array.from({ length: 1 + draw(2) }, (_, k) => sizes.length + k);
      ops.push(op(inputs, outputs));
      sizes.push(...outputs.map(() => draw(200)));
    }
  }
  return { sizes, given: 2, ops, results: [sizes.length - 1, sizes.length - 2, sizes.length - 1, 1] };
}

describe('the memory of a program', () => {
  test('is used again, while all that is read is there', () => {
    for (let seed = 0; seed < 300; seed++) {
      const values = madeUp(seed, 40);
      expect(readWrongly(values)).toEqual([]);
      const all = values.sizes.slice(2).reduce((sum, size) => sum + Math.ceil(size / LINE), 0);
      expect(planMemory(values).lines).toBeLessThan(all / 2);
    }
  });

  test('holds two values in turn where a chain needs two', () => {
    const chain = Array.from({ length: 10 }, (_, i) => op([i], [i + 1]));
    const sizes = Array.from({ length: 11 }, () => 64);
    const { places, lines } = planMemory({ sizes, given: 1, ops: chain, results: [10] });
    expect(lines).toBe(8);
    expect(places).toEqual([0, 4, 0, 4, 0, 4, 0, 4, 0, resultAt(0)]);
  });

  test('keeps what is read late, under whatever name', () => {
    // 1 is read again at the end, through a view of a view
    const ops = [op([0], [1]), op([1], [2], VIEW), op([2], [3], VIEW), op([1], [4]), op([4], [5]), op([5, 3], [6])];
    const { places } = planMemory({ sizes: [64, 64, 64, 32, 64, 64, 64], given: 1, ops, results: [6] });
    expect(places).toEqual([0, NONE, NONE, 4, 8, resultAt(0)]);
  });

  test.each<[string, Use, number[], number]>([
    ['over an input of its size that nothing else reads', op([1, 2], [3], IN_PLACE), [3], 0],
    ['over the second where the first is read again', op([1, 2], [3], IN_PLACE), [3, 1], 4],
    ['elsewhere where both are read again', op([1, 2], [3], IN_PLACE), [3, 1, 2], 8],
    ['elsewhere where an op may not', op([1, 2], [3]), [3], 8],
    ['over no input but those that an op may write over', op([1, 2], [3], { over: [1] }), [3], 4],
    ['elsewhere where it reads the same in another way, too', op([1, 1], [3], { over: [1] }), [3], 4],
  ])('is written %s', (_, use, later, expected) => {
    const ops = [op([0], [1]), op([0], [2]), use, op(later, [4])];
    const { places } = planMemory({ sizes: [64, 64, 64, 64, 1], given: 1, ops, results: [4] });
    expect(places[2]).toBe(expected);
  });

  test('is not written over a value of which a part is read for every place', () => {
    const ops = [op([0], [1]), op([1], [2], VIEW), op([1, 2], [3], IN_PLACE), op([3], [4])];
    const { places } = planMemory({ sizes: [64, 64, 16, 64, 1], given: 1, ops, results: [4] });
    expect(places[2]).toBe(4);
  });

  test('is a result’s where a value is a result, in whatever shape, and only once', () => {
    const ops = [op([0], [1]), op([1], [2], VIEW), op([1], [3])];
    const plan = (...results: number[]): readonly number[] =>
      planMemory({ sizes: [64, 64, 64, 64], given: 1, ops, results }).places;
    expect(plan(3, 2, 1)).toEqual([resultAt(1), NONE, resultAt(0)]);
    // of a part the rest is needed, too, and what is given stays where it is
    const part = [op([0], [1]), op([1], [2], VIEW)];
    expect(planMemory({ sizes: [64, 64, 32], given: 1, ops: part, results: [2, 0] }).places).toEqual([0, NONE]);
  });
});
