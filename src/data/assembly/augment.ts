// Random changes of images: draws of Philox4x32-10, and images that are moved. All addresses are in bytes, all counts
// in numbers. Every value is what src/core/rng.ts and plain arithmetic in float64 give, to the bit.

const MULTIPLIER_0: u32 = 0xd2511f53;
const MULTIPLIER_1: u32 = 0xcd9e8d57;
const WEYL_0: u32 = 0x9e3779b9;
const WEYL_1: u32 = 0xbb67ae85;

// The upper words of four products.
// @ts-ignore: decorator
@inline function high(a: v128, b: v128): v128 {
  return v128.shuffle<i32>(i64x2.extmul_low_i32x4_u(a, b), i64x2.extmul_high_i32x4_u(a, b), 1, 3, 5, 7);
}

// Numbers on (0, 1), of the first two lanes of two words each.
// @ts-ignore: decorator
@inline function unit(upper: v128, lower: v128): v128 {
  const whole = f64x2.add(
    f64x2.mul(f64x2.convert_low_i32x4_u(upper), f64x2.splat(2097152)),
    f64x2.convert_low_i32x4_u(i32x4.shr_u(lower, 11)),
  );
  return f64x2.mul(f64x2.add(whole, f64x2.splat(0.5)), f64x2.splat(1.1102230246251565e-16));
}

// Two vectors of numbers, one of each in turn.
// @ts-ignore: decorator
@inline function braid(to: usize, a: v128, b: v128): void {
  v128.store(to, v128.shuffle<i64>(a, b, 0, 2));
  v128.store(to + 16, v128.shuffle<i64>(a, b, 1, 3));
}

// Two numbers of each of `count` blocks from `block` on, as float64; four blocks at a time, so that up to six numbers
// more are written.
export function uniforms(key0: u32, key1: u32, block: u64, count: i32, to: usize): void {
  const m0 = i32x4.splat(MULTIPLIER_0), m1 = i32x4.splat(MULTIPLIER_1);
  for (let done = 0; done < count; done += 4) {
    const first = block + done;
    const low = i64x2.add(i64x2.splat(first), i64x2(0, 1)), next = i64x2.add(i64x2.splat(first), i64x2(2, 3));
    let c0 = v128.shuffle<i32>(low, next, 0, 2, 4, 6), c1 = v128.shuffle<i32>(low, next, 1, 3, 5, 7);
    let c2 = i32x4.splat(0), c3 = i32x4.splat(0);
    let k0 = key0, k1 = key1;
    for (let round = 0; round < 10; round++) {
      const high0 = high(m0, c0), high1 = high(m1, c2), low0 = i32x4.mul(m0, c0), low1 = i32x4.mul(m1, c2);
      c0 = v128.xor(v128.xor(high1, c1), i32x4.splat(k0));
      c1 = low1;
      c2 = v128.xor(v128.xor(high0, c3), i32x4.splat(k1));
      c3 = low0;
      k0 += WEYL_0;
      k1 += WEYL_1;
    }
    braid(to, unit(c0, c1), unit(c2, c3));
    braid(
      to + 32,
      unit(v128.shuffle<i64>(c0, c0, 1, 1), v128.shuffle<i64>(c1, c1, 1, 1)),
      unit(v128.shuffle<i64>(c2, c2, 1, 1), v128.shuffle<i64>(c3, c3, 1, 1)),
    );
    to += 64;
  }
}

// A value of an image, 0 outside of it.
// @ts-ignore: decorator
@inline function pixel(from: usize, size: i32, channels: i32, row: i32, column: i32, channel: i32): f64 {
  if (column < 0 || row < 0 || column >= size || row >= size) return 0;
  return <f64>load<f32>(from + ((<usize>((row * size + column) * channels + channel)) << 2));
}

// Square images [count, size, size, channels], each seen through cos, sin, dx and dy: bilinear, 0 outside.
export function moveImages(from: usize, count: i32, size: i32, channels: i32, views: usize, to: usize): void {
  const centre = <f64>(size - 1) / 2, line = <usize>(size * channels) << 2, step = <usize>channels << 2;
  for (let i = 0; i < count; i++) {
    const cos = load<f64>(views), sin = load<f64>(views, 8), dx = load<f64>(views, 16), dy = load<f64>(views, 24);
    for (let row = 0; row < size; row++) {
      const v = <f64>row - centre - dy;
      for (let column = 0; column < size; column++) {
        const u = <f64>column - centre - dx;
        const x = centre + cos * u + sin * v, y = centre - sin * u + cos * v;
        const left = Math.floor(x), top = Math.floor(y), wx = x - left, wy = y - top;
        const l = <i32>left, t = <i32>top;
        if (l >= 0 && t >= 0 && l + 1 < size && t + 1 < size) {
          let at = from + <usize>t * line + <usize>l * step;
          for (let c = 0; c < channels; c++, at += 4) {
            const upper = <f64>load<f32>(at) * (1 - wx) + <f64>load<f32>(at + step) * wx;
            const lower = <f64>load<f32>(at + line) * (1 - wx) + <f64>load<f32>(at + line + step) * wx;
            store<f32>(to, <f32>(upper * (1 - wy) + lower * wy));
            to += 4;
          }
          continue;
        }
        for (let c = 0; c < channels; c++) {
          const upper = pixel(from, size, channels, t, l, c) * (1 - wx) + pixel(from, size, channels, t, l + 1, c) * wx;
          const lower =
            pixel(from, size, channels, t + 1, l, c) * (1 - wx) + pixel(from, size, channels, t + 1, l + 1, c) * wx;
          store<f32>(to, <f32>(upper * (1 - wy) + lower * wy));
          to += 4;
        }
      }
    }
    from += <usize>size * line;
    views += 32;
  }
}
