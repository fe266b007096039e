/**
 * Results of training experiments as files to keep: one CSV with a row for each run, and one Markdown table made of it, with intervals and differences
 * paired by seed.
 */
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { tInterval } from '../src/core/stats.js';
import { writeAtomic } from '../src/store/atomic.js';
import { csv, groupBy, readRecords, type TableRow } from './tables.js';
import { formatNumber } from './verdict.js';

const KIND = 'train';
const COLUMNS = [
  'arm',
  'seed',
  'run',
  'parameters',
  'steps',
  'gigaflops',
  'teacherGigaflops',
  'validationAccuracy',
  'testAccuracy',
  'testCrossEntropy',
  'logitDiscrepancy',
] as const;

export interface ResultRow {
  readonly arm: string;
  readonly seed: number;
  readonly run: string;
  /** The other columns; null where an arm has none. */
  readonly values: Readonly<Record<string, number | null>>;
}

/** The arm that an arm is compared with. */
export function baselineOf(experiment: string, arm: string): string {
  if (experiment === 'depth-skip') return arm.replace(/ [^ ]+$/, ' selected-kl');
  if (experiment === 'bert-ablations') return 'own inputs';
  if (experiment === 'bert-supersense' || experiment === 'bert-hypernym') return arm === 'direct' ? 'fresh' : 'direct';
  if (experiment === 'resnet-ablations') return arm.startsWith('few images') ? 'few images: direct' : arm.startsWith('selected') ? 'selected, none' : 'own inputs';
  return 'direct';
}

/** Experiments whose arms are compared by their cross-entropy, lower is better: masked tokens have too many answers for accuracy to say much. */
function isLanguage(experiment: string): boolean {
  return experiment === 'bert-glosses' || experiment === 'bert-ablations';
}

function toResult({ arm, seed, run, values }: TableRow): ResultRow {
  const numbers = COLUMNS.slice(3).map((column) => [column, typeof values[column] === 'number' ? values[column] : null] as const);
  return { arm, seed, run, values: Object.fromEntries(numbers) };
}

export function toCsv(rows: readonly ResultRow[]): string {
  return `${csv(rows.map(({ arm, seed, run, values }) => ({ arm, seed, run, ...values })))}\n`;
}

/** Reads what {@link toCsv} wrote. Throws RangeError on other columns. */
export function fromCsv(text: string): ResultRow[] {
  const [head, ...lines] = text.trimEnd().split('\n');
  if (head !== COLUMNS.join(',')) throw new RangeError(`results: expected the columns ${COLUMNS.join(',')}, got ${head}`);
  return lines.map((line) => {
    const cells = [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map((match) => match[1]?.replaceAll('""', '"') ?? match[2]!);
    const [arm, seed, run, ...numbers] = cells as [string, string, string, ...string[]];
    return { arm, seed: Number(seed), run, values: Object.fromEntries(COLUMNS.slice(3).map((column, i) => [column, numbers[i] === '' ? null : Number(numbers[i])])) };
  });
}

function interval(values: readonly number[], digits: number): string {
  const { mean, low, high, n } = tInterval(values);
  return n > 1 ? `${formatNumber(mean, digits)} [${formatNumber(low, digits)}, ${formatNumber(high, digits)}]` : formatNumber(mean, digits);
}

/** A Markdown table: one row for each arm. */
export function toMarkdown(experiment: string, scale: string, rows: readonly ResultRow[]): string {
  const arms = groupBy(rows, ({ arm }) => arm);
  const language = isLanguage(experiment);
  const metric = language ? 'testCrossEntropy' : 'testAccuracy';
  const digits = language ? 3 : 1;
  const bySeed = (arm: string): Map<number, number> => new Map((arms.get(arm) ?? []).map(({ seed, values }) => [seed, values[metric]!]));
  const lines = [...arms].map(([arm, group]) => {
    const { parameters, steps, gigaflops, teacherGigaflops } = group[0]!.values as Record<string, number>;
    const of = (column: string): number[] => group.flatMap(({ values }) => (values[column] === null || values[column] === undefined ? [] : [values[column]]));
    const baseline = baselineOf(experiment, arm);
    const theirs = bySeed(baseline);
    const differences = arm === baseline ? [] : [...bySeed(arm)].filter(([seed]) => theirs.has(seed)).map(([seed, value]) => value - theirs.get(seed)!);
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

/** Writes the results of every training experiment below `folders`, at every declared scale; returns the files. */
export function writeResults(folders: readonly string[], target: string): string[] {
  const { runs, results } = readRecords(folders);
  const trained = new Set(runs.filter(({ cell }) => cell.kind === KIND && cell.scale !== 'custom').map(({ id }) => id));
  const groups = groupBy(results.filter(({ run }) => trained.has(run)), ({ experiment, scale }) => `${experiment}.${scale}`); // prettier-ignore
  mkdirSync(target, { recursive: true });
  return [...groups].flatMap(([name, rows]) => {
    const { compare } = new Intl.Collator('en', { numeric: true });
    const sorted = rows.map(toResult).sort((a, b) => compare(a.arm, b.arm) || a.seed - b.seed);
    const files = [`${name}.csv`, `${name}.md`].map((file) => join(target, file)) as [string, string];
    writeAtomic(files[0], toCsv(sorted));
    writeAtomic(files[1], toMarkdown(rows[0]!.experiment, rows[0]!.scale, fromCsv(readFileSync(files[0], 'utf8'))));
    return files;
  });
}
