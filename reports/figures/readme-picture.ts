/** The picture of README.md: what three stages cost and gain, drawn from kept results as one SVG of text and marks. */
import { depthSkip } from '../../experiments/depth-skip.js';
import { resnetHierarchy } from '../../experiments/resnet.js';
import { mean } from '../../src/core/stats.js';
import { numberAt, rowsOfExperiment, type TableRow } from '../data/rows.js';
import { DARK, SOURCES } from './theme.js';

/** Colors of the page that the picture stands on. */
export const HERO_THEMES = {
  light: { background: '#ffffff', ink: '#1f2328', soft: '#59636e', line: '#d1d9e0', paints: {} },
  dark: { background: '#0d1117', ink: '#f0f6fc', soft: '#9198a1', line: '#3d444d', paints: DARK },
} as const satisfies Record<string, Theme>;

interface Theme {
  readonly background: string;
  readonly ink: string;
  readonly soft: string;
  readonly line: string;
  /** Colors that stand for those of the report’s figures; all others are the same. */
  readonly paints: Readonly<Record<string, string>>;
}

const [WIDTH, HEIGHT] = [860, 330] as const;
const FONT = 'system-ui, -apple-system, Segoe UI, Roboto, Helvetica, Arial, sans-serif';

/** The color of what an arm learns from, on a theme’s background. */
function paintOf(source: keyof typeof SOURCES, paints: Theme['paints']): string {
  const { color } = SOURCES[source];
  return paints[color] ?? color;
}

/** Test accuracies of the rows, in percent. */
function accuracies(rows: readonly TableRow[]): number[] {
  return rows.map((row) => numberAt(row, 'testAccuracy'));
}

function text(x: number, y: number, words: string, color: string, rest = ''): string {
  return `<text x="${x}" y="${y}" fill="${color}"${rest}>${words}</text>`;
}

const tidy = (value: number): number => Math.round(value * 10) / 10;

/** Rows of the left half: what is trained, for how long, and the color of what it learns from. */
const BUDGETS = [
  ['direct', 'directly', 'labels'],
  ['kd', 'by distillation (KD)', 'outputs'],
  ['three-stage', 'in three stages', 'layers'],
  ['long', 'directly, at the total cost', 'labels'],
] as const;

/** Accuracies of a thin ResNet, each seed a dot: at equal steps, and at equal total cost. */
function budgetPanel(rows: readonly TableRow[], { ink, soft, line, paints }: Theme): string {
  const [left, right, top] = [196, 410, 92] as const;
  const at = (percent: number): number => tidy(left + ((right - left) * percent) / 100);
  const found = BUDGETS.map(([arm, words, source]) => ({
    values: accuracies(rowsOfExperiment(rows, resnetHierarchy).filter((row) => row.arm === arm)),
    words,
    color: paintOf(source, paints),
  }));
  const [direct, , stages, long] = found.map(({ values }) => mean(values)) as [number, number, number, number];
  const steps = stages > direct ? 'three stages win' : 'direct training wins';
  const cost = long >= stages ? 'direct training does as well' : 'three stages win';
  const axis = [0, 50, 100].flatMap((percent) => [
    `<path d="M${at(percent)} ${top - 14}V${top + 176}" stroke="${line}"/>`,
    text(at(percent), top + 194, `${percent} %`, soft, ' text-anchor="middle"'),
  ]);
  const marks = found.flatMap(({ values, words, color }, i) => {
    const y = top + 8 + i * 38 + (i === found.length - 1 ? 14 : 0);
    return [
      text(left - 12, y + 4, words, ink, ' text-anchor="end"'),
      ...values.map((value) => `<circle cx="${at(value)}" cy="${y}" r="4" fill="${color}" fill-opacity=".6"/>`),
      `<path d="M${at(mean(values))} ${y - 9}v18" stroke="${color}" stroke-width="3"/>`,
      text(right + 10, y + 4, mean(values).toFixed(1), ink, ' font-weight="600"'),
    ];
  });
  const title = [`At equal steps of the thin net ${steps},`, `at equal total cost ${cost}`];
  const rule = `<path d="M20 ${top + 126}H${right + 44}" stroke="${line}" stroke-dasharray="2 3"/>`;
  return [...heading(20, title, ink), ...axis, rule, ...marks, note(20, BUDGET_NOTE, soft)].join('\n');
}

const BUDGET_NOTE = 'Thin ResNet on strings of a random hierarchy: test accuracy, 10 seeds';
const DEPTH_NOTE = 'Fully connected nets on digits: test accuracy, 10 seeds';

function heading(x: number, lines: readonly string[], color: string): string[] {
  return lines.map((words, i) => text(x, 30 + 21 * i, words, color, ' font-size="16" font-weight="600"'));
}

function note(x: number, words: string, color: string): string {
  return text(x, HEIGHT - 12, words, color, ' font-size="12"');
}

/** Lines of the right half, without skip connections. */
const LINES = [
  ['closed-form', 'imitation, then KD', 'layers'],
  ['direct', 'direct', 'labels'],
  ['kd', 'KD', 'outputs'],
] as const;
const DEPTHS = [4, 8, 16, 32, 64] as const;
const DEEPEST = 64;
/** Pixels between labels that would otherwise overlap. */
const LABEL_GAP = 16;

/** Mean accuracies of nets without skip connections against their depth, and what imitation adds to the best rival. */
function depthPanel(rows: readonly TableRow[], { ink, soft, line, paints }: Theme): string {
  const [left, right, top, bottom] = [524, 716, 92, 268] as const;
  const nets = rowsOfExperiment(rows, depthSkip);
  const of = (training: string, depth: number, skip: boolean): number =>
    mean(
      accuracies(
        nets.filter(({ facts: { factors } }) => {
          return factors?.training === training && factors.layers === depth && factors.skip === skip;
        }),
      ),
    );
  const x = (i: number): number => left + ((right - left) * i) / (DEPTHS.length - 1);
  const y = (percent: number): number => tidy(bottom - ((bottom - top) * (percent - 58)) / 34);
  const gain = (skip: boolean): number => {
    const rivals = ['direct', 'kd', 'selected-kl'].map((training) => of(training, DEEPEST, skip));
    return of('closed-form', DEEPEST, skip) - Math.max(...rivals);
  };
  const axis = [60, 70, 80, 90].flatMap((percent) => [
    `<path d="M${left - 8} ${y(percent)}H${right}" stroke="${line}"/>`,
    text(left - 14, y(percent) + 4, `${percent} %`, soft, ' text-anchor="end"'),
  ]);
  const ticks = DEPTHS.map((depth, i) =>
    text(x(i), bottom + 18, `${depth}${i === DEPTHS.length - 1 ? ' layers' : ''}`, soft, ' text-anchor="middle"'),
  );
  // from the top down, which is the order of LINES at their end
  let above = -Infinity;
  const lines = LINES.flatMap(([training, words, source]) => {
    const points = DEPTHS.map((depth, i) => `${x(i)} ${y(of(training, depth, false))}`);
    const color = paintOf(source, paints);
    above = Math.max(y(of(training, DEEPEST, false)), above + LABEL_GAP);
    return [
      `<path d="M${points.join('L')}" fill="none" stroke="${color}" stroke-width="2.5"/>`,
      ...points.map(
        (point) => `<circle cx="${point.split(' ')[0]}" cy="${point.split(' ')[1]}" r="4" fill="${color}"/>`,
      ),
      text(right + 10, tidy(above) + 4, words, ink),
    ];
  });
  const points = (value: number): string => `${value.toFixed(1).replace('-', '−')} points`;
  const title = [
    'Without skips imitation adds to the',
    `best rival: ${points(gain(false))} at ${DEEPEST} layers, with`,
  ];
  const end = `skips ${points(gain(true))}`;
  return [...heading(484, [...title, end], ink), ...axis, ...ticks, ...lines, note(484, DEPTH_NOTE, soft)].join('\n');
}

/** What the picture says, for those who do not see it. */
const HERO_ALT =
  'Left: test accuracy of a thin ResNet trained directly, by distillation, in three stages, and directly at the ' +
  'pipeline’s total cost. Right: test accuracy of nets without skip connections against depth.';

/** The picture of some results in a theme, as SVG. */
export function heroPicture(rows: readonly TableRow[], theme: keyof typeof HERO_THEMES): string {
  const colors = HERO_THEMES[theme];
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" font-family="${FONT}" font-size="13">
<title>${HERO_ALT}</title>
<rect width="${WIDTH}" height="${HEIGHT}" fill="${colors.background}"/>
${budgetPanel(rows, colors)}
${depthPanel(rows, colors)}
</svg>
`;
}
