// The fused float64 particle kernel for WebAssembly SIMD, with the formulas of native.cc and two samples to a vector.
//
// Sheets (z, p, out, back) are [d, S] with S a multiple of 4 samples; particles are a [m, d], b [m, d], bias [m]. All
// arguments are addresses or counts; shapes have been checked (checked.ts) when a job comes here.

const EXP2_16 = memory.data<f64>([
  1.0, 1.0442737824274138, 1.0905077326652577, 1.1387886347566916, 1.189207115002721,
  1.241857812073484, 1.296839554651001, 1.3542555469368927, 1.4142135623730951, 1.4768261459394993,
  1.5422108254079407, 1.6104903319492543, 1.681792830507429, 1.7562521603732995, 1.8340080864093424,
  1.9152065613971472,
]);
// See native.cc: exp(v^2) erfc(v) in powers of (v - 4) / (v + 4), highest first.
const ERFCX = memory.data<f64>([
  -1.2140068001883917e-7, -7.808373710615394e-7, -1.0153744772619783e-6, 2.519010648544198e-6,
  -2.0452594552355553e-6, -2.2539412350958648e-5, 7.901696179479848e-5, -2.175198397437387e-5,
  -0.0007991278681566858, 0.004060262554084799, -0.012843946137581977, 0.0312990565588005,
  -0.06310781563230582, 0.1089631773983451, -0.16425781669745593, 0.21871967891826705,
  -0.25906804876017087, 0.13699945762506138,
]);
const MAGIC: f64 = 6755399441055744.0;
const LN2: f64 = 0.6931471805599453;

// @ts-ignore: decorator
@inline function splat(x: f64): v128 { return f64x2.splat(x); }
// @ts-ignore: decorator
@inline function mul(a: v128, b: v128): v128 { return f64x2.mul(a, b); }
// @ts-ignore: decorator
@inline function add(a: v128, b: v128): v128 { return f64x2.add(a, b); }
// @ts-ignore: decorator
@inline function fma(a: v128, b: v128, c: v128): v128 { return f64x2.add(f64x2.mul(a, b), c); }
// @ts-ignore: decorator
@inline function table(bits: i64): f64 { return load<f64>(EXP2_16 + (<usize>(bits & 15) << 3)); }

// T = 2^(k/16), where k stands in the low bits of `magic`.
// @ts-ignore: decorator
@inline function powers(magic: v128): v128 {
  const t = f64x2.replace_lane(
    f64x2.splat(table(i64x2.extract_lane(magic, 0))), 1, table(i64x2.extract_lane(magic, 1))
  );
  return i64x2.add(t, i64x2.shl(v128.and(magic, i64x2.splat(~15)), 48));
}

// exp(r) - 1 for |r| <= ln 2 / 32.
// @ts-ignore: decorator
@inline function small(r: v128): v128 {
  let q = fma(r, splat(1.0 / 720.0), splat(1.0 / 120.0));
  q = fma(q, r, splat(1.0 / 24.0));
  q = fma(q, r, splat(1.0 / 6.0));
  q = fma(q, r, splat(0.5));
  return fma(mul(q, r), r, r);
}

// @ts-ignore: decorator
@inline function tanh2(u: v128): v128 {
  const x = f64x2.pmax(f64x2.pmin(add(u, u), splat(60.0)), splat(-60.0));
  const magic = fma(x, splat(16.0 / LN2), splat(MAGIC));
  const p = small(f64x2.sub(x, mul(f64x2.sub(magic, splat(MAGIC)), splat(LN2 / 16.0))));
  const T = powers(magic);
  const tp = mul(T, p);
  return f64x2.div(add(tp, f64x2.sub(T, splat(1.0))), add(tp, add(T, splat(1.0))));
}

// exp(-u^2 / 2)
// @ts-ignore: decorator
@inline function gauss2(u: v128): v128 {
  const x = f64x2.neg(f64x2.pmin(mul(mul(u, u), splat(0.5)), splat(690.0)));
  const magic = fma(x, splat(16.0 / LN2), splat(MAGIC));
  const p = small(f64x2.sub(x, mul(f64x2.sub(magic, splat(MAGIC)), splat(LN2 / 16.0))));
  const T = powers(magic);
  return fma(T, p, T);
}

// exp(u^2 / 2) erfc(|u| / sqrt 2)
// @ts-ignore: decorator
@inline function erfcx2(u: v128): v128 {
  const v = f64x2.pmin(mul(f64x2.abs(u), splat(0.7071067811865476)), splat(7.0));
  const t = f64x2.div(f64x2.sub(v, splat(4.0)), add(v, splat(4.0)));
  let q = v128.load64_splat(ERFCX);
  for (let i: usize = 8; i < 144; i += 8) q = fma(q, t, v128.load64_splat(ERFCX + i));
  return q;
}

// erf(u / sqrt 2)
// @ts-ignore: decorator
@inline function erf2(u: v128, gauss: v128): v128 {
  const r = f64x2.sub(splat(1.0), mul(erfcx2(u), gauss));
  return v128.or(r, v128.and(u, i64x2.splat(i64.MIN_VALUE)));
}

// u within -limit .. limit; NaN stays.
// @ts-ignore: decorator
@inline function clamp(u: v128, limit: f64): v128 { return f64x2.pmax(f64x2.pmin(u, splat(limit)), splat(-limit)); }

// Phi(u), the normal distribution.
// @ts-ignore: decorator
@inline function phi2(u: v128, gauss: v128): v128 {
  const tail = mul(mul(splat(0.5), erfcx2(u)), gauss);
  return v128.bitselect(tail, f64x2.sub(splat(1.0), tail), f64x2.lt(u, splat(0.0)));
}

// exp(u) for |u| <= 690
// @ts-ignore: decorator
@inline function exp2(u: v128): v128 {
  const magic = fma(u, splat(16.0 / LN2), splat(MAGIC));
  const p = small(f64x2.sub(u, mul(f64x2.sub(magic, splat(MAGIC)), splat(LN2 / 16.0))));
  const T = powers(magic);
  return fma(T, p, T);
}

// 1 / (1 + exp(u)), with u within 690 of 0.
// @ts-ignore: decorator
@inline function rest2(exp: v128): v128 { return f64x2.div(splat(1.0), add(exp, splat(1.0))); }

// @ts-ignore: decorator
@inline function value(activation: i32, u: v128): v128 {
  if (activation == 0) return tanh2(u);
  if (activation == 1) return erf2(u, gauss2(u));
  if (activation == 2) return f64x2.pmax(u, splat(0.0));
  if (activation == 3) return mul(f64x2.pmax(u, splat(-40.0)), phi2(u, gauss2(u)));
  if (activation == 4) {
    const exp = exp2(clamp(u, 690.0));
    return mul(f64x2.pmax(u, splat(-690.0)), mul(exp, rest2(exp)));
  }
  return u;
}

// out [d, S] += sum_i b_i act(a_i . z + bias_i). With `keeping`, the activations go into `kept` [m, S], too.
// @ts-ignore: decorator
@inline function forwardOf(
  activation: i32, keeping: bool, d: i32, S: i32, m: i32, a: usize, b: usize, bias: usize,
  z: usize, out: usize, kept: usize
): void {
  const row = <usize>S << 3;
  const width = <usize>d << 3;
  for (let i = 0; i < m; i += 2) {
    // the last of an odd number stands beside a particle that counts nothing
    const second = i + 1 < m;
    const a0 = a + <usize>i * width;
    const b0 = b + <usize>i * width;
    const a1 = second ? a0 + width : a0;
    const b1 = second ? b0 + width : b0;
    const weight = second ? 1.0 : 0.0;
    const c0 = v128.load64_splat(bias + (<usize>i << 3));
    const c1 = v128.load64_splat(bias + (<usize>(second ? i + 1 : i) << 3));
    for (let s: usize = 0; s < row; s += 32) {
      let u00 = c0, u01 = c0, u10 = c1, u11 = c1;
      let at = z + s;
      for (let k: usize = 0; k < width; k += 8) {
        const z0 = v128.load(at), z1 = v128.load(at, 16);
        const x0 = v128.load64_splat(a0 + k), x1 = v128.load64_splat(a1 + k);
        u00 = fma(x0, z0, u00);
        u01 = fma(x0, z1, u01);
        u10 = fma(x1, z0, u10);
        u11 = fma(x1, z1, u11);
        at += row;
      }
      const w = splat(weight);
      u00 = value(activation, u00);
      u01 = value(activation, u01);
      u10 = value(activation, u10);
      u11 = value(activation, u11);
      if (keeping) {
        const t0 = kept + <usize>i * row + s;
        // beside the last of an odd number stands itself: nothing is written behind its row
        const t1 = second ? t0 + row : t0;
        v128.store(t0, u00);
        v128.store(t0, u01, 16);
        v128.store(t1, u10);
        v128.store(t1, u11, 16);
      }
      u10 = mul(w, u10);
      u11 = mul(w, u11);
      at = out + s;
      for (let k: usize = 0; k < width; k += 8) {
        const y0 = v128.load64_splat(b0 + k), y1 = v128.load64_splat(b1 + k);
        v128.store(at, add(v128.load(at), fma(y0, u00, mul(y1, u10))));
        v128.store(at, add(v128.load(at, 16), fma(y0, u01, mul(y1, u11))), 16);
        at += row;
      }
    }
  }
}

function forward(
  activation: i32, d: i32, S: i32, m: i32, a: usize, b: usize, bias: usize,
  z: usize, out: usize, kept: usize
): void {
  if (activation == 0) {
    if (kept == 0) forwardOf(0, false, d, S, m, a, b, bias, z, out, 0);
    else forwardOf(0, true, d, S, m, a, b, bias, z, out, kept);
  } else if (activation == 1) forwardOf(1, false, d, S, m, a, b, bias, z, out, 0);
  else if (activation == 2) forwardOf(2, false, d, S, m, a, b, bias, z, out, 0);
  else if (activation == 3) forwardOf(3, false, d, S, m, a, b, bias, z, out, 0);
  else if (activation == 4) forwardOf(4, false, d, S, m, a, b, bias, z, out, 0);
  else forwardOf(5, false, d, S, m, a, b, bias, z, out, 0);
}

// @ts-ignore: decorator
@inline function sum(v: v128): f64 { return f64x2.extract_lane(v, 0) + f64x2.extract_lane(v, 1); }

// Stores act(u) at `t`, and the gradient by u, (b . p) act'(u), at `t + gradients`; returns the latter.
// @ts-ignore: decorator
@inline function keep(activation: i32, u: v128, bp: v128, t: usize, gradients: usize): v128 {
  let v: v128, derivative: v128;
  if (activation == 0) {
    v = tanh2(u);
    derivative = f64x2.sub(splat(1.0), mul(v, v));
  } else if (activation == 1) {
    const gauss = gauss2(u);
    v = erf2(u, gauss);
    derivative = mul(gauss, splat(0.7978845608028654));
  } else if (activation == 2) {
    v = f64x2.pmax(u, splat(0.0));
    derivative = v128.and(f64x2.gt(u, splat(0.0)), splat(1.0));
  } else if (activation == 3) {
    const gauss = gauss2(u), phi = phi2(u, gauss);
    v = mul(f64x2.pmax(u, splat(-40.0)), phi);
    derivative = fma(clamp(u, 40.0), mul(gauss, splat(0.3989422804014327)), phi);
  } else if (activation == 4) {
    const near = clamp(u, 690.0), exp = exp2(near), rest = rest2(exp), sigma = mul(exp, rest);
    v = mul(f64x2.pmax(u, splat(-690.0)), sigma);
    derivative = fma(mul(near, rest), sigma, sigma);
  } else {
    v = u;
    derivative = splat(1.0);
  }
  const gradient = mul(derivative, bp);
  v128.store(t, v);
  v128.store(t + gradients, gradient);
  return gradient;
}

// The gradient by u from a tanh that was kept: as `keep` has it, to the last bit.
// @ts-ignore: decorator
@inline function keptGradient(v: v128, bp: v128, to: usize): v128 {
  const s = mul(f64x2.sub(splat(1.0), mul(v, v)), bp);
  v128.store(to, s);
  return s;
}

// Gradients (sums over samples) of m particles into ga, gb, gbias; back [d, S] += sum_i a_i (b_i . p) act'. `scratch`
// holds [4, S]: activations of two particles, then their gradients. With `keeping`, activations are in `kept` [m, S].
// @ts-ignore: decorator
@inline function backwardOf(
  activation: i32, keeping: bool, d: i32, S: i32, m: i32, a: usize, b: usize, bias: usize,
  z: usize, p: usize, back: usize, ga: usize, gb: usize, gbias: usize, scratch: usize, kept: usize
): void {
  const row = <usize>S << 3;
  const width = <usize>d << 3;
  const gradients = row << 1;
  for (let i = 0; i < m; i += 2) {
    const second = i + 1 < m;
    const a0 = a + <usize>i * width;
    const b0 = b + <usize>i * width;
    const a1 = second ? a0 + width : a0;
    const b1 = second ? b0 + width : b0;
    const c0 = v128.load64_splat(bias + (<usize>i << 3));
    const c1 = v128.load64_splat(bias + (<usize>(second ? i + 1 : i) << 3));
    let d0 = splat(0.0), d1 = splat(0.0);
    const weight = splat(second ? 1.0 : 0.0);
    const v0 = keeping ? kept + <usize>i * row : scratch;
    const v1 = keeping && !second ? v0 : v0 + row;
    for (let s: usize = 0; s < row; s += 32) {
      let u00 = c0, u01 = c0, u10 = c1, u11 = c1;
      let q00 = splat(0.0), q01 = splat(0.0), q10 = splat(0.0), q11 = splat(0.0);
      let at = z + s, pt = p + s;
      for (let k: usize = 0; k < width; k += 8) {
        const z0 = v128.load(at), z1 = v128.load(at, 16), p0 = v128.load(pt), p1 = v128.load(pt, 16);
        const x0 = v128.load64_splat(a0 + k), x1 = v128.load64_splat(a1 + k),
          y0 = v128.load64_splat(b0 + k), y1 = v128.load64_splat(b1 + k);
        if (!keeping) {
          u00 = fma(x0, z0, u00);
          u01 = fma(x0, z1, u01);
          u10 = fma(x1, z0, u10);
          u11 = fma(x1, z1, u11);
        }
        q00 = fma(y0, p0, q00);
        q01 = fma(y0, p1, q01);
        q10 = fma(y1, p0, q10);
        q11 = fma(y1, p1, q11);
        at += row;
        pt += row;
      }
      q10 = mul(weight, q10);
      q11 = mul(weight, q11);
      const t = scratch + s;
      if (keeping) {
        const to = t + gradients;
        d0 = add(d0, keptGradient(v128.load(v0 + s), q00, to));
        d0 = add(d0, keptGradient(v128.load(v0 + s, 16), q01, to + 16));
        d1 = add(d1, keptGradient(v128.load(v1 + s), q10, to + row));
        d1 = add(d1, keptGradient(v128.load(v1 + s, 16), q11, to + row + 16));
      } else {
        d0 = add(d0, keep(activation, u00, q00, t, gradients));
        d0 = add(d0, keep(activation, u01, q01, t + 16, gradients));
        d1 = add(d1, keep(activation, u10, q10, t + row, gradients));
        d1 = add(d1, keep(activation, u11, q11, t + row + 16, gradients));
      }
    }
    store<f64>(gbias + (<usize>i << 3), sum(d0));
    if (second) store<f64>(gbias + (<usize>(i + 1) << 3), sum(d1));
    for (let k: usize = 0; k < width; k += 8) {
      const x0 = v128.load64_splat(a0 + k), x1 = v128.load64_splat(a1 + k);
      let da0 = splat(0.0), da1 = splat(0.0), db0 = splat(0.0), db1 = splat(0.0);
      let at = z + (k >> 3) * row, pt = p + (k >> 3) * row, bt = back + (k >> 3) * row;
      let w0 = v0, w1 = v1;
      const end = scratch + row;
      for (let t = scratch; t < end; t += 32) {
        const z0 = v128.load(at), z1 = v128.load(at, 16), p0 = v128.load(pt), p1 = v128.load(pt, 16);
        const s00 = v128.load(t + gradients), s01 = v128.load(t + gradients, 16),
          s10 = v128.load(t + gradients + row), s11 = v128.load(t + gradients + row, 16);
        da0 = add(da0, fma(s00, z0, mul(s01, z1)));
        da1 = add(da1, fma(s10, z0, mul(s11, z1)));
        db0 = add(db0, fma(v128.load(w0), p0, mul(v128.load(w0, 16), p1)));
        db1 = add(db1, fma(v128.load(w1), p0, mul(v128.load(w1, 16), p1)));
        v128.store(bt, add(v128.load(bt), fma(s00, x0, mul(s10, x1))));
        v128.store(bt, add(v128.load(bt, 16), fma(s01, x0, mul(s11, x1))), 16);
        w0 += 32;
        w1 += 32;
        at += 32;
        pt += 32;
        bt += 32;
      }
      store<f64>(ga + <usize>i * width + k, sum(da0));
      store<f64>(gb + <usize>i * width + k, sum(db0));
      if (second) {
        store<f64>(ga + <usize>(i + 1) * width + k, sum(da1));
        store<f64>(gb + <usize>(i + 1) * width + k, sum(db1));
      }
    }
  }
}

function backward(
  activation: i32, d: i32, S: i32, m: i32, a: usize, b: usize, bias: usize,
  z: usize, p: usize, back: usize, ga: usize, gb: usize, gbias: usize, scratch: usize, kept: usize
): void {
  if (activation == 0) {
    if (kept == 0) backwardOf(0, false, d, S, m, a, b, bias, z, p, back, ga, gb, gbias, scratch, 0);
    else backwardOf(0, true, d, S, m, a, b, bias, z, p, back, ga, gb, gbias, scratch, kept);
  } else if (activation == 1) backwardOf(1, false, d, S, m, a, b, bias, z, p, back, ga, gb, gbias, scratch, 0);
  else if (activation == 2) backwardOf(2, false, d, S, m, a, b, bias, z, p, back, ga, gb, gbias, scratch, 0);
  else if (activation == 3) backwardOf(3, false, d, S, m, a, b, bias, z, p, back, ga, gb, gbias, scratch, 0);
  else if (activation == 4) backwardOf(4, false, d, S, m, a, b, bias, z, p, back, ga, gb, gbias, scratch, 0);
  else backwardOf(5, false, d, S, m, a, b, bias, z, p, back, ga, gb, gbias, scratch, 0);
}

// ---- tangents: the derivative of a pass in K directions. One particle at a time, in rows of S values. ----

// t = act(u), s = act'(u) and act''(u), at `at` and one and two rows behind it.
function laws(activation: i32, u: v128, at: usize, row: usize): void {
  let t: v128, s: v128, bend: v128;
  if (activation == 0) {
    t = tanh2(u);
    s = f64x2.sub(splat(1.0), mul(t, t));
    bend = mul(mul(splat(-2.0), t), s);
  } else if (activation == 1) {
    const gauss = gauss2(u);
    t = erf2(u, gauss);
    s = mul(gauss, splat(0.7978845608028654));
    bend = mul(f64x2.neg(u), s);
  } else if (activation == 2) {
    t = f64x2.pmax(u, splat(0.0));
    s = v128.and(f64x2.gt(u, splat(0.0)), splat(1.0));
    bend = splat(0.0);
  } else if (activation == 3) {
    const gauss = gauss2(u), phi = phi2(u, gauss), near = clamp(u, 40.0), density = splat(0.3989422804014327);
    t = mul(f64x2.pmax(u, splat(-40.0)), phi);
    s = fma(near, mul(gauss, density), phi);
    bend = mul(mul(f64x2.sub(splat(2.0), mul(near, near)), gauss2(near)), density);
  } else if (activation == 4) {
    const near = clamp(u, 690.0), exp = exp2(near), rest = rest2(exp), sigma = mul(exp, rest);
    t = mul(f64x2.pmax(u, splat(-690.0)), sigma);
    s = fma(mul(near, rest), sigma, sigma);
    bend = mul(mul(sigma, rest), fma(near, f64x2.sub(rest, sigma), splat(2.0)));
  } else {
    t = u;
    s = splat(1.0);
    bend = splat(0.0);
  }
  v128.store(at, t);
  v128.store(at + row, s);
  v128.store(at + (row << 1), bend);
}

// A row: c + x . z, plus y . w unless there is no w; z and w are sheets, x and y have d values.
function affine(to: usize, row: usize, width: usize, c: f64, x: usize, z: usize, y: usize, w: usize): void {
  for (let s: usize = 0; s < row; s += 32) {
    let u0 = splat(c), u1 = u0;
    let at = z + s;
    for (let k: usize = 0; k < width; k += 8) {
      const v = v128.load64_splat(x + k);
      u0 = fma(v, v128.load(at), u0);
      u1 = fma(v, v128.load(at, 16), u1);
      at += row;
    }
    if (w != 0) {
      at = w + s;
      for (let k: usize = 0; k < width; k += 8) {
        const v = v128.load64_splat(y + k);
        u0 = fma(v, v128.load(at), u0);
        u1 = fma(v, v128.load(at, 16), u1);
        at += row;
      }
    }
    v128.store(to + s, u0);
    v128.store(to + s, u1, 16);
  }
}

// The sheet `to` += x r, plus y q unless there is no q; r and q are rows, x and y have d values.
function spread(to: usize, row: usize, width: usize, x: usize, r: usize, y: usize, q: usize): void {
  for (let k: usize = 0; k < width; k += 8) {
    const v = v128.load64_splat(x + k), w = q == 0 ? splat(0.0) : v128.load64_splat(y + k);
    for (let s: usize = 0; s < row; s += 16) {
      let sum = fma(v, v128.load(r + s), v128.load(to + s));
      if (q != 0) sum = fma(w, v128.load(q + s), sum);
      v128.store(to + s, sum);
    }
    to += row;
  }
}

// d values: the sums over samples of r z, plus q w unless there is no q; r and q are rows, z and w sheets.
function project(to: usize, row: usize, width: usize, r: usize, z: usize, q: usize, w: usize): void {
  for (let k: usize = 0; k < width; k += 8) {
    let total0 = splat(0.0), total1 = splat(0.0);
    for (let s: usize = 0; s < row; s += 16) {
      total0 = fma(v128.load(r + s), v128.load(z + s), total0);
      if (q != 0) total1 = fma(v128.load(q + s), v128.load(w + s), total1);
    }
    store<f64>(to + k, sum(add(total0, total1)));
    z += row;
    w += row;
  }
}

// One chunk of m particles forward: sheets [1 + K] of sums b t, and of their changes db t + b s du. Directions lie
// `apart` bytes from each other, their biases `alone`. `scratch` holds four rows.
function tangentForward(
  activation: i32, d: i32, S: i32, m: i32, a: usize, b: usize, bias: usize, z: usize, out: usize, scratch: usize,
  K: i32, da: usize, db: usize, dbias: usize, apart: usize, alone: usize, dz: usize
): void {
  const row = <usize>S << 3, width = <usize>d << 3, sheet = <usize>d * row;
  const t = scratch, slope = t + row, du = t + 3 * row;
  for (let i = 0; i < m; i++) {
    affine(du, row, width, load<f64>(bias), a, z, 0, 0);
    for (let s: usize = 0; s < row; s += 16) laws(activation, v128.load(du + s), t + s, row);
    spread(out, row, width, b, t, 0, 0);
    for (let q = 0; q < K; q++) {
      const other = <usize>q * apart, change = <usize>(q + 1) * sheet;
      affine(du, row, width, load<f64>(dbias + <usize>q * alone), da + other, z, a, dz + <usize>q * sheet);
      for (let s: usize = 0; s < row; s += 16)
        v128.store(du + s, mul(v128.load(slope + s), v128.load(du + s)));
      spread(out + change, row, width, db + other, t, b, du);
    }
    a += width; b += width; bias += 8;
    da += width; db += width; dbias += 8;
  }
}

// The same chunk backward: sums of gradients over samples into ga, gb, gbias and of their changes into those of the
// directions, and sheets [1 + K] of gradients by the layer's input. `scratch` holds six rows.
function tangentBackward(
  activation: i32, d: i32, S: i32, m: i32, a: usize, b: usize, bias: usize, z: usize, p: usize, back: usize,
  ga: usize, gb: usize, gbias: usize, scratch: usize, K: i32, da: usize, db: usize, dbias: usize, apart: usize,
  alone: usize, dz: usize, dp: usize, gda: usize, gdb: usize, gdbias: usize
): void {
  const row = <usize>S << 3, width = <usize>d << 3, sheet = <usize>d * row;
  const t = scratch, slope = t + row, bend = slope + row, gradient = bend + row, change = gradient + row,
    du = change + row;
  for (let i = 0; i < m; i++) {
    affine(du, row, width, load<f64>(bias), a, z, 0, 0);
    affine(gradient, row, width, 0.0, b, p, 0, 0);
    let total = splat(0.0);
    for (let s: usize = 0; s < row; s += 16) {
      laws(activation, v128.load(du + s), t + s, row);
      const bp = v128.load(gradient + s), own = mul(v128.load(slope + s), bp);
      v128.store(gradient + s, own);
      v128.store(bend + s, mul(v128.load(bend + s), bp));
      total = add(total, own);
    }
    store<f64>(gbias, sum(total));
    project(ga, row, width, gradient, z, 0, 0);
    project(gb, row, width, t, p, 0, 0);
    spread(back, row, width, a, gradient, 0, 0);
    for (let q = 0; q < K; q++) {
      const other = <usize>q * apart, at = <usize>q * sheet, one = <usize>q * alone;
      affine(du, row, width, load<f64>(dbias + one), da + other, z, a, dz + at);
      affine(change, row, width, 0.0, db + other, p, b, dp + at);
      total = splat(0.0);
      for (let s: usize = 0; s < row; s += 16) {
        const moved = v128.load(du + s), s1 = v128.load(slope + s);
        const all = fma(v128.load(change + s), s1, mul(v128.load(bend + s), moved));
        v128.store(change + s, all);
        v128.store(du + s, mul(s1, moved));
        total = add(total, all);
      }
      store<f64>(gdbias + one, sum(total));
      project(gda + other, row, width, change, z, gradient, dz + at);
      project(gdb + other, row, width, du, p, t, dp + at);
      spread(back + sheet + at, row, width, a, change, da + other, gradient);
    }
    a += width; b += width; bias += 8; ga += width; gb += width; gbias += 8;
    da += width; db += width; dbias += 8; gda += width; gdb += width; gdbias += 8;
  }
}

// ---- jobs: the chunks of one layer, taken by any number of threads ----

// Fields of a job, 32 bits each, in the order of JOB in machine.ts.
// @ts-ignore: decorator
@inline function field(job: usize, index: i32): i32 { return load<i32>(job + (<usize>index << 2)); }

// One chunk of particles. Field 0 says which pass: 0 forward into sheet `chunk` of the partial sums, 1 backward; 2 and
// 3 the same with tangents, whose sheets follow.
export function run(job: usize, chunk: i32, thread: i32): void {
  const pass = field(job, 0), activation = field(job, 1), d = field(job, 2), S = field(job, 3), m = field(job, 4),
    chunks = field(job, 5);
  const first = <i32>(<i64>m * chunk / chunks), count = <i32>(<i64>m * (chunk + 1) / chunks) - first;
  const rows = <usize>first * <usize>d << 3, single = <usize>first << 3;
  const a = <usize>field(job, 6) + rows, b = <usize>field(job, 7) + rows, bias = <usize>field(job, 8) + single;
  const z = <usize>field(job, 9), p = <usize>field(job, 10);
  const ga = <usize>field(job, 12) + rows, gb = <usize>field(job, 13) + rows, gbias = <usize>field(job, 14) + single;
  const K = pass < 2 ? 0 : field(job, 17), bytes = (<usize>d * <usize>S << 3) * <usize>(1 + K);
  const sheet = <usize>field(job, 11) + <usize>chunk * bytes;
  memory.fill(sheet, 0, bytes);
  if (pass < 2) {
    // 0: none are kept
    const all = <usize>field(job, 16), kept = all == 0 ? 0 : all + (<usize>first * <usize>S << 3);
    const scratch = <usize>field(job, 15) + <usize>thread * (<usize>S << 5);
    if (pass == 0) forward(activation, d, S, count, a, b, bias, z, sheet, kept);
    else backward(activation, d, S, count, a, b, bias, z, p, sheet, ga, gb, gbias, scratch, kept);
    return;
  }
  const scratch = <usize>field(job, 15) + <usize>thread * (6 * <usize>S << 3);
  const da = <usize>field(job, 18) + rows, db = <usize>field(job, 19) + rows, dbias = <usize>field(job, 20) + single;
  const apart = <usize>m * <usize>d << 3, alone = <usize>m << 3, dz = <usize>field(job, 21);
  if (pass == 2) {
    tangentForward(
      activation, d, S, count, a, b, bias, z, sheet, scratch, K, da, db, dbias, apart, alone, dz
    );
  } else {
    tangentBackward(
      activation, d, S, count, a, b, bias, z, p, sheet, ga, gb, gbias, scratch, K, da, db, dbias, apart, alone, dz,
      <usize>field(job, 22), <usize>field(job, 23) + rows, <usize>field(job, 24) + rows, <usize>field(job, 25) + single
    );
  }
}
