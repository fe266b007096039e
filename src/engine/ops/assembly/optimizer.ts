// Steps of optimizers in the memory of the parameters and of the optimizer's state, as ops/fused/optimizer.h has them.
import { bytes, fma, part, splat, storePart } from './vector';

// The weight decay at a place: one number, or one for each value.
// @ts-ignore: decorator
@inline function decayAt(decay: usize, one: bool, at: usize, left: i32): v128 {
  return one ? v128.load32_splat(decay) : part(decay + at, left);
}

// v = momentum v + factor g + decay p; p = p - rate v. numbers: rate, momentum.
export function sgd(
  p: usize, v: usize, g: usize, factor: usize, decay: usize, numbers: usize,
  count: i32, one: bool
): void {
  const scale = v128.load32_splat(factor);
  const rate = v128.load32_splat(numbers), momentum = v128.load32_splat(numbers + 4);
  for (let c = 0; c < count; c += 4) {
    const left = count - c, at = bytes(c);
    const weight = part(p + at, left);
    let moved = fma(scale, part(g + at, left), f32x4.mul(momentum, part(v + at, left)));
    moved = fma(decayAt(decay, one, at, left), weight, moved);
    storePart(v + at, moved, left);
    storePart(p + at, f32x4.sub(weight, f32x4.mul(rate, moved)), left);
  }
}

// With h = factor g: m = beta1 m + (1 - beta1) h; v = beta2 v + (1 - beta2) h²; p = (1 - decay) p - rate m / (sqrt(v) +
// epsilon). numbers: rate, epsilon, beta1, 1 - beta1, beta2, 1 - beta2, and a factor on every decay.
export function adamw(
  p: usize, m: usize, v: usize, g: usize, factor: usize, decay: usize, numbers: usize,
  count: i32, one: bool,
): void {
  const scale = v128.load32_splat(factor);
  const rate = v128.load32_splat(numbers), epsilon = v128.load32_splat(numbers + 4);
  const beta1 = v128.load32_splat(numbers + 8), rest1 = v128.load32_splat(numbers + 12);
  const beta2 = v128.load32_splat(numbers + 16), rest2 = v128.load32_splat(numbers + 20);
  const strength = v128.load32_splat(numbers + 24);
  for (let c = 0; c < count; c += 4) {
    const left = count - c, at = bytes(c);
    const h = f32x4.mul(scale, part(g + at, left)), weight = part(p + at, left);
    const mean = fma(rest1, h, f32x4.mul(beta1, part(m + at, left)));
    const square = fma(f32x4.mul(rest2, h), h, f32x4.mul(beta2, part(v + at, left)));
    storePart(m + at, mean, left);
    storePart(v + at, square, left);
    const step = f32x4.div(f32x4.mul(rate, mean), f32x4.add(f32x4.sqrt(square), epsilon));
    const pull = f32x4.mul(decayAt(decay, one, at, left), strength);
    const decayed = f32x4.sub(weight, f32x4.mul(pull, weight));
    storePart(p + at, f32x4.sub(decayed, step), left);
  }
}

/** Numbers whose squares are summed in float32 before they are added to the others. */
const BLOCK: i32 = 4096;

// The sum of the squares of x.
export function squareSum(x: usize, y: usize, count: i32): void {
  let sum: f64 = 0;
  for (let from = 0; from < count; from += BLOCK) {
    const to = min(count, from + BLOCK);
    let squares = splat(0);
    for (let c = from; c < to; c += 4) {
      const v = part(x + bytes(c), to - c);
      squares = fma(v, v, squares);
    }
    sum += <f64>f32x4.extract_lane(squares, 0) + <f64>f32x4.extract_lane(squares, 1)
      + <f64>f32x4.extract_lane(squares, 2) + <f64>f32x4.extract_lane(squares, 3);
  }
  store<f32>(y, <f32>sum);
}
