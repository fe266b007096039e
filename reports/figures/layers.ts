/** How far a thin net's layers are from the wide net's, in trained networks. */
import { commandOf } from '../../experiments/registry.js';
import { groupBy } from '../../src/core/group.js';
import { numberAt, rowsOfExperiment, runIds, type TableRow } from '../data/rows.js';
import { CONFIG } from './theme.js';
import {
  define,
  intervalOf,
  layersWithData,
  seedPoints,
  tickLegend,
  type Datum,
  type ExperimentFigure,
  type FigureDefinition,
  type Finding,
  type FigureSpec,
} from './figure.js';

const MOMENTS: Readonly<Record<string, string>> = { imitation: 'after imitation', end: 'after fine-tuning' };
const DISTANCE = '√(Σ|thin − wide|² / Σ|wide|²) on the validation split: 0 is a perfect copy, 1 says nothing.';

/** What is measured at each place of a network. */
const QUANTITIES = {
  discrepancy: 'the layer’s output',
  alone: 'the layer alone, fed with the wide net’s values',
  hybrid: 'what the layer adds to the telescoped sum',
} as const;

/** A figure of one arm, chosen by its factors or by its name. */
export interface LayersFigure extends ExperimentFigure {
  readonly arm: string | Readonly<Record<string, string | number | boolean>>;
}

function isOf({ arm, facts }: TableRow, chosen: LayersFigure['arm']): boolean {
  if (typeof chosen === 'string') return arm === chosen;
  return Object.entries(chosen).every(([factor, value]) => facts.factors?.[factor] === value);
}

/** One quantity at one tap of one seed's net, at one moment. */
type Place = {
  readonly quantity: string;
  readonly when: string;
  readonly tap: string;
  readonly value: number;
  readonly seed: number;
};

/** Places of a network from its input to its output: what is before the layers, the layers by number, the logits. */
export function inNetOrder(taps: Iterable<string>): string[] {
  const { compare } = new Intl.Collator('en', { numeric: true });
  const rank = (tap: string): number => (tap === 'logits' ? 2 : /\d/.test(tap) ? 1 : 0);
  return [...new Set(taps)].sort((a, b) => rank(a) - rank(b) || compare(a, b));
}

/**
 * Quantities that have a value at every place but the logits; where thin and wide net have outputs of unequal widths,
 * these have no distance, and one place alone would be no picture of the net.
 */
function complete(points: readonly Place[]): Place[] {
  const taps = new Set(points.map(({ tap }) => tap));
  const whole = [...groupBy(points, ({ quantity }) => quantity).values()].filter(
    (group) => new Set(group.map(({ tap }) => tap)).size >= taps.size - 1,
  );
  return whole.length === 0 ? [...points] : whole.flat();
}

/** Pixels of a letter of a tick's label. */
const LETTER = 7;

function layersSpec(points: readonly Place[], data: readonly Datum[]): FigureSpec {
  const taps = inNetOrder(points.map(({ tap }) => tap));
  const moments = Object.values(MOMENTS);
  const quantities = Object.values(QUANTITIES).filter((name) => points.some(({ quantity }) => quantity === name));
  const width = quantities.length > 1 ? 215 : 300;
  const x = {
    field: 'tap',
    type: 'ordinal',
    sort: taps,
    title: 'layer',
    axis: { labelAngle: LETTER * taps.join('  ').length > width ? -60 : 0, grid: false },
  };
  const color = {
    field: 'when',
    type: 'nominal',
    sort: moments,
    scale: { domain: moments, range: ['#56B4E9', '#0072B2'] },
    title: null,
  };
  const y = (field: string): object => ({ field, type: 'quantitative', title: 'relative discrepancy' });
  return {
    config: CONFIG,
    data: { values: data },
    facet: { column: { field: 'quantity', type: 'nominal', sort: quantities, title: null } },
    spec: {
      width,
      height: 220,
      encoding: { x, xOffset: { field: 'when', sort: moments }, color },
      layer: layersWithData(data, [
        {
          needs: 'mean',
          mark: { type: 'rule', strokeWidth: 3, opacity: 0.5 },
          encoding: { y: y('low'), y2: { field: 'high' } },
        },
        { needs: 'mean', mark: { type: 'tick', thickness: 3, size: 12 }, encoding: { y: y('mean') } },
        {
          needs: 'value',
          mark: { type: 'point', filled: true, size: 24, opacity: 0.75 },
          encoding: { y: y('value') },
        },
      ]),
    },
  };
}

/** How the layers' parts of the telescoped sum go from the first place to the last layer, right after imitation. */
const sumFinding: Finding = (_, { data }) => {
  const parts = data.filter(
    ({ quantity, when, mean }) => quantity === QUANTITIES.hybrid && when === MOMENTS.imitation && mean !== undefined,
  );
  const [first, last] = [parts[0], parts.findLast(({ tap }) => tap !== 'logits')];
  if (first === undefined || last === undefined || first === last) return undefined;
  const [from, to] = [first, last].map(({ mean }) => Number(mean)) as [number, number];
  const how = to > from ? 'more' : 'less';
  const at = ({ tap }: Datum): string => String(tap).replace(/(\D)(\d)/, '$1 $2');
  return (
    `Late layers add ${how} to the telescoped sum than early ones: ${to.toFixed(2)} at ${at(last)}, ` +
    `${from.toFixed(2)} at ${at(first)}`
  );
};

/** Whether fine-tuning brought the logits nearer to the wide net's, by the means. */
const tuningFinding: Finding = (...said) => {
  const [, { data }] = said;
  const at = (when: string): number | undefined => {
    const row = data.find((datum) => datum.tap === 'logits' && datum.when === when && datum.mean !== undefined);
    return row === undefined ? undefined : Number(row.mean);
  };
  const [before, after] = [at(MOMENTS.imitation!), at(MOMENTS.end!)];
  if (before === undefined || after === undefined) return sumFinding(...said);
  const nearer = after < before ? 'nearer to' : 'further from';
  return `Fine-tuning brings the logits ${nearer} the wide net’s: ${before.toFixed(2)} before, ${after.toFixed(2)} after`;
};

/** Relative discrepancy of each place of one arm's net, right after imitation and at the end. */
export function layersFigure(figure: LayersFigure): FigureDefinition {
  const { id, experiment, arm, title, caption } = figure;
  return define({ finding: tuningFinding, ...figure }, ({ rows, scale }) => {
    const mine = rowsOfExperiment(rows, experiment).filter(
      (row) => isOf(row, arm) && Object.hasOwn(QUANTITIES, String(row.values.event)),
    );
    // places that every quantity has, with the logits: a block's inside says little beside its output
    const hybrids = new Set(mine.filter((row) => row.values.event === 'hybrid').map((row) => String(row.values.tap)));
    const shown = mine.filter((row) =>
      hybrids.size === 0
        ? /^(stage\d+|layer\d+|logits)$/.test(String(row.values.tap))
        : hybrids.has(String(row.values.tap)),
    );
    if (shown.length === 0) return undefined;
    const all = shown.map((row): Place => ({
      quantity: QUANTITIES[row.values.event as keyof typeof QUANTITIES],
      when: MOMENTS[String(row.values.when)]!,
      tap: String(row.values.tap),
      value: numberAt(row, 'discrepancy'),
      seed: row.seed,
    }));
    const points = complete(all);
    const summary = [...groupBy(points, ({ quantity, when, tap }) => `${quantity}|${when}|${tap}`).values()].map(
      (group): Datum => {
        const { quantity, when, tap } = group[0]!;
        return { quantity, when, tap, ...intervalOf(group.map(({ value }) => value)) };
      },
    );
    const seeds = seedPoints(points);
    const data = [...summary, ...seeds];
    return {
      id,
      title,
      alt:
        'Relative discrepancy at each place of the network, after imitation and after fine-tuning; the table ' +
        'has the values.',
      caption: `${caption} ${DISTANCE} ${tickLegend(seeds)}`,
      scale,
      command: commandOf(experiment, scale, shown[0]!.arm),
      spec: layersSpec(points, data),
      data,
      runs: runIds(shown),
    };
  });
}
