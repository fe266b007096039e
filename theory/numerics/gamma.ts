/** Lanczos' g, and the coefficients that Godfrey computed for it (2001). */
const G = 4.7421875;
const LANCZOS = [
  57.15623566586292, -59.59796035547549, 14.136097974741746, -0.4919138160976202, 0.00003399464998481189,
  0.00004652362892704858, -0.00009837447530487956, 0.0001580887032249125, -0.00021026444172410488,
  0.00021743961811521265, -0.0001643181065367639, 0.00008441822398385275, -0.000026190838401581408,
  0.0000036899182659531625,
];

/**
 * The gamma function for 1/2 <= x <= 85, to 1e-14: a factorial for whole x, else by Lanczos' approximation. Throws
 * RangeError on any other x.
 */
export function gamma(x: number): number {
  if (!(x >= 0.5 && x <= 85)) throw new RangeError(`gamma: expected a number from 0.5 to 85, got ${x}`);
  if (Number.isInteger(x)) return product(1, x - 1);
  const n = x - 1;
  const series = LANCZOS.reduce((sum, coefficient, i) => sum + coefficient / (n + i + 1), 0.9999999999999971);
  const t = n + G + 0.5;
  return Math.sqrt(2 * Math.PI) * t ** (n + 0.5) * Math.exp(-t) * series;
}

/** The product of the whole numbers from `first` to `last`, in halves, so that its rounding errors stay small. */
function product(first: number, last: number): number {
  if (last < first) return 1;
  if (last === first) return last;
  const middle = (first + last) >> 1;
  return product(first, middle) * product(middle + 1, last);
}
