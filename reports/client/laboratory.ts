/** The laboratory: dials, and both laws measured anew by a worker, drawn as their points come. */
import type { Model, Point, Setting } from './experiment.js';
import { drawPlot, type Line } from './plot.js';
import {
  addressOf,
  boundOf,
  commandOf,
  dialsOf,
  fitted,
  inWords,
  limitsOf,
  lostInWords,
  MODELS,
  positionOf,
  PRESETS,
  settingAt,
  START,
  startOf,
  valueAt,
  type Dial,
  type DialName,
  type Lost,
} from './setting.js';
import { svgElement } from './svg.js';

const LAWS = ['D(m)', 'D(L)'] as const satisfies readonly Point['law'][];

/** Lines of the plots by the columns of their points, in the colors that the page's figures have for them. */
const SERIES = [
  { key: 'direct', label: 'direct training', color: '#D55E00' },
  { key: 'imitation', label: 'imitation', color: '#0072B2' },
  { key: 'sampled', label: 'drawn particles, no training', color: '#E69F00' },
  { key: 'chosen', label: 'particles chosen by herding, no training', color: '#009E73' },
  { key: 'bound', label: 'telescoped sum (bound on imitation)', color: '#CC79A7' },
  { key: 'directLimit', label: 'limit of direct training', color: '#D55E00', dashed: true },
  { key: 'boundLimit', label: 'limit of the telescoped sum', color: '#CC79A7', dashed: true },
] as const;
type Series = (typeof SERIES)[number];

/** The lines of which a plot has points. */
function linesOf(points: readonly Point[]): (Series & Pick<Line, 'points'>)[] {
  return SERIES.flatMap((series) => {
    const mine = points.flatMap((point) => {
      const y = point[series.key];
      return y === undefined ? [] : [{ x: point.x, y }];
    });
    return mine.length === 0 ? [] : [{ ...series, points: mine }];
  });
}

/** The theory's limits beside the measured points, where they are known; as lines over the widths. */
function limitLines(setting: Setting, widths: readonly number[]): Line[] {
  return limitsOf(setting).map(({ column, at }) => {
    const { label, color } = SERIES.find(({ key }) => key === column)!;
    return { label: `limit of ${label}`, color, dashed: true, points: widths.map((m) => ({ x: m, y: at(m) })) };
  });
}

/** What the worker says. */
interface Message {
  readonly point?: Point;
  readonly exploded?: Lost;
  readonly error?: string;
  readonly done?: boolean;
}

/** Makes an element with a class and a text. */
function make<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  className = '',
  text = '',
): HTMLElementTagNameMap[Name] {
  const element = document.createElement(name);
  if (className !== '') element.className = className;
  element.textContent = text;
  return element;
}

function contentOf(id: string): string {
  return document.getElementById(id)!.textContent ?? '';
}

/** Simulates settings, each in a new worker: what is still being computed for an older one is of no use. */
class Simulation {
  private worker: Worker | undefined;
  private readonly url = URL.createObjectURL(new Blob([contentOf('laboratory-worker')], { type: 'text/javascript' }));
  private readonly kernel = Uint8Array.from(atob(contentOf('laboratory-kernel')), (letter) => letter.charCodeAt(0));

  constructor(
    private readonly changed: (setting: Setting, points: readonly Point[]) => void,
    private readonly say: (status: string) => void,
  ) {}

  run(setting: Setting): void {
    this.worker?.terminate();
    const points: Point[] = [];
    const lost: Lost[] = [];
    const all = MODELS[setting.model].widths(setting).length + setting.depth;
    const started = performance.now();
    this.say('Simulating …');
    const worker = new Worker(this.url);
    this.worker = worker;
    worker.onmessage = ({ data }: MessageEvent<Message>) => {
      if (data.error !== undefined) this.say(`The simulation failed: ${data.error}`);
      if (data.exploded !== undefined) lost.push(data.exploded);
      if (data.point !== undefined) {
        points.push(data.point);
        this.changed(setting, points);
        this.say(`Simulating … ${points.length} of ${all} points`);
      }
      if (data.done !== true) return;
      const seconds = ((performance.now() - started) / 1000).toFixed(1);
      this.changed(setting, points);
      this.say(`${points.length} points in ${seconds} s. ${lostInWords(setting, lost)}`.trim());
    };
    worker.onerror = (event) =>
      this.say(`The simulation could not start: ${event.message || 'the browser forbids workers'}`);
    worker.postMessage({ kernel: this.kernel, setting });
  }
}

/** Draws the points of one law, over the axis on which there will be points. */
function drawLaw(law: Point['law'], setting: Setting, points: readonly Point[], into: HTMLElement): void {
  const mine = points.filter((point) => point.law === law);
  const last = mine.at(-1);
  const label =
    last === undefined
      ? `${law}: no points`
      : `${law}; at ${last.x}: ${SERIES.flatMap(({ key }) => (last[key] === undefined ? [] : `${key} ${last[key].toPrecision(3)}`)).join(', ')}`;
  const depths = Array.from({ length: setting.depth }, (_, i) => i + 1);
  const { widths, widthLabel } = MODELS[setting.model];
  const xs = widths(setting);
  const axis =
    law === 'D(m)'
      ? { xTitle: 'thin width m', xs, xLabel: widthLabel, log: true }
      : { xTitle: 'depth L (layers)', xs: depths, xLabel: String, log: false };
  const lines = [...linesOf(mine), ...(law === 'D(m)' && mine.length > 0 ? limitLines(setting, xs) : [])];
  drawPlot({ ...axis, yTitle: 'discrepancy D', lines }, into, label);
}

/** The sliders of a model, as one form. */
class Dials {
  readonly form = make('form', 'dials');
  private model: Model | undefined;
  private inputs: readonly { name: DialName; dial: Dial; input: HTMLInputElement; output: HTMLOutputElement }[] = [];

  constructor(private readonly changed: () => void) {
    this.form.addEventListener('submit', (event) => event.preventDefault());
    this.set(START);
  }

  read(): Setting {
    const entries = this.inputs.map(({ name, dial, input }) => [name, valueAt(dial, Number(input.value))]);
    return fitted({ ...startOf(this.model!), ...(Object.fromEntries(entries) as Partial<Setting>) });
  }

  /** Moves the sliders to a setting that can be simulated; what others bound ends where they bound it, and says so. */
  set(setting: Setting): void {
    if (setting.model !== this.model) this.make(setting.model);
    for (const { name, dial, input, output } of this.inputs) {
      const bound = boundOf(setting, name);
      input.max = String(bound?.high ?? dial.high);
      input.value = String(positionOf(dial, setting[name]));
      const value = setting[name];
      const shown = name === 'm' ? MODELS[setting.model].widthLabel(value) : String(Number(value.toPrecision(3)));
      output.textContent = bound === undefined ? shown : `${shown} (${bound.why})`;
      input.setAttribute('aria-valuetext', output.textContent);
    }
  }

  private make(model: Model): void {
    this.model = model;
    this.inputs = dialsOf(model).map(([name, dial]) => {
      const [input, output] = [make('input'), make('output')];
      const { low, high, step } = dial;
      Object.assign(input, { type: 'range', name, min: String(low), max: String(high), step: String(step) });
      const one = { name, dial, input, output };
      input.addEventListener('input', () => {
        this.set(this.read());
        this.changed();
      });
      return one;
    });
    this.form.replaceChildren(
      ...this.inputs.map(({ dial, input, output }) => {
        const row = make('label', '', `${dial.label} `);
        row.append(output, input);
        return row;
      }),
    );
  }
}

/** A place for the plot of a law, which the keyboard can reach. */
function plotHolder(law: Point['law']): HTMLElement {
  const holder = make('div', 'plot');
  holder.tabIndex = 0;
  holder.setAttribute('role', 'region');
  holder.setAttribute('aria-label', `Laboratory: ${law}`);
  return holder;
}

/** The colors of the lines, with their names; what a plot does not have is not named. */
function fillLegend(legend: HTMLElement, points: readonly Point[], setting: Setting): void {
  const lines = [...linesOf(points), ...(points.length > 0 ? limitLines(setting, []) : [])];
  legend.replaceChildren(
    ...lines.flatMap(({ label, color, ...line }) => {
      const dashed = 'dashed' in line && line.dashed === true;
      const swatch = svgElement('svg', { width: 26, height: 10, class: 'swatch', 'aria-hidden': 'true' });
      const look = { stroke: color, 'stroke-width': 3, 'stroke-dasharray': dashed ? '5 4' : 'none' };
      swatch.append(svgElement('path', { d: 'M1,5h24', ...look }));
      return [swatch, make('span', '', ` ${label}   `)];
    }),
  );
}

function button(text: string, act: () => void): HTMLButtonElement {
  const made = make('button', '', text);
  made.type = 'button';
  made.addEventListener('click', act);
  return made;
}

/** Room for what is said, so that nothing below moves when it comes. */
function saidIn(className: string, lines: number): HTMLParagraphElement {
  const line = make('p', className);
  line.style.minHeight = `${lines * 1.5}em`;
  return line;
}

/** Calls `act` once, `milliseconds` after the last of the calls that follow one another sooner. */
function debounced(act: () => void, milliseconds: number): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(act, milliseconds);
  };
}

/** Calls `act` when the reader comes to an element for the first time. */
function whenReached(element: HTMLElement, act: () => void): void {
  const near = new IntersectionObserver((entries) => {
    if (!entries.some(({ isIntersecting }) => isIntersecting)) return;
    near.disconnect();
    act();
  });
  near.observe(element);
}

/** Puts the laboratory into the page; its first simulation waits until the reader comes there. */
export function startLaboratory(): void {
  const root = document.getElementById('laboratory-root');
  if (root === null) return;
  const [words, status] = [saidIn('', root.clientWidth < 600 ? 10 : 4), saidIn('small', 1)];
  status.setAttribute('role', 'status');
  const command = make('code');
  command.style.overflowWrap = 'anywhere';
  const same = make('details', 'small');
  same.append(make('summary', '', 'The same on the command line'), command);
  const plots = make('div', 'plots');
  const holders = LAWS.map((law) => [law, plotHolder(law)] as const);
  plots.append(...holders.map(([, holder]) => holder));

  const legend = saidIn('small', root.clientWidth < 600 ? 6 : 2);
  const show = (setting: Setting, points: readonly Point[]): void => {
    fillLegend(legend, points, setting);
    for (const [law, holder] of holders) drawLaw(law, setting, points, holder);
    words.textContent = inWords(setting, points);
  };
  let simulation: Simulation | undefined;
  const run = (): void => {
    const setting = dials.read();
    simulation ??= new Simulation(show, (line) => (status.textContent = line));
    command.textContent = commandOf(setting);
    show(setting, []);
    simulation.run(setting);
  };
  const changed = debounced(() => {
    history.replaceState(null, '', addressOf(dials.read()));
    run();
  }, 150);
  const dials = new Dials(changed);
  const choose = (setting: Setting): void => {
    dials.set(setting);
    changed();
  };
  const presets = make('div', 'actions');
  for (const [name, setting] of Object.entries(PRESETS)) presets.append(button(name, () => choose(setting)));
  presets.append(button('Reset', () => choose(startOf(dials.read().model))));
  root.replaceChildren(presets, dials.form, legend, plots, words, status, same);
  show(dials.read(), []);

  const follow = (): void => {
    const setting = settingAt(location.hash);
    if (setting === undefined) return;
    // of an address that cannot be simulated the nearest that can
    history.replaceState(null, '', addressOf(setting));
    dials.set(setting);
    root.scrollIntoView();
    if (simulation !== undefined) run();
  };
  follow();
  addEventListener('hashchange', follow);
  whenReached(root, run);
}
