/** Figures of the theory, in the order of the page. */
import { commandOf } from '../../experiments/registry.js';
import {
  bounds,
  depth,
  generic,
  imitation,
  limit,
  residual,
  residualDepth,
  saddle,
  scale,
  selection,
  stages,
  tanhSaddle,
  time,
  width,
} from '../../experiments/theory.js';
import { isOrAre } from '../../src/core/errors.js';
import { numberAt, rowsOfExperiment, runIds } from '../data/rows.js';
import { SERIES } from './theme.js';
import {
  define,
  inOrder,
  legendOf,
  seedPoints,
  summarize,
  type Datum,
  type Draw,
  type FigureDefinition,
  type Finding,
} from './figure.js';
import { drawExponents, type ExponentFigure } from './exponents.js';
import { acrossSettings, bothRegimes, ofClaim, together } from './finding.js';
import { drawLimit, limitTimeFinding } from './limit.js';
import { asDatum, lawFigure, lawSpec, THEORY_LINE, type LawFigure, type Point, type SeriesName } from './law.js';

/** D(m), one panel with a skip connection and one without. */
const drawWidth: Draw = ({ rows, scale }) => {
  const mine = rowsOfExperiment(rows, width);
  if (mine.length === 0) return undefined;
  const names: SeriesName[] = ['direct', 'imitation', 'sampled', 'layer', 'initial'];
  const shown = mine.filter((row) => (names as string[]).includes(String(row.values.training)));
  const points = shown.map((row): Point => {
    const series = SERIES[row.values.training as SeriesName].label;
    return { x: numberAt(row, 'm'), y: numberAt(row, 'discrepancy'), series, facet: row.arm, seed: row.seed };
  });
  const summary = summarize(points);
  const widths = [...new Set(points.map(({ x }) => x))].sort((a, b) => a - b);
  // The theory's slope through the middle of the imitation line of each panel.
  const theory = [...new Set(points.map(({ facet }) => facet))].flatMap((facet) => {
    const line = summary.filter((datum) => datum.facet === facet && datum.series === SERIES.imitation.label);
    const middle = line[Math.floor(line.length / 2)];
    // none where no value of it is finite
    if (middle === undefined) return [];
    return widths.map((x): Datum => ({
      facet,
      series: 'slope −1/2',
      x,
      theory: Number(middle.mean) * Math.sqrt(Number(middle.x) / x),
    }));
  });
  const seeds = seedPoints(points);
  const data = [...summary, ...theory, ...seeds.map(asDatum)];
  return {
    id: 'width',
    title: 'Discrepancy against thin width',
    alt:
      'Discrepancy D against thin width m on logarithmic axes, with and without a skip connection. Imitation follows ' +
      'the slope −1/2; direct training follows it with a skip connection and flattens without one.',
    caption:
      'D[S, B] on held-out points after direct training, after imitation from the wide net’s trained particles, and ' +
      'of those particles as sampled; imitation from the initial particles, for as long; “one layer alone” is the ' +
      'root mean square over layers of the single-layer error. Each seed has its own task and wide net. ' +
      `${legendOf(seeds, 'geometric means')} ${THEORY_LINE} slope −1/2. Both axes logarithmic.`,
    scale,
    command: commandOf(width, scale),
    spec: lawSpec(data, names, {
      x: { title: 'thin width m', log: true, values: widths },
      y: { title: 'discrepancy D', log: true },
      facets: inOrder(
        width,
        points.map(({ facet }) => facet),
      ),
    }),
    data,
    runs: runIds(mine),
  };
};

/** How many of the published constants of deep residual nets were found again. */
const publishedConstants: Finding = (outcome) => {
  const ids = ['residual-sampling', 'residual-embedding', 'residual-output-sampling', 'residual-output-embedding'];
  const found = ids.map(outcome).filter((one) => one !== undefined && one !== 'not run');
  if (found.length === 0) return undefined;
  const count = (one: string): number => found.filter((other) => other === one).length;
  const be = (number: number): string => `${number} ${isOrAre(number)}`;
  const [again, refuted, open] = ['supported', 'not supported', 'inconclusive'].map(count) as [number, number, number];
  return [
    `Of ${found.length} published constants of deep residual nets ${be(again)} found again`,
    ...(refuted > 0 ? [`${be(refuted)} not`] : []),
    ...(open > 0 ? [`${be(open)} open`] : []),
  ].join(', ');
};

/** Names of the model's constants by the arms that vary them. */
const CONSTANTS: ReadonlyMap<string, string> = new Map([
  ['alpha', 'skip weight α'],
  ['c', 'scale c'],
  ['rho', 'correlation ρ'],
]);

const LAW_FIGURES: readonly LawFigure[] = [
  {
    id: 'depth',
    finding: bothRegimes('depth-imitation-below', {
      supported: (where) => `Imitation ends closer to the wide net than direct training at every depth ${where}`,
      'not supported': (where) => `At some depths imitation does not end closer than direct training, ${where}`,
      inconclusive: (where) => `Whether imitation ends closer at every depth ${where} is open`,
    }),
    experiment: depth,
    title: 'Discrepancy against depth',
    alt:
      'Discrepancy D against the number of layers L. The telescoped sum lies above the discrepancy after imitation ' +
      'everywhere; direct training does not explode with depth.',
    caption:
      'D[S, B] after direct training and after imitation, and the telescoped sum of hybrids, which bounds the ' +
      'latter with no constants. A double exponential would bend upwards on this logarithmic axis.',
    x: 'depth',
    series: ['direct', 'imitation', 'telescoped'],
    xTitle: 'depth L (layers)',
    yTitle: 'discrepancy D',
  },
  {
    id: 'time',
    finding: bothRegimes('time-direct', {
      supported: (where) => `Direct training moves away from the wide net with time ${where}`,
      'not supported': (where) => `Direct training does not move away from the wide net with time ${where}`,
      inconclusive: (where) => `Whether direct training moves away with time ${where} is open`,
    }),
    experiment: time,
    title: 'Discrepancy against time',
    alt:
      'Discrepancy D against flow time T. Under imitation it falls all the way; under direct training it dips and ' +
      'then stays or grows slowly.',
    caption:
      'Direct training: thin and wide net at the same time T. Imitation: the wide net of the last time, after ' +
      'imitation for T.',
    x: 'time',
    series: ['direct', 'directTrain', 'imitation'],
    optional: ['directTrain'],
    xTitle: 'flow time T',
    yTitle: 'discrepancy D',
  },
  {
    id: 'imitation',
    finding: together(
      bothRegimes('imitation-closed-form', {
        supported: (where) => `Imitation in closed form ends closer than direct training ${where}`,
        'not supported': (where) => `Imitation in closed form does not end closer ${where}`,
        inconclusive: (where) => `Whether imitation in closed form ends closer ${where} is open`,
      }),
      bothRegimes('imitation-time', {
        supported: (where) => `By gradient it does at every time ${where}`,
        'not supported': (where) => `At some times imitation by gradient does not, ${where}`,
        inconclusive: (where) => `By gradient it is open at some times ${where}`,
      }),
    ),
    experiment: imitation,
    title: 'Discrepancy against the time of imitation',
    alt:
      'Discrepancy D against the time of imitation. It falls, and with a skip connection passes below direct ' +
      'training late; imitation in closed form lies far below both.',
    caption:
      'Imitation of the trained wide net from its own particles; direct training over T = 4 and ridge regression ' +
      'of the output weights do not depend on the time.',
    x: 'time',
    series: ['direct', 'imitation', 'ridge'],
    xTitle: 'time of imitation',
    yTitle: 'discrepancy D',
  },
  {
    id: 'selection',
    finding: bothRegimes('selection-direct-herding', {
      supported: (where) =>
        `Particles chosen by herding, without training, are closer to the wide net than direct training gets ${where}`,
      'not supported': (where) =>
        `At some depths direct training gets closer than particles chosen by herding ${where}`,
      inconclusive: (where) =>
        `Whether particles chosen by herding are closer than direct training gets is open ${where}`,
    }),
    experiment: selection,
    title: 'Particles that are chosen, and not drawn',
    alt:
      'Discrepancy D against thin width at four layers. Particles chosen by herding or greedy selection lie far ' +
      'below random ones, and with least squares below every other.',
    caption:
      'L = 4. Thin particles of the trained wide net, chosen on the training points; D on held-out points. Greedy ' +
      'selection weighs its particles (Ye, Wu, Liu 2020), herding weighs all alike; least squares refits the ' +
      'output weights. Both axes logarithmic.',
    x: 'm',
    series: ['direct', 'random', 'randomImitation', 'greedy', 'herding', 'herdingLeastSquares'],
    xTitle: 'thin width m',
    xLog: true,
    yTitle: 'discrepancy D',
    keep: (row) => numberAt(row, 'depth') === 4,
  },
  {
    id: 'scale',
    finding: acrossSettings(
      { 'skip weight': 'scale-alpha', 'scale c': 'scale-c', correlation: 'scale-rho' },
      {
        supported: (where) => `Imitation ends closer than direct training at every ${where}`,
        'not supported': (where) => `At some ${where} imitation does not end closer than direct training`,
        inconclusive: (where) => `Whether it ends closer at every ${where} is open`,
      },
    ),
    experiment: scale,
    title: 'Discrepancy against the model’s constants',
    alt:
      'Relative discrepancy against skip weight, scale and correlation. It rises with the scale; imitation lies ' +
      'below direct training where the scale is large or the skip is weak.',
    caption:
      'D over the size of the wide net’s output. Panels: the skip weight α (c = 2, ρ = 0.9), the scale c (α = 1, ρ ' +
      '= 0.9), the correlation ρ of output and input weights (α = 0, c = 2).',
    x: 'value',
    series: ['direct', 'imitation', 'sampled'],
    facet: ({ arm }) => CONSTANTS.get(arm) ?? arm,
    xTitle: 'value',
    xFormat: '.2~f',
    yTitle: 'relative discrepancy',
    independent: true,
  },
  {
    id: 'bounds',
    finding: ofClaim('bounds-dominate', {
      supported: 'No bound of the theory is broken, and the telescoped sum is the tightest',
      'not supported': 'A bound of the theory is broken',
      inconclusive: 'Whether every bound of the theory holds is open',
    }),
    experiment: bounds,
    title: 'How loose the bounds on imitation are',
    alt:
      'Discrepancies and their bounds against depth. The telescoped sum I1 stays within a small factor of the ' +
      'discrepancy after imitation; I2, with global Lipschitz constants, grows exponentially with depth unless ' +
      'blocks are scaled by 1/L.',
    caption:
      'I1 telescopes measured distances; I2 multiplies each layer’s error by a product of the thin net’s operator ' +
      'norms, I2′ by the wide net’s. The cap bounds direct training by the losses of both nets.',
    x: 'depth',
    series: ['direct', 'imitation', 'telescoped', 'lipschitz', 'wideTail', 'cap'],
    xTitle: 'depth L (layers)',
    yTitle: 'discrepancy, and bounds on it',
  },
  {
    id: 'gronwall',
    finding: ofClaim('bounds-residual-rate', {
      supported: 'The Gronwall bound says nothing but for blocks at 1/L, where its rate stays level',
      'not supported': 'The Gronwall bound grows with depth even for blocks at 1/L',
      inconclusive: 'Whether the Gronwall bound’s rate stays level for blocks at 1/L is open',
    }),
    end: { at: 308, label: '>10^308' },
    experiment: bounds,
    title: 'The Gronwall bound on direct training',
    alt:
      'Decimal digits of the Gronwall bound against depth: tens to hundreds of orders of magnitude above the ' +
      'measured discrepancy with blocks at a constant scale, and level with blocks at 1/L.',
    caption:
      'log₁₀ of the running Gronwall bound on D after T = 1; open arrows: beyond 10^308, where float64 ends. What ' +
      'it bounds is of the order of 0.1 throughout (the figure before).',
    x: 'depth',
    series: ['gronwall'],
    xTitle: 'depth L (layers)',
    yTitle: 'log₁₀ of the bound',
    yLinear: true,
    independent: true,
  },
  {
    id: 'saddle',
    finding: acrossSettings(
      { 'exponentially (B1)': 'saddle-direct', 'double-exponentially (B)': 'saddle-double-exponential' },
      {
        supported: (where) => `Under special initial laws direct training explodes with depth ${where}`,
        'not supported': (where) => `Under special initial laws direct training does not explode ${where}`,
        inconclusive: (where) => `Whether direct training explodes ${where} under special laws is open`,
      },
    ),
    experiment: saddle,
    title: 'Where direct training does explode: the symmetric saddles B1 and B',
    alt:
      'Root m times D against depth for the saddle instances. Direct training is a straight, steep line for B1 and ' +
      'bends upwards for B on the logarithmic axis; the telescoped sum of imitation grows slowly. Both lie on their ' +
      'dashed closed forms; real particles leave them once their deviations are no longer small.',
    caption:
      '√m D after direct training over T = 0.4 (B1, g = 1) and T = 0.006 (B, g = 1.3), and √m times the telescoped ' +
      'sum of sampled particles. Means of 10¹² particles drawn exactly; “real particles”: as many as fit in ' +
      `memory, which saturate. ${THEORY_LINE} closed forms.`,
    x: 'depth',
    series: ['direct', 'telescoped', 'directParticles'],
    theory: ['directTheory', 'telescopedTheory'],
    xTitle: 'depth L (layers)',
    yTitle: '√m × discrepancy',
    independent: true,
  },
  {
    id: 'tanh-saddle',
    finding: ofClaim('tanh-saddle-growth', {
      supported: 'Tanh particles near the saddle grow as the linearized flow says',
      'not supported': 'Tanh particles near the saddle do not grow as the linearized flow says',
      inconclusive: 'Whether tanh particles grow as the linearized flow says is open',
    }),
    experiment: tanhSaddle,
    title: 'The saddle with tanh particles (instance C)',
    alt:
      'Growth of log D over training against depth, for tanh particles; it follows the dashed linearized growth up ' +
      'to moderate depth.',
    caption:
      `log(D(T)/D(0)) of particles moved one by one, T = 0.16, g = 1.3. ${THEORY_LINE} the linearized flow of the first ` +
      'seed’s particles.',
    x: 'depth',
    series: ['growth'],
    theory: ['linearised'],
    xTitle: 'depth L (layers)',
    yTitle: 'log growth of D',
    yLinear: true,
  },
  {
    id: 'generic',
    finding: ofClaim('generic-search', {
      supported: 'A generic law was found under which direct training explodes with depth',
      'not supported': 'No generic law makes direct training explode with depth',
      inconclusive: 'A generic law under which direct training explodes was not found, and is not ruled out',
    }),
    experiment: generic,
    title: 'The search for a generic law that explodes with depth',
    alt: 'Growth of log D over training against depth, one panel for each family of initial laws and targets.',
    caption: 'log(D(T)/D(0)) under direct training, T = 0.4. A find would be a line that rises and bends upwards.',
    x: 'depth',
    series: ['growth'],
    xTitle: 'depth L (layers)',
    yTitle: 'log growth of D',
    yLinear: true,
  },
  {
    id: 'residual',
    finding: publishedConstants,
    experiment: residual,
    title: 'Modern rates: deep residual nets at scale 1/(L M)',
    alt:
      'Distance of a finite residual net’s hidden state and output to the largest net’s against embedding width D; ' +
      'both fall roughly as one over root D.',
    caption: 'Root mean square distance to the reference net, L = 50 blocks of width M, 15 steps of gradient descent.',
    x: 'D',
    series: ['hidden', 'output'],
    xTitle: 'embedding width D',
    xLog: true,
    yTitle: 'distance to the reference',
    keep: (row) => row.values.row === 'net',
    facet: (row) => `M = ${numberAt(row, 'M')}`,
  },
  {
    id: 'residual-depth',
    finding: acrossSettings(
      { 'linear nets': 'residual-depth-linear', 'nets of tanh': 'residual-depth-tanh' },
      {
        supported: (where) => `Infinitely wide residual nets come to infinitely many blocks as 1/L: ${where}`,
        'not supported': (where) => `Not as 1/L: ${where}`,
        inconclusive: (where) => `Whether as 1/L is open: ${where}`,
      },
    ),
    experiment: residualDepth,
    title: 'The term 1/L of deep residual nets',
    alt:
      'Change of the output from L to twice as many blocks against L, on logarithmic axes, for linear nets and for ' +
      'nets of tanh; both fall with the slope −1.',
    caption:
      'Root mean square change of the trained output from L to 2 L blocks of infinitely many units, computed by an ' +
      'exact recursion (linear, infinite embedding width) and by quadrature over the units (tanh, D = 2): nothing ' +
      'is sampled but data, embedding and readout. 14 steps of gradient descent. Both axes logarithmic.',
    x: 'depth',
    series: ['change'],
    xTitle: 'blocks L',
    xLog: true,
    yTitle: 'change from L to 2 L blocks',
  },
  {
    id: 'stages',
    finding: together(
      bothRegimes('stages', {
        supported: (where) => `On particles three stages beat direct training at equal steps ${where}`,
        'not supported': (where) => `On particles three stages do not beat direct training at equal steps ${where}`,
        inconclusive: (where) => `Whether three stages beat direct training on particles ${where} is open`,
      }),
      bothRegimes('stages-total-cost', {
        supported: (where) => `At equal total cost they do ${where}`,
        'not supported': (where) => `At equal total cost they do not ${where}`,
        inconclusive: (where) => `At equal total cost it is open ${where}`,
      }),
    ),
    experiment: stages,
    title: 'Three stages against direct training, on particles',
    alt:
      'Held-out loss against thin width for three stages, direct training and sampled particles trained without ' +
      'imitation at equal steps, direct training at the total cost, and the wide net.',
    caption:
      'Half the mean squared error on held-out points. Three stages, direct training and sampled particles without ' +
      'imitation have had as many steps; at the total cost, as many as the wide net’s training pays for.',
    x: 'm',
    series: ['direct', 'sampled', 'long', 'staged', 'wide'],
    optional: ['sampled', 'long'],
    xTitle: 'thin width m',
    xLog: true,
    yTitle: 'held-out loss',
  },
];

const EXPONENT_FIGURES: readonly ExponentFigure[] = [
  {
    id: 'width-exponents',
    finding: bothRegimes('width-direct', {
      supported: (where) => `Under direct training D falls as m^(−1/2) ${where}`,
      'not supported': (where) => `Under direct training D does not fall as m^(−1/2) ${where}`,
      inconclusive: (where) => `Whether D falls as m^(−1/2) under direct training ${where} is open`,
    }),
    experiment: width,
    title: 'Local exponents of the discrepancy in the thin width',
    alt:
      'Local exponent of D against thin width. Imitation lies at −1/2 throughout; direct training without a skip ' +
      'connection starts near −1/4 and comes near −1/2 at the largest widths only.',
    caption:
      'Log ratio of D at neighboring widths over the log ratio of the widths, at their geometric mean. ' +
      `${THEORY_LINE} −1/2. The verdicts are those of the wider half of the widths.`,
    x: 'm',
    xTitle: 'thin width m',
    series: ['direct', 'imitation'],
    value: (row, name) => (row.values.training === name ? numberAt(row, 'discrepancy') : undefined),
    theory: -0.5,
  },
  {
    id: 'depth-exponents',
    finding: bothRegimes('depth-imitation', {
      supported: (where) => `The bound on imitation grows at most linearly with depth ${where}`,
      'not supported': (where) => `The bound on imitation grows faster than linearly ${where}`,
      inconclusive: (where) => `Whether the bound on imitation grows at most linearly ${where} is open`,
    }),
    experiment: depth,
    title: 'Local exponents of the discrepancy and its telescoped sum in the depth',
    alt:
      'Local exponent against depth of the telescoped sum, of the discrepancy after imitation and of that after ' +
      'direct training. The telescoped sum without a skip connection passes 1 from six layers on.',
    caption:
      'Log ratio at neighboring depths over the log ratio of the depths, at their geometric mean. ' +
      `${THEORY_LINE} 1, linear growth. The verdicts are those of the deeper half of the depths.`,
    x: 'depth',
    xTitle: 'depth L (layers)',
    series: ['direct', 'imitation', 'telescoped'],
    value: (row, name) => numberAt(row, name),
    theory: 1,
  },
];

const WIDTH_FINDING = bothRegimes('width-imitation', {
  supported: (where) => `Under imitation the discrepancy falls with the width as m^(−1/2) ${where}`,
  'not supported': (where) => `Under imitation the discrepancy does not fall as m^(−1/2) ${where}`,
  inconclusive: (where) => `Whether the discrepancy falls as m^(−1/2) under imitation ${where} is open`,
});

const LIMIT_FINDING = bothRegimes('limit-direct', {
  supported: (where) => `Direct training has come to its infinite-width limit at the largest width ${where}`,
  'not supported': (where) => `Direct training has not come to its infinite-width limit at the largest width ${where}`,
  inconclusive: (where) => `Whether direct training has come to its infinite-width limit ${where} is open`,
});

/** The definitions of the figures, in the order of the page. */
export const THEORY_FIGURES: readonly FigureDefinition[] = [
  { id: 'width', section: width.group, experiment: width.name, finding: WIDTH_FINDING, draw: drawWidth },
  ...LAW_FIGURES.map((law) => define(law, (input) => lawFigure(law, input))),
  { id: 'limit', section: limit.group, experiment: limit.name, finding: LIMIT_FINDING, draw: drawLimit('depth') },
  {
    id: 'limit-time',
    section: limit.group,
    experiment: limit.name,
    finding: limitTimeFinding,
    draw: drawLimit('time'),
  },
  ...EXPONENT_FIGURES.map((figure) => define(figure, drawExponents(figure))),
];
