/** Text within HTML and within tables of Markdown. */

/** Who wrote a page or a file of tensors, as both say it. */
export const GENERATOR = 'gowide';

/** Who wrote an ONNX file, as it says it. */
export const PRODUCER = 'go-wide-then-narrow';

/** The element by which the head of a page names {@link GENERATOR}. */
export const GENERATOR_META = `<meta name="generator" content="${GENERATOR}">`;

/** Text as HTML shows it between tags; in attributes it needs {@link escape}. */
export function escapeContent(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

/** Text as HTML shows it, in attributes, too. */
export function escape(text: string): string {
  return escapeContent(text).replaceAll('"', '&quot;');
}

/** Text as a cell of a Markdown table shows it. */
export function markdownCell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}
