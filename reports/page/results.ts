/**
 * Results of training experiments as files to keep: one CSV with a row for each run, and one Markdown table made of it,
 * with intervals and differences paired by seed.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { tInterval } from '../../src/core/stats.js';
import { writeAtomic } from '../../src/store/atomic.js';
import { FIGURES, TOPICS } from '../figures/index.js';
import { fromCsv, NUMBERS, toCsv, toLines, type LoggedRow, type ResultRow } from '../data/csv.js';
import { groupBy, readRecords, type TableRow } from '../data/tables.js';
import { formatMean, formatNumber } from '../claims/verdict.js';

const KIND = 'train';
/** The arm that an arm is compared with. */
export function baselineOf(experiment: string, arm: string): string {
  if (experiment === 'depth-skip') return arm.replace(/ [^ ]+$/, ' selected-kl');
  if (experiment === 'bert-ablations') return 'own inputs';
  if (experiment === 'bert-supersense' || experiment === 'bert-hypernym') return arm === 'direct' ? 'fresh' : 'direct';
  if (experiment === 'resnet-ablations')
    return arm.startsWith('few images')
      ? 'few images: direct'
      : arm.startsWith('selected')
        ? 'selected, none'
        : 'own inputs';
  return 'direct';
}

/**
 * Experiments whose arms are compared by their cross-entropy, lower is better: masked tokens have too many answers for
 * accuracy to say much.
 */
function isLanguage(experiment: string): boolean {
  return experiment === 'bert-glosses' || experiment === 'bert-ablations';
}

function toResult({ arm, seed, run, values }: TableRow): ResultRow {
  const numbers = NUMBERS.map(
    (column) => [column, typeof values[column] === 'number' ? values[column] : null] as const,
  );
  return { arm, seed, run, values: Object.fromEntries(numbers) };
}

function interval(values: readonly number[], digits: number): string {
  return formatMean(tInterval(values), digits);
}

/** A Markdown table: one row for each arm. */
export function toMarkdown(experiment: string, scale: string, rows: readonly ResultRow[]): string {
  const arms = groupBy(rows, ({ arm }) => arm);
  const language = isLanguage(experiment);
  const metric = language ? 'testCrossEntropy' : 'testAccuracy';
  const digits = language ? 3 : 1;
  const bySeed = (arm: string): Map<number, number> =>
    new Map((arms.get(arm) ?? []).map(({ seed, values }) => [seed, values[metric]!]));
  const lines = [...arms].map(([arm, group]) => {
    const { parameters, steps, gigaflops, teacherGigaflops } = group[0]!.values as Record<string, number>;
    const of = (column: string): number[] =>
      group.flatMap(({ values }) => (values[column] === null || values[column] === undefined ? [] : [values[column]]));
    const baseline = baselineOf(experiment, arm);
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
      interval(of('validationAccuracy'), 1),
      interval(of('testAccuracy'), 1),
      ...(language ? [interval(of('testCrossEntropy'), 3), interval(of('testCrossEntropy').map(Math.exp), 1)] : []),
      differences.length === 0 ? '' : `${interval(differences, digits)} to ${baseline}`,
      distance.length === 0 ? '' : formatNumber(tInterval(distance).mean, 2),
    ].join(' | ');
  });
  const head = [
    ...['arm', 'seeds', 'parameters', 'steps', 'GFLOP, its own', 'the wide net’s', 'validation %', 'test %'],
    ...(language ? ['test cross-entropy, nats', 'test perplexity'] : []),
    `${language ? 'cross-entropy' : 'test'}, paired difference`,
    'discrepancy of the logits',
  ];
  return `# ${experiment}, scale ${scale}

Means over the seeds with 95 % t-intervals; differences are paired by seed. Discrepancy: √(Σ|thin − wide|² / Σ|wide|²) on the validation split.
Made by \`gowide report --tables\` from the CSV of the same name; the runs by \`gowide train ${networkOfExperiment(experiment)} --experiment ${experiment} --arm all --scale ${scale}\`.

| ${head.join(' | ')} |
|${head.map(() => '---').join('|')}|
${lines.map((line) => `| ${line} |`).join('\n')}
`;
}

function networkOfExperiment(experiment: string): string {
  return experiment.startsWith('bert-') ? 'bert' : 'resnet';
}

/** Events of training runs that figures and claims are made of. */
const KEPT_EVENTS: readonly unknown[] = ['discrepancy', 'hybrid', 'alone', 'merge'];

/**
 * Writes what every experiment below `folders` found, at every declared scale: final figures of training runs (.csv,
 * .md), what the others logged (.jsonl), and the specs of the figures that these make. Folders of kept tables count as
 * runs do. Returns the files.
 */
export function writeResults(folders: readonly string[], target: string): string[] {
  const { runs, rows, results } = readRecords(folders);
  const cells = new Map(runs.map(({ id, cell }) => [id, cell]));
  const nameOf = ({ experiment, scale }: TableRow): string => `${experiment}.${scale}`;
  // rows of kept tables have no run here: they were chosen when they were written
  const isResult = ({ run, scale }: TableRow): boolean => scale !== 'custom' && (cells.get(run)?.kind ?? KIND) === KIND;
  const isKept = ({ run, scale, values }: TableRow): boolean =>
    scale !== 'custom' && (cells.get(run)?.kind !== KIND || KEPT_EVENTS.includes(values.event));
  const byName = groupBy(results.filter(isResult), nameOf);
  const logged = groupBy(rows.filter(isKept), nameOf);
  mkdirSync(target, { recursive: true });
  return [...new Set([...byName.keys(), ...logged.keys()])].flatMap((name) => {
    const [experiment, scale] = name.split('.') as [string, string];
    const table = sorted((byName.get(name) ?? []).map(toResult));
    const lines = sorted(
      (logged.get(name) ?? []).map(({ arm, seed, run, values }): LoggedRow => ({ arm, seed, run, values })),
    );
    const text = toCsv(table);
    // as it will be read again
    const finals = table.length === 0 ? [] : fromCsv(text);
    const files: Record<string, string> = {
      ...(table.length > 0 && { [`${name}.csv`]: text, [`${name}.md`]: toMarkdown(experiment, scale, finals) }),
      ...(lines.length > 0 && { [`${name}.jsonl`]: toLines(lines) }),
      ...specsOf(experiment, scale, finals, lines),
    };
    return Object.entries(files).map(([file, content]) => {
      writeAtomic(join(target, file), content);
      return join(target, file);
    });
  });
}

function sorted<T extends { readonly arm: string; readonly seed: number }>(rows: readonly T[]): T[] {
  const { compare } = new Intl.Collator('en', { numeric: true });
  return [...rows].sort((a, b) => compare(a.arm, b.arm) || a.seed - b.seed);
}

/** Vega-lite specs of the figures that kept rows alone make, by file name. */
export function specsOf(
  experiment: string,
  scale: string,
  finals: readonly ResultRow[],
  logged: readonly LoggedRow[],
): Record<string, string> {
  const named = ({ arm, seed, run, values }: ResultRow | LoggedRow): TableRow => ({
    run,
    experiment,
    arm,
    scale,
    seed,
    values,
  });
  const results = finals.map(named);
  const rows = logged.map(named);
  const figures = TOPICS.flatMap((topic) => FIGURES[topic]).flatMap(
    (draw) => draw({ scale, rows, results, curves: [] }) ?? [],
  );
  return Object.fromEntries(
    figures.map(({ id, spec }) => [`${id}.${scale}.vl.json`, `${JSON.stringify(spec, null, 1)}\n`]),
  );
}
