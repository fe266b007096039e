/** The two figures at the top of the page: what the theory is about, and what training is about. */
import { frontierFor } from '../../experiments/frontiers.js';
import { commandOf } from '../../experiments/registry.js';
import { resnetDigits } from '../../experiments/resnet.js';
import { depth } from '../../experiments/theory.js';
import { REGIMES, skips } from '../claims/regimes.js';
import { frontierPoints } from '../data/frontier.js';
import { numberAt, rowsOfExperiment, runIds } from '../data/rows.js';
import { intervalWords, summarize, type Draw, type FigureDefinition, type Finding } from './figure.js';
import { acrossSettings, ofClaim, together } from './finding.js';
import { drawFrontier } from './frontier.js';
import { lawSpec, type SeriesName } from './law.js';
import { SERIES } from './theme.js';
import { tradeFigure } from './trade.js';

/** The section of figures that stand at the top of the page. */
export const HERO = 'hero';

const LINES: readonly SeriesName[] = ['direct', 'imitation', 'telescoped'];
/** The title of a regime's panel, beside that of the other. */
const panelOf = (skip: boolean): string => (skip ? skips({ skip }) : 'without');
const PANELS = REGIMES.map(({ skip }) => panelOf(skip));

/** Discrepancy against depth, small. */
const drawDepth: Draw = ({ rows, scale }) => {
  const mine = rowsOfExperiment(rows, depth).filter(({ facts }) => facts.factors?.skip !== undefined);
  if (mine.length === 0) return undefined;
  const points = mine.flatMap((row) =>
    LINES.map((name) => ({
      x: numberAt(row, 'depth'),
      y: numberAt(row, name),
      series: SERIES[name].label,
      facet: panelOf(row.facts.factors!.skip === true),
    })),
  );
  const data = summarize(points);
  return {
    id: 'hero-depth',
    title: 'Discrepancy against depth',
    alt:
      'Discrepancy between thin and wide net against the number of layers, with a skip connection and without, after ' +
      'direct training and after imitation, with the bound on the latter.',
    caption: 'Particle nets on held-out points; geometric means and 95 % t-intervals.',
    scale,
    command: commandOf(depth, scale),
    spec: lawSpec(data, LINES, {
      x: { title: 'depth L (layers)', log: false, values: [...new Set(points.map(({ x }) => x))] },
      y: { title: 'discrepancy D', log: true },
      facets: PANELS.filter((panel) => points.some(({ facet }) => facet === panel)),
      size: [140, 190],
    }),
    data,
    runs: runIds(mine),
  };
};

/** At which depths imitation is closer, in words; `below` says it of each depth, from the smallest on. */
function depthsText(depths: readonly number[], below: readonly boolean[]): string {
  if (below.every(Boolean)) return 'imitation stays closer to the wide net at every depth';
  if (!below.includes(true)) return 'direct training stays closer to the wide net at every depth';
  const from = below.lastIndexOf(false) + 1;
  return from < below.length
    ? `imitation stays closer from ${depths[from]} layers on`
    : `imitation stays closer at ${below.filter(Boolean).length} of ${below.length} depths`;
}

/** What each panel shows, by its means: at which depths imitation ends closer than direct training. */
const closerFinding: Finding = (_, { data }) => {
  const panels = PANELS.flatMap((panel) => {
    const of = (series: string): [number, number][] =>
      data
        .filter((datum) => datum.facet === panel && datum.series === series && datum.mean !== undefined)
        .map((datum) => [Number(datum.x), Number(datum.mean)]);
    const [direct, imitation] = [new Map(of(SERIES.direct.label)), of(SERIES.imitation.label)];
    const sorted = imitation.filter(([x]) => direct.has(x)).sort(([a], [b]) => a - b);
    if (sorted.length === 0) return [];
    const below = sorted.map(([x, mean]) => mean < direct.get(x)!);
    return [
      `${panel === 'without' ? 'without one' : panel} ${depthsText(
        sorted.map(([x]) => x),
        below,
      )}`,
    ];
  });
  return panels.length === 0 ? undefined : `Theory: ${panels.join('; ')}`;
};

/** Accuracy of each arm against the cost of all training behind it: the runs that both sentences above it are about. */
const COST = tradeFigure({
  id: 'hero-cost',
  section: HERO,
  experiment: resnetDigits,
  title: 'Accuracy against the cost of all training',
  caption:
    'ResNets on handwritten digits, accuracy before each name. All thin nets have had equal steps but the one at the ' +
    'pipeline’s total cost, which has had as much training as three stages and their wide net have cost together.',
  arms: ['wide', 'direct', 'deeper', 'kd', 'selected-kl', 'three-stage', 'long'],
  size: [140, 190],
  costOnly: true,
  values: true,
  finding: together(
    acrossSettings(
      { '': 'resnet-three-stage' },
      {
        supported: () => 'Practice: three stages beat direct training at equal steps',
        'not supported': () => 'Practice: three stages do not beat direct training at equal steps',
        inconclusive: () => 'Practice: whether three stages beat direct training at equal steps is open',
      },
    ),
    ofClaim('resnet-total-cost', {
      supported: 'They do at equal total cost, too',
      'not supported': 'At equal total cost direct training wins',
      inconclusive: 'At equal total cost it is open',
    }),
  ),
});

/** The frontier at the top of the page. */
const DIGITS = frontierFor('resnet-digits');

/** Accuracy against cost from far too few steps to many. */
const FRONTIER: FigureDefinition = {
  id: 'hero-frontier',
  section: HERO,
  experiment: DIGITS.experiment.name,
  finding: together(
    ofClaim('frontier-digits-two-budgets', {
      supported: 'Practice: what starts from the wide net beats direct training after few steps of the thin net',
      'not supported': 'Practice: not even after few steps does what starts from the wide net beat direct training',
      inconclusive: 'Practice: whether what starts from the wide net beats direct training after few steps is open',
    }),
    ofClaim('frontier-digits-thin-cost', {
      supported: 'After many it still does, in three stages',
      'not supported': 'After many it does not, in three stages',
      inconclusive: 'After many three stages do not for certain',
    }),
    ofClaim('frontier-digits-total-cost', {
      supported: 'At equal total cost they do',
      'not supported': 'At equal total cost direct training wins',
      inconclusive: 'At equal total cost it is open',
    }),
  ),
  draw: drawFrontier(DIGITS, {
    id: 'hero-frontier',
    costs: ['thin', 'total'],
    size: [150, 190],
    columns: 2,
    caption:
      `A thin ResNet trained for 1, 2, 4, … times ${DIGITS.baseSteps} steps, every arm tuned; means and ` +
      `${intervalWords(true)}, logarithmic costs. The right panel begins where the wide net’s training is paid for; what cost less is dashed.`,
  }),
};

/** Stands where no frontier was run, as at scale minutes. */
const COST_ALONE: FigureDefinition = {
  ...COST,
  draw: (input) => (frontierPoints(DIGITS, input.results).length > 0 ? undefined : COST.draw(input)),
};

/** The figures at the top, in their order. */
export const HERO_FIGURES: readonly FigureDefinition[] = [
  {
    id: 'hero-depth',
    section: HERO,
    finding: closerFinding,
    draw: drawDepth,
  },
  FRONTIER,
  COST_ALONE,
];
