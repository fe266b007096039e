/** The picture of README.md: what three stages gain, drawn from kept results as one SVG of text and marks. */
import { depthSkip } from '../../experiments/depth-skip.js';
import { frontierFor } from '../../experiments/frontiers.js';
import { mean } from '../../src/core/stats.js';
import { WITHOUT_IMITATION } from '../data/depth-gains.js';
import { frontierPoints } from '../data/frontier.js';
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

/** Curves of the left half, the highest first: what is trained, how far its name is moved, and what it learns from. */
const CURVES = [
  ['selected-kl', 'the wide’s channels, KL', 0, 'outputs'],
  ['three-stage', 'three stages', 0, 'layers'],
  ['kd', 'distillation (KD)', -4, 'outputs'],
  ['direct', 'direct', 6, 'labels'],
] as const;

const FRONTIER = frontierFor('resnet-digits');

/** Steps of the thin net with a budget, with a comma between thousands. */
function stepsOf(budget: number): string {
  return (FRONTIER.baseSteps * budget).toLocaleString('en');
}

/** Mean accuracies of a thin ResNet against its own steps, by what it starts from and learns from. */
function frontierPanel(rows: readonly TableRow[], { ink, soft, line, paints }: Theme): string {
  const [left, right, top, bottom] = [180, 404, 92, 268] as const;
  const points = frontierPoints(FRONTIER, rows);
  const budgets = [...new Set(points.map(({ budget }) => budget))].sort((p, q) => p - q);
  const [first, last] = [budgets[0]!, budgets.at(-1)!];
  const x = (budget: number): number =>
    tidy(left + ((right - left) * Math.log2(budget / first)) / Math.log2(last / first));
  const y = (percent: number): number => tidy(bottom - ((bottom - top) * (percent - 20)) / 80);
  const of = (training: string, budget: number): number =>
    mean(points.filter((one) => one.training === training && one.budget === budget).map(({ accuracy }) => accuracy));
  const axis = [20, 40, 60, 80, 100].flatMap((percent) => [
    `<path d="M${left} ${y(percent)}H${right + 8}" stroke="${line}"/>`,
    text(right + 14, y(percent) + 4, `${percent} %`, soft),
  ]);
  const ticks = budgets.map((budget) => text(x(budget), bottom + 18, stepsOf(budget), soft, ' text-anchor="middle"'));
  const curves = CURVES.flatMap(([training, words, moved, source], i) => {
    const color = paintOf(source, paints);
    const own = budgets.map((budget) => [x(budget), y(of(training, budget))] as const);
    // two of them learn from the outputs
    const dash = CURVES.findIndex((curve) => curve[3] === source) < i ? ' stroke-dasharray="5 3"' : '';
    return [
      `<path d="M${own.map(([at, height]) => `${at} ${height}`).join('L')}" fill="none" stroke="${color}" stroke-width="2.5"${dash}/>`,
      ...own.map(([at, height]) => `<circle cx="${at}" cy="${height}" r="3.5" fill="${color}"/>`),
      text(left - 10, tidy(own[0]![1] + 4 + moved), words, ink, ' text-anchor="end"'),
    ];
  });
  const lead = (budget: number): string => {
    const points = of('three-stage', budget) - of('direct', budget);
    return points.toFixed(Math.abs(points) < 1 ? 2 : 1).replace('-', '−');
  };
  const taught = points.find(({ training, budget }) => training === 'kd' && budget === last)!.cost;
  const share = (taught.total - taught.existing) / taught.thin;
  const title = [
    `Three stages lead direct training by ${lead(first)}`,
    `points after ${stepsOf(first)} steps, by ${lead(last)} after ${stepsOf(last)};`,
    `the wide net’s training costs ${share.toFixed(0)} times those`,
  ];
  return [...heading(20, title, ink), ...axis, ...ticks, ...curves, note(20, FRONTIER_NOTE, soft)].join('\n');
}

const FRONTIER_NOTE = 'Thin ResNet on digits by its own steps: accuracy, 10 seeds';
const DEPTH_NOTE = 'Fully connected nets on digits, 300 steps: accuracy, 10 seeds';

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
    const rivals = WITHOUT_IMITATION.map((training) => of(training, DEEPEST, skip));
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
  'Left: test accuracy of a thin ResNet against its steps, trained directly, by distillation, from the wide net’s ' +
  'channels and in three stages. Right: test accuracy of nets without skip connections against depth.';

/** The picture of some results in a theme, as SVG. */
export function heroPicture(rows: readonly TableRow[], theme: keyof typeof HERO_THEMES): string {
  const colors = HERO_THEMES[theme];
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" font-family="${FONT}" font-size="13">
<title>${HERO_ALT}</title>
<rect width="${WIDTH}" height="${HEIGHT}" fill="${colors.background}"/>
${frontierPanel(rows, colors)}
${depthPanel(rows, colors)}
</svg>
`;
}
