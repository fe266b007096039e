/** The laboratory: dials, and both laws measured anew by a worker, drawn as their points come. */
import { widthsBelow, type Point, type Setting } from './experiment.js';
import { drawPlot } from './plot.js';
import { addressOf, commandOf, DIALS, inWords, positionOf, PRESETS, settingAt, START, valueAt } from './setting.js';

const LAWS = ['D(m)', 'D(L)'] as const satisfies readonly Point['law'][];

const SERIES = [
  ['direct', 'direct training', '#D55E00'],
  ['imitation', 'imitation', '#0072B2'],
  ['bound', 'telescoped sum (bound on imitation)', '#56B4E9'],
] as const;

/** What the worker says. */
interface Message {
  readonly point?: Point;
  readonly exploded?: { readonly law: string; readonly x: number };
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
    const exploded: string[] = [];
    const started = performance.now();
    this.say('Simulating …');
    const worker = new Worker(this.url);
    this.worker = worker;
    worker.onmessage = ({ data }: MessageEvent<Message>) => {
      if (data.error !== undefined) this.say(`The simulation failed: ${data.error}`);
      if (data.exploded !== undefined) exploded.push(`${data.exploded.law} at ${data.exploded.x}`);
      if (data.point !== undefined) {
        points.push(data.point);
        this.changed(setting, points);
        this.say(`Simulating … ${points.length} points`);
      }
      if (data.done !== true) return;
      const seconds = ((performance.now() - started) / 1000).toFixed(1);
      const lost = `Left out, as Euler’s steps of 0.1 exploded there: ${exploded.join(', ')}.`;
      this.changed(setting, points);
      this.say(`${points.length} points in ${seconds} s.${exploded.length === 0 ? '' : ` ${lost}`}`);
    };
    worker.onerror = (event) => this.say(`The simulation could not start: ${event.message}`);
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
      : `${law}; at ${last.x}: direct ${last.direct.toPrecision(3)}, imitation ${last.imitation.toPrecision(3)}, ` +
        `bound ${last.bound.toPrecision(3)}`;
  const depths = Array.from({ length: setting.depth }, (_, i) => i + 1);
  const lines = SERIES.map(([key, name, color]) => ({
    label: name,
    color,
    points: mine.map((point) => ({ x: point.x, y: point[key] })),
  }));
  const axis =
    law === 'D(m)'
      ? { xTitle: 'thin width m', xs: widthsBelow(setting.wide), log: true }
      : { xTitle: 'depth L (layers)', xs: depths, log: false };
  drawPlot({ ...axis, yTitle: 'discrepancy D', lines }, into, label);
}

/** The sliders, as one form. */
class Dials {
  readonly form = make('form', 'dials');
  private readonly inputs = new Map<keyof Setting, { input: HTMLInputElement; output: HTMLOutputElement }>();

  constructor(changed: () => void) {
    this.form.addEventListener('submit', (event) => event.preventDefault());
    for (const name of Object.keys(DIALS) as (keyof Setting)[]) {
      const { label, low, high, step } = DIALS[name];
      const [row, input, output] = [make('label', '', `${label} `), make('input'), make('output')];
      Object.assign(input, { type: 'range', name, min: String(low), max: String(high), step: String(step) });
      input.addEventListener('input', () => {
        this.show(name);
        changed();
      });
      row.append(output, input);
      this.form.append(row);
      this.inputs.set(name, { input, output });
    }
    this.set(START);
  }

  read(): Setting {
    const entries = [...this.inputs].map(([name, { input }]) => [name, valueAt(DIALS[name], Number(input.value))]);
    return Object.fromEntries(entries) as unknown as Setting;
  }

  set(setting: Setting): void {
    for (const [name, { input }] of this.inputs) {
      input.value = String(positionOf(DIALS[name], setting[name]));
      this.show(name);
    }
  }

  private show(name: keyof Setting): void {
    const { input, output } = this.inputs.get(name)!;
    output.textContent = String(valueAt(DIALS[name], Number(input.value)));
    input.setAttribute('aria-valuetext', output.textContent);
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

/** The colors of the lines, with their names. */
function legend(): HTMLElement {
  const line = make('p', 'small');
  for (const [, name, color] of SERIES) {
    const [swatch, label] = [make('span', '', '● '), make('span', '', `${name}   `)];
    swatch.style.color = color;
    line.append(swatch, label);
  }
  return line;
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

/** Puts the laboratory into the page; its first simulation waits until the reader comes there. */
export function startLaboratory(): void {
  const root = document.getElementById('laboratory-root');
  if (root === null) return;
  const [words, status] = [saidIn('', root.clientWidth < 600 ? 8 : 3), saidIn('small', 1)];
  status.setAttribute('role', 'status');
  const command = make('code');
  command.style.overflowWrap = 'anywhere';
  const same = make('details', 'small');
  same.append(make('summary', '', 'The same on the command line'), command);
  const plots = make('div', 'plots');
  const holders = LAWS.map((law) => [law, plotHolder(law)] as const);
  plots.append(...holders.map(([, holder]) => holder));

  const show = (setting: Setting, points: readonly Point[]): void => {
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
  let timer: ReturnType<typeof setTimeout> | undefined;
  const changed = (): void => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      history.replaceState(null, '', addressOf(dials.read()));
      run();
    }, 150);
  };
  const dials = new Dials(changed);
  const choose = (setting: Setting): void => {
    dials.set(setting);
    changed();
  };
  const presets = make('div', 'tools');
  for (const [name, part] of Object.entries(PRESETS)) presets.append(button(name, () => choose({ ...START, ...part })));
  presets.append(button('Reset', () => choose(START)));
  root.replaceChildren(presets, dials.form, legend(), plots, words, status, same);
  show(dials.read(), []);

  const follow = (): void => {
    const setting = settingAt(location.hash);
    if (setting === undefined) return;
    dials.set(setting);
    root.scrollIntoView();
    if (simulation !== undefined) run();
  };
  follow();
  addEventListener('hashchange', follow);
  const near = new IntersectionObserver((entries) => {
    if (!entries.some(({ isIntersecting }) => isIntersecting)) return;
    near.disconnect();
    run();
  });
  near.observe(root);
}
