/** sqrt(m) D of real thin nets beside its infinite-width limit. */
import { commandOf } from '../../experiments/registry.js';
import { limit } from '../../experiments/theory.js';
import { numberAt, rowsOfExperiment, runIds, type TableRow } from '../data/rows.js';
import { inOrder, summarize, type Datum, type Draw, type Finding } from './figure.js';
import { lawSpec, type Point, type SeriesName } from './law.js';
import { SERIES } from './theme.js';

const LIMITS = { direct: 'limitDirect', imitation: 'limitImitation' } as const;
const WIDEST = { direct: 'widestDirect', imitation: 'widestImitation' } as const;

/** Words about a figure against depth, and about one against time. */
const WORDS = {
  depth: {
    id: 'limit',
    title: '√m D beside its limit of infinite width, against depth',
    alt:
      'Root m times D against depth: solid lines of the infinite-width limit, dashed and dotted ones of ' +
      'real thin nets.',
    xTitle: 'depth L (layers)',
  },
  time: {
    id: 'limit-time',
    title: '√m D beside its limit of infinite width, to late times',
    alt:
      'Root m times D of direct training against time up to 50: the infinite-width limit, solid, and real thin ' +
      'nets, dashed.',
    xTitle: 'flow time T',
  },
} as const;

function trainingOf({ values }: TableRow): keyof typeof LIMITS {
  return values.training === 'imitation' ? 'imitation' : 'direct';
}

/** Arms that have several values of `x`. */
function armsAlong(rows: readonly TableRow[], x: string): string[] {
  const arms = [...new Set(rows.map(({ arm }) => arm))];
  return arms.filter((arm) => new Set(rows.filter((row) => row.arm === arm).map((row) => numberAt(row, x))).size > 1);
}

/** Means with their intervals; without them where there are two seeds, whose interval is as wide as the figure. */
function withBands(points: readonly Point[]): Datum[] {
  const summary = summarize(points);
  if (new Set(points.map(({ seed }) => seed)).size > 2) return summary;
  return summary.map((row) =>
    Object.fromEntries(Object.entries(row).filter(([key]) => key !== 'low' && key !== 'high')),
  );
}

/** How √m D of direct training goes with time, from the first time to the last of its widest nets. */
export const limitTimeFinding: Finding = (_, { data }) => {
  const nets = data.filter(({ series, mean }) => series === SERIES.widestDirect.label && mean !== undefined);
  const sorted = [...nets].sort((a, b) => Number(a.x) - Number(b.x));
  const [first, last] = [sorted[0], sorted.at(-1)];
  if (first === undefined || last === undefined || first === last) return undefined;
  const [from, to] = [first, last].map(({ mean }) => Number(mean)) as [number, number];
  const how = to > from ? 'grows' : 'falls';
  return (
    `Trained for long, √m D of direct training ${how}: ${from.toFixed(1)} at T = ${first.x}, ${to.toFixed(1)} at ` +
    `T = ${last.x}`
  );
};

/** Draws the study `limit` against depth, or the arms that have several times against time. */
export function drawLimit(x: keyof typeof WORDS): Draw {
  return ({ rows, scale }) => {
    const all = rowsOfExperiment(rows, limit);
    const arms = armsAlong(all, x);
    const mine = all.filter(({ arm }) => arms.includes(arm));
    if (mine.length === 0) return undefined;
    const widths = [...new Set(mine.map((row) => numberAt(row, 'm')))].sort((a, b) => a - b);
    const [narrow, widest] = [widths[Math.min(1, widths.length - 1)]!, widths.at(-1)!];
    const pointOf = (row: TableRow, column: string, series: SeriesName): Point => ({
      ...{ x: numberAt(row, x), y: numberAt(row, column), series: SERIES[series].label },
      ...{ facet: row.arm, seed: row.seed },
    });
    const limits = mine
      .filter((row) => numberAt(row, 'm') === widest && row.values.limit !== undefined)
      .map((row) => pointOf(row, 'limit', LIMITS[trainingOf(row)]));
    const real = mine.flatMap((row) => {
      const [training, m] = [trainingOf(row), numberAt(row, 'm')];
      if (m === widest) return [pointOf(row, 'particles', WIDEST[training])];
      return m === narrow && training === 'direct' ? [pointOf(row, 'particles', 'narrowDirect')] : [];
    });
    const shown = new Set([...limits, ...real].map(({ series }) => series));
    const names = (
      ['limitDirect', 'narrowDirect', 'widestDirect', 'limitImitation', 'widestImitation'] as const
    ).filter((name) => shown.has(SERIES[name].label));
    const data = withBands([...limits, ...real]);
    const { id, title, alt, xTitle } = WORDS[x];
    const who = narrow === widest ? `m = ${widest}` : `narrow: m = ${narrow}, widest: m = ${widest}`;
    return {
      ...{ id, title, alt, scale },
      caption:
        `Solid: the limit of infinite width; dashed and dotted: real thin nets (${who}), with what a finite M takes ` +
        'away put back. Geometric means; bands: 95 % t-intervals, from three seeds on. A limit that did not ' +
        'converge is left out.',
      command: commandOf(limit, scale),
      spec: lawSpec(data, names, {
        x: { title: xTitle, log: x === 'time', values: [...new Set(mine.map((row) => numberAt(row, x)))] },
        y: { title: '√m × discrepancy', log: true },
        facets: inOrder(limit, arms),
      }),
      data,
      runs: runIds(mine),
    };
  };
}
