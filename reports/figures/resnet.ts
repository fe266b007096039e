/** Figures of the experiments on trained networks: accuracy by arm, paired differences, discrepancy by tap. */
import type { TopLevelSpec } from 'vega-lite';
import { tInterval } from '../../src/core/stats.js';
import { pairedDifferences } from '../claims/index.js';
import { groupBy, numberAt, runIds, type TableRow } from '../tables.js';
import { CONFIG } from '../theme.js';
import { summarize, type Datum, type Figure } from './figure.js';

/** By what an arm learns from: labels alone, the wide net, or the wide net's layers. */
const [REFERENCE, FROM_LABELS, FROM_OUTPUTS, FROM_LAYERS] = ['#555555', '#D55E00', '#009E73', '#0072B2'] as const;

const ARMS: Readonly<Record<string, { label: string; color: string }>> = {
  wide: { label: 'wide net', color: REFERENCE },
  direct: { label: 'thin, direct', color: FROM_LABELS },
  deeper: { label: 'deeper net, direct', color: FROM_LABELS },
  long: { label: 'thin, direct, at the pipeline’s total cost', color: FROM_LABELS },
  'selected-direct': { label: 'thin, selected channels, direct', color: FROM_LABELS },
  kd: { label: 'thin, KD', color: FROM_OUTPUTS },
  'no-imitation': { label: 'thin, shared parts + KL', color: FROM_OUTPUTS },
  'selected-kl': { label: 'thin, selected channels + KL', color: FROM_OUTPUTS },
  hints: { label: 'thin, hints + KL', color: FROM_LAYERS },
  'all-at-once': { label: 'thin, all imitation losses at once, then KL', color: FROM_LAYERS },
  'three-stage': { label: 'thin, three stages', color: FROM_LAYERS },
  'selected-three-stage': { label: 'thin, selected channels, three stages', color: FROM_LAYERS },
  fresh: { label: 'thin, without pre-training', color: FROM_LABELS },
  'ends-kd': { label: 'thin, projected embeddings and head + KD', color: FROM_OUTPUTS },
  'projected-kd': { label: 'thin, all projected + KD', color: FROM_OUTPUTS },
  'projected-three-stage': { label: 'thin, all projected, three stages', color: FROM_LAYERS },
};

function intervalOf(values: readonly number[]): Datum {
  const { mean, low, high, n } = tInterval(values);
  return { mean, low: n > 1 ? low : mean, high: n > 1 ? high : mean, seeds: n };
}

function armScale(key: 'label' | 'color'): string[] {
  return Object.values(ARMS).map((arm) => arm[key]);
}

/** Horizontal intervals with one point per seed; `rule` marks a value. */
function intervalSpec(rows: readonly Datum[], order: readonly string[], title: string, { rule, byArm = false }: { rule?: number; byArm?: boolean }): TopLevelSpec {
  const y = { field: 'name', type: 'nominal' as const, sort: [...order], title: null, axis: { grid: false } };
  const scale = { zero: false, nice: true, padding: 12 };
  const color = { field: 'name', type: 'nominal' as const, scale: { domain: armScale('label'), range: armScale('color') }, legend: null };
  const paint = byArm ? { color } : { color: { value: FROM_LAYERS } };
  const spec = {
    config: CONFIG,
    width: 480,
    height: { step: 34 },
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
      'Accuracy on the 3,000 test digits, which were used for nothing else. The thin arms have the same network and the same number of steps, imitation included (but for the one at the pipeline’s total cost); the wide net’s cost is in the table. Orange learns from the labels, green from the wide net’s outputs, blue from its layers. Points: seeds; ticks: means; bars: 95 % t-intervals.',
    command: `gowide train resnet --arm all --scale ${scale}`,
    spec: intervalSpec([...summary, ...points], armScale('label'), 'test accuracy, %', { byArm: true }),
    data: summary,
    runs: mine.map((row) => row.run),
  };
}

const PAIRS = [
  ['three-stage', 'direct', 'three stages − direct'],
  ['three-stage', 'deeper', 'three stages − deeper net'],
  ['three-stage', 'kd', 'three stages − KD'],
  ['three-stage', 'all-at-once', 'three stages − all losses at once'],
  ['three-stage', 'no-imitation', 'three stages − shared parts + KL'],
  ['three-stage', 'long', 'three stages − direct at equal total cost'],
  ['selected-three-stage', 'selected-kl', 'selected, three stages − selected + KL'],
  ['selected-kl', 'three-stage', 'selected + KL − three stages'],
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
      { rule: 0 },
    ),
    data: summary,
    runs: mine.map((row) => row.run),
  };
}

const MOMENTS: Readonly<Record<string, string>> = { imitation: 'after imitation', end: 'after fine-tuning' };

/** Relative discrepancy of each tap of the three-stage net, after imitation and at the end. */
export function tapFigure(rows: readonly TableRow[], scale: string): Figure | undefined {
  const mine = rows.filter(
    (row) => row.experiment === 'resnet-digits' && row.arm === 'three-stage' && row.values.event === 'discrepancy' && /^(stage\d+|logits)$/.test(String(row.values.tap)),
  );
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

const DEPTH_ARMS: Readonly<Record<string, { label: string; color: string }>> = {
  direct: { label: 'direct', color: FROM_LABELS },
  kd: { label: 'KD', color: '#E69F00' },
  'selected-kl': { label: 'selected + KL', color: FROM_OUTPUTS },
  imitation: { label: 'imitation by gradient, then KL', color: FROM_LAYERS },
  'closed-form': { label: 'closed-form imitation, then KL', color: '#56B4E9' },
  wide: { label: 'wide net', color: REFERENCE },
};
const KINDS: Readonly<Record<string, string>> = { plain: 'without skip connections', skip: 'with skip connections' };

/** Test accuracy against depth, without and with skip connections. */
export function depthSkipFigure(results: readonly TableRow[], scale: string): Figure | undefined {
  const mine = results.filter((row) => row.experiment === 'depth-skip');
  if (mine.length === 0) return undefined;
  const points = mine.map((row) => {
    const [depth, kind, arm] = row.arm.split(' ') as [string, string, string];
    return { x: Number(depth), y: numberAt(row, 'testAccuracy'), series: DEPTH_ARMS[arm]!.label, facet: KINDS[kind]! };
  });
  const summary = summarize(points, 'linear');
  const labels = Object.values(DEPTH_ARMS);
  const color = {
    field: 'series',
    type: 'nominal',
    scale: { domain: labels.map(({ label }) => label), range: labels.map((arm) => arm.color) },
    title: null,
    legend: { columns: 3 },
  };
  const x = {
    field: 'x',
    type: 'quantitative',
    scale: { type: 'log', base: 2, nice: false, padding: 12 },
    title: 'layers',
    axis: { values: [...new Set(points.map((point) => point.x))], grid: false },
  };
  const y = (field: string): object => ({ field, type: 'quantitative', scale: { zero: false }, title: 'test accuracy, %' });
  const spec = {
    config: CONFIG,
    data: { values: summary },
    facet: { column: { field: 'facet', type: 'nominal', sort: Object.values(KINDS), title: null } },
    spec: {
      width: 340,
      height: 260,
      encoding: { x, color },
      layer: [
        { mark: { type: 'line', point: { size: 36 } }, encoding: { y: y('mean') } },
        { mark: { type: 'rule', strokeWidth: 2, opacity: 0.5 }, encoding: { y: y('low'), y2: { field: 'high' } } },
      ],
    },
  } as unknown as TopLevelSpec;
  return {
    id: 'depth-skip',
    title: 'Where imitation itself pays: depth and skip connections',
    alt: 'Test accuracy of fully connected tanh nets against depth, without and with skip connections, one line for each way of training.',
    caption:
      'Fully connected tanh nets, 16 channels wide (wide net: 64), on the digits; equal steps of the thin net, each arm at its own learning rate, chosen on the validation split at 16 layers. Means and 95 % t-intervals over the seeds.',
    command: `gowide train resnet --experiment depth-skip --arm all --scale ${scale}`,
    spec,
    data: summary,
    runs: runIds(mine),
  };
}

export interface ArmsFigure {
  readonly experiment: string;
  /** Of the command that makes the runs. */
  readonly network: 'resnet' | 'bert';
  readonly title: string;
  readonly caption: string;
  /** By what the arms are compared: test accuracy, or cross-entropy, where lower is better. */
  readonly key?: 'testAccuracy' | 'testCrossEntropy';
}

/** Every arm of an experiment by one measure, where it has no figure of its own. */
export function armsFigure(results: readonly TableRow[], scale: string, { experiment, network, title, caption, key = 'testAccuracy' }: ArmsFigure): Figure | undefined {
  const mine = results.filter((row) => row.experiment === experiment);
  if (mine.length === 0) return undefined;
  const [axis, digits, unit] = key === 'testAccuracy' ? ['test accuracy, %', 1, ' %'] as const : ['test cross-entropy, nats', 3, ' nats'] as const; // prettier-ignore
  const arms = [...new Set(mine.map((row) => row.arm))];
  // arms of the comparison have their labels, order and colours everywhere
  const known = arms.every((arm) => arm in ARMS);
  const nameOf = (arm: string): string => (known ? ARMS[arm]!.label : arm);
  const order = known ? armScale('label') : arms;
  const points = mine.map((row): Datum => ({ name: nameOf(row.arm), value: numberAt(row, key), seed: row.seed }));
  const summary = [...groupBy(mine, (row) => row.arm)].map(([arm, rows]): Datum => ({ name: nameOf(arm), ...intervalOf(rows.map((row) => numberAt(row, key))) }));
  return {
    id: experiment,
    title,
    alt: `${axis} of each arm. ${summary.map((row) => `${row.name}: ${Number(row.mean).toFixed(digits)}${unit}`).join('; ')}.`,
    caption: `${caption}${known ? ' Orange learns from the labels, green from the wide net’s outputs, blue from its layers.' : ''} Points: seeds; ticks: means; bars: 95 % t-intervals.`,
    command: `gowide train ${network} --experiment ${experiment} --arm all --scale ${scale}`,
    spec: intervalSpec([...summary, ...points], order, axis, { byArm: known }),
    data: summary,
    runs: runIds(mine),
  };
}
