// Steps of transformers: what ops/fused/transformer.h and attention.h do for TensorFlow.
import { addRow } from './columns';
import { multiply } from './product';
import { below, bytes, exponential, fma, gauss, part, select, splat, storePart, total } from './vector';

// y = gelu(product + bias) by rows, and its slope there unless that address is 0; y may be the product itself.
export function biasGelu(product: usize, bias: usize, y: usize, slope: usize, rows: i32, columns: i32): void {
  for (let row = 0; row < rows; row++) {
    for (let c = 0; c < columns; c += 4) {
      const left = columns - c, at = bytes(c);
      const u = f32x4.add(part(product + at, left), part(bias + at, left));
      const phi = below(u);
      storePart(y + at, f32x4.mul(u, phi), left);
      if (slope != 0) {
        const density = f32x4.mul(gauss, splat(0.3989422804014327));
        storePart(slope + at, fma(u, density, phi), left);
      }
    }
    product += bytes(columns);
    y += bytes(columns);
    if (slope != 0) slope += bytes(columns);
  }
}

// dx = dy times the slope of gelu by rows, and its column sums dbias.
export function geluGradient(slope: usize, dy: usize, dx: usize, dbias: usize, rows: i32, columns: i32): void {
  memory.fill(dbias, 0, bytes(columns));
  for (let row = 0; row < rows; row++) {
    times(dy, slope, dx, columns);
    addRow(dbias, dx, columns);
    slope += bytes(columns);
    dy += bytes(columns);
    dx += bytes(columns);
  }
}

// x += bias + residual by rows; without a residual where its address is 0.
export function addBias(x: usize, bias: usize, residual: usize, rows: i32, columns: i32): void {
  for (let row = 0; row < rows; row++) {
    for (let c = 0; c < columns; c += 4) {
      const left = columns - c, at = bytes(c);
      let v = f32x4.add(part(x + at, left), part(bias + at, left));
      // the residual last: it is larger than what is added up, whose last digits it would take
      if (residual != 0) v = f32x4.add(v, part(residual + at, left));
      storePart(x + at, v, left);
    }
    x += bytes(columns);
    if (residual != 0) residual += bytes(columns);
  }
}

// Numbers beyond the end of a row, whose vector holds `left` of them, as `beyond`.
// @ts-ignore: decorator
@inline export function within(v: v128, left: i32, beyond: f32 = 0): v128 {
  return left >= 4 ? v : select(i32x4.lt_s(i32x4(0, 1, 2, 3), i32x4.splat(left)), v, splat(beyond));
}

// Layer norm of rows x, which may be y itself: y, and where their addresses are not 0 the normalized values
// and 1 / std.
export function norm(
  x: usize, gamma: usize, beta: usize, y: usize, hat: usize, inverse: usize,
  rows: i32, columns: i32, epsilon: f32,
): void {
  for (let row = 0; row < rows; row++) {
    let sum = splat(0), squares = splat(0);
    for (let c = 0; c < columns; c += 4) sum = f32x4.add(sum, part(x + bytes(c), columns - c));
    const mean = splat(total(sum) / <f32>columns);
    for (let c = 0; c < columns; c += 4) {
      const v = within(f32x4.sub(part(x + bytes(c), columns - c), mean), columns - c);
      squares = fma(v, v, squares);
    }
    const scale: f32 = 1 / sqrt<f32>(total(squares) / <f32>columns + epsilon);
    if (inverse != 0) store<f32>(inverse + bytes(row), scale);
    for (let c = 0; c < columns; c += 4) {
      const left = columns - c, at = bytes(c);
      const v = f32x4.mul(f32x4.sub(part(x + at, left), mean), splat(scale));
      if (hat != 0) storePart(hat + at, v, left);
      storePart(y + at, fma(v, part(gamma + at, left), part(beta + at, left)), left);
    }
    x += bytes(columns);
    y += bytes(columns);
    if (hat != 0) hat += bytes(columns);
  }
}

// Gradients of a norm by what is normalized [rows, columns], and by gamma, beta and a bias before it [columns].
export function normGradient(
  dy: usize, hat: usize, inverse: usize, gamma: usize,
  dx: usize, dgamma: usize, dbeta: usize, dbias: usize,
  rows: i32, columns: i32,
): void {
  memory.fill(dgamma, 0, bytes(columns));
  memory.fill(dbeta, 0, bytes(columns));
  memory.fill(dbias, 0, bytes(columns));
  for (let row = 0; row < rows; row++) {
    let sum = splat(0), aligned = splat(0);
    for (let c = 0; c < columns; c += 4) {
      const left = columns - c, at = bytes(c);
      const d = part(dy + at, left), h = part(hat + at, left), g = f32x4.mul(d, part(gamma + at, left));
      sum = f32x4.add(sum, g);
      aligned = fma(g, h, aligned);
      storePart(dgamma + at, fma(d, h, part(dgamma + at, left)), left);
      storePart(dbeta + at, f32x4.add(part(dbeta + at, left), d), left);
    }
    const mean = splat(total(sum) / <f32>columns), share = splat(total(aligned) / <f32>columns);
    const scale = v128.load32_splat(inverse + bytes(row));
    for (let c = 0; c < columns; c += 4) {
      const left = columns - c, at = bytes(c);
      const g = f32x4.sub(f32x4.mul(part(dy + at, left), part(gamma + at, left)), mean);
      const v = f32x4.mul(scale, f32x4.sub(g, f32x4.mul(part(hat + at, left), share)));
      storePart(dx + at, v, left);
      storePart(dbias + at, f32x4.add(part(dbias + at, left), v), left);
    }
    dy += bytes(columns);
    hat += bytes(columns);
    dx += bytes(columns);
  }
}

// softmax(factor x + shift) of a row, in place; without a shift where its address is 0.
function softmax(x: usize, columns: i32, factor: f32, shift: usize): void {
  let top = splat(-Infinity);
  for (let c = 0; c < columns; c += 4) {
    const left = columns - c, at = bytes(c);
    let v = f32x4.mul(part(x + at, left), splat(factor));
    if (shift != 0) v = f32x4.add(v, part(shift + at, left));
    storePart(x + at, v, left);
    top = f32x4.max(top, within(v, left, -Infinity));
  }
  const most = splat(max(
    max(f32x4.extract_lane(top, 0), f32x4.extract_lane(top, 1)),
    max(f32x4.extract_lane(top, 2), f32x4.extract_lane(top, 3)),
  ));
  let sum = splat(0);
  for (let c = 0; c < columns; c += 4) {
    const left = columns - c, at = bytes(c);
    const v = within(exponential(f32x4.sub(part(x + at, left), most)), left);
    storePart(x + at, v, left);
    sum = f32x4.add(sum, v);
  }
  const share = splat(<f32>1 / total(sum));
  for (let c = 0; c < columns; c += 4) {
    const left = columns - c, at = bytes(c);
    storePart(x + at, f32x4.mul(part(x + at, left), share), left);
  }
}

// out = x times other, number by number.
// @ts-ignore: decorator
@inline function times(x: usize, other: usize, out: usize, count: i32): void {
  for (let c = 0; c < count; c += 4) {
    const left = count - c, at = bytes(c);
    storePart(out + at, f32x4.mul(part(x + at, left), part(other + at, left)), left);
  }
}

// Attention of all heads of one sequence: q and y are [asked, heads size], k and v [tokens, heads size], the weights
// [heads, asked, tokens]. Which rows of all tokens ask stands at `places`, of which `start` is the sequence's first;
// all ask where that address is 0. The mask is added to the scores; heads and tokens of it are `maskHead` and `maskRow`
// numbers apart. The weights are multiplied by `kept`, of their shape, on the way to the values. The addresses of mask
// and kept may be 0. `used` has room for the weights of a head, `panel` for 16 max(tokens, size) numbers.
export function attention(
  q: usize, k: usize, v: usize, places: usize, mask: usize, kept: usize, y: usize, weights: usize, used: usize,
  panel: usize, heads: i32, asked: i32, tokens: i32, size: i32, start: i32, maskHead: i32, maskRow: i32,
): void {
  const row = bytes(heads * size), square = asked * tokens;
  const scale: f32 = 1 / sqrt<f32>(<f32>size);
  for (let head = 0; head < heads; head++) {
    const at = bytes(head * size), own = bytes(head * square), mine = weights + own;
    multiply(asked, tokens, size, q + at, row, 4, k + at, 4, row, mine, bytes(tokens), panel, false);
    for (let i = 0; i < asked; i++) {
      const token = places == 0 ? i : <i32>load<f32>(places + bytes(i)) - start;
      const shift = mask == 0 ? 0 : mask + bytes(head * maskHead + token * maskRow);
      softmax(mine + bytes(i * tokens), tokens, scale, shift);
    }
    let factors = mine;
    if (kept != 0) {
      times(mine, kept + own, used, square);
      factors = used;
    }
    multiply(asked, size, tokens, factors, bytes(tokens), 4, v + at, row, 4, y + at, row, panel, false);
  }
}

// Gradients of attention by q, k and v of one sequence: with g = dy vᵀ kept by the weights p, ds = p (g - sum(p g)) /
// sqrt(d); ds k, dsᵀ q and (p kept)ᵀ dy. `scores` and `used` have room for the weights of a head, `panel` for 16
// max(asked, tokens, size) numbers.
export function attentionGradient(
  dy: usize, q: usize, k: usize, v: usize, weights: usize, kept: usize, dq: usize, dk: usize, dv: usize,
  scores: usize, used: usize, panel: usize,
  heads: i32, asked: i32, tokens: i32, size: i32,
): void {
  const row = bytes(heads * size), line = bytes(tokens), square = asked * tokens;
  const scale = splat(1 / sqrt<f32>(<f32>size));
  for (let head = 0; head < heads; head++) {
    const at = bytes(head * size), own = bytes(head * square), mine = weights + own;
    multiply(asked, tokens, size, dy + at, row, 4, v + at, 4, row, scores, line, panel, false);
    let factors = mine;
    if (kept != 0) {
      times(scores, kept + own, scores, square);
      times(mine, kept + own, used, square);
      factors = used;
    }
    for (let i = 0; i < asked; i++) {
      const p = mine + <usize>i * line, g = scores + <usize>i * line;
      let sum = splat(0);
      for (let c = 0; c < tokens; c += 4)
        sum = fma(part(p + bytes(c), tokens - c), part(g + bytes(c), tokens - c), sum);
      const aligned = splat(total(sum));
      for (let c = 0; c < tokens; c += 4) {
        const left = tokens - c, here = bytes(c);
        const d = f32x4.mul(part(p + here, left), f32x4.sub(part(g + here, left), aligned));
        storePart(g + here, f32x4.mul(scale, d), left);
      }
    }
    multiply(asked, size, tokens, scores, line, 4, k + at, row, 4, dq + at, row, panel, false);
    multiply(tokens, size, asked, scores, 4, line, q + at, row, 4, dk + at, row, panel, false);
    multiply(tokens, size, asked, factors, 4, line, dy + at, row, 4, dv + at, row, panel, false);
  }
}
