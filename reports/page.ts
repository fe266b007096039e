/** The page: one HTML file that needs nothing else, neither network nor script. */
import { formatNumber, type Outcome, type Verdict } from './verdict.js';
import type { Datum, Figure } from './figures/figure.js';
import { csv, type Records } from './tables.js';

export interface RenderedFigure {
  readonly figure: Figure;
  readonly svg: string;
}

/** Everything of one scale. */
export interface Section {
  readonly scale: string;
  readonly verdicts: readonly Verdict[];
  readonly theory: readonly RenderedFigure[];
  readonly resnet: readonly RenderedFigure[];
  readonly bert: readonly RenderedFigure[];
}

export interface PageInput {
  readonly sections: readonly Section[];
  readonly records: Records;
  readonly version: string;
  /** ISO time of the newest run, or undefined without runs: the page says nothing of when it was drawn, so that it can be redrawn equal. */
  readonly newest: string | undefined;
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

const MARKS: Record<Outcome, { className: string; sign: string }> = {
  supported: { className: 'yes', sign: '✓' },
  'not supported': { className: 'no', sign: '✗' },
  inconclusive: { className: 'open', sign: '?' },
  'not run': { className: 'none', sign: '–' },
};

function verdictBadge(outcome: Outcome): string {
  const { className, sign } = MARKS[outcome];
  return `<span class="badge ${className}"><span aria-hidden="true">${sign}</span> ${outcome}</span>`;
}

function verdictTable(verdicts: readonly Verdict[]): string {
  const rows = verdicts.map(
    (verdict) => `<tr id="claim-${escape(verdict.id)}">
<td>${verdictBadge(verdict.outcome)}</td>
<td>${escape(verdict.statement)}<p class="small">Source: ${escape(verdict.source)}.</p></td>
<td>${escape(verdict.evidence)}<p class="small">${escape(verdict.rule)}</p></td></tr>`,
  );
  return `<div class="scroll" tabindex="0" role="region" aria-label="Verdicts"><table class="verdicts"><thead><tr><th scope="col">Verdict</th><th scope="col">Claim</th><th scope="col">Evidence (mean, 95 % interval) and rule</th></tr></thead><tbody>${rows.join('\n')}</tbody></table></div>`;
}

function dataTable(data: readonly Datum[], label: string): string {
  const columns = [...new Set(data.flatMap((datum) => Object.keys(datum)))];
  const cell = (value: string | number | undefined): string =>
    typeof value === 'number' ? (Number.isInteger(value) ? String(value) : formatNumber(value, 4)) : escape(value ?? '');
  const head = columns.map((column) => `<th scope="col">${escape(column)}</th>`).join('');
  const body = data.map((datum) => `<tr>${columns.map((column) => `<td>${cell(datum[column])}</td>`).join('')}</tr>`).join('\n');
  return `<div class="scroll" tabindex="0" role="region" aria-label="${escape(label)}"><table><thead><tr>${head}</tr></thead><tbody>${body}</tbody></table></div>`;
}

function download(name: string, type: string, content: string, label: string): string {
  return `<a download="${escape(name)}" href="data:${type};charset=utf-8,${encodeURIComponent(content)}">${escape(label)}</a>`;
}

/** More runs than this are folded away. */
const RUNS_SHOWN = 12;

function provenance({ command, runs }: Figure): string {
  const list = runs.map((run) => `<code>${escape(run)}</code>`).join(' ');
  const how = `Run it: <code>${escape(command)}</code>.`;
  return runs.length <= RUNS_SHOWN
    ? `<p class="small">${how} Runs: ${list}.</p>`
    : `<p class="small">${how}</p><details class="small"><summary>Its ${runs.length} runs</summary>${list}</details>`;
}

function figureBlock({ figure, svg }: RenderedFigure, scale: string): string {
  const id = `${figure.id}-${scale}`;
  const labelled = svg.replace('<svg ', `<svg role="img" aria-labelledby="${id}-alt" `);
  return `<figure id="figure-${id}">
<h4>${escape(figure.title)}</h4>
<p class="hidden" id="${id}-alt">${escape(figure.alt)}</p>
<div class="plot" tabindex="0" role="region" aria-label="${escape(figure.title)}">${labelled}</div>
<figcaption><p>${escape(figure.caption)}</p>
${provenance(figure)}
<details><summary>Data of this figure</summary>${dataTable(figure.data, `Data: ${figure.title}`)}<p class="small">${download(`${id}.csv`, 'text/csv', csv(figure.data), 'CSV')} · ${download(`${id}.vl.json`, 'application/json', JSON.stringify(figure.spec), 'vega-lite spec')}</p></details></figcaption>
</figure>`;
}

function sectionBlock({ scale, verdicts, theory, resnet, bert }: Section): string {
  const figures = (title: string, text: string, list: readonly RenderedFigure[]): string =>
    list.length === 0 ? `<h3>${title}</h3><p>Not run at this scale.</p>` : `<h3>${title}</h3><p>${text}</p>${list.map((figure) => figureBlock(figure, scale)).join('\n')}`;
  return `<section aria-labelledby="scale-${scale}"><h2 id="scale-${scale}">Scale: ${escape(scale)}</h2>
${verdictTable(verdicts)}
${figures('Theory', 'A deep net of particles, z<sub>l</sub> = α z<sub>l−1</sub> + (c/m) Σ b<sub>i</sub> tanh(a<sub>i</sub>·z<sub>l−1</sub> + β<sub>i</sub>), simulated in float64. B is the wide net (M particles per layer), S a thin one (m particles).', theory)}
${figures('ResNet', 'Bottleneck residual networks on 10,000 real handwritten digits at 14 × 14 pixels; the wide net has more channels in the 3 × 3 convolutions only. Plain nets and a hierarchical grammar beside them.', resnet)}
${figures('BERT', 'Post-layer-norm transformers on the definitions of WordNet; the wide net has more channels in every layer, and the linear maps between the two are merged.', bert)}
</section>`;
}

function environmentBlock({ runs }: Records): string {
  const environments = new Map<string, { text: Record<string, string>; count: number }>();
  for (const { environments: list } of runs) {
    for (const entry of list) {
      const { engine, commit } = entry;
      const text = {
        engine: engine === null ? 'float64, this project’s own' : `${engine.name} (${engine.version}), ${engine.device}, threads: ${engine.threads}`,
        machine: `${entry.cpu}, ${entry.cores} cores, ${entry.memoryGiB} GiB, ${entry.platform}`,
        node: entry.node,
        commit: commit === null ? `package ${entry.package}` : `${commit.slice(0, 12)}${entry.dirty === true ? ' with changes' : ''}`,
        command: entry.command,
      };
      const key = JSON.stringify(text);
      environments.set(key, { text, count: (environments.get(key)?.count ?? 0) + 1 });
    }
  }
  const rows = [...environments.values()].map(({ text, count }): Datum => ({ ...text, runs: count }));
  return rows.length === 0 ? '<p>No runs.</p>' : dataTable(rows, 'Environments');
}

function runsBlock({ runs }: Records): string {
  const rows = runs.map(({ id, cell, seconds, environments }): Datum => ({
    run: id,
    experiment: cell.experiment,
    arm: cell.arm,
    scale: cell.scale,
    seed: cell.seed,
    seconds: seconds ?? 0,
    started: environments[0]?.started ?? '',
  }));
  return `<details><summary>All ${rows.length} runs</summary>${dataTable(rows, 'Runs')}</details>`;
}

const STYLE = `
:root{color-scheme:light dark;--fg:#1a1a1a;--bg:#fff;--soft:#555;--line:#d0d0d0;--panel:#f6f6f6;--link:#0b5394}
@media (prefers-color-scheme:dark){:root{--fg:#e8e8e8;--bg:#161616;--soft:#b5b5b5;--line:#444;--panel:#222;--link:#8ab4f8}}
*{box-sizing:border-box}body{margin:0;color:var(--fg);background:var(--bg);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
main{max-width:60rem;margin:0 auto;padding:1.5rem 1rem 4rem}h1{line-height:1.2;margin:.2em 0}h2{margin-top:2.5rem;border-bottom:1px solid var(--line);padding-bottom:.2rem}h4{margin:0 0 .5rem}
a{color:var(--link)}.small{color:var(--soft);font-size:.86rem;margin:.35rem 0}.hidden{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
figure{margin:1.5rem 0;padding:1rem;border:1px solid var(--line);border-radius:6px}figcaption{font-size:.95rem}
.plot{background:#fff;overflow-x:auto;border-radius:4px;padding:.5rem}.plot svg{display:block;margin:0 auto;max-width:100%;height:auto;min-width:480px}
.scroll{overflow-x:auto}table{border-collapse:collapse;font-size:.9rem;margin:.5rem 0}th,td{text-align:left;vertical-align:top;padding:.35rem .6rem;border-bottom:1px solid var(--line);font-variant-numeric:tabular-nums}
th{background:var(--panel)}table.verdicts{width:100%;min-width:640px}table.verdicts td:first-child{white-space:nowrap}
.badge{display:inline-block;padding:.1rem .5rem;border-radius:1rem;font-weight:600;font-size:.85rem;border:1px solid currentColor}
.yes{color:#0b5394;background:#e3eefb}.no{color:#8f2d00;background:#fde9df}.open{color:#5f4b00;background:#fdf3cf}.none{color:#444;background:#eee}
code{background:var(--panel);padding:0 .25em;border-radius:3px;overflow-wrap:anywhere}summary{cursor:pointer}
@media (max-width:640px){table.verdicts{min-width:0}.verdicts tr,.verdicts td{display:block}.verdicts th{display:inline-block;border:0}.verdicts td{border:0;padding:.2rem 0}.verdicts tr{border-bottom:1px solid var(--line);padding:.6rem 0}}
@media print{figure{break-inside:avoid}.scroll,.plot{overflow:visible}}`;

/** The whole page as text. The same records give the same bytes. */
export function renderPage({ sections, records, version, newest }: PageInput): string {
  const counted = (outcome: Outcome): number => sections.flatMap(({ verdicts }) => verdicts).filter((verdict) => verdict.outcome === outcome).length;
  const summary = (Object.keys(MARKS) as Outcome[]).map((outcome) => `${verdictBadge(outcome)} ${counted(outcome)}`).join(' &nbsp; ');
  const problems = records.problems.length === 0 ? '' : `<h3>Left out</h3><ul>${records.problems.map((line) => `<li>${escape(line)}</li>`).join('')}</ul>`;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'">
<title>Go Wide, Then Narrow: what was claimed, what was run, what came out</title><style>${STYLE}</style></head>
<body><main>
<header><h1>Go Wide, Then Narrow</h1>
<p>What the paper “Go Wide, Then Narrow: Efficient Training of Deep Thin Networks” (Zhou et al., ICML 2020) claims, what was run here, and what came out.
A deep thin network is trained in three stages: a wide version of it is trained; the thin one imitates it layer by layer; the thin one is fine-tuned.
Every verdict follows from a fixed rule, which stands beside it. Small scales decide small-scale claims only: the paper’s own ImageNet and BERT results were not run here, and its exact tables are unknown to this project.</p>
<p class="small">gowide ${escape(version)}${newest === undefined ? '' : `; newest run ${escape(newest.slice(0, 16).replace('T', ' '))} UTC`}; ${records.runs.length} runs.</p>
<p>${summary}</p></header>
${sections.length === 0 ? '<p>Nothing was run yet: <code>gowide reproduce --scale minutes</code>.</p>' : sections.map(sectionBlock).join('\n')}
<section aria-labelledby="environment"><h2 id="environment">Environment and reproduction</h2>
<p>Everything again: <code>gowide reproduce --scale ${escape(sections[0]?.scale ?? 'minutes')}</code>. One run: <code>gowide runs show ID</code>. The theory’s pinned numbers: <code>gowide verify</code>. Engines of this machine: <code>gowide doctor</code>.</p>
${environmentBlock(records)}
${runsBlock(records)}
${problems}
</section></main></body></html>
`;
}
