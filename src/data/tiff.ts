/** What a TIFF's first directory says of its pixels; sharp passes over some of it. */

const [COMPRESSION, PHOTOMETRIC] = [259, 262] as const;
const YCBCR = 6;
/** Compressions whose decoder turns luminance and chroma into red, green and blue: JPEG, old and new. */
const JPEG: readonly number[] = [6, 7];

/** The short numbers of the first directory, by tag; none where the bytes are no TIFF of 32-bit offsets. */
function shortTags(bytes: Buffer): ReadonlyMap<number, number> {
  const tags = new Map<number, number>();
  const little = bytes.toString('latin1', 0, 2) === 'II';
  const short = (at: number): number => (little ? bytes.readUInt16LE(at) : bytes.readUInt16BE(at));
  const long = (at: number): number => (little ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at));
  if (bytes.length < 8 || short(2) !== 42) return tags;
  const directory = long(4);
  if (directory + 2 > bytes.length) return tags;
  for (let i = 0; i < short(directory); i++) {
    const at = directory + 2 + 12 * i;
    if (at + 12 > bytes.length) break;
    if (short(at + 2) === 3) tags.set(short(at), short(at + 8));
  }
  return tags;
}

/** Whether a TIFF holds luminance and chroma as they are, which sharp takes for red, green and blue. */
export function hasPlainYCbCr(bytes: Buffer): boolean {
  const tags = shortTags(bytes);
  return tags.get(PHOTOMETRIC) === YCBCR && !JPEG.includes(tags.get(COMPRESSION) ?? 1);
}
