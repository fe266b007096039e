/** The one way in which numbers are written in options and settings: decimal digits, and an exponent if need be. */

const DECIMAL = /^-?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/;

/**
 * The number that a text is: `3`, `0.5`, `.5`, `1e3`, `-2.5e-4`. Undefined where it is none: with blanks, in another
 * base (`0x10`), `NaN`, or beyond what a number can hold.
 */
export function parseNumber(text: string): number | undefined {
  const value = DECIMAL.test(text) ? Number(text) : NaN;
  return Number.isFinite(value) ? value : undefined;
}

/** The whole number that a text is, which may have an exponent: `1000`, `1e3`. Undefined where it is none. */
export function parseWhole(text: string): number | undefined {
  const value = parseNumber(text);
  return Number.isSafeInteger(value) ? value : undefined;
}
