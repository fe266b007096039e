/** The results of a training experiment as a Markdown table. */
import { TEST_ACCURACY } from '../../experiments/metrics.js';
import { commandOf, EXPERIMENTS } from '../../experiments/registry.js';
import type { Metric } from '../../src/core/experiment.js';
import { tInterval } from '../../src/core/stats.js';
import { formatMean, formatNumber } from '../claims/verdict.js';
import type { ResultRow } from '../data/csv.js';
import { factsOf } from '../data/facts.js';
import { shownInterval } from '../data/interval.js';
import { groupBy } from '../../src/core/group.js';
import { proportionInterval } from '../figures/figure.js';
import { entryOf } from '../../src/core/registry.js';

function interval(values: readonly number[], digits: number, proportion = false): string {
  return formatMean(shownInterval(values, proportion ? proportionInterval : tInterval), digits);
}

/** Columns of the metric itself; accuracy has its column in every table. */
function metricColumns({ key, label, unit, digits, exponential, proportion }: Metric): {
  readonly head: readonly string[];
  readonly cells: (values: readonly number[]) => string[];
} {
  if (key === TEST_ACCURACY.key) return { head: [], cells: () => [] };
  return {
    head: [`${label}, ${unit}`, ...(exponential === undefined ? [] : [exponential])],
    cells: (values) => [
      interval(values, digits, proportion),
      ...(exponential === undefined ? [] : [interval(values.map(Math.exp), 1)]),
    ],
  };
}

/** A Markdown table: one row for each arm, with intervals, and differences to its baseline that are paired by seed. */
export function toMarkdown(name: string, scale: string, rows: readonly ResultRow[]): string {
  const experiment = entryOf(EXPERIMENTS, name);
  const metric = experiment?.metric ?? TEST_ACCURACY;
  const columns = metricColumns(metric);
  const arms = groupBy(rows, ({ arm }) => arm);
  const bySeed = (arm: string): Map<number, number> =>
    new Map(
      (arms.get(arm) ?? []).flatMap(({ seed, values: { [metric.key]: value } }) =>
        typeof value === 'number' ? [[seed, value]] : [],
      ),
    );
  const lines = [...arms].map(([arm, group]) => {
    const { parameters, steps, gigaflops, teacherGigaflops } = group[0]!.values as Record<string, number>;
    const of = (column: string): number[] =>
      group.flatMap(({ values }) => (values[column] === null || values[column] === undefined ? [] : [values[column]]));
    const { baseline = arm } = factsOf(name, scale, arm);
    const theirs = bySeed(baseline);
    const differences =
      arm === baseline
        ? []
        : [...bySeed(arm)].filter(([seed]) => theirs.has(seed)).map(([seed, value]) => value - theirs.get(seed)!);
    const distance = of('logitDiscrepancy');
    return [
      arm,
      group.length,
      parameters,
      steps,
      formatNumber(gigaflops!, 1),
      formatNumber(teacherGigaflops!, 1),
      interval(of('validationAccuracy'), 1, true),
      interval(of('testAccuracy'), 1, true),
      ...columns.cells(of(metric.key)),
      differences.length === 0 ? '' : `${interval(differences, metric.digits)} to ${baseline}`,
      distance.length === 0 ? '' : formatNumber(shownInterval(distance).mean, 2),
    ].join(' | ');
  });
  const head = [
    ...['arm', 'seeds', 'parameters', 'steps', 'GFLOP, its own', 'the wide net’s', 'validation %', 'test %'],
    ...columns.head,
    `${metric.short}, paired difference`,
    'discrepancy of the logits',
  ];
  const made = experiment === undefined ? '' : `; the runs by \`${commandOf(experiment, scale)}\``;
  return `# ${name}, scale ${scale}

Means over the seeds with 95 % t-intervals, those of percentages on the logit scale, as in the figures; differences are paired by seed, with plain t-intervals. Discrepancy: √(Σ|thin − wide|² / Σ|wide|²) on the validation split.
Made by \`gowide report --tables\` from the CSV of the same name${made}.

| ${head.join(' | ')} |
|${head.map(() => '---').join('|')}|
${lines.map((line) => `| ${line} |`).join('\n')}
`;
}
