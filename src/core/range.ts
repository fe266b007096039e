/** What a function of the library asks of its numbers: RangeErrors of one form, which name the argument. */

/** Largest number of values that one array is asked to have: what is above is a slip, and not a size. */
const MOST_LENGTH = 2 ** 32;
/** Largest number of steps of one run. */
export const MOST_STEPS = 1e9;

/** A value as a message shows it: texts in quotes, as a text of digits looks like the number. */
function shown(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value) : String(value);
}

/** What a value is, for a message: `nothing`, `null`, `array`, or what `typeof` says. */
export function typeOf(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  return Array.isArray(value) ? 'array' : typeof value;
}

/**
 * Throws RangeError unless `value` is an object that has all `members`; `what` names the function and it. For callers
 * without TypeScript, who would be told of a property of undefined.
 */
export function checkObject(what: string, value: unknown, members: readonly string[]): void {
  if (typeof value !== 'object' || value === null)
    throw new RangeError(`${what}: expected an object with ${members.join(', ')}, got ${typeOf(value)}`);
  const missing = members.find((name) => (value as Readonly<Record<string, unknown>>)[name] === undefined);
  if (missing !== undefined) throw new RangeError(`${what}: ${missing} is missing; expected ${members.join(', ')}`);
}

/** Throws RangeError unless `value` is a list, or an array of numbers; `what` names the function and it. */
export function checkList(what: string, value: unknown): void {
  if (!Array.isArray(value) && !ArrayBuffer.isView(value))
    throw new RangeError(`${what}: expected a list, got ${typeOf(value)}`);
}

/** Throws RangeError unless `value` is a whole number from `least` to `most`; `what` names the function and it. */
export function checkWhole(what: string, value: number, least = 0, most = Number.MAX_SAFE_INTEGER): void {
  if (Number.isInteger(value) && value >= least && value <= most) return;
  const range = most < Number.MAX_SAFE_INTEGER ? `from ${least} to ${most}` : `of at least ${least}`;
  throw new RangeError(`${what}: expected a whole number ${range}, got ${shown(value)}`);
}

/** Throws RangeError unless `value` is a finite number of at least `least`; `what` names the function and it. */
export function checkFinite(what: string, value: number, least = -Infinity): void {
  if (Number.isFinite(value) && value >= least) return;
  const range = least === -Infinity ? '' : ` of at least ${least}`;
  throw new RangeError(`${what}: expected a finite number${range}, got ${shown(value)}`);
}

/** Throws RangeError unless `value` is a finite number above 0; `what` names the function and it. */
export function checkPositive(what: string, value: number): void {
  if (Number.isFinite(value) && value > 0) return;
  throw new RangeError(`${what}: expected a finite number above 0, got ${shown(value)}`);
}

/** Throws RangeError unless all values are finite; `what` names the function and them. */
export function checkAllFinite(what: string, values: ArrayLike<number>): void {
  checkList(what, values);
  for (let i = 0; i < values.length; i++)
    if (!Number.isFinite(values[i]))
      throw new RangeError(`${what}: expected finite numbers, got ${values[i]} at place ${i}`);
}

/** The path of the first number within a value, such as `rows.0.risk`, that is not finite; undefined without one. */
export function pathNotFinite(value: unknown, path = ''): string | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : path;
  if (ArrayBuffer.isView(value)) {
    const at = (value as Float64Array).findIndex((one) => !Number.isFinite(one));
    return at < 0 ? undefined : `${path}.${at}`;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  for (const key in value) {
    const found = pathNotFinite(
      (value as Readonly<Record<string, unknown>>)[key],
      path === '' ? key : `${path}.${key}`,
    );
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Throws RangeError unless a shape has whole sizes, and no more values than an array can hold. */
export function checkShape(what: string, shape: readonly number[]): void {
  const whole = shape.every((size) => Number.isInteger(size) && size >= 0);
  const size = shape.reduce((product, one) => product * one, 1);
  if (!whole || size > MOST_LENGTH)
    throw new RangeError(
      `${what}: expected whole sizes and at most ${MOST_LENGTH} values in all, got [${shape.join(', ')}]`,
    );
}
