/** A call is told from the one before by all that its signature says. */
import { describe, expect, test } from 'vitest';
import type { Tensor, Tensors } from '../../../src/engine/tensor.js';
import { Form, signatureOf } from '../../../src/engine/trace/form.js';

const tensor = (shape: number[], dataId: object = {}, dtype = 'float32'): Tensor =>
  ({ dataId, dtype, shape }) as unknown as Tensor;

describe('the form of a call', () => {
  const [one, two] = [{}, {}];
  const before: Tensors = { a: tensor([2, 3], one), b: tensor([4], two), c: tensor([6], one) };
  const form = new Form(before);

  test('is that of other tensors of the same names, types, shapes and memory', () => {
    const [other, last] = [{}, {}];
    const next = { a: tensor([2, 3], other), b: tensor([4], last), c: tensor([6], other) };
    expect(form.given(next)).toEqual(Object.values(next));
    expect(signatureOf(next)).toBe(signatureOf(before));
  });

  test.each<[string, Tensors]>([
    ['another name', { a: before.a!, b: before.b!, d: before.c! }],
    ['another type', { ...before, b: tensor([4], two, 'int32') }],
    ['another size', { ...before, b: tensor([5], two) }],
    ['another number of axes', { ...before, b: tensor([4, 1], two) }],
    ['an input less', { a: before.a!, b: before.b! }],
    ['an input more', { ...before, d: tensor([1]) }],
    ['memory that is no more the same', { ...before, c: tensor([6]) }],
    ['memory that is now the same', { ...before, b: tensor([4], one) }],
  ])('is another one with %s', (_, inputs) => {
    expect(form.given(inputs)).toBeUndefined();
    expect(signatureOf(inputs)).not.toBe(signatureOf(before));
  });

  test('is another one in another order, though its signature is the same', () => {
    const inputs = { b: before.b!, a: before.a!, c: before.c! };
    expect(form.given(inputs)).toBeUndefined();
    expect(signatureOf(inputs)).toBe(signatureOf(before));
  });
});
