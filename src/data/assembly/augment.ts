// Random changes of images: images that are moved, and normal numbers of Philox4x32-10 that are added to them. All
// addresses are in bytes, all counts in numbers. Images are what plain arithmetic in float64 gives, to the bit.

const MULTIPLIER_0: u32 = 0xd2511f53;
const MULTIPLIER_1: u32 = 0xcd9e8d57;
const WEYL_0: u32 = 0x9e3779b9;
const WEYL_1: u32 = 0xbb67ae85;

// The upper words of four products.
// @ts-ignore: decorator
@inline function high(a: v128, b: v128): v128 {
  return v128.shuffle<i32>(i64x2.extmul_low_i32x4_u(a, b), i64x2.extmul_high_i32x4_u(a, b), 1, 3, 5, 7);
}

// log(x) for normal numbers x, to a relative 1e-7: Cephes' polynomial about 1.
// @ts-ignore: decorator
@inline function log(x: v128): v128 {
  // m 2^e, with m from 1/sqrt 2 to sqrt 2
  const shifted = i32x4.add(x, i32x4.splat(0x3f800000 - 0x3f3504f3));
  const e = f32x4.convert_i32x4_s(i32x4.sub(i32x4.shr_u(shifted, 23), i32x4.splat(127)));
  const m = i32x4.add(v128.and(shifted, i32x4.splat(0x007fffff)), i32x4.splat(0x3f3504f3));
  const f = f32x4.sub(m, f32x4.splat(1)), z = f32x4.mul(f, f);
  let y = f32x4.splat(7.0376836292e-2);
  y = f32x4.add(f32x4.mul(y, f), f32x4.splat(-1.1514610310e-1));
  y = f32x4.add(f32x4.mul(y, f), f32x4.splat(1.1676998740e-1));
  y = f32x4.add(f32x4.mul(y, f), f32x4.splat(-1.2420140846e-1));
  y = f32x4.add(f32x4.mul(y, f), f32x4.splat(1.4249322787e-1));
  y = f32x4.add(f32x4.mul(y, f), f32x4.splat(-1.6668057665e-1));
  y = f32x4.add(f32x4.mul(y, f), f32x4.splat(2.0000714765e-1));
  y = f32x4.add(f32x4.mul(y, f), f32x4.splat(-2.4999993993e-1));
  y = f32x4.add(f32x4.mul(y, f), f32x4.splat(3.3333331174e-1));
  y = f32x4.mul(f32x4.mul(y, f), z);
  y = f32x4.add(y, f32x4.mul(e, f32x4.splat(-2.12194440e-4)));
  y = f32x4.sub(y, f32x4.mul(z, f32x4.splat(0.5)));
  return f32x4.add(f32x4.add(f, y), f32x4.mul(e, f32x4.splat(0.693359375)));
}

// sqrt(-2 log u) of words, with u = (w / 512 + 1/2) / 2^23, w / 512 rounded down: at most 5.77.
// @ts-ignore: decorator
@inline function radius(words: v128): v128 {
  const u = f32x4.mul(
    f32x4.add(f32x4.convert_i32x4_s(i32x4.shr_u(words, 9)), f32x4.splat(0.5)),
    f32x4.splat(1.1920928955078125e-7),
  );
  return f32x4.sqrt(f32x4.mul(log(u), f32x4.splat(-2)));
}

// The word's angle w / 2^32 of a turn, from the nearest quarter: -pi/4 to pi/4.
// @ts-ignore: decorator
@inline function angle(words: v128, quarter: v128): v128 {
  const rest = i32x4.sub(words, i32x4.shl(quarter, 30));
  return f32x4.mul(f32x4.convert_i32x4_s(rest), f32x4.splat(1.4629180792671596e-9));
}

// @ts-ignore: decorator
@inline function sine(r: v128): v128 {
  const z = f32x4.mul(r, r);
  let y = f32x4.splat(-1.9515295891e-4);
  y = f32x4.add(f32x4.mul(y, z), f32x4.splat(8.3321608736e-3));
  y = f32x4.add(f32x4.mul(y, z), f32x4.splat(-1.6666654611e-1));
  return f32x4.add(f32x4.mul(f32x4.mul(y, z), r), r);
}

// @ts-ignore: decorator
@inline function cosine(r: v128): v128 {
  const z = f32x4.mul(r, r);
  let y = f32x4.splat(2.443315711809948e-5);
  y = f32x4.add(f32x4.mul(y, z), f32x4.splat(-1.388731625493765e-3));
  y = f32x4.add(f32x4.mul(y, z), f32x4.splat(4.166664568298827e-2));
  y = f32x4.mul(f32x4.mul(y, z), z);
  return f32x4.add(f32x4.sub(y, f32x4.mul(z, f32x4.splat(0.5))), f32x4.splat(1));
}

// Adds `std` times four numbers.
// @ts-ignore: decorator
@inline function addTo(at: usize, std: v128, numbers: v128): void {
  v128.store(at, f32x4.add(v128.load(at), f32x4.mul(std, numbers)));
}

// Adds `std` times standard normal numbers to `count` values, four for each block of Philox from `block` on (Box-Muller
// with two words a pair); four blocks at a time, so that up to fifteen values more are changed.
export function addNormals(key0: u32, key1: u32, block: u64, count: i32, std: f32, at: usize): void {
  const m0 = i32x4.splat(MULTIPLIER_0), m1 = i32x4.splat(MULTIPLIER_1), deviation = f32x4.splat(std);
  for (let done = 0; done < count; done += 16) {
    const first = block + (done >> 2);
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
    const half = i32x4.splat(0x20000000), one = i32x4.splat(1), two = i32x4.splat(2);
    const q1 = i32x4.shr_s(i32x4.add(c1, half), 30), q3 = i32x4.shr_s(i32x4.add(c3, half), 30);
    const r1 = angle(c1, q1), r3 = angle(c3, q3), long1 = radius(c0), long3 = radius(c2);
    const s1 = sine(r1), s3 = sine(r3), o1 = cosine(r1), o3 = cosine(r3);
    // an odd quarter swaps sine and cosine; half a turn changes the sign of the one, its middle that of the other
    const odd1 = i32x4.eq(v128.and(q1, one), one), odd3 = i32x4.eq(v128.and(q3, one), one);
    const minus1 = i32x4.shl(v128.and(i32x4.add(q1, one), two), 30), under1 = i32x4.shl(v128.and(q1, two), 30);
    const minus3 = i32x4.shl(v128.and(i32x4.add(q3, one), two), 30), under3 = i32x4.shl(v128.and(q3, two), 30);
    const n0 = f32x4.mul(long1, v128.xor(v128.bitselect(s1, o1, odd1), minus1));
    const n1 = f32x4.mul(long1, v128.xor(v128.bitselect(o1, s1, odd1), under1));
    const n2 = f32x4.mul(long3, v128.xor(v128.bitselect(s3, o3, odd3), minus3));
    const n3 = f32x4.mul(long3, v128.xor(v128.bitselect(o3, s3, odd3), under3));
    const a = v128.shuffle<i32>(n0, n1, 0, 4, 1, 5), b = v128.shuffle<i32>(n2, n3, 0, 4, 1, 5);
    const c = v128.shuffle<i32>(n0, n1, 2, 6, 3, 7), d = v128.shuffle<i32>(n2, n3, 2, 6, 3, 7);
    addTo(at, deviation, v128.shuffle<i64>(a, b, 0, 2));
    addTo(at + 16, deviation, v128.shuffle<i64>(a, b, 1, 3));
    addTo(at + 32, deviation, v128.shuffle<i64>(c, d, 0, 2));
    addTo(at + 48, deviation, v128.shuffle<i64>(c, d, 1, 3));
    at += 64;
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
