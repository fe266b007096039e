/** The laboratory: dials, and both laws measured anew by a worker. */
import type { Point, Setting } from './experiment.js';
import { draw, type Drawn } from './figures.js';
import type { Spec } from './spec.js';

interface Dial {
  readonly label: string;
  readonly low: number;
  readonly high: number;
  readonly step: number;
  readonly start: number;
  /** The value at a position of the slider; the position itself unless given. */
  readonly value?: (position: number) => number;
}

const powers = (position: number): number => 2 ** position;
const DIALS: Readonly<Record<keyof Setting, Dial>> = {
  depth: { label: 'depth L', low: 1, high: 12, step: 1, start: 6 },
  m: { label: 'thin width m', low: 3, high: 8, step: 1, start: 5, value: powers },
  wide: { label: 'wide width M', low: 7, high: 11, step: 1, start: 9, value: powers },
  alpha: { label: 'skip weight α', low: 0, high: 1.2, step: 0.1, start: 1 },
  c: { label: 'scale c', low: 0.2, high: 4, step: 0.2, start: 1 },
  time: { label: 'flow time T', low: 0.2, high: 5, step: 0.2, start: 1 },
  seed: { label: 'seed', low: 1, high: 99, step: 1, start: 1 },
};

const LAWS = ['D(m)', 'D(L)'] as const satisfies readonly Point['law'][];

const SERIES = [
  ['direct', 'direct training', '#D55E00'],
  ['imitation', 'imitation', '#0072B2'],
  ['bound', 'telescoped sum (bound on imitation)', '#56B4E9'],
] as const;

function specOf(law: Point['law'], points: readonly Point[]): Spec {
  const values = points
    .filter((point) => point.law === law)
    .flatMap((point) => SERIES.map(([key, series]) => ({ x: point.x, series, D: point[key] })));
  const names = SERIES.map(([, name]) => name);
  const x =
    law === 'D(m)'
      ? { title: 'thin width m', scale: { type: 'log', base: 2, nice: false } }
      : { title: 'depth L (layers)', scale: { zero: false, nice: false } };
  return {
    width: 360,
    height: 240,
    background: 'white',
    data: { values },
    mark: { type: 'line', point: { size: 40 }, tooltip: { content: 'data' } },
    encoding: {
      x: { field: 'x', type: 'quantitative', axis: { grid: false, ...(law === 'D(L)' && { tickMinStep: 1 }) }, ...x },
      y: { field: 'D', type: 'quantitative', title: 'discrepancy D', scale: { type: 'log', nice: false, padding: 8 } },
      color: {
        field: 'series',
        type: 'nominal',
        title: null,
        scale: { domain: names, range: SERIES.map(([, , color]) => color) },
        legend: { orient: 'bottom', columns: 2, labelLimit: 0 },
      },
    },
  } as unknown as Spec;
}

function workerUrl(): string {
  return URL.createObjectURL(
    new Blob([document.getElementById('laboratory-worker')!.textContent ?? ''], { type: 'text/javascript' }),
  );
}

function kernelBytes(): Uint8Array {
  return Uint8Array.from(atob(document.getElementById('laboratory-kernel')!.textContent ?? ''), (character) =>
    character.charCodeAt(0),
  );
}

/** A new worker for each setting: what is still being computed for an older one is of no use. */
class Laboratory {
  private worker: Worker | undefined;
  private points: Point[] = [];
  private exploded: string[] = [];
  private readonly drawn = new Map<Point['law'], Drawn>();
  private readonly url = workerUrl();
  private readonly kernel = kernelBytes();

  constructor(
    private readonly plots: ReadonlyMap<Point['law'], HTMLElement>,
    private readonly status: HTMLElement,
  ) {}

  run(setting: Setting): void {
    this.worker?.terminate();
    this.points = [];
    this.exploded = [];
    this.status.textContent = 'Simulating …';
    const started = performance.now();
    const worker = new Worker(this.url);
    this.worker = worker;
    worker.onmessage = ({
      data,
    }: MessageEvent<{ point?: Point; exploded?: { law: string; x: number }; error?: string; done?: boolean }>) => {
      if (data.error !== undefined) this.status.textContent = `The simulation failed: ${data.error}`;
      if (data.exploded !== undefined) this.exploded.push(`${data.exploded.law} at ${data.exploded.x}`);
      if (data.point !== undefined) {
        this.points.push(data.point);
        this.status.textContent = `Simulating … ${this.points.length} points`;
      }
      if (data.done !== true) return;
      const lost =
        this.exploded.length === 0
          ? ''
          : ` Left out, as Euler’s steps of 0.1 exploded there: ${this.exploded.join(', ')}.`;
      void this.draw().then(
        () =>
          (this.status.textContent = `${this.points.length} points in ${((performance.now() - started) / 1000).toFixed(1)} s.${lost}`),
      );
    };
    worker.onerror = (event) => (this.status.textContent = `The simulation could not start: ${event.message}`);
    worker.postMessage({ kernel: this.kernel, setting });
  }

  private async draw(): Promise<void> {
    for (const [law, element] of this.plots) {
      this.drawn.get(law)?.finalize();
      const last = this.points.filter((point) => point.law === law).at(-1);
      const label =
        last === undefined
          ? `${law}: no points`
          : `${law}; at ${last.x}: direct ${last.direct.toPrecision(3)}, imitation ${last.imitation.toPrecision(3)}, bound ${last.bound.toPrecision(3)}`;
      this.drawn.set(law, await draw(specOf(law, this.points), element, label));
    }
  }
}

/** A slider with its label and value in a row; `changed` is called when its reader has moved it. */
function dialRow(
  name: keyof Setting,
  { label, low, high, step, start, value }: Dial,
  changed: () => void,
): { readonly row: HTMLElement; readonly read: () => number } {
  const row = document.createElement('label');
  const input = document.createElement('input');
  const output = document.createElement('output');
  Object.assign(input, {
    type: 'range',
    name,
    min: String(low),
    max: String(high),
    step: String(step),
    value: String(start),
  });
  const read = (): number => (value ?? ((position: number) => position))(Number(input.value));
  const show = (): void => {
    output.textContent = String(Math.round(read() * 10) / 10);
    input.setAttribute('aria-valuetext', output.textContent);
  };
  input.addEventListener('input', () => {
    show();
    changed();
  });
  show();
  row.append(`${label} `, output, input);
  return { row, read };
}

/** A place for the plot of a law, which the keyboard can reach. */
function plotHolder(law: Point['law']): HTMLElement {
  const holder = document.createElement('div');
  Object.assign(holder, { className: 'plot', tabIndex: 0 });
  holder.setAttribute('role', 'region');
  holder.setAttribute('aria-label', `Laboratory: ${law}`);
  return holder;
}

/** Puts the laboratory into the page; its first simulation waits until the reader comes there. */
export function startLaboratory(): void {
  const root = document.getElementById('laboratory-root');
  if (root === null) return;
  const dials = document.createElement('form');
  dials.className = 'dials';
  dials.addEventListener('submit', (event) => event.preventDefault());
  const status = document.createElement('p');
  status.className = 'small';
  status.setAttribute('role', 'status');
  const plots = document.createElement('div');
  plots.className = 'plots';
  const holders = LAWS.map((law) => [law, plotHolder(law)] as const);
  plots.append(...holders.map(([, holder]) => holder));
  root.replaceChildren(dials, status, plots);

  const inputs = new Map<keyof Setting, () => number>();
  let laboratory: Laboratory | undefined;
  const run = (): void => {
    laboratory ??= new Laboratory(new Map(holders), status);
    laboratory.run(Object.fromEntries([...inputs].map(([name, read]) => [name, read()])) as unknown as Setting);
  };
  let timer: ReturnType<typeof setTimeout> | undefined;
  const changed = (): void => {
    clearTimeout(timer);
    timer = setTimeout(run, 200);
  };
  for (const [name, dial] of Object.entries(DIALS) as [keyof Setting, Dial][]) {
    const { row, read } = dialRow(name, dial, changed);
    inputs.set(name, read);
    dials.append(row);
  }
  const near = new IntersectionObserver((entries) => {
    if (!entries.some(({ isIntersecting }) => isIntersecting)) return;
    near.disconnect();
    run();
  });
  near.observe(root);
}
