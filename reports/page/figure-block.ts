/** A figure as HTML: what it shows, its panels, its key, its caption, where it comes from, and its rows. */
import { keyOf, panelsOf } from '../client/panels.js';
import type { Spec } from '../client/spec.js';
import type { Figure } from '../figures/figure.js';
import { CONFIG } from '../figures/theme.js';
import { withTerm } from './glossary.js';
import { errorOf } from '../../src/core/errors.js';
import { escape } from '../../src/core/markup.js';
import { anchor, plural, rowsBlock } from './html.js';
import type { OriginOf } from './origins.js';
import { renderSvg } from './render.js';
import { compactSvg } from './svg.js';

/** A panel as a picture. */
interface RenderedPanel {
  readonly title: string | null;
  readonly svg: string;
}

/** A figure and its pictures. */
export interface RenderedFigure {
  readonly figure: Figure;
  readonly panels: readonly RenderedPanel[];
}

/** Draws the panels of a figure. Throws FailureError, with the figure's id, when its spec is not valid. */
export async function renderFigure(figure: Figure): Promise<RenderedFigure> {
  try {
    const panels = panelsOf(figure.spec as unknown as Spec).map(async ({ title, spec }) => ({
      title,
      svg: compactSvg(await renderSvg(spec as unknown as Figure['spec'])),
    }));
    return { figure, panels: await Promise.all(panels) };
  } catch (error) {
    throw errorOf(`the spec of the figure "${figure.id}" cannot be drawn`, error);
  }
}

/** A panel in HTML: its heading, empty where it has no title, and its picture with a label for who does not see it. */
export function panelHtml({ title, svg }: RenderedPanel, label: string): { head: string; picture: string } {
  return {
    head: title === null ? '' : `<h4>${escape(title)}</h4>`,
    // a page needs no namespace
    picture: svg.replace(/<svg(?: xmlns="[^"]*")?/, `<svg role="img" aria-label="${escape(label)}"`),
  };
}

/** The id of a figure's element, for links to it. */
export const figureId = ({ id, scale }: Pick<Figure, 'id' | 'scale'>): string => `figure-${id}-${scale}`;

function keyBlock(figure: Figure): string {
  const entries = keyOf(figure.spec as unknown as Spec);
  if (entries.length < 2) return '';
  const items = entries.map(
    ({ name, color, dash }) =>
      `<li data-color="${color}"><svg width="26" height="10" aria-hidden="true"><path d="M1,5h24" stroke="${color}" ` +
      `stroke-width="3"${dash === '' || dash === '1' ? '' : ` stroke-dasharray="${dash}"`}/></svg>${escape(name)}</li>`,
  );
  return `<ul class="key">${items.join('')}</ul>`;
}

const json = (value: unknown): string => JSON.stringify(value).replaceAll('<', '\\u003c');

/** The look that all figures share, once for the whole page. */
export const configBlock = (): string => `<script type="application/json" id="figure-config">${json(CONFIG)}</script>`;

/** The spec without its rows, and what the reader's browser needs to read these out of the page. */
function specBlock({ spec }: Figure, texts: readonly string[]): string {
  const rest: Record<string, unknown> = { ...(spec as unknown as Record<string, unknown>), data: undefined };
  if (rest.config === CONFIG) delete rest.config;
  return `<script type="application/json" data-spec>${json({ spec: rest, texts })}</script>`;
}

/** What a figure's block needs beside the figure. */
export interface FigureContext {
  readonly origins: OriginOf;
  /** What it shows; its title unless given. */
  readonly finding?: string | undefined;
}

/** One figure with its rows; `below` is HTML at its end, such as the claims that it decides. */
export function figureBlock({ figure, panels }: RenderedFigure, context: FigureContext, below = ''): string {
  const { origins, finding } = context;
  const name = `${figure.id}-${figure.scale}`;
  const id = figureId(figure);
  const { html, texts } = rowsBlock(figure.data);
  const plots = panels.map((panel, i) => {
    const { title } = panel;
    // the first panel has the whole description; the others say which they are
    const label = title === null ? figure.alt : i === 0 ? `${title}. ${figure.alt}` : `${title}: ${figure.title}`;
    const { head, picture } = panelHtml(panel, label);
    return `<div class="panel">${head}<div class="plot">${picture}</div></div>`;
  });
  const kicker = finding === undefined ? '' : `<p class="kicker">${escape(figure.title)}</p>`;
  return `<figure id="${escape(id)}" data-figure="${escape(name)}">
<h3><span class="finding">${escape(finding ?? figure.title)}</span> ${anchor(id, 'this figure')}</h3>${kicker}
<div class="panels">${plots.join('')}</div>${keyBlock(figure)}
<div class="actions"></div>
<figcaption><p>${withTerm(figure.caption)}</p>
<p class="small">Scale ${escape(figure.scale)}. Run it: <code>${escape(figure.command)}</code>. ${escape(origins(figure.runs))}</p>
<details class="tools"><summary>Axes and lines</summary></details>
<details class="data"><summary>Data: ${plural(figure.data.length, 'row')}</summary>${html}</details></figcaption>
${below}${specBlock(figure, texts)}</figure>`;
}
