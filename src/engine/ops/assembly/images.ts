// Batch norm and convolutions: what ops/fused/convolution.h and oneDNN do for TensorFlow.
//
// Numbers by channel are laid out again and again up to `period`, a multiple of the channels and of four, so that the
// passes over an image take it as rows of so many numbers, whole vectors even of few channels.
import { addRow } from './columns';
import { multiply } from './product';
import { bytes, copy, fma, part, splat, storePart } from './vector';

/** Periods whose sums are kept in float32 before they are added to the others. */
const BLOCK: i32 = 64;

// Lays `columns` numbers out up to `period`; where they stand, too.
function repeat(from: usize, to: usize, columns: i32, period: i32): void {
  for (let c = 0; c < period; c++) store<f32>(to + bytes(c), load<f32>(from + bytes(c % columns)));
}

// totals [2, columns] in float64 += the sums by channel of two rows of `period` numbers.
function fold(first: usize, second: usize, totals: usize, columns: i32, period: i32): void {
  for (let c = 0; c < period; c++) {
    const to = totals + (<usize>(c % columns) << 3), other = to + (<usize>columns << 3);
    store<f64>(to, load<f64>(to) + <f64>load<f32>(first + bytes(c)));
    store<f64>(other, load<f64>(other) + <f64>load<f32>(second + bytes(c)));
  }
}

// scale x + shift + residual by channel, and with `relu` a ReLU of it; scale and residual may be 0. `scratch` has room
// for 2 periods.
export function scaleShift(
  x: usize, scale: usize, shift: usize, residual: usize, y: usize, scratch: usize,
  count: i32, columns: i32, period: i32, relu: bool,
): void {
  const factor = scratch, offset = scratch + bytes(period);
  if (scale != 0) repeat(scale, factor, columns, period);
  repeat(shift, offset, columns, period);
  affine(x, 0, scale != 0 ? factor : 0, offset, residual, y, count, period, relu);
}

// As above, of x - center, with center, scale and offset laid out: where the values lie far from 0, their difference
// from a mean is exact, and its product with a scale is not.
function affine(
  x: usize, center: usize, scale: usize, offset: usize, residual: usize, y: usize,
  count: i32, period: i32, relu: bool,
): void {
  for (let from = 0; from < count; from += period) {
    const width = min(period, count - from);
    for (let c = 0; c < width; c += 4) {
      const left = width - c, at = bytes(c), here = bytes(from + c);
      let v = part(x + here, left);
      if (center != 0) v = f32x4.sub(v, part(center + at, left));
      if (scale != 0) v = f32x4.mul(v, part(scale + at, left));
      v = f32x4.add(v, part(offset + at, left));
      if (residual != 0) v = f32x4.add(v, part(residual + here, left));
      // not max(v, 0): whether that gives 0 or -0 is not said, and a NaN is to stay
      if (relu) v = v128.andnot(v, f32x4.lt(v, splat(0)));
      storePart(y + here, v, left);
    }
  }
}

// totals [2, columns] = sums of x - center by channel, and of its squares.
function moments(
  x: usize, center: usize, sums: usize, squares: usize, totals: usize, count: i32, columns: i32, period: i32
): void {
  memory.fill(totals, 0, <usize>columns << 4);
  for (let block = 0; block < count; block += BLOCK * period) {
    memory.fill(sums, 0, bytes(period));
    memory.fill(squares, 0, bytes(period));
    const end = min(count, block + BLOCK * period);
    for (let from = block; from < end; from += period) {
      const width = min(period, end - from);
      for (let c = 0; c < width; c += 4) {
        const left = width - c, at = bytes(c);
        const d = f32x4.sub(part(x + bytes(from + c), left), part(center + at, left));
        storePart(sums + at, f32x4.add(part(sums + at, left), d), left);
        storePart(squares + at, fma(d, d, part(squares + at, left)), left);
      }
    }
    fold(sums, squares, totals, columns, period);
  }
}

/** Where a first row lies further from the mean than so many standard deviations, sums about it lose digits. */
const FAR: f64 = 5;

// Batch norm over all axes but the last, then plus a residual and a ReLU, if asked for; y, batch mean, batch variance
// (unbiased) and 1 / std. `scratch` has room for 5 periods and 2 columns of float64.
export function batchNorm(
  x: usize, residual: usize, gamma: usize, beta: usize, y: usize, mean: usize, variance: usize, inverse: usize,
  scratch: usize, count: i32, columns: i32, period: i32, epsilon: f64, relu: bool,
): void {
  const totals = scratch, center = totals + (<usize>columns << 4), sums = center + bytes(period);
  const squares = sums + bytes(period), scale = squares + bytes(period), offset = scale + bytes(period);
  const rows: f64 = <f64>(count / columns);
  // about the first row, a value near the mean, sums of squares lose nothing
  repeat(x, center, columns, period);
  moments(x, center, sums, squares, totals, count, columns, period);
  let again = false;
  for (let c = 0; c < columns; c++) {
    const first = load<f64>(totals + (<usize>c << 3)) / rows;
    const second = load<f64>(totals + (<usize>(columns + c) << 3)) / rows;
    if (first * first <= FAR * FAR * max<f64>(0, second - first * first)) continue;
    store<f32>(center + bytes(c), <f32>(<f64>load<f32>(center + bytes(c)) + first));
    if (first != 0) again = true;
  }
  if (again) {
    repeat(center, center, columns, period);
    moments(x, center, sums, squares, totals, count, columns, period);
  }
  for (let c = 0; c < columns; c++) {
    const at = bytes(c);
    const first = load<f64>(totals + (<usize>c << 3)) / rows;
    const spread = max<f64>(0, load<f64>(totals + (<usize>(columns + c) << 3)) / rows - first * first);
    const share = <f32>(1 / sqrt<f64>(spread + epsilon));
    store<f32>(mean + at, <f32>(<f64>load<f32>(center + at) + first));
    store<f32>(variance + at, <f32>(spread * rows / max<f64>(1, rows - 1)));
    store<f32>(inverse + at, share);
    const factor = load<f32>(gamma + at) * share;
    store<f32>(scale + at, factor);
    store<f32>(offset + at, <f32>(<f64>load<f32>(beta + at) - first * <f64>factor));
  }
  repeat(scale, scale, columns, period);
  repeat(offset, offset, columns, period);
  affine(x, center, scale, offset, residual, y, count, period, relu);
}

// dy, or after a ReLU dy where y > 0; y is 0 where there was none.
// @ts-ignore: decorator
@inline function behind(dy: usize, y: usize, left: i32): v128 {
  const g = part(dy, left);
  return y == 0 ? g : v128.and(g, f32x4.gt(part(y, left), splat(0)));
}

// With g from `behind` and h the normalized x: dx = gamma inverse (g - mean(g) - h mean(g h)); by gamma the sums of
// g h, by beta of g, and by a residual, unless its address is 0, g. `scratch` has room for 5 periods and 2 columns of
// float64.
export function batchNormGradient(
  dy: usize, x: usize, y: usize, gamma: usize, mean: usize, inverse: usize,
  dx: usize, dgamma: usize, dbeta: usize, dresidual: usize,
  scratch: usize, count: i32, columns: i32, period: i32,
): void {
  const totals = scratch, first = totals + (<usize>columns << 4), second = first + bytes(period);
  const center = second + bytes(period), scale = center + bytes(period), slope = scale + bytes(period);
  memory.fill(totals, 0, <usize>columns << 4);
  repeat(mean, center, columns, period);
  for (let block = 0; block < count; block += BLOCK * period) {
    memory.fill(first, 0, bytes(period));
    memory.fill(second, 0, bytes(period));
    const end = min(count, block + BLOCK * period);
    for (let from = block; from < end; from += period) {
      const width = min(period, end - from);
      for (let c = 0; c < width; c += 4) {
        const left = width - c, at = bytes(c), here = bytes(from + c);
        const g = behind(dy + here, y == 0 ? 0 : y + here, left);
        const d = f32x4.sub(part(x + here, left), part(center + at, left));
        storePart(first + at, f32x4.add(part(first + at, left), g), left);
        storePart(second + at, fma(g, d, part(second + at, left)), left);
      }
    }
    fold(first, second, totals, columns, period);
  }
  const rows: f64 = <f64>(count / columns);
  const offset = first; // the sums are in the totals now
  for (let c = 0; c < period; c++) {
    const at = bytes(c), own = bytes(c % columns);
    const share: f64 = <f64>load<f32>(inverse + own);
    const sum = load<f64>(totals + (<usize>(c % columns) << 3));
    const along = load<f64>(totals + (<usize>(columns + c % columns) << 3)) * share;
    const factor: f64 = <f64>load<f32>(gamma + own) * share, tilt: f64 = -factor * share * along / rows;
    if (c < columns) {
      store<f32>(dbeta + at, <f32>sum);
      store<f32>(dgamma + at, <f32>along);
    }
    store<f32>(scale + at, <f32>factor);
    store<f32>(slope + at, <f32>tilt);
    store<f32>(offset + at, <f32>(-factor * sum / rows));
  }
  for (let from = 0; from < count; from += period) {
    const width = min(period, count - from);
    for (let c = 0; c < width; c += 4) {
      const left = width - c, at = bytes(c), here = bytes(from + c);
      const g = behind(dy + here, y == 0 ? 0 : y + here, left);
      const d = f32x4.sub(part(x + here, left), part(center + at, left));
      const moved = fma(d, part(slope + at, left), part(offset + at, left));
      storePart(dx + here, fma(g, part(scale + at, left), moved), left);
      if (dresidual != 0) storePart(dresidual + here, g, left);
    }
  }
}

// Sizes of the convolution at work: images [batch, height, width, channels], a kernel [high, wide, channels, outputs].
let height: i32 = 0, width: i32 = 0, channels: i32 = 0;
let high: i32 = 0, wide: i32 = 0, down: i32 = 0, right: i32 = 0, above: i32 = 0, before: i32 = 0;
let outHeight: i32 = 0, outWidth: i32 = 0, outputs: i32 = 0;

// Notes the sizes for the three functions below: strides are `down` and `right`, padding begins with
// `above` and `before`.
export function geometry(
  inHeight: i32, inWidth: i32, inChannels: i32, kernelHeight: i32, kernelWidth: i32, strideDown: i32, strideRight: i32,
  paddingAbove: i32, paddingBefore: i32, toHeight: i32, toWidth: i32, toChannels: i32,
): void {
  height = inHeight; width = inWidth; channels = inChannels;
  high = kernelHeight; wide = kernelWidth; down = strideDown; right = strideRight;
  above = paddingAbove; before = paddingBefore;
  outHeight = toHeight; outWidth = toWidth; outputs = toChannels;
}

// Copies the windows of `lines` output lines from the first one on, counted through all images, to rows
// [lines outWidth, high wide channels], with zeros beyond the edges; or with `add` adds the rows to the windows.
function windows(x: usize, rows: usize, first: i32, lines: i32, add: bool): void {
  const line = wide * channels, even = line % 4 == 0;
  for (let unit = first; unit < first + lines; unit++) {
    const image = unit / outHeight * height, top = unit % outHeight * down - above;
    for (let column = 0; column < outWidth; column++) {
      const start = column * right - before;
      const from = min(wide, max(0, -start)), to = max(from, min(wide, width - start));
      for (let i = 0; i < high; i++) {
        const at = top + i;
        const inside = at >= 0 && at < height;
        const pixels = x + bytes(((image + at) * width + start + from) * channels);
        if (even && inside && to - from == wide) {
          // most windows: whole vectors, without a look at each one's length
          for (let c: usize = 0; c < bytes(line); c += 16) {
            if (add) v128.store(pixels + c, f32x4.add(v128.load(pixels + c), v128.load(rows + c)));
            else v128.store(rows + c, v128.load(pixels + c));
          }
        } else if (add) {
          if (inside) addRow(pixels, rows + bytes(from * channels), (to - from) * channels);
        } else if (!inside || to == from) {
          zero(rows, line);
        } else {
          if (from > 0) zero(rows, from * channels);
          copy(rows + bytes(from * channels), pixels, (to - from) * channels);
          if (to < wide) zero(rows + bytes(to * channels), (wide - to) * channels);
        }
        rows += bytes(line);
      }
    }
  }
}

// @ts-ignore: decorator
@inline function zero(to: usize, count: i32): void {
  for (let c = 0; c < count; c += 4) storePart(to + bytes(c), splat(0), count - c);
}

// out [batch, outHeight, outWidth, outputs]. `rows` has room for the windows of `chunk` of the `lines` output lines.
export function convolution(
  x: usize, filter: usize, out: usize, rows: usize, panel: usize, lines: i32, chunk: i32,
): void {
  const size = high * wide * channels;
  for (let first = 0; first < lines; first += chunk) {
    const count = min(chunk, lines - first), pixels = count * outWidth;
    windows(x, rows, first, count, false);
    const to = out + bytes(first * outWidth * outputs);
    multiply(pixels, outputs, size, rows, bytes(size), 4, filter, bytes(outputs), 4, to, bytes(outputs), panel, false);
  }
}

// dfilter [high, wide, channels, outputs] = the windows transposed times dy, chunk by chunk.
export function filterGradient(
  x: usize, dy: usize, dfilter: usize, rows: usize, panel: usize, lines: i32, chunk: i32,
): void {
  const size = high * wide * channels;
  for (let first = 0; first < lines; first += chunk) {
    const count = min(chunk, lines - first), pixels = count * outWidth;
    windows(x, rows, first, count, false);
    const from = dy + bytes(first * outWidth * outputs);
    multiply(
      size, outputs, pixels, rows, 4, bytes(size), from, bytes(outputs), 4, dfilter, bytes(outputs), panel, first > 0
    );
  }
}

// dx [batch, height, width, channels] = dy times the filter transposed, back to where the windows lie.
export function inputGradient(
  dy: usize, filter: usize, dx: usize, rows: usize, panel: usize, lines: i32, chunk: i32, numbers: i32,
): void {
  const size = high * wide * channels;
  memory.fill(dx, 0, bytes(numbers));
  for (let first = 0; first < lines; first += chunk) {
    const count = min(chunk, lines - first), pixels = count * outWidth;
    const from = dy + bytes(first * outWidth * outputs);
    multiply(
      pixels, size, outputs, from, bytes(outputs), 4, filter, 4, bytes(outputs), rows, bytes(size), panel, false
    );
    windows(dx, rows, first, count, true);
  }
}
