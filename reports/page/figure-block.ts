/** A figure as HTML, with its caption, its origin and its data. */
import { csv } from '../data/csv.js';
import type { Figure } from '../figures/figure.js';
import { dataTable, download, escape, plural, ROWS_SHOWN } from './html.js';

/** A figure and its picture. */
export interface RenderedFigure {
  readonly figure: Figure;
  readonly svg: string;
}

/** More runs than this are folded away; more than the second number are counted. */
const [RUNS_SHOWN, RUNS_LISTED] = [12, 200] as const;

function provenance({ command, runs, scale }: Figure, commits: ReadonlyMap<string, string>): string {
  const listed = runs
    .slice(0, RUNS_LISTED)
    .map((run) => `<code>${escape(run)}</code>`)
    .join(' ');
  const list =
    runs.length > RUNS_LISTED
      ? `${listed} and ${runs.length - RUNS_LISTED} more: <code>gowide runs list</code>`
      : listed;
  const from = [...new Set(runs.map((run) => commits.get(run) ?? 'of a kept table'))];
  const how = `Scale ${escape(scale)}. Run it: <code>${escape(command)}</code>. Commit: ${from.map((commit) => `<code>${escape(commit)}</code>`).join(', ')}.`;
  return runs.length <= RUNS_SHOWN
    ? `<p class="small">${how} Runs: ${list}.</p>`
    : `<p class="small">${how}</p><details class="small"><summary>Its ${runs.length} runs</summary>${list}</details>`;
}

/** One figure; `commits` are those of the runs, by id. */
export function figureBlock({ figure, svg }: RenderedFigure, commits: ReadonlyMap<string, string>): string {
  const id = `${figure.id}-${figure.scale}`;
  const labelled = svg.replace('<svg ', `<svg role="img" aria-labelledby="${id}-alt" `);
  const more =
    figure.data.length > ROWS_SHOWN
      ? `<p class="small">The first ${ROWS_SHOWN} of ${figure.data.length} rows; the CSV has all.</p>`
      : '';
  return `<figure id="figure-${id}" data-figure="${id}">
<h3>${escape(figure.title)}</h3>
<p class="hidden" id="${id}-alt">${escape(figure.alt)}</p>
<div class="plot" tabindex="0" role="region" aria-label="${escape(figure.title)}">${labelled}</div>
<figcaption><p>${escape(figure.caption)}</p>
${provenance(figure, commits)}
<details><summary>Data of this figure: ${plural(figure.data.length, 'row')}</summary>${dataTable(figure.data.slice(0, ROWS_SHOWN), `Data: ${figure.title}`)}${more}<p class="small">${download(`${id}.csv`, 'text/csv', `${csv(figure.data)}\n`, 'CSV')} · ${download(`${id}.vl.json`, 'application/json', JSON.stringify(figure.spec), 'vega-lite spec')}</p></details></figcaption>
</figure>`;
}
