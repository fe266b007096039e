/** The HTML that every part of the page is made of: text, tables, lists, downloads, a document. */
import { formatNumber } from '../claims/verdict.js';
import type { Datum } from '../figures/figure.js';
import { STYLE } from './style.js';

/** Text as HTML shows it. */
export function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

/** `1 run`, `2 runs`. */
export const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;

/** More rows than this are not shown; they are counted, and downloads have them. */
export const ROWS_SHOWN = 500;

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
  return `<div class="scroll" tabindex="0" role="region" aria-label="${escape(label)}"><table><thead><tr>${head}</tr></thead><tbody>${body}</tbody></table></div>`;
}

/** A link that holds what it downloads. */
export function download(name: string, type: string, content: string, label: string): string {
  return `<a download="${escape(name)}" href="data:${type};charset=utf-8;base64,${Buffer.from(content).toString('base64')}">${escape(label)}</a>`;
}

/** A list with a heading, or nothing without lines. */
export function listBlock(id: string, title: string, text: string, lines: readonly string[]): string {
  const shown = lines
    .slice(0, ROWS_SHOWN)
    .map((line) => `<li>${escape(line)}</li>`)
    .join('');
  const more = lines.length > ROWS_SHOWN ? `<li>and ${lines.length - ROWS_SHOWN} more</li>` : '';
  return lines.length === 0
    ? ''
    : `<div class="care"><h2 id="${id}">${title}</h2><p>${text}</p><ul>${shown}${more}</ul></div>`;
}

/** A whole document with the page's style; `policy` is its content security policy. */
export function documentOf(title: string, policy: string, body: string): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<title>${escape(title)}</title><style>${STYLE}</style></head>
<body>${body}
</body></html>
`;
}
