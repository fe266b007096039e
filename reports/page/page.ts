/**
 * The page: one HTML file that needs nothing else. It reads without script; with it, figures answer and the laboratory
 * runs.
 */
import { createHash } from 'node:crypto';
import type { ScaledVerdict } from '../claims/verdict.js';
import { commitOf, type Records } from '../data/records.js';
import type { Client } from './client.js';
import { figureBlock, type RenderedFigure } from './figure-block.js';
import { documentOf, escape, listBlock, plural } from './html.js';
import { environmentBlock, runsBlock } from './runs-block.js';
import { sectionNames, sectionOf } from './sections.js';
import { FAMILY_RULE } from '../claims/family.js';
import { summaryBlock, verdictCounts, verdictTable } from './verdicts.js';

/** What a page shows, with figures as declared or as drawn. */
export interface Contents<F> {
  /** Each claim at the largest scale at which it was run, by section. */
  readonly verdicts: Readonly<Record<string, readonly ScaledVerdict[]>>;
  /** Figures by section, in the order of the page; a section that could have figures but has none is empty. */
  readonly figures: Readonly<Record<string, readonly F[]>>;
  readonly records: Records;
  readonly version: string;
  /**
   * ISO time of the newest run, or undefined without runs: a report says nothing of when it was made, so that it can be
   * made again equal.
   */
  readonly newest: string | undefined;
}

/** What the page is made of. */
export interface PageInput extends Contents<RenderedFigure> {
  readonly client: Client;
  /** Whether a server says when there is something new. */
  readonly live: boolean;
}

function sectionBlock(section: string, { verdicts, figures }: PageInput, commits: ReadonlyMap<string, string>): string {
  const { title, text } = sectionOf(section);
  const [mine, pictures] = [verdicts[section] ?? [], figures[section] ?? []];
  const claims = mine.length === 0 ? '' : verdictTable(mine, `Verdicts: ${title}`);
  const drawn =
    pictures.length === 0 ? '<p>Not run yet.</p>' : pictures.map((figure) => figureBlock(figure, commits)).join('\n');
  return `<section aria-labelledby="${section}"><h2 id="${section}">${title}</h2><p>${text}</p>\n${claims}\n${drawn}</section>`;
}

const LABORATORY = `<section aria-labelledby="laboratory" id="laboratory-section"><h2 id="laboratory">Laboratory</h2>
<p>The particle model, simulated anew in this page by the same kernel and the same code as the figures above, in float64. Move a constant, and both laws are measured again. One seed decides nothing: move the seed, too.</p>
<div id="laboratory-root"><p>The laboratory needs JavaScript; the rest of this page does not.</p></div></section>`;

const hashOf = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

/** The content security policy: nothing from elsewhere, and one script that is known by its hash. */
function policyOf(script: string, live: boolean): string {
  return [
    "default-src 'none'",
    "style-src 'unsafe-inline'",
    'img-src data:',
    `script-src ${hashOf(script)} 'wasm-unsafe-eval'`,
    'worker-src blob:',
    ...(live ? ["connect-src 'self'"] : []),
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
}

/** The commit of each run. */
function commitsOf({ runs }: Records): ReadonlyMap<string, string> {
  return new Map(
    runs.map((run) => [run.id, run.environments.at(-1) === undefined ? 'unknown' : commitOf(run.environments.at(-1)!)]),
  );
}

/** The scales at which something was run, or kept. */
function scalesOf({ runs, results, rows }: Records): string[] {
  return [
    ...new Set([
      ...runs.map(({ cell }) => cell.scale),
      ...results.map(({ scale }) => scale),
      ...rows.map(({ scale }) => scale),
    ]),
  ];
}

/** The whole page as text. */
export function renderPage(input: PageInput): string {
  const { records, version, newest, client, live, verdicts, figures } = input;
  const all = Object.values(verdicts).flat();
  const commits = commitsOf(records);
  const scales = scalesOf(records);
  const kept = records.kept.length === 0 ? '' : ` and ${plural(records.kept.length, 'kept table')}`;
  const sections = sectionNames([...Object.keys(verdicts), ...Object.keys(figures)]);
  // a closing tag inside a script would end it
  const script = client.main.replaceAll('</script', '<\\/script');
  const links = [
    ['summary', 'Verdicts'],
    ...sections.map((section) => [section, sectionOf(section).title]),
    ['laboratory', 'Laboratory'],
    ['environment', 'Reproduction'],
  ];
  return documentOf(
    'Go Wide, Then Narrow: what was claimed, what was run, what came out',
    policyOf(script, live),
    `<a class="skip" href="#summary">To the verdicts</a><main>
<header><h1>Go Wide, Then Narrow</h1>
<p>What the paper “Go Wide, Then Narrow: Efficient Training of Deep Thin Networks” (Zhou et al., ICML 2020) claims, what was run here, and what came out.
A deep thin network is trained in three stages: a wide version of it is trained; the thin one imitates it layer by layer; the thin one is fine-tuned.
Every verdict follows from a rule that stands beside it. ${FAMILY_RULE} Small scales decide small-scale claims only: the paper’s own ImageNet and BERT results were not run here, and its exact tables are unknown to this project.</p>
<p class="small">gowide ${escape(version)}${newest === undefined ? '' : `; newest run ${escape(newest.slice(0, 16).replace('T', ' '))} UTC`}; ${plural(records.runs.length, 'run')}${kept}${scales.length === 0 ? '' : ` at ${scales.length === 1 ? 'scale' : 'the scales'} ${escape(scales.join(', '))}; each claim and figure at the largest that was run`}.</p>
${live ? '<div class="care" id="live"></div>' : ''}
<p>${verdictCounts(all)}</p>
<nav aria-label="Sections"><ul>${links.map(([id, title]) => `<li><a href="#${id}">${title}</a></li>`).join('')}</ul></nav></header>
${records.results.length + records.rows.length === 0 ? '<p>Nothing was run yet: <code>gowide reproduce --scale minutes</code>.</p>' : ''}
${listBlock('care', 'Read with care', 'These runs are in the tables and figures below.', records.cautions)}
${listBlock('left-out', 'Left out', 'None of this is in any table, figure or verdict.', records.problems)}
${summaryBlock(verdicts)}
${sections.map((section) => sectionBlock(section, input, commits)).join('\n')}
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
