/**
 * Under `gowide watch`: runs under way as their metrics arrive, and the page anew when one is finished, at the reader's
 * place.
 */
import { svgElement } from './svg.js';

interface Underway {
  readonly run: string;
  readonly experiment: string;
  readonly arm: string;
  readonly seed: number;
  readonly status: string;
  readonly last: Readonly<Record<string, string | number | boolean | null>> | null;
  readonly losses: readonly number[];
}

const [WIDTH, HEIGHT] = [160, 28] as const;

/** The losses of the last steps, as a line. */
function spark(losses: readonly number[]): SVGElement {
  const label =
    losses.length === 0
      ? 'no losses yet'
      : `loss of the last ${losses.length} steps, from ${losses[0]!.toPrecision(4)} to ` +
        `${losses.at(-1)!.toPrecision(4)}`;
  const svg = svgElement('svg', { width: WIDTH, height: HEIGHT, role: 'img', 'aria-label': label });
  const [low, high] = [Math.min(...losses), Math.max(...losses)];
  const y = (loss: number): number => HEIGHT - 2 - ((loss - low) / (high - low || 1)) * (HEIGHT - 4);
  const points = losses
    .map((loss, i) => `${((i * WIDTH) / Math.max(1, losses.length - 1)).toFixed(1)},${y(loss).toFixed(1)}`)
    .join(' ');
  svg.append(svgElement('polyline', { points, fill: 'none', stroke: 'currentColor' }));
  return svg;
}

function show(root: HTMLElement, finished: number, underway: readonly Underway[]): void {
  const status = document.createElement('p');
  status.setAttribute('role', 'status');
  status.textContent = `Live: ${finished} runs finished, ${underway.length} under way.`;
  const table = document.createElement('table');
  for (const { experiment, arm, seed, status: state, last, losses } of underway.slice(0, 50)) {
    const row = table.insertRow();
    const where =
      last === null
        ? state
        : [
            last.stage,
            last.totalStep !== undefined && `step ${String(last.totalStep)}`,
            last.loss !== undefined && `loss ${Number(last.loss).toPrecision(4)}`,
          ]
            .filter(Boolean)
            .join(', ');
    for (const text of [experiment, arm, `seed ${seed}`, where === '' ? state : where])
      row.insertCell().textContent = text;
    row.insertCell().append(spark(losses));
  }
  root.replaceChildren(status, ...(underway.length > 0 ? [table] : []));
}

/** Keeps the page of `gowide watch` up to date with what its server sends. */
export function followRuns(): void {
  const root = document.getElementById('live')!;
  const events = new EventSource('events');
  events.addEventListener('runs', (event) => {
    const { finished, underway } = JSON.parse((event as MessageEvent<string>).data) as {
      finished: number;
      underway: Underway[];
    };
    show(root, finished, underway);
  });
  events.addEventListener('page', () => {
    sessionStorage.setItem('place', String(scrollY));
    location.reload();
  });
  events.onerror = () =>
    (root.textContent = 'No longer live: the server has stopped. What is below is as it was last.');
  const place = Number(sessionStorage.getItem('place') ?? 0);
  sessionStorage.removeItem('place');
  if (place > 0) scrollTo({ top: place, behavior: 'instant' });
}
