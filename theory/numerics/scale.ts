/** Powers of two, which scale numbers without rounding, so that squares and products stay within float64. */

/** Largest |exponent| whose power of two, and its inverse, are normal numbers. */
const MOST = 1022;

/** The exponent e of |x| = f 2^e with f about 1, within -1022 .. 1022; 0 for x = 0 and for what is not finite. */
export function exponentOf(x: number): number {
  const size = Math.abs(x);
  if (!(size > 0 && size < Infinity)) return 0;
  return Math.min(MOST, Math.max(-MOST, Math.floor(Math.log2(size))));
}

/** The product x 2^e, rounded once where it is subnormal, for any whole e. */
export function timesPowerOfTwo(x: number, e: number): number {
  let value = x;
  for (let left = e; left !== 0;) {
    const part = Math.min(MOST, Math.max(-MOST, left));
    value *= 2 ** part;
    left -= part;
  }
  return value;
}

/**
 * The product of numbers in their order, with the rounding errors of plain multiplication, but without an overflow or
 * an underflow on the way to a product that float64 has.
 */
export function safeProduct(...factors: readonly number[]): number {
  let [value, exponent] = [1, 0];
  for (const factor of factors) {
    const own = exponentOf(factor);
    value *= timesPowerOfTwo(factor, -own);
    const carried = exponentOf(value);
    value = timesPowerOfTwo(value, -carried);
    exponent += own + carried;
  }
  return timesPowerOfTwo(value, exponent);
}
