// Products of float32 matrices, out = a b, either of them transposed or part of a larger one. Every sum runs over k in
// order, in blocks of TERMS, so that a row of the result does not depend on those beside it.
import { bytes, fma, part, storePart } from './vector';

/** Columns of b that stand side by side in a panel while they are multiplied; WIDTH where fewer than WIDE are left. */
const WIDE: i32 = 16, WIDTH: i32 = 8;

/** Terms of a sum that are added up before the others: so many rows of a panel stay in the first level of the cache. */
const TERMS: i32 = 256;

// Up to eight columns of b into a panel, row after row; what lies beyond the last column is 0. The rows of b are `row`
// bytes apart, its columns `column` bytes.
// @ts-ignore: decorator
@inline function pack(b: usize, row: usize, column: usize, panel: usize, k: i32, width: i32): void {
  if (column == 4) {
    for (let i = 0; i < k; i++) {
      if (width == WIDTH) {
        v128.store(panel, v128.load(b));
        v128.store(panel, v128.load(b, 16), 16);
      } else {
        v128.store(panel, part(b, width));
        v128.store(panel, width > 4 ? part(b + 16, width - 4) : f32x4.splat(0), 16);
      }
      b += row;
      panel += WIDTH << 2;
    }
    return;
  }
  if (width < WIDTH) memory.fill(panel, 0, bytes(k * WIDTH));
  for (let c = 0; c < width; c++) {
    let from = b + <usize>c * column;
    let to = panel + bytes(c);
    for (let i = 0; i < k; i++) {
      store<f32>(to, load<f32>(from));
      from += row;
      to += WIDTH << 2;
    }
  }
}

// Eight numbers to a row of out, or the first `width` of them; added to what is there where that is asked for.
// @ts-ignore: decorator
@inline function put(out: usize, low: v128, high: v128, width: i32, add: bool): void {
  if (width == WIDTH) {
    if (add) {
      low = f32x4.add(low, v128.load(out));
      high = f32x4.add(high, v128.load(out, 16));
    }
    v128.store(out, low);
    v128.store(out, high, 16);
    return;
  }
  if (add) low = f32x4.add(low, part(out, width));
  storePart(out, low, width);
  if (width <= 4) return;
  if (add) high = f32x4.add(high, part(out + 16, width - 4));
  storePart(out + 16, high, width - 4);
}

// Sixteen columns of b into a panel, row after row.
// @ts-ignore: decorator
@inline function packWide(b: usize, row: usize, column: usize, panel: usize, k: i32): void {
  if (column == 4) {
    for (let i = 0; i < k; i++) {
      v128.store(panel, v128.load(b));
      v128.store(panel, v128.load(b, 16), 16);
      v128.store(panel, v128.load(b, 32), 32);
      v128.store(panel, v128.load(b, 48), 48);
      b += row;
      panel += WIDE << 2;
    }
    return;
  }
  for (let c = 0; c < WIDE; c++) {
    let from = b + <usize>c * column;
    let to = panel + bytes(c);
    for (let i = 0; i < k; i++) {
      store<f32>(to, load<f32>(from));
      from += row;
      to += WIDE << 2;
    }
  }
}

// Two rows of a, `row` bytes apart, times a panel of sixteen columns. Eight sums, what they read and one product are as
// many values as there are registers; of all such tiles this one has the fewest addresses to move on.
function two(a: usize, row: usize, along: usize, panel: usize, k: i32, out: usize, next: usize, add: bool): void {
  const end = panel + bytes(k * WIDE);
  let a0 = a, a1 = a + row;
  let s0 = f32x4.splat(0), s1 = s0, s2 = s0, s3 = s0, t0 = s0, t1 = s0, t2 = s0, t3 = s0;
  for (let p = panel; p < end; p += WIDE << 2) {
    const b0 = v128.load(p), b1 = v128.load(p, 16), b2 = v128.load(p, 32), b3 = v128.load(p, 48);
    const x = v128.load32_splat(a0), y = v128.load32_splat(a1);
    s0 = fma(x, b0, s0);
    s1 = fma(x, b1, s1);
    s2 = fma(x, b2, s2);
    s3 = fma(x, b3, s3);
    t0 = fma(y, b0, t0);
    t1 = fma(y, b1, t1);
    t2 = fma(y, b2, t2);
    t3 = fma(y, b3, t3);
    a0 += along; a1 += along;
  }
  put(out, s0, s1, WIDTH, add);
  put(out + 32, s2, s3, WIDTH, add);
  put(out + next, t0, t1, WIDTH, add);
  put(out + next + 32, t2, t3, WIDTH, add);
}

// One row of a times a panel of sixteen columns.
function oneWide(a: usize, along: usize, panel: usize, k: i32, out: usize, add: bool): void {
  const end = panel + bytes(k * WIDE);
  let s0 = f32x4.splat(0), s1 = s0, s2 = s0, s3 = s0;
  for (let p = panel; p < end; p += WIDE << 2) {
    const x = v128.load32_splat(a);
    s0 = fma(x, v128.load(p), s0);
    s1 = fma(x, v128.load(p, 16), s1);
    s2 = fma(x, v128.load(p, 32), s2);
    s3 = fma(x, v128.load(p, 48), s3);
    a += along;
  }
  put(out, s0, s1, WIDTH, add);
  put(out + 32, s2, s3, WIDTH, add);
}

// Four rows of a, `row` bytes from one to the next and `along` bytes from one number to the next, times the panel.
function four(
  a: usize, row: usize, along: usize, panel: usize, k: i32, out: usize, next: usize, width: i32, add: bool
): void {
  const end = panel + bytes(k * WIDTH);
  let a0 = a, a1 = a0 + row, a2 = a1 + row, a3 = a2 + row;
  let l0 = f32x4.splat(0), l1 = l0, l2 = l0, l3 = l0, h0 = l0, h1 = l0, h2 = l0, h3 = l0;
  for (let p = panel; p < end; p += WIDTH << 2) {
    const low = v128.load(p), high = v128.load(p, 16);
    let x = v128.load32_splat(a0);
    l0 = fma(x, low, l0);
    h0 = fma(x, high, h0);
    x = v128.load32_splat(a1);
    l1 = fma(x, low, l1);
    h1 = fma(x, high, h1);
    x = v128.load32_splat(a2);
    l2 = fma(x, low, l2);
    h2 = fma(x, high, h2);
    x = v128.load32_splat(a3);
    l3 = fma(x, low, l3);
    h3 = fma(x, high, h3);
    a0 += along; a1 += along; a2 += along; a3 += along;
  }
  put(out, l0, h0, width, add);
  put(out + next, l1, h1, width, add);
  put(out + 2 * next, l2, h2, width, add);
  put(out + 3 * next, l3, h3, width, add);
}

// One row of a times the panel.
function one(a: usize, along: usize, panel: usize, k: i32, out: usize, width: i32, add: bool): void {
  const end = panel + bytes(k * WIDTH);
  let low = f32x4.splat(0), high = low;
  for (let p = panel; p < end; p += WIDTH << 2) {
    const x = v128.load32_splat(a);
    low = fma(x, v128.load(p), low);
    high = fma(x, v128.load(p, 16), high);
    a += along;
  }
  put(out, low, high, width, add);
}

// out [m, n] = a [m, k] b [k, n], or out + a b. `aRow` and `aColumn` are the bytes between rows and between columns of
// a, and so on; the columns of out stand side by side. `panel` has room for 16 min(k, TERMS) numbers.
export function multiply(
  m: i32, n: i32, k: i32,
  a: usize, aRow: usize, aColumn: usize,
  b: usize, bRow: usize, bColumn: usize,
  out: usize, outRow: usize,
  panel: usize, add: bool,
): void {
  for (let first = 0; first < k; first += TERMS) {
    const some = min(TERMS, k - first), sum = add || first > 0, from = <usize>first;
    block(m, n, some, a + from * aColumn, aRow, aColumn, b + from * bRow, bRow, bColumn, out, outRow, panel, sum);
  }
}

// As above, for at most TERMS terms.
function block(
  m: i32, n: i32, k: i32,
  a: usize, aRow: usize, aColumn: usize,
  b: usize, bRow: usize, bColumn: usize,
  out: usize, outRow: usize,
  panel: usize, add: bool,
): void {
  let j = 0;
  for (; j + WIDE <= n; j += WIDE) {
    packWide(b + <usize>j * bColumn, bRow, bColumn, panel, k);
    const to = out + bytes(j);
    let i = 0;
    for (; i + 2 <= m; i += 2) two(a + <usize>i * aRow, aRow, aColumn, panel, k, to + <usize>i * outRow, outRow, add);
    if (i < m) oneWide(a + <usize>i * aRow, aColumn, panel, k, to + <usize>i * outRow, add);
  }
  for (; j < n; j += WIDTH) {
    const width = min(WIDTH, n - j);
    pack(b + <usize>j * bColumn, bRow, bColumn, panel, k, width);
    const to = out + bytes(j);
    let i = 0;
    for (; i + 4 <= m; i += 4)
      four(a + <usize>i * aRow, aRow, aColumn, panel, k, to + <usize>i * outRow, outRow, width, add);
    for (; i < m; i++) one(a + <usize>i * aRow, aColumn, panel, k, to + <usize>i * outRow, width, add);
  }
}

// For each pair of a stack: a is [pairs, m, k] ([pairs, k, m] when transposed), b is [pairs, k, n] ([pairs, n, k]), out
// is [pairs, m, n].
export function product(
  a: usize, b: usize, out: usize, panel: usize,
  pairs: i32, m: i32, n: i32, k: i32,
  transposeA: bool, transposeB: bool,
): void {
  const aRow = transposeA ? 4 : bytes(k), aColumn = transposeA ? bytes(m) : 4;
  const bRow = transposeB ? 4 : bytes(n), bColumn = transposeB ? bytes(k) : 4;
  for (let pair = 0; pair < pairs; pair++) {
    multiply(m, n, k, a, aRow, aColumn, b, bRow, bColumn, out, bytes(n), panel, false);
    a += bytes(m * k);
    b += bytes(k * n);
    out += bytes(m * n);
  }
}
