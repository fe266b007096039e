/** Whether a layer's arrays are those that its sizes say. */
import { checkList, checkObject } from '../../src/core/range.js';

/** The arrays of m particles of dimension d. */
interface Arrays {
  readonly m: number;
  /** [m, d] */
  readonly a: Float64Array;
  /** [m, d] */
  readonly b: Float64Array;
  /** [m] */
  readonly bias: Float64Array;
}

/** Throws RangeError on what is no net at all; `what` names it. */
export function checkGiven(what: string, net: { readonly layers: unknown }): void {
  checkObject(what, net, ['d', 'layers']);
  checkList(`${what}: layers`, net.layers);
}

/** Throws RangeError unless `values` are so many numbers in float64; `what` names them, with their shape. */
export function checkArray(what: string, values: Float64Array, length: number): void {
  if (values instanceof Float64Array && values.length === length) return;
  const given =
    values instanceof Float64Array ? `${values.length} of them` : `${(values as object | undefined)?.constructor.name}`;
  throw new RangeError(`${what}: expected ${length} numbers in a Float64Array, got ${given}`);
}

/** Throws RangeError unless the arrays of a layer are those of m particles of dimension d. */
export function checkLayer(what: string, layer: Arrays | undefined, d: number, m = layer?.m): void {
  if (layer === undefined) throw new RangeError(`${what} is missing; expected one for each layer of the net`);
  if (!Number.isInteger(m) || m! < 1)
    throw new RangeError(`${what}: m: expected a whole number of at least 1, got ${m}`);
  checkArray(`${what}: a [m, d]`, layer.a, m! * d);
  checkArray(`${what}: b [m, d]`, layer.b, m! * d);
  checkArray(`${what}: bias [m]`, layer.bias, m!);
}
