/** Figures of the ResNet experiment: accuracy by arm, paired differences, discrepancy by tap. */
import type { TopLevelSpec } from 'vega-lite';
import { tInterval } from '../../src/core/stats.js';
import { pairedDifferences } from '../claims/index.js';
import { groupBy, numberAt, runIds, type TableRow } from '../tables.js';
import { CONFIG } from '../theme.js';
import type { Datum, Figure } from './figure.js';

const ARMS: Readonly<Record<string, { label: string; color: string }>> = {
  wide: { label: 'wide net', color: '#555555' },
  direct: { label: 'thin, direct', color: '#D55E00' },
  'no-imitation': { label: 'thin, shared parts + KL (no imitation)', color: '#009E73' },
  'three-stage': { label: 'thin, three stages', color: '#0072B2' },
};

function intervalOf(values: readonly number[]): Datum {
  const { mean, low, high, n } = tInterval(values);
  return { mean, low: n > 1 ? low : mean, high: n > 1 ? high : mean, seeds: n };
}

function armScale(key: 'label' | 'color'): string[] {
  return Object.values(ARMS).map((arm) => arm[key]);
}

/** Horizontal intervals with one point per seed; `rule` marks a value. */
function intervalSpec(rows: readonly Datum[], order: readonly string[], title: string, rule?: number): TopLevelSpec {
  const y = { field: 'name', type: 'nominal' as const, sort: [...order], title: null, axis: { grid: false } };
  const scale = { zero: false, nice: true, padding: 12 };
  const color = { field: 'name', type: 'nominal' as const, scale: { domain: armScale('label'), range: armScale('color') }, legend: null };
  const paint = rule === undefined ? { color } : { color: { value: '#0072B2' } };
  const spec = {
    config: CONFIG,
    width: 560,
    height: { step: 44 },
    data: { values: rows },
    layer: [
      ...(rule === undefined
        ? []
        : [{ data: { values: [{ at: rule }] }, mark: { type: 'rule', color: '#222', strokeDash: [4, 4] }, encoding: { x: { field: 'at', type: 'quantitative', scale } } }]),
      {
        transform: [{ filter: 'isValid(datum.mean)' }],
        mark: { type: 'rule', strokeWidth: 3, opacity: 0.5 },
        encoding: { y, x: { field: 'low', type: 'quantitative', scale, title }, x2: { field: 'high' }, ...paint },
      },
      {
        transform: [{ filter: 'isValid(datum.mean)' }],
        mark: { type: 'tick', thickness: 3, size: 22 },
        encoding: { y, x: { field: 'mean', type: 'quantitative', scale, title }, ...paint },
      },
      {
        transform: [{ filter: 'isValid(datum.value)' }],
        mark: { type: 'point', filled: true, size: 40, opacity: 0.75 },
        encoding: { y, x: { field: 'value', type: 'quantitative', scale, title }, ...paint },
      },
    ],
  };
  return spec as unknown as TopLevelSpec;
}

function resnetResults(results: readonly TableRow[]): TableRow[] {
  return results.filter((row) => row.experiment === 'resnet-digits' && row.arm in ARMS);
}

/** Test accuracy of every arm. */
export function accuracyFigure(results: readonly TableRow[], scale: string): Figure | undefined {
  const mine = resnetResults(results);
  if (mine.length === 0) return undefined;
  const points = mine.map((row): Datum => ({ name: ARMS[row.arm]!.label, value: numberAt(row, 'testAccuracy'), seed: row.seed }));
  const summary = [...groupBy(mine, (row) => row.arm)].map(([arm, rows]): Datum => {
    const { parameters, steps, gigaflops, teacherGigaflops } = rows[0]!.values as Record<string, number>;
    const accuracy = intervalOf(rows.map((row) => numberAt(row, 'testAccuracy')));
    return { name: ARMS[arm]!.label, ...accuracy, parameters: parameters!, steps: steps!, gigaflops: gigaflops!, 'wide net’s gigaflops': teacherGigaflops! };
  });
  return {
    id: 'accuracy',
    title: 'Test accuracy by arm',
    alt: `Test accuracy of each arm with one point per seed. ${summary.map((row) => `${row.name}: ${Number(row.mean).toFixed(1)} %`).join('; ')}.`,
    caption:
      'Accuracy on the 3,000 test digits, which were used for nothing else. The thin arms have the same network and the same number of steps, imitation included; the cost of the wide net, which two of them need, is in the table. Points: seeds; ticks: means; bars: 95 % t-intervals.',
    command: `gowide train resnet --arm all --scale ${scale}`,
    spec: intervalSpec([...summary, ...points], armScale('label'), 'test accuracy, %'),
    data: summary,
    runs: mine.map((row) => row.run),
  };
}

const PAIRS = [
  ['three-stage', 'direct', 'three stages − direct'],
  ['three-stage', 'no-imitation', 'three stages − no imitation'],
  ['no-imitation', 'direct', 'no imitation − direct'],
] as const;

/** Differences between thin arms, paired by seed. */
export function differenceFigure(results: readonly TableRow[], scale: string): Figure | undefined {
  const mine = resnetResults(results);
  const pairs = PAIRS.map(([first, second, name]) => ({ name, values: pairedDifferences(mine, first, second, 'testAccuracy') })).filter(({ values }) => values.length > 0);
  if (pairs.length === 0) return undefined;
  const summary = pairs.map(({ name, values }): Datum => ({ name, ...intervalOf(values) }));
  const points = pairs.flatMap(({ name, values }) => values.map((value): Datum => ({ name, value })));
  return {
    id: 'differences',
    title: 'Paired differences between the thin arms',
    alt: `Differences in test accuracy, paired by seed. ${summary.map((row) => `${row.name}: ${Number(row.mean).toFixed(1)} points`).join('; ')}.`,
    caption:
      'Difference in test accuracy of two arms with the same seed (same data order, same wide net). An interval that crosses the dashed zero decides nothing. Points: seeds; ticks: means; bars: 95 % t-intervals.',
    command: `gowide train resnet --arm all --scale ${scale}`,
    spec: intervalSpec(
      [...summary, ...points],
      pairs.map(({ name }) => name),
      'difference in test accuracy, points',
      0,
    ),
    data: summary,
    runs: mine.map((row) => row.run),
  };
}

const MOMENTS: Readonly<Record<string, string>> = { imitation: 'after imitation', end: 'after fine-tuning' };

/** Relative discrepancy of each tap of the three-stage net, after imitation and at the end. */
export function tapFigure(rows: readonly TableRow[], scale: string): Figure | undefined {
  const mine = rows.filter((row) => row.experiment === 'resnet-digits' && row.arm === 'three-stage' && row.values.event === 'discrepancy' && row.values.tap !== 'stem');
  if (mine.length === 0) return undefined;
  const points = mine.map((row): Datum => ({ when: MOMENTS[String(row.values.when)]!, tap: String(row.values.tap), value: numberAt(row, 'discrepancy'), seed: row.seed }));
  const summary = [...groupBy(points, (point) => `${point.when}|${point.tap}`).values()].map((group): Datum => {
    const interval = intervalOf(group.map((point) => Number(point.value)));
    return { when: group[0]!.when!, tap: group[0]!.tap!, ...interval };
  });
  const taps = [...new Set(points.map((point) => String(point.tap)))];
  const x = { field: 'tap', type: 'ordinal', sort: taps, title: 'output of', axis: { labelAngle: 0, grid: false } };
  const color = { field: 'when', type: 'nominal', sort: Object.values(MOMENTS), scale: { domain: Object.values(MOMENTS), range: ['#0072B2', '#D55E00'] }, title: null };
  const title = 'relative discrepancy';
  const spec = {
    config: CONFIG,
    width: 520,
    height: 240,
    data: { values: [...summary, ...points] },
    encoding: { x, xOffset: { field: 'when', sort: Object.values(MOMENTS) }, color },
    layer: [
      {
        transform: [{ filter: 'isValid(datum.mean)' }],
        mark: { type: 'rule', strokeWidth: 3, opacity: 0.5 },
        encoding: { y: { field: 'low', type: 'quantitative', title }, y2: { field: 'high' } },
      },
      { transform: [{ filter: 'isValid(datum.mean)' }], mark: { type: 'tick', thickness: 3, size: 18 }, encoding: { y: { field: 'mean', type: 'quantitative', title } } },
      {
        transform: [{ filter: 'isValid(datum.value)' }],
        mark: { type: 'point', filled: true, size: 30, opacity: 0.75 },
        encoding: { y: { field: 'value', type: 'quantitative', title } },
      },
    ],
  } as unknown as TopLevelSpec;
  return {
    id: 'taps',
    title: 'How far the thin net’s layers are from the wide net’s',
    alt: 'Relative discrepancy of the outputs of each stage and of the logits, after imitation and after fine-tuning.',
    caption:
      '√(Σ|thin − wide|² / Σ|wide|²) on the 1,500 validation digits: 0 is a perfect copy, 1 says nothing. Three-stage arm. Points: seeds; ticks: means; bars: 95 % t-intervals.',
    command: `gowide train resnet --arm three-stage --scale ${scale}`,
    spec,
    data: summary,
    runs: runIds(mine),
  };
}
