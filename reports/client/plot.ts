/** Plots of the laboratory: an SVG whose size never changes, drawn anew whenever a point comes. */
import { svgElement } from './svg.js';
import { logTicks } from './ticks.js';

/** A line of a plot. */
export interface Line {
  readonly label: string;
  readonly color: string;
  /** Whether it is a theory's, and has no marks. */
  readonly dashed?: boolean;
  readonly points: readonly { readonly x: number; readonly y: number }[];
}

/** What is drawn: the horizontal axis is known beforehand, the vertical one follows the points. */
export interface Plot {
  readonly xTitle: string;
  readonly yTitle: string;
  /** Values on the horizontal axis at which there will be points, and how they are written. */
  readonly xs: readonly number[];
  readonly xLabel: (x: number) => string;
  /** Whether that axis is logarithmic. */
  readonly log: boolean;
  readonly lines: readonly Line[];
}

const [WIDTH, HEIGHT] = [380, 260] as const;
const [LEFT, RIGHT, TOP, BOTTOM] = [58, 14, 12, 44] as const;

/** Whether a logarithmic axis has a place for a value. */
const drawn = (y: number): boolean => y > 0 && Number.isFinite(y);

/** Draws a plot into an element, in place of what it holds. */
export function drawPlot({ xTitle, yTitle, xs, xLabel, log, lines }: Plot, into: HTMLElement, label: string): void {
  const svg = svgElement('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: 'img', 'aria-label': label });
  svg.setAttribute('style', `display:block;width:100%;max-width:${WIDTH}px;height:auto;font-size:12px`);
  const position = (x: number): number => (log ? Math.log(x) : x);
  const [low, high] = [position(Math.min(...xs)), position(Math.max(...xs))];
  const toX = (x: number): number =>
    high > low ? LEFT + ((WIDTH - LEFT - RIGHT) * (position(x) - low)) / (high - low) : (LEFT + WIDTH - RIGHT) / 2;
  // a theory's line that leaves the measured values ends at the plot's edge
  const values = lines.flatMap(({ dashed, points }) => (dashed === true ? [] : points.map(({ y }) => y))).filter(drawn);
  const ticks = values.length === 0 ? [0.1, 1] : logTicks(Math.min(...values), Math.max(...values));
  const [bottom, top] = [Math.log(ticks[0]!), Math.log(ticks.at(-1)!)];
  const toY = (y: number): number =>
    top > bottom ? HEIGHT - BOTTOM - ((HEIGHT - TOP - BOTTOM) * (Math.log(y) - bottom)) / (top - bottom) : HEIGHT / 2;
  const ink = { fill: 'currentColor' };
  for (const tick of ticks)
    svg.append(
      svgElement('path', {
        d: `M${LEFT} ${toY(tick)}H${WIDTH - RIGHT}`,
        stroke: 'currentColor',
        'stroke-opacity': 0.15,
      }),
      svgElement(
        'text',
        { ...ink, x: LEFT - 6, y: toY(tick) + 4, 'text-anchor': 'end' },
        tick >= 1e5 || tick < 1e-3 ? tick.toExponential() : String(tick),
      ),
    );
  for (const x of xs)
    svg.append(svgElement('text', { ...ink, x: toX(x), y: HEIGHT - BOTTOM + 16, 'text-anchor': 'middle' }, xLabel(x)));
  const middle = (TOP + HEIGHT - BOTTOM) / 2;
  svg.append(
    svgElement('text', { ...ink, x: (LEFT + WIDTH) / 2, y: HEIGHT - 8, 'text-anchor': 'middle' }, xTitle),
    svgElement('text', { ...ink, 'text-anchor': 'middle', transform: `translate(14 ${middle}) rotate(-90)` }, yTitle),
  );
  const area = `plot-area-${xTitle.replace(/\W+/g, '-')}`;
  const clip = svgElement('clipPath', { id: area });
  clip.append(svgElement('rect', { x: LEFT, y: TOP, width: WIDTH - LEFT - RIGHT, height: HEIGHT - TOP - BOTTOM }));
  svg.append(clip);
  for (const { color, dashed = false, label: name, points } of lines) {
    const places = points.filter(({ y }) => drawn(y)).map(({ x, y }) => ({ x, y, at: [toX(x), toY(y)] as const }));
    svg.append(
      svgElement('path', {
        d: places.map(({ at }, i) => `${i === 0 ? 'M' : 'L'}${at[0]} ${at[1]}`).join(''),
        fill: 'none',
        stroke: color,
        'stroke-width': dashed ? 1.5 : 2,
        'stroke-dasharray': dashed ? '5 4' : 'none',
        ...(dashed && { 'clip-path': `url(#${area})` }),
      }),
    );
    for (const { x, y, at } of dashed ? [] : places) {
      const mark = svgElement('circle', { cx: at[0], cy: at[1], r: 4, fill: color });
      mark.append(svgElement('title', {}, `${name}, ${xTitle} ${x}: ${y.toPrecision(3)}`));
      svg.append(mark);
    }
  }
  into.replaceChildren(svg);
}
