/** What often stands where a binary file is expected: a pointer of Git LFS, a page that says why there is no file. */

/** How a pointer of Git LFS begins (git-lfs, docs/spec.md). */
const POINTER = 'version https://git-lfs.github.com/spec/v';
/** Bytes from the beginning of a file that show whether it is a text; a pointer has fewer. */
export const SHOWN_BYTES = 1024;
/** Control characters that texts have. */
const IN_TEXTS = [...'\t\n\v\f\r\x1b'].map((one) => one.charCodeAt(0));

/** What to say of a file that is a pointer of Git LFS; undefined of any other. */
export function pointerInstead(bytes: Uint8Array): string | undefined {
  return latin1(bytes).startsWith(POINTER)
    ? 'a Git LFS pointer, not the file itself; fetch that with "git lfs pull"'
    : undefined;
}

/**
 * What to say of a file that is a text, by its first bytes; undefined where it may be binary, or is empty.
 *
 * @param format what was expected, with its article: "a safetensors file".
 */
export function textInstead(bytes: Uint8Array, format: string): string | undefined {
  const begin = bytes.subarray(0, SHOWN_BYTES);
  const pointer = pointerInstead(begin);
  if (pointer !== undefined) return pointer;
  if (begin.length === 0 || !isText(begin)) return undefined;
  return /^\s*<(!doctype\s+html|html|head|body)\b/i.test(latin1(begin).replace(/^\xef\xbb\xbf/, ''))
    ? `an HTML page, not ${format}; fetch the file itself, as a browser downloads it`
    : `a text, not ${format}; give the path of the binary file, or fetch it again`;
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, SHOWN_BYTES)).toString('latin1');
}

/** Whether bytes are UTF-8, which may end within a character, without control characters. */
function isText(bytes: Uint8Array): boolean {
  if (bytes.some((byte) => byte < 32 && !IN_TEXTS.includes(byte))) return false;
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: true });
    return true;
  } catch {
    return false;
  }
}
