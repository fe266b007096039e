/**
 * The page: one HTML file that needs nothing else. It reads without script; with it, figures answer and the laboratory
 * runs.
 */
import { createHash } from 'node:crypto';
import { CLAIM_TOPICS, type ClaimTopic } from '../claims/index.js';
import type { Client } from './client.js';
import type { Datum, Figure } from '../figures/figure.js';
import type { Topic } from '../figures/index.js';
import { STYLE } from './style.js';
import { csv } from '../data/csv.js';
import { commitOf, groupBy, type Records } from '../data/tables.js';
import { formatNumber, OUTCOMES, type Outcome, type ScaledVerdict } from '../claims/verdict.js';

export interface RenderedFigure {
  readonly figure: Figure;
  readonly svg: string;
}

/** What a page shows, with figures as declared or as drawn. */
export interface Contents<F> {
  /** Each claim at the largest scale at which it was run. */
  readonly verdicts: Readonly<Record<ClaimTopic, readonly ScaledVerdict[]>>;
  readonly figures: Readonly<Record<Topic, readonly F[]>>;
  readonly records: Records;
  readonly version: string;
  /**
   * ISO time of the newest run, or undefined without runs: a report says nothing of when it was made, so that it can be
   * made again equal.
   */
  readonly newest: string | undefined;
}

export interface PageInput extends Contents<RenderedFigure> {
  readonly client: Client;
  /** Whether a server says when there is something new. */
  readonly live: boolean;
}

export function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

const MARKS: Record<Outcome, { className: string; sign: string }> = {
  supported: { className: 'yes', sign: '✓' },
  'not supported': { className: 'no', sign: '✗' },
  inconclusive: { className: 'open', sign: '?' },
  'not run': { className: 'none', sign: '–' },
};

export function verdictBadge(outcome: Outcome): string {
  const { className, sign } = MARKS[outcome];
  return `<span class="badge ${className}"><span aria-hidden="true">${sign}</span> ${outcome}</span>`;
}

const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;

function verdictRow(verdict: ScaledVerdict): string {
  const at =
    verdict.scale === null
      ? ''
      : `<p class="small">scale ${escape(verdict.scale)}, ${plural(verdict.seeds, 'seed')}, ${plural(verdict.runs.length, 'run')}</p>`;
  const others = verdict.others
    .map(
      ({ scale, outcome, evidence }) =>
        `<p class="small">At scale ${escape(scale)}: ${outcome}; ${escape(evidence)}.</p>`,
    )
    .join('');
  return `<tr id="claim-${escape(verdict.id)}">
<td>${verdictBadge(verdict.outcome)}${at}</td>
<td>${escape(verdict.statement)}<p class="small">Source: ${escape(verdict.source)}.</p></td>
<td>${escape(verdict.evidence)}<p class="small">${escape(verdict.rule)}</p>${others}</td></tr>`;
}

function verdictTable(verdicts: readonly ScaledVerdict[], label: string): string {
  return `<div tabindex="0" role="region" aria-label="${escape(label)}" class="wide"><table class="verdicts"><thead><tr><th scope="col">Verdict</th><th scope="col">Claim</th><th scope="col">Evidence (mean, 95 % interval) and rule</th></tr></thead><tbody>${verdicts.map(verdictRow).join('\n')}</tbody></table></div>`;
}

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

function download(name: string, type: string, content: string, label: string): string {
  return `<a download="${escape(name)}" href="data:${type};charset=utf-8;base64,${Buffer.from(content).toString('base64')}">${escape(label)}</a>`;
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

/** Tables longer than this are not shown but downloaded. */
const ROWS_SHOWN = 500;

function figureBlock({ figure, svg }: RenderedFigure, commits: ReadonlyMap<string, string>): string {
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

const TOPIC_TEXT: Readonly<Record<Topic, { readonly title: string; readonly text: string }>> = {
  theory: {
    title: 'Theory',
    text: 'A deep net of particles, z<sub>l</sub> = α z<sub>l−1</sub> + (c/m) Σ b<sub>i</sub> tanh(a<sub>i</sub>·z<sub>l−1</sub> + β<sub>i</sub>), simulated in float64. B is the wide net (M particles per layer), S a thin one (m particles).',
  },
  resnet: {
    title: 'ResNet',
    text: 'Bottleneck residual networks on 10,000 real handwritten digits at 14 × 14 pixels; the wide net has more channels in the 3 × 3 convolutions only. Plain nets and a hierarchical grammar beside them. ResNet-50 and ResNet-101 on ImageNet were not run here.',
  },
  bert: {
    title: 'BERT',
    text: 'Post-layer-norm transformers on the definitions of WordNet; the wide net has more channels in every layer, and the linear maps between the two are merged. BERT_BASE and BERT_LARGE on books and Wikipedia were not run here.',
  },
  cost: {
    title: 'Cost',
    text: 'What accuracy costs: parameters of the net that is kept, and floating-point operations of all training that led to it.',
  },
};

function topicBlock(topic: Topic, { verdicts, figures }: PageInput, commits: ReadonlyMap<string, string>): string {
  const { title, text } = TOPIC_TEXT[topic];
  const claims = topic === 'cost' ? '' : verdictTable(verdicts[topic], `Verdicts: ${title}`);
  const drawn =
    figures[topic].length === 0
      ? '<p>Not run yet.</p>'
      : figures[topic].map((figure) => figureBlock(figure, commits)).join('\n');
  return `<section aria-labelledby="${topic}"><h2 id="${topic}">${title}</h2><p>${text}</p>\n${claims}\n${drawn}</section>`;
}

function summaryBlock({ verdicts }: PageInput): string {
  const lines = (list: readonly ScaledVerdict[]): string =>
    list
      .map(
        ({ id, outcome, statement }) =>
          `<li>${verdictBadge(outcome)} <a href="#claim-${escape(id)}">${escape(statement)}</a></li>`,
      )
      .join('\n');
  const blocks = CLAIM_TOPICS.map((topic) => {
    const [run, open] = [
      verdicts[topic].filter(({ outcome }) => outcome !== 'not run'),
      verdicts[topic].filter(({ outcome }) => outcome === 'not run'),
    ];
    const rest =
      open.length === 0
        ? ''
        : `<details><summary>${plural(open.length, 'claim')} not run</summary><ul class="summary">${lines(open)}</ul></details>`;
    return `<h3>${TOPIC_TEXT[topic].title}</h3>${run.length === 0 ? '' : `<ul class="summary">${lines(run)}</ul>`}${rest}`;
  });
  return `<section aria-labelledby="summary"><h2 id="summary">Verdicts</h2>${blocks.join('\n')}</section>`;
}

export function environmentBlock({ runs }: Records, label = 'Environments'): string {
  const environments = new Map<string, { text: Record<string, string>; count: number }>();
  for (const { environments: list } of runs) {
    for (const entry of list) {
      const { engine } = entry;
      const text = {
        engine:
          engine === null
            ? 'float64, this project’s own'
            : `${engine.name} (${engine.version}), ${engine.device}, threads: ${engine.threads}`,
        machine: `${entry.cpu}, ${entry.cores} cores, ${entry.memoryGiB} GiB, ${entry.platform}`,
        node: entry.node,
        commit: commitOf(entry),
        command: entry.command,
      };
      const key = JSON.stringify(text);
      environments.set(key, { text, count: (environments.get(key)?.count ?? 0) + 1 });
    }
  }
  const rows = [...environments.values()]
    .slice(0, ROWS_SHOWN)
    .map(({ text, count }): Datum => ({ ...text, runs: count }));
  return rows.length === 0 ? '<p>No runs.</p>' : dataTable(rows, label);
}

function runsBlock({ runs }: Records): string {
  const groups = groupBy(runs, ({ cell }) => JSON.stringify([cell.experiment, cell.arm, cell.scale]));
  const rows = [...groups.values()].map((group): Datum => {
    const { experiment, arm, scale } = group[0]!.cell;
    const seconds = group.reduce((sum, run) => sum + (run.seconds ?? 0), 0);
    return { experiment, arm, scale, runs: group.length, seconds: Math.round(seconds * 10) / 10, first: group[0]!.id };
  });
  return `<details><summary>All ${plural(runs.length, 'run')}, by experiment and arm</summary>${dataTable(rows.slice(0, ROWS_SHOWN), 'Runs')}</details>`;
}

function listBlock(id: string, title: string, text: string, lines: readonly string[]): string {
  const shown = lines
    .slice(0, ROWS_SHOWN)
    .map((line) => `<li>${escape(line)}</li>`)
    .join('');
  const more = lines.length > ROWS_SHOWN ? `<li>and ${lines.length - ROWS_SHOWN} more</li>` : '';
  return lines.length === 0
    ? ''
    : `<div class="care"><h2 id="${id}">${title}</h2><p>${text}</p><ul>${shown}${more}</ul></div>`;
}

const LABORATORY = `<section aria-labelledby="laboratory" id="laboratory-section"><h2 id="laboratory">Laboratory</h2>
<p>The particle model, simulated anew in this page by the same kernel and the same code as the figures above, in float64. Move a constant, and both laws are measured again. One seed decides nothing: move the seed, too.</p>
<div id="laboratory-root"><p>The laboratory needs JavaScript; the rest of this page does not.</p></div></section>`;

const hashOf = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

/** The whole page as text. */
export function renderPage(input: PageInput): string {
  const { records, version, newest, client, live, verdicts } = input;
  const all = CLAIM_TOPICS.flatMap((topic) => verdicts[topic]);
  const counted = OUTCOMES.map(
    (outcome) => `${verdictBadge(outcome)} ${all.filter((verdict) => verdict.outcome === outcome).length}`,
  ).join(' &nbsp; ');
  const commits = new Map(
    records.runs.map((run) => [
      run.id,
      run.environments.at(-1) === undefined ? 'unknown' : commitOf(run.environments.at(-1)!),
    ]),
  );
  const scales = [
    ...new Set([
      ...records.runs.map(({ cell }) => cell.scale),
      ...records.results.map(({ scale }) => scale),
      ...records.rows.map(({ scale }) => scale),
    ]),
  ];
  const kept = records.kept.length === 0 ? '' : ` and ${plural(records.kept.length, 'kept table')}`;
  const topics: readonly Topic[] = ['theory', 'resnet', 'bert', 'cost'];
  // a closing tag inside a script would end it
  const script = client.main.replaceAll('</script', '<\\/script');
  const links = [
    ['summary', 'Verdicts'],
    ...topics.map((topic) => [topic, TOPIC_TEXT[topic].title]),
    ['laboratory', 'Laboratory'],
    ['environment', 'Reproduction'],
  ];
  const policy = [
    "default-src 'none'",
    "style-src 'unsafe-inline'",
    'img-src data:',
    `script-src ${hashOf(script)} 'wasm-unsafe-eval'`,
    'worker-src blob:',
    ...(live ? ["connect-src 'self'"] : []),
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
  return documentOf(
    'Go Wide, Then Narrow: what was claimed, what was run, what came out',
    policy,
    `<a class="skip" href="#summary">To the verdicts</a><main>
<header><h1>Go Wide, Then Narrow</h1>
<p>What the paper “Go Wide, Then Narrow: Efficient Training of Deep Thin Networks” (Zhou et al., ICML 2020) claims, what was run here, and what came out.
A deep thin network is trained in three stages: a wide version of it is trained; the thin one imitates it layer by layer; the thin one is fine-tuned.
Every verdict follows from a rule that was fixed beforehand and stands beside it. Small scales decide small-scale claims only: the paper’s own ImageNet and BERT results were not run here, and its exact tables are unknown to this project.</p>
<p class="small">gowide ${escape(version)}${newest === undefined ? '' : `; newest run ${escape(newest.slice(0, 16).replace('T', ' '))} UTC`}; ${plural(records.runs.length, 'run')}${kept}${scales.length === 0 ? '' : ` at ${scales.length === 1 ? 'scale' : 'the scales'} ${escape(scales.join(', '))}; each claim and figure at the largest that was run`}.</p>
${live ? '<div class="care" id="live"></div>' : ''}
<p>${counted}</p>
<nav aria-label="Sections"><ul>${links.map(([id, title]) => `<li><a href="#${id}">${title}</a></li>`).join('')}</ul></nav></header>
${records.results.length + records.rows.length === 0 ? '<p>Nothing was run yet: <code>gowide reproduce --scale minutes</code>.</p>' : ''}
${listBlock('care', 'Read with care', 'These runs are in the tables and figures below.', records.cautions)}
${listBlock('left-out', 'Left out', 'None of this is in any table, figure or verdict.', records.problems)}
${summaryBlock(input)}
${topics.map((topic) => topicBlock(topic, input, commits)).join('\n')}
${LABORATORY}
<section aria-labelledby="environment"><h2 id="environment">Environment and reproduction</h2>
<p>Everything again: <code>gowide reproduce --scale ${escape(scales[0] ?? 'minutes')}</code>. One run: <code>gowide runs show ID</code>. The theory’s pinned numbers: <code>gowide verify</code>. What a scale costs: <code>gowide plan</code>. Engines of this machine: <code>gowide doctor</code>.</p>
${environmentBlock(records)}
${runsBlock(records)}
</section></main>
<script type="text/plain" id="laboratory-worker">${client.worker.replaceAll('</script', '<\\/script')}</script>
<script type="text/plain" id="laboratory-kernel">${client.kernel}</script>
<script${live ? ' data-live' : ''}>${script}</script>`,
  );
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
