/**
 * Counter-based random numbers: Philox4x32-10 (Salmon, Moraes, Dror, Shaw 2011, "Parallel random numbers: as easy as 1,
 * 2, 3"). A draw is a pure function of (key, counter), so that a run which is resumed, or a step which is computed on
 * another worker, draws the same numbers without any saved state beyond its step number.
 */
import { createHash } from 'node:crypto';
import { checkWhole } from './range.js';

/** Two 32-bit words. Derive one with {@link rngKey}; never build one by hand. */
export type RngKey = readonly [number, number];

/** The constants of Philox, and below its words, as signed integers: V8 has no floating-point numbers to make then. */
const MULTIPLIER_0 = 0xd2511f53 | 0;
const MULTIPLIER_1 = 0xcd9e8d57 | 0;
const WEYL_0 = 0x9e3779b9 | 0;
const WEYL_1 = 0xbb67ae85 | 0;
const ROUNDS = 10;
/** The most draws at once: an array of numbers has no more. */
const MOST_DRAWS = 2 ** 32 - 2;

/**
 * Key of a named stream: `rngKey(seed, 'data', epoch)`. Different paths give independent streams. Throws RangeError on
 * a number that is not finite.
 */
export function rngKey(seed: number, ...path: (string | number)[]): RngKey {
  // JSON has one word, null, for all that is no number: two such keys would be one stream
  for (const part of [seed, ...path])
    if (typeof part !== 'string' && !Number.isFinite(part))
      throw new RangeError(`rngKey: expected finite numbers and names, got ${String(part)}`);
  const digest = createHash('sha256')
    .update(JSON.stringify([seed, ...path]))
    .digest();
  return [digest.readUInt32LE(0), digest.readUInt32LE(4)];
}

/** The upper 32 bits of a product of two words, by halves. */
function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const first = Math.imul(aHigh, bLow);
  const second = Math.imul(aLow, bHigh);
  const carry = (first & 0xffff) + (second & 0xffff) + (Math.imul(aLow, bLow) >>> 16);
  return (Math.imul(aHigh, bHigh) + (first >>> 16) + (second >>> 16) + (carry >>> 16)) | 0;
}

/** One Philox4x32-10 block: 4 words from a 4-word counter and a 2-word key, written to `out`. */
export function philox(counter: readonly [number, number, number, number], key: RngKey, out: Uint32Array): void {
  let c0 = counter[0] | 0;
  let c1 = counter[1] | 0;
  let c2 = counter[2] | 0;
  let c3 = counter[3] | 0;
  let k0 = key[0] | 0;
  let k1 = key[1] | 0;
  for (let round = 0; round < ROUNDS; round++) {
    const high0 = multiplyHigh(MULTIPLIER_0, c0);
    const high1 = multiplyHigh(MULTIPLIER_1, c2);
    const low0 = Math.imul(MULTIPLIER_0, c0);
    const low1 = Math.imul(MULTIPLIER_1, c2);
    c0 = high1 ^ c1 ^ k0;
    c1 = low1;
    c2 = high0 ^ c3 ^ k1;
    c3 = low0;
    k0 = (k0 + WEYL_0) | 0;
    k1 = (k1 + WEYL_1) | 0;
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
}

/** A number on (0, 1) of two words, 53 bits. */
function unit(high: number, low: number): number {
  return (high * 2 ** 21 + (low >>> 11) + 0.5) * 2 ** -53;
}

/** Throws RangeError unless a stream has `n` draws from `offset` on. */
function checkDraws(what: string, n: number, offset: number): void {
  checkWhole(`${what}: n`, n, 0, MOST_DRAWS);
  checkWhole(`${what}: offset`, offset);
}

/**
 * `n` numbers uniform on (0, 1), 53 bits each, never 0 or 1; draws `offset`, `offset + 1`, ... of the stream. Throws
 * RangeError unless both are whole numbers of at least 0.
 */
export function uniforms(key: RngKey, n: number, offset = 0): Float64Array {
  checkDraws('uniforms', n, offset);
  const out = new Float64Array(n);
  const words = new Uint32Array(4);
  const counter: [number, number, number, number] = [0, 0, 0, 0];
  let block = Math.floor(offset / 2);
  // a block is two draws, of which the first may not be asked for
  for (let i = offset % 2 === 0 ? 0 : -1; i < n; i += 2, block++) {
    counter[0] = block >>> 0;
    counter[1] = Math.floor(block / 2 ** 32);
    philox(counter, key, words);
    if (i >= 0) out[i] = unit(words[0]!, words[1]!);
    if (i + 1 < n) out[i + 1] = unit(words[2]!, words[3]!);
  }
  return out;
}

/**
 * `n` standard normal numbers (Box-Muller); draws `offset`, `offset + 1`, ... of the stream. Throws RangeError unless
 * both are whole numbers of at least 0.
 */
export function normals(key: RngKey, n: number, offset = 0): Float64Array {
  checkDraws('normals', n, offset);
  const skipped = offset % 2;
  return normalsOf(uniforms(key, 2 * Math.ceil((n + skipped) / 2), offset - skipped), skipped).subarray(0, n);
}

/** Makes normal numbers of pairs of uniform ones, in their place; the first `skipped` of them (0 or 1) are left out. */
function normalsOf(u: Float64Array, skipped: number): Float64Array {
  for (let pair = 0; pair < u.length; pair += 2) {
    const radius = Math.sqrt(-2 * Math.log(u[pair]!));
    const angle = 2 * Math.PI * u[pair + 1]!;
    const i = pair - skipped; // -1 where the first draw of a pair is not asked for
    if (i >= 0) u[i] = radius * Math.cos(angle);
    u[i + 1] = radius * Math.sin(angle);
  }
  return u;
}

/** A random order of 0..n-1 (Fisher-Yates). Throws RangeError unless n is a whole number of at least 0. */
export function permutation(key: RngKey, n: number): Uint32Array {
  checkWhole('permutation: n', n, 0, MOST_DRAWS);
  const order = new Uint32Array(n);
  for (let i = 0; i < n; i++) order[i] = i;
  const u = uniforms(key, n);
  for (let i = n - 1; i > 0; i--) {
    const j = Math.floor(u[i]! * (i + 1));
    const swapped = order[i]!;
    order[i] = order[j]!;
    order[j] = swapped;
  }
  return order;
}

/**
 * `m` different indices out of 0..n-1, in random order. Throws RangeError when m > n, or one is no whole number of at
 * least 0.
 */
export function subset(key: RngKey, n: number, m: number): Uint32Array {
  checkWhole('subset: n', n, 0, MOST_DRAWS);
  checkWhole('subset: m', m);
  if (m > n) throw new RangeError(`subset: expected m <= n, got m = ${m}, n = ${n}`);
  return permutation(key, n).slice(0, m);
}
