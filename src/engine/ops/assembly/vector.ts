// Vectors of four float32 and loops over them. All addresses are in bytes, all counts in numbers.

// @ts-ignore: decorator
@inline export function bytes(count: i32): usize { return <usize>count << 2; }

// @ts-ignore: decorator
@inline export function splat(x: f32): v128 { return f32x4.splat(x); }

// x y + sum: rounded once in the module with relaxed SIMD, where the processor can, and else twice.
// @ts-ignore: decorator
@inline export function fma(x: v128, y: v128, sum: v128): v128 {
  return ASC_FEATURE_RELAXED_SIMD ? f32x4.relaxed_madd(x, y, sum) : f32x4.add(sum, f32x4.mul(x, y));
}

// @ts-ignore: decorator
@inline export function select(mask: v128, yes: v128, no: v128): v128 { return v128.bitselect(yes, no, mask); }

// @ts-ignore: decorator
@inline export function total(v: v128): f32 {
  return f32x4.extract_lane(v, 0) + f32x4.extract_lane(v, 1) + (f32x4.extract_lane(v, 2) + f32x4.extract_lane(v, 3));
}

// The first `count` numbers of a vector, 1 to 4; the others are 0.
// @ts-ignore: decorator
@inline export function part(p: usize, count: i32): v128 {
  if (count >= 4) return v128.load(p);
  let v = v128.load32_zero(p);
  if (count > 1) v = v128.load32_lane(p + 4, v, 1);
  if (count > 2) v = v128.load32_lane(p + 8, v, 2);
  return v;
}

// @ts-ignore: decorator
@inline export function storePart(p: usize, v: v128, count: i32): void {
  if (count >= 4) {
    v128.store(p, v);
    return;
  }
  v128.store32_lane(p, v, 0);
  if (count > 1) v128.store32_lane(p + 4, v, 1);
  if (count > 2) v128.store32_lane(p + 8, v, 2);
}

// `count` numbers to a place that does not overlap: a call of memory.copy costs more than a few vectors.
// @ts-ignore: decorator
@inline export function copy(to: usize, from: usize, count: i32): void {
  for (let c = 0; c < count; c += 4) storePart(to + bytes(c), part(from + bytes(c), count - c), count - c);
}

// exp(x): Cephes' polynomial, within 2 units of the last digit; the power of two in two factors, so that what is below
// the normal numbers and above the largest comes out right.
// @ts-ignore: decorator
@inline export function exponential(x: v128): v128 {
  // pmin and pmax are one instruction each, and leave what is no number
  const v = f32x4.pmax(f32x4.pmin(x, splat(90)), splat(-105));
  const whole = f32x4.nearest(f32x4.mul(v, splat(1.44269504088896341)));
  const r = fma(whole, splat(2.12194440e-4), f32x4.sub(v, f32x4.mul(whole, splat(0.693359375))));
  let p = splat(1.9875691500e-4);
  p = fma(p, r, splat(1.3981999507e-3));
  p = fma(p, r, splat(8.3334519073e-3));
  p = fma(p, r, splat(4.1665795894e-2));
  p = fma(p, r, splat(1.6666665459e-1));
  p = fma(p, r, splat(5.0000001201e-1));
  p = f32x4.add(f32x4.add(f32x4.mul(f32x4.mul(p, r), r), r), splat(1));
  // whole as integers: beside 1.5 * 2^23 they are the last bits of the sum
  const power = i32x4.sub(f32x4.add(whole, splat(12582912)), i32x4.splat(0x4b400000));
  const half = i32x4.shr_s(power, 1);
  const rest = i32x4.sub(power, half);
  const bias = i32x4.splat(127);
  const low = i32x4.shl(i32x4.add(half, bias), 23);
  const high = i32x4.shl(i32x4.add(rest, bias), 23);
  return f32x4.mul(f32x4.mul(p, low), high);
}

/** exp(-u² / 2) of the vector that {@link below} was given last. */
export let gauss: v128 = f32x4.splat(0);

// The normal distribution function at u; leaves exp(-u² / 2) in `gauss`. exp(v²) erfc(v) for 0 <= v <= 9.5 is a
// polynomial in (v - 3) / (v + 3): a Chebyshev fit, within 2e-9.
// @ts-ignore: decorator
@inline export function below(u: v128): v128 {
  gauss = exponential(f32x4.mul(f32x4.mul(u, u), splat(-0.5)));
  const v = f32x4.pmin(f32x4.mul(f32x4.abs(u), splat(0.70710678118654752)), splat(9.5));
  const t = f32x4.div(f32x4.sub(v, splat(3)), f32x4.add(v, splat(3)));
  let q = splat(5.62653281e-5);
  q = fma(q, t, splat(2.94275404e-5));
  q = fma(q, t, splat(-5.94772016e-4));
  q = fma(q, t, splat(7.15153436e-4));
  q = fma(q, t, splat(4.26884809e-3));
  q = fma(q, t, splat(-2.43940409e-2));
  q = fma(q, t, splat(7.16658849e-2));
  q = fma(q, t, splat(-1.50115805e-1));
  q = fma(q, t, splat(2.45603796e-1));
  q = fma(q, t, splat(-3.26233563e-1));
  q = fma(q, t, splat(1.79001151e-1));
  const tail = f32x4.mul(f32x4.mul(splat(0.5), q), gauss);
  return select(f32x4.lt(u, splat(0)), tail, f32x4.sub(splat(1), tail));
}
