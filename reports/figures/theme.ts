/**
 * One look for every figure: the Okabe-Ito colors, which stay apart in color blindness, and a shape for each series.
 */
import type { TopLevelSpec } from 'vega-lite';
import type { ArmFacts } from '../../src/core/experiment.js';

/** The font of figures, and of the page that has them. */
export const FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif';

/** The color of the wide net, by which the others are measured. */
export const REFERENCE = '#555555';

/** What an arm learns from, in words and as a color; `reference`: the wide net, by which the others are measured. */
export const SOURCES = {
  reference: { label: 'the wide net itself', color: REFERENCE },
  labels: { label: 'the labels', color: '#D55E00' },
  outputs: { label: 'the wide net’s outputs', color: '#009E73' },
  layers: { label: 'the wide net’s layers', color: '#0072B2' },
} as const;

/** Colors of arms that learn from one thing and stand as several lines in one figure. */
export const SHADES: Readonly<Record<keyof typeof SOURCES, readonly string[]>> = {
  reference: [REFERENCE],
  labels: [SOURCES.labels.color, '#CC79A7'],
  outputs: [SOURCES.outputs.color, '#E69F00'],
  layers: [SOURCES.layers.color, '#56B4E9'],
};

/** The background of figures in a dark page. */
export const DARK_BACKGROUND = '#161616';

/**
 * What stands in a dark page for each color of the figures: lines and text have a contrast of at least 4.5 to 1 to the
 * background there; grid lines, and those from a mark to its name, stay behind them.
 */
export const DARK: Readonly<Record<string, string>> = {
  [REFERENCE]: '#b8b8b8',
  [SOURCES.labels.color]: '#f08a3c',
  '#CC79A7': '#e39bc4',
  [SOURCES.outputs.color]: '#2cc295',
  '#E69F00': '#f2b632',
  [SOURCES.layers.color]: '#4f94f0',
  '#56B4E9': '#9ad8ff',
  // text, and lines without a color
  black: '#ececec',
  '#222222': '#ececec',
  '#222': '#ececec',
  '#555': '#b8b8b8',
  // grid lines, lines to names, what stands behind a name
  '#e6e6e6': '#333333',
  '#bbb': '#6a6a6a',
  white: DARK_BACKGROUND,
};

/** What the arm with these facts learns from; undefined where its experiment does not say. */
export function sourceOf({ learnsFrom, reference }: ArmFacts): keyof typeof SOURCES | undefined {
  return reference === true ? 'reference' : learnsFrom;
}

const [SOLID, DASHED, DOTTED] = [
  [1, 0],
  [6, 3],
  [2, 2],
] as const;

/**
 * Colors of methods on the whole page: training on labels alone, on outputs, on layers, the wide net's own particles or
 * channels; a bound has a color of its own. Variants of a method have its color and other dashes.
 */
const METHOD = {
  direct: SOURCES.labels.color,
  imitation: SOURCES.layers.color,
  closedForm: '#56B4E9',
  selected: '#E69F00',
  bound: '#CC79A7',
  wide: REFERENCE,
} as const;

/** The series of the theory's figures. */
export const SERIES = {
  direct: { label: 'direct training', color: METHOD.direct, dash: SOLID },
  imitation: { label: 'imitation', color: METHOD.imitation, dash: SOLID },
  sampled: { label: 'the wide net’s particles, no imitation', color: METHOD.selected, dash: SOLID },
  telescoped: { label: 'telescoped sum (bound on imitation)', color: METHOD.bound, dash: SOLID },
  layer: { label: 'imitation, one layer alone', color: METHOD.imitation, dash: DOTTED },
  fresh: { label: 'direct training, fresh particles', color: METHOD.direct, dash: DOTTED },
  initial: { label: 'imitation from the initial law', color: METHOD.imitation, dash: DASHED },
  directParticles: { label: 'direct training, real particles', color: METHOD.direct, dash: DOTTED },
  lipschitz: { label: 'I2 (global Lipschitz constants)', color: METHOD.bound, dash: DASHED },
  wideTail: { label: 'I2′ (the wide net’s constants)', color: METHOD.bound, dash: DOTTED },
  cap: { label: 'a-posteriori cap on direct training', color: METHOD.direct, dash: DASHED },
  gronwall: { label: 'Gronwall bound on direct training', color: METHOD.direct, dash: DASHED },
  growth: { label: 'direct training, measured', color: METHOD.direct, dash: SOLID },
  ridge: { label: 'imitation in closed form', color: METHOD.closedForm, dash: SOLID },
  limitDirect: { label: 'direct training, infinite width', color: METHOD.direct, dash: SOLID },
  narrowDirect: { label: 'direct training, narrow nets', color: METHOD.direct, dash: DOTTED },
  widestDirect: { label: 'direct training, widest nets', color: METHOD.direct, dash: DASHED },
  limitImitation: { label: 'imitation, infinite width', color: METHOD.imitation, dash: SOLID },
  widestImitation: { label: 'imitation, widest nets', color: METHOD.imitation, dash: DASHED },
  random: { label: 'random particles', color: METHOD.selected, dash: DOTTED },
  randomImitation: { label: 'random, then gradient imitation', color: METHOD.imitation, dash: SOLID },
  greedy: { label: 'greedy selection', color: METHOD.selected, dash: DASHED },
  herding: { label: 'herding', color: METHOD.selected, dash: SOLID },
  herdingLeastSquares: { label: 'herding, then least squares', color: METHOD.closedForm, dash: SOLID },
  directTrain: { label: 'direct training, on the training points', color: METHOD.direct, dash: DASHED },
  long: { label: 'direct training at the total cost', color: METHOD.direct, dash: DASHED },
  staged: { label: 'three stages', color: METHOD.imitation, dash: SOLID },
  wide: { label: 'wide net', color: METHOD.wide, dash: SOLID },
  hidden: { label: 'hidden state', color: '#222222', dash: SOLID },
  change: { label: 'output, from L to 2 L blocks', color: '#222222', dash: SOLID },
  output: { label: 'output', color: '#222222', dash: DASHED },
} as const;

/** The look that all specs share. */
export const CONFIG: NonNullable<TopLevelSpec['config']> = {
  font: FONT,
  background: 'white',
  // the figure has one label of its own
  aria: false,
  mark: { aria: false },
  view: { stroke: null },
  axis: {
    labelFontSize: 12,
    titleFontSize: 13,
    titleFontWeight: 'normal',
    gridColor: '#e6e6e6',
    domainColor: '#555',
    tickColor: '#555',
    labelColor: '#222',
    titleColor: '#222',
    labelLimit: 0,
  },
  legend: {
    labelFontSize: 12,
    titleFontSize: 12,
    titleFontWeight: 'normal',
    orient: 'bottom',
    direction: 'horizontal',
    labelLimit: 0,
    symbolSize: 80,
    symbolOpacity: 1,
  },
  header: { labelFontSize: 13, labelFontWeight: 'bold', titleFontSize: 13 },
};

/** Colors of the given series by their labels. */
export function seriesScale(names: readonly (keyof typeof SERIES)[]): { domain: string[]; range: string[] } {
  return { domain: names.map((name) => SERIES[name].label), range: names.map((name) => SERIES[name].color) };
}

/** Dashes of the given series by their labels. */
export function dashScale(names: readonly (keyof typeof SERIES)[]): { domain: string[]; range: number[][] } {
  return { domain: names.map((name) => SERIES[name].label), range: names.map((name) => [...SERIES[name].dash]) };
}
