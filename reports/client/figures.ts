/** Figures that answer: values under the pointer, zoom, arms to leave out, linear or logarithmic axes. */
import * as vega from 'vega';
import { expressionInterpreter } from 'vega-interpreter';
import { compile, type TopLevelSpec } from 'vega-lite';
import { actionsOf } from './actions.js';
import { measureByTable } from './metrics.js';
import { panelsOf } from './panels.js';
import { chosen, scaleOf, seriesOf, withSafeNames, type Axis, type Choices, type Json, type Spec } from './spec.js';
import { rowsOf } from './table.js';
import { hideTip, showTip } from './tooltip.js';

measureByTable((vega as unknown as { textMetrics: unknown }).textMetrics);

/** A figure that vega has drawn, and what ends it. */
export interface Drawn {
  readonly view: vega.View;
  readonly finalize: () => void;
}

/** Draws a spec into an element, in place of what it holds. */
export async function draw(spec: Spec, element: HTMLElement, label: string): Promise<Drawn> {
  const { spec: compiled } = compile(withSafeNames(spec) as unknown as TopLevelSpec);
  const holder = document.createElement('div');
  const view = new vega.View(vega.parse(compiled, undefined, { ast: true }), {
    renderer: 'svg',
    container: holder,
    hover: true,
    expr: expressionInterpreter,
    logLevel: vega.Error,
  } as vega.ViewOptions);
  view.tooltip(((_: unknown, event: MouseEvent, __: unknown, value: unknown) =>
    showTip(event, value)) as unknown as vega.TooltipHandler);
  await view.runAsync();
  const svg = holder.querySelector('svg');
  svg?.setAttribute('role', 'img');
  svg?.setAttribute('aria-label', label);
  element.replaceChildren(holder);
  return { view, finalize: () => view.finalize() };
}

function labelled(text: string, control: HTMLElement): HTMLLabelElement {
  const label = document.createElement('label');
  label.append(control, ` ${text}`);
  return label;
}

const NAMES = { linear: 'linear', log: 'logarithmic' } as const;

/** One figure of the page. */
class Figure {
  private drawn: Drawn[] = [];
  /** The drawing that was asked for last: the next one waits for it. */
  private last: Promise<void> = Promise.resolve();
  private readonly hidden = new Set<string>();
  private readonly scales: Partial<Record<Axis, 'linear' | 'log'>> = {};
  private readonly plots: readonly HTMLElement[];
  private readonly labels: readonly (string | null | undefined)[];

  constructor(
    private readonly element: HTMLElement,
    private readonly spec: Spec,
  ) {
    this.plots = [...element.querySelectorAll<HTMLElement>('.plot')];
    this.labels = this.plots.map((plot) => plot.querySelector('svg')?.getAttribute('aria-label'));
  }

  async start(): Promise<void> {
    await this.draw();
    this.element.querySelector('.tools')?.append(this.tools());
  }

  private draw(): Promise<void> {
    const next = (): Promise<void> => this.drawNow();
    return (this.last = this.last.then(next, next));
  }

  private async drawNow(): Promise<void> {
    for (const { finalize } of this.drawn) finalize();
    const choices: Choices = { hidden: this.hidden, scales: this.scales };
    const panels = panelsOf(this.spec);
    // each panel keeps its place while it is drawn anew, so that nothing on the page moves
    this.drawn = await Promise.all(
      this.plots.map(async (plot, i) => draw(chosen(panels[i]!.spec, choices), plot, this.labels[i] ?? '')),
    );
    // for tests, and for the reader's console
    (this.element as unknown as { views: vega.View[] }).views = this.drawn.map(({ view }) => view);
  }

  private tools(): HTMLElement {
    const tools = document.createElement('div');
    for (const axis of ['x', 'y'] as const) {
      const now = scaleOf(this.spec, axis);
      if (now === undefined) continue;
      const select = document.createElement('select');
      for (const name of ['linear', 'log'] as const)
        select.append(new Option(NAMES[name], name, name === now, name === now));
      select.addEventListener('change', () => {
        this.scales[axis] = select.value as 'linear' | 'log';
        void this.draw();
      });
      tools.append(labelled(`${axis} axis`, select));
    }
    const reset = document.createElement('button');
    reset.type = 'button';
    reset.textContent = 'Reset zoom';
    reset.title = 'Drag to move; Ctrl and wheel to zoom';
    reset.addEventListener('click', () => void this.draw());
    tools.append(reset);
    const series = seriesOf(this.spec);
    if (series !== undefined) tools.append(this.toggles(series.names));
    return tools;
  }

  private toggles(names: readonly string[]): HTMLElement {
    const box = document.createElement('fieldset');
    const legend = document.createElement('legend');
    legend.textContent = 'Show';
    box.append(legend);
    for (const name of names) {
      const check = document.createElement('input');
      check.type = 'checkbox';
      check.checked = true;
      check.addEventListener('change', () => {
        if (check.checked) this.hidden.delete(name);
        else this.hidden.add(name);
        void this.draw();
      });
      box.append(labelled(name, check));
    }
    return box;
  }
}

/** The spec of a figure with its rows, which stand once in the page: as the text of its table. */
function specOf(element: HTMLElement): Spec {
  const { spec, texts } = JSON.parse(element.querySelector('script[data-spec]')!.textContent!) as {
    spec: Spec;
    texts: string[];
  };
  const rows = rowsOf(element.querySelector('pre.rows')!.textContent!, texts);
  const config = JSON.parse(document.getElementById('figure-config')!.textContent!) as Json;
  return { config, ...spec, data: { values: rows as unknown as Json } };
}

/** Figures come to life when they come near the reader's window. */
export function startFigures(): void {
  const start = (element: HTMLElement): void => {
    new Figure(element, specOf(element)).start().then(
      () => (element.dataset.state = 'live'),
      (error: unknown) => {
        element.dataset.state = 'still'; // the picture that was drawn beforehand stays
        console.warn(`figure ${element.dataset.figure!}: ${String(error)}`);
      },
    );
  };
  const near = new IntersectionObserver(
    (entries) => {
      for (const { isIntersecting, target } of entries) {
        if (!isIntersecting) continue;
        near.unobserve(target);
        start(target as HTMLElement);
      }
    },
    { rootMargin: '300px' },
  );
  for (const element of document.querySelectorAll<HTMLElement>('[data-figure]')) {
    element.querySelector('.actions')?.append(...actionsOf(element, () => specOf(element)));
    near.observe(element);
  }
  addEventListener('scroll', hideTip, { passive: true });
}
