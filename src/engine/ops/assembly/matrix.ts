// Products of float32 matrices in WebAssembly SIMD, out = a b for each pair of a stack, either of them transposed; and sums
// of columns.
//
// All arguments are addresses in bytes or counts. a is [pairs, m, k] ([pairs, k, m] when transposed), b is [pairs, k, n]
// ([pairs, n, k]), out is [pairs, m, n]. `panel` has room for 8 (k + 4) numbers. Every sum runs over k in order, one
// rounding a product and one a sum.

/** Columns of a panel. */
const WIDTH: i32 = 8;

// Eight columns of b from the j-th on, row after row; what lies beyond the last column is 0.
// @ts-ignore: decorator
@inline function pack(b: usize, panel: usize, n: i32, k: i32, j: i32, width: i32, transposed: bool): void {
  if (width < WIDTH) memory.fill(panel, 0, <usize>(k * WIDTH) << 2);
  if (transposed) {
    for (let c = 0; c < width; c++) {
      const from = b + (<usize>(j + c) * <usize>k << 2);
      const to = panel + (<usize>c << 2);
      for (let row = 0; row < k; row++) store<f32>(to + (<usize>(row * WIDTH) << 2), load<f32>(from + (<usize>row << 2)));
    }
  } else if (width == WIDTH) {
    for (let row = 0; row < k; row++) {
      const from = b + (<usize>row * <usize>n + <usize>j << 2);
      const to = panel + (<usize>(row * WIDTH) << 2);
      v128.store(to, v128.load(from));
      v128.store(to, v128.load(from, 16), 16);
    }
  } else {
    for (let row = 0; row < k; row++) {
      const from = b + (<usize>row * <usize>n + <usize>j << 2);
      const to = panel + (<usize>(row * WIDTH) << 2);
      for (let c = 0; c < width; c++) store<f32>(to + (<usize>c << 2), load<f32>(from + (<usize>c << 2)));
    }
  }
}

// Eight numbers to a row of out, or the first `width` of them by way of `spare`.
// @ts-ignore: decorator
@inline function put(out: usize, spare: usize, low: v128, high: v128, width: i32): void {
  if (width == WIDTH) {
    v128.store(out, low);
    v128.store(out, high, 16);
  } else {
    v128.store(spare, low);
    v128.store(spare, high, 16);
    memory.copy(out, spare, <usize>width << 2);
  }
}

// @ts-ignore: decorator
@inline function fma(x: v128, y: v128, sum: v128): v128 { return f32x4.add(sum, f32x4.mul(x, y)); }

// Four rows of a, `next` bytes from one to the next and `along` bytes from one number to the next, times the panel.
function four(a: usize, next: usize, along: usize, panel: usize, k: i32, out: usize, row: usize, width: i32): void {
  const spare = panel + (<usize>(k * WIDTH) << 2);
  let a0 = a, a1 = a0 + next, a2 = a1 + next, a3 = a2 + next;
  let l0 = f32x4.splat(0), l1 = l0, l2 = l0, l3 = l0, h0 = l0, h1 = l0, h2 = l0, h3 = l0;
  for (let p = panel; p < spare; p += WIDTH << 2) {
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
  put(out, spare, l0, h0, width);
  put(out + row, spare, l1, h1, width);
  put(out + 2 * row, spare, l2, h2, width);
  put(out + 3 * row, spare, l3, h3, width);
}

// One row of a times the panel.
function one(a: usize, along: usize, panel: usize, k: i32, out: usize, width: i32): void {
  const spare = panel + (<usize>(k * WIDTH) << 2);
  let low = f32x4.splat(0), high = low;
  for (let p = panel; p < spare; p += WIDTH << 2) {
    const x = v128.load32_splat(a);
    low = fma(x, v128.load(p), low);
    high = fma(x, v128.load(p, 16), high);
    a += along;
  }
  put(out, spare, low, high, width);
}

export function product(
  a: usize, b: usize, out: usize, panel: usize,
  pairs: i32, m: i32, n: i32, k: i32,
  transposeA: bool, transposeB: bool,
): void {
  const next = (transposeA ? 1 : <usize>k) << 2;
  const along = (transposeA ? <usize>m : 1) << 2;
  const row = <usize>n << 2;
  for (let pair = 0; pair < pairs; pair++) {
    for (let j = 0; j < n; j += WIDTH) {
      const width = min(WIDTH, n - j);
      pack(b, panel, n, k, j, width, transposeB);
      let i = 0;
      for (; i + 4 <= m; i += 4) four(a + <usize>i * next, next, along, panel, k, out + <usize>i * row + (<usize>j << 2), row, width);
      for (; i < m; i++) one(a + <usize>i * next, along, panel, k, out + <usize>i * row + (<usize>j << 2), width);
    }
    a += <usize>m * <usize>k << 2;
    b += <usize>k * <usize>n << 2;
    out += <usize>m * <usize>n << 2;
  }
}

// out [columns] = the sums of the columns of a [rows, columns], row after row.
export function columnSums(a: usize, out: usize, rows: i32, columns: i32): void {
  memory.fill(out, 0, <usize>columns << 2);
  const even = columns & ~3;
  for (let row = 0; row < rows; row++) {
    for (let c = 0; c < even; c += 4) {
      const to = out + (<usize>c << 2);
      v128.store(to, f32x4.add(v128.load(to), v128.load(a + (<usize>c << 2))));
    }
    for (let c = even; c < columns; c++) {
      const to = out + (<usize>c << 2);
      store<f32>(to, load<f32>(to) + load<f32>(a + (<usize>c << 2)));
    }
    a += <usize>columns << 2;
  }
}
