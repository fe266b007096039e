/**
 * The page: one HTML file that needs nothing else. It reads without script; with it, figures answer and the laboratory
 * runs.
 */
import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { FAMILY_RULE } from '../claims/family.js';
import type { ScaledVerdict } from '../claims/verdict.js';
import type { Records } from '../data/records.js';
import { groupBy } from '../data/rows.js';
import { HERO } from '../figures/hero.js';
import { FIGURES } from '../figures/index.js';
import { appendixBlock } from './appendix.js';
import { claimsBlock, countsText, matrixBlock } from './claims.js';
import type { Client } from './client.js';
import { configBlock, figureBlock, figureId, type FigureContext, type RenderedFigure } from './figure-block.js';
import { DESCRIPTION, headerBlock, PREVIEW, summaryBlock, TITLE, type Head } from './header.js';
import { escape } from '../../src/core/markup.js';
import { documentOf, listBlock } from './html.js';
import { originsOf } from './origins.js';
import { ownRunsBlock, type OwnRuns } from './own-runs.js';
import { sectionNames, sectionOf } from './sections.js';
import { takeawaysBlock } from './takeaways.js';

/** What a page shows, with figures as declared or as drawn. */
export interface Contents<F> {
  /** Each claim at the largest scale at which it was run, by section. */
  readonly verdicts: Readonly<Record<string, readonly ScaledVerdict[]>>;
  /** Figures by section, in the order of the page; a section that could have figures but has none is empty. */
  readonly figures: Readonly<Record<string, readonly F[]>>;
  /** What each figure shows, by its id; none for one that shows nothing that was decided. */
  readonly findings: Readonly<Record<string, string>>;
  /** Runs of one's own settings. */
  readonly own: OwnRuns<F>;
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

/** The figure below which each claim stands: the one that it names, else its experiment's first. */
function placesOf(verdicts: readonly ScaledVerdict[], drawn: readonly RenderedFigure[]): Map<string, ScaledVerdict[]> {
  const there = new Set(drawn.map(({ figure }) => figure.id));
  const candidates = Object.values(FIGURES).filter(({ id, section }) => section !== HERO && there.has(id));
  const placeOf = ({ figure, experiment }: ScaledVerdict): string => {
    if (figure !== undefined && there.has(figure)) return figure;
    return candidates.find((candidate) => candidate.experiment === experiment)?.id ?? '';
  };
  return groupBy(verdicts, (verdict) => placeOf(verdict));
}

const LABORATORY = `<section aria-labelledby="laboratory" id="laboratory-section"><h2 id="laboratory">Laboratory</h2>
<p>The particle model, simulated anew in this page by the same kernel and the same code as the figures above, in float64. Move a constant, and both laws are measured again. One seed decides nothing: move the seed, too.</p>
<div id="laboratory-root"><p>The laboratory needs JavaScript; the rest of this page does not.</p></div></section>`;

const hashOf = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

/** Unpacks the page's script and puts it into the page, where its hash lets it run. */
function bootScript(live: boolean): string {
  return `(async()=>{const b=Uint8Array.from(atob(document.getElementById('client').textContent),c=>c.charCodeAt(0));const s=document.createElement('script');s.textContent=await new Response(new Blob([b]).stream().pipeThrough(new DecompressionStream('gzip'))).text();${live ? "s.dataset.live='';" : ''}document.body.append(s)})()`;
}

/** The content security policy: nothing from elsewhere, and two scripts that are known by their hashes. */
function policyOf(scripts: readonly string[], live: boolean): string {
  return [
    "default-src 'none'",
    "style-src 'unsafe-inline'",
    'img-src data:',
    `script-src ${scripts.map(hashOf).join(' ')} 'wasm-unsafe-eval'`,
    'worker-src blob:',
    ...(live ? ["connect-src 'self'"] : []),
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
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

/** The parts that sections of the page are made of. */
interface Parts {
  readonly input: PageInput;
  readonly context: FigureContext;
  readonly places: ReadonlyMap<string, readonly ScaledVerdict[]>;
}

function drawn({ input, context, places }: Parts, rendered: RenderedFigure): string {
  const { id } = rendered.figure;
  return figureBlock(rendered, { ...context, finding: input.findings[id] }, claimsBlock(places.get(id) ?? []));
}

/** A section; the laboratory follows the first figure of the first one that is of the theory. */
function sectionBlock(section: string, parts: Parts): string {
  const { title, text } = sectionOf(section);
  const { verdicts, figures } = parts.input;
  const mine = verdicts[section] ?? [];
  const counts = mine.some(({ outcome }) => outcome !== 'not run')
    ? ` ${mine.length} claims: ${countsText(mine)}.`
    : '';
  const [first, ...others] = (figures[section] ?? []).map((figure) => drawn(parts, figure));
  const body =
    first === undefined
      ? '<p>Not run yet.</p>'
      : [first, ...(section === 'theory' ? [LABORATORY] : []), ...others].join('\n');
  return `<section aria-labelledby="${escape(section)}"><h2 id="${escape(section)}">${escape(title)}</h2><p>${text}${counts}</p>\n${body}</section>`;
}

function contentsBlock(input: PageInput, sections: readonly string[]): string {
  const figuresOf = (section: string): string => {
    const links = (input.figures[section] ?? []).map(
      ({ figure }) => `<li><a href="#${escape(figureId(figure))}">${escape(figure.title)}</a></li>`,
    );
    return links.length === 0 ? '' : `<ul>${links.join('')}</ul>`;
  };
  const entries: (readonly [string, string, string])[] = [
    ['summary', 'Summary', ''],
    ['verdicts', 'Verdicts', ''],
    ...sections.map((section) => [section, sectionOf(section).title, figuresOf(section)] as const),
    ...(input.own.runs.length > 0 ? [['own-runs', 'Runs of your own', ''] as const] : []),
    ['laboratory', 'Laboratory', ''],
    ['appendix', 'Appendix', ''],
  ];
  return `<nav id="contents" aria-label="Contents"><ul>${entries.map(([id, title, below]) => `<li><a href="#${escape(id)}">${escape(title)}</a>${below}</li>`).join('')}</ul></nav>`;
}

function heroBlock(parts: Parts): string {
  const figures = parts.input.figures[HERO] ?? [];
  return figures.length === 0
    ? ''
    : `<section aria-labelledby="glance"><h2 class="hidden" id="glance">At a glance</h2><div class="hero">${figures.map((figure) => drawn(parts, figure)).join('\n')}</div></section>`;
}

function matrixSection(verdicts: readonly ScaledVerdict[]): string {
  return `<section aria-labelledby="verdicts"><h2 id="verdicts">Verdicts: claim by setting</h2>
<p>${verdicts.length} claims: ${countsText(verdicts)}. ${FAMILY_RULE}</p>
${matrixBlock(verdicts)}</section>`;
}

/** What the page says of itself where it is linked to. */
const PREVIEW_TAGS = Object.entries({
  'og:title': TITLE,
  'og:description': DESCRIPTION,
  'og:type': 'article',
  'og:image': PREVIEW,
  'twitter:card': 'summary_large_image',
})
  .map(([property, content]) => `<meta property="${property}" content="${escape(content)}">`)
  .join('');

/** The whole page as text. */
export function renderPage(input: PageInput): string {
  const { records, version, newest, client, live, verdicts, figures, own } = input;
  const all = Object.values(verdicts).flat();
  const rendered = Object.values(figures).flat();
  const places = placesOf(all, rendered);
  const parts: Parts = { input, places, context: { origins: originsOf(records) } };
  const sections = sectionNames([...Object.keys(verdicts), ...Object.keys(figures)].filter((name) => name !== HERO));
  const scales = scalesOf(records);
  const head: Head = { version, newest, records, verdicts: all, scales };
  const linkOf = (id: string): string | undefined => {
    const found = rendered.find(({ figure }) => figure.id === id);
    return found === undefined ? undefined : figureId(found.figure);
  };
  const boot = bootScript(live);
  const theory = sections.includes('theory') && (figures.theory ?? []).length > 0;
  return documentOf(
    TITLE,
    policyOf([boot, client.main], live),
    `<a class="skip" href="#summary">To the summary</a><p id="said" role="status"></p>
${contentsBlock(input, sections)}<main>
${headerBlock(head)}
${live ? '<div class="care" id="live"></div>' : ''}
${records.results.length + records.rows.length === 0 ? '<p>Nothing was run yet: <code>gowide reproduce --scale minutes</code>.</p>' : ''}
${heroBlock(parts)}
${takeawaysBlock(all, linkOf)}
${listBlock('care', 'Read with care', 'These runs are in the tables and figures below.', records.cautions)}
${listBlock('left-out', 'Left out', 'None of this is in any table, figure or verdict.', records.problems)}
${summaryBlock(head)}
${matrixSection(all)}
${sections.map((section) => sectionBlock(section, parts)).join('\n')}
${theory ? '' : LABORATORY}
${ownRunsBlock(own, parts.context)}
${appendixBlock({ records, scales, rest: places.get('') ?? [] })}
</main>
${configBlock()}
<script type="text/plain" id="laboratory-worker">${client.worker.replaceAll('</script', '<\\/script')}</script>
<script type="text/plain" id="laboratory-kernel">${client.kernel}</script>
<script type="text/plain" id="client">${gzipSync(client.main, { level: 9 }).toString('base64')}</script>
<script>${boot}</script>`,
    `<meta name="description" content="${escape(DESCRIPTION)}">${PREVIEW_TAGS}`,
  );
}
