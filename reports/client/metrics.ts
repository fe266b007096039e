/**
 * How wide a text is, by a table instead of by a canvas: a figure that is drawn beforehand, without any, has the size
 * of the one that takes its place in the reader's browser, so that nothing on the page moves.
 */

/**
 * Widths over the size of the font: the most that a letter of each kind has in DejaVu Sans, the widest of the page's
 * fonts, so that no text is cut off.
 */
const WIDTHS: readonly (readonly [RegExp, number])[] = [
  [/[ijl.,:;'’|!/\s]/, 0.34],
  [/[ftrIJ()[\]-]/, 0.42],
  [/[cksvxyz]/, 0.6],
  [/[mwMW%@—]/, 1],
  [/[+−=<>~×±]/, 0.84],
  [/[A-Z]/, 0.79],
];
const OTHER = 0.64;

/** Width in pixels of a text in a font of that size. */
function textWidth(text: string, size: number): number {
  let width = 0;
  for (const character of text) width += WIDTHS.find(([pattern]) => pattern.test(character))?.[1] ?? OTHER;
  return Math.ceil(width * size);
}

/** What vega measures texts by. */
interface TextMetrics {
  width: (item: { readonly text?: string | number; readonly fontSize?: number }, line?: string | number) => number;
}

/** Lets vega measure by the table. */
export function measureByTable(metrics: unknown): void {
  (metrics as TextMetrics).width = ({ text, fontSize = 11 }, line) => {
    const shown = line ?? text;
    return shown === undefined ? 0 : textWidth(String(shown), fontSize);
  };
}
