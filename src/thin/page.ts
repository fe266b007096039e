/** Text with tables as Markdown and as an HTML page: what a card says is said once. */

import { escape, GENERATOR_META, markdownCell } from '../core/markup.js';

/** A table: names of the columns, and rows of as many cells. */
export interface Table {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** A part of a card. */
export interface Section {
  readonly title: string;
  /** Paragraphs; `code` ones are set as they are. */
  readonly text?: readonly (string | { readonly code: string })[];
  readonly table?: Table;
  /** Values from 0 to 100 to be drawn as bars, on the page only. */
  readonly bars?: readonly { readonly name: string; readonly value: number }[];
}

/** What is said of a result. */
export interface Card {
  readonly title: string;
  readonly summary: string;
  readonly sections: readonly Section[];
}

/** The card in Markdown, as model cards are. */
export function toMarkdown({ title, summary, sections }: Card): string {
  const parts = sections.flatMap(({ title: name, text = [], table }) => [
    `## ${name}`,
    ...text.map((one) => (typeof one === 'string' ? one : `\`\`\`sh\n${one.code}\n\`\`\``)),
    ...(table === undefined
      ? []
      : [
          [table.columns, table.columns.map(() => '---'), ...table.rows]
            .map((row) => `| ${row.map(markdownCell).join(' | ')} |`)
            .join('\n'),
        ]),
  ]);
  return `${[`# ${title}`, summary, ...parts].join('\n\n')}\n`;
}

const STYLE =
  'body{font:16px/1.5 system-ui,sans-serif;max-width:56rem;margin:2rem auto;padding:0 1rem;color:#222}' +
  'table{border-collapse:collapse;margin:1rem 0;display:block;overflow-x:auto}' +
  'th,td{border-bottom:1px solid #ddd;padding:.25rem .75rem;text-align:right}' +
  'th:first-child,td:first-child{text-align:left}pre{background:#f4f4f4;padding:.75rem;overflow-x:auto}' +
  '@media(prefers-color-scheme:dark){body{background:#181818;color:#ddd}pre{background:#222}th,td{border-color:#444}}';

function barsOf(bars: NonNullable<Section['bars']>): string {
  const [height, left, width] = [26, 180, 460];
  const rows = bars.map(({ name, value }, i) => {
    const long = (width * Math.max(0, Math.min(100, value))) / 100;
    return (
      `<text x="${left - 8}" y="${i * height + 17}" text-anchor="end" fill="currentColor">${escape(name)}</text>` +
      `<rect x="${left}" y="${i * height + 4}" width="${long.toFixed(1)}" height="18" fill="#4c78a8"/>` +
      `<text x="${left + long + 6}" y="${i * height + 17}" fill="currentColor">${value.toFixed(1)}</text>`
    );
  });
  const size = `width="${left + width + 60}" height="${bars.length * height}"`;
  return `<svg ${size} font-size="14" role="img" aria-label="bars">${rows.join('')}</svg>`;
}

/** The card as a page of its own that loads nothing. */
export function toHtml({ title, summary, sections }: Card): string {
  const row = (cells: readonly string[], tag: string): string =>
    `<tr>${cells.map((text) => `<${tag}>${escape(text)}</${tag}>`).join('')}</tr>`;
  const parts = sections.flatMap(({ title: name, text = [], table, bars }) => [
    `<h2>${escape(name)}</h2>`,
    ...text.map((one) => (typeof one === 'string' ? `<p>${escape(one)}</p>` : `<pre>${escape(one.code)}</pre>`)),
    ...(bars === undefined ? [] : [barsOf(bars)]),
    ...(table === undefined
      ? []
      : [`<table>${row(table.columns, 'th')}${table.rows.map((cells) => row(cells, 'td')).join('')}</table>`]),
  ]);
  return (
    `<!doctype html>\n<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">${GENERATOR_META}` +
    `<title>${escape(title)}</title><style>${STYLE}</style>\n<h1>${escape(title)}</h1>\n<p>${escape(summary)}</p>\n` +
    `${parts.join('\n')}\n</html>\n`
  );
}
