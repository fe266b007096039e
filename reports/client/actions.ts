/** What a reader takes away from a figure: its picture as SVG or PNG, its rows, its spec. */
import type { Spec } from './spec.js';
import { svgElement } from './svg.js';

const [MARGIN, KEY_LINE] = [16, 20] as const;
/** Pixels of a PNG for each pixel of the page. */
const DENSITY = 2;

function save(name: string, content: Blob): void {
  const link = document.createElement('a');
  link.download = name;
  link.href = URL.createObjectURL(content);
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** All panels of a figure side by side in one picture, with title, panel names and key. */
function pictureOf(figure: HTMLElement): SVGElement {
  const panels = [...figure.querySelectorAll<HTMLElement>('.panel')];
  const entries = [...figure.querySelectorAll<HTMLElement>('.key li')];
  const title = figure.querySelector('h3 .finding')?.textContent ?? '';
  const placed: SVGElement[] = [];
  let [x, tallest] = [MARGIN, 0];
  for (const panel of panels) {
    const svg = panel.querySelector('svg')!;
    const { width, height } = svg.viewBox.baseVal;
    const copy = svg.cloneNode(true) as SVGElement;
    for (const [key, value] of Object.entries({ x, y: 64, width, height })) copy.setAttribute(key, String(value));
    const name = panel.querySelector('h4')?.textContent ?? '';
    placed.push(
      svgElement(
        'text',
        { x: x + width / 2, y: 56, 'text-anchor': 'middle', 'font-size': 13, 'font-weight': 600 },
        name,
      ),
      copy,
    );
    x += width + MARGIN;
    tallest = Math.max(tallest, height);
  }
  const width = Math.max(x, 420);
  const bottom = 64 + tallest + MARGIN;
  const key = entries.flatMap((entry, i) => {
    const y = bottom + i * KEY_LINE;
    const color = entry.dataset.color ?? '#222';
    return [
      svgElement('line', { x1: MARGIN, x2: MARGIN + 22, y1: y - 4, y2: y - 4, stroke: color, 'stroke-width': 3 }),
      svgElement('text', { x: MARGIN + 30, y, 'font-size': 12 }, entry.textContent ?? ''),
    ];
  });
  const height = bottom + entries.length * KEY_LINE + MARGIN;
  const { fontFamily } = getComputedStyle(figure);
  const picture = svgElement('svg', { width, height, viewBox: `0 0 ${width} ${height}`, 'font-family': fontFamily });
  picture.append(
    svgElement('rect', { width, height, fill: 'white' }),
    svgElement('text', { x: MARGIN, y: 28, 'font-size': 15, 'font-weight': 600 }, title),
    ...placed,
    ...key,
  );
  return picture;
}

const svgBlob = (figure: HTMLElement): Blob =>
  new Blob([new XMLSerializer().serializeToString(pictureOf(figure))], { type: 'image/svg+xml' });

async function pngBlob(figure: HTMLElement): Promise<Blob> {
  const picture = pictureOf(figure);
  const image = new Image();
  // a data address: the page's policy allows no other pictures
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(new XMLSerializer().serializeToString(picture))}`;
  await image.decode();
  const canvas = document.createElement('canvas');
  canvas.width = DENSITY * Number(picture.getAttribute('width'));
  canvas.height = DENSITY * Number(picture.getAttribute('height'));
  canvas.getContext('2d')!.drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve, reject) =>
    canvas.toBlob((blob) => (blob === null ? reject(new Error('no PNG')) : resolve(blob)), 'image/png'),
  );
}

/** The buttons of a figure; `spec` gives its spec with its rows. */
export function actionsOf(figure: HTMLElement, spec: () => Spec): HTMLButtonElement[] {
  const name = figure.dataset.figure!;
  const rows = (): string => `${figure.querySelector('pre.rows')!.textContent!.trimEnd()}\n`;
  const files: Readonly<Record<string, () => readonly [string, Blob] | Promise<readonly [string, Blob]>>> = {
    SVG: () => [`${name}.svg`, svgBlob(figure)],
    PNG: async () => [`${name}.png`, await pngBlob(figure)],
    CSV: () => [`${name}.csv`, new Blob([rows()], { type: 'text/csv' })],
    'Vega-Lite': () => [`${name}.vl.json`, new Blob([JSON.stringify(spec())], { type: 'application/json' })],
  };
  return Object.entries(files).map(([label, make]) => {
    const button = document.createElement('button');
    button.type = 'button';
    button.textContent = label;
    button.setAttribute('aria-label', `Download this figure as ${label}`);
    button.addEventListener('click', () => {
      Promise.resolve(make()).then(
        ([file, blob]) => save(file, blob),
        // a canvas has a largest size, which is the browser's
        () => (button.textContent = `${label}: not possible here`),
      );
    });
    return button;
  });
}
