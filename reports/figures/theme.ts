/**
 * One look for every figure: the Okabe-Ito colors, which stay apart in color blindness, and a shape for each series.
 */
import type { TopLevelSpec } from 'vega-lite';
import type { ArmFacts } from '../../src/core/experiment.js';

const FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif';

const REFERENCE = '#555555';

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
  outputs: ['#E69F00', SOURCES.outputs.color],
  layers: [SOURCES.layers.color, '#56B4E9'],
};

/** What the arm with these facts learns from; undefined where its experiment does not say. */
export function sourceOf({ learnsFrom, reference }: ArmFacts): keyof typeof SOURCES | undefined {
  return reference === true ? 'reference' : learnsFrom;
}

/** The series of the theory's figures. */
export const SERIES = {
  direct: { label: 'direct training', color: '#D55E00' },
  imitation: { label: 'imitation', color: '#0072B2' },
  sampled: { label: 'sampled, no imitation', color: '#009E73' },
  telescoped: { label: 'telescoped sum (bound on imitation)', color: '#56B4E9' },
  layer: { label: 'one layer alone', color: '#CC79A7' },
  fresh: { label: 'direct training, fresh particles', color: '#E69F00' },
  initial: { label: 'imitation from the initial law', color: '#555555' },
  directParticles: { label: 'direct training, real particles', color: '#E69F00' },
  lipschitz: { label: 'I2 (global Lipschitz constants)', color: '#CC79A7' },
  wideTail: { label: 'I2′ (the wide net’s constants)', color: '#009E73' },
  cap: { label: 'a-posteriori cap on direct training', color: '#E69F00' },
  gronwall: { label: 'Gronwall bound on direct training', color: '#D55E00' },
  growth: { label: 'measured', color: '#D55E00' },
  ridge: { label: 'imitation in closed form', color: '#009E73' },
  directTrain: { label: 'direct training, on the training points', color: '#E69F00' },
  long: { label: 'direct training at the total cost', color: '#E69F00' },
  staged: { label: 'three stages', color: '#0072B2' },
  wide: { label: 'wide net', color: '#555555' },
  hidden: { label: 'hidden state', color: '#0072B2' },
  output: { label: 'output', color: '#D55E00' },
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

/** Colour and label channels of the given series. */
export function seriesScale(names: readonly (keyof typeof SERIES)[]): { domain: string[]; range: string[] } {
  return { domain: names.map((name) => SERIES[name].label), range: names.map((name) => SERIES[name].color) };
}
