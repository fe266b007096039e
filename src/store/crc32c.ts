/** CRC-32C (Castagnoli), the checksum of TensorFlow's files. */

/** The polynomial of RFC 3720, its bits reversed. */
const POLYNOMIAL = 0x82f63b78;
/** Bytes that one pass of the loop takes in. */
const SLICE = 8;
/** `TABLES[256 k + b]`: the checksum's bits of byte b with k zero bytes after it. */
const TABLES = tables();

function tables(): Int32Array {
  const all = new Int32Array(256 * SLICE);
  for (let byte = 0; byte < 256; byte++) {
    let sum = byte;
    for (let bit = 0; bit < 8; bit++) sum = sum & 1 ? (sum >>> 1) ^ POLYNOMIAL : sum >>> 1;
    all[byte] = sum;
  }
  for (let at = 256; at < all.length; at++) all[at] = all[all[at - 256]! & 255]! ^ (all[at - 256]! >>> 8);
  return all;
}

/** The CRC-32C of bytes, from 0 to 2^32 - 1. */
export function crc32c(bytes: Uint8Array): number {
  let [sum, at] = [-1, 0];
  for (; at + SLICE <= bytes.length; at += SLICE) {
    sum ^= bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    sum =
      TABLES[1792 + (sum & 255)]! ^
      TABLES[1536 + ((sum >>> 8) & 255)]! ^
      TABLES[1280 + ((sum >>> 16) & 255)]! ^
      TABLES[1024 + (sum >>> 24)]! ^
      TABLES[768 + bytes[at + 4]!]! ^
      TABLES[512 + bytes[at + 5]!]! ^
      TABLES[256 + bytes[at + 6]!]! ^
      TABLES[bytes[at + 7]!]!;
  }
  for (; at < bytes.length; at++) sum = TABLES[(sum ^ bytes[at]!) & 255]! ^ (sum >>> 8);
  return ~sum >>> 0;
}

/**
 * The CRC-32C of bytes as LevelDB and TensorFlow store it: rotated, plus a constant, so that a checksum of bytes that
 * hold checksums is no fixed point.
 */
export function maskedCrc32c(bytes: Uint8Array): number {
  const sum = crc32c(bytes);
  return (((sum >>> 15) | (sum << 17)) + 0xa282ead8) >>> 0;
}
