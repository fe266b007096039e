/** The parts of a report as HTML: what one page holds, and what a site has on pages of their own. */
import { escape } from '../../src/core/markup.js';
import { FAMILY_RULE } from '../claims/family.js';
import type { ScaledVerdict } from '../claims/verdict.js';
import type { Records } from '../data/records.js';
import { groupBy } from '../../src/core/group.js';
import { HERO } from '../figures/hero.js';
import { FIGURES } from '../figures/index.js';
import { appendixBlock, type ArchiveLink } from './appendix.js';
import { claimsBlock, countsText, matrixBlock } from './claims.js';
import type { Client } from './client.js';
import { configBlock, figureBlock, figureId, type FigureContext, type RenderedFigure } from './figure-block.js';
import { DESCRIPTION, headerBlock, PREVIEW, summaryBlock, TITLE, type Head } from './header.js';
import { documentOf, listBlock } from './html.js';
import { originsOf } from './origins.js';
import { ownRunsBlock, type OwnRuns } from './own-runs.js';
import type { Scripts } from './scripts.js';
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
<p>The particle model, simulated anew in this page by the same kernel and the same code as the figures above, in float64. Move a constant, and both laws are measured again; broken lines are the theory’s limits, where they are known. One seed decides nothing: move the seed, too.</p>
<div id="laboratory-root"><p>The laboratory needs JavaScript; the rest of this page does not.</p></div></section>`;

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

/** What sections of the page are made of. */
interface Made {
  readonly input: PageInput;
  readonly context: FigureContext;
  readonly places: ReadonlyMap<string, readonly ScaledVerdict[]>;
}

function drawn({ input, context, places }: Made, rendered: RenderedFigure): string {
  const { id } = rendered.figure;
  return figureBlock(rendered, { ...context, finding: input.findings[id] }, claimsBlock(places.get(id) ?? []));
}

/** A section with its claims and figures. */
function sectionBlock(section: string, made: Made): string {
  const { title, text, laboratory = false } = sectionOf(section);
  const { verdicts, figures } = made.input;
  const mine = verdicts[section] ?? [];
  const counts = mine.some(({ outcome }) => outcome !== 'not run')
    ? ` ${mine.length} claims: ${countsText(mine)}.`
    : '';
  const [first, ...others] = (figures[section] ?? []).map((figure) => drawn(made, figure));
  const body =
    first === undefined ? '<p>Not run yet.</p>' : [first, ...(laboratory ? [LABORATORY] : []), ...others].join('\n');
  return (
    `<section aria-labelledby="${escape(section)}">` +
    `<h2 id="${escape(section)}">${escape(title)}</h2><p>${text}${counts}</p>\n${body}</section>`
  );
}

/** The contents, with the figures of those parts that `below` says. */
function contentsBlock(input: PageInput, parts: readonly Part[], below: (part: Part) => boolean): string {
  const figuresOf = (section: string): string => {
    const links = (input.figures[section] ?? []).map(
      ({ figure }) => `<li><a href="#${escape(figureId(figure))}">${escape(figure.title)}</a></li>`,
    );
    return links.length === 0 ? '' : `<ul>${links.join('')}</ul>`;
  };
  const [appendix] = parts.slice(-1);
  const entries: (readonly [string, string, string])[] = [
    ['summary', 'Summary', ''],
    ['verdicts', 'Verdicts', ''],
    ...parts
      .filter((part) => part !== appendix && part.id !== 'laboratory')
      .map((part) => [part.id, part.title, below(part) ? figuresOf(part.id) : ''] as const),
    ['laboratory', 'Laboratory', ''],
    ['appendix', 'Appendix', ''],
  ];
  return (
    '<nav id="contents" ' +
    `aria-label="Contents"><ul>${entries.map(([id, title, list]) => `<li><a href="#${escape(id)}">${escape(title)}</a>${list}</li>`).join('')}</ul></nav>`
  );
}

function heroBlock(made: Made): string {
  const figures = made.input.figures[HERO] ?? [];
  return figures.length === 0
    ? ''
    : '<section aria-labelledby="glance"><h2 class="hidden" id="glance">At a glance</h2>' +
        `<div class="hero">${figures.map((figure) => drawn(made, figure)).join('\n')}</div></section>`;
}

function matrixSection(verdicts: readonly ScaledVerdict[]): string {
  return `<section aria-labelledby="verdicts"><h2 id="verdicts">Verdicts: claim by setting</h2>
<p>${verdicts.length} claims: ${countsText(verdicts)}. ${FAMILY_RULE}</p>
${matrixBlock(verdicts)}</section>`;
}

/** What a page says of itself where it is linked to. */
const PREVIEW_TAGS = [
  `<meta name="description" content="${escape(DESCRIPTION)}">`,
  ...Object.entries({
    'og:title': TITLE,
    'og:description': DESCRIPTION,
    'og:type': 'article',
    'og:image': PREVIEW,
    'twitter:card': 'summary_large_image',
  }).map(([property, content]) => `<meta property="${property}" content="${escape(content)}">`),
].join('');

/** A part of a report that a site has on a page of its own; `id` is that of its heading. */
export interface Part {
  readonly id: string;
  readonly title: string;
  readonly html: string;
}

/** A report as HTML, in parts. */
export interface Parts {
  /** Title, date, links, citations. */
  readonly header: string;
  /** What stands before the sections: figures and takeaways, summary, verdicts. */
  readonly opening: string;
  /** Sections, the laboratory where it stands in none, runs of one's own, and last the appendix. */
  readonly parts: readonly Part[];
  /** The contents, with the figures of those parts that `below` says. */
  readonly contents: (below: (part: Part) => boolean) => string;
}

/** The parts of a report; `archiveLink` is the address of the archive of its tables. */
export function partsOf(input: PageInput, archiveLink: ArchiveLink): Parts {
  const { records, version, newest, verdicts, figures, own } = input;
  const all = Object.values(verdicts).flat();
  const rendered = Object.values(figures).flat();
  const places = placesOf(all, rendered);
  const made: Made = { input, places, context: { origins: originsOf(records) } };
  const sections = sectionNames([...Object.keys(verdicts), ...Object.keys(figures)].filter((name) => name !== HERO));
  const scales = scalesOf(records);
  const head: Head = { version, newest, records, verdicts: all, scales };
  const linkOf = (id: string): string | undefined => {
    const found = rendered.find(({ figure }) => figure.id === id);
    return found === undefined ? undefined : figureId(found.figure);
  };
  const inSection = sections.some((id) => sectionOf(id).laboratory === true && (figures[id] ?? []).length > 0);
  const opening = `${records.results.length + records.rows.length === 0 ? '<p>Nothing was run yet: <code>gowide reproduce --scale minutes</code>.</p>' : ''}
${heroBlock(made)}
${takeawaysBlock(all, linkOf)}
${listBlock('care', 'Read with care', 'These runs are in the tables and figures below.', records.cautions)}
${listBlock('left-out', 'Left out', 'None of this is in any table, figure or verdict.', records.problems)}
${summaryBlock(head)}
${matrixSection(all)}`;
  const appendix = appendixBlock({ records, scales, rest: places.get('') ?? [], archiveLink });
  const parts: Part[] = [
    ...sections.map((id) => ({ id, title: sectionOf(id).title, html: sectionBlock(id, made) })),
    ...(inSection ? [] : [{ id: 'laboratory', title: 'Laboratory', html: LABORATORY }]),
    ...(own.runs.length === 0
      ? []
      : [{ id: 'own-runs', title: 'Runs of your own', html: ownRunsBlock(own, made.context) }]),
    { id: 'appendix', title: 'Appendix', html: appendix },
  ];
  return {
    header: headerBlock(head),
    opening,
    parts,
    contents: (below) => contentsBlock(input, parts, below),
  };
}

/** A page of a report: the one that holds all of it, or one of a site's. */
interface ReportDocument {
  readonly title: string;
  /** The element by which the head has the style. */
  readonly style: string;
  readonly scripts: Scripts;
  /** Link past what stands before the text, for the keyboard. */
  readonly skip: string;
  /** The element `main`. */
  readonly main: string;
}

/** A page of a report as text, with what every page's script needs around its `main`. */
export function reportDocument({ title, style, scripts, skip, main }: ReportDocument): string {
  return documentOf({
    title,
    policy: scripts.policy,
    head: `${PREVIEW_TAGS}${style}`,
    body: `${skip}<p id="said" role="status"></p>
${main}
${configBlock()}
${scripts.html}`,
  });
}
