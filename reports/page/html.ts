/** The HTML that every part of the page is made of: text, tables, lists, downloads, a document. */
import { escape, escapeContent, GENERATOR_META } from '../../src/core/markup.js';
import { formatNumber } from '../claims/verdict.js';
import { csv } from '../data/csv.js';
import type { Datum } from '../figures/figure.js';
import { STYLE } from './style.js';

/** `1 run`, `2 runs`. */
export const plural = (count: number, noun: string): string =>
  `${count.toLocaleString('en')} ${noun}${count === 1 ? '' : 's'}`;

/** More rows than this are not shown; they are counted, and downloads have them. */
export const ROWS_SHOWN = 500;

/** How many more there are than a page shows; nothing where it shows all. `elsewhere` (HTML) has the others. */
export function moreText(more: number, noun: string, elsewhere = 'the runs’ folders'): string {
  return more <= 0 ? '' : `<p>And ${plural(more, noun)} more, which ${elsewhere} have.</p>`;
}

/** A table with a column for each key; `label` names the region in which it scrolls. */
export function dataTable(data: readonly Datum[], label: string): string {
  const columns = [...new Set(data.flatMap((datum) => Object.keys(datum)))];
  const cell = (value: string | number | undefined): string =>
    typeof value === 'number'
      ? Number.isInteger(value)
        ? String(value)
        : formatNumber(value, 4)
      : escape(value ?? '');
  const head = columns.map((column) => `<th scope="col">${escape(column)}</th>`).join('');
  const body = data
    .map((datum) => `<tr>${columns.map((column) => `<td>${cell(datum[column])}</td>`).join('')}</tr>`)
    .join('\n');
  return (
    '<div class="scroll" tabindex="0" role="region" ' +
    `aria-label="${escape(label)}"><table><thead><tr>${head}</tr></thead><tbody>${body}</tbody></table></div>`
  );
}

/** A link that holds what it downloads. */
export function download(name: string, type: string, content: string, label: string): string {
  return (
    `<a download="${escape(name)}" ` +
    `href="data:${type};charset=utf-8;base64,${Buffer.from(content).toString('base64')}">${escape(label)}</a>`
  );
}

/** Numbers in tables of the page have so many digits; the archive has more. */
const DIGITS = 5;

/** Rows as the text of a table: comma-separated values, of which columns that are no numbers are named. */
export function rowsBlock(data: readonly Datum[]): { readonly html: string; readonly texts: readonly string[] } {
  const columns = [...new Set(data.flatMap((datum) => Object.keys(datum)))];
  const texts = columns.filter((column) => data.some((datum) => typeof datum[column] === 'string'));
  const short = (value: string | number): string | number =>
    typeof value === 'number' ? Number(value.toPrecision(DIGITS)) : value;
  const text = csv(
    data.map((datum) => Object.fromEntries(Object.entries(datum).map(([column, value]) => [column, short(value)]))),
  );
  return { html: `<pre class="rows" tabindex="0">${escapeContent(text)}</pre>`, texts };
}

/**
 * A text without where things lie on the machine that wrote it: of absolute paths the last name is left, so that a page
 * can be sent around.
 */
export function withoutPaths(text: string): string {
  return text.replace(
    /(^|[\s"'`=(:,])(?:file:\/\/)?(?:\/(?=[^\s/])|[A-Za-z]:[\\/]|~\/)(?:[^\s"'`:;,)\\/]+[\\/])*([^\s"'`:;,)\\/]*)/g,
    (_, before: string, last: string) => `${before}…/${last}`,
  );
}

/** A link to the element that it stands in; with script it copies its own address. */
export function anchor(id: string, what: string): string {
  return `<a class="anchor" href="#${escape(id)}" aria-label="Link to ${escape(what)}">#</a>`;
}

/** A list with a heading, or nothing without lines. */
export function listBlock(id: string, title: string, text: string, lines: readonly string[]): string {
  const shown = lines
    .slice(0, ROWS_SHOWN)
    .map((line) => `<li>${escape(withoutPaths(line))}</li>`)
    .join('');
  const more = lines.length > ROWS_SHOWN ? `<li>and ${lines.length - ROWS_SHOWN} more</li>` : '';
  return lines.length === 0
    ? ''
    : `<div class="care"><h2 id="${id}">${title}</h2><p>${text}</p><ul>${shown}${more}</ul></div>`;
}

/** The page's style as an element of its head. */
export const styleElement = (): string => `<style>${STYLE}</style>`;

/** A document: `policy` is its content security policy, `head` the rest of its head, the style among it. */
interface DocumentParts {
  readonly title: string;
  readonly policy: string;
  readonly head: string;
  readonly body: string;
}

/** A whole document as text. */
export function documentOf({ title, policy, head, body }: DocumentParts): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">${GENERATOR_META}
<meta http-equiv="Content-Security-Policy" content="${policy}">
<title>${escape(title)}</title>${head}</head>
<body>${body}
</body></html>
`;
}
