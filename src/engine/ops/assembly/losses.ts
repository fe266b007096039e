// Losses over the last axis, and their gradients: what ops/fused/loss.h does for TensorFlow.
import { within } from './transformer';
import { bytes, exponential, fma, part, splat, storePart, total } from './vector';

// The logarithm of x >= 1, and of what is no number: 2 artanh((m - 1) / (m + 1)) of its mantissa, by its series. The
// library's has tables, for which there is no place in the memory of others.
function logarithm(x: f32): f64 {
  if (!(x < Infinity)) return x;
  const bits = reinterpret<i32>(x);
  let power = (bits >> 23) - 127;
  let mantissa: f64 = reinterpret<f32>((bits & 0x7fffff) | 0x3f800000);
  if (mantissa > 1.4142135623730951) {
    mantissa *= 0.5;
    power++;
  }
  const s = (mantissa - 1) / (mantissa + 1), q = s * s;
  const series = 1 + q * (1 / 3.0 + q * (1 / 5.0 + q * (1 / 7.0 + q * (1 / 9.0 + q * (1 / 11.0 + q / 13.0)))));
  return 2 * s * series + <f64>power * 0.6931471805599453;
}

// Of a row the maximum and log sum exp((z - maximum) / T), `inverse` being 1 / T, to `norms` and to the number `rows`
// further on.
function enter(z: usize, columns: i32, inverse: f32, norms: usize, rows: i32): void {
  let tops = splat(-Infinity);
  for (let c = 0; c < columns; c += 4) {
    const left = columns - c;
    tops = f32x4.pmax(tops, within(part(z + bytes(c), left), left, -Infinity));
  }
  const top = max(
    max(f32x4.extract_lane(tops, 0), f32x4.extract_lane(tops, 1)),
    max(f32x4.extract_lane(tops, 2), f32x4.extract_lane(tops, 3)),
  );
  let sum = splat(0);
  for (let c = 0; c < columns; c += 4) {
    const left = columns - c;
    const away = f32x4.mul(f32x4.sub(part(z + bytes(c), left), splat(top)), splat(inverse));
    sum = f32x4.add(sum, within(exponential(away), left));
  }
  store<f32>(norms, top);
  store<f32>(norms + bytes(rows), <f32>logarithm(total(sum)));
}

// log softmax(z / T) of a vector of a row, of which `enter` has noted what it is to subtract.
// @ts-ignore: decorator
@inline function logProbability(z: v128, inverse: f32, norms: usize, rows: i32): v128 {
  const away = f32x4.mul(f32x4.sub(z, v128.load32_splat(norms)), splat(inverse));
  return f32x4.sub(away, v128.load32_splat(norms + bytes(rows)));
}

// loss = -sum t log softmax(z), a mean over the rows; norms [2, rows] = what the gradient needs of each row.
export function crossEntropy(z: usize, targets: usize, loss: usize, norms: usize, rows: i32, columns: i32): void {
  let sum: f64 = 0;
  for (let row = 0; row < rows; row++) {
    const norm = norms + bytes(row);
    enter(z, columns, 1, norm, rows);
    let product = splat(0);
    for (let c = 0; c < columns; c += 4) {
      const left = columns - c, at = bytes(c);
      const log = within(logProbability(part(z + at, left), 1, norm, rows), left);
      product = fma(part(targets + at, left), log, product);
    }
    sum -= total(product);
    z += bytes(columns);
    targets += bytes(columns);
  }
  store<f32>(loss, <f32>(sum / <f64>rows));
}

// dz = (softmax(z) sum t - t) dy / rows.
export function crossEntropyGradient(
  dy: usize, z: usize, targets: usize, norms: usize, dz: usize, rows: i32, columns: i32,
): void {
  const share = splat(load<f32>(dy) / <f32>rows);
  for (let row = 0; row < rows; row++) {
    const norm = norms + bytes(row);
    let weights = splat(0);
    for (let c = 0; c < columns; c += 4) weights = f32x4.add(weights, part(targets + bytes(c), columns - c));
    const weight = splat(total(weights));
    for (let c = 0; c < columns; c += 4) {
      const left = columns - c, at = bytes(c);
      const probability = exponential(logProbability(part(z + at, left), 1, norm, rows));
      const difference = f32x4.sub(f32x4.mul(probability, weight), part(targets + at, left));
      storePart(dz + at, f32x4.mul(difference, share), left);
    }
    z += bytes(columns);
    targets += bytes(columns);
    dz += bytes(columns);
  }
}

// loss = T^2 KL(teacher || student) of softmax(z / T), a mean over the rows; norms [4, rows] = what the gradient needs
// of each row, first of the student.
export function divergence(
  student: usize, teacher: usize, loss: usize, norms: usize, rows: i32, columns: i32, temperature: f32,
): void {
  const inverse: f32 = 1 / temperature;
  let sum: f64 = 0;
  for (let row = 0; row < rows; row++) {
    const mine = norms + bytes(row), theirs = mine + bytes(2 * rows);
    enter(student, columns, inverse, mine, rows);
    enter(teacher, columns, inverse, theirs, rows);
    let terms = splat(0);
    for (let c = 0; c < columns; c += 4) {
      const left = columns - c, at = bytes(c);
      const log = logProbability(part(teacher + at, left), inverse, theirs, rows);
      const difference = f32x4.sub(log, logProbability(part(student + at, left), inverse, mine, rows));
      terms = f32x4.add(terms, within(f32x4.mul(exponential(log), difference), left));
    }
    sum += total(terms);
    student += bytes(columns);
    teacher += bytes(columns);
  }
  store<f32>(loss, <f32>(sum / <f64>rows) * (temperature * temperature));
}

// By the student's logits: T (softmax(student / T) - softmax(teacher / T)) dy / rows.
export function divergenceGradient(
  dy: usize, student: usize, teacher: usize, norms: usize, dz: usize, rows: i32, columns: i32, temperature: f32,
): void {
  const inverse: f32 = 1 / temperature;
  const share = splat(load<f32>(dy) / <f32>rows * temperature);
  for (let row = 0; row < rows; row++) {
    const mine = norms + bytes(row), theirs = mine + bytes(2 * rows);
    for (let c = 0; c < columns; c += 4) {
      const left = columns - c, at = bytes(c);
      const own = exponential(logProbability(part(student + at, left), inverse, mine, rows));
      const other = exponential(logProbability(part(teacher + at, left), inverse, theirs, rows));
      storePart(dz + at, f32x4.mul(f32x4.sub(own, other), share), left);
    }
    student += bytes(columns);
    teacher += bytes(columns);
    dz += bytes(columns);
  }
}
