/** What a function of the library asks of its numbers: RangeErrors of one form, which name the argument. */

/** Largest number of values that one array is asked to have: what is above is a slip, and not a size. */
const MOST_LENGTH = 2 ** 32;
/** Largest number of steps of one run. */
export const MOST_STEPS = 1e9;

/** Throws RangeError unless `value` is a whole number from `least` to `most`; `what` names the function and it. */
export function checkWhole(what: string, value: number, least = 0, most = Number.MAX_SAFE_INTEGER): void {
  if (Number.isInteger(value) && value >= least && value <= most) return;
  const range = most < Number.MAX_SAFE_INTEGER ? `from ${least} to ${most}` : `of at least ${least}`;
  throw new RangeError(`${what}: expected a whole number ${range}, got ${String(value)}`);
}

/** Throws RangeError unless `value` is a finite number of at least `least`; `what` names the function and it. */
export function checkFinite(what: string, value: number, least = -Infinity): void {
  if (Number.isFinite(value) && value >= least) return;
  const range = least === -Infinity ? '' : ` of at least ${least}`;
  throw new RangeError(`${what}: expected a finite number${range}, got ${String(value)}`);
}

/** Throws RangeError unless `value` is a finite number above 0; `what` names the function and it. */
export function checkPositive(what: string, value: number): void {
  if (Number.isFinite(value) && value > 0) return;
  throw new RangeError(`${what}: expected a finite number above 0, got ${String(value)}`);
}

/** Throws RangeError unless all values are finite; `what` names the function and them. */
export function checkAllFinite(what: string, values: ArrayLike<number>): void {
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
